"""The audit in sentences, the worst first."""

from __future__ import annotations

import math
from collections.abc import Iterator

from curate.audit.exact import rate
from curate.audit.filters import percent
from curate.audit.results import Audit, Finding
from curate.audit.sections import Association, Representation
from curate.evaluation.intervals import Estimate

HIGH, MEDIUM = 0.2, 0.05
"""Where a distance between shares counts as high and as medium."""
BELIEVED = 0.05
PER_SECTION = 6
SEVERITIES = ("high", "medium", "low")


def findings(audit: Audit) -> tuple[Finding, ...]:
    """What a reader should know first.

    Only what chance does not explain is told: gaps whose interval leaves out 0, tests that stay below 5 % after
    adjustment. Of each section at most `PER_SECTION` sentences.
    """
    makers = (
        _absent_groups, _unequal, _undecided, _corrected, _associations, _conditions, _missing, _errors, _outcomes,
        _filters, _copies, _people,
    )  # fmt: skip
    found: list[Finding] = []
    for make in makers:
        found += sorted(make(audit), key=_rank)[:PER_SECTION]
    return tuple(sorted(found, key=_rank))


def _rank(finding: Finding) -> tuple[int, float, str, str]:
    return SEVERITIES.index(finding.severity), -finding.size, finding.by, finding.subject


def severity(size: float) -> str:
    """A distance between shares in a word."""
    return "high" if size >= HIGH else "medium" if size >= MEDIUM else "low"


def reach(estimate: Estimate) -> str:
    """A 95 % interval of a share as text."""
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return ""
    return f"{percent(estimate.low).removesuffix(' %')}-{percent(estimate.high)}"


