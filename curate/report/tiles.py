"""The faces that are shown: cut-out, overlay, short caption and every label with its source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup
from numpy.typing import NDArray

from curate.report.charts import short
from curate.report.overlay import overlays, window
from curate.report.thumbnails import Box, Thumbnailer
from curate.scores import probability
from curate.store import Dataset, LayerInfo
from schemas import REGISTRY, Column, Kind, Status
from schemas.columns import faces, images, labels

SOURCE = "__layer"
TOP_SCORES = 5
PERCEIVED = "perceived_"


@dataclass(frozen=True)
class Tile:
    """One face on the page.

    Attributes:
        face_id: Its id.
        name: Name of its picture.
        image: Data address of the cut-out.
        size: Side of the cut-out in pixels.
        overlay: SVG groups in the cut-out's pixels.
        caption: Top labels, the most telling first.
        details: JSON: list of {group, rows: [{name, value, source, doc}]}.
    """

    face_id: str
    name: str
    image: str
    size: int
    overlay: Markup
    caption: tuple[str, ...]
    details: str


def make_tiles(
    ds: Dataset, wanted: Sequence[str], thumbs: Thumbnailer, size: int, hidden: Mapping[str, Sequence[tuple[str, Box]]]
) -> dict[str, Tile]:
    """Tiles of the wanted faces, by face id; faces whose picture cannot be had are left out.

    Args:
        ds: The dataset.
        wanted: Face ids.
        thumbs: Cuts the pictures.
        size: Side of a thumbnail.
        hidden: `image_id` -> (face id, box) of faces that must not be seen, not even behind another.
    """
    if not wanted:
        return {}
    table = _rows(ds, wanted)
    ids = pa.array(table.column(faces.IMAGE_ID.name).to_pylist(), pa.string())
    pictures = {r[images.IMAGE_ID.name]: r for r in _pictures(ds, ids)}
    speakers = _speakers(ds)
    order = np.argsort(np.asarray(table.column(faces.IMAGE_ID.name).to_pylist(), dtype=object), kind="stable")
    tiles = {}
    for row in table.take(order).to_pylist():
        picture = pictures.get(row[faces.IMAGE_ID.name])
        if picture is None:
            continue
        box = tuple(float(row[c.name]) for c in faces.BOX)
        view = window((box[0], box[1], box[2], box[3]), picture["width"], picture["height"], size)
        others = [b for face, b in hidden.get(row[faces.IMAGE_ID.name], ()) if face != row[faces.FACE_ID.name]]
        address = thumbs.cut(picture, view, others)
        if address is not None:
            tiles[row[faces.FACE_ID.name]] = Tile(
                row[faces.FACE_ID.name],
                str(picture[images.NAME.name] or ""),
                address,
                size,
                overlays(row, view),
                caption(row),
                json.dumps(details(row, speakers), ensure_ascii=False),
            )
    return tiles


def _rows(ds: Dataset, wanted: Sequence[str]) -> pa.Table:
    statuses = [f"{what}.{info.name}" for info in ds.layers() for what in ("status", "error")]
    names = [n for n in ds.columns() if n not in images.IMAGES or n in faces.FACES]
    ids = ", ".join("'" + w.replace("'", "''") + "'" for w in sorted(wanted))
    condition = f"{faces.FACE_ID.name} in ({ids})"
    return ds.faces([*names, *statuses], condition, provenance=True)


def _pictures(ds: Dataset, ids: pa.Array) -> list[dict[str, Any]]:
    table = ds.images()
    wanted = pc.and_(
        pc.is_in(table.column(images.IMAGE_ID.name), value_set=ids), pc.equal(table.column(images.STATUS.name), "ok")
    )
    rows: list[dict[str, Any]] = table.filter(wanted).to_pylist()
    return rows


def _speakers(ds: Dataset) -> dict[str, list[LayerInfo]]:
    found: dict[str, list[LayerInfo]] = {}
    for info in ds.layers():
        for name in info.columns:
            found.setdefault(name, []).append(info)
    return found


def caption(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The perceived labels that have probabilities beside them, the mean age and the quality."""
    parts = []
    for name, value in row.items():
        column = REGISTRY.get(name)
        if column is None or column.kind is not Kind.LABEL or not name.startswith(PERCEIVED) or value is None:
            continue
        if column is labels.RACE4:  # follows from the seven groups
            continue
        chance = probability(row, column)
        if chance is not None:
            parts.append(f"{value} {100 * chance:.0f}%")
    age, quality = row.get(labels.AGE.name), row.get(labels.QUALITY_SCORE.name)
    parts += [f"age {age:.0f}"] if age is not None else []
    parts += [f"quality {quality:.2f}"] if quality is not None else []
    return tuple(parts)


