"""What was asked, one thing at a time, with everybody's answers as arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.measures import Measure
from curate.evaluation.metrics.counting import Floats
from curate.fuse.labels import is_ordered
from curate.review.agreement import closeness
from curate.review.agreement.beside import Beside
from curate.review.agreement.words import Word, Words
from curate.review.controls import ABSTAINED, NO, YES, title
from curate.review.spec import BOX
from curate.review.task import Box
from schemas import Column, Kind, taxonomy

Near = Callable[[Floats, Floats], Floats]
Flags = NDArray[np.bool_]


class Ask(StrEnum):
    """What kind of answer is asked for."""

    CHOICE = "choice"
    AMOUNT = "number"
    POINTS = "points"
    BOX = "box"


@dataclass(frozen=True)
class Item:
    """One thing that was asked: a column, a field or tag of one, or the face's box.

    Attributes:
        name: `COLUMN`, `COLUMN.FIELD` or `face_box`.
        title: For people.
        doc: One sentence.
        ask: What kind of answer it has.
        column: The column; None for the box.
        field: Field or tag; empty where there is none.
        labels: Of a choice, in order.
        ordered: The labels stand in order.
        answers: (faces, raters) of codes or numbers, (faces, raters, d) of boxes and points; NaN for no answer.
        abstained: (faces, raters): answered `cannot tell`.
        shown: (faces,) or (faces, d): what the review began with; NaN where there was nothing.
        truth: The same of the right answers of gold pictures.
        near: How near answers are to each other, row by row.
        nearness: What that is called.
    """

    name: str
    title: str
    doc: str
    ask: Ask
    column: Column | None
    field: str
    labels: tuple[str, ...]
    ordered: bool
    answers: Floats
    abstained: Flags
    shown: Floats
    truth: Floats
    near: Near
    nearness: Measure

    @property
    def geometric(self) -> bool:
        """It is a box or points."""
        return self.ask in (Ask.BOX, Ask.POINTS)

    @property
    def answered(self) -> Flags:
        """(faces, raters): there is an answer that says something."""
        known = np.isfinite(self.answers)
        return np.asarray(known.any(-1) if self.geometric else known)

    @property
    def span(self) -> float:
        """Of a number, the width of its scale: as declared, else as answered."""
        column = self.column
        if column is not None and column.low is not None and column.high is not None:
            return column.high - column.low
        known = self.answers[np.isfinite(self.answers)]
        return float(np.ptp(known)) if len(known) else math.nan

    def against(self, reference: Floats) -> Floats:
        """How near every answer is to a reference of each face, (faces, raters)."""
        columns = [self.near(self.answers[:, r], reference) for r in range(self.answers.shape[1])]
        return np.stack(columns, axis=1)


def items_of(words: Words, beside: Beside) -> tuple[list[Item], dict[str, str]]:
    """Everything that was asked for and can be compared, and why the rest cannot.

    Args:
        words: What reviewers said.
        beside: What was shown and what is known to be right.
    """
    found = [_box_item(words, beside)]
    left: dict[str, str] = {}
    for column, fields in words.asked.items():
        if column.kind is Kind.POINTS:
            found.append(_points_item(words, beside, column))
        elif column.kind is Kind.TEXT:
            left[column.name] = "texts are read, not counted: no figure says how far two of them agree"
        else:
            made = list(_answers(words, beside, column, fields))
            found += made
            if not made:
                left[column.name] = "nobody answered it"
    return found, left


def _answers(words: Words, beside: Beside, column: Column, fields: Sequence[str]) -> Iterator[Item]:
    """Items of a column that is answered with labels or numbers."""
    given = [w.values.get(column.name) for said in words.said for w in said.values()]
    known = [v for v in given if v is not None and v is not ABSTAINED]
    if not known and not any(v is ABSTAINED for v in given):
        return
    if column.kind is Kind.LABEL:
        names = taxonomy(column.taxonomy).labels
        yield _item(words, beside, column, "", names, {n: float(i) for i, n in enumerate(names)}.get)
    elif column.kind is Kind.FLAG:
        yield _item(words, beside, column, "", (NO, YES), float)
    elif column.kind is Kind.LIST:
        for tag in taxonomy(column.taxonomy).labels:
            if any(tag in v for v in known):
                yield _item(words, beside, column, tag, (NO, YES), lambda v, t=tag: float(t in v))  # type: ignore[misc]
    elif column.kind is Kind.SCORES:
        for name in fields or tuple(f.name for f in column.type):
            if any(v.get(name) is not None for v in known):
                yield _item(words, beside, column, name, (), lambda v, f=name: v.get(f))  # type: ignore[misc]
    else:
        yield _item(words, beside, column, "", (), float)


def _item(
    words: Words, beside: Beside, column: Column, field: str, names: tuple[str, ...],
    code: Callable[[Any], float | None],
) -> Item:  # fmt: skip
    shape = (len(words.faces), len(words.raters))
    answers, abstained = np.full(shape, np.nan), np.zeros(shape, bool)
    for face, rater, word in _all(words):
        value = word.values.get(column.name)
        if value is None and column.kind is Kind.LIST and column.name in word.asked:
            value = []  # a list without a tick says none of its tags
        abstained[face, rater] = value is ABSTAINED
        answers[face, rater] = _number(value, code)
    shown = np.array([_number(v, code) for v in beside.shown(column)])
    truth = np.array([_number(v, code) for v in beside.truth(column)])
    near = (closeness.same, closeness.SAME) if names else (closeness.distance, closeness.apart(column.unit))
    name = f"{column.name}.{field}" if field else column.name
    heading = f"{title(column.name)}: {title(field)}" if field else title(column.name)
    return Item(
        name, heading, column.doc, Ask.CHOICE if names else Ask.AMOUNT, column, field, names,
        not field and is_ordered(column), answers, abstained, shown, truth, *near,
    )  # fmt: skip


def _number(value: Any, code: Callable[[Any], float | None]) -> float:
    if value is None or value is ABSTAINED:
        return math.nan
    found = code(value)
    return math.nan if found is None else float(found)


def _box_item(words: Words, beside: Beside) -> Item:
    shape = (len(words.faces), len(words.raters))
    answers = np.full((*shape, 4), np.nan)
    shown = beside.boxes()
    for face, rater, word in _all(words):
        answers[face, rater] = word.box if word.box is not None else shown[face]
    return Item(
        BOX, title(BOX), "Where the face is: a box around it.", Ask.BOX, None, "", (), False, answers,
        np.zeros(shape, bool), shown, _stack(beside.true_boxes(), 4), closeness.overlap, closeness.IOU,
    )  # fmt: skip


def _points_item(words: Words, beside: Beside, column: Column) -> Item:
    size = math.prod(column.shape)
    answers = np.full((len(words.faces), len(words.raters), size), np.nan)
    for face, rater, word in _all(words):
        answers[face, rater] = _flat(word.values.get(column.name), size)
    shown, truth = (
        np.stack([_flat(v, size) for v in found]) if len(found) else np.zeros((0, size))
        for found in (beside.shown(column), beside.truth(column))
    )
    return Item(
        column.name, title(column.name), column.doc, Ask.POINTS, column, "", (), False, answers,
        np.zeros(answers.shape[:2], bool), shown, truth, closeness.PointDistance(column, beside.boxes()), closeness.NME,
    )  # fmt: skip


def _all(words: Words) -> Iterator[tuple[int, int, Word]]:
    """Place of the face, place of the reviewer, word; deleted faces have no answers."""
    for face, said in enumerate(words.said):
        for rater, word in said.items():
            if not word.rejected:
                yield face, rater, word


def _stack(values: Sequence[Box | None], size: int) -> Floats:
    return np.array([(np.nan,) * size if v is None else v for v in values], np.float64).reshape(-1, size)


def _flat(value: Any, size: int) -> Floats:
    if value is None or value is ABSTAINED:
        return np.full(size, np.nan)
    return np.array([np.nan if v is None else v for v in np.asarray(value, object).ravel()], np.float64)


def seen_blind(words: Words) -> NDArray[np.float64]:
    """(faces, raters): 1 where the picture was shown alone, 0 with the model's answers, NaN where nobody knows."""
    found = np.full((len(words.faces), len(words.raters)), np.nan)
    for face, said in enumerate(words.said):
        for rater, word in said.items():
            found[face, rater] = np.nan if word.blind is None else float(word.blind)
    return found


def present(words: Words) -> NDArray[np.float64]:
    """(faces, raters): 1 where a reviewer says that this is a face, 0 where they saw the picture and do not."""
    saw: Mapping[str, set[int]] = words.saw()
    found = np.full((len(words.faces), len(words.raters)), np.nan)
    for face, said in enumerate(words.said):
        for rater in saw.get(words.pictures[face], ()):
            word = said.get(rater)
            found[face, rater] = float(word is not None and not word.rejected)
    return found