def listing(names: tuple[str, ...], most: int = 5) -> str:
    """The first few names and how many more."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _single(by: str) -> bool:
    return "*" not in by


def _absent_groups(audit: Audit) -> Iterator[Finding]:
    for found in audit.representation:
        wanted = tuple(g.name for g in found.groups if not g.n and g.target > 0)
        if not wanted or not found.n:
            continue
        share = sum(g.target for g in found.groups if not g.n and g.target > 0)
        text = f"No face at all of {len(wanted)} of {len(found.groups)} groups by {found.by}: {listing(wanted)}."
        yield Finding("representation", found.by, "groups without faces", text, share, "",
                      severity(share) if _single(found.by) else "medium", found.n)  # fmt: skip


def _unequal(audit: Audit) -> Iterator[Finding]:
    for found in audit.representation:
        distance = found.distance
        if not _single(found.by) or not distance.low > 0:
            continue
        text = f"By {found.by} the dataset is {percent(distance.value)} away from its target ({found.target})" \
               f"{_extremes(found)}"  # fmt: skip
        yield Finding("representation", found.by, "distance to target", text, distance.value, reach(distance),
                      severity(distance.value), found.n)  # fmt: skip


def _extremes(found: Representation) -> str:
    """The groups furthest below and above their target."""
    rated = [g for g in found.groups if not math.isnan(g.ratio.value) and g.n]
    if len(rated) < 2:
        return "."
    low, high = min(rated, key=lambda g: g.ratio.value), max(rated, key=lambda g: g.ratio.value)
    parts = [f"{g.name} has {percent(g.share.value)} of the faces (target {percent(g.target)})" for g in (low, high)]
    return f": {' and '.join(parts)}."


def _undecided(audit: Audit) -> Iterator[Finding]:
    for found in audit.representation:
        faces = found.n + found.unknown.total
        if not _single(found.by) or not faces or found.unknown.total < HIGH / 2 * faces:
            continue
        share = rate(found.unknown.total, faces)
        text = f"{percent(share.value)} of the faces have no {found.by} and are counted in no group."
        yield Finding("representation", found.by, "faces without a group", text, share.value, reach(share),
                      "medium", faces)  # fmt: skip


def _corrected(audit: Audit) -> Iterator[Finding]:
    for found in audit.corrected:
        for group in found.groups if _single(found.by) else ():
            share, inside = group.corrected, group.raw.value
            if math.isnan(share.low) or share.low <= inside <= share.high:
                continue
            moved = abs(share.value - inside)
            text = f"{group.name} ({found.by}): {percent(inside)} by the labels, {percent(share.value)} once their " \
                   f"own confusion is taken out."  # fmt: skip
            yield Finding("corrected", found.by, group.name, text, moved, reach(share), severity(2 * moved), share.n)


def _associations(audit: Audit) -> Iterator[Finding]:
    for found in audit.associations:
        if not _single(found.by) or not found.test.p_adjusted < BELIEVED or found.strength in ("", "negligible"):
            continue
        level = {"small": "low", "medium": "medium", "large": "high"}[found.strength]
        yield Finding("associations", found.by, found.label, _told(found), found.effect.value,
                      f"{found.effect.low:.2f}-{found.effect.high:.2f}", level, found.n)  # fmt: skip


def _told(found: Association) -> str:
    name = "Cramer's V" if found.kind == "labels" else "epsilon squared"
    head = f"{found.label} differs by {found.by} ({name} {found.effect.value:.2f}, {found.strength})"
    if found.kind == "numbers":
        middle = [(m, g) for m, g in zip(found.medians, found.groups, strict=True) if not math.isnan(m)]
        low, high = min(middle), max(middle)
        return f"{head}: median {low[0]:.2f} for {low[1]}, {high[0]:.2f} for {high[1]}."
    if found.top is None:
        return f"{head}."
    row, column = found.groups.index(found.top[0]), found.values.index(found.top[1])
    mine, total = found.counts[row][column], sum(found.counts[row])
    everyone = sum(r[column] for r in found.counts)
    value = "" if found.values == ("no", "yes") else f"{found.top[1]} "
    if found.values == ("no", "yes"):
        mine, everyone = found.counts[row][1], sum(r[1] for r in found.counts)
    return f"{head}: {value}{percent(mine / total)} of {found.top[0]}, {percent(everyone / found.n)} of all."


def _conditions(audit: Audit) -> Iterator[Finding]:
    for found in audit.conditions:
        apart = found.gap
        if not _single(found.by) or not apart.size.low > 0 or not found.spread >= 0.2:
            continue
        level = SEVERITIES[2 - (found.spread >= 0.5) - (found.spread >= 0.8)] if found.better else "low"
        figures = {g.name: g.figure.value for g in found.groups}
        text = (
            f"{found.title} ({found.column}) differs by {found.by}: {figures[apart.best]:.3g} for {apart.best}, "
            f"{figures[apart.worst]:.3g} for {apart.worst}, {found.spread:.1f} standard deviations apart."
        )
        interval = f"{apart.size.low:.3g}-{apart.size.high:.3g}"
        text = text[0].upper() + text[1:]
        size = min(found.spread, 1.0)
        yield Finding("conditions", found.by, found.column, text, size, interval, level, found.overall.n)


def _missing(audit: Audit) -> Iterator[Finding]:
    for found in audit.missing:
        apart = found.gap.size
        if not _single(found.by) or not apart.low > 0 or apart.value < 0.02:
            continue
        figures = {g.name: g.share.value for g in found.groups}
        others = f" (and {len(found.also)} more columns)" if found.also else ""
        worst, best = found.gap.worst, found.gap.best
        text = f"{found.column}{others} is missing for {percent(figures[worst])} of {worst} ({found.by}) " \
               f"against {percent(figures[best])} of {best}."  # fmt: skip
        yield Finding("missing", found.by, found.column, text, apart.value, reach(apart), severity(apart.value),
                      found.overall.n)  # fmt: skip


def _errors(audit: Audit) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for found in audit.errors.figures if audit.errors else ():
        apart = found.gap.size
        if (found.column, found.by) in seen or not _single(found.by) or not (found.share and found.headline):
            continue
        if not apart.low > 0:
            continue
        seen.add((found.column, found.by))
        figures = {g.name: g.figure.value for g in found.groups}
        worst, best = found.gap.worst, found.gap.best
        text = f"{found.column}: {found.title} is {figures[worst]:.2f} for {worst} and {figures[best]:.2f} for " \
               f"{best} ({found.by})."  # fmt: skip
        yield Finding("errors", found.by, found.column, text, apart.value, reach(apart), severity(apart.value),
                      found.overall.n)  # fmt: skip


def _outcomes(audit: Audit) -> Iterator[Finding]:
    words = {"selection": "is given to", "true_positive": "is found for", "false_positive": "is wrongly given to"}
    for found in audit.errors.outcomes if audit.errors else ():
        for key, apart in found.gaps.items():
            if not _single(found.by) or not apart.size.low > 0:
                continue
            values = dict(zip(found.groups, getattr(found, key), strict=True))
            worst, best = apart.worst, apart.best
            text = f"{found.column} = {found.value} {words[key]} {percent(values[worst].value)} of {worst} against " \
                   f"{percent(values[best].value)} of {best} ({found.by})."  # fmt: skip
            yield Finding("errors", found.by, f"{found.column} = {found.value}", text, apart.size.value,
                          reach(apart.size), severity(apart.size.value), apart.size.n)  # fmt: skip


def _filters(audit: Audit) -> Iterator[Finding]:
    for found in audit.filters:
        for split in found.splits:
            apart = split.gap.size
            if not _single(split.by) or not apart.low > 0 or apart.value < 0.02:
                continue
            text = f"Keeping only {found.condition} {split.sentence} ({split.by})."
            yield Finding("filters", split.by, found.condition, text, apart.value, reach(apart), severity(apart.value),
                          found.removed.n)  # fmt: skip
            break


def _copies(audit: Audit) -> Iterator[Finding]:
    found = audit.duplicates
    if found is None or not found.groups:
        return
    share = found.surplus.value
    text = f"{percent(share)} of the faces are near-copies of another ({found.groups:,} groups of copies)."
    yield Finding("duplicates", "", "copies", text, share, reach(found.surplus), severity(share), found.faces)


def _people(audit: Audit) -> Iterator[Finding]:
    found = audit.identities
    if found is None or not found.overall.people:
        return
    whole = found.overall
    lost = 1 - whole.effective / whole.faces
    if lost < MEDIUM:
        return
    level = severity(whole.top_share) if whole.top_people < whole.people else "low"
    text = f"{whole.faces:,} faces show {whole.people:,} people and are worth {whole.effective:,.0f} independent " \
           f"ones; {whole.top_people:,} of them hold {percent(whole.top_share)} of the faces."  # fmt: skip
    yield Finding("identities", "", "people", text, lost, "", level, whole.faces)
