"""Perceived age and gender on FairFace's validation faces, per perceived race, gender and age group.

python -m benchmarks.demographics
"""

from __future__ import annotations

from typing import Any

import numpy as np

from annotators.weights import ModelStore
from benchmarks.labelling import arguments, fairface, label, made
from benchmarks.statistics import Estimate, groups, mean, proportion, table
from schemas.bins import bins
from schemas.columns import labels
from schemas.taxonomy import taxonomy

LAST_CENTRE = 75.0
"""Stands for `70+`, which has no upper end."""

BINS = taxonomy("age-fairface-9").labels
Cases = dict[str, np.ndarray[Any, Any]]


def centre(label_: str) -> float:
    """Middle of a bin in years."""
    low, high = bins("age-fairface").interval(label_)
    return LAST_CENTRE if label_ == BINS[-1] else (low + high) / 2


def cases(rows: list[dict[str, Any]]) -> Cases:
    """Truth and answers as arrays, one entry per face found."""
    bin_of = taxonomy("age-fairface-9")
    found = [r for r in rows if r.get(labels.AGE_PROB.name) and r.get(labels.GENDER_PROB.name)]
    true_bin = [bin_of.canonical(r["age"]) for r in found]
    steps = [BINS.index(r[labels.AGE_GROUP.name]) - BINS.index(t) for r, t in zip(found, true_bin, strict=True)]
    chance = [r[labels.GENDER_PROB.name] for r in found]
    return {
        "race": np.array([r["race"] for r in found]),
        "gender": np.array([r["gender"] for r in found]),
        "age": np.array(true_bin),
        "gender right": np.array([max(c, key=c.get) == r["gender"] for c, r in zip(chance, found, strict=True)]),
        "gender answered": np.array([r[labels.GENDER.name] is not None for r in found]),
        "age error": np.array([abs(r[labels.AGE.name] - centre(t)) for r, t in zip(found, true_bin, strict=True)]),
        "age bias": np.array([r[labels.AGE.name] - centre(t) for r, t in zip(found, true_bin, strict=True)]),
        "age sd": np.array([r[labels.AGE_SD.name] for r in found]),
        "bin right": np.array([s == 0 for s in steps]),
        "within one": np.array([abs(s) <= 1 for s in steps]),
    }


def gender_figures(c: Cases, rows: np.ndarray[Any, Any]) -> tuple[Estimate, Estimate, Estimate]:
    """Accuracy when it must answer, share answered, accuracy of the answers."""
    right, answered = c["gender right"][rows], c["gender answered"][rows]
    return proportion(right), proportion(answered), proportion(right[answered])


def age_figures(c: Cases, rows: np.ndarray[Any, Any]) -> tuple[Estimate, Estimate, str, str]:
    """Bin accuracy, accuracy within one bin, mean absolute error and mean error in years."""
    error, bias = mean(c["age error"][rows]), mean(c["age bias"][rows])
    return proportion(c["bin right"][rows]), proportion(c["within one"][rows]), f"{error:.1f}", f"{bias:+.1f}"


def by_group(c: Cases, figures: Any, header: tuple[str, ...]) -> str:
    """Figures of all faces, then of every group, then the gap of the first figure between groups."""
    whole = np.ones(len(c["race"]), bool)
    lines = [("all", "", len(whole), *figures(c, whole))]
    gaps = []
    for attribute, order in (("race", ()), ("gender", ()), ("age", BINS)):
        firsts = []
        for name, rows in groups(c[attribute], order):
            values = figures(c, rows)
            firsts.append((values[0].value, name))
            lines.append((attribute, name, int(rows.sum()), *values))
        (worst, worst_name), (best, best_name) = min(firsts), max(firsts)
        gaps.append((attribute, f"{worst_name} {worst:.3f}", f"{best_name} {best:.3f}", f"{best - worst:.3f}"))
    shown = table(("by", "group", "n", *header), lines)
    return f"{shown}\n\n{table(('by', 'worst', 'best', 'gap in ' + header[0]), gaps)}"


def main() -> None:
    """Print the tables."""
    options = arguments(__doc__).parse_args()
    rows = label(fairface(options.data, "validation"), made("mesh", "age", "gender"), ModelStore())
    c = cases(rows)
    print(f"{len(c['race'])} of {len(rows)} validation faces found\n\nPerceived gender\n")
    print(by_group(c, gender_figures, ("accuracy", "answered", "right when answered")), "\n\nPerceived age\n")
    print(by_group(c, age_figures, ("bin", "within one", "MAE (years)", "bias (years)")))
    rmse = float(np.sqrt((c["age error"] ** 2).mean()))
    print(
        f"\nThe age distribution claims a standard deviation of {c['age sd'].mean():.1f}; the errors have {rmse:.1f}."
    )


if __name__ == "__main__":
    main()
