"""What the expression head reads of one face: four opinions side by side, each of which may be missing.

The `fer` network sees the face in grey and small; the blendshapes and the shape of the mesh see where lips, lids
and brows are, whatever the skin; SFace's pooled maps see texture, such as wrinkles and teeth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.au_models import FLOOR as SHAPE_FLOOR
from annotators.canonical_face import COUNT, angles, canonical_face, fit_pose
from annotators.fer import INNER, VIEWS, Reading
from annotators.runtime import Floats
from annotators.sface import POOLED, Features
from schemas.taxonomy import taxonomy

FER_FLOOR = 1e-4
"""Added to probabilities before their logarithm."""
ANGLE_UNIT = 20.0

BLOCKS: Mapping[str, int] = {
    "fer": 7 * VIEWS,
    "inner": INNER,
    "shapes": 104,
    "head": 3 * COUNT,
    "angles": 2,
    "maps": POOLED,
}
"""Length of each part of the features, in their order."""
SIZE = sum(BLOCKS.values())


def places(name: str) -> slice:
    """Where a block stands in the features."""
    start = 0
    for block, size in BLOCKS.items():
        if block == name:
            return slice(start, start + size)
        start += size
    raise KeyError(name)


def features(
    fer: Reading, mesh: NDArray[np.floating[Any]] | None, shapes: Mapping[str, float] | None, maps: Features | None
) -> Floats:
    """The head's input, shape (SIZE,); NaN where a block is missing.

    Args:
        fer: What the `fer` network makes of the face.
        mesh: (478, 3) px, or None: a face in profile has no mesh.
        shapes: Blendshape coefficients by name, or None.
        maps: SFace's features, or None.
    """
    result = np.full(SIZE, np.nan, np.float32)
    result[places("fer")] = np.log(fer.probabilities + FER_FLOOR).ravel()
    result[places("inner")] = fer.inner
    if shapes is not None:
        values = np.array(list(shapes.values()))
        result[places("shapes")] = np.concatenate([np.log(SHAPE_FLOOR + values), values])
    if mesh is not None:
        pose = fit_pose(mesh)
        yaw, pitch, _ = angles(pose.rotation)
        result[places("head")] = pose.to_head(mesh[:COUNT]).ravel()
        result[places("angles")] = np.array([yaw, pitch]) / ANGLE_UNIT
    if maps is not None:
        result[places("maps")] = maps.pooled
    return result


def mirrored_shape(values: Floats) -> Floats:
    """Features with the blocks of the mesh as a mirrored picture would give them; the other blocks stay."""
    result = np.array(values)
    names = taxonomy("blendshapes-mediapipe").labels
    other = [names.index(_other_side(name)) for name in names]
    result[places("shapes")] = values[places("shapes")].reshape(2, -1)[:, other].ravel()
    head = values[places("head")].reshape(COUNT, 3)[canonical_face().mirror] * np.array([-1, 1, 1], values.dtype)
    result[places("head")] = head.ravel()
    result[places("angles")] = values[places("angles")] * np.array([-1, 1], values.dtype)
    return result


def _other_side(name: str) -> str:
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name
