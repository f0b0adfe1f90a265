"""What is fitted after the network, on faces that it has not seen: balance, temperatures, thresholds, sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.calibration import (
    Scaling,
    abstention_threshold,
    calibration_error,
    conformal_quantile,
    conformity,
    fit_scaling,
    group_quantiles,
    softmax,
)
from annotators.demographics import AGE, ANSWERS, NETWORK_ORDER, RACE, RACE4, Answer, four_groups
from benchmarks.demographic_training import Truth

COVERAGE = 0.9
SMALL = 50
"""Most probable races with fewer calibration faces share the threshold of all."""
LEAST_ANSWERED = 0.8
WANTED = {"gender": 0.95, "race": 0.8, "race4": 0.93, "age": 0.65}
"""Accuracy that answers shall reach, as far as four fifths are answered."""
STRENGTHS = tuple(0.1 * i for i in range(11))

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Balance:
    """Log odds given to classes that a network fitted on uneven counts passes over; chosen on faces kept back.

    Attributes:
        race: Every race by its frequency to this power, turned over (A. Menon et al., "Long-tail learning via logit
            adjustment", 2021).
        oldest: Added to 70+, of which there are fewer than one in a hundred.
    """

    race: float = 0.3
    oldest: float = 0.6

    def bias(self, answer: Answer, truth: Truth) -> tuple[float, ...]:
        """Added log odds per class; their mean is 0; none where nothing is added."""
        lift = np.zeros(len(answer.classes))
        if answer is RACE:
            counts = np.bincount(truth.race, minlength=len(lift))
            lift = -self.race * np.log(counts / counts.sum())
        if answer is AGE:
            lift[-1] = self.oldest
        return tuple(float(b) for b in lift - lift.mean()) if lift.any() else ()


def split_logits(logits: Array) -> dict[str, Array]:
    """Logits by attribute, shape (n, classes) each."""
    cuts = np.cumsum([len(a.classes) for a in NETWORK_ORDER])[:-1]
    return {a.name: part for a, part in zip(NETWORK_ORDER, np.split(logits, cuts, axis=1), strict=True)}


def balance_table(logits: Array, truth: Truth, every: Truth) -> str:
    """What each strength of the balance would do, to choose from: accuracy, worst recall, and recall of the last class.

    Args:
        logits: Of the faces kept back for choosing, from a network that was not fitted on them.
        truth: Their labels.
        every: Labels of the whole training split, for the frequencies.
    """
    lines = []
    for answer in (AGE, RACE):
        part, true = split_logits(logits)[answer.name], getattr(truth, answer.name)
        cooled = part / fit_scaling(part, true).temperature
        for strength in STRENGTHS:
            bias = Balance(strength, strength).bias(answer, every) or (0.0,)
            guess = (cooled + np.array(bias)).argmax(1)
            recalls = [float((guess[true == k] == k).mean()) for k in range(len(answer.classes))]
            accuracy = f"{(guess == true).mean():.4f}"
            lines.append(f"{answer.name} {strength:.1f}: {accuracy}, worst {min(recalls):.3f}, last {recalls[-1]:.3f}")
    return "\n".join(lines)


def rules(logits: Array, truth: Truth, biases: Mapping[str, tuple[float, ...]]) -> dict[str, dict[str, Any]]:
    """A table per attribute for the head's file.

    Args:
        logits: Of the calibration faces, from the shipped network.
        truth: Their labels.
        biases: Added log odds by attribute.
    """
    parts = split_logits(logits)
    scalings = {
        a.name: Scaling(_temperature(parts[a.name], getattr(truth, a.name), biases[a.name]), biases[a.name])
        for a in NETWORK_ORDER
    }
    chances = {name: scaling(parts[name]) for name, scaling in scalings.items()}
    chances[RACE4.name] = np.stack([four_groups(p)[0] for p in chances[RACE.name]])
    seen_race = np.array(RACE.classes)[chances[RACE.name].argmax(1)]
    tables = {}
    for answer in ANSWERS:
        true, placed = true_classes(answer, truth)
        p, true, groups = chances[answer.name][placed], true[placed], seen_race[placed]
        scaling = scalings[RACE.name if answer is RACE4 else answer.name]
        by_class = answer in (RACE, RACE4)
        right = p.argmax(1) == true
        tables[answer.name] = {
            "temperature": scaling.temperature,
            "bias": list(scaling.bias),
            "threshold": abstention_threshold(p.max(1), right, WANTED[answer.name], LEAST_ANSWERED),
            "calibration_error": calibration_error(p.max(1), right),
            "faces": len(true),
            "quantiles": _quantiles(p, true, np.array(answer.classes)[true] if by_class else groups, by_class, answer),
        }
    return tables


def true_classes(answer: Answer, truth: Truth) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """True class of each face, and whether it has one: among the four groups not every race does."""
    if answer is not RACE4:
        true = getattr(truth, answer.name)
        return true, np.ones(len(true), bool)
    place = [four_groups(row)[0] if four_groups(row)[1] < 0.5 else None for row in np.eye(len(RACE.classes))]
    of = np.array([-1 if p is None else int(p.argmax()) for p in place])
    return of[truth.race], of[truth.race] >= 0


def _temperature(logits: Array, true: NDArray[np.int64], bias: tuple[float, ...]) -> float:
    """The best temperature beside a fixed bias: of softmax(logits / temperature + bias)."""
    if not bias:
        return fit_scaling(logits, true).temperature
    grid = np.geomspace(0.3, 3, 400)
    losses = [-np.log(softmax(logits / t + np.array(bias))[np.arange(len(true)), true]).mean() for t in grid]
    return float(grid[int(np.argmin(losses))])


def _quantiles(
    p: Array, true: NDArray[np.int64], groups: NDArray[Any], by_class: bool, answer: Answer
) -> dict[str, float]:
    scores = conformity(p)[np.arange(len(true)), true]
    whole = conformal_quantile(scores, COVERAGE)
    found = group_quantiles(scores, groups, COVERAGE)
    names = answer.classes if by_class else RACE.classes
    return {name: found[name] if (groups == name).sum() >= SMALL else whole for name in names}
