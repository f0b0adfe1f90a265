"""Fuses numbers, angles and independent scores: inverse-variance means with bias taken out, random effects.

R. DerSimonian, N. Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7, 1986: where the
sources of one face differ by more than their errors explain, all of them are trusted less, and more alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate.fuse.labels import as_scores
from curate.fuse.method import Floats, Fused, Method, Said, Source, agreed, normalised, rounded
from curate.fuse.pairs import Differences, wrapped
from schemas import Column, Kind

WITHIN = 2.0
"""A source is behind the fused number if it is within so many of its own standard errors."""


def is_circular(column: Column) -> bool:
    """Whether the column is an angle that goes all the way round."""
    return column.unit == "deg" and column.low == -180 and column.high == 180


def random_effects(values: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean of several estimates with their errors, by DerSimonian and Laird.

    Args:
        values: (n, sources, width), NaN where absent.
        variance: The same shape; of each estimate's error.

    Returns:
        Means (n, width), standard errors (n, width), weights (n, sources, width).
    """
    there = ~np.isnan(values)
    fixed = np.where(there, 1 / variance, 0.0)
    mean = _mean(values, fixed)
    total = fixed.sum(1)
    q = (fixed * np.where(there, values - mean[:, None], 0.0) ** 2).sum(1)
    spare = total - np.divide((fixed**2).sum(1), total, out=np.zeros_like(total), where=total > 0)
    excess = q - (there.sum(1) - 1)
    between = np.divide(excess, spare, out=np.zeros_like(total), where=spare > 1e-12).clip(min=0)
    weights = np.where(there, 1 / (variance + between[:, None]), 0.0)
    whole = weights.sum(1)
    error = np.sqrt(np.divide(1.0, whole, out=np.full_like(whole, np.nan), where=whole > 0))
    return _mean(values, weights), error, weights


def _mean(values: Floats, weights: Floats) -> Floats:
    total = weights.sum(1)
    part = (np.where(weights > 0, values, 0.0) * weights).sum(1)
    return np.asarray(np.divide(part, total, out=np.full_like(total, np.nan), where=total > 0))


