"""What fusing opinions of the expression gains on faces that nothing was fitted on, without and with some truth.

python -m benchmarks.fusion
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.weights import ModelStore
from benchmarks.emotion import FER, HEAD, PROTOTYPE, Row, judged, pictures
from benchmarks.emotion_features import CLASSES, SETS
from benchmarks.labelling import arguments
from benchmarks.statistics import macro_f1, mean, proportion, table
from curate.fuse.distributions import Distributions
from curate.fuse.labels import Labels
from curate.fuse.method import POOLED, Codes, Floats, Said, Source
from schemas.columns import labels

SOURCES = {
    "two weak ones": (FER, PROTOTYPE),
    "with the head": (FER, PROTOTYPE, HEAD),
}
WITH_TRUTH = 200
"""Faces whose truth is given in the last rows; all figures are on the others."""


def distributions(rows: Sequence[Row], sources: Sequence[str]) -> Floats:
    """Probabilities (faces, sources, classes) in the columns' order; NaN where a source says nothing."""
    order = [f.name for f in labels.EMOTION_PROB.type]
    return np.array([[_ordered(row[s], order) for s in sources] for row in rows])


def _ordered(scores: Mapping[str, float | None] | None, order: Sequence[str]) -> list[float]:
    return [np.nan if scores is None or scores[c] is None else float(scores[c] or 0.0) for c in order]


def tops(values: Floats) -> Codes:
    """Most probable class, -1 where nothing is said."""
    silent = np.isnan(values).all(-1)
    return np.where(silent, -1, np.where(np.isnan(values), -1.0, values).argmax(-1))


def fused(values: Floats, truth: Codes | None, hard: bool) -> Floats:
    """Fused probabilities (faces, classes).

    Args:
        values: (faces, sources, classes).
        truth: True classes, -1 where they are not given away; None for none.
        hard: Only the sources' labels are heard.
    """
    sources = tuple(Source(str(s)) for s in range(values.shape[1]))
    nowhere = np.full(len(values), POOLED)
    if hard:
        method: Labels | Distributions = Labels(labels.PERCEIVED_EMOTION, sources)
        said = Said(tops(values), nowhere, truth)
    else:
        method = Distributions(labels.EMOTION_PROB, sources, label=labels.PERCEIVED_EMOTION)
        said = Said(values, nowhere, truth, codes=tops(values))
    method.observe(said)
    method.settle()
    order = [f.name for f in labels.EMOTION_PROB.type]
    found = method.fuse(said).columns[labels.EMOTION_PROB].to_pylist()
    return np.array([_ordered(f, order) for f in found])


def line(name: str, belief: Floats, truth: Codes) -> tuple[Any, ...]:
    """Accuracy, macro-F1 and log loss of one reading."""
    order = np.array([f.name for f in labels.EMOTION_PROB.type])
    guess = np.where(np.isnan(belief).all(1), "", order[np.maximum(tops(belief), 0)])
    given = np.nan_to_num(belief[np.arange(len(truth)), truth])
    loss = mean(-np.log(np.maximum(given, 1e-4)))
    return (name, proportion(guess == order[truth]), macro_f1(order[truth], guess), loss)


def compare(rows: Sequence[Row]) -> str:
    """Single sources and fusions on the same faces."""
    order = [f.name for f in labels.EMOTION_PROB.type]
    truth = np.array([order.index(CLASSES[r["truth"]] if isinstance(r["truth"], int) else r["truth"]) for r in rows])
    rest: NDArray[np.bool_] = np.random.default_rng(0).permutation(len(rows)) >= WITH_TRUTH
    lines = [line(s, distributions(rows, (s,))[rest, 0], truth[rest]) for s in (FER, PROTOTYPE, HEAD)]
    given = np.where(rest, -1, truth)
    for name, sources in SOURCES.items():
        values = distributions(rows, sources)
        lines += [
            line(f"{name}: labels, no truth", fused(values, None, hard=True)[rest], truth[rest]),
            line(f"{name}: probabilities, no truth", fused(values, None, hard=False)[rest], truth[rest]),
            line(f"{name}: truth of {WITH_TRUTH}", fused(values, given, hard=False)[rest], truth[rest]),
        ]
    return table(("sources", "accuracy", "macro-F1", "log loss"), lines)


def main() -> None:
    """Print the tables."""
    options = arguments(__doc__).parse_args()
    rows = judged(pictures(options.data, "test"), ModelStore(), prototypes=True)
    for name in SETS:
        own = [r for r in rows if r["set"] == name]
        print(f"\n{name}, {len(own) - WITH_TRUTH} faces\n\n{compare(own)}")


if __name__ == "__main__":
    main()
