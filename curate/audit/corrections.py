"""Counts of groups without the labels' own confusion, for the groupings of an audit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from curate.audit.correction import Corrected as Found
from curate.audit.correction_evaluation import corrected_from_evaluation
from curate.audit.errors import Json, confusion
from curate.audit.exact import shares
from curate.audit.groups import Grouping
from curate.audit.options import AuditOptions
from curate.audit.structure import Corrected, CorrectedGroup

METHOD = "the composition of these faces under which the labels are most likely, given their measured confusion"
SHOWN = 6
"""Notes of one grouping."""
_SAME_FACES = (
    "The confusion is taken to be the same here as where it was measured. If it was measured on faces of this very "
    "dataset, corrected shares agree with that truth by construction; they tell something new of faces without truth."
)


def corrections(evaluation: Json | None, groupings: Sequence[Grouping], options: AuditOptions) -> list[Corrected]:
    """Corrected counts of every single column, and of every two crossed, whose confusion was measured."""
    if evaluation is None:
        return []
    known = {s["column"]: confusion(s) for s in evaluation["sections"] if s["task"] == "labels"}
    found = []
    for grouping in groupings:
        tables = [known.get(name) for name in grouping.columns]
        fits = [t is not None and set(v) <= set(t[0]) for t, v in zip(tables, grouping.labels, strict=True)]
        if len(grouping.columns) <= 2 and grouping.closed and all(fits) and grouping.counts.any():
            found.append(_corrected(evaluation, grouping, options))
    return found


def _corrected(evaluation: Json, grouping: Grouping, options: AuditOptions) -> Corrected:
    said = dict(zip(grouping.names, grouping.counts.tolist(), strict=True))
    silent = grouping.unknown.abstained if len(grouping.columns) == 1 else None
    result = corrected_from_evaluation(evaluation, grouping.by, said, abstained=silent, seed=options.seed)
    groups = _groups(result)
    moves = [abs(g.corrected.value - g.raw.value) for g in groups if not math.isnan(g.raw.value)]
    return Corrected(
        by=grouping.by, method=METHOD, source=str(evaluation["name"]), cases=result.validated, groups=groups,
        moved=float(np.max(moves, initial=0.0)), notes=(_SAME_FACES, *_few(result.notes)),
    )  # fmt: skip


def _groups(found: Found) -> tuple[CorrectedGroup, ...]:
    raw = shares([g.said for g in found.groups])
    return tuple(CorrectedGroup(g.name, g.said, share, g.share) for g, share in zip(found.groups, raw, strict=True))


def _few(notes: Sequence[str]) -> list[str]:
    """The first notes and how many more; a crossing of many groups has one for every two that are hard to tell."""
    more = len(notes) - SHOWN
    return [*notes[:SHOWN], *([f"and {more} more notes of this kind"] if more > 0 else [])]
