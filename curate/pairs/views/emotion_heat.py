"""Heat maps of where an expression shows, from its label and the mesh alone: targets for attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.au_regions import FULL, SPREAD, heat_map
from annotators.emotion_prototype import NEUTRAL, prototypes
from schemas import UnknownNameError
from schemas.taxonomy import taxonomy


def emotion_units(emotion: str) -> tuple[str, ...]:
    """Action units that belong to an emotion: those that all of its prototypes share, or else of the first.

    Nothing for neutral. Belharbi et al., "Guided interpretable facial expression recognition via spatial action unit
    cues", 2024, use such a codebook; this one is EMFACS', as the annotator of prototypes has it.

    Raises:
        UnknownNameError: for a label that is no emotion of `emotion-7`.
    """
    if emotion == NEUTRAL:
        return ()
    known = prototypes()
    if emotion not in known:
        raise UnknownNameError("emotion with action units", emotion, taxonomy("emotion-7").labels)
    shared = frozenset.intersection(*known[emotion])
    return tuple(sorted(shared or known[emotion][0], key=lambda unit: int(unit.removeprefix("AU"))))


def emotion_heat(
    mesh: NDArray[np.floating[Any]], emotion: str, side: int, spread: float = SPREAD
) -> NDArray[np.float32]:
    """Heat map of an emotion's action units at full strength, (side, side) in 0-1; all zero for neutral.

    Args:
        mesh: (478, 2 or 3) px of the crop.
        emotion: A label of `emotion-7`.
        side: Of the crop.
        spread: Standard deviation of a region in eye distances.

    Raises:
        UnknownNameError: for a label that is no emotion.
    """
    return heat_map(mesh, dict.fromkeys(emotion_units(emotion), FULL), size=side, spread=spread)


def unit_heat(
    mesh: NDArray[np.floating[Any]],
    intensities: Mapping[str, float | None],
    side: int,
    sides: tuple[Mapping[str, float | None], Mapping[str, float | None]] | None = None,
) -> NDArray[np.float32]:
    """Heat map of measured action units, (side, side) in 0-1.

    Args:
        mesh: (478, 2 or 3) px of the crop.
        intensities: Unit -> 0-5.
        side: Of the crop.
        sides: The same for the subject's left and right, where they differ.
    """
    left, right = (intensities, None) if sides is None else sides
    return heat_map(mesh, left, right, size=side)
