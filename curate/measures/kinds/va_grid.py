"""Valence and arousal in a grid of cells, with the mean feature of each cell as its prototype."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.measures.base import DATASET, TABLE, Config, Given, Input, Measure, Result
from curate.measures.columns_of_tables import numbers
from curate.measures.features import of_dataset
from curate.measures.rows import Floats, filled, vectors
from curate.store.parts import replacing
from schemas import UsageError
from schemas.columns import labels

SOURCE = "NeuroGaze-Distill 2025 (5 x 5 grid of valence and arousal, one prototype per cell)"
PROTOTYPES, CELLS = "prototypes.npy", "va_cells.parquet"


@dataclass(frozen=True)
class GridConfig(Config):
    """The grid.

    Attributes:
        side: Cells along each axis.
    """

    side: int = 5

    def __post_init__(self) -> None:
        if self.side < 1:
            raise UsageError(f"va_grid.side={self.side}", "a grid has one cell at least")


@dataclass(frozen=True)
class DatasetGridConfig(GridConfig):
    """Also: what prototypes are made of.

    Attributes:
        features: Columns whose numbers are averaged.
    """

    features: tuple[str, ...] = (labels.BLENDSHAPES.name,)


def cell_of(valence: Floats, arousal: Floats, side: int = 5) -> NDArray[np.int64]:
    """Cell of each pair of values in -1..1, row by row from low arousal and low valence.

    Cells hold their lower edge; the last one also its upper edge, so -1 and 1 both have one.

    Args:
        valence: (n,).
        arousal: (n,).
        side: Cells along each axis.

    Returns:
        arousal's place x side + valence's place, (n,); -1 where a value is NaN.

    Raises:
        UsageError: for a value outside -1..1.
    """
    both = np.stack([valence, arousal])
    if (np.abs(both) > 1).any():
        raise UsageError(f"a value of {both[np.abs(both) > 1][0]:g}", "valence and arousal lie in -1..1")
    known = ~np.isnan(both).any(0)
    place = np.clip(np.floor((both + 1) * side / 2 + 1e-9), 0, side - 1)
    return np.where(known, place[1] * side + place[0], -1).astype(np.int64)


def prototypes(features: Floats, cell: NDArray[np.int64], side: int = 5) -> Floats:
    """Mean feature of each cell, (side * side, dimensions); NaN for a cell without rows."""
    found = np.full((side * side, features.shape[1]), np.nan)
    for c in np.unique(cell[cell >= 0]):
        found[c] = features[cell == c].mean(0)
    return found


class VaGrid(Measure):
    """For a table of values and, if prototypes are wanted, features."""

    name = "va_grid"
    doc = "Cells of a 5 x 5 grid of valence and arousal, and prototypes.npy with the mean feature of each."
    source = SOURCE
    inputs = (
        Input("rows", TABLE, "a row per face: `id`, `valence`, `arousal` (-1..1), and `embedding` for prototypes",
              ("id", "valence", "arousal")),
    )  # fmt: skip
    config_type = GridConfig
    config: GridConfig

    def measure(self, given: Given) -> Result:
        """Rows of each cell; with --files the cells and prototypes."""
        table, path = given.tables["rows"], given.paths["rows"]
        values = [numbers(table, c, path, gaps=True) for c in ("valence", "arousal")]
        found = vectors(table, "embedding", path) if "embedding" in table.column_names else None
        return _result(filled(table, "id", path), values[0], values[1], found, self.config.side, given.out)


class DatasetVaGrid(Measure):
    """For a dataset with valence and arousal (adapters hsemotion, or imported labels)."""

    name = "dataset_va_grid"
    doc = "Cells of a dataset's valence and arousal in a 5 x 5 grid, with the mean of its columns in each."
    source = SOURCE
    inputs = (Input("dataset", DATASET, "a dataset with valence, arousal and the features"),)
    config_type = DatasetGridConfig
    config: DatasetGridConfig

    def measure(self, given: Given) -> Result:
        """Rows of each cell; with --files the cells and prototypes."""
        wanted = (labels.VALENCE.name, labels.AROUSAL.name)
        read = of_dataset(given.datasets["dataset"], self.config.features, wanted)
        values = [np.array([np.nan if v is None else v for v in read.labels[c]], np.float64) for c in wanted]
        features = np.concatenate([b.reshape(len(b), -1) for b in read.features.blocks], axis=1)
        return _result(read.ids, values[0], values[1], features, self.config.side, given.out)


def _result(
    ids: list[str], valence: Floats, arousal: Floats, features: Floats | None, side: int, out: Path | None
) -> Result:
    cell = cell_of(valence, arousal, side)
    counts = np.bincount(cell[cell >= 0], minlength=side * side)
    edges = np.linspace(-1, 1, side + 1)
    rows = [
        {"cell": c, "valence": f"{edges[c % side]:g} to {edges[c % side + 1]:g}",
         "arousal": f"{edges[c // side]:g} to {edges[c // side + 1]:g}", "n": int(counts[c])}
        for c in range(side * side)
    ]  # fmt: skip
    facts = {"rows": len(ids), "without values": int((cell < 0).sum()), "cells with rows": int((counts > 0).sum())}
    files = _written(out, ids, cell, features, side) if out is not None else ()
    return Result(facts, {"cells": rows}, (), files)


def _written(
    out: Path, ids: list[str], cell: NDArray[np.int64], features: Floats | None, side: int
) -> tuple[Path, ...]:
    import pyarrow.parquet as pq

    told: dict[str, Any] = {"id": ids, "cell": [None if c < 0 else int(c) for c in cell]}
    with replacing(out / CELLS) as file:
        pq.write_table(pa.table(told), file)
    if features is None:
        return (out / CELLS,)
    with replacing(out / PROTOTYPES) as file:
        np.save(file, prototypes(features, cell, side).astype(np.float32))
    return out / CELLS, out / PROTOTYPES
