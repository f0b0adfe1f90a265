"""Puts claims into words: a small grammar whose phrases each say exactly what they stand for.

The words are data (`data/caption.toml`). A claim is a slot (what is spoken of) with a label; a caption
claims the union of its phrases' claims, so what it says is known while it is written, and
`caption_parser` can read it back from the text alone.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from schemas import Column
from schemas.columns import labels

FORMS = ("ing", "with", "does")
"""Where a claim can stand: participle after a comma, item after `with`, verb after the person."""

Claims = frozenset[tuple[str, str]]
"""Pairs of slot and label."""

SLOTS: dict[str, tuple[Column, str]] = {
    "medium": (labels.SKIN_LIGHTING, ""),
    "sharpness": (labels.SHARPNESS, ""),
    "gender": (labels.GENDER, ""),
    "maturity": (labels.AGE, ""),
    "age": (labels.AGE_GROUP, ""),
    "emotion": (labels.PERCEIVED_EMOTION, ""),
    "smile": (labels.AU_SCORE, "AU12"),
    "mouth": (labels.MOUTH_STATE, ""),
    "mouth_covered": (labels.REGION_VISIBLE, "mouth"),
    "eyes": (labels.EYES_STATE, ""),
    "camera": (labels.LOOKS_AT_CAMERA, ""),
    "gaze": (labels.GAZE_YAW, ""),
    "gaze_height": (labels.GAZE_PITCH, ""),
    "turn": (labels.YAW, ""),
    "nod": (labels.PITCH, ""),
    "tilt": (labels.ROLL, ""),
    "skin": (labels.ITA_CLASS, ""),
}
"""Slot -> the column (and its field) that the claim is about."""


@dataclass(frozen=True)
class Phrase:
    """Words and what they claim."""

    text: str
    claims: Claims


@dataclass(frozen=True)
class Pronoun:
    """Words for a person: `subject` is he, she or they; they takes plural verbs, "an adult person" does not."""

    subject: str
    possessive: str

    @property
    def plural(self) -> bool:
        """Whether verbs stand in the plural."""
        return self.subject == "they"


@dataclass(frozen=True)
class Caption:
    """A text and exactly what it claims."""

    text: str
    claims: Claims

    @property
    def facts(self) -> list[str]:
        """The claims as sorted `column=label` strings."""
        return sorted(fact(slot, label) for slot, label in self.claims)


def fact(slot: str, label: str) -> str:
    """A claim as `column=label`, or `column.field=label` for a field of a struct."""
    column, field = SLOTS[slot]
    return f"{column.name}.{field}={label}" if field else f"{column.name}={label}"


class Grammar:
    """The words of `data/caption.toml`, expanded and checked.

    Args:
        data: The parsed file.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.pronouns = {k: Pronoun(v["They"], v["their"]) for k, v in data["pronouns"].items()}
        self.verbs: dict[str, str] = data["verbs"]
        leads = data["leads"]
        self.plain_leads: list[str] = leads["plain"]
        self.leads = {
            (entry["slot"], label): entry["phrases"] for label, entry in leads.items() if isinstance(entry, dict)
        }
        self.nouns = [(frozenset(n["claims"].items()), n["phrases"]) for n in data["nouns"]]
        ages = data["ages"]
        self.ages = {
            ("age", label): [frame.replace("{age}", words) for frame in ages["frames"] for words in wordings]
            for label, wordings in ages["words"].items()
        }
        self.forms = {(c["slot"], c["label"]): {form: c[form] for form in FORMS if form in c} for c in data["claims"]}
        self.salience = {(c["slot"], c["label"]): float(c["salience"]) for c in data["claims"]}

    def say(self, template: str, pronoun: Pronoun, plural: bool = False) -> str:
        """A phrase with pronoun and verbs filled in; verbs are plural only where `they` is the subject itself."""

        def word(match: re.Match[str]) -> str:
            key = match[1]
            if key == "their":
                return pronoun.possessive
            return self.verbs[key] if plural else key

        return re.sub(r"\{(\w+)\}", word, template)

    def phrases(self) -> Iterator[Phrase]:
        """Every string the grammar can put into a caption, besides its connecting words."""
        for claims, texts in self.nouns:
            yield from (Phrase(text, claims) for text in texts)
        for lead in self.plain_leads:
            if lead:
                yield Phrase(lead, frozenset())
        for claim, texts in self.leads.items():
            yield from (Phrase(text, frozenset({claim})) for text in texts)
        for pronoun in self.pronouns.values():
            yield Phrase(pronoun.subject, frozenset())
            for claim, texts in self.ages.items():
                yield from (Phrase(self.say(text, pronoun), frozenset({claim})) for text in texts)
            for claim, forms in self.forms.items():
                for plural in sorted({False, pronoun.plural}):
                    for texts in forms.values():
                        yield from (Phrase(self.say(text, pronoun, plural), frozenset({claim})) for text in texts)