class Numbers(Method):
    """Fuses a number, a vector of numbers, or a struct of independent scores, each field by itself."""

    title = "random effects"

    def __init__(self, column: Column, sources: Sequence[Source], groups: Sequence[str] = ()) -> None:
        super().__init__(column, sources, groups)
        self.circular = is_circular(column)
        self.width = width_of(column)
        self._differences = Differences(sources, self.width, len(groups), self.circular)
        self.bias: Floats = np.zeros((1 + len(groups), len(sources), self.width))
        self.variance = np.ones_like(self.bias)
        self._sd_square = np.zeros(len(sources))
        self._sd_count = np.zeros(len(sources))

    def observe(self, said: Said) -> None:
        """Sum up how the sources differ."""
        self._differences.add(said.values, said.groups, said.truth)
        if said.sd is not None:
            self._sd_square += np.nansum(said.sd**2, axis=0)
            self._sd_count += (~np.isnan(said.sd)).sum(0)

    def settle(self) -> None:
        """Estimate biases and errors."""
        self.bias, self.variance = self._differences.estimate()

    def fuse(self, said: Said) -> Fused:
        """Fuse a shard."""
        values: Floats = said.values
        place = np.where(said.groups >= 0, said.groups + 1, 0)
        variance = self.variance[place] * self._own(said)[:, :, None]
        shared = variance / self._differences.votes[:, None]
        corrected = values - self.bias[place]
        if self.circular:
            around = _direction(corrected, shared)
            corrected = wrapped(corrected - around[:, None])
        mean, error, weights = random_effects(corrected, shared)
        apart = np.where(np.isnan(corrected), np.inf, np.abs(corrected - mean[:, None]))
        behind = (apart <= WITHIN * np.sqrt(variance)).sum(2) * 2 > (~np.isnan(values)).sum(2)
        shares = _shares(weights)
        if self.circular:
            mean = wrapped(mean + around)
        low, high = self.column.low, self.column.high
        mean = np.clip(mean, -np.inf if low is None else low, np.inf if high is None else high)
        spoke = ~np.isnan(values).all(2)
        columns = {self.column: as_column(self.column, mean)}
        told = np.where(self._differences.judged().any(0)[None], error, np.nan)
        uncertainty = _quiet_mean(told)
        return Fused(columns, shares, agreed(shares, np.asarray(behind), spoke), uncertainty)

    def _own(self, said: Said) -> Floats:
        """How a source's own standard deviation for a face compares with its usual one, as a variance, 1/4 to 4."""
        factor = np.ones(said.values.shape[:2])
        if said.sd is None:
            return factor
        usual = np.divide(self._sd_square, self._sd_count, out=np.ones_like(self._sd_square), where=self._sd_count > 0)
        own = np.clip(said.sd**2 / np.maximum(usual, 1e-12), 0.25, 4.0)
        return np.where(np.isnan(own), factor, own)

    def facts(self) -> dict[str, Any]:
        """Biases and standard errors."""
        error, judged = np.sqrt(self.variance), self._differences.judged()
        layers = [s.layer for s in self.sources]
        facts: dict[str, Any] = {
            "method": f"{self.title}{', circular' if self.circular else ''}",
            "sources": {
                layer: {
                    "faces": int(self._differences.faces[s]),
                    "vote": rounded(float(self._differences.votes[s])),
                    "bias": rounded(float(self.bias[0, s].mean())),
                    "error": rounded(float(error[0, s, judged[s]].mean())) if judged[s].any() else None,
                }
                for s, layer in enumerate(layers)
            },
            "faces_with_truth": int(self._differences.n[0, :, -1].max(initial=0)),
        }
        if self.groups:
            facts["by_group"] = {
                group: {
                    layer: {
                        "bias": rounded(float(self.bias[1 + g, s].mean())),
                        "error": rounded(float(error[1 + g, s].mean())),
                    }
                    for s, layer in enumerate(layers)
                }
                for g, group in enumerate(self.groups)
            }
        return facts


def width_of(column: Column) -> int:
    """Numbers per face."""
    if column.kind is Kind.SCORES:
        return int(column.type.num_fields)
    return int(np.prod(column.shape)) if column.shape else 1


def as_column(column: Column, values: Floats) -> pa.Array:
    """Numbers (n, width) in the column's own type; null where nothing is known."""
    if column.kind is Kind.SCORES:
        return as_scores(column, values)
    missing = np.isnan(values).all(1)
    if pa.types.is_fixed_size_list(column.type):
        flat = pa.array(values.astype(np.float32).reshape(-1), column.type.value_type)
        return pa.FixedSizeListArray.from_arrays(flat, type=column.type, mask=pa.array(missing))
    if pa.types.is_integer(column.type):
        return pa.array(np.rint(np.nan_to_num(values[:, 0])).astype(np.int64), mask=missing).cast(column.type)
    return pa.array(values[:, 0], pa.float64(), mask=missing).cast(column.type)


def _direction(degrees: Floats, variance: Floats) -> Floats:
    """Weighted mean direction (n, width) in degrees."""
    weights = np.where(np.isnan(degrees), 0.0, 1 / variance)
    angle = np.radians(np.where(np.isnan(degrees), 0.0, degrees))
    return np.asarray(np.degrees(np.arctan2((weights * np.sin(angle)).sum(1), (weights * np.cos(angle)).sum(1))))


def _shares(weights: Floats) -> Floats:
    """Weights (n, sources, width) as shares per source, averaged over the numbers that anyone gave."""
    total = weights.sum(1, keepdims=True)
    share = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return normalised(share.sum(2))


def _quiet_mean(values: Floats) -> Floats:
    """Mean over the last axis without NaN; NaN where all are."""
    known = ~np.isnan(values)
    count = known.sum(1)
    total = np.where(known, values, 0.0).sum(1)
    return np.asarray(np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0))
