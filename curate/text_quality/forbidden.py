"""What no text about a face may claim: a lexicon with its sources, and a search by whole words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from schemas import SchemaError


@dataclass(frozen=True)
class Ban:
    """One kind of claim.

    Attributes:
        kind: Its short name.
        what: In words.
        source: Why it is forbidden.
        plain: Pattern without regard to case.
        cased: Pattern in which capitals matter; None if there is none.
    """

    kind: str
    what: str
    source: str
    plain: re.Pattern[str]
    cased: re.Pattern[str] | None


@dataclass(frozen=True)
class Claim:
    """A forbidden claim in a text: its kind and the words that make it."""

    ban: Ban
    words: str


@cache
def bans() -> tuple[Ban, ...]:
    """The lexicon of `data/forbidden.toml`.

    Raises:
        SchemaError: for an entry without a source, or a kind that stands twice.
    """
    text = resources.files("curate.text_quality").joinpath("data/forbidden.toml").read_text("utf-8")
    found = tuple(_ban(entry) for entry in tomllib.loads(text)["ban"])
    if len({b.kind for b in found}) != len(found):
        raise SchemaError("data/forbidden.toml", "a kind stands twice")
    return found


def _ban(entry: Mapping[str, Any]) -> Ban:
    if not entry.get("source"):
        raise SchemaError(f"forbidden claim '{entry['kind']}'", "it names no source")
    cased = _pattern(entry["cased"], 0) if entry.get("cased") else None
    return Ban(entry["kind"], entry["what"], entry["source"], _pattern(entry["patterns"], re.IGNORECASE), cased)


def _pattern(patterns: Sequence[str], flags: int) -> re.Pattern[str]:
    return re.compile(r"(?<![\w-])(?:" + "|".join(patterns) + r")(?![\w-])", flags)


def claims_in(text: str) -> list[Claim]:
    """Forbidden claims in the order of the lexicon; each wording of a kind once."""
    found: dict[tuple[str, str], Claim] = {}
    for ban in bans():
        for pattern in filter(None, (ban.plain, ban.cased)):
            for match in pattern.finditer(text):
                found.setdefault((ban.kind, match[0].lower()), Claim(ban, match[0]))
    return list(found.values())


def forbidden(text: str) -> list[str]:
    """What a text speaks of and must not, in words; empty if it does not."""
    return [f"it speaks of {c.ban.what} ('{c.words}')" for c in claims_in(text)]