def details(row: Mapping[str, Any], speakers: Mapping[str, Sequence[LayerInfo]]) -> list[dict[str, Any]]:
    """Every column of a face by group, with its source, and for a null the reason."""
    groups: dict[str, list[dict[str, str]]] = {}
    for name, value in row.items():
        if name.endswith(SOURCE) or name.startswith(("status.", "error.")):
            continue
        column = REGISTRY.get(name)
        shown = _absent(row, speakers.get(name, ())) if value is None else written(column, value)
        source = row.get(name + SOURCE) or ", ".join(i.name for i in speakers.get(name, ()))
        entry = {"name": name, "value": shown, "source": source, "doc": column.doc if column else ""}
        if value is None:
            entry["null"] = "1"
        groups.setdefault(column.group if column else "other", []).append(entry)
    last = (faces.FACES.name, images.IMAGES.name)
    ordered = sorted(groups, key=lambda group: group in last)
    return [{"group": group, "rows": groups[group]} for group in ordered]


def _absent(row: Mapping[str, Any], layers: Sequence[LayerInfo]) -> str:
    for info in (i for i in layers if i.kind != "human"):
        status = row.get(f"status.{info.name}")
        why = row.get(f"error.{info.name}") or ""
        if status in (Status.NOT_APPLICABLE.value, Status.FAILED.value):
            return f"{status.replace('_', ' ')}: {why}" if why else status.replace("_", " ")
        if status is None:
            return "not computed yet"
    return "no value"


def written(column: Column | None, value: Any) -> str:
    """A value in words, by its column's kind; long arrays only by their size."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        unit = column.unit if column and column.unit not in ("0-1", "-1..1", "") else ""
        return short(round(value, 3)) + (f" {unit}" if unit else "")
    if column is not None and column.kind in (Kind.MASK, Kind.POINTS, Kind.VECTOR):
        return _written_array(column, value)
    if isinstance(value, dict):
        return _written_scores(value)
    if isinstance(value, list):
        return _written_list(value)
    return str(value)


def _written_scores(value: Mapping[str, float | None]) -> str:
    known = sorted(((v, k) for k, v in value.items() if v is not None), key=lambda p: (-p[0], p[1]))
    if not known:
        return "no value in any field"
    text = ", ".join(f"{k} {v:.2f}" for v, k in known[:TOP_SCORES])
    more = len(known) - TOP_SCORES
    empty = len(value) - len(known)
    return text + (f", {more} lower" if more > 0 else "") + (f", {empty} without a value" if empty else "")


def _written_array(column: Column, value: Any) -> str:
    if column.kind is Kind.MASK:
        return f"a map of parts, {len(value['png']):,} bytes"
    return f"{column.shape[0]} points" if column.kind is Kind.POINTS else _vector(value)


def _vector(value: Sequence[float]) -> str:
    return ", ".join(short(round(v, 2)) for v in value) if len(value) <= 4 else f"{len(value)} numbers"


def _written_list(value: Sequence[Any]) -> str:
    if value and all(isinstance(v, bool) for v in value):
        return f"{sum(value)} of {len(value)} yes"
    return ", ".join(map(str, value[:30]))


def overlay_names(row_names: Sequence[str]) -> list[Column]:
    """Columns of points among the names, in the order of declaration."""
    return [c for c in REGISTRY.values() if c.kind is Kind.POINTS and c.name in row_names]


def flagged_boxes(table: pa.Table, flags: NDArray[np.bool_], image_ids: set[str]) -> dict[str, list[tuple[str, Box]]]:
    """`image_id` -> (face id, box) of the flagged faces in some pictures."""
    found: dict[str, list[tuple[str, Box]]] = {}
    names = [faces.FACE_ID.name, faces.IMAGE_ID.name, *(c.name for c in faces.BOX)]
    for face, image, x, y, w, h in zip(*(table.filter(flags).column(n).to_pylist() for n in names), strict=True):
        if image in image_ids:
            found.setdefault(image, []).append((face, (x, y, w, h)))
    return found
