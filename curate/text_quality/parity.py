"""Whether groups get answers by the same templates: the gap between their distributions of templates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDS = 500


@dataclass(frozen=True)
class Parity:
    """The largest gap between two groups.

    Attributes:
        gap: Total variation distance of their distributions of templates, 0..1.
        groups: The two; empty where fewer than two groups have texts.
        expected: Mean of the largest gap with the groups dealt to the texts anew: what chance alone gives.
        p: Share of those deals with a gap at least as large.
        shares: Group -> template -> share.
        n: Group -> texts.
    """

    gap: float
    groups: tuple[str, ...]
    expected: float
    p: float
    shares: dict[str, dict[str, float]]
    n: dict[str, int]


def parity(templates: Sequence[str], groups: Sequence[str | None], rounds: int = ROUNDS, seed: int = 0) -> Parity:
    """Compare the templates of the groups' texts.

    Args:
        templates: Template of each text, such as `diversity.skeleton` gives.
        groups: Group of each; texts without one are left out.
        rounds: Deals of the permutation test.
        seed: Of the deals.
    """
    rows = [(t, g) for t, g in zip(templates, groups, strict=True) if g is not None]
    named = sorted({g for _, g in rows})
    known = sorted({t for t, _ in rows})
    code = np.array([known.index(t) for t, _ in rows], np.int64)
    of = np.array([named.index(g) for _, g in rows], np.int64)
    n = Counter(g for _, g in rows)
    shares = _shares(code, of, len(named), len(known))
    told = {g: dict(zip(known, shares[i].tolist(), strict=True)) for i, g in enumerate(named)}
    if len(named) < 2:
        return Parity(0.0, (), 0.0, 1.0, told, dict(n))
    gaps = {(a, b): _distance(shares, a, b) for a, b in combinations(range(len(named)), 2)}
    worst = max(gaps, key=lambda pair: gaps[pair])
    rng = np.random.default_rng(seed)
    dealt = np.array([_largest(_shares(code, rng.permutation(of), len(named), len(known))) for _ in range(rounds)])
    p = (int((dealt >= gaps[worst] - 1e-12).sum()) + 1) / (rounds + 1)
    return Parity(gaps[worst], tuple(named[i] for i in worst), float(dealt.mean()), p, told, dict(n))


def _shares(code: Ints, of: Ints, groups: int, templates: int) -> Floats:
    table = np.bincount(of * templates + code, minlength=groups * templates).reshape(groups, templates)
    return np.asarray(table / np.maximum(table.sum(1, keepdims=True), 1))


def _distance(shares: Floats, a: int, b: int) -> float:
    return float(np.abs(shares[a] - shares[b]).sum() / 2)


def _largest(shares: Floats) -> float:
    return max(_distance(shares, a, b) for a, b in combinations(range(len(shares)), 2))
