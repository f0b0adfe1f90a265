"""The grid of SIG's ControlFace10k: synthetic people by race, gender and age, each in three views.

ControlFace10k (arXiv 2409.08345, CC BY 4.0) holds 10,008 pictures of 3,336 people. Its file names
`rX_gY_aZ_oW_cXXXXXX.png` are kept; which ages and which views it used is not published, so both are settings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from curate.generators.prompts.grid import GridRow, cells, seed_of
from curate.generators.prompts.words import sig_words
from schemas import UsageError
from schemas.bins import bins
from schemas.coding import coding
from schemas.columns import labels
from schemas.mapping import mapping

RACE, GENDER, VIEW = "sig-race", "sig-gender", "sig-orientation"
AGES = (20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70)
ADULT = 18
PUBLISHED_PEOPLE = 3336
NAME = re.compile(r"r([0-3])_g([01])_a(\d+)_o(\d)_c([0-9a-z]{6})(?:\.png)?")
PROMPT = "passport-style photograph of a {age}-year-old {race} {gender}, {view}, plain background, even light"
NOUNS = {"Female": "woman", "Male": "man"}


@dataclass(frozen=True)
class SigFacts:
    """What a file name of ControlFace10k says.

    Attributes:
        race: A label of `race-sig-4`.
        gender: A label of `gender-2`.
        age: In years.
        view: A label of `orientation-sig-3`.
        person: Six characters, the same for all views of one person.
    """

    race: str
    gender: str
    age: int
    view: str
    person: str

    @property
    def name(self) -> str:
        """The file name without its ending."""
        race, gender, view = (
            coding(c).encode(v).value for c, v in ((RACE, self.race), (GENDER, self.gender), (VIEW, self.view))
        )
        return f"r{race}_g{gender}_a{self.age}_o{view}_c{self.person}"


def parse(name: str) -> SigFacts:
    """Read a file name.

    Raises:
        UsageError: if it is none of ControlFace10k's form.
    """
    found = NAME.fullmatch(name)
    if found is None:
        raise UsageError(f"'{name}' is no file name of ControlFace10k", "expected rX_gY_aZ_oW_cXXXXXX.png")
    race, gender, age, view, person = found.groups()
    labels_of = (coding(c).decode(int(v)) for c, v in ((RACE, race), (GENDER, gender), (VIEW, view)))
    race, gender, view = labels_of
    return SigFacts(race, gender, int(age), view, person)


def sig_grid(people: int = PUBLISHED_PEOPLE, ages: Sequence[int] = AGES, seed: int = 0) -> list[GridRow]:
    """Rows for so many people, three views each; cells of race x gender x age differ by one person at most.

    Raises:
        UsageError: for an age under 18.
    """
    if young := [a for a in ages if a < ADULT]:
        raise UsageError(f"age {young[0]} in the grid", "faces of minors are not made", f"Give ages from {ADULT}")
    axes = {"race": coding(RACE).order, "gender": coding(GENDER).order, "age": list(ages)}
    rows = []
    for number, cell in enumerate(cells(axes, people, seed)):
        person = _person(seed, number)
        for view in coding(VIEW).order:
            facts = SigFacts(cell["race"], cell["gender"], cell["age"], view, person)
            rows.append(_row(facts, seed_of("sig", seed, number)))
    return rows


def _row(facts: SigFacts, seed: int) -> GridRow:
    words = {"race": sig_words("race")[facts.race], "view": sig_words("view")[facts.view]}
    prompt = PROMPT.format(age=facts.age, gender=NOUNS[facts.gender], **words)
    return GridRow(prompt, labels=_promised(facts), facts=dict(vars(facts)), seed=seed, name=facts.name)


def _promised(facts: SigFacts) -> dict[str, str]:
    """What can be checked: gender, age bin, and race where SIG's word maps onto one of FairFace's four."""
    promised = {labels.GENDER.name: facts.gender, labels.AGE_GROUP.name: bins("age-fairface").label(float(facts.age))}
    race = mapping("race-sig-4", "race-fairface-4").map_label(facts.race)
    return promised | ({labels.RACE4.name: race} if race else {})


def _person(seed: int, number: int) -> str:
    """Six characters of 0-9a-z, different for every number below 36**6."""
    code = (number * 1_000_003 + seed_of("person", seed)) % 36**6
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    for _ in range(6):
        code, digit = divmod(code, 36)
        text += digits[digit]
    return text[::-1]
