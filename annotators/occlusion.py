"""What covers a face: a logistic model over the colour and texture of patches that the mesh names.

Colours are taken at the mesh's points relative to the face's own median, so the face, not a notion of
skin colour, is the measure. The weights (`data/occlusion.csv`) were fitted by `benchmarks/fit_occlusion.py`
on FairFace training faces with things pasted over them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crop_masks import Mask
from annotators.crops import Pixels
from schemas import taxonomy
from schemas.landmarks import layout, opposite

Array = NDArray[np.floating[Any]]
Points = NDArray[np.floating[Any]]

POINTS = 468
"""Mesh points without the irises."""
LEAST_SPREAD = np.array([4, 6, 6, 0.5])
"""Least spread of L*, a*, b* and log gradient that colours are scaled by, so that even skin does not blow up noise."""
EYES = ("left_eye", "right_eye")


@cache
def patches() -> dict[str, NDArray[np.intp]]:
    """Mesh points of each patch; those on the left are mirrored from the right."""
    mirror = layout("points-478").mirror
    given: dict[str, list[int]] = _data()["patches"]
    found = dict(given)
    for name, points in given.items():
        if opposite(name) != name:
            found[opposite(name)] = [mirror[i] for i in points]
    return {name: np.array(points) for name, points in found.items()}


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(resources.files("annotators").joinpath("data/occlusion.toml").read_text("utf-8"))


@cache
def _averaging() -> Array:
    """Matrix that averages points over patches, shape (patches, 468)."""
    matrix = np.zeros((len(patches()), POINTS))
    for row, points in enumerate(patches().values()):
        matrix[row, points] = 1 / len(points)
    return matrix


def point_colours(pixels: Pixels, points: Points) -> Array:
    """L*, a*, b* and log gradient at each mesh point, relative to the face's own medians.

    Args:
        pixels: RGB crop, shape (size, size, 3), `MeshCrop(128, 1.0)`.
        points: Mesh in crop points, shape (478, 2 or 3).

    Returns:
        Shape (468, 4), in units of the face's own spread, within -6..6.
    """
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    soft = cv2.GaussianBlur(lab, (0, 0), 1.5)
    light = np.ascontiguousarray(lab[..., 0])
    across, down = cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)
    # cv2.magnitude gives now one last bit, now another, for the same numbers.
    gradient: Array = np.sqrt(across * across + down * down)
    gradient = np.asarray(cv2.GaussianBlur(gradient, (0, 0), 1.5))
    x, y = (np.ascontiguousarray(points[None, :POINTS, k] - 0.5, np.float32) for k in (0, 1))
    values = np.empty((POINTS, 4))
    values[:, :3] = cv2.remap(soft, x, y, cv2.INTER_LINEAR)[0]
    values[:, 0] *= 100 / 255
    values[:, 3] = np.log1p(cv2.remap(gradient, x, y, cv2.INTER_LINEAR)[0].astype(np.float64))
    away = values - np.median(values, axis=0)
    return np.asarray(np.clip(away / np.maximum(np.median(np.abs(away), axis=0), LEAST_SPREAD), -6, 6))


def patch_features(colours: Array) -> Array:
    """Mean, spread and absolute mean of each patch's colours, flat; colours have shape (468, 4).

    In float64, as everything here: the last bit of a float32 product or logarithm depends on where its
    arrays lie in memory.
    """
    means = _averaging() @ colours
    spreads = np.sqrt(np.maximum(_averaging() @ colours**2 - means**2, 0))
    return np.concatenate([means.ravel(), spreads.ravel(), np.abs(means).ravel()])


@dataclass(frozen=True)
class OcclusionModel:
    """Weights of the regions.

    Attributes:
        regions: Names in the order of the columns.
        weights: (features, regions).
        bias: (regions,).
    """

    regions: tuple[str, ...]
    weights: Array
    bias: Array

    @classmethod
    @cache
    def default(cls) -> OcclusionModel:
        """The model of `data/occlusion.csv`: a row per feature, the last row is the bias."""
        with resources.files("annotators").joinpath("data/occlusion.csv").open(encoding="utf-8") as file:
            table = np.loadtxt(file, delimiter=",")
        return cls(taxonomy("face-region").labels, table[:-1], table[-1])

    def uncovered(self, pixels: Pixels, points: Points) -> Array:
        """Chance that each region is not covered, shape (regions,)."""
        logits = patch_features(point_colours(pixels, points)) @ self.weights + self.bias
        return np.asarray(1 / (1 + np.exp(logits)))

    def visibility(self, pixels: Pixels, points: Points, picture: Mask) -> dict[str, float | None]:
        """Chance that each region is neither covered nor outside the picture.

        Args:
            pixels: RGB crop, shape (size, size, 3), `MeshCrop(128, 1.0)`.
            points: Mesh in crop points, shape (478, 2 or 3).
            picture: Mask of the crop's pixels that lie inside the picture.

        Returns:
            Region -> 0-1; None for an eye that is turned away from the camera.
        """
        size = picture.shape[0]
        x, y = (np.clip(points[:POINTS, k].astype(int), 0, size - 1) for k in (0, 1))
        within = (
            (picture[y, x] > 0) & (points[:POINTS, :2] >= 0).all(axis=1) & (points[:POINTS, :2] <= size).all(axis=1)
        )
        inside = dict(zip(patches(), _averaging() @ within.astype(np.float64), strict=True))
        seen: dict[str, float | None] = {}
        for region, chance in zip(self.regions, self.uncovered(pixels, points), strict=True):
            names = _data()["regions"][region]
            turned_away = region in EYES and _turned_away(points, region)
            seen[region] = None if turned_away else float(chance) * sum(float(inside[n]) for n in names) / len(names)
        return seen


def _turned_away(points: Points, region: str) -> bool:
    """Whether an eye's outline runs the wrong way round, as it does seen from behind."""
    area = cv2.contourArea(np.asarray(points[patches()[region], :2], np.float32), oriented=True)
    return bool(area <= 0) if region == "left_eye" else bool(area >= 0)
