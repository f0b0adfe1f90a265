"""One question and answer about a face per task, each with a rating of how sure its label is."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from curate.export.questions import Task, tasks
from schemas import Column, UnknownNameError
from schemas.columns import images, labels

BEST = 10.0
"""Highest rating."""
Values = Mapping[str, Any]


def _of(column: Column, probabilities: Column) -> Callable[[Values], float | None]:
    """Probability of the label that is told."""

    def rate(values: Values) -> float | None:
        known: float | None = (values.get(probabilities.name) or {}).get(values.get(column.name))
        return known

    return rate


def _units(values: Values) -> float | None:
    """Mean certainty of the judged action units: the higher of score and 1 - score."""
    scores = [s for s in (values.get(labels.AU_SCORE.name) or {}).values() if s is not None]
    return sum(max(s, 1 - s) for s in scores) / len(scores) if scores else None


def _mask(values: Values) -> float | None:
    worn = values.get(labels.MASK_PROB.name)
    return None if worn is None else max(worn, 1 - worn)


@dataclass(frozen=True)
class Topic:
    """A task of instruction tuning.

    Attributes:
        name: As in the records.
        columns: Labels that can be asked for; one of them is drawn for each face.
        sure: Column -> how sure its label is, 0-1.
        reads: Columns that the ratings read.
    """

    name: str
    columns: tuple[Column, ...]
    sure: Mapping[str, Callable[[Values], float | None]]
    reads: tuple[Column, ...] = ()


TOPICS = {
    t.name: t
    for t in (
        Topic("expression", (labels.PERCEIVED_EMOTION,),
              {labels.PERCEIVED_EMOTION.name: _of(labels.PERCEIVED_EMOTION, labels.EMOTION_PROB)},
              (labels.EMOTION_PROB,)),
        Topic("action_units", (labels.AU_SCORE,), {labels.AU_SCORE.name: _units}),
        Topic("attributes", (labels.EYEWEAR, labels.MASK_WORN, labels.GENDER),
              {labels.EYEWEAR.name: _of(labels.EYEWEAR, labels.EYEWEAR_PROB), labels.MASK_WORN.name: _mask,
               labels.GENDER.name: _of(labels.GENDER, labels.GENDER_PROB)},
              (labels.EYEWEAR_PROB, labels.MASK_PROB, labels.GENDER_PROB)),
        Topic("age", (labels.AGE_GROUP,), {labels.AGE_GROUP.name: _of(labels.AGE_GROUP, labels.AGE_PROB)},
              (labels.AGE_PROB,)),
        Topic("deepfake", (images.IS_SYNTHETIC,), {images.IS_SYNTHETIC.name: lambda _: 1.0}),
    )
}  # fmt: skip
"""The five tasks of FaceInstruct-1M. Whether a picture is generated is known from its lineage, not judged."""


@dataclass(frozen=True)
class Exchange:
    """A question with its answer.

    Attributes:
        topic: The task.
        column: Label that was asked for.
        question: In words.
        answer: In words.
        rating: How sure the label is, 0-10.
    """

    topic: str
    column: Column
    question: str
    answer: str
    rating: float


def topic(name: str) -> Topic:
    """The task of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    if name not in TOPICS:
        raise UnknownNameError("task", name, TOPICS)
    return TOPICS[name]


@cache
def bank() -> dict[str, Task]:
    """Column name -> its questions and answers."""
    text = resources.files("curate.recipes").joinpath("data/deepfake.toml").read_text("utf-8")
    told = tomllib.loads(text)
    fake = Task(
        told["name"], images.IS_SYNTHETIC, "flag", tuple(told["questions"]), tuple(told["answers"]), told["words"]
    )
    return {**tasks(), images.IS_SYNTHETIC.name: fake}


def exchange(values: Values, about: Topic, seed: str) -> Exchange | None:
    """One question about a face with the answer that its label gives; None where no label is known.

    Args:
        values: Column name -> value.
        about: The task.
        seed: Same seed, same words.
    """
    chance = random.Random(f"{seed}:{about.name}")
    known = [c for c in about.columns if bank()[c.name].applies(values.get(c.name))]
    if not known:
        return None
    column = chance.choice(known)
    task, sure = bank()[column.name], about.sure[column.name](values)
    if sure is None:
        return None
    answer = task.answer(values[column.name], chance)
    return Exchange(about.name, column, chance.choice(task.questions), answer, round(BEST * sure, 2))


def agrees(found: Exchange, values: Values) -> bool:
    """Whether the answer, read from its words alone, says what the label says."""
    task = bank()[found.column.name]
    return task.same(values.get(found.column.name), task.parse(found.answer))


def read_columns(topics: Sequence[Topic]) -> list[Column]:
    """Columns that tasks read."""
    return list(dict.fromkeys(c for t in topics for c in (*t.columns, *t.reads)))
