"""Which action units occur together, with which expressions, and whether that differs between groups."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curate.audit.exact import Floats, rate, scipy
from curate.audit.faces import PRESENT, Coded, Faces
from curate.audit.groups import Cube, Grouping
from curate.audit.options import AuditOptions
from curate.audit.sections import Test
from curate.audit.structure import Node, Pair, PairDifference, Relations
from curate.audit.testing import EXPECTED, NOTHING, adjusted
from schemas import taxonomy

LEAST_PHI = 0.1
"""Cohen's small effect: relations below it are no edges however many faces show them."""
BELIEVED = 0.05
ROWS = 100_000
"""Faces multiplied at once."""
_NOTE = (
    "Units come from one model: some of what occurs together does so because the model reads them from the same "
    "points, or one from another, not because faces move so."
)

Table = NDArray[np.int64]
"""Faces by a and b, (..., 2, 2): [absent, present] of a by [absent, present] of b."""


@dataclass(frozen=True)
class _Marks:
    """Marks of the faces as two matrices, known and present, (n, marks) each of 0 and 1."""

    names: tuple[str, ...]
    known: NDArray[np.float32]
    present: NDArray[np.float32]


def relations(faces: Faces, cube: Cube, source: str, emotion: str, options: AuditOptions) -> Relations | None:
    """Co-occurrence of the action units; None where there are none.

    Args:
        faces: All faces.
        cube: Their groupings; relations are compared between the groups of single columns.
        source: Column that the units come from.
        emotion: Column of the expressions, or empty.
        options: `min_group`.
    """
    if not faces.units:
        return None
    units = _of_units(faces)
    feelings = _of_labels(faces.coded[emotion]) if emotion in faces.coded else None
    names, n_units = units.names, len(units.names)
    over = [*every_two(n_units)]
    tables = _counts(units, units)
    pairs = _pairs(names, names, tables, over)
    with_emotion: list[Pair] = []
    if feelings is not None:
        across = [(i, j) for i in range(n_units) for j in range(len(feelings.names))]
        with_emotion = _pairs(names, feelings.names, _counts(units, feelings), across)
    known = units.known.sum(0, dtype=np.float64)
    present = units.present.sum(0, dtype=np.float64)
    titles = taxonomy("facs").docs
    return Relations(
        source=f"{source} >= {PRESENT[source]:g}", emotion=emotion if feelings is not None else "",
        faces=int(units.known.any(1).sum()),
        nodes=tuple(Node(u, titles.get(u, "").rstrip("."), rate(int(present[i]), int(known[i])))
                    for i, u in enumerate(names)),
        pairs=tuple(pairs),
        edges=tuple(p for p in pairs if p.test.p_adjusted < BELIEVED and abs(p.phi) >= LEAST_PHI),
        with_emotion=tuple(with_emotion), differences=tuple(_differences(units, cube, options)),
        least_phi=LEAST_PHI, notes=(_NOTE,),
    )  # fmt: skip


def every_two(n: int) -> Iterator[tuple[int, int]]:
    """Every two of n things once."""
    return ((i, j) for i in range(n) for j in range(i + 1, n))


def _of_units(faces: Faces) -> _Marks:
    codes = np.stack(list(faces.units.values()), axis=1)
    return _Marks(tuple(faces.units), (codes >= 0).astype(np.float32), (codes == 1).astype(np.float32))


def _of_labels(coded: Coded) -> _Marks:
    known = np.repeat((coded.codes >= 0)[:, None], len(coded.labels), axis=1)
    present = coded.codes[:, None] == np.arange(len(coded.labels))
    return _Marks(coded.labels, known.astype(np.float32), present.astype(np.float32))


def _counts(a: _Marks, b: _Marks, rows: NDArray[np.intp] | None = None) -> Table:
    """Two-by-two tables of every mark of a with every of b, (marks of a, marks of b, 2, 2)."""
    chosen = np.arange(len(a.known)) if rows is None else rows
    total = np.zeros((4, len(a.names), len(b.names)))
    for start in range(0, len(chosen), ROWS):  # in float32, exact to 16 million
        part = chosen[start : start + ROWS]
        ka, pa, kb, pb = a.known[part], a.present[part], b.known[part], b.present[part]
        total += np.stack([ka.T @ kb, pa.T @ kb, ka.T @ pb, pa.T @ pb])
    n, with_a, with_b, both = total
    cells = np.stack([np.stack([n - with_a - with_b + both, with_b - both], -1),
                      np.stack([with_a - both, both], -1)], -2)  # fmt: skip
    return np.rint(cells).astype(np.int64)


