"""A layer of a person's word: only what they said, the rest null; faces that they added in a part of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from curate.store.dataset import Dataset
from curate.store.layers import LayerInfo
from schemas import REGISTRY, Status
from schemas.columns import faces, labels

Values = Mapping[str, Any]
UNCHANGED = "not changed in this review"


def columns_of(rows: Iterable[Values]) -> tuple[str, ...]:
    """Names of all columns that any row has, in the order of declaration."""
    used = {name for row in rows for name in row}
    return tuple(name for name in REGISTRY if name in used)


def write_word(
    ds: Dataset, info: LayerInfo, said: Mapping[str, Mapping[str, Values]], otherwise: str = UNCHANGED
) -> None:
    """Write a human layer.

    Args:
        ds: The dataset, locked.
        info: The layer; its columns are those of all rows.
        said: Faces part -> face id -> values; of added faces too, in the part that `write_faces` wrote.
        otherwise: Reason for the rows that nothing was said of.
    """
    ds.add_layer(info)
    for key, values in said.items():
        ids = ds.read("faces", key, [faces.FACE_ID]).column(0).to_pylist()
        ds.write(f"labels/{info.name}", key, labels_part(ids, values, info.columns, otherwise))


def write_faces(ds: Dataset, part: str, added: Mapping[str, Values], pictures: Mapping[str, str]) -> None:
    """Write faces that a person drew, in a part of their own.

    Args:
        ds: The dataset, locked.
        part: Its name: that of the person's layer.
        added: Face id -> values, box and all.
        pictures: Face id -> image id.
    """
    own = {c.name for c in faces.FACES.values()}
    rows = [
        dict.fromkeys(faces.FACES)
        | {k: v for k, v in values.items() if k in own}
        | {faces.FACE_ID.name: face, faces.IMAGE_ID.name: pictures[face], faces.ORIGIN.name: "human"}
        for face, values in added.items()
    ]
    ds.write("faces", part, pa.Table.from_pylist(rows, schema=faces.FACES.schema))


def next_number(ds: Dataset, image_id: str, others: Iterable[str] = ()) -> int:
    """The number of the next face of a picture.

    Args:
        ds: The dataset.
        image_id: The picture.
        others: Face ids of this picture that are taken besides those of the dataset.
    """
    table = ds.faces([faces.FACE_ID], f"{faces.IMAGE_ID.name} = '{image_id}'")
    taken = [*table.column(0).to_pylist(), *others]
    return 1 + max((int(face.rpartition(".")[2]) for face in taken), default=-1)


def labels_part(ids: Sequence[str], said: Mapping[str, Values], columns: Sequence[str], otherwise: str) -> pa.Table:
    """A part of a layer of people's word.

    Args:
        ids: Face ids of the faces part, in its order.
        said: Face id -> values.
        columns: Of the layer.
        otherwise: Reason for the rows that nothing was said of.
    """
    rows = [said.get(face) for face in ids]
    table = {
        faces.FACE_ID.name: pa.array(ids, pa.string()),
        labels.STATUS.name: pa.array(
            [(Status.NOT_APPLICABLE if r is None else Status.OK).value for r in rows], pa.string()
        ),
        labels.ERROR.name: pa.array([otherwise if r is None else None for r in rows], pa.string()),
    }
    for name in columns:
        table[name] = pa.array([None if r is None else r.get(name) for r in rows], REGISTRY[name].type)
    return pa.table(table)
