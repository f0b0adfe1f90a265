"""Figures of small groups drawn towards all groups', by as much as their size and the groups' likeness warrant.

Of many small groups some have extreme figures by chance. If the groups are taken as drawn from one distribution, whose
centre and spread all of them together tell, each group's best figure lies between its own and the centre: near its own
if it is large, near the centre if it is small (B. Efron and C. Morris, "Data analysis using Stein's estimator", 1975).

Centre and spread are not fixed at their likeliest values, which would make intervals too short, but averaged over by
how likely they are, with a prior that is even in the variance between the groups (Stein's harmonic prior: C. Morris and
R. Tang, "Estimating random effects via adjustment for density maximization", 2011). The interval is that of the beta
distribution with the mean and variance found. Of groups whose true figures are drawn from such a distribution, about
95 % lie in theirs; nothing is promised for one group that is unlike all others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.audit.exact import scipy
from curate.evaluation.intervals import Estimate, undefined
from curate.evaluation.quantiles import LEVEL

Floats = NDArray[np.float64]
CENTRES = 199
"""Centres averaged over."""
SPREADS = 99
"""Shares of shrinkage averaged over, evenly spaced in 0..1."""
NEGLIGIBLE = 1e-9
"""Of the likelihood at its largest: what is less likely is left out."""


@dataclass(frozen=True)
class Shrunken:
    """Figures of groups after shrinking.

    Attributes:
        groups: Of each; n is the group's own number of cases. A group without any has what a new group would have.
        centre: What they are drawn towards.
        spread: Standard deviation of the groups' true figures about the centre.
        kept: How much of each group's own distance from the centre remains: 1 nothing shrunk, 0 all.
    """

    groups: tuple[Estimate, ...]
    centre: float
    spread: float
    kept: tuple[float, ...]


def shrunken_rates(hits: ArrayLike, n: ArrayLike) -> Shrunken:
    """Shares of groups under a beta-binomial model.

    Args:
        hits: Cases that count, (k,).
        n: Cases, (k,).

    Raises:
        MissingExtraError: if scipy is absent.
    """
    special, stats = scipy("special"), scipy("stats")
    x, size = np.asarray(hits, np.float64), np.asarray(n, np.float64)
    if not size.sum():
        return _nothing(len(size))
    centre = (np.arange(CENTRES) + 0.5) / CENTRES
    # share of shrinkage of a typical group, S / (S + size), S being the size of the prior
    share = (np.arange(SPREADS) + 0.5) / SPREADS
    prior = np.repeat(float(np.median(size[size > 0])) * share / (1 - share), CENTRES)
    middle = np.tile(centre, SPREADS)
    a, b = prior * middle, prior * (1 - middle)
    # a prior that is even in the variance, a multiple of 1 / share - 1
    likelihood: Floats = np.repeat(-2 * np.log(share), CENTRES)
    for hit, total in zip(x.tolist(), size.tolist(), strict=True):
        likelihood += special.betaln(a + hit, b + total - hit) - special.betaln(a, b)
    weight, a, b, prior, middle = _likely(likelihood, a, b, prior, middle)
    mean = (a[:, None] + x) / (prior[:, None] + size)
    variance = mean * (1 - mean) / (prior[:, None] + size + 1)
    value = weight @ mean
    strength = value * (1 - value) / (weight @ (variance + (mean - value) ** 2)) - 1
    cuts = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    low, high = (stats.beta.ppf(cut, value * strength, (1 - value) * strength) for cut in cuts)
    found = tuple(
        Estimate(float(v), float(least), float(most), int(m), "beta-binomial")
        for v, least, most, m in zip(value, low, high, size, strict=True)
    )
    spread = math.sqrt(float((weight * middle * (1 - middle) / (prior + 1)).sum()))
    kept = weight @ (size / (prior[:, None] + size))
    return Shrunken(found, float(weight @ middle), spread, tuple(kept.tolist()))


def _likely(log_likelihood: Floats, *arrays: Floats) -> tuple[Floats, ...]:
    """Weights that add up to 1, and the arrays, where these are not negligible."""
    weight = np.exp(log_likelihood - log_likelihood.max())
    used = weight > NEGLIGIBLE
    return weight[used] / weight[used].sum(), *(a[used] for a in arrays)


def _nothing(size: int) -> Shrunken:
    return Shrunken(tuple(undefined(math.nan, 0) for _ in range(size)), math.nan, math.nan, (0.0,) * size)
