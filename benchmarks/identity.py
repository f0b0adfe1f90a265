"""How often SFace takes two people for one: false-match rates over random FairFace pairs, per group.

Two faces of FairFace are taken to be two people. It does hold some people many times (benchmarks/identity_people.py
shows it), so these rates are upper bounds: close ones up to .42, far too high from .46 on.

python -m benchmarks.identity
"""

from __future__ import annotations

from typing import Any

import numpy as np

from annotators.identity import SAME_PERSON
from annotators.weights import ModelStore
from benchmarks.labelling import arguments, fairface, label, made
from benchmarks.statistics import Estimate, groups, table
from schemas.columns import labels
from schemas.taxonomy import taxonomy

THRESHOLDS = (0.363, SAME_PERSON, 0.45, 0.5)
ROUNDS = 300


def false_matches(vectors: np.ndarray[Any, Any], thresholds: tuple[float, ...], seed: int = 0) -> list[Estimate]:
    """Share of all pairs of different faces whose cosine reaches each threshold.

    The pairs share faces, so the interval resamples faces and not pairs; where no pair matches it is empty.

    Args:
        vectors: Unit vectors, shape (n, 128).
        thresholds: Cosines.
        seed: Of the resampling.

    Returns:
        Per threshold the rate with its interval; `n` counts the pairs.
    """
    count = len(vectors)
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, -1)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(count, np.full(count, 1 / count), ROUNDS).astype(np.float32)
    estimates = []
    for threshold in thresholds:
        match = (cosine >= threshold).astype(np.float32)
        drawn = np.maximum(weights.sum(1) ** 2 - (weights**2).sum(1), 1)
        rates = np.einsum("ri,ri->r", weights @ match, weights) / drawn
        low, high = np.quantile(rates, [0.025, 0.975])
        pairs = count * (count - 1) // 2
        estimates.append(Estimate(float(match.sum() / (count * (count - 1))), float(low), float(high), pairs))
    return estimates


def percent(estimate: Estimate) -> str:
    """A rate and its interval in percent."""
    return f"{100 * estimate.value:.3f} ({100 * estimate.low:.3f}-{100 * estimate.high:.3f})"


def main() -> None:
    """Print the tables."""
    options = arguments(__doc__).parse_args()
    rows = label(fairface(options.data, "validation"), made("identity"), ModelStore())
    found = [r for r in rows if r.get(labels.EMBEDDING.name)]
    vectors = np.array([r[labels.EMBEDDING.name] for r in found], np.float32)
    ages = [taxonomy("age-fairface-9").canonical(r["age"]) for r in found]
    grown = np.array([a not in ("0-2", "3-9", "10-19") for a in ages])
    lines = []
    bins = taxonomy("age-fairface-9").labels
    members: list[tuple[str, str, np.ndarray[Any, Any]]] = [("all", "", np.ones(len(found), bool))]
    members += [("age", name, mask) for name, mask in groups(ages, bins)]
    for attribute in ("gender", "race"):
        for name, mask in groups([r[attribute] for r in found]):
            members += [(attribute, name, mask), (f"{attribute}, 20 and older", name, mask & grown)]
    for key, name, mask in members:
        rates = false_matches(vectors[mask], THRESHOLDS)
        lines.append((key, name, int(mask.sum()), rates[0].n, *map(percent, rates)))
    print(f"{len(found)} of {len(rows)} validation faces found. False matches within a group, % of pairs:\n")
    print(table(("by", "group", "faces", "pairs", *(f"at {t}" for t in THRESHOLDS)), lines))


if __name__ == "__main__":
    main()
