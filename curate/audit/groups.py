"""Groups of faces: by one column or by several crossed, as small integers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.audit.columns import CROSS, concept
from curate.audit.exact import mean_of
from curate.audit.faces import ABSENT, ABSTAINED, ANSWERED, FAILED, NOT_APPLICABLE, UNKNOWN, Coded, Codes, Faces
from curate.audit.sections import Unknown
from curate.evaluation.grouping import BETWEEN, MOST_GROUPS
from curate.evaluation.intervals import Estimate
from curate.evaluation.vocabulary import read_labels
from schemas import FacecurateError, UsageError, taxonomy
from schemas.bins import bins
from schemas.columns import labels

MOST_VALUES = 12
"""Numbers with more values than this are grouped into quarters."""
MOST_CELLS = 2_000
"""A crossing with more groups than this is no longer read by anybody."""
_BINS = {labels.AGE.name: "age-fairface", labels.ITA.name: "ita"}
_TAXONOMY = {"age": "age-fairface-9", "gender": "gender-2", "race": "race-fairface-7", "skin": "monk-10"}


@dataclass(frozen=True)
class Grouping:
    """One way to divide the faces.

    Attributes:
        by: Column, `a*b` where several are crossed.
        columns: Each of them.
        labels: Labels of each column.
        names: Of the groups, in order; the last column's labels change fastest.
        codes: Group of each face, -1 where it is not known, (n,).
        unknown: Faces of no group, by reason.
        closed: Groups without faces are groups nevertheless: all columns have a closed vocabulary.
    """

    by: str
    columns: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    codes: Codes
    unknown: Unknown
    closed: bool

    def __len__(self) -> int:
        return len(self.names)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Faces of each group, (groups,)."""
        return tally(self.codes, len(self))

    def cells(self) -> list[tuple[str, ...]]:
        """The labels of each group."""
        return list(itertools.product(*self.labels))