def phi(tables: Table) -> Floats:
    """Correlation of two marks, (...); NaN where one never or always occurs."""
    x = tables.astype(np.float64)
    n, a, b, both = x.sum((-1, -2)), x[..., 1, :].sum(-1), x[..., :, 1].sum(-1), x[..., 1, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = (n * both - a * b) / np.sqrt(a * (n - a) * b * (n - b))
    return np.where(np.isfinite(found), found, np.nan)


def _pairs(left: Sequence[str], right: Sequence[str], tables: Table, places: Sequence[tuple[int, int]]) -> list[Pair]:
    """The pairs at some places of the tables, tested together, the largest |phi| first."""
    values = phi(tables)
    found = [_pair(left[i], right[j], tables[i, j], float(values[i, j])) for i, j in places]
    p = adjusted([pair.test.p for pair in found])
    tested = [replace(x, test=replace(x.test, p_adjusted=float(q))) for x, q in zip(found, p, strict=True)]
    return sorted(tested, key=lambda x: (math.isnan(x.phi), -abs(x.phi) if x.phi == x.phi else 0.0, x.a, x.b))


def _pair(a: str, b: str, table: Table, correlation: float) -> Pair:
    n, with_a, with_b, both = int(table.sum()), int(table[1].sum()), int(table[:, 1].sum()), int(table[1, 1])
    lift = both * n / (with_a * with_b) if with_a and with_b else math.nan
    return Pair(
        a, b, n, with_a, with_b, both, lift, math.log(lift) if lift > 0 else math.nan, correlation,
        two_by_two(table, correlation),
        b_given_a=both / with_a - with_b / n if with_a else math.nan,
        a_given_b=both / with_b - with_a / n if with_b else math.nan,
    )  # fmt: skip


def two_by_two(table: Table, correlation: float) -> Test:
    """Chi-squared without correction, n phi^2; Fisher's exact test where an expected count is below 5."""
    if math.isnan(correlation):
        return NOTHING
    n = int(table.sum())
    least = min(table.sum(0)) * min(table.sum(1)) / n
    if least < EXPECTED:
        return Test("fisher", math.nan, 0, float(scipy("stats").fisher_exact(table).pvalue))
    statistic = n * correlation**2
    return Test("chi2", statistic, 1, float(scipy("stats").chi2.sf(statistic, 1)))


def woolf(tables: Table) -> Test:
    """Whether the log odds ratios of several two-by-two tables could be equal.

    B. Woolf, "On estimating the relation between blood group and disease", 1955, with half a case added to every cell
    (J. Haldane 1956).

    Args:
        tables: (groups, 2, 2).
    """
    x = tables.astype(np.float64) + 0.5
    odds = np.log(x[:, 1, 1] * x[:, 0, 0] / (x[:, 0, 1] * x[:, 1, 0]))
    weight = 1 / (1 / x).sum((1, 2))
    middle = (weight * odds).sum() / weight.sum()
    statistic, freedom = float((weight * (odds - middle) ** 2).sum()), len(tables) - 1
    return Test("homogeneity", statistic, freedom, float(scipy("stats").chi2.sf(statistic, freedom)))


def _differences(units: _Marks, cube: Cube, options: AuditOptions) -> list[PairDifference]:
    """Pairs of units whose relation differs between the groups of a column, significantly after adjustment."""
    found: list[PairDifference] = []
    for grouping in cube.groupings:
        if len(grouping.columns) == 1:
            found += _by_group(units, grouping, options)
    p = adjusted([d.test.p for d in found])
    tested = [replace(d, test=replace(d.test, p_adjusted=float(q))) for d, q in zip(found, p, strict=True)]
    kept = [d for d in tested if d.test.p_adjusted < BELIEVED and d.spread >= LEAST_PHI]
    return sorted(kept, key=lambda d: (-d.spread, d.by, d.a, d.b))


def _by_group(units: _Marks, grouping: Grouping, options: AuditOptions) -> Iterator[PairDifference]:
    large = np.flatnonzero(grouping.counts >= options.min_group)
    if len(large) < 2:
        return
    tables = np.stack([_counts(units, units, np.flatnonzero(grouping.codes == g)) for g in large])
    values = phi(tables)
    for i, j in every_two(len(units.names)):
        defined = np.isfinite(values[:, i, j])
        if defined.sum() < 2:
            continue
        kept = tables[defined, i, j]
        yield PairDifference(
            grouping.by, units.names[i], units.names[j], tuple(grouping.names[g] for g in large[defined]),
            tuple(kept.sum((1, 2)).tolist()), tuple(values[defined, i, j].tolist()), woolf(kept),
            float(np.ptp(values[defined, i, j])),
        )  # fmt: skip
