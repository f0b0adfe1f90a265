"""LFW: a folder per person, and lists of people and of pairs for verification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan
from curate.export.persons import (
    UNIDENTIFIED,
    FolderCount,
    folder_name,
    person,
    read_people,
    write_people,
)
from curate.export.pieces import kept
from curate.export.sample import Sample
from curate.export.splits import named
from curate.export.ties import no_place, ties, write_lines, write_listed
from curate.export.verification_pairs import Shot, folds, pairs_text
from schemas import Column, UsageError, labels

PICTURES, PAIRS, NAMES = "lfw", "pairs.txt", "lfw-names.txt"


@dataclass(frozen=True)
class LfwConfig(Config):
    """Settings of the LFW format.

    Attributes:
        folds: Folds of pairs in each split.
        pairs: Matches per fold, and as many mismatches.
        seed: Of the draw.
    """

    folds: int = 10
    pairs: int = 300
    seed: int = 0


class Lfw(Exporter):
    """Per split `lfw/NAME/NAME_0001.jpg`, `lfw-names.txt` and `pairs.txt`; faces without identity lie apart."""

    name = "lfw"
    doc = "LFW's folders NAME/NAME_0001.jpg with lfw-names.txt and pairs.txt, per split."
    opened_by = "loaders of LFW, such as scikit-learn's and InsightFace's"
    needs_crop = True
    forms = ("jpeg",)
    config_type = LfwConfig
    config: LfwConfig

    def __init__(self, config: LfwConfig | None = None) -> None:
        super().__init__(config)
        self._count = FolderCount()

    @classmethod
    def preflight(cls, config: Config) -> None:
        """At least one fold and one pair."""
        assert isinstance(config, LfwConfig)
        if config.folds < 1 or config.pairs < 1:
            raise UsageError(f"{config.folds} folds of {config.pairs} pairs", "both must be 1 or more")

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but identity."""
        return no_place(columns, [labels.IDENTITY_ID], "LFW")

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Who they are, and which are copies of one photo: those make no pair."""
        return (labels.IDENTITY_ID, labels.DUPLICATE_GROUP)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures, numbered within each person's folder; what pairs need is kept until `finish`."""
        with self._count.part(folder, part):
            yield from write_listed(folder, part, samples, self._place, _record)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """Names and pairs of each split; no pair leaves its split."""
        everyone: dict[str, None] = {}
        for split in dict.fromkeys(p.split for p in parts):
            people: dict[str, list[Shot]] = {}
            for who, number, group in kept(folder, parts, split):
                everyone[who] = None
                people.setdefault(folder_name(who), []).append(Shot(number, group))
            place = folder / named(split)
            yield write_lines(place / NAMES, (f"{name}\t{len(shots)}\n" for name, shots in sorted(people.items())))
            drawn = folds(people, self.config.folds, self.config.pairs, self.config.seed)
            yield write_lines(place / PAIRS, pairs_text(drawn))
        yield write_people(folder, everyone)

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the folders."""
        people = read_people(folder)
        for tie in ties(folder):
            who = people.get(PurePosixPath(tie.file).parent.name)
            yield tie.sample(folder, {labels.IDENTITY_ID.name: who})

    def _place(self, sample: Sample) -> str:
        who, split = person(sample), named(sample.split)
        if who is None:
            return f"{split}/{UNIDENTIFIED}/{sample.file}"
        name = folder_name(who)
        place = f"{split}/{PICTURES}/{name}"
        return f"{place}/{name}_{self._count.number(place):04d}{sample.suffix}"


def _record(sample: Sample, file: str) -> list[Any] | None:
    who = person(sample)
    if who is None:
        return None
    number = int(PurePosixPath(file).stem.rpartition("_")[2])
    return [who, number, sample.faces[0].labels.get(labels.DUPLICATE_GROUP.name) or ""]
