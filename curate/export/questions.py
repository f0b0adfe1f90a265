"""Questions about a face with answers that say exactly what its labels say; each answer can be read back."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Any

from curate.export.base import equal
from schemas import REGISTRY, Column, Kind, SchemaError, taxonomy

VALUE = "{value}"
ACTIVE = 0.5
"""Score from which an action unit counts as active, as the column says."""
FEWEST = 10
"""Paraphrases that every question must have."""
NO_UNITS = "none"
INTENSITY = re.compile(r"(AU\d+) \((\d+(?:\.\d+)?)\)")

Pair = tuple[str, str]
"""A question and its answer."""


@dataclass(frozen=True)
class Task:
    """One thing that can be asked of a face.

    Attributes:
        name: In words.
        column: The label that answers it.
        kind: How the label is written; see `data/questions.toml`.
        questions: Paraphrases of one question.
        answers: Sentences with `{value}`.
        words: Label -> its words, both ways unique.
        decimals: Of numbers.
    """

    name: str
    column: Column
    kind: str
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    words: Mapping[str, str] = field(default_factory=dict)
    decimals: int = 0

    def __post_init__(self) -> None:
        if len(set(self.questions)) < FEWEST:
            raise SchemaError(f"task {self.name}", f"it has fewer than {FEWEST} questions")
        if any(a.count(VALUE) != 1 for a in self.answers):
            raise SchemaError(f"task {self.name}", "an answer must hold {value} once")
        if len(set(self.words.values())) != len(self.words):
            raise SchemaError(f"task {self.name}", "two labels share their words")
        if self.kind == "label" and set(self.words) != set(taxonomy(self.column.taxonomy).labels):
            raise SchemaError(f"task {self.name}", f"its words are not for the labels of {self.column.taxonomy}")

    def applies(self, value: Any) -> bool:
        """Whether a value answers the question."""
        if self.column.kind is Kind.SCORES:
            return any(v is not None for v in (value or {}).values())
        return value not in (None, "")

    def answer(self, value: Any, chance: random.Random) -> str:
        """The value in a sentence."""
        return chance.choice(self.answers).replace(VALUE, self._write(value))

    def parse(self, text: str) -> Any:
        """The value that an answer states.

        Raises:
            SchemaError: if it is no answer to this question.
        """
        for pattern in self._patterns:
            if match := pattern.fullmatch(text):
                return self._read(match["value"])
        raise SchemaError(f"'{text[:60]}'", f"no answer to the question of {self.name}")

    def same(self, given: Any, found: Any) -> bool:
        """Whether an answer that was read back says what the label says, as closely as its words can."""
        if not self.applies(given):
            return found is None
        if self.kind == "units":
            return found is not None and active(given) == active(found)
        tolerance = 0.5 * 10.0**-self.decimals * 1.001 if self.kind in ("number", "intensities") else 0.0
        return found is not None and equal(self.column, given, found, tolerance)

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        return [re.compile(re.escape(a).replace(re.escape(VALUE), "(?P<value>.*)"), re.DOTALL) for a in self.answers]

    def _write(self, value: Any) -> str:
        if self.kind in ("label", "flag"):
            return self.words[str(value).lower() if self.kind == "flag" else value]
        if self.kind == "number":
            return _number(value, self.decimals)
        if self.kind == "units":
            return ", ".join(active(value)) or NO_UNITS
        if self.kind == "intensities":
            return ", ".join(f"{n} ({_number(v, self.decimals)})" for n, v in value.items() if v is not None)
        return str(value)

    def _read(self, words: str) -> Any:
        if self.kind in ("label", "flag"):
            label = {v: k for k, v in self.words.items()}.get(words)
            if label is None:
                raise SchemaError(f"'{words}'", f"no words for a label of {self.column.name}")
            return label == "true" if self.kind == "flag" else label
        if self.kind == "number":
            return float(words)
        if self.kind == "units":
            said = [] if words == NO_UNITS else words.split(", ")
            return {n: float(n in said) for n in taxonomy(self.column.taxonomy).labels}
        if self.kind == "intensities":
            told = {n: float(v) for n, v in INTENSITY.findall(words)}
            return {n: told.get(n) for n in taxonomy(self.column.taxonomy).labels}
        return words


def active(scores: Mapping[str, float | None]) -> list[str]:
    """Action units whose score says that they are active, in the label set's order."""
    return [n for n, v in scores.items() if v is not None and v >= ACTIVE]


def _number(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


@cache
def tasks() -> dict[str, Task]:
    """Column name -> task, in the order of `data/questions.toml`.

    Raises:
        SchemaError: if a question could belong to two tasks.
    """
    text = resources.files("curate.export").joinpath("data/questions.toml").read_text("utf-8")
    found = [
        Task(
            t["name"], REGISTRY[t["column"]], t["kind"], tuple(t["questions"]), tuple(t["answers"]),
            t.get("words", {}), t.get("decimals", 0),
        )
        for t in tomllib.loads(text)["task"]
    ]  # fmt: skip
    asked = [q for t in found for q in t.questions]
    if len(set(asked)) != len(asked):
        raise SchemaError("data/questions.toml", "a question stands twice")
    return {t.column.name: t for t in found}


@cache
def _by_question() -> dict[str, Task]:
    return {q: t for t in tasks().values() for q in t.questions}


def dialogue(values: Mapping[str, Any], columns: Sequence[Column], seed: str) -> list[Pair]:
    """A question and an answer for every column that has a task and a value, in an order drawn by the seed.

    Args:
        values: Column name -> value.
        columns: Columns that may be asked for.
        seed: Same seed, same words.
    """
    chance = random.Random(seed)
    pairs = []
    for column in columns:
        task, value = tasks().get(column.name), values.get(column.name)
        if task is not None and task.applies(value):
            pairs.append((chance.choice(task.questions), task.answer(value, chance)))
    chance.shuffle(pairs)
    return pairs


def labels_of(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Column name -> value, read from questions and answers alone.

    Raises:
        SchemaError: for a question or an answer that is not of the bank.
    """
    found = {}
    for question, answer in pairs:
        task = _by_question().get(question)
        if task is None:
            raise SchemaError(f"'{question[:60]}'", "no question of the bank")
        found[task.column.name] = task.parse(answer)
    return found


def unasked(columns: Sequence[Column]) -> dict[str, str]:
    """`drops` of formats that hold a dialogue alone."""
    return {c.name: "no question of the bank asks for it" for c in columns if c.name not in tasks()}


def same_answer(column: Column, given: Any, found: Any) -> bool:
    """Whether a label came back from a dialogue."""
    return tasks()[column.name].same(given, found)
