"""Arrays of a face's own numbers: embedding, mesh and points as training scripts load them."""

from __future__ import annotations

import numpy as np

from annotators.crops import Pixels
from curate.export.sample import Sample
from curate.pairs.view import Drawn, View
from schemas import Column
from schemas.columns import labels


class _Stored(View):
    """A column as an array."""

    suffix = ".npy"
    column: Column

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The value; None where it is null."""
        value = sample.faces[0].labels.get(self.column.name)
        return None if value is None else np.asarray(value, np.float32).reshape(self.column.shape)


class Embedding(_Stored):
    """Identity."""

    name = "embedding"
    doc = "The identity embedding, (128,) float32."
    needs = (labels.EMBEDDING,)
    column = labels.EMBEDDING


class Mesh(_Stored):
    """478 points."""

    name = "mesh"
    doc = "The mesh, (478, 3) float32 px of the picture."
    needs = (labels.MESH,)
    column = labels.MESH


class Points68(_Stored):
    """68 points."""

    name = "points_68"
    doc = "The 68 points, (68, 2) float32 px of the picture."
    needs = (labels.POINTS_68,)
    column = labels.POINTS_68
