"""CelebA's attributes of a face with their probabilities, and captions that say those that are sure."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from annotators.caption_grammar import join
from schemas import Column, SchemaError, taxonomy
from schemas.columns import labels

NAMES = taxonomy(labels.CELEBA_SCORE.taxonomy).labels
MALE, YOUNG = "Male", "Young"
YOUNG_GROUPS = ("0-2", "3-9", "10-19", "20-29", "30-39")
"""Age groups of which CelebA's viewers mostly said Young; our reading, CelebA does not define it."""
BLURRED = 0.2
"""Sharpness below which a picture is called blurred, as in the captions of the default set."""
FACT = f"{labels.CELEBA_PRESENT.name}="
GENDER_FACT = f"{labels.GENDER.name}="
_JOINED = re.compile(r", | and | with | wearing ")

Scores = dict[str, float | None]


def _gender(values: Mapping[str, Any]) -> float | None:
    return (values.get(labels.GENDER_PROB.name) or {}).get(MALE)


def _young(values: Mapping[str, Any]) -> float | None:
    ages = values.get(labels.AGE_PROB.name)
    return None if not ages else min(sum(ages.get(g) or 0.0 for g in YOUNG_GROUPS), 1.0)


def _glasses(values: Mapping[str, Any]) -> float | None:
    worn = values.get(labels.EYEWEAR_PROB.name)
    return None if not worn else min(sum(p or 0.0 for k, p in worn.items() if k != "none"), 1.0)


def _smile(values: Mapping[str, Any]) -> float | None:
    return (values.get(labels.AU_SCORE.name) or {}).get("AU12")


def _state(column: Column, *present: str) -> Callable[[Mapping[str, Any]], float | None]:
    def told(values: Mapping[str, Any]) -> float | None:
        state = values.get(column.name)
        return None if state is None else float(state in present)

    return told


def _blurred(values: Mapping[str, Any]) -> float | None:
    sharpness = values.get(labels.SHARPNESS.name)
    return None if sharpness is None else float(sharpness < BLURRED)


SOURCES: dict[str, tuple[tuple[Column, ...], Callable[[Mapping[str, Any]], float | None]]] = {
    MALE: ((labels.GENDER_PROB,), _gender),
    YOUNG: ((labels.AGE_PROB,), _young),
    "Eyeglasses": ((labels.EYEWEAR_PROB,), _glasses),
    "Smiling": ((labels.AU_SCORE,), _smile),
    "Mouth_Slightly_Open": ((labels.MOUTH_STATE,), _state(labels.MOUTH_STATE, "parted", "open")),
    "Narrow_Eyes": ((labels.EYES_STATE,), _state(labels.EYES_STATE, "narrowed")),
    "Blurry": ((labels.SHARPNESS,), _blurred),
}
"""Attribute -> the columns of the default labels that tell it, and how. What is measured is 0 or 1."""


def scores_of(values: Mapping[str, Any]) -> Scores:
    """Probability of each of the forty attributes; None where nothing here tells it.

    Args:
        values: Column name -> value. Where a CLIP model has scored the attributes, its scores stand for those that the
            default labels do not tell.
    """
    clip = values.get(labels.CELEBA_SCORE.name) or {}
    told = {name: tell(values) for name, (_, tell) in SOURCES.items()}
    return {name: told[name] if told.get(name) is not None else clip.get(name) for name in NAMES}


@dataclass(frozen=True)
class Decided:
    """Attributes that are sure.

    Attributes:
        present: Those that are there, in CelebA's order.
        absent: Those that are not.
    """

    present: tuple[str, ...]
    absent: tuple[str, ...]

    def valid(self, counted: str) -> int:
        """Number of valid labels: `present` ones, or all that are `decided`."""
        return len(self.present) + (len(self.absent) if counted == "decided" else 0)


def decide(scores: Mapping[str, float | None], least: float) -> Decided:
    """Attributes whose answer, yes or no, has a probability above a least one."""
    known = [(n, s) for n, s in scores.items() if s is not None]
    return Decided(tuple(n for n, s in known if s > least), tuple(n for n, s in known if 1 - s > least))


