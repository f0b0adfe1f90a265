"""Bare loops: the same pictures and labels given to each format's own writer, with nothing around it.

Labels lie ready in memory as plain values; pictures are read from where the product reads them. Nothing is looked up,
hashed, stripped, checked or synced.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.export import arrow
from curate.export.features import features_of
from curate.export.formats import coco, yolo
from curate.export.lines import BATCH
from curate.export.plain import sample_record
from curate.export.sample import Sample
from curate.ingest import SourceReader
from schemas import Column
from schemas.columns import labels


@dataclass(frozen=True)
class Item:
    """A sample whose picture is still to be read.

    Attributes:
        uri: The picture's file.
        member: Its row in a container.
        sample: Its labels; without bytes.
        values: What the format's writer is given for them.
    """

    uri: str
    member: int | None
    sample: Sample
    values: Any


def row(sample: Sample, columns: Sequence[Column]) -> dict[str, Any]:
    """A row for Arrow: lists and numbers."""
    found = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in arrow.row(sample, columns).items()}
    return {k: v for k, v in found.items() if k != arrow.IMAGE}


def features(sample: Sample, columns: Sequence[Column]) -> dict[str, Any]:
    """Values and kinds as the package `tfrecord` takes them."""
    kinds = {"bytes": "byte", "float": "float", "int64": "int"}
    found = [f for c in columns for f in features_of(c, sample.faces[0].labels.get(c.name))]
    return {name: (values, kinds[kind]) for name, (kind, values) in found}


def picture(sample: Sample, columns: Sequence[Column]) -> Any:
    """COCO's annotations of a picture."""
    return [coco.annotation(face, columns) for face in sample.faces]


def caption(sample: Sample, columns: Sequence[Column]) -> Any:
    """The caption alone; None where there is none."""
    return sample.faces[0].labels.get(labels.CAPTION.name)


def boxes(sample: Sample, columns: Sequence[Column]) -> Any:
    """YOLO's lines of a picture."""
    return [yolo.clipped(face.box, sample) for face in sample.faces if face.box is not None]


VALUES: Mapping[str, Callable[[Sample, Sequence[Column]], Any]] = {
    "coco": picture, "imagefolder": sample_record, "kohya": caption, "lance": row, "litdata": sample_record,
    "parquet": row, "tfrecord": features, "webdataset": sample_record, "yolo": boxes,
}  # fmt: skip
"""What each writer is given, made before the clock runs."""


def read(items: Sequence[Item]) -> Iterator[tuple[Item, bytes]]:
    """Items with their pictures' bytes."""
    with SourceReader() as reader:
        for item in items:
            yield item, reader.read(item.uri, item.member)


def write_webdataset(items: Sequence[Item], folder: Path, columns: Sequence[Column]) -> None:
    """`webdataset.TarWriter`."""
    writer = importlib.import_module("webdataset").TarWriter(str(folder / "train-000000.tar"))
    for item, data in read(items):
        writer.write({"__key__": item.sample.key, "jpg": data, "json": item.values})
    writer.close()


def write_litdata(items: Sequence[Item], folder: Path, columns: Sequence[Column]) -> None:
    """`litdata`'s `BinaryWriter`."""
    writer = importlib.import_module("litdata.streaming.writer").BinaryWriter(str(folder), chunk_bytes=64_000_000)
    for i, (item, data) in enumerate(read(items)):
        writer[i] = {"image": data, "key": item.sample.key, "labels": json.dumps(item.values, ensure_ascii=False)}
    writer.done()
    writer.merge()


def write_tfrecord(items: Sequence[Item], folder: Path, columns: Sequence[Column]) -> None:
    """`tfrecord.TFRecordWriter`."""
    writer = importlib.import_module("tfrecord").TFRecordWriter(str(folder / "train.tfrecord"))
    for item, data in read(items):
        writer.write({"image/encoded": (data, "byte"), "key": (item.sample.key.encode(), "byte"), **item.values})
    writer.close()


def _tables(items: Sequence[Item], kind: pa.Schema, plain: bool) -> Iterator[pa.Table]:
    stream = read(items)
    while batch := list(islice(stream, BATCH)):
        rows = [
            {arrow.IMAGE: data if plain else {"bytes": data, "path": i.sample.file}, **i.values} for i, data in batch
        ]
        yield pa.Table.from_pylist(rows, kind)


def write_parquet(items: Sequence[Item], folder: Path, columns: Sequence[Column]) -> None:
    """`pyarrow.parquet.ParquetWriter`, compressed alike."""
    kind = arrow.schema(columns)
    packed = {c: "zstd" for c in kind.names if c != arrow.IMAGE}
    with pq.ParquetWriter(folder / "train.parquet", kind, compression=packed, use_dictionary=list(packed)) as out:
        for table in _tables(items, kind, plain=False):
            out.write_table(table)


def write_lance(items: Sequence[Item], folder: Path, columns: Sequence[Column]) -> None:
    """`lance.write_dataset`."""
    kind = arrow.schema(columns)
    kind = kind.set(kind.get_field_index(arrow.IMAGE), pa.field(arrow.IMAGE, pa.binary()))
    batches = (b for table in _tables(items, kind, plain=True) for b in table.to_batches())
    importlib.import_module("lance").write_dataset(pa.RecordBatchReader.from_batches(kind, batches), str(folder / "x"))


def write_imagefolder(items: Sequence[Item], folder: Path, columns: Sequence[Column]) -> None:
    """Files, and lines by `json.dumps`."""
    with (folder / "metadata.jsonl").open("w", encoding="utf-8") as lines:
        for item, data in read(items):
            (folder / item.sample.file).write_bytes(data)
            lines.write(json.dumps({"file_name": item.sample.file, **item.values}, ensure_ascii=False) + "\n")


def write_coco(items: Sequence[Item], folder: Path, columns: Sequence[Column]) -> None:
    """Files, and one JSON file by `json.dump`."""
    pictures, notes = [], []
    for item, data in read(items):
        (folder / item.sample.file).write_bytes(data)
        pictures.append({"id": item.sample.number, "file_name": item.sample.file})
        notes += [{"image_id": item.sample.number, "category_id": 1, **note} for note in item.values]
    with (folder / "train.json").open("w", encoding="utf-8") as file:
        json.dump({"images": pictures, "annotations": notes, "categories": [{"id": 1, "name": "face"}]}, file)


def write_kohya(items: Sequence[Item], folder: Path, columns: Sequence[Column]) -> None:
    """Files, and a text file with the caption."""
    for item, data in read(items):
        (folder / item.sample.file).write_bytes(data)
        if item.values:
            (folder / f"{item.sample.key}.txt").write_text(f"{item.values}\n", "utf-8")


def write_yolo(items: Sequence[Item], folder: Path, columns: Sequence[Column]) -> None:
    """Files, and a text file each."""
    for item, data in read(items):
        (folder / item.sample.file).write_bytes(data)
        (folder / f"{item.sample.key}.txt").write_text("".join(f"0 {' '.join(map(str, b))}\n" for b in item.values))


WRITERS: Mapping[str, Callable[[Sequence[Item], Path, Sequence[Column]], None]] = {
    "coco": write_coco, "imagefolder": write_imagefolder, "kohya": write_kohya, "lance": write_lance,
    "litdata": write_litdata, "parquet": write_parquet, "tfrecord": write_tfrecord, "webdataset": write_webdataset,
    "yolo": write_yolo,
}  # fmt: skip
