"""NumPy archives: cut faces as one array per shard, labels as arrays beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.export.base import Exporter, Part
from curate.export.encode import decode, encode
from curate.export.lines import records
from curate.export.plain import record_sample
from curate.export.sample import Sample
from curate.export.splits import named
from curate.store.parts import replacing
from schemas import Column, Kind

PICTURES, RECORDS, KEY = "images", "records", "key"
PLAIN = (Kind.NUMBER, Kind.LABEL, Kind.FLAG, Kind.POINTS, Kind.VECTOR)


class Npz(Exporter):
    """`SPLIT-00000.npz` with `images` (n, side, side, 3) uint8 RGB, an array per column, and `records`.

    Numbers are float32 with NaN where nothing is known, points and vectors float32 of (n, ...), labels text with an
    empty text where nothing is known, flags 1, 0 or -1. `records` has every label as one JSON text per face, also of
    columns that have no array. Nothing needs `allow_pickle`.
    """

    name = "npz"
    doc = "NumPy archives of cut faces: pictures, labels and points as arrays."
    opened_by = "numpy.load"
    needs_crop = True
    forms = ("png",)

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Only masks."""
        return {c.name: "JSON holds no bytes" for c in columns if c.kind is Kind.MASK}

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """One archive per part; its pictures are held in memory."""
        given = list(samples)
        arrays: dict[str, Any] = {
            PICTURES: np.stack([decode(s.data) for s in given]) if given else np.empty((0, 0, 0, 3), np.uint8),
            RECORDS: np.array(records(given, part.columns, lambda s: {KEY: s.key}), dtype=str),
        }
        for column in part.columns:
            if column.kind in PLAIN:
                arrays[column.name] = _array(column, [s.faces[0].labels.get(column.name) for s in given])
        path = folder / f"{named(part.split)}-{part.number:05d}.npz"
        with replacing(path) as file:
            np.savez_compressed(file, **arrays)
        yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Archive by archive."""
        for path in sorted(folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as told:
                pictures, lines = told[PICTURES], told[RECORDS]
            for pixels, text in zip(pictures, lines, strict=True):
                record = json.loads(str(text))
                yield record_sample(record, record[KEY], encode(pixels, "png"), ".png")


def _array(column: Column, values: Sequence[Any]) -> Any:
    if column.kind is Kind.LABEL:
        return np.array(["" if v is None else v for v in values], dtype=str)
    if column.kind is Kind.FLAG:
        return np.array([-1 if v is None else int(v) for v in values], np.int8)
    empty = np.full(column.shape, np.nan, np.float32) if column.shape else np.float32(np.nan)
    return np.array([empty if v is None else v for v in values], np.float32)
