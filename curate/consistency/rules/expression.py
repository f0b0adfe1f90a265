"""Action units against blendshapes, against each other's opposites, and side against side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curate.consistency.rule import Rule, Verdict, clash, either
from curate.consistency.values import Values, ramp
from schemas.columns import labels

FACS = "Ekman, Friesen and Hager 2002 (FACS manual)"
TUNED = "thresholds beyond the 99th percentile of 2,753 FairFace training faces"


@dataclass(frozen=True)
class Pair:
    """An action unit and the blendshapes that move with it.

    Attributes:
        unit: Such as `AU12`.
        shapes: Coefficients, averaged.
        words: What both show.
        low: Mean coefficient from which `high unit` begins to be contradicted, and where it is so in full.
        high: The same for `low unit`.
    """

    unit: str
    shapes: tuple[str, ...]
    words: str
    low: tuple[float, float]
    high: tuple[float, float]


def _sides(stem: str) -> tuple[str, str]:
    return f"{stem}Left", f"{stem}Right"


PAIRS = (
    Pair("AU1", ("browInnerUp",), "raised inner brows", (0.03, 0.0), (0.25, 0.6)),
    Pair("AU2", _sides("browOuterUp"), "raised outer brows", (0.05, 0.0), (0.3, 0.6)),
    Pair("AU5", _sides("eyeWide"), "raised upper lids", (0.01, 0.0), (0.06, 0.2)),
    Pair("AU12", _sides("mouthSmile"), "a smile", (0.05, 0.0), (0.4, 0.7)),
    Pair("AU26", ("jawOpen",), "a dropped jaw", (0.06, 0.0), (0.15, 0.4)),
    Pair("AU43", _sides("eyeBlink"), "closed eyes", (0.35, 0.1), (0.45, 0.65)),
)


def _pair(pair: Pair) -> Rule:
    def test(values: Values) -> Verdict:
        unit = values.field(labels.AU_SCORE, pair.unit)
        shape = values.field(labels.BLENDSHAPES, *pair.shapes)
        facts = {"unit": unit, "shape": shape}
        return either(
            clash(ramp(unit, 0.7, 0.95), ramp(shape, *pair.low), **facts),
            clash(ramp(unit, 0.3, 0.05), ramp(shape, *pair.high), **facts),
        )

    name = pair.shapes[0].removesuffix("Left")
    return Rule(
        f"{pair.unit.lower()}_against_{name}",
        (labels.AU_SCORE, labels.BLENDSHAPES),
        0.6,
        f"{pair.unit} ({pair.words}) scores {{unit:.2f}}, but the blendshape {name} is {{shape:.2f}}.",
        f"{FACS}: both describe {pair.words}; {TUNED}",
        test,
    )


def _score_and_intensity(values: Values) -> Verdict:
    score, intensity = values.fields(labels.AU_SCORE), values.fields(labels.AU_INTENSITY)
    known = ~np.isnan(score) & ~np.isnan(intensity)
    strong_but_unseen = np.sqrt(ramp(score, 0.5, 0.1) * ramp(intensity, 1.0, 2.5))
    seen_but_absent = np.sqrt(ramp(score, 0.6, 0.9) * ramp(intensity, 1.0, 0.0))
    doubt = np.where(known, np.maximum(strong_but_unseen, seen_but_absent), 0.0)
    worst, rows = doubt.argmax(1), np.arange(len(values))
    units = np.array([f.name for f in labels.AU_SCORE.type])
    facts = {"unit": units[worst], "score": score[rows, worst], "intensity": intensity[rows, worst]}
    return Verdict(np.asarray(known.any(1)), doubt[rows, worst], facts)


def _sides_and_total(values: Values) -> Verdict:
    total, left, right = (values.fields(c) for c in (labels.AU_INTENSITY, labels.AU_LEFT, labels.AU_RIGHT))
    low, high = np.minimum(left, right), np.maximum(left, right)
    known = ~np.isnan(total + left + right)
    beyond = np.where(known, np.maximum(total - high, low - total), 0.0)
    worst, rows = beyond.argmax(1), np.arange(len(values))
    units = np.array([f.name for f in labels.AU_SCORE.type])
    facts = {"unit": units[worst]} | {
        name: v[rows, worst] for name, v in (("total", total), ("left", left), ("right", right))
    }
    return Verdict(np.asarray(known.any(1)), ramp(beyond[rows, worst], 1.0, 2.5), facts)


def _one_sided(values: Values) -> Verdict:
    left, right = values.field(labels.AU_LEFT, "AU12"), values.field(labels.AU_RIGHT, "AU12")
    shapes = values.field(labels.BLENDSHAPES, "mouthSmileLeft"), values.field(labels.BLENDSHAPES, "mouthSmileRight")
    by_unit, by_shape = left - right, shapes[0] - shapes[1]
    toward = by_unit * by_shape
    opposite = np.where(np.isnan(toward), np.nan, (toward < 0).astype(float))
    one = ramp(np.abs(by_unit), 1.0, 2.5)
    return clash(one * opposite, ramp(np.abs(by_shape), 0.15, 0.4), left=left, right=right)


RULES = (
    *map(_pair, PAIRS),
    Rule(
        "au_score_against_intensity",
        (labels.AU_SCORE, labels.AU_INTENSITY),
        0.5,
        "{unit} scores {score:.2f}, but its intensity is {intensity:.1f}.",
        "0.5 is the score's decision point and intensity is 0 for an absent unit (docs of both columns)",
        _score_and_intensity,
    ),
    Rule(
        "au_sides_against_total",
        (labels.AU_INTENSITY, labels.AU_LEFT, labels.AU_RIGHT),
        0.5,
        "{unit} has intensity {total:.1f} as a whole, outside its two sides, {left:.1f} left and {right:.1f} right.",
        f"{FACS}: an asymmetric unit is scored by its stronger side, so the whole lies between the sides",
        _sides_and_total,
    ),
    Rule(
        "smile_side_against_smile_shape",
        (labels.AU_LEFT, labels.AU_RIGHT, labels.BLENDSHAPES),
        0.4,
        "AU12 is {left:.1f} left and {right:.1f} right, but the smile blendshapes lean to the other side.",
        f"{FACS}: both measure the same lip corners; {TUNED}",
        _one_sided,
    ),
)
