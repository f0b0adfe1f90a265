"""A one-class model of clean face patches: how unlike the clean faces' own a cell of the 14 x 14 grid looks.

I. Lee et al., "Latent-OFER: detect, mask, and reconstruct with latent vectors for occluded facial expression
recognition", 2023, judge latents of patches by a description of clean ones. Here latents are the columns of SFace's
14 x 14 map, and the description is the subspace in which those of clean faces lie: what of a cell it cannot reconstruct
is its novelty, averaged with the cells around.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.cover_cells import LEAST_SHARE, SQUARE, cell_shares, face_shares
from annotators.crops import Matrix, Pixels, warp
from annotators.sface import CROP, SFace
from annotators.weights import ModelStore
from schemas.columns import faces

Array = NDArray[np.float64]
Cells = NDArray[np.bool_]

DIMENSIONS = 192
"""Of the subspace; fewer where there are fewer cells."""


@dataclass(frozen=True)
class Patches:
    """The cells of one face.

    Attributes:
        latents: Of unit length, (14, 14, 512).
        face: Which cells are face, (14, 14).
    """

    latents: Array
    face: Cells


class PatchReader:
    """Reads the cells of faces; holds the network."""

    def __init__(self) -> None:
        self._network = SFace(ModelStore())

    def read(self, pixels: Pixels, points: Any, mesh: Any) -> Patches:
        """Cells of a face.

        Args:
            pixels: Upright RGB, shape (height, width, 3).
            points: The detector's five points.
            mesh: (478, 3) or flat, in its pixels; the clean face's, where an occluded one lies in the same frame.
        """
        five = {faces.POINTS_5: np.asarray(points, np.float64).reshape(5, 2)}
        _, shares = face_shares(np.asarray(mesh, np.float64).reshape(-1, 3), _matrix(points), pixels.shape)
        trunk = self._network.features(warp(pixels, CROP.matrix(five), CROP.size)).trunk
        found = np.moveaxis(trunk, 0, -1).astype(np.float64)
        length = np.maximum(np.linalg.norm(found, axis=-1, keepdims=True), 1e-9)
        return Patches(found / length, np.asarray(shares >= LEAST_SHARE))


def covered_cells(mask: NDArray[np.uint8], points: Any) -> Cells:
    """Cells of which a mask of the picture, 255 where it is covered, fills half; (14, 14)."""
    square = warp(np.repeat(mask[..., None], 3, axis=2), _matrix(points), SQUARE.size)
    return np.asarray(cell_shares((square[..., 0] > 127).astype(np.float64)) >= LEAST_SHARE)


def _matrix(points: Any) -> Matrix:
    return SQUARE.matrix({faces.POINTS_5: np.asarray(points, np.float64).reshape(5, 2)})


class Novelty:
    """Fitted on clean faces.

    Args:
        clean: Cells of faces that nothing covers.
    """

    def __init__(self, clean: list[Patches]) -> None:
        every = np.concatenate([p.latents[p.face] for p in clean])
        self._mean = every.mean(0)
        values, vectors = np.linalg.eigh(np.cov((every - self._mean).T))
        self._axes = vectors[:, np.argsort(values)[::-1][: min(DIMENSIONS, len(every) - 1)]]

    def scores(self, face: Patches) -> Array:
        """What the subspace cannot reconstruct of each cell, the mean of it and the face cells around; (14, 14)."""
        away = face.latents - self._mean
        left = np.maximum((away**2).sum(-1) - ((away @ self._axes) ** 2).sum(-1), 0)
        weight = face.face.astype(np.float64)
        around, count = (cv2.blur(v, (3, 3), borderType=cv2.BORDER_CONSTANT) for v in (left * weight, weight))
        return np.asarray(around / np.maximum(count, 1e-9))
