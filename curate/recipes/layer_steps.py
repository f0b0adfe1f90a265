"""Steps that judge faces by program: what they read of a dataset, and the layers and tables that they leave."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.identity.gather import Faces, gather
from curate.identity.layers import publish
from curate.recipes.select import ANNOTATOR, DROPS, VERSION
from curate.recipes.state import remove
from curate.recipes.step import Site, Step, layer_folder, layer_of
from curate.store import Dataset, LayerInfo
from curate.store.parts import replacing
from schemas import Column
from schemas.columns import faces, images, labels

Flags = NDArray[np.bool_]


class OwnStep(Step):
    """A step that no other command does; it is shown as the recipe's own call."""

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`recipe --only`."""
        return [site.alone()]


class LayerStep(OwnStep):
    """A step that leaves a layer named after it, and a folder."""

    def leaves(self, site: Site) -> Sequence[str]:
        """The layer and the folder."""
        return (layer_folder(layer_of(site.step)), site.step)


def gathered(
    site: Site, columns: Sequence[str | Column] = (), *, embeddings: bool = False, assume_adults: bool = False
) -> tuple[Faces, Flags]:
    """The dataset's faces, and which of them the selection before this step holds.

    Args:
        site: Where the step works; what an earlier, stopped call left of its own layer is removed.
        columns: Columns to read besides.
        embeddings: Read the identity embeddings too.
        assume_adults: The user's word that no face is a child's.
    """
    ds = site.open()
    remove(site.out / layer_folder(layer_of(site.step)))
    layers = [i.name for i in ds.layers() if i.annotator != ANNOTATOR or i.name == site.selected]
    wanted = [*columns, *([labels.SELECTED] if site.selected else [])]
    found = gather(ds, wanted, embeddings=embeddings, layers=layers, assume_adults=assume_adults)
    if not site.selected:
        return found, np.ones(len(found), bool)
    chosen = pc.fill_null(found.columns[labels.SELECTED.name], False).to_numpy(zero_copy_only=False)
    return found, np.asarray(chosen, bool)


def values(found: Faces, column: Column) -> list[Any]:
    """Values of a column that was gathered, as Python objects."""
    told: list[Any] = found.columns[column.name].to_pylist()
    return told


def numbers(found: Faces, column: Column) -> NDArray[np.float64]:
    """A column of numbers that was gathered; NaN for null."""
    return np.asarray(pc.cast(found.columns[column.name], pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def write_layer(
    site: Site, config: Mapping[str, Any], found: Faces, told: Mapping[Column, pa.Array], known: Flags, why: str,
    annotator: str = "",
) -> None:  # fmt: skip
    """Write the step's layer.

    Args:
        site: Where the step works.
        config: Settings that decided the values.
        found: The faces.
        told: Column -> a value per face.
        known: Faces that have an answer.
        why: Why the others have none.
        annotator: Who speaks; the recipe's step if empty.
    """
    ds, name = site.open(), layer_of(site.step)
    info = LayerInfo(name, "model", annotator or name, VERSION, dict(config), columns=tuple(c.name for c in told))
    with ds.lock():
        publish(ds, info, found.ids, told, known, why)


def write_selection(
    site: Site, config: Mapping[str, Any], found: Faces, reasons: Sequence[str],
    more: Mapping[Column, pa.Array] | None = None,
) -> dict[str, int]:  # fmt: skip
    """Write who stays as the layer of a selection, with a table of drops, as `select` does.

    Args:
        site: Where the step works.
        config: Settings that decided.
        found: The faces; gathered with `images.NAME`.
        reasons: Why each face goes; empty where it stays.
        more: Further columns of the layer.

    Returns:
        Reason -> faces that go by it.
    """
    stays = np.array([not r for r in reasons], bool)
    rule = pa.array([r or None for r in reasons], pa.string())
    told = {labels.SELECTED: pa.array(stays), labels.SELECTED_RULE: rule, **(more or {})}
    write_layer(site, {**config, "after": site.selected}, found, told, np.ones(len(stays), bool), "", ANNOTATOR)
    pictures = found.pictures.take(pa.array(found.image))
    table = pa.table({
        faces.FACE_ID.name: found.ids, faces.IMAGE_ID.name: pictures,
        images.NAME.name: found.columns[images.NAME.name], labels.SELECTED_RULE.name: rule,
    })  # fmt: skip
    write_parquet(site.folder / DROPS, table.filter(pa.array(~stays)))
    return dict(Counter(r for r in reasons if r))


def write_parquet(path: Path, table: pa.Table) -> Path:
    """Write a table atomically."""
    import pyarrow.parquet as pq

    with replacing(path) as file:
        pq.write_table(table, file)
    return path


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], head: Sequence[str]) -> Path:
    """Write rows as a CSV with these columns, atomically; None is an empty cell."""
    with replacing(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        writer = csv.DictWriter(text, head, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)
        text.detach()
    return path


def names_of(ds: Dataset) -> dict[str, str]:
    """Path below its root of every usable picture -> `image_id`."""
    table = ds.images(where="status = 'ok'")
    found = zip(table.column(images.NAME.name).to_pylist(), table.column(images.IMAGE_ID.name).to_pylist(), strict=True)
    return dict(found)
