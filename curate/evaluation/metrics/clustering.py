"""How well clusters agree with people: pairwise and BCubed P/R/F, V-measure, mutual information, adjusted Rand.

Labels are any values; a null (None or NaN) is a cluster of its own. `weight` draws faces: a face that was drawn twice
is no pair with itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from curate.evaluation.metrics.counting import Floats, bare, numbered, ratio, sums, total, weights


@dataclass(frozen=True)
class Agreement:
    """Precision, recall and their harmonic mean, each a number or one a round."""

    precision: Floats
    recall: Floats
    f1: Floats


@dataclass(frozen=True)
class Pairs:
    """Pairs of faces by truth and guess, each a number or one a round.

    Attributes:
        both: In one cluster on both sides.
        guess_only: Only in the guess (false matches).
        truth_only: Only in the truth (missed matches).
        neither: On neither side.
    """

    both: Floats
    guess_only: Floats
    truth_only: Floats
    neither: Floats


@dataclass(frozen=True)
class _Table:
    """Weights of true clusters, guessed clusters and their crossings, with the numbers of each face's own."""

    truth: Floats
    guess: Floats
    cells: Floats
    of_truth: Floats
    of_guess: Floats
    of_cell: Floats
    weight: Floats


def _table(truth: ArrayLike, guess: ArrayLike, weight: ArrayLike | None) -> _Table:
    (t, rows), (g, columns) = numbered(truth), numbered(guess)
    cell, size = numbered(t * max(columns, 1) + g)
    w = weights(weight, len(t))
    by_truth, by_guess, by_cell = sums(t, rows, w), sums(g, columns, w), sums(cell, size, w)
    return _Table(by_truth, by_guess, by_cell, by_truth[..., t], by_guess[..., g], by_cell[..., cell], w)


def pairs(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Pairs:
    """Counts of pairs of different faces; a pair counts the product of its faces' weights."""
    table = _table(truth, guess, weight)
    alone = (table.weight**2).sum(-1)
    in_cells, in_guess, in_truth = (((a**2).sum(-1) - alone) / 2 for a in (table.cells, table.guess, table.truth))
    every = (table.weight.sum(-1) ** 2 - alone) / 2
    return Pairs(in_cells, in_guess - in_cells, in_truth - in_cells, every - in_guess - in_truth + in_cells)


def pairwise(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Agreement:
    """Precision, recall and F1 over pairs of faces; NaN where no pair is guessed, or none true."""
    p = pairs(truth, guess, weight=weight)
    return Agreement(
        ratio(p.both, p.both + p.guess_only),
        ratio(p.both, p.both + p.truth_only),
        ratio(2 * p.both, 2 * p.both + p.guess_only + p.truth_only),
    )


def bcubed(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Agreement:
    """BCubed precision, recall and F1: each face's share of its cluster that is its person, and the other way round.

    A. Bagga and B. Baldwin, "Entity-based cross-document coreferencing using the vector space model", 1998. Here a face
    that is weighted twice counts as two faces.
    """
    table = _table(truth, guess, weight)
    mass = table.weight.sum(-1)
    precision = ratio(_summed(table.weight, table.of_cell, table.of_guess), mass)
    recall = ratio(_summed(table.weight, table.of_cell, table.of_truth), mass)
    return Agreement(precision, recall, ratio(2 * precision * recall, precision + recall))


def _summed(weight: Floats, part: Floats, whole: Floats) -> Floats:
    return total(weight, np.where(whole > 0, ratio(part, whole), 0.0))


def adjusted_rand(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Agreement of pairs beyond chance, at most 1; 1 where both sides are the same trivial clustering.

    L. Hubert and P. Arabie, "Comparing partitions", 1985.
    """
    p = pairs(truth, guess, weight=weight)
    whole = (p.both + p.truth_only) * (p.truth_only + p.neither) + (p.both + p.guess_only) * (p.guess_only + p.neither)
    found = ratio(2 * (p.both * p.neither - p.truth_only * p.guess_only), whole)
    some = np.asarray(weights(weight, len(np.asarray(truth))).sum(-1)) > 0
    return bare(np.where((p.guess_only == 0) & (p.truth_only == 0) & some, 1.0, found))


@dataclass(frozen=True)
class VMeasure:
    """Homogeneity (clusters hold one person), completeness (people lie in one cluster) and their harmonic mean."""

    homogeneity: Floats
    completeness: Floats
    v: Floats


def v_measure(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> VMeasure:
    """A. Rosenberg and J. Hirschberg, "V-measure: a conditional entropy-based external cluster evaluation", 2007."""
    table = _table(truth, guess, weight)
    h_truth, h_guess, h_both = (_entropy(a) for a in (table.truth, table.guess, table.cells))
    shared = np.maximum(h_truth + h_guess - h_both, 0.0)
    homogeneity, completeness = (
        np.where(h > 0, ratio(shared, h), np.where(np.isnan(h), h, 1.0)) for h in (h_truth, h_guess)
    )
    v = np.where(
        homogeneity + completeness == 0, 0.0, ratio(2 * homogeneity * completeness, homogeneity + completeness)
    )
    return VMeasure(bare(homogeneity), bare(completeness), bare(v))


def nmi(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Mutual information over the mean of the two entropies (arithmetic, as scikit-learn), which is the V-measure."""
    return v_measure(truth, guess, weight=weight).v


def _entropy(counts: Floats) -> Floats:
    """Entropy in nats of counts (..., k); exactly 0 for a single cluster, NaN without cases."""
    share = ratio(counts, counts.sum(-1, keepdims=True))
    terms = -share * np.log(np.where(share > 0, share, 1.0))
    return np.asarray(np.where(counts.sum(-1) > 0, np.maximum(terms.sum(-1), 0.0), np.nan))
