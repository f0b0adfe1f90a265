"""What a caption model is asked: questions from columns and taxonomies, the schema of the answer, and its words."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from schemas import Column, SchemaError, column, taxonomy

LONGEST = 600
"""Characters of a caption, at most."""

NEGATION = re.compile(r"(?:\b(?:not?|without|never|neither|nor|hardly|lacks?|lacking)|n't)(?:\W+\w+){0,2}\W*$")
"""A word shortly before a pattern that turns its meaning round."""


@dataclass(frozen=True)
class Fact:
    """One question.

    Attributes:
        key: Its key in the answer.
        column: What it speaks of.
        field: Field of the column's struct, or empty.
        labels: Possible answers besides null.
        ask: The question in words.
        slot: Claim of the rule-based caption, or check of `vlm_checks`, that can check it; or empty.
        near: Pairs of labels too alike to contradict each other.
    """

    key: str
    column: Column
    field: str
    labels: tuple[str, ...]
    ask: str
    slot: str = ""
    near: frozenset[frozenset[str]] = frozenset()

    def claim(self, label: str) -> str:
        """The answer as `column=label`, or `column.field=label`."""
        return f"{self.column.name}.{self.field}={label}" if self.field else f"{self.column.name}={label}"

    def other(self, label: str) -> str:
        """The opposite of a label where there are just two, else nothing."""
        rest = [x for x in self.labels if x != label]
        return rest[0] if len(rest) == 1 else ""


@dataclass(frozen=True)
class Answer:
    """What a model said.

    Attributes:
        caption: Its sentences.
        labels: Key -> label of the questions it answered.
    """

    caption: str
    labels: Mapping[str, str]


class Questionnaire:
    """The questions of `data/prompts/caption_vlm.toml`.

    Args:
        data: The parsed file.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.facts = {row["key"]: _fact(row) for row in data["fact"]}
        self._ask: str = data["ask"].strip()
        self._retry: str = data["retry"].strip()
        self._words = [(row["key"], row["label"], _pattern(row["patterns"])) for row in data["words"]]
        self._forbidden = [(row["what"], _pattern(row["patterns"])) for row in data["forbidden"]]
        for key, label, _ in self._words:
            if label not in self.facts[key].labels:
                raise SchemaError(f"words for {key}={label}", "the question has no such label")

    def prompt(self) -> str:
        """The first message."""
        lines = [f'- "{f.key}": {f.ask}: {", ".join(f.labels)}' for f in self.facts.values()]
        return self._ask.replace("{questions}", "\n".join(lines))

    def retry(self, reasons: list[str]) -> str:
        """The message after an answer that was not accepted."""
        return self._retry.replace("{reasons}", "; ".join(reasons))

    def schema(self) -> dict[str, Any]:
        """JSON schema of the answer: every key required, labels or null."""
        properties: dict[str, Any] = {"caption": {"type": "string"}}
        for fact in self.facts.values():
            properties[fact.key] = {"type": ["string", "null"], "enum": [*fact.labels, None]}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def read(self, text: str) -> Answer:
        """The answer in a model's text: its first JSON object with a caption, whatever stands around it.

        Raises:
            ValueError: saying what is wrong with it.
        """
        import jsonschema

        found = _first_object(text)
        error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(self.schema()).iter_errors(found))
        if error is not None:
            place = ".".join(str(p) for p in error.absolute_path)
            raise ValueError(f"{place + ': ' if place else ''}{error.message}"[:300])
        caption = " ".join(str(found.pop("caption")).split())
        if not caption or len(caption) > LONGEST:
            raise ValueError(f"the caption must have 1 to {LONGEST} characters, it has {len(caption)}")
        return Answer(caption, {key: label for key, label in found.items() if label is not None})

    def spoken(self, caption: str) -> list[tuple[str, str]]:
        """Labels that the words of a caption claim, as pairs of key and label."""
        text = caption.lower()
        claims: dict[tuple[str, str], None] = {}
        for key, label, pattern in self._words:
            for match in pattern.finditer(text):
                negated = NEGATION.search(re.split(r"[,.;]", text[: match.start()])[-1])
                said = self.facts[key].other(label) if negated else label
                if said:
                    claims[key, said] = None
        return list(claims)

    def forbidden(self, caption: str) -> list[str]:
        """What the caption speaks of and must not."""
        found = [(what, pattern.search(caption.lower())) for what, pattern in self._forbidden]
        return [f"the caption speaks of {what} ('{match[0]}')" for what, match in found if match]


@cache
def questionnaire() -> Questionnaire:
    """The questions that come with the package."""
    text = resources.files("annotators").joinpath("data/prompts/caption_vlm.toml").read_text("utf-8")
    return Questionnaire(tomllib.loads(text))


def _fact(row: Mapping[str, Any]) -> Fact:
    about = column(row["column"])
    labels = tuple(row.get("labels") or taxonomy(about.taxonomy).labels)
    near = frozenset(frozenset(pair) for pair in row.get("near", ()))
    return Fact(row["key"], about, row.get("field", ""), labels, row["ask"], row.get("slot", ""), near)


def _pattern(patterns: list[str]) -> re.Pattern[str]:
    return re.compile(r"(?<![\w-])(?:" + "|".join(patterns) + r")(?![\w-])")


def _first_object(text: str) -> dict[str, Any]:
    starts = [match.start() for match in re.finditer("{", text)]
    if not starts:
        raise ValueError(f"no JSON object in '{' '.join(text.split())[:80]}'")
    broken = ""
    for start in starts:
        try:
            found, _ = json.JSONDecoder().raw_decode(text[start:])
        except ValueError as error:
            broken = broken or str(error)
        else:
            if "caption" in found:
                return dict(found)
    raise ValueError(f"broken JSON: {broken}" if broken else "the JSON has no caption")
