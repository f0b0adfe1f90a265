"""FER2013: one CSV with the pixels in it."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.export.base import Exporter, Part, Plan
from curate.export.codes import Codes, code_of, first_of, lost_on
from curate.export.pieces import kept
from curate.export.sample import Sample
from curate.export.small_gray import grey, usage
from curate.export.ties import csv_line, no_place, ties, write_lines, write_listed
from schemas import Column, labels

HEAD = "emotion,pixels,Usage"
LABELLED, UNLABELLED = "fer2013.csv", "fer2013_unlabelled.csv"
WAYS = (Codes(labels.PERCEIVED_EMOTION, "fer2013"), Codes(labels.EMOTION8, "fer2013", ("emotion-7",)))


class Fer2013Csv(Exporter):
    """`fer2013.csv`; faces without an emotion stand in a file of their own with an empty field."""

    name = "fer2013_csv"
    doc = "fer2013.csv: emotion 0-6, 48 x 48 grey pixels as text, Usage."
    opened_by = "pandas.read_csv and loaders of FER2013 that do not insist on the original's checksum"
    needs_crop = True

    _splits: tuple[str, ...] = ()

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but the emotion. Pictures become small and grey, so their pixels are not compared either."""
        way = first_of(columns, WAYS)
        held = [way.column] if way else []
        return no_place(columns, held, "fer2013.csv") | lost_on(columns, way, "FER2013")

    def begin(self, folder: Path, plan: Plan) -> None:
        """Note the splits: where there are none, all is for training."""
        self._splits = plan.splits

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Nothing but the tie table; lines are kept until `finish`."""
        return write_listed(folder, part, samples, _list, self._record, None)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """Both files, in the order of the export."""
        for name, labelled in ((LABELLED, True), (UNLABELLED, False)):
            rows = (row for row in kept(folder, parts) if (row[0] is not None) == labelled)
            yield write_lines(folder / name, itertools.chain([f"{HEAD}\n"], map(csv_line, rows)))

    def read(self, folder: Path) -> Iterator[Sample]:
        """Line by line, both files in the order of the export."""
        lines = {name: _rows(folder / name) for name in (LABELLED, UNLABELLED)}
        for tie in sorted(ties(folder), key=lambda tie: tie.number):
            code = next(lines[tie.file])[0]
            values = {way.column.name: way.from_code(int(code)) if code else None for way in WAYS}
            yield tie.sample(folder, values, picture=False)

    def _record(self, sample: Sample, file: str) -> list[Any]:
        pixels = " ".join(map(str, grey(sample).ravel().tolist()))
        return [code_of(sample.faces[0], WAYS), pixels, usage(sample.split, self._splits)]


def _list(sample: Sample) -> str:
    return UNLABELLED if code_of(sample.faces[0], WAYS) is None else LABELLED


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="ascii", newline="") as file:
        yield from itertools.islice(csv.reader(file), 1, None)
