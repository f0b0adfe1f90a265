"""Captions cut down to what a face-identity model may be told: the person, and nothing that an edit could change."""

from __future__ import annotations

import random

from annotators.caption_grammar import SLOTS, compose, fact
from annotators.caption_parser import parse
from schemas import SchemaError, taxonomy
from schemas.columns import labels

PERSON = {
    "gender": taxonomy(labels.GENDER.taxonomy).labels,
    "maturity": ("adult", "child"),
    "age": taxonomy(labels.AGE_GROUP.taxonomy).labels,
}
"""Claims of the caption grammar that are kept."""
ANYBODY = "A photo of a person."


def identity_caption(text: str, chance: random.Random) -> str:
    """A caption that claims perceived gender and age alone, of those that the given one claims.

    Nothing is said of expression, gaze, pose, picture or background, so that a model learns to take these from the
    prompt. What is not of the caption grammar says that there is a person, no more.

    Args:
        text: The caption.
        chance: Chooses the words.
    """
    try:
        facts = parse(text)
    except SchemaError:
        return ANYBODY
    claims = {slot: label for slot, known in PERSON.items() for label in known if fact(slot, label) in facts}
    return compose(claims, chance, 0).text if claims else ANYBODY


def claimed_slots(text: str) -> set[str]:
    """Slots of the grammar that a caption speaks of.

    Raises:
        SchemaError: if it is not of the grammar.
    """
    facts = parse(text)
    columns = {f.partition("=")[0] for f in facts}
    return {slot for slot in SLOTS if fact(slot, "").partition("=")[0] in columns}
