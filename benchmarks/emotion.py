"""Accuracy of the expression labels on two noisy labelled sets, never on the half used to choose settings.

python -m benchmarks.emotion          the tables
python -m benchmarks.emotion --fit    fit data/emotion_calibration.toml on the choosing half
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from annotators.emotion import FLOOR, Emotion, EmotionConfig, calibration
from annotators.weights import ModelStore
from benchmarks.action_unit_data import bucket
from benchmarks.labelling import arguments, label, made
from benchmarks.statistics import Estimate, macro_f1, proportion, table
from schemas.coding import coding
from schemas.columns import labels
from schemas.taxonomy import taxonomy

SETS = {"press photos": ("part-000.parquet", r"_\d+\.\w+$"), "FER2013": ("fer2013-part.parquet", r"\.jpg.*$")}
"""File of each set, and the part of a picture's file name that does not name the person or the original."""
CLASSES = taxonomy("emotion-7").labels
Row = dict[str, Any]


def pictures(data: Path) -> Iterator[tuple[bytes, Row]]:
    """All pictures with their set, label and half (0 to choose settings, 1 to report).

    A person of the press photos is on one side only. FER2013's faces of disgust are mostly turned and
    brightened copies of 358 originals: the first of each is taken. The halves are those of the action units'
    weights, so that the prototypes are measured on faces which no weight has seen.
    """
    words = coding("fer")
    for name, (file, suffix) in SETS.items():
        seen: set[str] = set()
        for row in pq.read_table(data / "expressions" / file).to_pylist():
            group = re.sub(suffix, "", row["file"])
            if name == "FER2013" and group in seen:
                continue
            seen.add(group)
            truth = row["emotion"] if row["emotion"] in CLASSES else words.read(row["emotion"])
            yield row["image"], {"set": name, "truth": truth, "half": bucket(group, 2)}


def arrays(rows: list[Row]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Raw probabilities, shape (n, 7), and the index of the true class, shape (n,)."""
    raw = np.array([[row[labels.EMOTION_PROB.name][c] for c in CLASSES] for row in rows])
    return raw, np.array([CLASSES.index(row["truth"]) for row in rows])


def fit(rows: list[Row]) -> str:
    """The calibration that minimises the weighted log loss over both sets, as TOML.

    Every class weighs one over the square root of its count, every set the same.
    """
    from scipy.optimize import minimize

    logs, truths, weights = [], [], []
    for name in SETS:
        raw, truth = arrays([r for r in rows if r["set"] == name])
        weight = 1 / np.sqrt(np.bincount(truth, minlength=7)[truth])
        logs.append(np.log(raw + FLOOR))
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


def corrected(row: Row) -> dict[str, float]:
    """Probabilities as the annotator writes them by default."""
    return calibration()(row[labels.EMOTION_PROB.name])


def top(probabilities: Mapping[str, float | None]) -> str:
    """The most probable class."""
    return max(probabilities, key=lambda name: probabilities[name] or 0.0)


READINGS: dict[str, Callable[[Row], str]] = {
    "network, two views": lambda row: top(row[labels.EMOTION_PROB.name]),
    "calibrated (default)": lambda row: top(corrected(row)),
    "EMFACS prototypes": lambda row: top(row[labels.PROTOTYPE_PROB.name]),
}


def answered(rows: list[Row], name: str, reading: str) -> list[Row]:
    """Faces of a set that a reading has an answer for: prototypes need a mesh, the network does not."""
    column = labels.PROTOTYPE if reading == "EMFACS prototypes" else labels.EMOTION_PROB
    return [r for r in rows if r["set"] == name and r.get(column.name)]


def compare(rows: list[Row]) -> str:
    """Accuracy and macro-F1 of every reading on every set."""
    lines = []
    for name in SETS:
        for reading, function in READINGS.items():
            chosen = answered(rows, name, reading)
            truth = np.array([r["truth"] for r in chosen])
            guess = np.array([function(r) for r in chosen])
            lines.append((name, reading, len(guess), proportion(guess == truth), macro_f1(truth, guess)))
    return table(("set", "reading", "n", "accuracy", "macro-F1"), lines)


def per_class(rows: list[Row], reading: str) -> str:
    """Recall and precision of every class on every set."""
    lines = []
    for name in SETS:
        chosen = answered(rows, name, reading)
        truth = np.array([r["truth"] for r in chosen])
        guess = np.array([READINGS[reading](r) for r in chosen])
        for c in CLASSES:
            if (truth == c).any():
                recall, precision = proportion(guess[truth == c] == c), proportion(truth[guess == c] == c)
                lines.append((name, c, int((truth == c).sum()), recall, precision))
    return table(("set", "class", "n", "recall", "precision"), lines)


def abstention(rows: list[Row]) -> str:
    """What thresholds cost and gain."""
    lines = []
    for name in SETS:
        chosen = [(corrected(r), r["truth"]) for r in rows if r["set"] == name]
        sure = np.array([max(p.values()) for p, _ in chosen])
        right = np.array([top(p) == truth for p, truth in chosen])
        for limit in (0.0, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6):
            share: Estimate = proportion(sure >= limit)
            lines.append((name, limit, share, proportion(right[sure >= limit])))
    return table(("set", "threshold", "answered", "right when answered"), lines)


def main() -> None:
    """Print the tables, or fit."""
    parser = arguments(__doc__)
    parser.add_argument("--fit", action="store_true", help="fit the calibration on the choosing half")
    options = parser.parse_args()
    half = 0 if options.fit else 1
    chain = [] if options.fit else made("mesh", "blendshapes", "action_units", "emotion_prototype")
    labellers = [*chain, Emotion(EmotionConfig(calibrate=False))]
    every = [p for p in pictures(options.data) if p[1]["half"] == half]
    rows = [r for r in label(every, labellers, ModelStore()) if r.get(labels.EMOTION_PROB.name)]
    print(f"{len(rows)} of {len(every)} pictures labelled (the others show no face to the detector)\n")
    if options.fit:
        print(fit(rows), "\n\nThresholds, on this half, with the calibration now in the package\n")
        print(abstention(rows))
        return
    print(compare(rows), "\n\nPer class, calibrated\n")
    print(per_class(rows, "calibrated (default)"), "\n\nPer class, EMFACS prototypes\n")
    print(per_class(rows, "EMFACS prototypes"), "\n\nThresholds\n")
    print(abstention(rows))


if __name__ == "__main__":
    main()
