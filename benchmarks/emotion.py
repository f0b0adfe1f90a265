"""Accuracy of the expression labels on the test part of two noisy labelled sets: faces that nothing was fitted on.

python -m benchmarks.emotion                   the tables
python -m benchmarks.emotion --fit-fer         fit data/emotion_calibration.toml, the correction of fer alone

The `fer` network has probably seen FER2013, this test part of it too, when it was made; the head has not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from annotators.calibration import calibration_error
from annotators.emotion import Emotion
from annotators.emotion_fer import FLOOR, EmotionFer, EmotionFerConfig, calibration
from annotators.weights import ModelStore
from benchmarks.action_unit_data import bucket
from benchmarks.emotion_disturbances import disturbed
from benchmarks.emotion_features import CLASSES, SETS, Picture
from benchmarks.emotion_features import pictures as every_picture
from benchmarks.emotion_parts import first_of_each, parts
from benchmarks.labelling import arguments, decode, label, made
from benchmarks.statistics import Estimate, bootstrap, macro_f1, mean, proportion, table
from schemas.columns import labels

Row = dict[str, Any]
Pictures = list[tuple[bytes, Row]]
FER, HEAD, PROTOTYPE = "fer", "head", "prototype"
FEW = 10
"""Classes with fewer faces in a set are left out of the second macro-F1."""


def pictures(data: Path, part: str) -> Pictures:
    """Pictures of a part with their set and label; of FER2013's copies of one original the first."""
    every = list(every_picture(data))
    chosen = zip(every, parts(every).tolist(), first_of_each(every).tolist(), strict=True)
    return [(p.image, _known(p)) for p, own, first in chosen if own == part and first]


def _known(picture: Picture) -> Row:
    return {"set": picture.set, "truth": CLASSES[picture.truth], "copy": picture.copy, "key": picture.key}


def judged(some: Pictures, models: ModelStore, prototypes: bool = False) -> list[Row]:
    """Probabilities by the fer network alone, by the head and, if asked for, by the prototypes; found faces only."""
    raw = label(some, [EmotionFer(EmotionFerConfig(calibrate=False))], models)
    chain = ["mesh", "blendshapes", *(["action_units", "emotion_prototype"] if prototypes else [])]
    rows = label(some, [*made(*chain), Emotion()], models)
    both = []
    for first, row in zip(raw, rows, strict=True):
        if first.get(labels.EMOTION_PROB.name):
            found = {FER: first[labels.EMOTION_PROB.name], HEAD: row[labels.EMOTION_PROB.name]}
            both.append({**row, **found, PROTOTYPE: row.get(labels.PROTOTYPE_PROB.name)})
    return both


def top(probabilities: Mapping[str, float | None]) -> str:
    """The most probable class."""
    return max(probabilities, key=lambda name: probabilities[name] or 0.0)


READINGS: dict[str, Callable[[Row], Mapping[str, float] | None]] = {
    "fer alone": lambda row: row[FER],
    "fer corrected (emotion_fer)": lambda row: calibration()(row[FER]),
    "head (emotion)": lambda row: row[HEAD],
    "EMFACS prototypes": lambda row: row[PROTOTYPE],
}
OURS = "head (emotion)"