def tally(codes: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """How often each code from 0 on occurs; negative ones are not counted, (size,)."""
    return np.bincount(np.asarray(codes, np.int64) + 1, minlength=size + 1)[1:].astype(np.int64)


def crosstab(rows: NDArray[np.integer], columns: NDArray[np.integer], height: int, width: int) -> NDArray[np.int64]:
    """Counts of two codes together, where both are known, (height, width)."""
    known = (rows >= 0) & (columns >= 0)
    both = rows[known].astype(np.int64) * width + columns[known]
    return np.bincount(both, minlength=height * width).reshape(height, width).astype(np.int64)


class Cube:
    """Counts by every combination of the columns, made once, from which each grouping's follow by adding up.

    Args:
        groupings: Of the same faces; those of single columns first.
    """

    def __init__(self, groupings: Sequence[Grouping]) -> None:
        self.groupings = tuple(groupings)
        singles = [g for g in groupings if len(g.columns) == 1]
        n = len(groupings[0].codes) if groupings else 0
        joint: NDArray[np.int64] = np.zeros(n, np.int64)
        for single in singles:
            joint = (joint * (len(single) + 1) + single.codes + 1).astype(np.int64)
        _, first, cell = np.unique(joint, return_index=True, return_inverse=True)
        self.cell: Codes = cell.astype(np.int32)
        self.size = len(first)
        self._group = {g.by: g.codes[first] for g in groupings}

    def table(self, codes: NDArray[np.integer], width: int) -> NDArray[np.int64]:
        """Counts of codes in each combination, (combinations, width)."""
        return crosstab(self.cell, codes, self.size, width)

    def by(self, grouping: Grouping, table: NDArray[np.int64]) -> NDArray[np.int64]:
        """A table of combinations added up to groups, (groups, ...)."""
        found = np.zeros((len(grouping) + 1, *table.shape[1:]), table.dtype)
        np.add.at(found, self._group[grouping.by], table)  # -1, which is unknown, is the last row
        return found[:-1]

    def moments(self, values: NDArray[np.floating]) -> Moments:
        """Number, sum and sum of squares of numbers in each combination."""
        used = np.isfinite(values)
        numbers, cell = values[used].astype(np.float64), self.cell[used]
        middle = float(numbers.mean()) if len(numbers) else 0.0
        apart = numbers - middle
        sums = (np.bincount(cell, w, minlength=self.size) for w in (np.ones(len(apart)), apart, apart**2))
        return Moments(middle, np.stack(list(sums), axis=1))

    def means(self, grouping: Grouping, moments: Moments) -> list[Estimate]:
        """Mean of each group with Student's interval; none where fewer than two cases are there."""
        found = np.zeros((len(grouping) + 1, 3))
        np.add.at(found, self._group[grouping.by], moments.sums)
        return [mean_of(moments.middle, *row) for row in found[:-1].tolist()]


@dataclass(frozen=True)
class Moments:
    """Numbers about a middle: number, sum and sum of squares of the distances to it, (combinations, 3)."""

    middle: float
    sums: NDArray[np.float64]

    @property
    def overall(self) -> Estimate:
        """Mean of all."""
        return mean_of(self.middle, *self.sums.sum(0).tolist())

    @property
    def deviation(self) -> float:
        """Standard deviation of all; NaN of fewer than two."""
        n, total, squares = self.sums.sum(0).tolist()
        return float(np.sqrt(max(squares - total**2 / n, 0.0) / (n - 1))) if n > 1 else float("nan")


def groupings(
    faces: Faces, by: Sequence[str], crossings: Sequence[Sequence[str]], maps: Mapping[str, str] | None = None
) -> list[Grouping]:
    """The single columns, then the crossings.

    Args:
        faces: All faces.
        by: Single columns.
        crossings: Columns to cross.
        maps: Column of the list -> vocabulary that it is written in.

    Raises:
        UsageError: if a column has too many values to be groups.
    """
    singles = {name: _single(faces, name, (maps or {}).get(name, "")) for name in by}
    return [*singles.values(), *(_crossed([singles[n] for n in names], faces) for names in crossings)]


def _single(faces: Faces, name: str, written_in: str) -> Grouping:
    coded = faces.coded.get(name) or _binned(faces, name)
    if not coded.closed:
        coded = _spoken(name, coded, written_in) or _by_value(name, coded)
    states = faces.states.get(name)
    return Grouping(
        name, (name,), (coded.labels,), coded.labels, coded.codes, _unknown(coded.codes, states), coded.closed
    )


def _unknown(codes: Codes, states: NDArray[np.int8] | None) -> Unknown:
    homeless = codes < 0
    if states is None:
        return Unknown(absent=int(homeless.sum()))
    return Unknown(
        abstained=int((homeless & ((states == ABSTAINED) | (states == ANSWERED))).sum()),
        not_applicable=int((homeless & (states == NOT_APPLICABLE)).sum()),
        failed=int((homeless & (states == FAILED)).sum()),
        absent=int((homeless & (states == ABSENT)).sum()),
    )


def _binned(faces: Faces, name: str) -> Coded:
    """Numbers as groups: published bins where there are any, else each value, else quarters."""
    values = faces.numbers[name]
    if name in _BINS:
        found = bins(_BINS[name])
        order = taxonomy(found.taxonomy_name).labels
        place = np.array([order.index(label) for label in found.labels], np.int32)
        inside = (values >= found.low) & (values <= found.high)
        numbers = np.where(inside, values, 0.0).astype(np.float64)
        index = np.searchsorted(found.limits, numbers, side="right" if found.limit_belongs_above else "left")
        return Coded(order, np.where(inside, place[index], UNKNOWN).astype(np.int32), True)
    return _of_numbers(values)


def _of_numbers(values: NDArray[np.floating]) -> Coded:
    known = values[np.isfinite(values)]
    distinct = np.unique(known)
    if len(distinct) <= MOST_VALUES:
        index = np.searchsorted(distinct, np.where(np.isfinite(values), values, np.inf))
        codes = np.where(np.isfinite(values), index, UNKNOWN).astype(np.int32)
        return Coded(tuple(f"{v:g}" for v in distinct), codes, True)
    cuts = np.unique(np.quantile(known.astype(np.float64), (0.25, 0.5, 0.75)))
    edges = [float(known.min()), *cuts.tolist(), float(known.max())]
    index = np.searchsorted(cuts, values, side="right")
    codes = np.where(np.isfinite(values), index, UNKNOWN).astype(np.int32)
    return Coded(tuple(f"{a:.3g} to {b:.3g}" for a, b in itertools.pairwise(edges)), codes, True)


def _spoken(name: str, coded: Coded, written_in: str) -> Coded | None:
    """Values of the user's list read as a demographic vocabulary, so that groups without faces are known."""
    target = _TAXONOMY.get(concept(name), "")
    if not (target or written_in) or not coded.labels:
        return None
    try:
        spoken = read_labels(name, list(coded.labels), target, written_in)
    except FacecurateError:
        if written_in:
            raise
        return None
    order = taxonomy(spoken.taxonomy).labels
    place = np.array([order.index(x) if x in order else UNKNOWN for x in spoken.labels], np.int32)
    return Coded(order, np.where(coded.codes < 0, UNKNOWN, place[coded.codes]).astype(np.int32), True)


def _by_value(name: str, coded: Coded) -> Coded:
    """Values as they are, the most frequent first; numbers with many values in quarters."""
    numbers = _as_numbers(coded)
    if numbers is not None and len(coded.labels) > MOST_VALUES:
        return _of_numbers(numbers)
    if len(coded.labels) > MOST_GROUPS:
        what = f"column {name} has {len(coded.labels):,} values"
        raise UsageError(what, "too many to be groups", "Group by another column")
    counts = tally(coded.codes, len(coded.labels))
    order = sorted(range(len(counts)), key=lambda i: (-counts[i], coded.labels[i]))
    place = np.empty(len(order) + 1, np.int32)
    place[order], place[-1] = np.arange(len(order)), UNKNOWN
    return Coded(tuple(coded.labels[i] for i in order), place[coded.codes], False)


def _as_numbers(coded: Coded) -> NDArray[np.float64] | None:
    try:
        table = np.array([*(float(x) for x in coded.labels), np.nan])
    except ValueError:
        return None
    found: NDArray[np.float64] = table[coded.codes]
    return found


def _crossed(singles: Sequence[Grouping], faces: Faces) -> Grouping:
    by = CROSS.join(s.by for s in singles)
    cells = int(np.prod([len(s) for s in singles], dtype=np.int64))
    if cells > MOST_CELLS:
        raise UsageError(f"{by} has {cells:,} groups", f"more than {MOST_CELLS:,} are read by nobody", "Cross fewer")
    codes: Codes = np.zeros(faces.n, np.int32)
    known = np.ones(faces.n, bool)
    for single in singles:
        codes = (codes * len(single) + single.codes).astype(np.int32)
        known &= single.codes >= 0
    codes[~known] = UNKNOWN
    names = tuple(BETWEEN.join(cell) for cell in itertools.product(*(s.names for s in singles)))
    return Grouping(
        by, tuple(s.by for s in singles), tuple(s.names for s in singles), names, codes,
        _first_reason(singles, known, faces), all(s.closed for s in singles),
    )  # fmt: skip


def _first_reason(singles: Sequence[Grouping], known: NDArray[np.bool_], faces: Faces) -> Unknown:
    """Why faces have no group, by the first column that does not know them."""
    left = ~known
    total = dict.fromkeys(("abstained", "not_applicable", "failed", "absent"), 0)
    for single in singles:
        mine = left & (single.codes < 0)
        states = faces.states.get(single.by)
        found = _unknown(np.where(mine, UNKNOWN, 0).astype(np.int32), states)
        for reason in total:
            total[reason] += getattr(found, reason)
        left &= ~mine
    return Unknown(**total)
