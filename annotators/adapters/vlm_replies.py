"""What a vision-language model is asked for in closed labels, and how its reply is read."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from schemas import Column, column, taxonomy

UNKNOWN = ("", "null", "none", "unknown", "not visible", "n/a", "unsure")
"""Words by which a model says that it cannot tell."""


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        key: Its key in the answer.
        column: The column that it fills.
        ask: In words.
    """

    key: str
    column: Column
    ask: str

    @property
    def labels(self) -> tuple[str, ...]:
        """Possible answers besides null."""
        return taxonomy(self.column.taxonomy).labels


@dataclass(frozen=True)
class Reply:
    """A reply that was read.

    Attributes:
        labels: Column -> label; None where the model said that it cannot tell, or what it said is no label.
        unread: Keys whose answer is missing or no label.
    """

    labels: Mapping[Column, str | None]
    unread: tuple[str, ...]


@cache
def _data() -> dict[str, Any]:
    text = resources.files("annotators").joinpath("data/prompts/vlm_labels.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def questions() -> tuple[Question, ...]:
    """The questions of `data/prompts/vlm_labels.toml`."""
    return tuple(Question(q["key"], column(q["column"]), q["ask"]) for q in _data()["question"])


def prompt() -> str:
    """What the model is asked."""
    lines = [f'- "{q.key}": {q.ask}: {", ".join(q.labels)}' for q in questions()]
    return str(_data()["ask"]).strip().replace("{questions}", "\n".join(lines))


def schema() -> dict[str, Any]:
    """JSON schema of the answer: every key required, a label or null."""
    properties = {q.key: {"type": ["string", "null"], "enum": [*q.labels, None]} for q in questions()}
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def read(text: str) -> Reply:
    """Labels in a model's words: its first JSON object, else lines of the form `key: label`.

    Labels are taken in any case and by any alias of their taxonomy. An answer that is no label is none: nothing is
    guessed from words around it.

    Args:
        text: The reply as it came.
    """
    said = _object(text)
    if said is None:
        said = {q.key: found[1].strip() for q in questions() if (found := _line(q.key).search(text))}
    labels: dict[Column, str | None] = {}
    unread = []
    for question in questions():
        value = said.get(question.key, "missing")
        labels[question.column] = _label(question, value)
        if labels[question.column] is None and not _unknown(value):
            unread.append(question.key)
    return Reply(labels, tuple(unread))


def _object(text: str) -> dict[str, Any] | None:
    keys = {q.key for q in questions()}
    for match in re.finditer("{", text):
        try:
            found, _ = json.JSONDecoder().raw_decode(text[match.start() :])
        except ValueError:
            continue
        if isinstance(found, dict) and keys & set(found):
            return found
    return None


@cache
def _line(key: str) -> re.Pattern[str]:
    return re.compile(rf"^\W*{key}(?:[ _]group)?\W*[:=]\s*\W*([^\n;,]*[\w+])", re.IGNORECASE | re.MULTILINE)


def _label(question: Question, value: Any) -> str | None:
    if not isinstance(value, str) or _unknown(value):
        return None
    return _known(question.column.taxonomy).get(value.strip().lower())


@cache
def _known(name: str) -> dict[str, str]:
    """Label or alias in lower case -> label."""
    found = taxonomy(name)
    return {text.lower(): label for text, label in {**found.aliases, **{n: n for n in found.labels}}.items()}


def _unknown(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in UNKNOWN)
