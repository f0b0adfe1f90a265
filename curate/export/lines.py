"""Samples of one face as JSON texts, many at a time: the same values as `plain.sample_record` gives, much faster.

Numbers are written as the shortest decimals that are the same in single precision, by Arrow for whole arrays at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.export.plain import BOX, FACTS, NUMBER, sample_facts, to_plain
from curate.export.sample import Sample
from schemas import Column, Kind
from schemas.columns import faces, images

BATCH = 100
"""Samples whose texts are made at once: their pictures are in memory."""
Texts = list[str | None]
Head = Callable[[Sample], dict[str, Any]]


def with_records(
    samples: Iterable[Sample], columns: Sequence[Column], head: Head | None = None
) -> Iterator[tuple[Sample, str]]:
    """Samples, each with the JSON text of its record; at most `BATCH` of them are held.

    Args:
        samples: Samples of one face.
        columns: Label columns of the records.
        head: Keys that come before all others, from a sample.
    """
    stream = iter(samples)
    while batch := list(islice(stream, BATCH)):
        yield from zip(batch, records(batch, columns, head), strict=True)


def records(samples: Sequence[Sample], columns: Sequence[Column], head: Head | None = None) -> list[str]:
    """JSON texts of the samples' `sample_record`s; arguments as `with_records`."""
    boxes = numbers([s.faces[0].box for s in samples], (4,))
    told = [(json.dumps(c.name), values(c, [s.faces[0].labels.get(c.name) for s in samples])) for c in columns]
    found = []
    for i, (sample, box) in enumerate(zip(samples, boxes, strict=True)):
        first = (head(sample) if head else {}) | {NUMBER: sample.number, images.SPLIT.name: sample.split or None,
                                                  faces.FACE_ID.name: sample.faces[0].face_id}  # fmt: skip
        parts = [f"{_text(first)[:-1]}, {json.dumps(BOX)}: {box or 'null'}"]
        parts += [f"{name}: {texts[i]}" for name, texts in told if texts[i] is not None]
        parts.append(f"{json.dumps(FACTS)}: {_text(sample_facts(sample))}}}")
        found.append(", ".join(parts))
    return found


def values(column: Column, given: Sequence[Any]) -> Texts:
    """JSON texts of a column's values; None where a value is null."""
    if column.kind in (Kind.POINTS, Kind.VECTOR) and column.shape:
        return numbers(given, column.shape)
    if column.kind is Kind.SCORES:
        names = [f.name for f in column.type]
        rows = [None if v is None else [v.get(n) for n in names] for v in given]
        return _filled(rows, _object_template(tuple(names)), len(names))
    if column.kind is Kind.NUMBER and pa.types.is_float32(column.type):
        return _filled([None if v is None else [v] for v in given], "%s", 1)
    return [None if v is None else _text(to_plain(v)) for v in given]


def numbers(given: Sequence[Any], shape: tuple[int, ...]) -> Texts:
    """JSON texts of arrays of one shape, NaN as null."""
    return _filled(given, _list_template(shape), int(np.prod(shape)))


_text = json.JSONEncoder(ensure_ascii=False).encode
"""`json.dumps` makes an encoder anew for every call that keeps letters as they are."""


@lru_cache(maxsize=64)
def _list_template(shape: tuple[int, ...]) -> str:
    inner = _list_template(shape[1:]) if len(shape) > 1 else "%s"
    return f"[{', '.join([inner] * shape[0])}]"


@lru_cache(maxsize=64)
def _object_template(names: tuple[str, ...]) -> str:
    return "{" + ", ".join(f"{_text(n)}: ".replace("%", "%%") + "%s" for n in names) + "}"


def _filled(given: Sequence[Any], template: str, size: int) -> Texts:
    """A template filled with the numbers of each row; None where there is none."""
    rows = [v for v in given if v is not None]
    if not rows:
        return [None] * len(given)
    flat = np.array(rows, np.float32).reshape(len(rows), size)
    told = decimals(flat.ravel())
    filled = iter(template % tuple(told[i : i + size]) for i in range(0, len(told), size))
    return [None if v is None else next(filled) for v in given]


def decimals(flat: NDArray[np.float32]) -> list[str]:
    """Shortest decimals of single-precision numbers as JSON has them: `0.1`, `1.0`, `1e-7`, and null for NaN."""
    told: list[str] = pc.cast(pa.array(flat), pa.string()).to_pylist()
    known = np.isfinite(flat)
    for i in np.flatnonzero(~known | (flat == np.trunc(flat))).tolist():  # whole numbers come as 1, which is no float
        if not known[i]:
            told[i] = "null"
        elif "e" not in told[i]:
            told[i] += ".0"
    return told