@cache
def _words() -> dict[str, dict[str, list[str]]]:
    """Form -> attribute -> phrases.

    Raises:
        SchemaError: if a name is no attribute, or a phrase could not be told from another.
    """
    text = resources.files("curate.recipes").joinpath("data/attributes.toml").read_text("utf-8")
    found: dict[str, dict[str, list[str]]] = tomllib.loads(text)
    named = [n for form in found if form != "person" for n in found[form]]
    if alien := set(named) - set(NAMES):
        raise SchemaError("data/attributes.toml", f"{min(alien)} is no attribute of CelebA")
    said = [p for form in found.values() for phrases in form.values() for p in phrases]
    if len(set(said)) != len(said) or any(_JOINED.search(p) for p in said):
        raise SchemaError("data/attributes.toml", "a phrase stands twice or holds a word that joins phrases")
    return found


def caption(decided: Decided, chance: random.Random, most: int = 8) -> str:
    """One sentence that says sure attributes and nothing else.

    Args:
        decided: What is sure.
        chance: Chooses among phrases, and among attributes where there are more than `most`.
        most: Attributes said besides the person's.
    """
    words = _words()
    sayable = [n for n in decided.present if any(n in words[form] for form in ("lead", "be", "have", "wear"))]
    told = set(chance.sample(sayable, most) if len(sayable) > most else sayable)

    def said(form: str) -> list[str]:
        return [chance.choice(words[form][n]) for n in sayable if n in told and n in words[form]]

    sure = "present" if MALE in decided.present else "absent" if MALE in decided.absent else "unknown"
    person = chance.choice(words["person"][sure])
    if lead := said("lead"):
        person = f"a {lead[0]} {person.split(' ', 1)[1]}"
    have, wear = said("have"), said("wear")
    parts = [person, *([", " + join(b)] if (b := said("be")) else [])]
    text = "".join(parts) + (f" with {join(have)}" if have else "") + (f" wearing {join(wear)}" if wear else "")
    return f"{text[0].upper()}{text[1:]}."


def mentioned(text: str) -> Decided:
    """The attributes that a caption of this module says, read from its words alone.

    Raises:
        SchemaError: for words that are no phrase of it.
    """
    words = _words()
    known = {p: n for form in ("be", "have", "wear") for n, phrases in words[form].items() for p in phrases}
    pieces = _JOINED.split(text.removesuffix("."))
    present: list[str] = []
    absent: list[str] = []
    person = pieces[0][0].lower() + pieces[0][1:]
    for name, phrases in words["lead"].items():
        for phrase in phrases:
            if f"a {phrase} " in person:
                person = person.replace(f"{phrase} ", "")
                present.append(name)
    sex = {p: state for state, phrases in words["person"].items() for p in phrases}.get(person)
    if sex is None:
        raise SchemaError(f"'{person}'", "no words for a person")
    (present if sex == "present" else absent).extend([MALE] if sex != "unknown" else [])
    for piece in pieces[1:]:
        if piece not in known:
            raise SchemaError(f"'{piece}'", "no phrase of an attribute")
        present.append(known[piece])
    return Decided(tuple(n for n in NAMES if n in present), tuple(absent))


def facts(decided: Decided) -> list[str]:
    """Claims of a caption, as `column=label`; gender stands under its own column."""
    gender = [MALE] if MALE in decided.present else ["Female"] if MALE in decided.absent else []
    return [*(f"{GENDER_FACT}{g}" for g in gender), *(f"{FACT}{n}" for n in decided.present if n != MALE)]


def read_columns(known: Sequence[str]) -> list[str]:
    """Columns of a dataset that tell attributes."""
    wanted = [c.name for columns, _ in SOURCES.values() for c in columns] + [labels.CELEBA_SCORE.name]
    return [n for n in dict.fromkeys(wanted) if n in known]
