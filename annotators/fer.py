"""The `fer` package's expression network (MIT), run once per face for all who read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from annotators.base import Face
from annotators.crops import BoxCrop, Pixels
from annotators.mesh_crops import DetectionCrop
from annotators.runtime import Floats, TfliteModel
from annotators.views import mirrored

if TYPE_CHECKING:
    from annotators.weights import ModelStore

LEVEL_VIEW = DetectionCrop(64, scale=1.0)
UPRIGHT_VIEW = BoxCrop(64, margin=-0.025)
"""Two views of the detector's box, one turned so that the eyes are level, the other mirrored: the simplest of the best
pairs among 39 crops by box, five points and mesh on the choosing half of two sets (benchmarks/emotion.py)."""


class Fer:
    """The network of one process. Get it with `models.shared(Fer)` and ask `face.once(network)`."""

    def __init__(self, models: ModelStore) -> None:
        self._model = TfliteModel(models.path("fer"))

    def __call__(self, face: Face) -> Floats:
        """Its probabilities of the two views, shape (2, 7), in the order of the coding `fer`."""
        views = face.crop(LEVEL_VIEW).pixels, mirrored(face.crop(UPRIGHT_VIEW).pixels)
        return np.stack([self._model(network_input(view))[0][0] for view in views])


def network_input(crop: Pixels) -> Floats:
    """RGB crop, shape (64, 64, 3), as the network takes it: grey in -1..1, shape (1, 64, 64, 1)."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return np.asarray(grey[None, :, :, None], np.float32) / np.float32(127.5) - np.float32(1)
