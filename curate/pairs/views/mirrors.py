"""The mirrored face: picture, points and, by `mirrored_pose`, the angles of its head."""

from __future__ import annotations

import numpy as np

from annotators.crops import Pixels
from annotators.points import mirror
from curate.export.sample import Sample
from curate.pairs.view import Drawn, View
from schemas.columns import labels


def mirrored_pose(yaw: float, pitch: float, roll: float) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of the head in the mirrored picture: yaw and roll change their signs."""
    return -yaw, pitch, -roll


class Mirror(View):
    """The mirrored picture."""

    name = "mirror"
    doc = "The picture mirrored left to right."

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """Mirrored."""
        return np.ascontiguousarray(pixels[:, ::-1])


class MirrorPoints(View):
    """Points of the mirrored picture."""

    name = "mirror_points_68"
    doc = "The 68 points of the mirrored picture, renumbered by the flip map, (68, 2) float32 px."
    suffix = ".npy"
    needs = (labels.POINTS_68,)

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """Points; None for faces without."""
        points = sample.faces[0].labels.get(labels.POINTS_68.name)
        if points is None:
            return None
        return mirror(np.asarray(points, np.float32).reshape(68, 2), "points-68", pixels.shape[1])
