"""Reading of action units by the EMFACS prototypes of six emotions: an opinion one can check by eye."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from annotators.base import Config, Face, FaceAnnotator, NotApplicable
from schemas import Column
from schemas.columns import labels
from schemas.taxonomy import taxonomy

NEUTRAL = "neutral"


@dataclass(frozen=True)
class PrototypeConfig(Config):
    """How fits become probabilities; chosen on 1,193 faces of the choosing half of benchmarks/emotion.py.

    Attributes:
        absent: Score at and under which an action unit counts as absent.
        present: Score from which it counts as fully there.
        rest: Neutral's fit when no prototype fits at all; at 0.43 a prototype wins from a fit of 0.30 on.
        sharpness: Factor of a fit in the exponent of its probability.
        support: Least share of a combination's units that must be known for it to be judged.
    """

    absent: float = 0.2
    present: float = 0.7
    rest: float = 0.43
    sharpness: float = 7.0
    support: float = 0.5


@cache
def prototypes() -> dict[str, tuple[frozenset[str], ...]]:
    """Emotion -> its combinations of action units, from `data/emotion_prototypes.toml`."""
    text = resources.files("annotators").joinpath("data/emotion_prototypes.toml").read_text("utf-8")
    return {emotion: tuple(map(frozenset, sets)) for emotion, sets in tomllib.loads(text)["prototype"].items()}


def fits(scores: Mapping[str, float | None], config: PrototypeConfig) -> dict[str, float | None]:
    """How well each emotion's best combination fits the action units seen, 0-1.

    The fit is the soft Tanimoto coefficient of the units seen and the combination's: what is seen of it,
    over its size and what is seen besides. Units without a score are left out on both sides.

    Args:
        scores: Action unit -> score in 0-1, or None where it cannot be seen.
        config: See `PrototypeConfig`.

    Returns:
        Emotion -> fit, or None where too few of its units can be seen.
    """
    known = prototypes()
    units = frozenset().union(*(c for sets in known.values() for c in sets))
    seen = {
        unit: float(np.clip((score - config.absent) / (config.present - config.absent), 0, 1))
        for unit in units
        if (score := scores.get(unit)) is not None
    }
    return {emotion: max(_combination_fits(sets, seen, config), default=None) for emotion, sets in known.items()}


def _combination_fits(
    combinations: tuple[frozenset[str], ...], seen: Mapping[str, float], config: PrototypeConfig
) -> list[float]:
    """Fits of those combinations of which enough units are known."""
    values = []
    for combination in combinations:
        judged = combination & seen.keys()
        if len(judged) < config.support * len(combination):
            continue
        shared = sum(seen[unit] for unit in judged)
        besides = sum(activity for unit, activity in seen.items() if unit not in combination)
        values.append(shared / (len(judged) + besides))
    return values


def reading(scores: Mapping[str, float | None], config: PrototypeConfig) -> dict[str, float | None]:
    """Distribution over `emotion-7` from action-unit scores.

    Neutral is what the best prototype leaves: its fit falls from `rest` to 0 as that one's rises to 1.

    Raises:
        NotApplicable: if no prototype can be judged.
    """
    found = fits(scores, config)
    judged = [fit for fit in found.values() if fit is not None]
    if not judged:
        raise NotApplicable("too few action units are known")
    found[NEUTRAL] = config.rest * (1 - max(judged))
    weights = {k: None if fit is None else float(np.exp(config.sharpness * fit)) for k, fit in found.items()}
    total = sum(w for w in weights.values() if w is not None)
    return {label: None if (w := weights[label]) is None else w / total for label in taxonomy("emotion-7").labels}


class EmotionPrototype(FaceAnnotator):
    """EMFACS reading of the action units; an emotion whose units cannot be seen has no probability."""

    name = "emotion_prototype"
    version = "1"
    doc = "Which emotion's action-unit prototype (EMFACS) fits the face, as a distribution."
    requires = (labels.AU_SCORE,)
    provides = (labels.PROTOTYPE, labels.PROTOTYPE_PROB)
    config_type = PrototypeConfig
    config: PrototypeConfig

    def label(self, face: Face) -> Mapping[Column, Any]:
        distribution = reading(face.need(labels.AU_SCORE), self.config)
        best = max(distribution, key=lambda name: distribution[name] or 0.0)
        return {labels.PROTOTYPE: best, labels.PROTOTYPE_PROB: distribution}
