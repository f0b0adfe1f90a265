"""FERPlus: ten votes per picture, and FER2013's small grey pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan, equal
from curate.export.codes import Codes, first_of
from curate.export.encode import encode
from curate.export.pieces import kept
from curate.export.sample import FaceItem, Sample
from curate.export.small_gray import grey, usage
from curate.export.splits import shown
from curate.export.ties import csv_line, no_place, read_csv, ties, write_lines, write_listed
from schemas import Column, UsageError, labels
from schemas.coding import coding

LIST = "fer2013new.csv"
ORDER = coding("ferplus").order
HEAD = ("Usage", "Image name", *(coding("ferplus").spell(label) for label in ORDER))
FOLDERS = {"train": "FER2013Train", "validation": "FER2013Valid", "test": "FER2013Test"}
UNSURE = "unknown"
"""FERPlus's vote of those who could not tell; here also what no class has."""
WAYS = (
    Codes(labels.EMOTION8_PROB, "ferplus"),
    Codes(labels.EMOTION_PROB, "ferplus", ("emotion-8",)),
)


@dataclass(frozen=True)
class FerPlusConfig(Config):
    """Settings of the FERPlus format.

    Attributes:
        votes: Votes that a picture's probabilities become; FERPlus has ten.
    """

    votes: int = 10


class FerPlus(Exporter):
    """Probabilities as whole votes (largest remainders); what is missing to 1 votes `unknown`."""

    name = "ferplus"
    doc = "FERPlus's fer2013new.csv, probabilities as ten votes, and folders of 48 x 48 grey PNGs."
    opened_by = "loaders of FERPlus"
    needs_crop = True
    config_type = FerPlusConfig
    config: FerPlusConfig

    _splits: tuple[str, ...] = ()

    @classmethod
    def preflight(cls, config: Config) -> None:
        """At least one vote."""
        assert isinstance(config, FerPlusConfig)
        if config.votes < 1:
            raise UsageError(f"{config.votes} votes", "there must be 1 or more")

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but one column of probabilities. Pictures become small and grey, so they are not compared."""
        way = first_of(columns, WAYS)
        return no_place(columns, [way.column] if way else [], LIST)

    def begin(self, folder: Path, plan: Plan) -> None:
        """Note the splits: where there are none, all is for training."""
        self._splits = plan.splits

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their votes are kept until `finish`."""
        return write_listed(folder, part, samples, self._place, self._record, _small)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """The list of all splits."""
        yield write_lines(folder / LIST, _with_head(kept(folder, parts)))

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the list."""
        rows = {row[HEAD[1]]: row for row in read_csv(folder / LIST)}
        for tie in ties(folder):
            row = rows[PurePosixPath(tie.file).name]
            votes = {label: int(row[coding("ferplus").spell(label)]) for label in ORDER}
            total = sum(votes.values())
            shares = None if votes[UNSURE] == total else {label: n / total for label, n in votes.items()}
            yield tie.sample(folder, {way.column.name: shares for way in WAYS}, picture=False)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Each probability to within one vote; a class without a probability has no vote."""
        if given is None or found is None:
            return equal(column, given, found) or votes_of(given, self.config.votes)[UNSURE] == self.config.votes
        return all(abs((given.get(n) or 0.0) - found[n]) <= 1 / self.config.votes + 1e-6 for n in given)

    def _place(self, sample: Sample) -> str:
        split = shown(sample.split, self._splits)
        return f"{FOLDERS.get(split, f'FER2013_{split}')}/fer{sample.number:07d}.png"

    def _record(self, sample: Sample, file: str) -> list[Any]:
        votes = votes_of(_scores(sample.faces[0]), self.config.votes)
        return [usage(sample.split, self._splits), PurePosixPath(file).name, *(votes[label] for label in ORDER)]


def votes_of(scores: Mapping[str, float | None] | None, votes: int) -> dict[str, int]:
    """Whole votes whose shares are nearest to the scores; they add up to `votes`.

    Args:
        scores: Label of FERPlus -> probability; null is 0, and all null or no scores are all `unknown`.
        votes: How many there are.
    """
    shares = np.array([(scores or {}).get(label) or 0.0 for label in ORDER])
    at = ORDER.index(UNSURE)
    shares[at] += max(0.0, 1.0 - float(shares.sum()))
    shares *= votes / shares.sum()
    whole = np.floor(shares + 1e-6).astype(int)
    rest = shares - whole
    whole[np.argsort(-rest, kind="stable")[: votes - int(whole.sum())]] += 1
    return {label: int(n) for label, n in zip(ORDER, whole, strict=True)}


def _scores(face: FaceItem) -> dict[str, float | None] | None:
    way = next((way for way in WAYS if face.labels.get(way.column.name) is not None), None)
    if way is None:
        return None
    return {way.ways[name][0] or UNSURE: value for name, value in face.labels[way.column.name].items()}


def _small(sample: Sample) -> bytes:
    return encode(np.repeat(grey(sample)[..., None], 3, 2), "png")


def _with_head(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield csv_line(HEAD)
    yield from map(csv_line, rows)
