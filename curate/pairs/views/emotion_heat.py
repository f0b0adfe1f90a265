"""Heat maps of where an expression shows, from its label and the mesh alone: targets for attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.au_regions import FULL, SPREAD, heat_map
from annotators.crops import Pixels
from annotators.emotion_prototype import NEUTRAL, prototypes
from curate.export.sample import Sample
from curate.generators.subject import Subject
from curate.pairs.view import Drawn
from curate.pairs.views.base import MeshView
from schemas import UnknownNameError
from schemas.columns import faces, labels
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


class _Heat(MeshView):
    """A heat map as grey bytes."""

    def written(self, made: NDArray[Any], pixels: Pixels) -> Drawn:
        """255 for 1."""
        return super().written(np.rint(np.clip(made, 0, 1) * 255).astype(np.uint8), pixels)


class EmotionHeat(_Heat):
    """From the label of the emotion."""

    name = "emotion_heat"
    doc = "Where the action units of the perceived emotion lie; black for neutral."
    needs = (labels.MESH, faces.POINTS_5, labels.PERCEIVED_EMOTION)

    def made(self, subject: Subject, sample: Sample) -> NDArray[np.float32] | None:
        """The map; None where no emotion is known."""
        emotion = sample.faces[0].labels.get(labels.PERCEIVED_EMOTION.name)
        return None if emotion is None else emotion_heat(subject.need_mesh(), emotion, subject.side)


class UnitHeat(_Heat):
    """From measured action units."""

    name = "au_heat"
    doc = "Where action units are measured, as bright as they are strong; per side where the sides are known."
    needs = (labels.MESH, faces.POINTS_5, labels.AU_INTENSITY)
    uses = (labels.AU_LEFT, labels.AU_RIGHT)

    def made(self, subject: Subject, sample: Sample) -> NDArray[np.float32] | None:
        """The map; None where no unit is known."""
        known = sample.faces[0].labels
        whole, left, right = (known.get(c.name) for c in (labels.AU_INTENSITY, labels.AU_LEFT, labels.AU_RIGHT))
        if whole is None:
            return None
        halves = None if left is None or right is None else (_filled(left, whole), _filled(right, whole))
        return unit_heat(subject.need_mesh(), whole, subject.side, halves)


def _filled(side: Mapping[str, float | None], whole: Mapping[str, float | None]) -> dict[str, float | None]:
    """Units of one side, and those of the whole face that have no sides."""
    return {unit: whole[unit] if side.get(unit) is None else side[unit] for unit in whole}
