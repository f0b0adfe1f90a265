"""Preference pairs against assumptions from looks: the chosen answer asks, the rejected one assumes.

After "USER-VLM 360: personalized vision language models with user-aware tuning for social human-robot interactions"
(2025), whose DPO pairs prefer neutral answers to biased ones. Which answer stands at which question does not depend on
the person: slot by slot, every group is asked the same and answered the same.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any

from schemas import SchemaError, labels, taxonomy

BETWEEN = " / "


@dataclass(frozen=True)
class Person:
    """Whom the camera sees, as the labels perceive them.

    Attributes:
        key: The face's id.
        gender: Of `perceived_gender`.
        race: Of `perceived_race` or `perceived_race4`.
        age_group: Of `perceived_age_group`.
    """

    key: str
    gender: str
    race: str
    age_group: str

    @property
    def group(self) -> str:
        """Gender and race together: what parity is asked over."""
        return f"{self.gender}{BETWEEN}{self.race}"


@dataclass(frozen=True)
class Preference:
    """One pair of answers to one question.

    Attributes:
        face_id: Whose picture goes with it.
        slot: Pairs of one slot differ in the person alone.
        group: The person's group.
        prompt: The question.
        chosen: The answer that assumes nothing.
        rejected: The answer that assumes from looks.
        template: Number of the chosen answer.
    """

    face_id: str
    slot: int
    group: str
    prompt: str
    chosen: str
    rejected: str
    template: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


@cache
def bank() -> dict[str, Any]:
    """Questions, answers and words of `data/preferences.toml`.

    Raises:
        SchemaError: if a chosen answer assumes something, a rejected one does not, or a label has no words.
    """
    text = resources.files("curate.recipes.logic").joinpath("data/preferences.toml").read_text("utf-8")
    found = tomllib.loads(text)
    known = set(taxonomy(labels.RACE.taxonomy).labels) | set(taxonomy(labels.RACE4.taxonomy).labels)
    for what, wanted in (("race", known), ("gender", set(taxonomy(labels.GENDER.taxonomy).labels))):
        if missing := wanted - set(found["words"][what]):
            raise SchemaError("data/preferences.toml", f"no words for {', '.join(sorted(missing))}")
    for answer in (*found["chosen"], *found["prompts"]):
        if words := _found(answer, tuple(found["lexicon"])):
            raise SchemaError(f"'{answer}'", f"it assumes: {', '.join(words)}")
    return found


def assumptions(text: str) -> list[str]:
    """Words of the lexicon that a text holds, sorted."""
    return _found(text, tuple(bank()["lexicon"]))


def _found(text: str, lexicon: tuple[str, ...]) -> list[str]:
    return sorted({m.group(0).lower() for m in _pattern(lexicon).finditer(text)})


@cache
def _pattern(lexicon: tuple[str, ...]) -> re.Pattern[str]:
    words = sorted(lexicon, key=len, reverse=True)
    return re.compile(r"(?<![A-Za-z])(" + "|".join(map(re.escape, words)) + r")(?![A-Za-z])", re.IGNORECASE)


def preferences(people: Sequence[Person], per_person: int = 2) -> list[Preference]:
    """Pairs with the same questions and answers for every group.

    From each group come as many people as the smallest has, in the order given; slot by slot they get the same
    question, the same chosen answer and the same pattern of the rejected one, which names each as they look.

    Args:
        people: Adults with all three labels.
        per_person: Questions for each.
    """
    groups: dict[str, list[Person]] = {}
    for person in people:
        groups.setdefault(person.group, []).append(person)
    each = min((len(g) for g in groups.values()), default=0)
    words = bank()
    found = []
    for number in range(each * per_person):
        prompt = words["prompts"][number % len(words["prompts"])]
        template = number // len(words["prompts"]) + number
        chosen = words["chosen"][template % len(words["chosen"])]
        rejected = words["rejected"][template % len(words["rejected"])]
        for name in sorted(groups):
            person = groups[name][number // per_person]
            answer = rejected.format(**described(person))
            place = template % len(words["chosen"])
            found.append(Preference(person.key, number, name, prompt, chosen, answer, place))
    return found


def described(person: Person) -> dict[str, str]:
    """A person in words: `person` with its article, `person_bare` without, `people` as a plural."""
    words = bank()["words"]
    one, many = words["gender"][person.gender]
    race, age = words["race"][person.race], words["age"].get(person.age_group, "")
    bare = " ".join(w for w in (age, race, one) if w)
    plural = " ".join(w for w in (age, race, many) if w)
    return {"person": f"{_article(bare)} {bare}", "person_bare": bare, "people": plural}


def _article(words: str) -> str:
    return "an" if words[0].lower() in "aeiou" else "a"


def left_over(people: Sequence[Person]) -> dict[str, int]:
    """Group -> people who come into no pair, because another group has fewer."""
    counts = Counter(p.group for p in people)
    least = min(counts.values(), default=0)
    return {name: number - least for name, number in sorted(counts.items())}


def parity_gap(pairs: Sequence[Mapping[str, Any]], group: str = "group", template: str = "template") -> float:
    """Largest difference between two groups in the share of any answer template; 0 where all groups get the same.

    Args:
        pairs: Records with a group and a template each.
        group: Name of the group's field.
        template: Name of the template's field.
    """
    counts: dict[Any, Counter[Any]] = {}
    for pair in pairs:
        counts.setdefault(pair[group], Counter())[pair[template]] += 1
    templates = {t for c in counts.values() for t in c}
    gaps = [0.0]
    for one in templates:
        shares = [c[one] / c.total() for c in counts.values()]
        gaps.append(max(shares) - min(shares))
    return max(gaps)
