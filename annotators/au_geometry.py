"""Distances that action units change, measured on the mesh with pose and size taken out.

Every measure is linear in the mesh points of the subject's right half, in cm of the canonical head. The
left side is the same measure on the mirrored mesh, so a mirrored photo swaps the sides exactly.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from annotators.canonical_face import COUNT, Array, Pose, canonical_face
from annotators.face_state import Mesh

X, Y, Z = range(3)

EYE_CORNERS = (33, 133)
CHEEK = (50, 117, 118)
LOW_CHEEK = (205, 187, 207)

MEASURES: dict[str, tuple[tuple[int, ...], tuple[int, ...], int]] = {
    "brow_inner_y": ((55, 107), EYE_CORNERS, Y),
    "brow_mid_y": ((52, 105, 65, 66), EYE_CORNERS, Y),
    "brow_outer_y": ((46, 70, 53, 63), EYE_CORNERS, Y),
    "brow_inner_x": ((168,), (55, 107), X),
    "brow_inner_z": ((55, 107), (168,), Z),
    "upper_lid_y": ((159, 158, 160), EYE_CORNERS, Y),
    "lower_lid_y": ((145, 153, 144), EYE_CORNERS, Y),
    "pouch_y": ((230, 229, 228), EYE_CORNERS, Y),
    "cheek_y": (CHEEK, EYE_CORNERS, Y),
    "cheek_z": (CHEEK, EYE_CORNERS, Z),
    "low_cheek_x": ((2,), LOW_CHEEK, X),
    "low_cheek_y": (LOW_CHEEK, EYE_CORNERS, Y),
    "wing_x": ((168,), (129, 64), X),
    "wing_y": ((129, 64, 98), EYE_CORNERS, Y),
    "nose_tip_y": ((4,), EYE_CORNERS, Y),
    "subnasal_y": ((2,), EYE_CORNERS, Y),
    "lip_top_y": ((0, 37), (2,), Y),
    "lip_top_side_y": ((40, 39), (98, 129), Y),
    "corner_y": ((61,), (13, 14), Y),
    "corner_nose_y": ((61,), (2,), Y),
    "corner_x": ((2,), (61,), X),
    "corner_z": ((61,), (0, 17), Z),
    "upper_lip_y": ((0, 37, 39), (13, 82, 81), Y),
    "lower_lip_y": ((14, 87, 178), (17, 84, 181), Y),
    "lip_gap_y": ((13, 82), (14, 87), Y),
    "lower_lip_nose_y": ((17, 84), (2,), Y),
    "chin_y": ((152, 148), (2,), Y),
    "chin_boss_y": ((199, 200), (17,), Y),
    "chin_boss_z": ((199, 200), (17, 152), Z),
    "chin_fold_z": ((18, 83), (17, 199), Z),
    "lips_z": ((0, 17), (61,), Z),
}
"""Name -> mean of these points minus mean of those, along an axis; points of the subject's right."""


@cache
def _weights() -> Array:
    weights = np.zeros((len(MEASURES), COUNT, 3))
    for row, (plus, minus, axis) in enumerate(MEASURES.values()):
        weights[row, plus, axis] += 1 / len(plus)
        weights[row, minus, axis] -= 1 / len(minus)
    return weights.reshape(len(MEASURES), -1)


def side_measures(mesh: Mesh, pose: Pose) -> Array:
    """All `MEASURES`, shape (2, n) in cm: the subject's left, then right.

    Args:
        mesh: (478, 3) px.
        pose: The fit of the canonical face to it.
    """
    head = pose.to_head(mesh[:COUNT])
    other = head[canonical_face().mirror] * [-1, 1, 1]
    return np.stack([other.reshape(-1), head.reshape(-1)]) @ _weights().T
