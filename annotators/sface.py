"""The SFace network (Apache-2.0), run once per face for all who read it: its embedding and its inner feature maps.

The embedding is trained to forget age and expression; earlier maps of the same pass know far more about them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Face, NotApplicable
from annotators.crops import ARCFACE_112, CropSpec, Matrix, Pixels, similarity
from annotators.runtime import Floats, OnnxModel
from schemas import Column
from schemas.columns import faces

if TYPE_CHECKING:
    from annotators.weights import ModelStore

PIXEL_CENTRE = 0.5
"""OpenCV counts points from the centre of the first pixel, this project from the picture's corner."""

MAPS = ("conv_6_relu", "conv_12_relu", "bn1")
"""Inner maps that are pooled: 256 x 28 x 28, 512 x 14 x 14 and 1024 x 7 x 7."""

POOLED = 2 * (256 + 512 + 1024) + 128
"""Length of `Features.pooled`."""

FINE_MAP = "conv_4_relu"
"""An early map, 128 x 56 x 56: texture, before the network begins to forget it."""


@dataclass(frozen=True)
class SFaceCrop(CropSpec):
    """The 112 x 112 crop of OpenCV's `FaceRecognizerSF.alignCrop`, on which SFace was trained."""

    size: int = 112
    requires = (faces.POINTS_5,)

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        if values[faces.POINTS_5] is None:
            raise NotApplicable(f"no {faces.POINTS_5.name}")
        points = np.asarray(values[faces.POINTS_5], np.float64)
        return similarity(points + PIXEL_CENTRE, ARCFACE_112 + PIXEL_CENTRE)


CROP = SFaceCrop()


@dataclass(frozen=True)
class Features:
    """What SFace makes of one face.

    Attributes:
        embedding: Its output, shape (128,), not of unit length.
        pooled: Mean and standard deviation over space of each channel of `MAPS`, then the embedding; shape (3712,).
        texture: The same two statistics of `FINE_MAP`; shape (256,).
        trunk: The whole map `conv_12_relu`, from which a head can go its own way; shape (512, 14, 14).
    """

    embedding: Floats
    pooled: Floats
    texture: Floats
    trunk: Floats


class SFace:
    """The network of one process. Get it with `models.shared(SFace)` and ask `face.once(network)`."""

    def __init__(self, models: ModelStore) -> None:
        self._model = OnnxModel(models.path("sface"), extra_outputs=(*MAPS, FINE_MAP))

    def __call__(self, face: Face) -> Features:
        """Features of one face, from its `CROP`."""
        return self.features(face.crop(CROP).pixels)

    def features(self, crop: Pixels) -> Features:
        """Features of an RGB crop, shape (112, 112, 3)."""
        embedding, *maps, fine = self._model(network_input(crop))
        statistics = [statistic for m in maps for statistic in _statistics(m)]
        return Features(
            embedding[0],
            np.concatenate([*statistics, embedding[0]]),
            np.concatenate(_fast_statistics(fine)),
            maps[1][0],
        )


def _statistics(feature_map: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each channel of a map, shape (1, channels, height, width), over space."""
    flat = feature_map[0].reshape(feature_map.shape[1], -1)
    return flat.mean(1), flat.std(1)


def _fast_statistics(feature_map: Floats) -> tuple[Floats, Floats]:
    """The same for a large map, to float32's precision, in a third of the time: no copy of the map is made."""
    flat = feature_map[0].reshape(feature_map.shape[1], -1)
    mean = flat.mean(1)
    power = np.einsum("ij,ij->i", flat, flat) / np.float32(flat.shape[1])
    return mean, np.sqrt(np.maximum(power - mean * mean, 0))


def network_input(crop: Pixels) -> Floats:
    """RGB crop, shape (112, 112, 3), as the network takes it: RGB in 0-255, shape (1, 3, 112, 112)."""
    return np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)
