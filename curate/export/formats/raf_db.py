"""RAF-DB: aligned pictures named by split and number, and one list of their basic emotions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from curate.export.base import Exporter, Part, Plan
from curate.export.codes import Codes, code_of, first_of, lost_on
from curate.export.pieces import kept
from curate.export.sample import Sample
from curate.export.splits import shown
from curate.export.ties import no_place, ties, write_lines, write_listed
from schemas import Column, labels

LIST = "EmoLabel/list_patition_label.txt"
"""RAF-DB spells it so."""
PICTURES = "Image/aligned"
ALIGNED = "_aligned"
WAYS = (Codes(labels.PERCEIVED_EMOTION, "raf-db"), Codes(labels.EMOTION8, "raf-db", ("emotion-7",)))


class RafDb(Exporter):
    """`train_00001.jpg 5` for the picture `train_00001_aligned.jpg`; faces without an emotion are not in the list."""

    name = "raf_db"
    doc = "RAF-DB's folder Image/aligned and list_patition_label.txt, emotions 1-7."
    opened_by = "loaders of RAF-DB"
    needs_crop = True
    forms = ("jpeg",)

    _splits: tuple[str, ...] = ()

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but the emotion."""
        way = first_of(columns, WAYS)
        return no_place(columns, [way.column] if way else [], "RAF-DB's list") | lost_on(columns, way, "RAF-DB")

    def begin(self, folder: Path, plan: Plan) -> None:
        """Note the splits: where there are none, all is for training."""
        self._splits = plan.splits

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their lines are kept until `finish`."""
        return write_listed(folder, part, samples, self._place, _record)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """The list of all splits."""
        yield write_lines(folder / LIST, (f"{name} {code}\n" for name, code in kept(folder, parts)))

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the list."""
        lines = (line.split() for line in (folder / LIST).read_text("ascii").splitlines())
        codes = {name: int(code) for name, code in lines}
        for tie in ties(folder):
            code = codes.get(_name(tie.file))
            values: dict[str, Any] = {w.column.name: None if code is None else w.from_code(code) for w in WAYS}
            yield tie.sample(folder, values)

    def _place(self, sample: Sample) -> str:
        split = shown(sample.split, self._splits)
        return f"{PICTURES}/{split}_{sample.number + 1:05d}{ALIGNED}{sample.suffix}"


def _name(file: str) -> str:
    """The name in the list: that of the picture before it was aligned."""
    return PurePosixPath(file).name.replace(ALIGNED, "")


def _record(sample: Sample, file: str) -> list[Any] | None:
    code = code_of(sample.faces[0], WAYS)
    return None if code is None else [_name(file), code]
