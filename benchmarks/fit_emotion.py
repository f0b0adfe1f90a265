"""Fits the expression head and writes it into the package.

python -m benchmarks.fit_emotion            fit, calibrate, write annotators/data/heads/emotion.onnx and .toml
python -m benchmarks.fit_emotion --choose   cross-validate the choices on the fitting part only
python -m benchmarks.fit_emotion --faces 600 --folder FOLDER    try the whole way; that head is worth nothing

Parts, fixed by a hash of the person (press photos) or the original picture (FER2013), near-duplicates together:
fit (.6), calibrate (.15) and test (.25), at which only `python -m benchmarks.emotion` looks. Some networks are fitted
on the labelled faces; they then name the expressions of FairFace's `train` faces, in grey, as the labelled sets are.
One network learns from both, the FairFace faces in colour and in grey with the same answer: so colour, which
the labelled sets lack, cannot tell it anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.calibration import Scaling, conformal_quantile, conformity, fit_scaling, softmax
from annotators.weights import ModelStore
from benchmarks.action_unit_data import bucket
from benchmarks.emotion_features import (
    CLASSES,
    UNLABELLED,
    Faces,
    Meter,
    cached,
    mild,
    pictures,
    plain,
    strong,
    unlabelled,
)
from benchmarks.emotion_parts import first_of_each, parts
from benchmarks.expression_network import Preparation, as_onnx, fitted, preparation, scores
from benchmarks.labelling import arguments, fit_options, subset_of
from benchmarks.statistics import macro_f1, table

TEACHERS = 3
EPOCHS = 7.0
SMOOTHING = 0.1
RARE = 30
"""Classes with fewer faces weigh as if they had so many."""
OWN_LABEL = 0.5
"""Share of a face's own label in what the final network learns of it; the rest is the teachers' opinion."""
UNLABELLED_SHARE = 0.3
"""Share of the final network's lessons that are unlabelled faces."""
FOLDS = 5
COVERAGE = 0.9

Values = NDArray[Any]
Network = list[NDArray[np.float32]]


@dataclass(frozen=True)
class Labelled:
    """The labelled faces in all variants; the arrays have a row per face of the plain variant.

    Attributes:
        plain: Faces as they are.
        variants: Faces disturbed.
        truth: Class index.
        set: Name of the set.
        part: `fit`, `calibrate` or `test`.
        first: Not a further copy of an original.
        fold: For cross-validation.
    """

    plain: Faces
    variants: Sequence[Faces]
    truth: Values
    set: Values
    part: Values
    first: Values
    fold: Values

    def lessons(self, chosen: Values) -> tuple[Values, Values, Values]:
        """Features, class and set of the chosen faces in every variant."""
        place = {key: row for row, key in enumerate(self.plain.key.tolist())}
        values, rows = [self.plain.values[chosen]], [np.flatnonzero(chosen)]
        for faces in self.variants:
            own = np.array([place.get(key, -1) for key in faces.key.tolist()])
            kept = (own >= 0) & chosen[own]
            values.append(faces.values[kept])
            rows.append(own[kept])
        row = np.concatenate(rows)
        return np.concatenate(values), self.truth[row], self.set[row]


def labelled(data: Path, cache: Path, count: int | None = None) -> Labelled:
    """All labelled faces, or about so many of each set, measured or from the cache."""
    meter = Meter(ModelStore())
    every = list(pictures(data, count))
    base = cached(cache, "plain", lambda: plain(every, meter))
    variants = [
        cached(cache, "mild1", lambda: mild(every, meter, base, 1)),
        cached(cache, "strong2", lambda: strong(every, meter, 2)),
        cached(cache, "mild3", lambda: mild(every, meter, base, 3)),
    ]
    facts = zip(every, parts(every).tolist(), first_of_each(every).tolist(), strict=True)
    known = {p.key: (p, part, first) for p, part, first in facts}
    rows = [known[key] for key in base.key.tolist()]
    return Labelled(
        base,
        variants,
        np.array([p.truth for p, _, _ in rows]),
        np.array([p.set for p, _, _ in rows]),
        np.array([part for _, part, _ in rows]),
        np.array([first for _, _, first in rows]),
        np.array([bucket(f"{p.group}/fold", FOLDS) for p, _, _ in rows]),
    )


def drawing(truth: Values, sets: Values) -> Values:
    """How often each face is drawn: sets alike, a class by the square root of its count."""
    weights = np.zeros(len(truth))
    for name in np.unique(sets):
        own = sets == name
        counts = np.maximum(np.bincount(truth[own], minlength=len(CLASSES)), RARE)
        weights[own] = counts[truth[own]] ** -0.5
        weights[own] /= weights[own].sum()
    return weights / weights.sum()


def taught(values: Values, truth: Values, sets: Values, teachers: int) -> tuple[Preparation, list[Network]]:
    """Networks fitted on labelled faces alone."""
    prepare = preparation(values)
    inputs, goals, weights = prepare(values), smoothed(truth), drawing(truth, sets)
    return prepare, [fitted(inputs, goals, weights, EPOCHS, seed) for seed in range(teachers)]


