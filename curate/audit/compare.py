"""`compare`: every label of two or more groups of a study held against each other, with effect sizes.

Each label, action unit and number is tested by itself, so of many tests some find a difference that is none: p-values
are adjusted over all of them (Benjamini and Hochberg), and the adjusted ones are what counts.

Faces of one person resemble each other. If the person of each face is known (`subject`), each person counts once: by
the mean of a number, the share of faces with a label, the deviation within the person's own faces. These tests hold
whatever the faces of a person have in common. Without it every face is taken as a person of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.audit.compare_read import Codes, Data, Variable, read
from curate.audit.compare_tests import Tested, contingency, levels, pairs, presences, variability
from curate.audit.exact import mean_of, scipy
from curate.audit.groups import crosstab
from curate.audit.sections import Test
from curate.audit.testing import adjusted
from curate.evaluation.intervals import Estimate, proportion, undefined
from curate.evaluation.results import plain
from curate.identity.progress import follow
from curate.store import Dataset
from curate.store.parts import write_json
from curate.store.view import FaceView
from schemas import UsageError
from schemas.columns import labels

Floats = NDArray[np.float64]
FORMAT, VERSION = "facecurate-comparison", 1
LEAST = 3
"""Cases a group must have for a test."""
PERMUTATIONS = 1999
WITHIN = "variability within subjects"
BETWEEN = "variability between subjects"
SPREAD = "variability"
ASPECTS = ("level", "presence", "labels", "asymmetry", SPREAD, BETWEEN, WITHIN)


@dataclass(frozen=True)
class GroupValue:
    """What one group has.

    Attributes:
        name: Of the group.
        value: Share of presence, mean of numbers, standard deviation where variability is compared, each with its
            interval; NaN for a whole column of labels. n counts the cases.
        median: Of numbers; NaN elsewhere.
    """

    name: str
    value: Estimate
    median: float = math.nan


@dataclass(frozen=True)
class Pair:
    """Two of more than two groups.

    Attributes:
        first: Name of the one.
        second: Of the other.
        test: Adjusted over all pairs of all comparisons.
        effect: Of the first against the second.
        measure: What the effect is.
    """

    first: str
    second: str
    test: Test
    effect: Estimate
    measure: str


@dataclass(frozen=True)
class Comparison:
    """One label, unit or number compared between the groups.

    Attributes:
        name: What is compared; see `Variable`.
        aspect: One of `ASPECTS`.
        unit: Of a number.
        groups: What each group has.
        test: Adjusted over all comparisons.
        effect: Effect size; of the first group against the second where there are two.
        measure: What the effect is.
        pairs: Of more than two groups.
    """

    name: str
    aspect: str
    unit: str
    groups: tuple[GroupValue, ...]
    test: Test
    effect: Estimate
    measure: str
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class Comparisons:
    """All of a study's comparisons.

    Attributes:
        by: Column of the groups.
        groups: Their names.
        faces: Faces of each.
        subject: Column of the subjects; empty if every face counts by itself.
        subjects: Subjects of each group; empty likewise.
        rows: The least adjusted p-value first.
        left_out: What could not be compared, and why.
        notes: What a reader must know.
    """

    by: str
    groups: tuple[str, ...]
    faces: tuple[int, ...]
    subject: str
    subjects: tuple[int, ...]
    rows: tuple[Comparison, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "format": FORMAT, "version": VERSION, "by": self.by, "groups": list(self.groups),
            "faces": list(self.faces), "subject": self.subject, "subjects": list(self.subjects),
            "unit": "subjects" if self.subject else "faces",
            "comparisons": [_plain(row) for row in self.rows],
            "left_out": dict(self.left_out), "notes": list(self.notes),
        }  # fmt: skip

    def save(self, path: Path) -> None:
        """Write the JSON."""
        write_json(path, self.as_dict())


def compare(
    dataset: Dataset,
    by: str,
    *,
    groups: Iterable[str] | None = None,
    subject: str | None = None,
    columns: Iterable[str] | None = None,
    layers: Iterable[str] | None = None,
    seed: int = 0,
    quiet: bool = True,
) -> Comparisons:
    """Compare groups of faces.

    Args:
        dataset: The dataset.
        by: Column of the groups: a label, a flag, or `extra.NAME` of the list.
        groups: Groups to compare, in this order; all that have faces by default.
        subject: Column that says which person a face is of, such as `extra.child` or `identity`.
        columns: What to compare; by default all labels, flags, numbers, action units and expressions.
        layers: Only these layers speak.
        seed: Of tables drawn where expected counts are too small for chi-squared.
        quiet: Show no progress.

    Raises:
        UnknownNameError: for a column, group or layer that does not exist.
        UsageError: for what cannot be compared, fewer than two groups, or a subject of several groups.
        MissingExtraError: if scipy is absent.
    """
    scipy("stats")
    view = FaceView(dataset, layers)
    data = read(view, by, groups, subject, columns, quiet)
    cases = _faces(data) if data.subjects is None else _subjects(data)
    rows: list[Comparison] = []
    left_out: dict[str, str] = {}
    for i, variable in enumerate(follow(data.variables, len(data.variables), "comparing", quiet)):
        for row in _compared(variable, data, cases, [seed, i]):
            if isinstance(row, Comparison):
                rows.append(row)
            else:
                left_out[row[0]] = row[1]
    inside = data.codes >= 0
    return Comparisons(
        by=data.by, groups=data.groups,
        faces=tuple(int((data.codes == g).sum()) for g in range(len(data.groups))),
        subject=subject or "", subjects=() if data.subjects is None else cases.sizes(len(data.groups)),
        rows=_adjusted(rows), left_out=left_out, notes=tuple(_notes(data, view, inside)),
    )  # fmt: skip


@dataclass(frozen=True)
class Cases:
    """What counts once: a face, or a subject.

    Attributes:
        of: Case of each face, -1 for none, (n,); None where each face is one.
        group: Group of each case, (cases,).
    """

    of: Codes | None
    group: Codes

    def sizes(self, groups: int) -> tuple[int, ...]:
        """Cases of each group."""
        return tuple(int((self.group == g).sum()) for g in range(groups))

    def gathered(self, values: Floats) -> tuple[Floats, Floats]:
        """Mean of the known values of each case, and their standard deviation within it, NaN for none, (cases,)."""
        assert self.of is not None
        known = np.isfinite(values) & (self.of >= 0)
        case, numbers = self.of[known], values[known]
        n = np.bincount(case, minlength=len(self.group)).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.bincount(case, numbers, len(self.group)) / n
            apart = np.bincount(case, (numbers - mean[case]) ** 2, len(self.group))
            within = np.where(n > 1, np.sqrt(apart / (n - 1)), np.nan)
        return mean, within


def _faces(data: Data) -> Cases:
    return Cases(None, data.codes)


def _subjects(data: Data) -> Cases:
    assert data.subjects is not None
    used = (data.codes >= 0) & (data.subjects >= 0)
    if not used.any():
        raise UsageError("no face has a subject", "the column of the subjects is empty", "Name another --subject")
    people, of = np.unique(data.subjects[used], return_inverse=True)
    table = crosstab(of, data.codes[used], len(people), len(data.groups))
    torn = np.flatnonzero((table > 0).sum(1) > 1)
    if len(torn):
        name = data.names[int(people[torn[0]])]
        inside = " and ".join(data.groups[g] for g in np.flatnonzero(table[torn[0]]))
        reason = f"subject {name} has faces in {inside}, and so have {len(torn) - 1:,} more"
        raise UsageError("subjects cannot be compared", reason, "Each subject must belong to one group")
    every = np.full(len(data.codes), -1, np.int64)
    every[used] = of
    return Cases(every, table.argmax(1))


def _compared(
    variable: Variable, data: Data, cases: Cases, seed: Sequence[int]
) -> Iterable[Comparison | tuple[str, str]]:
    """The tests of one variable; its name and the reason where one is not possible."""
    names = data.groups
    if variable.aspect == "labels":
        if cases.of is None:
            yield _labels(variable, data, seed)
        return
    if cases.of is None:
        split = [v[np.isfinite(v)] for v in (variable.values[cases.group == g] for g in range(len(names)))]
        yield _tested(variable, variable.aspect, names, split)
        if variable.aspect == "level":
            yield _tested(variable, SPREAD, names, split)
        return
    mean, within = cases.gathered(variable.values)
    parts = [(variable.aspect, mean)]
    if variable.aspect == "level":
        parts += [(BETWEEN, mean), (WITHIN, within)]
    for aspect, values in parts:
        split = [v[np.isfinite(v)] for v in (values[cases.group == g] for g in range(len(names)))]
        yield _tested(variable, aspect, names, split, subjects=True)


def _tested(
    variable: Variable, aspect: str, names: Sequence[str], split: list[Floats], subjects: bool = False
) -> Comparison | tuple[str, str]:
    label = variable.name if aspect == variable.aspect else f"{variable.name} ({aspect})"
    few = [n for n, values in zip(names, split, strict=True) if len(values) < LEAST]
    if few:
        return label, f"fewer than {LEAST} {'subjects' if subjects else 'faces'} with a value in {', '.join(few)}"
    test = _test_of(aspect, subjects)
    found = test(split)
    if math.isnan(found.test.p):
        return label, "the same everywhere"
    between: tuple[Pair, ...] = ()
    if len(names) > 2:
        between = tuple(
            Pair(names[a], names[b], one.test, one.effect, one.measure)
            for a, b in pairs(len(names))
            for one in (test([split[a], split[b]]),)
        )
    values = tuple(_value(aspect, n, v, subjects) for n, v in zip(names, split, strict=True))
    return Comparison(variable.name, aspect, variable.unit, values, found.test, found.effect, found.measure, between)


def _test_of(aspect: str, subjects: bool) -> Any:
    if aspect in (SPREAD, BETWEEN):
        return variability
    if aspect == "presence" and not subjects:
        return _presences
    return _levels


def _levels(split: Sequence[Floats]) -> Tested:
    """As `levels`, but numbers that are all the same are nothing to test."""
    together = np.concatenate(list(split))
    found = levels(split)
    return found if np.ptp(together) > 0 else replace(found, test=replace(found.test, p=math.nan))


def _presences(split: Sequence[Floats]) -> Tested:
    return presences([int(v.sum()) for v in split], [len(v) for v in split])


def _value(aspect: str, name: str, values: Floats, subjects: bool) -> GroupValue:
    if aspect == "presence" and not subjects:
        return GroupValue(name, proportion(values > 0))
    if aspect in (SPREAD, BETWEEN):
        return GroupValue(name, undefined(float(values.std(ddof=1)), len(values), ""), float(np.median(values)))
    middle = float(values.mean())
    apart = values - middle
    mean = mean_of(middle, len(values), float(apart.sum()), float((apart**2).sum()))
    return GroupValue(name, mean, float(np.median(values)))


def _labels(variable: Variable, data: Data, seed: Sequence[int]) -> Comparison | tuple[str, str]:
    codes = np.where(np.isnan(variable.values), -1, variable.values).astype(np.int64)
    table = crosstab(data.codes, codes, len(data.groups), len(variable.labels))
    table = table[:, table.sum(0) > 0]
    few = [n for n, total in zip(data.groups, table.sum(1), strict=True) if total < LEAST]
    if few:
        return variable.name, f"fewer than {LEAST} faces with a value in {', '.join(few)}"
    found = contingency(table, PERMUTATIONS, seed)
    if math.isnan(found.test.p):
        return variable.name, "the same everywhere"
    between: tuple[Pair, ...] = ()
    if len(data.groups) > 2:
        between = tuple(
            Pair(data.groups[a], data.groups[b], one.test, one.effect, one.measure)
            for a, b in pairs(len(data.groups))
            for one in (contingency(table[[a, b]], PERMUTATIONS, [*seed, a, b]),)
        )
    values = tuple(GroupValue(n, undefined(math.nan, int(t), ""))
                   for n, t in zip(data.groups, table.sum(1), strict=True))  # fmt: skip
    return Comparison(variable.name, "labels", "", values, found.test, found.effect, found.measure, between)


def _adjusted(rows: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """All comparisons with their p-values adjusted, the least first; pairs are adjusted over all pairs."""
    over = adjusted([row.test.p for row in rows])
    between = iter(adjusted([pair.test.p for row in rows for pair in row.pairs]).tolist())
    found = [
        replace(
            row,
            test=replace(row.test, p_adjusted=q),
            pairs=tuple(replace(p, test=replace(p.test, p_adjusted=next(between))) for p in row.pairs),
        )
        for row, q in zip(rows, over.tolist(), strict=True)
    ]
    return tuple(sorted(found, key=lambda row: (row.test.p_adjusted, row.test.p, row.name, row.aspect)))


def _notes(data: Data, view: FaceView, inside: NDArray[np.bool_]) -> Iterable[str]:
    outside = int((~inside).sum())
    if outside:
        yield f"{outside:,} face{' is' if outside == 1 else 's are'} in none of the groups"
    if data.subjects is not None:
        unknown = int((inside & (data.subjects < 0)).sum())
        yield "each subject counts once: by the mean or the share of its faces"
        if unknown:
            have = "face of the groups has no subject and is" if unknown == 1 else \
                   "faces of the groups have no subject and are"  # fmt: skip
            yield f"{unknown:,} {have} left out"
        return
    hint = f", such as --subject {labels.IDENTITY_ID.name}" if labels.IDENTITY_ID.name in view.columns() else ""
    yield f"each face counts by itself: if a person has several, name the column that says whose they are{hint}"


def _plain(row: Comparison) -> dict[str, Any]:
    return {
        "name": row.name, "aspect": row.aspect, "unit": row.unit,
        "groups": [{"name": g.name, **g.value.as_dict(), "median": plain(g.median)} for g in row.groups],
        "test": _test(row.test), "effect": row.effect.as_dict(), "measure": row.measure,
        "pairs": [
            {"first": p.first, "second": p.second, "test": _test(p.test), "effect": p.effect.as_dict(),
             "measure": p.measure}
            for p in row.pairs
        ],
    }  # fmt: skip


def _test(test: Test) -> dict[str, Any]:
    found: dict[str, Any] = plain({
        "name": test.name, "statistic": test.statistic, "freedom": test.freedom, "p": test.p,
        "p_adjusted": test.p_adjusted,
    })  # fmt: skip
    return found
