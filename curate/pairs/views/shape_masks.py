"""Masks that hide a face's own outline: its hull grown or shrunk at random, with windows left open in it.

J. Lee et al., "SelfSwapper: self-supervised face swapping via shape agnostic masked autoencoder", ECCV 2024: a model
that restores what is masked must not learn the outline of the face from the mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.part_maps import Mask
from curate.export.sample import Sample
from curate.generators.subject import Subject
from curate.pairs.views.base import MaskView, chance_of
from curate.pairs.views.face_masks import SKIN_POINTS, hull_mask
from schemas import UsageError

SCALES, OPEN = (0.85, 1.15), 0.25
"""Of the views: the least and greatest factor of length, and the share that is left open."""
CELL = 16
"""Windows are squares of this share of the crop: a sixteenth of its side."""


def scaled_mask(mesh: NDArray[np.floating[Any]], side: int, scale: float) -> Mask:
    """The mesh's hull, enlarged about its middle; above 1 it holds the hull, below 1 the hull holds it.

    Args:
        mesh: (478, 2 or 3) px.
        side: Of the crop.
        scale: Factor of length.

    Raises:
        UsageError: for a factor that is not above 0.
    """
    if not scale > 0:
        raise UsageError(f"a mask cannot be scaled by {scale:g}", fix="Give a factor above 0")
    points = np.asarray(mesh, np.float64)[:SKIN_POINTS, :2]
    middle = (points.min(0) + points.max(0)) / 2
    return hull_mask(middle + scale * (points - middle), side)


def perforated(mask: Mask, visible: float, rng: np.random.Generator) -> Mask:
    """Open square windows in a mask until a share of it is open, exact to a pixel.

    Args:
        mask: (side, side).
        visible: Share of the mask's pixels to open, 0-1.
        rng: Chooses the windows.

    Returns:
        What still is masked.

    Raises:
        UsageError: for a share outside 0-1.
    """
    if not 0 <= visible <= 1:
        raise UsageError(f"a share of {visible:g} cannot be left visible", fix="Give 0 to 1")
    side = mask.shape[0]
    cell = max(side // CELL, 1)
    many = -(-side // cell)
    order = rng.permutation(many * many).reshape(many, many)
    ranks = np.kron(order, np.ones((cell, cell), np.int64))[:side, : mask.shape[1]]
    flat = np.flatnonzero(mask.ravel())
    opened = flat[np.argsort(ranks.ravel()[flat], kind="stable")[: round(visible * len(flat))]]
    left = mask.copy().ravel()
    left[opened] = False
    return left.reshape(mask.shape)


class ShapeMask(MaskView):
    """SelfSwapper's mask of the face."""

    name = "shape_mask"
    doc = "White on the hull of the face, enlarged or shrunk by up to 15 % at random, so that it tells no outline."

    def made(self, subject: Subject, sample: Sample) -> Mask:
        """The scaled hull."""
        return scaled_mask(subject.need_mesh(), subject.side, drawn_scale(sample))


class PerforatedMask(MaskView):
    """SelfSwapper's mask with windows."""

    name = "perforated_mask"
    doc = "The hull of the face with a quarter of it left open in square windows."

    def made(self, subject: Subject, sample: Sample) -> Mask:
        """The hull with windows."""
        whole = scaled_mask(subject.need_mesh(), subject.side, 1.0)
        return perforated(whole, OPEN, chance_of(sample, self.name))


def drawn_scale(sample: Sample) -> float:
    """The scale of a face's `shape_mask`."""
    return float(chance_of(sample, ShapeMask.name).uniform(*SCALES))
