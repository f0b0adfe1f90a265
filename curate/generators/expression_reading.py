"""Which action units a face shows already, read from its mesh alone, so that they can be taken back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.au_geometry import MEASURES, side_measures
from annotators.au_models import pose_terms, table
from annotators.canonical_face import COUNT, Pose, angles, canonical_face
from curate.generators.au_movements import STRONGEST, field
from curate.generators.openings import MOUTH

UNITS = ("AU1", "AU2", "AU4", "AU5", "AU9", "AU10", "AU12", "AU15", "AU17", "AU18", "AU20", "AU25", "AU26")
"""Units that are looked for: those that move the mesh, each once."""
OPENING = ("AU25", "AU26")
APART = 0.15
"""Gap between the lips in cm from which a mouth is opened."""
RIDGE = 0.15
"""How much an intensity of 1 must explain, in squared robust standard deviations, to be believed."""
ROUNDS = 200
SMILE, AVERAGE_SMILE = "AU12", 1.2
"""The average face of the prior smiles by so much more than faces that look neutral: 20 adults of the shared photos."""
LEAST = 0.3
"""Intensity below which a unit counts as absent."""


def shown(mesh: NDArray[np.floating[Any]], pose: Pose) -> dict[str, float]:
    """Unit -> intensity, 0-5, of the units that a face shows.

    The mesh's distances are explained, against the average face's in the same pose, by the movements of units of
    intensities from 0 to 5 that are as small as may be (ridge regression by coordinate descent). What they leave
    unexplained is the person's shape. Nobody's neutral face is known from one picture: a wide mouth may be read
    as a stretched one.

    Args:
        mesh: (478, 3) px.
        pose: The fit of the canonical face to it.
    """
    head = pose.to_head(mesh[:COUNT])
    prior = table().prior.geometry[: len(MEASURES)]
    sides = side_measures(mesh, pose)
    yaw, pitch, _ = angles(pose.rotation)
    expected = pose_terms(yaw, pitch) @ prior[:, :5].T
    odd = (sides - expected).mean(0) / prior[:, 5]
    moves = np.stack([_measured(field(name, head)) / STRONGEST / prior[:, 5] for name in UNITS], axis=1)
    odd = odd + moves[:, UNITS.index(SMILE)] * AVERAGE_SMILE
    levels = np.zeros(len(UNITS))
    for _ in range(ROUNDS):
        for k in range(len(UNITS)):
            rest = odd - moves @ levels + moves[:, k] * levels[k]
            levels[k] = np.clip(moves[:, k] @ rest / (moves[:, k] @ moves[:, k] + RIDGE), 0, STRONGEST)
    found = {name: round(float(level), 2) for name, level in zip(UNITS, levels, strict=True) if level >= LEAST}
    upper, lower = (list(chain[3:-3]) for chain in MOUTH)
    if float((head[upper, 1] - head[lower, 1]).mean()) > APART:
        return found | dict.fromkeys(OPENING, float(STRONGEST))
    return {name: level for name, level in found.items() if name not in OPENING}


def _measured(move: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a movement of the head, shape (468, 3) cm, does to the distances, mean of both sides."""
    still = Pose(np.eye(3), 1.0, np.zeros(3))
    back = (move, np.zeros_like(move))
    moved, rest = (side_measures((canonical_face().points + m) * [1, -1, -1], still) for m in back)
    return np.asarray((moved - rest).mean(0))