def answers(rows: list[Row], reading: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Truth, answer and its probability, for the faces that the reading says anything of."""
    found = [(r["truth"], p) for r in rows if (p := READINGS[reading](r))]
    guess = np.array([top(p) for _, p in found])
    return np.array([t for t, _ in found]), guess, np.array([p[g] for (_, p), g in zip(found, guess, strict=True)])


def compare(rows: list[Row]) -> str:
    """Accuracy, macro-F1 and calibration error of every reading on every set."""
    lines = []
    for name in SETS:
        for reading in READINGS:
            truth, guess, sure = answers([r for r in rows if r["set"] == name], reading)
            if len(truth):
                right = guess == truth
                lines.append((name, reading, len(truth), proportion(right), macro_f1(truth, guess),
                              common_f1(truth, guess), calibration_error(sure, right)))  # fmt: skip
    head = ("set", "reading", "n", "accuracy", "macro-F1", f"macro-F1, classes of {FEW}+ faces", "ECE")
    return table(head, lines)


def common(truth: np.ndarray[Any, Any]) -> list[str]:
    """Classes with enough faces to be counted on."""
    return [c for c in CLASSES if (truth == c).sum() >= FEW]


def common_f1(truth: np.ndarray[Any, Any], guess: np.ndarray[Any, Any]) -> Estimate:
    """Macro-F1 over the classes with enough faces; guesses of other classes count as wrong."""
    return bootstrap(_f1(common(truth)), truth, guess, rounds=300)


def _f1(classes: Sequence[str]) -> Callable[..., float]:
    from sklearn.metrics import f1_score

    return lambda y, p: float(f1_score(y, p, labels=list(classes), average="macro", zero_division=0))


def gains(rows: list[Row]) -> str:
    """Macro-F1 of the head minus that of others on the same faces, with the interval of the difference."""
    lines = []
    for name in SETS:
        own = [r for r in rows if r["set"] == name]
        truth, head, _ = answers(own, OURS)
        for classes, words in ((list(np.unique(truth)), "all"), (common(truth), f"of {FEW}+ faces")):
            score = _f1(classes)
            for reading in ("fer alone", "fer corrected (emotion_fer)"):
                other = answers(own, reading)[1]
                gain = bootstrap(lambda y, a, b, f=score: f(y, a) - f(y, b), truth, head, other, rounds=500)
                lines.append((name, words, reading, gain))
    return table(("set", "classes", "head minus", "macro-F1 gained"), lines)


def per_class(rows: list[Row], reading: str) -> str:
    """Recall, precision and F1 of every class on every set."""
    lines = []
    for name in SETS:
        truth, guess, _ = answers([r for r in rows if r["set"] == name], reading)
        for c in CLASSES:
            if (own := truth == c).any():
                found = guess == c
                f1 = 2 * float((own & found).sum()) / float(own.sum() + found.sum())
                lines.append((name, c, int(own.sum()), proportion(found[own]), proportion(own[found]), f1))
    return table(("set", "class", "n", "recall", "precision", "F1"), lines)


def abstention(rows: list[Row]) -> str:
    """What thresholds cost and gain."""
    lines = []
    for name in SETS:
        truth, guess, sure = answers([r for r in rows if r["set"] == name], OURS)
        right = guess == truth
        lines += [
            (name, limit, proportion(sure >= limit), proportion(right[sure >= limit]))
            for limit in (0.0, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
        ]
    return table(("set", "threshold", "answered", "right when answered"), lines)


def sets(rows: list[Row]) -> str:
    """How often the conformal set holds the truth, and how large it is."""
    lines = []
    for name in (*SETS, "both"):
        own = [r for r in rows if name in ("both", r["set"])]
        held = [r["truth"] in r[labels.EMOTION_SET.name] for r in own]
        lines.append((name, len(own), proportion(held), mean([len(r[labels.EMOTION_SET.name]) for r in own])))
    return table(("set", "n", "covered", "mean size"), lines)


def harsh(data: Path, models: ModelStore) -> str:
    """FER2013 with every face disturbed as its copies of disgust are: is the disturbance taken for disgust?"""
    some = [
        (image if row["copy"] else _disturbed(image, row["key"]), row)
        for image, row in pictures(data, "test")
        if row["set"] == "FER2013"
    ]
    rows = judged(some, models)
    lines = []
    for reading in ("fer alone", OURS):
        truth, guess, _ = answers(rows, reading)
        other = truth != "disgust"
        lines.append((reading, len(truth), proportion(guess == truth), macro_f1(truth, guess),
                      proportion(guess[~other] == "disgust"), proportion(guess[other] == "disgust")))  # fmt: skip
    return table(("reading", "n", "accuracy", "macro-F1", "disgust found", "others called disgust"), lines)


def _disturbed(image: bytes, key: str) -> bytes:
    picture = disturbed(decode(image), np.random.default_rng(bucket(f"{key}/test", 2**32)))
    return bytes(cv2.imencode(".png", picture[:, :, ::-1])[1])


def fit_fer(rows: list[Row]) -> str:
    """The correction of the fer network that minimises the weighted log loss over both sets, as TOML.

    Every class weighs one over the square root of its count, every set the same.
    """
    from scipy.optimize import minimize

    logs, truths, weights = [], [], []
    for name in SETS:
        own = [r for r in rows if r["set"] == name]
        truth = np.array([CLASSES.index(r["truth"]) for r in own])
        weight = 1 / np.sqrt(np.bincount(truth, minlength=7)[truth])
        logs.append(np.log(np.array([[r[labels.EMOTION_PROB.name][c] for c in CLASSES] for r in own]) + FLOOR))
        truths.append(truth)
        weights.append(weight / weight.sum())
    log, truth, weight = np.concatenate(logs), np.concatenate(truths), np.concatenate(weights)

    def loss(parameters: np.ndarray[Any, Any]) -> float:
        logits = log * np.exp(parameters[0]) + parameters[1:]
        logits = logits - logits.max(1, keepdims=True)
        picked = logits[np.arange(len(truth)), truth] - np.log(np.exp(logits).sum(1))
        return float(-(weight * picked).sum() + 0.002 * (parameters[1:] ** 2).sum())

    found = minimize(loss, np.zeros(8)).x
    lines = [f"sharpness = {np.exp(found[0]):.3f}", "", "[bias]"]
    return "\n".join(lines + [f"{c} = {b:.3f}" for c, b in zip(CLASSES, found[1:], strict=True)])


def report(rows: list[Row]) -> Iterator[tuple[str, str]]:
    """Headings and tables."""
    yield "Test part", compare(rows)
    yield "Gain of the head", gains(rows)
    yield "Per class, fer corrected", per_class(rows, "fer corrected (emotion_fer)")
    yield "Per class, head", per_class(rows, OURS)
    yield "Answers of the head by threshold", abstention(rows)
    yield "Conformal sets of the head, meant to hold the truth in 90 %", sets(rows)


def main() -> None:
    """Print the tables, or fit the correction of fer."""
    parser = arguments(__doc__)
    parser.add_argument("--fit-fer", action="store_true", help="fit the correction of the fer network alone")
    options = parser.parse_args()
    models = ModelStore()
    if options.fit_fer:
        some = [p for part in ("fit", "calibrate") for p in pictures(options.data, part)]
        rows = label(some, [EmotionFer(EmotionFerConfig(calibrate=False))], models)
        print(fit_fer([r for r in rows if r.get(labels.EMOTION_PROB.name)]))
        return
    some = pictures(options.data, "test")
    rows = judged(some, models, prototypes=True)
    print(f"{len(rows)} of {len(some)} pictures labelled (the others show no face to the detector)")
    for heading, text in report(rows):
        print(f"\n{heading}\n\n{text}")
    print(f"\nFER2013 with every face disturbed as its copies are\n\n{harsh(options.data, models)}")


if __name__ == "__main__":
    main()
