"""What an importer is: a reader of one published layout that gives a record per labelled face."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from schemas import Column, UsageError
from schemas.mapping import mapping

Box = tuple[float, float, float, float]
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
"""Endings by which importers look for pictures; lists may name any file."""
RESEARCH = "research only, see the dataset's terms"


@dataclass(frozen=True)
class Record:
    """What a source says of one face, or of one picture without a face.

    Attributes:
        path: The picture, or the Parquet file that holds it.
        labels: Column name -> value in this project's vocabularies; unknown values are absent.
        box: x, y, width, height in pixels of the picture, or as shares of its sides where `relative`.
        points: Points of `layout`, shape (n, 2), in the same unit as the box.
        layout: Name of the points' layout.
        relative: Whether box and points are shares of the picture's width and height.
        split: The source's part: train, validation, test, ... or None.
        extra: What has no column; kept in the picture's `extra`.
        member: Row of the Parquet file.
        face: False for a picture that the source lists without a face.
    """

    path: Path
    labels: Mapping[str, Any] = field(default_factory=dict)
    box: Box | None = None
    points: NDArray[np.float32] | None = None
    layout: str = ""
    relative: bool = False
    split: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    member: int | None = None
    face: bool = True


@dataclass
class Found:
    """Everything that an importer read.

    Attributes:
        records: In the order of the source.
        left_out: Reason -> how many labels or lines could not be taken over.
    """

    records: list[Record] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all label columns that any record fills, sorted."""
        return tuple(sorted({name for record in self.records for name in record.labels}))


class Importer(ABC):
    """Reads one published layout.

    Attributes:
        name: Name on the command line.
        doc: One sentence.
        files: The files it expects, for people.
        licence: The dataset's terms; the pictures get them where the user names no others.
        labelled_by: Who made the labels.
        crops: Whether each picture is cut around the one face that its labels speak of.
    """

    name: ClassVar[str]
    doc: ClassVar[str]
    files: ClassVar[str]
    licence: ClassVar[str] = RESEARCH
    labelled_by: ClassVar[str]
    crops: ClassVar[bool] = True

    @abstractmethod
    def read(self, folder: Path, found: Found) -> None:
        """Read a source into `found`; what cannot be taken over is counted there with its reason.

        Raises:
            UsageError: naming the file that is missing or not understood.
        """


def read_source(importer: Importer, folder: str | Path) -> Found:
    """Everything in a source.

    Raises:
        UsageError: if the folder or a file is missing or not understood, or nothing is in it.
    """
    folder = Path(folder).absolute()
    if not folder.exists():
        raise UsageError(f"no such file or folder: '{folder}'")
    found = Found()
    try:
        importer.read(folder, found)
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read '{folder}' as {importer.name}", str(error)) from error
    if not found.records:
        told = "; ".join(f"{reason} ({n:,})" for reason, n in found.left_out.items()) or "nothing is listed there"
        raise UsageError(f"no labelled pictures in '{folder}'", told, f"Expected: {importer.files}")
    return found


def need(folder: Path, *names: str, what: str) -> Path:
    """The first of some files or folders that exists.

    Args:
        folder: The source.
        names: Places below it, the usual one first.
        what: What it holds, for the error.

    Raises:
        UsageError: if none does; names the usual place.
    """
    place = maybe(folder, *names)
    if place is None:
        others = f"; looked for {', '.join(names[1:])} too" if len(names) > 1 else ""
        raise UsageError(f"'{folder / names[0]}' is missing", f"it holds {what}{others}")
    return place


def maybe(folder: Path, *names: str) -> Path | None:
    """The first of some files or folders that exists, or None."""
    return next((folder / name for name in names if (folder / name).exists()), None)


def pictures_below(folder: Path) -> list[Path]:
    """All pictures below a folder by their endings, sorted."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES and not p.name.startswith("."))


def table(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Rows of a CSV with a header.

    Raises:
        UsageError: if a column is missing or a row has another number of cells.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            listing = ", ".join(reader.fieldnames or ()) or "(none)"
            raise UsageError(f"'{path}' has no column {', '.join(missing)}", f"its columns are: {listing}")
        for row in reader:
            if None in row or None in row.values():
                raise UsageError(f"'{path}' line {reader.line_num} does not have as many cells as the header")
            yield row


def lines(path: Path, cells: int | None = None, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells of a text of cells between blanks; empty lines are passed over.

    Args:
        path: The file.
        cells: How many cells every line has; None is any number.
        skip: Lines of the head.

    Raises:
        UsageError: if a line has another number of cells.
    """
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            fields = line.split()
            if number <= skip or not fields:
                continue
            if cells is not None and len(fields) != cells:
                raise UsageError(f"'{path}' line {number} has {len(fields)} cells", f"expected {cells}")
            yield number, fields


def numbers(values: Iterable[str], where: str) -> list[float]:
    """Finite numbers from their texts.

    Raises:
        UsageError: if one is none.
    """
    try:
        read = [float(value) for value in values]
    except ValueError as error:
        raise UsageError(f"{where}: a number is expected", str(error)) from None
    if not np.isfinite(read).all():
        raise UsageError(f"{where}: a number is not finite")
    return read


def carried(values: dict[str, Any], column: Column, label: str, source: str, found: Found | None) -> None:
    """Put a label into a column by way of the typed map from its vocabulary; count it where there is no way.

    Args:
        values: Labels of the record.
        column: A label column.
        label: Label of `source`.
        source: Name of the label's taxonomy.
        found: Where labels without a counterpart are counted; None where another column holds them.
    """
    target = label if source == column.taxonomy else mapping(source, column.taxonomy).map_label(label)
    if target is not None:
        values[column.name] = target
    elif found is not None:
        found.left_out[f"'{label}' of {source} has no place in {column.name}"] += 1
