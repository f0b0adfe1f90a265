"""Reads a caption back into the facts it claims, from its words alone."""

from __future__ import annotations

import re
from functools import cache

from annotators.caption_grammar import Claims, fact, grammar
from schemas import SchemaError

CONNECTIVES = ("and", "with", ",", ".")
"""Words and marks that join phrases and claim nothing."""


@cache
def lexicon() -> dict[str, Claims]:
    """Every phrase of the grammar in lower case, and its claims.

    Raises:
        SchemaError: if one wording stands for two different claims, which no reader could tell apart.
    """
    known: dict[str, Claims] = {word: frozenset() for word in CONNECTIVES}
    for phrase in grammar().phrases():
        text = phrase.text.lower()
        if known.setdefault(text, phrase.claims) != phrase.claims:
            raise SchemaError(f"the caption grammar uses '{text}' for two claims")
    return known


@cache
def _pattern() -> re.Pattern[str]:
    longest_first = sorted(lexicon(), key=len, reverse=True)
    return re.compile("|".join(re.escape(text) + (r"\b" if text[-1].isalnum() else "") for text in longest_first))


def parse(caption: str) -> set[str]:
    """The facts that a caption claims, as `column=label`.

    Case and spacing do not matter.

    Raises:
        SchemaError: if the text holds words that are not of the grammar, or claims that contradict each other.
    """
    text = " ".join(caption.lower().split())
    claims: set[tuple[str, str]] = set()
    position = 0
    while position < len(text):
        match = _pattern().match(text, position)
        if match is None:
            raise SchemaError("not a caption of this grammar", f"cannot read '{text[position : position + 40]}'")
        claims |= lexicon()[match[0]]
        position = match.end()
        while text[position : position + 1] == " ":
            position += 1
    if len(dict(claims)) != len(claims):
        raise SchemaError("the caption contradicts itself", ", ".join(sorted(fact(*c) for c in claims)))
    return {fact(slot, label) for slot, label in claims}
