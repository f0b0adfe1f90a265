"""Valence and arousal as distributions, read from the expression's probabilities."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from annotators.base import Face, FaceAnnotator
from schemas import Column
from schemas.columns import labels
from schemas.taxonomy import taxonomy


@dataclass(frozen=True)
class AffectEstimate:
    """What one viewer would say, as mean and standard deviation, -1..1 each."""

    valence: float
    valence_sd: float
    arousal: float
    arousal_sd: float


@cache
def coordinates() -> dict[str, dict[str, float]]:
    """Valence, arousal and their standard deviations of each expression, from `data/affect.toml`."""
    text = resources.files("annotators").joinpath("data/affect.toml").read_text("utf-8")
    table: dict[str, dict[str, float]] = tomllib.loads(text)["expression"]
    return {label: table[label] for label in taxonomy("emotion-7").labels}


def affect(probabilities: Mapping[str, float]) -> AffectEstimate:
    """Mean and standard deviation of the mixture of the expressions' distributions.

    The variance has two parts: how much viewers differ about one expression, and how far the possible
    expressions lie apart.

    Args:
        probabilities: Of the labels of `emotion-7`; they need not sum to 1 but must not all be 0.
    """
    table = coordinates()
    weights = np.array([probabilities[label] for label in table])
    weights = weights / weights.sum()
    numbers: dict[str, float] = {}
    for axis in ("valence", "arousal"):
        centre = np.array([point[axis] for point in table.values()])
        width = np.array([point[f"{axis}_sd"] for point in table.values()])
        mean = float(weights @ centre)
        numbers[axis] = mean
        numbers[f"{axis}_sd"] = float(np.sqrt(weights @ (width**2 + (centre - mean) ** 2)))
    return AffectEstimate(**numbers)


class Affect(FaceAnnotator):
    """Valence and arousal that a viewer would read in the face."""

    name = "affect"
    version = "1"
    doc = "Valence and arousal with their spread, from the expression's probabilities."
    requires = (labels.EMOTION_PROB,)
    provides = (labels.VALENCE, labels.VALENCE_SD, labels.AROUSAL, labels.AROUSAL_SD)

    def label(self, face: Face) -> Mapping[Column, Any]:
        estimate = affect(face.need(labels.EMOTION_PROB))
        return {
            labels.VALENCE: estimate.valence,
            labels.VALENCE_SD: estimate.valence_sd,
            labels.AROUSAL: estimate.arousal,
            labels.AROUSAL_SD: estimate.arousal_sd,
        }
