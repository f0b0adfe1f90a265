"""How far sources agree beyond chance: Cohen's kappa of two, Krippendorff's alpha of all.

J. Cohen 1960 and 1968 (weighted); K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011.
"""

from __future__ import annotations

import numpy as np

from curate.fuse.method import Codes, Floats


def cohen_kappa(table: Floats, ordinal: bool = False) -> float:
    """Kappa of two raters from their joint counts (labels, labels); quadratic weights where labels are ordered.

    NaN where there is nothing to compare; 1 where both always say one and the same label.
    """
    n = table.sum()
    if n == 0:
        return float("nan")
    step = np.arange(len(table))
    apart = (step[:, None] - step[None, :]) ** 2.0 if ordinal else (step[:, None] != step[None, :]).astype(float)
    seen = float((apart * table).sum() / n)
    chance = float((apart * np.outer(table.sum(1), table.sum(0))).sum() / n**2)
    return 1.0 if chance == 0 else 1 - seen / chance


def joint(said: Codes, counts: Floats, one: int, other: int, labels: int) -> Floats:
    """Joint counts (labels, labels) of two sources over the faces of which both spoke."""
    both = (said[:, one] >= 0) & (said[:, other] >= 0)
    table = np.zeros((labels, labels))
    np.add.at(table, (said[both, one], said[both, other]), counts[both])
    return table


def krippendorff_alpha(said: Codes, counts: Floats, labels: int, ordinal: bool = False) -> float:
    """Alpha from rows of codes (patterns, sources), -1 for nothing, each seen `counts` times.

    Nominal distances, or Krippendorff's ordinal ones. NaN where no face was labelled twice; 1 where only one
    label occurs.
    """
    units = np.zeros((len(said), labels))
    for s in range(said.shape[1]):
        spoke = said[:, s] >= 0
        units[np.flatnonzero(spoke), said[spoke, s]] += 1
    m = units.sum(1)
    units, m, weight = units[m >= 2], m[m >= 2], counts[m >= 2]
    if not len(units):
        return float("nan")
    scaled = (weight / (m - 1))[:, None]
    coincidence = (units * scaled).T @ units - np.diag((units * scaled).sum(0))
    margins = coincidence.sum(1)
    apart = _ordinal(margins) if ordinal else (~np.eye(labels, dtype=bool)).astype(float)
    seen = float((coincidence * apart).sum())
    chance = float((np.outer(margins, margins) * apart).sum() / (margins.sum() - 1))
    return 1.0 if chance == 0 else 1 - seen / chance


def _ordinal(margins: Floats) -> Floats:
    """Krippendorff's squared ordinal distances: faces between two labels, half of each end."""
    total = np.concatenate([[0.0], np.cumsum(margins)])
    middle = (total[:-1] + total[1:]) / 2
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)
