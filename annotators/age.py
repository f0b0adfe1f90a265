"""Perceived age as a distribution, from age-v1 (CC0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from annotators.base import Config, Face, FaceAnnotator
from annotators.chips import DetectorChip, MeshChip
from annotators.runtime import OnnxModel
from annotators.views import two_views
from schemas import Column
from schemas.bins import bins
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

YEARS: NDArray[np.float64] = np.concatenate([[0.25], np.arange(1.0, 81.0)])
"""Age each of the network's 81 outputs stands for, in years; the first is the first year of life."""

CHANNEL_MEAN = np.array([122.782, 117.001, 104.298], np.float32)
"""Mean RGB that dlib's networks subtract (`input_rgb_image_sized`), before dividing by 256."""

CHIPS = (DetectorChip(64), MeshChip(64))


@dataclass(frozen=True)
class AgeConfig(Config):
    """How far the network's sharp distribution is spread.

    The raw output claims a standard deviation of 7.0 years where its root mean square error is 10.5
    (1,200 FairFace training faces); spread as below it claims 9.0, and the bins' log loss falls from 2.03 to 1.44.

    Attributes:
        spread_share: Standard deviation of the spread as a share of the age.
        spread_base: The same at birth, in years.
        spread_most: Its upper limit, in years.
    """

    spread_share: float = 0.2
    spread_base: float = 0.5
    spread_most: float = 6.0


def spread(config: AgeConfig) -> NDArray[np.float64]:
    """Row-stochastic matrix, shape (81, 81), that turns an age claimed into a distribution of ages."""
    width = np.minimum(config.spread_share * YEARS + config.spread_base, config.spread_most)
    kernel = np.exp(-0.5 * ((YEARS[:, None] - YEARS[None]) / width[:, None]) ** 2)
    return np.asarray(kernel / kernel.sum(1, keepdims=True))


def bin_probabilities(ages: NDArray[np.float64]) -> dict[str, float]:
    """Distribution over FairFace's bins from one over `YEARS`, shape (81,)."""
    bin_of = bins("age-fairface")
    sums = dict.fromkeys(bin_of.labels, 0.0)
    for year, probability in zip(YEARS, ages, strict=True):
        sums[bin_of.label(float(year))] += float(probability)
    return sums


def chip_input(chip: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB chip, shape (size, size, 3), as dlib's networks take it: shape (3, size, size)."""
    return np.ascontiguousarray(((chip.astype(np.float32) - CHANNEL_MEAN) / 256).transpose(2, 0, 1))


class Age(FaceAnnotator):
    """Perceived age: mean, standard deviation and FairFace bins of one distribution over 0-80 years."""

    name = "age"
    version = "1"
    doc = "Perceived age as a distribution: mean, standard deviation, nine bins."
    provides = (labels.AGE, labels.AGE_SD, labels.AGE_GROUP, labels.AGE_PROB)
    crops = CHIPS
    weights = ("age_v1",)
    default = False
    config_type = AgeConfig
    config: AgeConfig

    def setup(self, models: ModelStore) -> None:
        self._model = OnnxModel(models.path("age_v1"))
        self._spread = spread(self.config)

    def label(self, face: Face) -> Mapping[Column, Any]:
        views = np.stack([chip_input(view) for view in two_views(face, *CHIPS)])
        ages = self._model(views)[0].astype(np.float64).mean(0)
        ages = (ages / ages.sum()) @ self._spread
        mean = float(ages @ YEARS)
        shares = bin_probabilities(ages)
        return {
            labels.AGE: mean,
            labels.AGE_SD: float(np.sqrt(max(ages @ YEARS**2 - mean**2, 0.0))),
            labels.AGE_GROUP: max(shares, key=lambda name: shares[name]),
            labels.AGE_PROB: shares,
        }
