"""Corrected counts from the confusions that `facecurate evaluate` measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from curate.audit.columns import CROSS
from curate.audit.correction import Confusion, Corrected, Crossed, Target, corrected
from curate.evaluation.board import State
from curate.evaluation.grouping import BETWEEN
from schemas import UsageError

ABSTENTION = "abstained"
Json = Mapping[str, Any]


def corrected_from_evaluation(
    evaluation: Json,
    by: str,
    said: Mapping[str, int],
    *,
    abstained: int | None = None,
    target: Target = "dataset",
    seed: int = 0,
) -> Corrected:
    """Correct counts of a column, or of two columns crossed, with the confusion that an evaluation holds.

    Crossed columns are taken to err independently of each other given both truths. How well a column is told may
    depend on the other's truth (gender is told worse of some races): where the evaluation holds the confusion for each
    true group of the other column (`evaluate --by`), each is used for its group.

    A label that nobody validated and nobody was called by is left out.

    Args:
        evaluation: What `facecurate evaluate` wrote.
        by: Column, or two as `a*b`.
        said: Label -> faces called so; `x · y` for two columns. Labels that are missing have none.
        abstained: Faces on which the column abstained. Where the evaluation tells how often each true group is
            abstained on (`evaluate --by` the truth's own column), they are shared out; else they are not counted.
        target: As in `corrected`.
        seed: As in `corrected`.

    Raises:
        UsageError: if the evaluation holds no confusion of a column, or its labels are not the column's.
    """
    names = by.split(CROSS)
    if len(names) > 2:
        raise UsageError(f"{by} cannot be corrected", "at most two columns at once")
    sections = [_section(evaluation, name.strip()) for name in names]
    notes: list[str] = []
    if len(names) == 2:
        crossed = _crossed(sections[0], sections[1], notes)
        return _noted(_of_cells(crossed, by, said, target, seed), notes)
    confusion = confusion_of(sections[0])
    _check(by, said, confusion.labels)
    kept = _kept([confusion], {label for label, n in said.items() if n})
    counts = confusion.counts[np.ix_(kept, kept)]
    labels = [confusion.labels[i] for i in kept]
    answers = [*labels]
    heard = [said.get(label, 0) for label in labels]
    silent = None if abstained is None else _abstentions(sections[0], labels)
    if silent is not None and abstained is not None:
        counts, answers, heard = np.column_stack([counts, silent]), [*answers, ABSTENTION], [*heard, abstained]
    elif abstained:
        notes.append(f"{abstained:,} faces without an answer are not counted")
    return _noted(corrected(heard, Confusion.of(counts, labels, answers), target=target, seed=seed), notes)


def confusion_of(section: Json) -> Confusion:
    """The confusion of a section of an evaluation, or of one of its groups, among its labels."""
    found = section["details"]["confusion"]
    return Confusion.of(found["counts"], [str(label) for label in found["labels"]])


def _section(evaluation: Json, column: str) -> Json:
    sections: Sequence[Json] = evaluation["sections"]
    for section in sections:
        if section["column"] == column and "confusion" in section["details"]:
            return section
    reason = f"the evaluation holds no confusion of {column}"
    raise UsageError(f"{column} cannot be corrected", reason, "Evaluate this column against a truth")


def _check(by: str, said: Mapping[str, int], known: Sequence[str]) -> None:
    strange = sorted(label for label, n in said.items() if n and label not in known)
    if strange:
        reason = f"the evaluation knows no {', '.join(strange)}"
        raise UsageError(f"{by} cannot be corrected", reason, "Evaluate it against a truth in its own vocabulary")


def _groups(section: Json, by: str) -> dict[str, Json]:
    """Groups of a section by the truth's column `by`; empty if it was not divided so."""
    for split in section["groups"]:
        if split["by"] == by and split["source"] == "truth":
            return {str(group["name"]): group for group in split["groups"]}
    return {}


def _abstentions(section: Json, labels: Sequence[str]) -> list[int] | None:
    """Abstentions by true label; None where the evaluation does not tell."""
    groups = _groups(section, str(section["truth_column"]))
    if not groups or not set(groups) <= set(labels):
        return None
    return [int(groups[x]["counts"].get(State.ABSTAINED.value, 0)) if x in groups else 0 for x in labels]


def _crossed(first: Json, second: Json, notes: list[str]) -> Crossed:
    """Both columns' confusions, each by the other's true groups where the evaluation holds them."""
    whole = [confusion_of(section) for section in (first, second)]
    sides: list[Confusion | Mapping[str, Confusion]] = []
    for (section, own), (other, others) in zip(
        zip((first, second), whole, strict=True), zip((second, first), whole[::-1], strict=True), strict=True
    ):
        found = {k: confusion_of(g) for k, g in _groups(section, str(other["truth_column"])).items() if _has(g)}
        if set(found) <= set(others.labels) and found and all(c.labels == own.labels for c in found.values()):
            notes.append(f"{section['column']} has a confusion of its own for each true group of {other['column']}")
            sides.append({label: found.get(label, own) for label in others.labels})
        else:
            notes.append(f"{section['column']} is taken to be told as well in every group of {other['column']}")
            sides.append(own)
    notes.append(f"given both truths, {first['column']} and {second['column']} are taken to err independently")
    return Crossed.of(*sides)


def _has(group: Json) -> bool:
    return "confusion" in group["details"]


def _of_cells(crossed: Crossed, by: str, said: Mapping[str, int], target: Target, seed: int) -> Corrected:
    """The correction of all cells but those whose labels were neither validated nor heard."""
    _check(by, said, crossed.answers)
    names = [answer.split(BETWEEN) for answer, n in said.items() if n]
    kept = [_kept(side, {name[i] for name in names}) for i, side in enumerate((crossed.first, crossed.second))]
    first = _side(crossed.first, kept[0], kept[1])
    second = _side(crossed.second, kept[1], kept[0])
    cells = Crossed(first, second)
    return corrected([said.get(answer, 0) for answer in cells.answers], cells, target=target, seed=seed)


def _kept(side: Sequence[Confusion], heard: Collection[str]) -> list[int]:
    """Labels that somebody was validated with, or called by."""
    counts = np.sum([c.counts for c in side], axis=0)
    return [i for i, x in enumerate(side[0].labels) if x in heard or counts[i].any() or counts[:, i].any()]


def _side(side: Sequence[Confusion], own: Sequence[int], other: Sequence[int]) -> tuple[Confusion, ...]:
    """One column's confusions among its labels that are kept, for the other column's that are."""
    chosen = side if len(side) == 1 else [side[i] for i in other]
    return tuple(_of_labels(c, own) for c in chosen)


def _of_labels(confusion: Confusion, kept: Sequence[int]) -> Confusion:
    """The confusion among some of its labels."""
    return Confusion.of(confusion.counts[np.ix_(kept, kept)], [confusion.labels[i] for i in kept])


def _noted(found: Corrected, notes: Sequence[str]) -> Corrected:
    return replace(found, notes=(*found.notes, *notes))
