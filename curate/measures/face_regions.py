"""Regions of a face by its mesh, in three sets from coarse to fine, as masks over the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crop_masks import FAR, filled
from schemas import UnknownNameError
from schemas.landmarks import layout

Mask = NDArray[np.bool_]

HULLS: Mapping[str, tuple[int, ...]] = {
    "right eye": (70, 63, 105, 66, 107, 55, 193, 244, 233, 232, 231, 230, 229, 228, 31, 226, 46),
    "left eye": (300, 293, 334, 296, 336, 285, 417, 464, 453, 452, 451, 450, 449, 448, 261, 446, 276),
    "nose": (193, 417, 351, 420, 429, 327, 326, 2, 97, 98, 209, 198, 122),
    "mouth": (61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91, 92, 322, 335, 106),
    "chin": (204, 106, 18, 335, 424, 379, 378, 400, 377, 152, 148, 176, 149, 150),
    "forehead": (54, 103, 67, 109, 10, 338, 297, 332, 284, 293, 334, 296, 336, 9, 107, 66, 105, 63),
    "right cheek": (228, 229, 230, 231, 232, 233, 122, 198, 209, 206, 216, 204, 150, 136, 172, 58, 132, 93, 234, 227),
    "left cheek": (448, 449, 450, 451, 452, 453, 351, 420, 429, 426, 436, 424, 379, 365, 397, 288, 361, 323, 454, 447),
    "right brow": (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    "left brow": (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
    "right eye socket": (226, 247, 29, 27, 28, 190, 243, 233, 232, 231, 230, 229, 228, 31),
    "left eye socket": (446, 467, 259, 257, 258, 414, 463, 453, 452, 451, 450, 449, 448, 261),
    "nose bridge": (193, 417, 351, 399, 174, 122),
    "nose tip": (174, 399, 420, 429, 327, 326, 2, 97, 98, 209, 198),
    "upper lip": (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 308, 13, 78),
    "lower lip": (61, 78, 14, 308, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146),
}
"""Region -> mesh points whose convex hull it is; right and left are the subject's."""

SETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "coarse": {
        "eyes and brows": ("right eye", "left eye"),
        "nose": ("nose",),
        "mouth and chin": ("mouth", "chin"),
        "forehead": ("forehead",),
        "cheeks": ("right cheek", "left cheek"),
    },
    "medium": {
        name: (name,)
        for name in (
            "right eye", "left eye", "nose", "mouth", "chin", "forehead", "right cheek", "left cheek",
        )
    },
    "fine": {
        name: (name,)
        for name in (
            "right brow", "left brow", "right eye socket", "left eye socket", "nose bridge", "nose tip", "upper lip",
            "lower lip", "chin", "forehead", "right cheek", "left cheek",
        )
    },
}  # fmt: skip
"""Set -> its regions -> the hulls that make each. Within a set, a pixel belongs to the first region that holds it."""


def regions_of(name: str, own: Sequence[str] = ()) -> Mapping[str, tuple[str, ...]]:
    """The regions of a set, or regions that a user named one by one.

    Raises:
        UnknownNameError: for a set or a region that there is not.
    """
    for region in own:
        if region not in HULLS:
            raise UnknownNameError("region", region, HULLS)
    if own:
        return {region: (region,) for region in own}
    if name not in SETS:
        raise UnknownNameError("set of regions", name, SETS)
    return SETS[name]


def region_masks(
    mesh: NDArray[np.floating[Any]], shape: tuple[int, ...], regions: Mapping[str, tuple[str, ...]]
) -> dict[str, Mask]:
    """Masks of regions over a picture, without overlaps, inside the mesh's outline.

    Args:
        mesh: (478, 2 or 3), pixels of the picture.
        shape: Height and width of the picture.
        regions: From `regions_of`.
    """
    points: NDArray[np.float64] = np.clip(np.asarray(mesh, np.float64)[:, :2], -FAR, FAR)
    free = filled(points[list(layout("points-478").group("oval"))], shape) > 0
    found = {}
    for name, hulls in regions.items():
        mask = np.zeros(shape[:2], bool)
        for hull in hulls:
            corners = np.asarray(cv2.convexHull(points[list(HULLS[hull])].astype(np.float32))[:, 0], np.float64)
            mask |= filled(corners, shape) > 0
        found[name] = mask & free
        free = free & ~mask
    return found
