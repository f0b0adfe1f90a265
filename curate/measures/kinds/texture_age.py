"""How well age can be read from skin texture alone: a small regressor, judged on people it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.base import Config
from annotators.crops import FivePointCrop, Pixels, warp
from curate.evaluation.intervals import bootstrap
from curate.evaluation.metrics.regression import mae, within
from curate.measures.base import TABLE, Given, Input, Measure, Result
from curate.measures.columns_of_tables import numbers, texts
from curate.measures.pictures import beside, labels_of, looked_at
from curate.measures.summary import by_group, perceived, row_of
from curate.measures.texture import POINTS, bsif, histograms, lbp, learned_filters
from schemas import UnknownNameError, UsageError
from schemas.bins import bins
from schemas.columns import faces

FEATURES = ("lbp", "bsif", "both")
SIDE = 128
"""Side of the aligned face in pixels."""
PENALTIES = tuple(10.0**k for k in range(-4, 3))
"""Ridge penalties, of which the training faces choose one."""
FEWEST = 20
MOST = 10
AGES = bins("age-fairface")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class TextureAgeConfig(Config):
    """Which texture, and how finely.

    Attributes:
        features: `lbp`, `bsif` or `both`.
        cells: The face is cut in cells x cells parts.
        bits: Filters of BSIF.
        size: Side of a filter in pixels.
    """

    features: str = "both"
    cells: int = 6
    bits: int = 8
    size: int = 7


class TextureAge(Measure):
    """Kernel ridge regression of age on histograms of texture codes, with the Bhattacharyya kernel.

    Each person's faces are predicted by a regressor that was trained on all other people; its penalty is the one with
    the least leave-one-out error on those. Filters of BSIF are learned from patches of all these faces, without ages.
    The mean predictor, trained in the same way, stands beside it.
    """

    name = "texture_age"
    doc = "Age from skin texture (LBP, BSIF) by a ridge regressor, leave one person out: MAE and CS(k)."
    source = "Ojala et al. 2002 (LBP); Kannala and Rahtu 2012 (BSIF); Saunders et al. 1998 (kernel ridge)"
    inputs = (Input("faces", TABLE, "a row per picture: `picture`, `age`; `person` if known", ("picture", "age")),)
    config_type = TextureAgeConfig
    config: TextureAgeConfig

    def measure(self, given: Given) -> Result:
        """Errors of the regressor and of the mean predictor, by age bin and perceived group."""
        if self.config.features not in FEATURES:
            raise UnknownNameError("features", self.config.features, FEATURES)
        table, path = given.tables["faces"], given.paths["faces"]
        files = [beside(path, f) for f in table.column("picture").to_pylist()]
        every = numbers(table, "age", path)
        named = texts(table, "person") if "person" in table.column_names else [None] * len(files)
        crops, ages, people, seen = [], [], [], []
        for i, (pixels, look) in enumerate(looked_at(files, given)):
            if look is not None:
                crops.append(aligned(pixels, look.points))
                ages.append(every[i])
                people.append(named[i] or f"picture {i}")
                seen.append(labels_of(look))
        if len(set(people)) < FEWEST:
            raise UsageError(f"{path} shows {len(set(people))} people with a face", f"{FEWEST} are needed at least")
        truth, who = np.array(ages), np.array(people)
        guess, plain = leave_one_out(self.features(crops), truth, who)
        facts: dict[str, Any] = {
            "faces": len(truth), "people": len(set(people)), "without a face": len(files) - len(truth),
            "MAE": bootstrap(mae, truth, guess, clusters=who).as_dict(),
            "MAE of the mean": bootstrap(mae, truth, plain, clusters=who).as_dict(),
            "better by": bootstrap(_gain, truth, guess, plain, clusters=who).as_dict(),
        }  # fmt: skip
        error = np.abs(guess - truth)
        named_bins = [AGES.label(a) if AGES.low <= a <= AGES.high else None for a in truth]
        curve = [{"k": k, **row_of(bootstrap(_within(k), truth, guess, clusters=who, proportion=True), "CS")}
                 for k in range(MOST + 1)]  # fmt: skip
        tables = {
            "cumulative score": curve,
            "MAE by age": by_group(error, {"age": named_bins}, who),
            "MAE by group": by_group(error, perceived(seen), who),
        }
        return Result(facts, tables, ("Ages are those of the table; groups are perceived.",))

    def features(self, crops: list[NDArray[np.uint8]]) -> Array:
        """Histograms of all faces, (n, d), each cell's summing to 1."""
        config, found = self.config, []
        filters = None if config.features == "lbp" else learned_filters(crops, config.size, config.bits)
        for grey in crops:
            parts = []
            if config.features != "bsif":
                parts += [histograms(lbp(grey, r), POINTS + 2, config.cells) for r in (1.0, 2.0)]
            if filters is not None:
                parts.append(histograms(bsif(grey, filters), 1 << config.bits, config.cells))
            found.append(np.concatenate(parts))
        return np.array(found)


def aligned(pixels: Pixels, points: Any) -> NDArray[np.uint8]:
    """The face upright and of one size, grey, shape (128, 128)."""
    crop = FivePointCrop(SIDE)
    matrix = crop.matrix({faces.POINTS_5: np.asarray(points, np.float64).reshape(5, 2)})
    return np.asarray(cv2.cvtColor(warp(pixels, matrix, SIDE), cv2.COLOR_RGB2GRAY), np.uint8)


def leave_one_out(features: Array, ages: Array, people: NDArray[Any]) -> tuple[Array, Array]:
    """Ages of each person's faces by a regressor trained on everyone else, and by those others' mean.

    Args:
        features: Histograms, (n, d).
        ages: (n,).
        people: Who each face is, (n,).
    """
    root = np.sqrt(features)
    kernel = root @ root.T / features.sum(1).mean() + 1
    guess, plain = np.empty(len(ages)), np.empty(len(ages))
    for person in np.unique(people):
        out = people == person
        middle = float(ages[~out].mean())
        weight = _ridge(kernel[np.ix_(~out, ~out)], ages[~out] - middle)
        guess[out], plain[out] = middle + kernel[np.ix_(out, ~out)] @ weight, middle
    return guess, plain


def _ridge(kernel: Array, target: Array) -> Array:
    """Dual weights of kernel ridge regression with the penalty of the least leave-one-out error.

    The kernel is not centred (a constant in it is the intercept): centring would let what is left out shine through.
    """
    values, vectors = np.linalg.eigh(kernel)
    values, aimed = np.maximum(values, 0), vectors.T @ target
    best: tuple[float, Array] = (np.inf, np.zeros(len(target)))
    for penalty in PENALTIES:
        shrunk = 1 / (values + penalty)
        dual = vectors @ (shrunk * aimed)
        error = float(((dual / ((vectors**2) @ shrunk)) ** 2).mean())
        if error < best[0]:
            best = (error, dual)
    return best[1]


def _gain(truth: Any, guess: Any, plain: Any, weight: Any) -> Any:
    return mae(truth, plain, weight=weight) - mae(truth, guess, weight=weight)


def _within(k: int) -> Any:
    return lambda truth, guess, weight: within(truth, guess, k, weight=weight)
