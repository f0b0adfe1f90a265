"""An audit against an earlier one: which shares moved, and whether towards the target."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.audit import charts
from curate.audit.charts import Change
from curate.audit.page_views import Figure, Table, plain_number, words
from curate.audit.results import Audit
from curate.audit.sections import Representation
from curate.evaluation.intervals import Estimate

MOST_GROUPS = 12
FALLEN = 8


@dataclass(frozen=True)
class Changes:
    """Before and after.

    Attributes:
        name: Of the earlier audit.
        created: When it was made.
        faces: Faces then and now.
        figures: Shares of each group then and now.
        table: Key figures of every grouping then and now.
        gone: Findings of then that are no longer found.
        new: Findings that are new.
        left_out: Groupings that only one of the two has.
    """

    name: str
    created: str
    faces: tuple[int, int]
    figures: tuple[Figure, ...]
    table: Table
    gone: tuple[str, ...]
    new: tuple[str, ...]
    left_out: tuple[str, ...]


def estimate(found: Mapping[str, Any] | None) -> Estimate:
    """An estimate as the JSON of an audit holds it; NaN where it holds none."""
    if found is None:
        return Estimate(math.nan, math.nan, math.nan, 0)
    value, low, high = (math.nan if found[k] is None else float(found[k]) for k in ("value", "low", "high"))
    return Estimate(value, low, high, int(found["n"]), str(found.get("method", "")))


def changes(audit: Audit, before: Mapping[str, Any]) -> Changes:
    """Hold an audit against the JSON of an earlier one."""
    old = {str(r["by"]): r for r in before["representation"]}
    both = [(found, old[found.by]) for found in audit.representation if found.by in old]
    alone = {*old} ^ {found.by for found in audit.representation}
    then = {(f["section"], f["by"], f["subject"]): str(f["sentence"]) for f in before["findings"]}
    now = {(f.section, f.by, f.subject): f.sentence for f in audit.findings}
    return Changes(
        name=str(before["name"]),
        created=str(before["created"])[:10],
        faces=(int(before["dataset"]["faces"]), int(audit.dataset["faces"])),
        figures=tuple(_figure(new, was) for new, was in both if len(new.groups) <= MOST_GROUPS),
        table=_table(both),
        gone=tuple(text for key, text in then.items() if key not in now)[:FALLEN],
        new=tuple(text for key, text in now.items() if key not in then)[:FALLEN],
        left_out=tuple(sorted(words(by) for by in alone)),
    )


def _figure(new: Representation, was: Mapping[str, Any]) -> Figure:
    rows = list(_rows(new, was))
    picture = charts.changes(rows, f"Shares by {words(new.by)}, before and after")
    return Figure(words(new.by), picture, _verdict(new, was), f"target: {new.target}" if new.target else "")


def _rows(new: Representation, was: Mapping[str, Any]) -> Iterator[Change]:
    earlier = {str(g["name"]): estimate(g["share"]) for g in was["groups"]}
    for group in new.groups:
        yield Change(words(group.name), earlier.get(group.name, estimate(None)), group.share, group.target)


def _verdict(new: Representation, was: Mapping[str, Any]) -> str:
    before, after = estimate(was["distance"]).value, new.distance.value
    if not (math.isfinite(before) and math.isfinite(after)):
        return "There is no target to come nearer to."
    moved = 100 * (before - after)
    way = "nearer to" if moved > 0 else "farther from" if moved < 0 else "as far from"
    return (
        f"{way.capitalize()} the target: {100 * before:.1f} % of the faces would have had to change groups, now "
        f"{100 * after:.1f} %."
    )


def _table(both: Sequence[tuple[Representation, Mapping[str, Any]]]) -> Table:
    rows = tuple(
        (words(new.by), _way(plain_number(estimate(was["evenness"])), plain_number(new.evenness)),
         _way(charts.percent(estimate(was["distance"])), charts.percent(new.distance)),
         _way(f"{_empty(was):,}", f"{len(new.empty):,}"))
        for new, was in both
    )  # fmt: skip
    return Table(("by", "evenness", "distance to the target", "groups without faces"), rows, frozenset({1, 2, 3}))


def _way(before: str, after: str) -> str:
    return f"{before} \N{RIGHTWARDS ARROW} {after}"


def _empty(was: Mapping[str, Any]) -> int:
    return sum(not g["n"] for g in was["groups"])
