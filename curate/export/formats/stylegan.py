"""StyleGAN: numbered PNGs and a dataset.json with one class per picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan
from curate.export.pieces import kept
from curate.export.sample import Sample
from curate.export.splits import named
from curate.export.ties import no_place, ties, write_lines, write_listed
from schemas import Column, Kind, UsageError, column, labels, taxonomy

INDEX = "dataset.json"
PER_FOLDER = 1000
UNKNOWN = "unknown"
"""The last class, of pictures without a label: training wants a class for every picture or for none."""


@dataclass(frozen=True)
class StyleGanConfig(Config):
    """Settings of the StyleGAN format.

    Attributes:
        label: Label column whose classes the training is conditioned on; empty for none.
    """

    label: str = labels.PERCEIVED_EMOTION.name


class StyleGan(Exporter):
    """A data set per split; training wants crops whose side is a power of two, such as `--crop ffhq --size 256`."""

    name = "stylegan"
    doc = "StyleGAN2/3's 00000/img00000000.png and dataset.json, labels by their number in `classes`."
    opened_by = "stylegan2-ada-pytorch and stylegan3: train.py --data, --cond"
    needs_crop = True
    forms = ("png",)
    config_type = StyleGanConfig
    config: StyleGanConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """The column must have a closed set of labels."""
        assert isinstance(config, StyleGanConfig)
        known = not config.label or (column(config.label).kind is Kind.LABEL and column(config.label).taxonomy)
        if not known:
            raise UsageError(f"'{config.label}' has no classes", fix="Name a label column, such as perceived_emotion")

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but the one column of classes."""
        return no_place(columns, [column(self.config.label)] if self.config.label else [], "dataset.json")

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their classes are kept until `finish`."""
        return write_listed(folder, part, samples, _place, self._record)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One `dataset.json` per split."""
        held = self.config.label in {c.name for c in plan.columns}
        for split in dict.fromkeys(p.split for p in parts):
            yield write_lines(folder / named(split) / INDEX, self._index(kept(folder, parts, split), held))

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the indices."""
        found: dict[str, str | None] = {}
        for path in folder.glob(f"*/{INDEX}"):
            told = json.loads(path.read_text("ascii"))
            classes = [None if name == UNKNOWN else name for name in told["classes"]]
            found |= {f"{path.parent.name}/{file}": classes[number] for file, number in told["labels"] or ()}
        for tie in ties(folder):
            yield tie.sample(folder, {self.config.label: found.get(tie.file)})

    def _record(self, sample: Sample, file: str) -> list[str | int]:
        value = sample.faces[0].labels.get(self.config.label)
        classes = self._classes()
        return [file.partition("/")[2], classes.index(UNKNOWN if value is None else value)]

    def _classes(self) -> list[str]:
        own = taxonomy(column(self.config.label).taxonomy).labels if self.config.label else ()
        return [*own, UNKNOWN]

    def _index(self, records: Iterable[list[str | int]], held: bool) -> Iterator[str]:
        """The index, one picture a line; `classes` names the numbers, and training code passes over it."""
        yield f'{{"classes": {json.dumps(self._classes() if held else [])}, "labels": '
        if not held:
            yield "null}\n"
            return
        lead = "[\n"
        for record in records:
            yield lead + json.dumps(record)
            lead = ",\n"
        yield "\n]}\n"


def _place(sample: Sample) -> str:
    split = named(sample.split)
    return f"{split}/{sample.number // PER_FOLDER:05d}/img{sample.number:08d}{sample.suffix}"