def smoothed(truth: Values) -> Values:
    """The labels as distributions that leave some doubt."""
    return np.eye(len(CLASSES))[truth] * (1 - SMOOTHING) + SMOOTHING / len(CLASSES)


def opinion(networks: Sequence[Network], inputs: NDArray[np.float32]) -> Values:
    """Mean probabilities of some networks."""
    return np.mean([softmax(scores(network, inputs)) for network in networks], axis=0)


def distilled(
    prepare: Preparation,
    teachers: Sequence[Network],
    lessons: tuple[Values, Values, Values],
    colour: Faces,
    grey: Faces,
) -> Network:
    """One network that has learnt from the labels and from the teachers, also on unlabelled faces in colour."""
    values, truth, sets = lessons
    inputs = prepare(values)
    goals = OWN_LABEL * smoothed(truth) + (1 - OWN_LABEL) * opinion(teachers, inputs)
    dull, bright = prepare(grey.values), prepare(colour.values)
    answers = opinion(teachers, dull)
    weights = drawing(truth, sets) * (1 - UNLABELLED_SHARE)
    more = np.full(2 * len(dull), UNLABELLED_SHARE / (2 * len(dull)))
    return fitted(
        np.concatenate([inputs, dull, bright]),
        np.concatenate([goals, answers, answers]),
        np.concatenate([weights, more]),
        EPOCHS,
        seed=100,
    )


def calibrated(found: Values, truth: Values) -> tuple[Scaling, float]:
    """Scaling of the scores and the conformal threshold, both from the calibrating part."""
    scaling = fit_scaling(found, truth, bias=True)
    misfit = conformity(scaling(found))[np.arange(len(truth)), truth]
    return scaling, conformal_quantile(misfit, COVERAGE)


def facts(model: bytes, scaling: Scaling, quantile: float, counts: dict[str, int]) -> str:
    """What goes beside the network, as TOML."""
    lines = [
        "# Fitted by `python -m benchmarks.fit_emotion`: see emotion.md.",
        f'sha256 = "{hashlib.sha256(model).hexdigest()}"',
        "",
        "[calibration]",
        f"temperature = {scaling.temperature:.4f}",
        f"coverage = {COVERAGE}",
        f"quantile = {quantile:.4f}",
        "",
        "[calibration.bias]",
        *(f"{label} = {bias:.4f}" for label, bias in zip(CLASSES, scaling.bias, strict=True)),
        "",
        "[faces]",
        *(f"{name} = {count}" for name, count in counts.items()),
    ]
    return "\n".join(lines) + "\n"


def choose(all_faces: Labelled) -> str:
    """Macro-F1 and accuracy of the teachers, each face judged by networks that have not seen it."""
    lines = []
    for fold in range(FOLDS):
        own = (all_faces.part == "fit") & (all_faces.fold != fold)
        judged = (all_faces.part == "fit") & (all_faces.fold == fold) & all_faces.first
        prepare, networks = taught(*all_faces.lessons(own), teachers=1)
        guess = opinion(networks, prepare(all_faces.plain.values[judged])).argmax(1)
        for name in np.unique(all_faces.set):
            here = all_faces.set[judged] == name
            truth = all_faces.truth[judged][here]
            lines.append((fold, name, len(truth), float((guess[here] == truth).mean()), macro_f1(truth, guess[here])))
    return table(("fold", "set", "n", "accuracy", "macro-F1"), lines)


def main() -> None:
    """Fit and write, or choose."""
    parser = arguments(__doc__)
    fit_options(parser)
    parser.add_argument("--choose", action="store_true", help="cross-validate on the fitting part and write nothing")
    options = subset_of(parser)
    cache = options.cache / f"emotion-{options.faces}" if options.faces else options.cache
    known = labelled(options.data, cache, options.faces)
    if options.choose:
        print(choose(known))
        return
    lessons = known.lessons(known.part == "fit")
    prepare, teachers = taught(*lessons, teachers=TEACHERS)
    pair: list[Faces] = []

    def unknown(which: int) -> Faces:
        if not pair:
            pair.extend(unlabelled(options.data, Meter(ModelStore()), count=options.faces or UNLABELLED))
        return pair[which]

    colour = cached(cache, "colour", lambda: unknown(0))
    grey = cached(cache, "grey", lambda: unknown(1))
    network = distilled(prepare, teachers, lessons, colour, grey)
    kept = (known.part == "calibrate") & known.first
    scaling, quantile = calibrated(scores(network, prepare(known.plain.values[kept])), known.truth[kept])
    options.folder.mkdir(parents=True, exist_ok=True)
    model = as_onnx(prepare, network)
    (options.folder / "emotion.onnx").write_bytes(model)
    counts = {"fitted_on": int((known.part == "fit").sum()), "calibrated_on": int(kept.sum())}
    counts["unlabelled"] = len(colour.key)
    (options.folder / "emotion.toml").write_text(facts(model, scaling, quantile, counts), "utf-8")
    print(f"written: {options.folder}/emotion.onnx and .toml")


if __name__ == "__main__":
    main()
