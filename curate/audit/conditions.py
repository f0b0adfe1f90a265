"""Quality, pose, occlusion, detection and missing labels by group."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np

from curate.audit.columns import ANGLES, CONDITIONS, REGIONS, akin, concept
from curate.audit.exact import rate, rates
from curate.audit.faces import ABSENT, ABSTAINED, ANSWERED, FAILED, NOT_APPLICABLE, Faces
from curate.audit.groups import Cube, Grouping
from curate.audit.options import AuditOptions
from curate.audit.sections import Condition, GroupFigure, Missing, MissingGroup, Unknown
from curate.evaluation.intervals import Estimate, Gap, gap
from schemas import REGISTRY


def conditions(faces: Faces, cube: Cube, columns: Sequence[str], options: AuditOptions) -> list[Condition]:
    """Every condition by every grouping; the largest gap, in standard deviations of the column, first."""
    found = [*_numbers(faces, cube, columns, options), *_flags(faces, cube, columns, options)]
    return sorted(found, key=lambda c: (-_known(c.spread), c.by, c.column))


def _known(value: float) -> float:
    return value if math.isfinite(value) else -1.0


def _numbers(faces: Faces, cube: Cube, columns: Sequence[str], options: AuditOptions) -> Iterator[Condition]:
    named = [(n, *CONDITIONS[n], faces.numbers[n]) for n in columns if n in faces.numbers]
    named += [(f"{REGIONS}.{r}", f"visibility of {r.replace('_', ' ')}", "higher", v) for r, v in faces.regions.items()]
    for name, title, better, values in named:
        unsigned = name in ANGLES
        moments = cube.moments(np.abs(values) if unsigned else values)
        unit = REGISTRY[name.partition(".")[0]].unit
        for grouping in cube.groupings:
            yield _condition(
                grouping, f"abs({name})" if unsigned else name, title, unit, better, moments.overall,
                cube.means(grouping, moments), moments.deviation, options,
            )  # fmt: skip


def _flags(faces: Faces, cube: Cube, columns: Sequence[str], options: AuditOptions) -> Iterator[Condition]:
    for name in columns:
        if name not in faces.coded:
            continue
        title, better = CONDITIONS[name]
        table = cube.table(faces.coded[name].codes, 2)
        no, yes = table.sum(0).tolist()
        for grouping in cube.groupings:
            counts = cube.by(grouping, table)
            overall = rate(yes, no + yes)
            deviation = math.sqrt(overall.value * (1 - overall.value)) if no + yes else math.nan
            figures = rates(counts[:, 1], counts.sum(1))
            yield _condition(grouping, name, title, "share", better, overall, figures, deviation, options)


def _condition(
    grouping: Grouping, column: str, title: str, unit: str, better: str, overall: Estimate,
    figures: Sequence[Estimate], deviation: float, options: AuditOptions,
) -> Condition:  # fmt: skip
    groups = tuple(
        GroupFigure(name, e.n, e.n < options.min_group, e) for name, e in zip(grouping.names, figures, strict=True)
    )
    apart = distance(groups, options, higher_is_better=better != "lower")
    spread = apart.size.value / deviation if deviation > 0 else math.nan
    return Condition(grouping.by, column, title, unit, better, overall, groups, apart, spread)


def distance(groups: Sequence[GroupFigure], options: AuditOptions, *, higher_is_better: bool) -> Gap:
    """Best and worst of the groups that are not small."""
    return gap({g.name: g.figure for g in groups}, higher_is_better=higher_is_better, smallest=options.min_group)


def missing(faces: Faces, cube: Cube, columns: Sequence[str], options: AuditOptions) -> list[Missing]:
    """Faces without a value in each label column, by group; the largest gap first. Complete columns are left out."""
    found = []
    for name, *also in _alike(faces, columns):
        states = faces.states[name]
        table = cube.table(states, 5)
        total = table.sum(0)
        overall, reasons = _share(total.tolist()), _unknown(total.tolist())
        for grouping in cube.groupings:
            if any(akin(name, column) for column in grouping.columns):
                continue
            counts = cube.by(grouping, table)
            shares = rates(counts.sum(1) - counts[:, ANSWERED], counts.sum(1))
            groups = tuple(
                MissingGroup(label, e.n, e.n < options.min_group, _unknown(row), e)
                for label, row, e in zip(grouping.names, counts.tolist(), shares, strict=True)
            )
            apart = gap({g.name: g.share for g in groups}, higher_is_better=False, smallest=options.min_group)
            found.append(Missing(grouping.by, name, overall, reasons, groups, apart, tuple(also)))
    return sorted(found, key=lambda m: (-_known(m.gap.size.value), m.by, m.column))


def _alike(faces: Faces, columns: Sequence[str]) -> list[list[str]]:
    """Columns that miss something, put together where they miss the same of the same faces for the same reason."""
    found: dict[bytes, list[str]] = {}
    for name in columns:
        states = faces.states.get(name)
        if states is not None and (states != ANSWERED).any():
            mark = hashlib.blake2b(np.ascontiguousarray(states).tobytes(), digest_size=16).digest()
            found.setdefault(mark + concept(name).encode(), []).append(name)
    return list(found.values())


def _share(states: Sequence[int]) -> Estimate:
    return rate(sum(states) - states[ANSWERED], sum(states))


def _unknown(states: Sequence[int]) -> Unknown:
    return Unknown(states[ABSTAINED], states[NOT_APPLICABLE], states[FAILED], states[ABSENT])
