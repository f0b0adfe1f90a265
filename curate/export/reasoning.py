"""Reasoning from action units to a perceived emotion, in words that are checked against both."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from annotators.caption_grammar import join
from annotators.emotion_prototype import NEUTRAL, prototypes
from schemas import SchemaError

UNIT = re.compile(r"AU\d+")
DESCRIPTION = re.compile(r"<think>(.+)</think><answer>(.+)</answer>", re.DOTALL)


@cache
def words() -> dict[str, Any]:
    """The phrases of `data/reasoning.toml`."""
    return tomllib.loads(resources.files("curate.export").joinpath("data/reasoning.toml").read_text("utf-8"))


def question(chance: random.Random) -> str:
    """A question for an emotion with its reasons."""
    return str(chance.choice(words()["questions"]))


def describe(units: Sequence[str], emotion: str, chance: random.Random) -> str:
    """`<think>REASONS</think><answer>Emotion</answer>`, as FEA-20K writes it.

    Args:
        units: Active action units, such as `AU12`.
        emotion: A label of `emotion-7`.
        chance: Source of all variation.

    Raises:
        SchemaError: if the text would cite other units or give another answer; no such text leaves.
    """
    text = f"<think>{_seen(units, chance)} {_implied(units, emotion, chance)}</think><answer>{noun(emotion)}</answer>"
    check(text, units, [noun(emotion)])
    return text


def check(text: str, units: Sequence[str], answer: Sequence[str]) -> None:
    """Facial-R1's checks: both tags, the cited units are exactly these, and so is the answer.

    Args:
        text: A description.
        units: Codes of the active action units.
        answer: Labels of the emotion.

    Raises:
        SchemaError: for the first that does not hold.
    """
    found = DESCRIPTION.fullmatch(text)
    if found is None:
        raise SchemaError(f"'{text[:60]}'", "no <think> and <answer>")
    if set(UNIT.findall(found[1])) != set(units):
        raise SchemaError(f"'{text[:60]}'", f"it does not cite exactly {', '.join(units) or 'no unit'}")
    if [a.strip() for a in found[2].split(",")] != list(answer):
        raise SchemaError(f"'{text[:60]}'", f"its answer is not {', '.join(answer)}")


def noun(emotion: str) -> str:
    """The label as FEA-20K spells it: `Sadness`."""
    return emotion.capitalize()


def _seen(units: Sequence[str], chance: random.Random) -> str:
    if not units:
        return str(chance.choice(words()["none"]))
    named: Mapping[str, str] = words()["units"]
    listed = join([f"{named[u]} ({u})" for u in units])
    return str(chance.choice(words()["seen"])).replace("{units}", listed)


def _implied(units: Sequence[str], emotion: str, chance: random.Random) -> str:
    if emotion == NEUTRAL:
        return str(chance.choice(words()["neutral"]))
    held = max((_held(units, p) for p in prototypes()[emotion]), key=lambda h: (h[1], len(h[0])))
    kind = "whole" if held[1] else "part" if len(held[0]) > 1 else "apart"
    sentence = str(chance.choice(words()[kind]))
    return sentence.replace("{prototype}", join(held[0])).replace("{emotion}", emotion)


def _held(units: Sequence[str], prototype: frozenset[str]) -> tuple[list[str], bool]:
    """Units of a prototype that are active, and whether these are all."""
    held = [u for u in units if u in prototype]
    return held, len(held) == len(prototype)
