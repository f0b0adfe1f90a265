"""Small datasets with known labels and tables with known truth, for the tests of `evaluate`."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.store import Dataset, LayerInfo
from schemas import Column
from schemas.columns import faces, images, labels
from tests.store_samples import table

KEY = "00000"
SIDE = 100.0


def dataset(
    path: Path, counts: Sequence[int], layers: Mapping[str, Mapping[Column, list[Any]]], **more: Any
) -> Dataset:
    """One picture per count with that many faces beside one another, and layers over all faces.

    Args:
        path: Where to.
        counts: Faces of each picture; picture i is `p{i}.jpg`.
        layers: Layer -> column -> one value per face.
        more: `status`: layer -> status per face; `kinds`: layer -> kind; `rejected`: names of unusable pictures;
            `names`: names of the pictures.
    """
    ds = Dataset.create(path, name="sample")
    rejected = list(more.get("rejected", ()))
    ids = [f"i{i}" for i in range(len(counts))]
    names = [*more.get("names", (f"p{i}.jpg" for i in range(len(counts)))), *rejected]
    n, bad = len(counts), len(rejected)
    ds.write("images", KEY, table({
        images.IMAGE_ID: [*ids, *[None] * bad], images.URI: [f"/photos/{x}" for x in names],
        images.MEMBER: [None] * (n + bad), images.NAME: names, images.WIDTH: [640] * n + [None] * bad,
        images.STATUS: ["ok"] * n + ["rejected"] * bad, images.REASON: [""] * n + ["corrupt"] * bad,
        images.EXTRA: list(more.get("extra", [None] * n)) + [None] * bad,
    }))  # fmt: skip
    where = [(i, j) for i, count in enumerate(counts) for j in range(count)]
    ds.write("faces", KEY, table({
        faces.FACE_ID: [f"i{i}.{j}" for i, j in where], faces.IMAGE_ID: [f"i{i}" for i, _ in where],
        faces.BOX_X: [2 * SIDE * j for _, j in where], faces.BOX_Y: [0.0] * len(where),
        faces.BOX_W: [SIDE] * len(where), faces.BOX_H: [SIDE] * len(where),
        faces.POINTS_5: [[float(k) for k in range(10)]] * len(where), faces.SCORE: [0.9] * len(where),
        faces.ORIGIN: ["model"] * len(where),
    }))  # fmt: skip
    for layer, values in layers.items():
        add(ds, layer, values, more.get("status", {}).get(layer), more.get("kinds", {}).get(layer, "model"))
    return ds


def add(
    ds: Dataset,
    layer: str,
    values: Mapping[Column, list[Any]],
    status: Sequence[str] | None = None,
    kind: str = "model",
) -> None:
    """Add a layer over all faces."""
    ds.add_layer(LayerInfo(layer, kind, layer.split(".", maxsplit=1)[0], columns=tuple(c.name for c in values)))
    face_ids = ds.read("faces", KEY, [faces.FACE_ID]).column(0).to_pylist()
    said = list(status or ["ok"] * len(face_ids))
    head = {faces.FACE_ID: face_ids, labels.STATUS: said,
            labels.ERROR: ["broke" if s == "failed" else None for s in said]}  # fmt: skip
    ds.write(f"labels/{layer}", KEY, table({**head, **values}))


def chances(column: Column, rows: Sequence[Mapping[str, float] | None]) -> list[dict[str, float] | None]:
    """Probabilities with 0 for what is not named."""
    names = [f.name for f in column.type]
    return [None if row is None else {n: row.get(n, 0.0) for n in names} for row in rows]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A CSV with a header; lists and objects as JSON."""
    names = list(dict.fromkeys(n for row in rows for n in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for row in rows:
            writer.writerow({k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in row.items()})
    return path
