"""Figures of small groups drawn towards all groups', by as much as their size and the groups' likeness warrant.

Of many small groups some have extreme figures by chance. If the groups are taken as drawn from one distribution, whose
centre and spread all of them together tell, each group's best figure lies between its own and the centre: near its own
if it is large, near the centre if it is small (B. Efron and C. Morris, "Data analysis using Stein's estimator", 1975).

Centre and spread are not fixed at their likeliest values, which would make intervals too short, but averaged over by
how likely they are, with a prior that is even in the variance between the groups (Stein's harmonic prior: C. Morris and
R. Tang, "Estimating random effects via adjustment for density maximization", 2011). The interval is that of the beta or
normal distribution with the mean and variance found. Of groups whose true figures are drawn from such a distribution,
about 95 % lie in theirs; nothing is promised for one group that is unlike all others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.audit.exact import scipy
from curate.evaluation.intervals import Estimate, undefined
from curate.evaluation.quantiles import LEVEL, Z

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
    likelihood: Floats = np.repeat(_even_in_variance(share), CENTRES)
    for hit, total in zip(x.tolist(), size.tolist(), strict=True):
        likelihood += special.betaln(a + hit, b + total - hit) - special.betaln(a, b)
    weight, a, b, prior, middle = _likely(likelihood, a, b, prior, middle)
    mean = (a[:, None] + x) / (prior[:, None] + size)
    variance = mean * (1 - mean) / (prior[:, None] + size + 1)
    value, total_variance = _mixed(weight, mean, variance)
    strength = value * (1 - value) / total_variance - 1
    cuts = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    low, high = (stats.beta.ppf(cut, value * strength, (1 - value) * strength) for cut in cuts)
    found = tuple(
        Estimate(float(v), float(least), float(most), int(m), "beta-binomial")
        for v, least, most, m in zip(value, low, high, size, strict=True)
    )
    spread = math.sqrt(float((weight * middle * (1 - middle) / (prior + 1)).sum()))
    kept = weight @ (size / (prior[:, None] + size))
    return Shrunken(found, float(weight @ middle), spread, tuple(kept.tolist()))


def shrunken_means(means: ArrayLike, deviations: ArrayLike, n: ArrayLike) -> Shrunken:
    """Means of groups under a normal model with one deviation within all groups.

    Args:
        means: Mean of each group, (k,); NaN where it has no case.
        deviations: Standard deviation within each group (divisor n - 1), (k,); NaN where it has fewer than two cases.
        n: Cases, (k,).
    """
    size = np.asarray(n, np.float64)
    own = np.where(size > 0, np.asarray(means, np.float64), 0.0)
    freedom = np.maximum(size - 1, 0)
    within = np.where(freedom > 0, np.asarray(deviations, np.float64), 0.0)
    if not size.sum() or not freedom.sum():
        return _nothing(len(size))
    noise = float((freedom * within**2).sum() / freedom.sum())
    if not noise:
        raw = tuple(Estimate(v, v, v, int(m), "normal") if m else undefined(math.nan, 0)
                    for v, m in zip(own.tolist(), size.tolist(), strict=True))  # fmt: skip
        return Shrunken(raw, float((own * size).sum() / size.sum()), float(own[size > 0].std()), (1.0,) * len(size))
    share = (np.arange(SPREADS) + 0.5) / SPREADS
    between = noise / float(np.median(size[size > 0])) * (1 - share) / share
    # a centre has a flat prior and is integrated out in closed form
    precision = np.divide(1.0, between[:, None] + noise / np.maximum(size, 1), where=size > 0,
                          out=np.zeros((SPREADS, len(size))))  # fmt: skip
    total = precision.sum(1)
    centre = (precision * own).sum(1) / total
    likelihood = (
        _even_in_variance(share)
        + 0.5 * np.log(np.where(size > 0, precision, 1.0)).sum(1)
        - 0.5 * np.log(total)
        - 0.5 * (precision * (own - centre[:, None]) ** 2).sum(1)
    )
    weight, between, centre, total = _likely(likelihood, between, centre, total)
    keep = between[:, None] / (between[:, None] + noise / np.maximum(size, 1)) * (size > 0)
    mean = centre[:, None] + keep * (own - centre[:, None])
    variance = between[:, None] * (1 - keep) + ((1 - keep) ** 2) / total[:, None]
    value, mixed = _mixed(weight, mean, variance)
    half = Z * np.sqrt(mixed)
    found = tuple(
        Estimate(float(v), float(v - h), float(v + h), int(m), "normal")
        for v, h, m in zip(value, half, size, strict=True)
    )
    return Shrunken(found, float(weight @ centre), math.sqrt(float(weight @ between)), tuple((weight @ keep).tolist()))


def _even_in_variance(share: Floats) -> Floats:
    """Log of the prior on a grid of shares of shrinkage: the variance is a multiple of 1 / share - 1."""
    return -2 * np.log(share)


def _likely(log_likelihood: Floats, *arrays: Floats) -> tuple[Floats, ...]:
    """Weights that add up to 1, and the arrays, where these are not negligible."""
    weight = np.exp(log_likelihood - log_likelihood.max())
    used = weight > NEGLIGIBLE
    return weight[used] / weight[used].sum(), *(a[used] for a in arrays)


def _mixed(weight: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of a mixture, (k,), from those of its parts, (parts, k)."""
    value = weight @ mean
    return value, weight @ (variance + (mean - value) ** 2)


def _nothing(size: int) -> Shrunken:
    return Shrunken(tuple(undefined(math.nan, 0) for _ in range(size)), math.nan, math.nan, (0.0,) * size)
