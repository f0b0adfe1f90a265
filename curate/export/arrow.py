"""Samples of one face as rows of Arrow tables, every label column with its own type, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from annotators.base import unpack
from curate.export.encode import picture_size, suffix_of
from curate.export.gather import FACTS
from curate.export.sample import FaceItem, Sample
from schemas import Column
from schemas.columns import faces, images

IMAGE, KEY, NUMBER, CROP, MATRIX = "image", "key", "number", "crop", "crop_matrix"
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""How Hugging Face's `Image` feature is stored."""
HUGGING_FACE = {"huggingface": json.dumps({"info": {"features": {IMAGE: {"_type": "Image"}}}})}
"""Schema metadata that makes `datasets` decode the column; other columns keep their Arrow types."""
ROWS = 100
"""Rows written at a time: pictures are large, and readers hold a group in memory."""


def schema(columns: Sequence[Column]) -> pa.Schema:
    """Columns of the rows: picture, names, box, labels, facts of the picture."""
    fields = {
        IMAGE: pa.field(IMAGE, PICTURE),
        KEY: pa.field(KEY, pa.string()),
        NUMBER: pa.field(NUMBER, pa.int64()),
    }
    about = (images.SPLIT, images.WIDTH, images.HEIGHT, faces.FACE_ID, *faces.BOX, *columns, *FACTS)
    fields |= {c.name: c.field for c in about}
    fields |= {CROP: pa.field(CROP, pa.string()), MATRIX: pa.field(MATRIX, pa.list_(pa.float64()))}
    return pa.schema(list(fields.values()), metadata=HUGGING_FACE)


def tables(samples: Iterable[Sample], columns: Sequence[Column], rows: int = ROWS) -> Iterator[pa.Table]:
    """Tables of at most so many rows, each made when it is asked for."""
    stream, kind = iter(samples), schema(columns)
    while group := list(islice(stream, rows)):
        found = [row(sample, columns) for sample in group]
        arrays = [pa.array([row.get(field.name) for row in found], field.type) for field in kind]
        yield pa.Table.from_arrays(arrays, schema=kind)


def row(sample: Sample, columns: Sequence[Column]) -> dict[str, Any]:
    """A sample as the values of a row, by column."""
    face, facts = sample.faces[0], sample.facts
    row: dict[str, Any] = {c.name: facts.get(c.name) for c in FACTS}
    row |= {CROP: facts.get(CROP), MATRIX: facts.get(MATRIX)}
    row |= {c.name: _flat(face.labels.get(c.name)) for c in columns}
    if face.box is not None:
        row |= {c.name: value for c, value in zip(faces.BOX, face.box, strict=True)}
    return row | {
        IMAGE: {"bytes": sample.data, "path": sample.file}, KEY: sample.key, NUMBER: sample.number,
        images.SPLIT.name: sample.split or None, images.WIDTH.name: sample.width,
        images.HEIGHT.name: sample.height, faces.FACE_ID.name: face.face_id,
    }  # fmt: skip


def _flat(value: Any) -> Any:
    return value.ravel() if isinstance(value, np.ndarray) else value


def read_samples(table: pa.Table, columns: Sequence[Column]) -> Iterator[Sample]:
    """The samples of a table's rows."""
    about = table.select([n for n in table.column_names if n not in {c.name for c in columns}]).to_pylist()
    values = {c.name: unpack(c, table.column(c.name)) for c in columns}
    boxed = [table.column(c.name).to_pylist() for c in faces.BOX]
    for i, row in enumerate(about):
        data = row[IMAGE]["bytes"]
        edges = tuple(edge[i] for edge in boxed)
        labels = {name: found[i] for name, found in values.items()}
        width, height = picture_size(data)
        yield Sample(
            row[KEY], row[NUMBER], row.get(images.SPLIT.name) or "", data, suffix_of(data), width, height,
            (FaceItem(row[faces.FACE_ID.name], None if None in edges else edges, labels),),
            {c.name: row[c.name] for c in FACTS if row.get(c.name) is not None},
        )  # fmt: skip


def label_columns_of(names: Sequence[str], known: Sequence[Column]) -> list[Column]:
    """Label columns among the names of a table: all that are not of its own frame."""
    own = {IMAGE, KEY, NUMBER, CROP, MATRIX, images.SPLIT.name, images.WIDTH.name, images.HEIGHT.name}
    own |= {faces.FACE_ID.name, *(c.name for c in (*faces.BOX, *FACTS))}
    return [c for c in known if c.name in names and c.name not in own]
