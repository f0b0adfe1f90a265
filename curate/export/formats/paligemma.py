"""PaliGemma: one line per question, with the picture, a prefix and a suffix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from curate.export.base import Exporter, Part, Plan
from curate.export.formats.llava import LlavaConfig
from curate.export.questions import dialogue, labels_of, same_answer, unasked
from curate.export.sample import FaceItem, Sample
from curate.export.training import Told, finish_listed, read_listed, stored, write_listed
from schemas import Column

SUFFIX = ".jsonl"


class PaliGemma(Exporter):
    """`<split>.jsonl` with `image` (below the export), `prefix` (the question) and `suffix` (the answer).

    A face has as many lines as it has answers, one after the other; without any it has an empty line in `rest/`.
    """

    name = "paligemma"
    doc = "One line per question about a cut face: image, prefix and suffix, as PaliGemma's fine-tuning reads them."
    opened_by = "big_vision's jsonl data source, or the fine-tuning notebooks, with OUT as folder of the pictures"
    needs_crop = True
    config_type = LlavaConfig
    config: LlavaConfig

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """What no question asks for."""
        return unasked(columns)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their lines are kept until `finish`."""

        def tell(sample: Sample, file: str) -> Told:
            said = dialogue(sample.faces[0].labels, part.columns, f"{self.config.seed}:{sample.key}")
            lines = tuple({"image": file, "prefix": q, "suffix": a} for q, a in said or [("", "")])
            return Told(lines, bool(said))

        return write_listed(folder, part, samples, tell)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One file per split."""
        return finish_listed(folder, parts, SUFFIX)

    def read(self, folder: Path) -> Iterator[Sample]:
        """Picture by picture; the labels are what the suffixes say."""
        lines = read_listed(folder, SUFFIX)
        for (split, complete, file), rows in groupby(lines, lambda x: (x[0], x[1], x[2]["image"])):
            said = [(row["prefix"], row["suffix"]) for _, _, row in rows]
            face = FaceItem(labels=labels_of(said) if complete else {})
            yield stored(folder, file, split, face)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """As closely as the words say it."""
        return same_answer(column, given, found)
