"""Captions: do the words say what the facts say, and do the labels still bear the facts out?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from annotators.caption_grammar import SLOTS
from annotators.caption_parser import parse
from curate.consistency.rule import Rule, Verdict
from curate.consistency.values import Values
from schemas import Column, Kind, SchemaError
from schemas.columns import labels

_SLOT_OF = {f"{c.name}.{field}" if field else c.name: slot for slot, (c, field) in SLOTS.items()}

DENIED: dict[tuple[str, str], Callable[[float], bool]] = {
    ("sharpness", "blurred"): lambda sharp: sharp > 0.4,
    ("maturity", "child"): lambda years: years >= 25,
    ("maturity", "adult"): lambda years: years < 14,
    ("smile", "active"): lambda score: score < 0.4,
    ("mouth_covered", "covered"): lambda visible: visible > 0.4,
    ("camera", "true"): lambda looks: looks == 0,
    ("camera", "false"): lambda looks: looks == 1,
    ("gaze", "image_right"): lambda yaw: yaw < 5,
    ("gaze", "image_left"): lambda yaw: yaw > -5,
    ("gaze_height", "up"): lambda pitch: pitch < 5,
    ("gaze_height", "down"): lambda pitch: pitch > -5,
    ("turn", "image_right"): lambda yaw: yaw < 8,
    ("turn", "image_left"): lambda yaw: yaw > -8,
    ("turn", "frontal"): lambda yaw: abs(yaw) > 20,
    ("nod", "up"): lambda pitch: pitch < 8,
    ("nod", "down"): lambda pitch: pitch > -8,
    ("tilt", "image_right"): lambda roll: roll < 5,
    ("tilt", "image_left"): lambda roll: roll > -5,
}
"""(slot, label) -> whether a number of its column cannot go with the claim; half of the writer's limit or less."""


def _said(caption: str) -> set[str] | None:
    """The facts that the words claim; None if the caption is not of the grammar and so cannot be read."""
    try:
        return parse(caption)
    except SchemaError as error:
        return None if error.what.startswith("not a caption") else set()


def _words(values: Values) -> Verdict:
    checked, broken, odd = [], [], []
    pairs = zip(values.label(labels.CAPTION), values.lists(labels.CAPTION_FACTS), strict=True)
    for caption, facts in pairs:
        said = None if caption is None or facts is None else _said(caption)
        checked.append(said is not None)
        difference = [] if said is None else sorted(said ^ set(facts or ()))
        broken.append(bool(difference))
        odd.append(", ".join(difference))
    return Verdict(np.array(checked, bool), np.array(broken, float), {"odd": np.array(odd, dtype=object)})


class _Labels:
    """What the columns behind the slots say of each row."""

    def __init__(self, values: Values) -> None:
        self.found: dict[str, Any] = {}
        for slot, (column, field) in SLOTS.items():
            if column not in values:
                continue
            if field:
                self.found[slot] = values.field(column, field)
            else:
                self.found[slot] = values.label(column) if column.kind is Kind.LABEL else values.number(column)

    def against(self, fact: str, row: int) -> str:
        """The value that denies a fact, in words; empty if none does or it is not known."""
        name, _, label = fact.partition("=")
        slot = _SLOT_OF.get(name, "")
        value = self.found[slot][row] if slot in self.found else None
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, str):
            return "" if value == label else value
        denied = DENIED.get((slot, label))
        return f"{value:.2g}" if denied is not None and denied(float(value)) else ""


def _facts(values: Values) -> Verdict:
    told = _Labels(values)
    lists = values.lists(labels.CAPTION_FACTS)
    count, words = [], []
    for row, facts in enumerate(lists):
        denials = [f"'{fact}' but the label is {value}" for fact in facts or () if (value := told.against(fact, row))]
        count.append(len(denials))
        words.append("; ".join(denials))
    confidence = 1 - 0.5 ** np.array(count, float)
    checked = np.array([bool(f) for f in lists], bool)
    return Verdict(checked, confidence, {"denials": np.array(words, dtype=object)})


_BEHIND: tuple[Column, ...] = tuple(dict.fromkeys(column for column, _ in SLOTS.values()))

RULES = (
    Rule(
        "caption_against_its_facts",
        (labels.CAPTION, labels.CAPTION_FACTS),
        0.9,
        "The caption's words and its facts differ in: {odd}.",
        "annotators/caption_parser.py reads every caption of the grammar back exactly",
        _words,
    ),
    Rule(
        "caption_facts_against_labels",
        (labels.CAPTION_FACTS,),
        0.8,
        "The caption claims {denials}.",
        "the labels that the caption was written from; numbers count as denials from half of the writer's limit on",
        _facts,
        also=_BEHIND,
    ),
)
