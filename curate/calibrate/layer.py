"""Probabilities out of a layer, and calibrated labels into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.calibrate.calibrator import Answer, Calibrator
from curate.scores import scores_beside
from curate.store import Dataset, LayerInfo
from curate.store.names import LABELS
from schemas import REGISTRY, Column, SchemaError, Status
from schemas.columns import faces, labels

NAME = "calibration"
VERSION = "1"
ABSTAINED, SET = "_abstained", "_set"
NOTHING = "no probabilities to calibrate"


def probabilities_of(ds: Dataset, layer: LayerInfo, column: Column) -> NDArray[np.float64]:
    """Raw probabilities of every face, shape (n, k), in the order of the dataset's view; NaN where there are none."""
    beside = _beside(column)
    view = ds.faces([beside], layers=[layer.name]).column(beside.name)
    return _matrix(view.combine_chunks())


def _matrix(values: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    array = pa.concat_arrays(values.chunks) if isinstance(values, pa.ChunkedArray) else values
    fields = [np.asarray(array.field(f.name).to_numpy(zero_copy_only=False), np.float64) for f in array.type]
    matrix = np.stack(fields, axis=1)
    matrix[~np.asarray(array.is_valid())] = np.nan
    return np.asarray(matrix)


def _beside(column: Column) -> Column:
    found = scores_beside(column)
    if found is None:
        raise SchemaError(f"column {column.name}", "no probabilities stand beside it")
    return found


def columns_of(column: Column) -> tuple[Column, ...]:
    """What a calibrated label is written as: label, probabilities, and abstention and set where they are declared."""
    kin = (f"{column.name}{ABSTAINED}", f"{column.name}{SET}")
    return (column, _beside(column), *(REGISTRY[name] for name in kin if name in REGISTRY))


def _cells(column: Column, answer: Answer) -> dict[str, Any]:
    """Values of one face by column name; those without a declared column take no place."""
    return {
        column.name: answer.label,
        _beside(column).name: answer.probabilities,
        f"{column.name}{ABSTAINED}": answer.label is None,
        f"{column.name}{SET}": answer.among,
    }


def write_layer(
    ds: Dataset,
    calibrators: Sequence[Calibrator],
    layers: Sequence[LayerInfo],
    digest: str,
    truth: Mapping[str, Any],
) -> str:
    """Write the calibrated labels, shard by shard; shards that are written already are kept.

    Args:
        ds: The dataset.
        calibrators: What to write.
        layers: The layer that each was fitted on.
        digest: Of the calibrations; part of the layer's name.
        truth: Where the truth came from, for the layer's record.

    Returns:
        The layer's name.
    """
    columns = [c for calibrator in calibrators for c in columns_of(REGISTRY[calibrator.column])]
    inputs = {_beside(REGISTRY[c.column]).name: x.name for c, x in zip(calibrators, layers, strict=True)}
    grouped = {c.by for c in calibrators if c.by}
    info = LayerInfo(
        name=f"{NAME}.v{VERSION}-{digest[:6]}",
        kind="model",
        annotator=NAME,
        version=VERSION,
        config={"digest": digest},
        columns=tuple(c.name for c in columns),
        extra={"inputs": inputs, "truth": dict(truth), "by": sorted(grouped)},
    )
    known = {x.name for x in ds.layers()}
    if info.name not in known:
        ds.add_layer(info)
    table = f"{LABELS}/{info.name}"
    for key in ds.keys("faces"):
        if not ds.has(table, key) and all(ds.has(f"{LABELS}/{x.name}", key) for x in layers):
            ds.write(table, key, _rows(ds, key, calibrators, layers, columns))
    return info.name


def _rows(
    ds: Dataset, key: str, calibrators: Sequence[Calibrator], layers: Sequence[LayerInfo], columns: Sequence[Column]
) -> pa.Table:
    """One shard's rows."""
    ids = ds.read("faces", key, [faces.FACE_ID]).column(faces.FACE_ID.name).to_pylist()
    values: dict[str, list[Any]] = {c.name: [None] * len(ids) for c in columns}
    said = np.zeros(len(ids), bool)
    for calibrator, layer in zip(calibrators, layers, strict=True):
        column = REGISTRY[calibrator.column]
        raw = _matrix(ds.read(f"{LABELS}/{layer.name}", key, [_beside(column)]).column(_beside(column).name))
        answers = calibrator.apply(raw, _groups(ds, key, calibrator.by, ids))
        said |= np.array([a is not None for a in answers], bool)
        for i, answer in enumerate(answers):
            if answer is not None:
                cells = _cells(column, answer)
                for written in columns_of(column):
                    values[written.name][i] = cells[written.name]
    filled = {
        faces.FACE_ID.name: ids,
        labels.STATUS.name: [Status.OK.value if s else Status.NOT_APPLICABLE.value for s in said],
        labels.ERROR.name: [None if s else NOTHING for s in said],
        **values,
    }
    schema = pa.schema([REGISTRY[name].field for name in filled])
    return pa.table([pa.array(filled[f.name], f.type) for f in schema], schema=schema)


def _groups(ds: Dataset, key: str, by: str, ids: Sequence[str]) -> list[str | None] | None:
    """Group of each face of a shard, from the layer that speaks for the column and is no calibration."""
    if not by:
        return None
    groups: list[str | None] = [None] * len(ids)
    for layer in ds.layers():
        if by not in layer.columns or layer.annotator == NAME or not ds.has(f"{LABELS}/{layer.name}", key):
            continue
        stored = ds.read(f"{LABELS}/{layer.name}", key, [by]).column(by).to_pylist()
        groups = [g if g is not None else s for g, s in zip(groups, stored, strict=True)]
    return groups
