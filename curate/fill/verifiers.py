"""Which annotators may judge a column, and what they say of a picture's place in a cell."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotators.registry import annotator
from curate.fill.goals import Cells
from curate.generate.looking import Seen
from curate.store import Dataset
from schemas import REGISTRY, Column, Kind, column
from schemas.columns import labels

SAME_QUESTION: dict[Column, tuple[Column, ...]] = {labels.PERCEIVED_EMOTION: (labels.PROTOTYPE,)}
"""Other columns that answer a column's question in the same labels, from other evidence."""
PROBABILITIES: dict[Column, Column] = {
    labels.PERCEIVED_EMOTION: labels.EMOTION_PROB,
    labels.PROTOTYPE: labels.PROTOTYPE_PROB,
    labels.AGE_GROUP: labels.AGE_PROB,
    labels.GENDER: labels.GENDER_PROB,
    labels.RACE: labels.RACE_PROB,
    labels.RACE4: labels.RACE4_PROB,
}
ORDERED = frozenset({labels.AGE_GROUP.name, labels.MONK.name, labels.ITA_CLASS.name})
"""Label sets in which a neighbour is nearly right."""


def provided(name: str, asked: Column) -> tuple[Column, ...]:
    """Columns of an annotator that answer a column's question."""
    wanted = (asked, *SAME_QUESTION.get(asked, ()))
    return tuple(c for c in wanted if c in annotator(name).provides)


def judges(asked: Column, verifiers: Sequence[str], conditioners: Collection[str]) -> tuple[str, ...]:
    """Verifiers that can judge a column of a generator's pictures."""
    return tuple(n for n in verifiers if n not in conditioners and provided(n, asked))


def speaker(ds: Dataset, asked: Column, at_work: Sequence[str]) -> str:
    """The annotator whose label of a new picture will speak for a column; empty if none of those at work writes it."""
    for info in ds.layers():
        if asked.name in info.columns and info.annotator in at_work:
            return info.annotator
    return next((n for n in at_work if asked in annotator(n).provides), "")


@dataclass(frozen=True)
class Place:
    """Whether a picture lies in the cell that it was made for.

    Attributes:
        right: Whether it does.
        reason: Why not.
        detail: What was said, in words.
    """

    right: bool
    reason: str = ""
    detail: str = ""


OTHER_LABEL = "another label"
NO_LABEL = "no label"
DISAGREE = "verifiers disagree"
TOO_FEW = "too few verifiers answer"


def placed(
    seen: Seen,
    wanted: Mapping[str, str],
    cells: Cells,
    speakers: Mapping[str, str],
    judging: Mapping[str, Sequence[str]],
    enough: int,
) -> Place:
    """Hold a picture's labels against a cell.

    For each column the annotator that speaks in the dataset must give the wanted label, since that is what counts
    there. Of the independent verifiers enough must answer and none may contradict: for ordered labels a neighbour
    is no contradiction, and one that abstains is asked for its most probable label.

    Args:
        seen: What all annotators say.
        wanted: Column -> label.
        cells: Reads labels.
        speakers: Column -> the annotator that speaks.
        judging: Column -> independent verifiers.
        enough: Verifiers that must answer for each column, or all of them where there are fewer.
    """
    for name, label in wanted.items():
        asked = column(name)
        own = cells.label(name, seen.said.get(speakers[name], {}).get(name))
        if own is None:
            return Place(False, NO_LABEL, f"{speakers[name]} gives no {name}")
        if own != label:
            return Place(False, OTHER_LABEL, f"{speakers[name]} gives {name} {own}, not {label}")
        answers = {n: a for n in judging[name] if (a := opinion(seen.said.get(n, {}), n, asked, cells)) is not None}
        against = {n: a for n, a in answers.items() if not near(name, a, label, cells)}
        if against:
            said = ", ".join(f"{n} gives {a}" for n, a in against.items())
            return Place(False, DISAGREE, f"{name} shall be {label}: {said}")
        needed = min(enough, len(judging[name]))
        if len(answers) < needed:
            return Place(False, TOO_FEW, f"{name}: {', '.join(answers) or 'nobody'} answers, {needed} are needed")
    return Place(True)


def opinion(values: Mapping[str, Any], name: str, asked: Column, cells: Cells) -> str | None:
    """An annotator's label for a column's question; where it abstains, its most probable one; None without either."""
    for own in provided(name, asked):
        value = values.get(own.name)
        if value is not None:
            return str(value) if own is not asked else cells.label(asked.name, value)
        chances = values.get(PROBABILITIES[own].name) if own in PROBABILITIES else None
        known = {k: v for k, v in (chances or {}).items() if v is not None}
        if known:
            return str(max(known, key=lambda k: float(known[k])))
    return None


def near(name: str, answer: str, label: str, cells: Cells) -> bool:
    """Whether an answer confirms a label: the same, or beside it where labels are in order."""
    if answer == label:
        return True
    declared = REGISTRY.get(name)
    order = _order(name, declared, cells)
    if answer not in order or label not in order:
        return False
    return abs(order.index(answer) - order.index(label)) == 1


def _order(name: str, declared: Column | None, cells: Cells) -> tuple[str, ...]:
    from schemas import taxonomy

    if name in ORDERED and declared is not None:
        return taxonomy(declared.taxonomy).labels
    return cells.order(name) if declared is not None and declared.kind is Kind.NUMBER else ()
