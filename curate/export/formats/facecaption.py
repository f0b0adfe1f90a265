"""FaceCaption-15M's Parquet: address of the picture, box and captions, with the attributes as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from annotators.base import unpack
from curate.export.base import Exporter, Part
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.export.training import PICTURES, stored
from curate.store.parts import replacing
from schemas import REGISTRY, Column, Kind
from schemas.columns import labels

URL, BOX, WEB, CAPTION = "url", "face_box", "laion_caption", "face_caption"
HEAD = pa.schema(
    [(URL, pa.string()), (BOX, pa.list_(pa.float64())), (WEB, pa.string()), (CAPTION, pa.string()), ("id", pa.string())]
)


class FaceCaption(Exporter):
    """`<split>-NNNNN.parquet`, one row per face; pictures stand below the export and `url` is their path in it.

    `face_box` is left, top, right, bottom in pixels. `face_caption` is the caption. `laion_caption`, the text that the
    web page had for the picture, is null: a dataset of one's own photos has none. Attributes keep their column's name
    and type, with unit and label set in the field's metadata. Lists hold points row by row.
    """

    name = "facecaption"
    doc = "Parquet with url, face_box, laion_caption, face_caption and the attributes, after FaceCaption-15M."
    opened_by = "pandas.read_parquet, datasets.load_dataset('parquet', data_files=...)"

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Only masks, which live in a frame of their own."""
        return {c.name: "its pixels are in a frame of their own" for c in columns if c.kind is Kind.MASK}

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The caption."""
        return (labels.CAPTION,)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures of a part, then its table."""
        own = [c for c in part.columns if c is not labels.CAPTION]
        rows: list[tuple[Any, ...]] = []
        values: dict[Column, list[Any]] = {c: [] for c in own}
        for sample in samples:
            file = f"{PICTURES}/{named(part.split)}/{part.number:05d}/{sample.file}"
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sample.data)
            yield path
            face = sample.faces[0]
            rows.append((file, _corners(face), None, face.labels.get(labels.CAPTION.name), face.face_id))
            for column in own:
                values[column].append(_flat(face.labels.get(column.name)))
        path = folder / f"{named(part.split)}-{part.number:05d}.parquet"
        with replacing(path) as file_out:
            pq.write_table(_table(rows, values), file_out, compression="zstd")
        yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Row by row."""
        for path in sorted(folder.glob("*.parquet")):
            split = split_of(path.stem.rpartition("-")[0])
            for batch in pq.ParquetFile(path).iter_batches(256):
                table = pa.Table.from_batches([batch])
                held = {n: unpack(REGISTRY[n], table.column(n)) for n in table.column_names if n not in HEAD.names}
                for row, head in enumerate(table.select(HEAD.names).to_pylist()):
                    told = {labels.CAPTION.name: head[CAPTION], **{n: v[row] for n, v in held.items()}}
                    left, top, right, bottom = head[BOX]
                    face = FaceItem(head["id"], (left, top, right - left, bottom - top), told)
                    yield stored(folder, head[URL], split, face)


def _corners(face: FaceItem) -> list[float]:
    assert face.box is not None
    x, y, w, h = face.box
    return [x, y, x + w, y + h]


def _flat(value: Any) -> Any:
    return value.ravel().tolist() if isinstance(value, np.ndarray) else value


def _table(rows: Sequence[tuple[Any, ...]], values: Mapping[Column, list[Any]]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(HEAD)
    arrays = [pa.array(v, f.type) for v, f in zip(columns, HEAD, strict=True)]
    arrays += [pa.array(v, c.type) for c, v in values.items()]
    return pa.Table.from_arrays(arrays, schema=pa.schema([*HEAD, *(c.field for c in values)]))
