"""Corrected counts from the confusions that `facecurate evaluate` measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    Crossed columns are taken to err independently of each other given the truth; where the evaluation holds the second
    column's confusion for each true group of the first (`evaluate --by`), that one is used for each.

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
    kept = [
        i for i, label in enumerate(confusion.labels)
        if said.get(label, 0) or confusion.counts[i].any() or confusion.counts[:, i].any()
    ]  # fmt: skip
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
    overall = confusion_of(second)
    own = {name: confusion_of(g) for name, g in _groups(second, str(first["truth_column"])).items() if _has(g)}
    one = confusion_of(first)
    same = set(own) <= set(one.labels) and all(c.labels == overall.labels for c in own.values())
    a, b = first["column"], second["column"]
    if not own or not same:
        notes.append(f"{a} and {b} are taken to err independently of each other, given the truth")
        return Crossed.of(one, overall)
    notes.append(f"{b}'s confusion is that of each true group of {a}; given both, they are taken to err independently")
    absent = [label for label in one.labels if label not in own and one.validated[one.labels.index(label)]]
    if absent:
        notes.append(f"for {', '.join(absent)}, {b}'s confusion is that of all faces")
    return Crossed.of(one, {label: own.get(label, overall) for label in one.labels})


def _has(group: Json) -> bool:
    return "confusion" in group["details"]


def _of_cells(crossed: Crossed, by: str, said: Mapping[str, int], target: Target, seed: int) -> Corrected:
    _check(by, said, crossed.answers)
    # a label that was neither validated nor heard is no cell
    first = crossed.first
    heard = [any(said.get(BETWEEN.join((x, y)), 0) for y in crossed.second[0].labels) for x in first.labels]
    kept = [i for i, _ in enumerate(first.labels) if heard[i] or first.counts[i].any() or first.counts[:, i].any()]
    names = tuple(first.labels[i] for i in kept)
    smaller = Confusion.of(first.counts[np.ix_(kept, kept)], names)
    second = crossed.second if len(crossed.second) == 1 else tuple(crossed.second[i] for i in kept)
    cells = Crossed(smaller, second)
    return corrected([said.get(answer, 0) for answer in cells.answers], cells, target=target, seed=seed)


def _noted(found: Corrected, notes: Sequence[str]) -> Corrected:
    return replace(found, notes=(*found.notes, *notes))
