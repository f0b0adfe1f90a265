"""The `fer` package's expression network (MIT), run once per face for all who read it."""

from __future__ import annotations

from dataclasses import dataclass
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

WIDE_VIEW = DetectionCrop(64, scale=1.15)
"""A third view with more around the face, mirrored: it tells a learner more, though the network alone does worse."""


INNER_MAP = "model_1_1/add_4_1/Add"
"""The last map before the seven classes, 4 x 4 x 128."""

VIEWS = 3
INNER = VIEWS * 2 * 128
"""Length of `Reading.inner`."""


@dataclass(frozen=True)
class Reading:
    """What the network makes of one face.

    Attributes:
        probabilities: Of the level, the upright and the wide view, shape (3, 7), in the order of the coding `fer`.
        inner: Mean over space of each channel of `INNER_MAP` in each view, then the greatest value; shape (768,).
    """

    probabilities: Floats
    inner: Floats


class Fer:
    """The network of one process. Get it with `models.shared(Fer)` and ask `face.once(network)`."""

    def __init__(self, models: ModelStore) -> None:
        self._model = TfliteModel(models.path("fer"), extra_outputs=(INNER_MAP,))

    def __call__(self, face: Face) -> Reading:
        """Its reading of the three views of a face."""
        others = (mirrored(face.crop(view).pixels) for view in (UPRIGHT_VIEW, WIDE_VIEW))
        views = face.crop(LEVEL_VIEW).pixels, *others
        probabilities, maps = zip(*(self._model(network_input(view)) for view in views), strict=True)
        flat = [m[0].reshape(-1, m.shape[-1]) for m in maps]
        inner = [f.mean(0) for f in flat] + [f.max(0) for f in flat]
        return Reading(np.concatenate(probabilities), np.concatenate(inner))


def network_input(crop: Pixels) -> Floats:
    """RGB crop, shape (64, 64, 3), as the network takes it: grey in -1..1, shape (1, 64, 64, 1)."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return np.asarray(grey[None, :, :, None], np.float32) / np.float32(127.5) - np.float32(1)
