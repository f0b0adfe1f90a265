"""Sampling weights that give groups their share with the largest effective sample size.

Every face of cell c, with n_c faces, gets the weight w_c. Kish's effective size (sum w)^2 / sum w^2 is largest
where, for a fixed sum, sum n_c w_c^2 is least: a convex aim under linear rows. It is solved by linear programmes
in which the squares are replaced by tangents, and tangents are added where the answer lies, until the bound that
the tangents prove and the true value agree (J. E. Kelley, "The cutting-plane method for solving convex programs",
1960; L. Kish, "Survey Sampling", 1965).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.balance.model import Demand, Row, matrix
from schemas import MissingExtraError

Floats = NDArray[np.float64]
GAP = 1e-6
ROUNDS = 60
NOISE = 1e-7
"""Miss of a share, as a share of all faces, that is none: the solver keeps rows to about this."""


@dataclass(frozen=True)
class Weighting:
    """Weights of the cells.

    Attributes:
        weight: Weight of each face of a cell, 1 on average over all faces; 0 for empty cells, shape (cells,).
        effective: Effective sample size.
        bound: No weights within the limits give a larger one, proven by the tangents.
        missed: Largest distance of a group's weighted share to its target, beyond the tolerance.
    """

    weight: Floats
    effective: float
    bound: float
    missed: float


def effective_size(counts: Floats, weight: Floats) -> float:
    """Kish's effective sample size of `counts` faces per cell with these weights."""
    square = float((counts * weight**2).sum())
    return float((counts * weight).sum()) ** 2 / square if square else 0.0


def weight_rows(counts: Floats, demands: Sequence[Demand], tolerance: float, ratio: float) -> tuple[list[Row], int]:
    """What weights must keep to, as rows over the masses of the full cells and the least weight, the last variable.

    The mass of a cell is its weight times its faces; the masses add up to all faces.

    Args:
        counts: Faces per cell.
        demands: Those with a share count; limits on faces do not concern weights.
        tolerance: Most by which a weighted share may miss, relative to the share.
        ratio: Largest weight over the smallest.

    Returns:
        Rows and number of variables.
    """
    full = np.flatnonzero(counts)
    total, last = float(counts.sum()), len(full)
    every, ones = np.arange(last), np.ones(last)
    rows = [
        Row("weight.sum low", f"the weights of all faces add up to {total:,.0f}", every, -ones, -total),
        Row("weight.sum high", f"the weights of all faces add up to {total:,.0f}", every, ones, total),
    ]
    for number, demand in enumerate(demands):
        if demand.share is None:
            continue
        members = np.flatnonzero(np.isin(full, demand.cells))
        for sign, side in ((-1.0, "low"), (1.0, "high")):
            bound = demand.share * (1 + sign * tolerance)
            name = f"weight[{number}] {demand.name} {side}"
            words = f"{demand.name}: at {'least' if sign < 0 else 'most'} {bound:.4g} of the weight is asked for"
            rows.append(Row(name, words, members, sign * np.ones(len(members)), sign * bound * total, True, number))
    for i, count in enumerate(counts[full]):
        both = np.array([i, last])
        words = f"no weight is more than {ratio:g} times the least: {count:,.0f} faces"
        rows.append(Row(f"weight {full[i]} high", words, both, np.array([1.0, -ratio * count]), 0.0))
        rows.append(Row(f"weight {full[i]} low", "no weight is below the least", both, np.array([-1.0, count]), 0.0))
    return rows, last + 1


def reweighted(counts: Floats, demands: Sequence[Demand], tolerance: float, ratio: float) -> Weighting:
    """Weights that bring the shares of groups to their targets, as near as the limits allow.

    Args:
        counts: Faces per cell.
        demands: See `weight_rows`.
        tolerance: See `weight_rows`.
        ratio: See `weight_rows`.
    """
    full = np.flatnonzero(counts)
    if not len(full):
        return Weighting(np.zeros(len(counts)), 0.0, 0.0, 0.0)
    rows, width = weight_rows(counts, demands, tolerance, ratio)
    problem = _Problem(counts[full], rows, width)
    missed = problem.least_miss()
    mass, bound = problem.most_effective(missed)
    weight = np.zeros(len(counts))
    weight[full] = np.maximum(mass, 0) / counts[full]
    weight *= counts.sum() / float((counts * weight).sum())
    share = missed / float(counts.sum())
    return Weighting(weight, effective_size(counts, weight), bound, share if share > NOISE else 0.0)


class _Problem:
    """Variables in order: mass per cell, the least weight, one miss in faces, a square per cell."""

    def __init__(self, counts: Floats, rows: Sequence[Row], width: int) -> None:
        self.counts, self.n, self.width = counts, len(counts), width
        self.rows = [
            Row(r.name, r.words, np.append(r.index, width), np.append(r.value, -1.0), r.bound) if r.demand else r
            for r in rows
        ]

    def least_miss(self) -> float:
        """The least largest miss of a share, in faces."""
        aim = np.zeros(self.width + 1 + self.n)
        aim[self.width] = 1
        return max(float(self._solve(aim, [], None).fun), 0.0)

    def most_effective(self, missed: float) -> tuple[Floats, float]:
        """Masses with the largest effective size, and the size that none can exceed."""
        aim = np.zeros(self.width + 1 + self.n)
        aim[self.width + 1 :] = 1
        cuts: list[Row] = []
        total = float(self.counts.sum())
        point = best = self.counts.copy()
        best_square, low = np.inf, 0.0
        for _ in range(ROUNDS):
            cuts += self._tangents(point)
            result = self._solve(aim, cuts, missed + NOISE * total)
            point, low = result.x[: self.n], max(low, float(result.fun))
            square = float((point**2 / self.counts).sum())
            if square < best_square:
                best, best_square = point, square
            if best_square - low <= GAP * best_square:
                break
        return best, total**2 / max(low, 1e-300)

    def _tangents(self, point: Floats) -> list[Row]:
        """Tangents at the point p of each cell: square >= (2 p mass - p^2) / faces."""
        first = self.width + 1
        return [
            Row("", "", np.array([i, first + i]), np.array([2 * p / n, -1.0]), p**2 / n)
            for i, (p, n) in enumerate(zip(point.tolist(), self.counts.tolist(), strict=True))
        ]

    def _solve(self, aim: Floats, cuts: list[Row], miss: float | None) -> Any:
        try:
            from scipy.optimize import linprog  # type: ignore[import-untyped]
        except ImportError:
            raise MissingExtraError("scipy", "balance") from None
        rows, bounds = matrix([*self.rows, *cuts], len(aim))
        limits: list[tuple[float, float | None]] = [(0, None)] * len(aim)
        limits[self.width] = (0, miss)
        result = linprog(aim, A_ub=rows, b_ub=bounds, bounds=limits, method="highs")
        if result.x is None:
            raise RuntimeError(f"HiGHS found no weights: {result.message}")
        return result