@cache
def grammar() -> Grammar:
    """The grammar of `data/caption.toml`."""
    return Grammar(tomllib.loads(resources.files("annotators").joinpath("data/caption.toml").read_text("utf-8")))


def join(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return ", ".join([*items[:-2], " and ".join(items[-2:])])


class _Writer:
    """One caption in the making: collects the words and what they claim."""

    def __init__(self, claims: Mapping[str, str], chance: random.Random) -> None:
        self.grammar = grammar()
        self.chance = chance
        self.told: set[tuple[str, str]] = set()
        self.pairs = set(claims.items())
        self.pronoun = self.grammar.pronouns["none"]

    def lead(self) -> str:
        known = [claim for claim in sorted(self.pairs) if claim in self.grammar.leads]
        if not known:
            return self.chance.choice(self.grammar.plain_leads)
        claim = self.chance.choice(known)
        self.told.add(claim)
        return str(self.chance.choice(self.grammar.leads[claim]))

    def person(self) -> str:
        """The most telling noun whose claims all hold."""
        fitting = [(claims, texts) for claims, texts in self.grammar.nouns if claims <= self.pairs]
        claims, texts = max(fitting, key=lambda noun: len(noun[0]))
        self.told |= claims
        self.pronoun = self.grammar.pronouns[dict(claims).get("gender", "none")]
        return str(self.chance.choice(texts))

    def age(self) -> str:
        for claim in self.pairs & self.grammar.ages.keys():
            self.told.add(claim)
            return self.grammar.say(self.chance.choice(self.grammar.ages[claim]), self.pronoun)
        return ""

    def phrase(self, claim: tuple[str, str], forms: Sequence[str], plural: bool = False) -> tuple[str, str]:
        """A form that the claim has, at random, and its words."""
        possible = self.grammar.forms[claim]
        form = self.chance.choice([f for f in forms if f in possible])
        self.told.add(claim)
        return form, self.grammar.say(self.chance.choice(possible[form]), self.pronoun, plural)

    def described(self, claims: Sequence[tuple[str, str]], after_comma: bool) -> str:
        """`, smiling and looking up, with closed lips`."""
        said = [self.phrase(c, ("ing", "with")) for c in claims]
        doing, having = [t for f, t in said if f == "ing"], [t for f, t in said if f == "with"]
        text = f", {join(doing)}" if doing else ""
        if having:
            text += f"{',' if doing or after_comma else ''} with {join(having)}"
        return text

    def acting(self, claims: Sequence[tuple[str, str]], plural: bool) -> str:
        """`smiles and looks up`; after `they`, `smile and look up`."""
        return join([self.phrase(c, ("does",), plural)[1] for c in claims])


def _selection(
    claims: Sequence[tuple[str, str]], chance: random.Random, most: int, need: bool
) -> list[tuple[str, str]]:
    """The claims to tell, in random order; at least one where `need` says so and there is any."""
    salience = grammar().salience
    told = [c for c in claims if chance.random() < salience[c]]
    if need and claims and not told:
        told = [max(claims, key=lambda c: salience[c])]
    return chance.sample(told, min(most, len(told)))


def compose(claims: Mapping[str, str], chance: random.Random, most: int = 6) -> Caption:
    """Say claims in one or two sentences.

    Args:
        claims: Slot -> label. Not all are told: each with the chance that its salience gives.
        chance: Source of all variation.
        most: Most claims told besides person and age.

    Returns:
        The caption, with exactly the claims its words make.
    """
    writer = _Writer(claims, chance)
    lead = writer.lead()
    subject, age = writer.person(), writer.age()
    told = [c for c in claims.items() if c in writer.grammar.forms]
    told = _selection(told, chance, most, need=not writer.told)
    # Sentences with many parts are split; "shows a man ... smiles" would have two verbs.
    in_front = len(told) if len(told) < 2 else chance.randint(0 if not lead else 1, min(len(told), 4))
    fused = not lead and 0 < len(told) <= 3 and (in_front == 0 or chance.random() < 0.3)
    aside = bool(age) and not age.startswith("who ")
    person = f"{lead} {subject}".strip() + (f"{',' if aside else ''} {age}" if age else "")
    if fused:
        sentences = [f"{person}{',' if aside else ''} {writer.acting(told, plural=False)}"]
    else:
        first, second = told[:in_front], told[in_front:]
        sentences = [person + writer.described(first, after_comma=bool(age))]
        if second:
            sentences.append(f"{writer.pronoun.subject} {writer.acting(second, writer.pronoun.plural)}")
    text = " ".join(f"{s[0].upper()}{s[1:]}." for s in sentences)
    return Caption(text, frozenset(writer.told))
