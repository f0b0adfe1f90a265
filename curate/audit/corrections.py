"""Counts of groups without the labels' own confusion, from the confusions that an evaluation measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curate.audit.correction import Confusion, Crossed, corrected
from curate.audit.correction import Corrected as Found
from curate.audit.errors import Json, confusion
from curate.audit.exact import Floats, shares
from curate.audit.groups import Grouping, tally
from curate.audit.options import AuditOptions
from curate.audit.reading import ABSTAINED, Codes, Faces
from curate.audit.structure import Corrected, CorrectedGroup

ABSTENTION = "abstained"
SHOWN = 6
METHOD = "likeliest composition given the measured confusion; interval from drawn confusions and answers"
_ANSWERED_ONLY = (
    "The evaluation does not say how often each true group is abstained on, so only faces with an answer are counted; "
    "if some groups are abstained on more, they are still too few here."
)
_INDEPENDENT = "Errors of the two columns are taken as independent, given the true labels of both."


def corrections(
    evaluation: Json | None, faces: Faces, groupings: Sequence[Grouping], options: AuditOptions
) -> list[Corrected]:
    """Corrected counts of every single column, and of every two crossed, whose confusion was measured."""
    if evaluation is None:
        return []
    sections = {s["column"]: s for s in evaluation["sections"] if s["task"] == "labels"}
    singles = {g.by: g for g in groupings if len(g.columns) == 1}
    found = []
    for grouping in groupings:
        if not grouping.closed or not set(grouping.columns) <= set(sections) or not grouping.counts.sum():
            continue
        parts = [_measured(sections[name], singles[name].names) for name in grouping.columns]
        if len(parts) > 2 or any(part is None for part in parts):
            continue
        known = [part for part in parts if part is not None]
        if len(known) == 2:
            known = _alike(known)
        rows: Confusion | Crossed = known[0]
        notes = [] if all(ABSTENTION in k.answers for k in known) else [_ANSWERED_ONLY]
        if len(known) == 2:
            rows, more = _crossed(known, [sections[n] for n in grouping.columns])
            notes += more
        said = _said(faces, [singles[n] for n in grouping.columns], known)
        result = corrected(said, rows, rounds=options.rounds, seed=options.seed)
        found.append(_section(grouping, result, evaluation, notes))
    return found


def _measured(section: Json, names: Sequence[str]) -> Confusion | None:
    """The confusion of a column in the order of its groups, with abstentions as one more answer where known."""
    table = confusion(section)
    if table is None or set(table[0]) != set(names):
        return None
    order = [table[0].index(name) for name in names]
    counts = table[1][np.ix_(order, order)].astype(np.float64)
    silent = _abstained(section, names)
    if silent is None:
        return Confusion.of(counts, names)
    return Confusion.of(np.column_stack([counts, silent]), names, (*names, ABSTENTION))


def _abstained(section: Json, names: Sequence[str]) -> Floats | None:
    """Faces of each true label that were abstained on, from the split by the section's own truth; None if unknown."""
    if not section["counts"].get(ABSTENTION):
        return np.zeros(len(names))
    for split in section["groups"]:
        if split["source"] == "truth" and split["by"] == section["truth_column"]:
            found = {g["name"]: g["counts"].get(ABSTENTION, 0) for g in split["groups"]}
            if set(found) <= set(names) and sum(found.values()) == section["counts"][ABSTENTION]:
                return np.array([float(found.get(name, 0)) for name in names])
    return None


def _alike(known: list[Confusion]) -> list[Confusion]:
    """Both with abstentions, or both without."""
    if len({ABSTENTION in k.answers for k in known}) == 1:
        return known
    return [Confusion.of(k.counts[:, : len(k.labels)], k.labels) for k in known]


def _crossed(known: Sequence[Confusion], sections: Sequence[Json]) -> tuple[Crossed, list[str]]:
    """Two columns together: the second's confusion for each true label of the first, where it was measured so."""
    first, second = known
    splits = [s for s in sections[1]["groups"] if s["source"] == "truth" and s["by"] == sections[0]["truth_column"]]
    if splits:
        within = {g["name"]: _within(g, second) for g in splits[0]["groups"]}
        if set(first.labels) <= set(within) and all(w is not None for w in within.values()):
            return Crossed.of(first, {k: w for k, w in within.items() if w is not None}), []
    return Crossed.of(first, second), [_INDEPENDENT]


def _within(group: Json, whole: Confusion) -> Confusion | None:
    """The second column's confusion among faces of one true label of the first.

    How many of those faces were abstained on is known, not which; they are shared out by how often each true label is
    abstained on overall.
    """
    table = confusion(group)
    if table is None or set(table[0]) != set(whole.labels):
        return None
    order = [table[0].index(name) for name in whole.labels]
    counts = table[1][np.ix_(order, order)].astype(np.float64)
    if ABSTENTION not in whole.answers:
        return Confusion.of(counts, whole.labels)
    answered = whole.counts[:, :-1].sum(1)
    odds = np.divide(whole.counts[:, -1], answered, out=np.zeros(len(answered)), where=answered > 0)
    weight = counts.sum(1) * odds
    total = float(group["counts"].get(ABSTENTION, 0))
    silent = weight * (total / weight.sum()) if weight.sum() > 0 else np.full(len(weight), total / len(weight))
    return Confusion.of(np.column_stack([counts, silent]), whole.labels, whole.answers)


def _said(faces: Faces, singles: Sequence[Grouping], known: Sequence[Confusion]) -> NDArray[np.int64]:
    """How often each answer (of both columns together) was given."""
    codes: Codes = np.zeros(faces.n, np.int32)
    inside = np.ones(faces.n, bool)
    width = 1
    for single, confused in zip(singles, known, strict=True):
        own = single.codes.copy()
        if ABSTENTION in confused.answers:
            own[faces.states[single.by] == ABSTAINED] = len(single)
        inside &= own >= 0
        codes = (codes * len(confused.answers) + own).astype(np.int32)
        width *= len(confused.answers)
    return tally(codes[inside], width)


def _few(notes: Sequence[str]) -> list[str]:
    """The first notes and how many more; a crossing of many groups has one for every two that are hard to tell."""
    more = len(notes) - SHOWN
    return [*notes[:SHOWN], *([f"and {more} more notes of this kind"] if more > 0 else [])]


def _section(grouping: Grouping, found: Found, evaluation: Json, notes: Sequence[str]) -> Corrected:
    raw = shares([g.said for g in found.groups])
    groups = tuple(CorrectedGroup(g.name, g.said, share, g.share) for g, share in zip(found.groups, raw, strict=True))
    moves = [abs(g.corrected.value - g.raw.value) for g in groups]
    moved = max((m for m in moves if not math.isnan(m)), default=0.0)
    return Corrected(
        by=grouping.by, method=METHOD, source=str(evaluation["name"]), cases=found.validated, groups=groups,
        moved=moved, notes=(*notes, *_few(found.notes)),
    )  # fmt: skip
