"""Lists joined with a dataset's pictures by file name, each row once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from schemas import UsageError


@dataclass(frozen=True)
class Joined:
    """A list joined with pictures.

    Attributes:
        rows: Row of the list and the picture that it names, in the list's order.
        unmatched: Rows whose picture is not here.
        unlisted: Pictures that no row names.
    """

    rows: list[tuple[dict[str, Any], str]]
    unmatched: list[str]
    unlisted: list[str]


def read_rows(path: str | Path, needed: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Rows of a CSV, TSV, JSONL or Parquet file.

    Raises:
        UsageError: if it cannot be read, or a column is missing.
    """
    from curate.measures.run import read_table

    table = read_table(Path(path))
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise UsageError(f"{path} has no column {', '.join(missing)}", f"it has {', '.join(table.column_names)}")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def join(rows: Iterable[Mapping[str, Any]], key: str, pictures: Iterable[str]) -> Joined:
    """Join by a picture's path below its root, or by its file name where that is unique.

    Args:
        rows: Of the list.
        key: Column that names the picture.
        pictures: Paths of the pictures, with forward slashes.

    Raises:
        UsageError: if two rows name one picture.
    """
    known = list(pictures)
    short = Counter(PurePosixPath(p).name for p in known)
    places = {PurePosixPath(p).name: p for p in known if short[PurePosixPath(p).name] == 1} | {p: p for p in known}
    found: list[tuple[dict[str, Any], str]] = []
    unmatched, taken = [], set[str]()
    for row in rows:
        named = str(row[key]).replace("\\", "/").removeprefix("./")
        place = places.get(named) or places.get(PurePosixPath(named).name)
        if place is None:
            unmatched.append(named)
        elif place in taken:
            raise UsageError(f"the list names {place} twice", f"column {key}", "Leave one row per picture")
        else:
            taken.add(place)
            found.append((dict(row), place))
    return Joined(found, unmatched, [p for p in known if p not in taken])
