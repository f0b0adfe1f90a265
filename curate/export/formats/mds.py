"""MosaicML MDS: shards of samples with typed columns, and an index.json per split, for `streaming`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan
from curate.export.encode import picture_size, suffix_of
from curate.export.lines import BATCH, values
from curate.export.mds import BYTES, FLOAT32, INT, JSON, LIMIT, STR, Layout, ndarray, samples
from curate.export.pieces import keep, kept
from curate.export.plain import columns_of, from_plain, sample_facts
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.store.parts import read_json, replacing, write_json
from schemas import Column, Kind, UnknownNameError
from schemas.columns import faces

INDEX = "index.json"
IMAGE, KEY, NUMBER, BOX, FACTS = "image", "key", "number", "box", "facts"
PICTURES = ("bytes", "jpeg", "png")


@dataclass(frozen=True)
class MdsConfig(Config):
    """Settings of the MDS format.

    Attributes:
        image: Encoding of the pictures: `bytes` keeps each as it is; `jpeg` and `png`, which `streaming` decodes to
            PIL pictures, hold that form alone, so that others are encoded anew.
        shard_bytes: A shard is closed before it grows larger than this.
    """

    image: str = "bytes"
    shard_bytes: int = 1 << 28


class Mds(Exporter):
    """`SPLIT/shard.00000.mds` and `SPLIT/index.json`; samples without a split are in `unassigned`.

    Columns: `image`, `key`, `number`, `face_id`, `box` (left, top, width, height in pixels), `facts`, and one per
    label: numbers are float32 and points and vectors float32 arrays of one shape, with NaN where nothing is known;
    labels are text, empty where nothing is known; everything else is JSON with null. A part is one shard; a part that
    is too large goes on in `shard.00000.1.mds`.
    """

    name = "mds"
    doc = "MosaicML's MDS shards with a typed column per label, for streaming training."
    opened_by = "streaming.StreamingDataset(local=FOLDER, split='train')"
    config_type = MdsConfig
    config: MdsConfig

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        if self.config.image != BYTES:
            self.forms = (self.config.image,)  # type: ignore[misc]

    @classmethod
    def preflight(cls, config: Config) -> None:
        """The encoding must be one that `streaming` knows."""
        assert isinstance(config, MdsConfig)
        if config.image not in PICTURES:
            raise UnknownNameError("encoding of pictures", config.image, PICTURES)

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Only masks, which JSON has no bytes for."""
        return {c.name: "JSON holds no bytes" for c in columns if c.kind is Kind.MASK}

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """One shard, more where it would grow too large."""
        layout = self.layout(part.columns)
        shards = list[dict[str, Any]]()
        for number, rows in enumerate(self._cut(layout, samples, part.columns)):
            more = f".{number}" if number else ""
            path = folder / named(part.split) / f"shard.{part.number:05d}{more}.mds"
            with replacing(path) as file:
                file.writelines(layout.shard(rows))
            shards.append(layout.entry(path.name, path.stat().st_size, len(rows)))
            yield path
        keep(folder, part, shards)

    def layout(self, columns: Sequence[Column]) -> Layout:
        """Names and encodings of an export's columns."""
        own = {IMAGE: self.config.image, KEY: STR, NUMBER: INT, faces.FACE_ID.name: STR, BOX: ndarray([4]), FACTS: JSON}
        return Layout(own | {c.name: encoding(c) for c in columns})

    def _cut(self, layout: Layout, given: Iterable[Sample], columns: Sequence[Column]) -> Iterator[list[bytes]]:
        most, rows, size = min(self.config.shard_bytes, LIMIT), list[bytes](), 0
        for row in map(layout.encode, stored_rows(given, columns)):
            if rows and layout.overhead(len(rows) + 1) + size + len(row) > most:
                yield rows
                rows, size = [], 0
            rows.append(row)
            size += len(row)
        if rows:
            yield rows

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One `index.json` per split."""
        for split in plan.splits:
            path = folder / named(split) / INDEX
            write_json(path, {"version": 2, "shards": list(kept(folder, parts, split))})
            yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Shard by shard, each held in memory."""
        for path in sorted(folder.glob(f"*/{INDEX}")):
            for shard in read_json(path)["shards"]:
                layout = Layout(dict(zip(shard["column_names"], shard["column_encodings"], strict=True)))
                data = (path.parent / shard["raw_data"]["basename"]).read_bytes()
                for row in samples(data):
                    yield _sample(layout.decode(row), split_of(path.parent.name))

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """What is not a number is not known."""
        return super().same(column, _known(given), _known(found))


def encoding(column: Column) -> str:
    """How a label column is stored."""
    if column.kind in (Kind.POINTS, Kind.VECTOR) and column.shape:
        return ndarray(column.shape)
    if column.kind is Kind.NUMBER and pa.types.is_float32(column.type):
        return FLOAT32
    if pa.types.is_fixed_size_binary(column.type):
        return BYTES
    return STR if column.kind is Kind.LABEL else JSON


def stored_rows(given: Iterable[Sample], columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    """Columns of each sample, those of JSON as texts that are made for many samples at once."""
    stream, unknown = iter(given), [math.nan] * 4
    while batch := list(islice(stream, BATCH)):
        told = {c.name: _stored(c, [s.faces[0].labels.get(c.name) for s in batch]) for c in columns}
        for i, sample in enumerate(batch):
            face, facts = sample.faces[0], json.dumps(sample_facts(sample))
            yield {IMAGE: sample.data, KEY: sample.key, NUMBER: sample.number, faces.FACE_ID.name: face.face_id,
                   BOX: unknown if face.box is None else face.box, FACTS: facts,
                   **{name: found[i] for name, found in told.items()}}  # fmt: skip


def _stored(column: Column, given: Sequence[Any]) -> Sequence[Any]:
    """Values as their encoding takes them."""
    how = encoding(column)
    if how == JSON:
        return [text or "null" for text in values(column, given)]
    absent: Any = np.full(column.shape, np.nan, np.float32)
    absent = {FLOAT32: math.nan, BYTES: b"", STR: ""}.get(how, absent)
    return [absent if value is None else value for value in given]


def _known(value: Any) -> Any:
    """None for what is no number throughout."""
    number = isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")
    return None if number and np.isnan(value).all() else value


def _sample(found: Mapping[str, Any], split: str) -> Sample:
    data = found[IMAGE]
    labels = {c.name: _label(c, found[c.name]) for c in columns_of(list(found)) if c != faces.FACE_ID}
    box = tuple(found[BOX].tolist())
    face = FaceItem(found[faces.FACE_ID.name], None if math.isnan(box[0]) else box, labels)
    return Sample(found[KEY], found[NUMBER], split, data, suffix_of(data), *picture_size(data), (face,), found[FACTS])


def _label(column: Column, value: Any) -> Any:
    how = encoding(column)
    if how in (STR, BYTES):
        return value or None
    return from_plain(column, value) if how == JSON else value
