"""Agreement of numbers: intraclass correlations of any number of raters, and concordance.

P. Shrout and J. Fleiss, "Intraclass correlations: uses in assessing rater reliability", 1979; K. McGraw and S. Wong,
"Forming inferences about some intraclass correlation coefficients", 1996 (intervals); L. Lin 1989 (CCC); H. Barnhart,
M. Haber and J. Song, "Overall concordance correlation coefficient for evaluating agreement among multiple observers",
2002.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.audit.exact import scipy
from curate.evaluation.metrics import regression
from curate.evaluation.quantiles import LEVEL
from schemas import SchemaError, UsageError

Form = Literal["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]
FORMS: tuple[Form, ...] = ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")
"""One-way random, two-way random (absolute agreement), two-way mixed (consistency); of one rating, of the mean of k."""

Ends = tuple[float, float]


@dataclass(frozen=True)
class Icc:
    """An intraclass correlation.

    Attributes:
        form: As Shrout and Fleiss write it.
        value: The estimate; NaN where it is not defined.
        low: Lower end of the 95 % interval.
        high: Upper end.
        cases: Cases that every rater rated.
        raters: k.
    """

    form: Form
    value: float
    low: float
    high: float
    cases: int
    raters: int


@dataclass(frozen=True)
class _Squares:
    """Mean squares: between cases, between raters, residual of the two-way table, and within cases."""

    cases: float
    raters: float
    rest: float
    within: float
    n: int
    k: int


def icc(ratings: ArrayLike, form: Form = "2,1") -> Icc:
    """Intraclass correlation with its interval.

    Args:
        ratings: (cases, raters) of numbers; a case that some rater did not rate is left out.
        form: `2,1` asks for absolute agreement of single ratings, `3,1` for consistency, `3,k` for consistency of the
            mean of all raters.

    Raises:
        UsageError: for a form that is none.
    """
    if form not in FORMS:
        raise UsageError(f"form={form}", fix=f"Known: {', '.join(FORMS)}")
    table = np.asarray(ratings, np.float64)
    if table.ndim != 2:
        raise SchemaError("ratings", f"expected (cases, raters), found the shape {table.shape}")
    table = table[~np.isnan(table).any(1)]
    n, k = table.shape
    if n < 2 or k < 2 or np.ptp(table) == 0:
        return Icc(form, math.nan, math.nan, math.nan, n, k)
    if form[0] == "3" and np.allclose(table, table.mean(axis=0)):  # cases alike: consistency is 0 / 0
        return Icc(form, math.nan, math.nan, math.nan, n, k)
    squares = _squares(table)
    value = _VALUES[form[0]](squares)
    low, high = _ENDS[form[0]](squares, value)
    if form.endswith("k"):
        value, low, high = (_of_mean(v, k) for v in (value, low, high))
    return Icc(form, value, low, high, n, k)


def _squares(table: NDArray[np.float64]) -> _Squares:
    n, k = table.shape
    middle = table.mean()
    cases = k * ((table.mean(1) - middle) ** 2).sum()
    raters = n * ((table.mean(0) - middle) ** 2).sum()
    rest = max(float(((table - middle) ** 2).sum() - cases - raters), 0.0)
    return _Squares(
        cases / (n - 1), raters / (k - 1), rest / ((n - 1) * (k - 1)), (rest + raters) / (n * (k - 1)), n, k
    )  # fmt: skip


def _one_way(s: _Squares) -> float:
    return (s.cases - s.within) / (s.cases + (s.k - 1) * s.within)


def _absolute(s: _Squares) -> float:
    return (s.cases - s.rest) / (s.cases + (s.k - 1) * s.rest + s.k * (s.raters - s.rest) / s.n)


def _consistent(s: _Squares) -> float:
    return (s.cases - s.rest) / (s.cases + (s.k - 1) * s.rest)


def _of_mean(value: float, k: int) -> float:
    """Spearman and Brown: reliability of the mean of k from that of one."""
    below = 1 + (k - 1) * value
    return k * value / below if below > 0 else -math.inf


def _quantile(a: float, b: float) -> float:
    return float(scipy("stats").f.ppf((1 + LEVEL) / 2, a, b))


def _by_f(found: float, a: float, b: float, k: int) -> Ends:
    """Ends from a ratio of mean squares with its degrees of freedom."""
    low, high = found / _quantile(a, b), found * _quantile(b, a)
    return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _one_way_ends(s: _Squares, _: float) -> Ends:
    if s.within == 0:
        return 1.0, 1.0
    return _by_f(s.cases / s.within, s.n - 1, s.n * (s.k - 1), s.k)


def _consistent_ends(s: _Squares, _: float) -> Ends:
    if s.rest == 0:
        return 1.0, 1.0
    return _by_f(s.cases / s.rest, s.n - 1, (s.n - 1) * (s.k - 1), s.k)


def _absolute_ends(s: _Squares, value: float) -> Ends:
    """Satterthwaite's degrees of freedom, as in McGraw and Wong's table 7."""
    if s.rest == 0:
        return (value, value) if s.raters > 0 else (1.0, 1.0)
    n, k, f = s.n, s.k, s.raters / s.rest
    spread = n * (1 + (k - 1) * value) - k * value
    freedom = ((k - 1) * (n - 1) * (k * value * f + spread) ** 2) / ((n - 1) * (k * value * f) ** 2 + spread**2)
    upper, lower = _quantile(n - 1, freedom), _quantile(freedom, n - 1)
    other = k * s.raters + (k * n - k - n) * s.rest
    low = n * (s.cases - upper * s.rest) / (upper * other + n * s.cases)
    high = n * (lower * s.cases - s.rest) / (other + n * lower * s.cases)
    return low, high


_VALUES: dict[str, Callable[[_Squares], float]] = {"1": _one_way, "2": _absolute, "3": _consistent}
_ENDS: dict[str, Callable[[_Squares, float], Ends]] = {
    "1": _one_way_ends, "2": _absolute_ends, "3": _consistent_ends,
}  # fmt: skip


def ccc(one: ArrayLike, other: ArrayLike) -> float:
    """Lin's concordance of two raters over the cases that both rated, -1..1; variances are divided by n."""
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    both = ~(np.isnan(a) | np.isnan(b))
    return float(regression.ccc(a[both], b[both])) if both.any() else math.nan


def occc(ratings: ArrayLike) -> float:
    """Barnhart's overall concordance of any number of raters: all pairs' covariances over all pairs' disagreement.

    Args:
        ratings: (cases, raters) of numbers; a case that some rater did not rate is left out.

    Returns:
        -1..1; Lin's for two raters; NaN where all say one and the same number.
    """
    table = np.asarray(ratings, np.float64)
    table = table[~np.isnan(table).any(1)]
    if not len(table):
        return math.nan
    means, moments = table.mean(0), np.atleast_2d(np.cov(table.T, bias=True))
    pairs = list(combinations(range(table.shape[1]), 2))
    shared = sum(2 * moments[i, j] for i, j in pairs)
    whole = sum(moments[i, i] + moments[j, j] + (means[i] - means[j]) ** 2 for i, j in pairs)
    return float(shared / whole) if whole > 0 else math.nan
