"""A step that writes preference pairs in which the preferred answer assumes nothing from looks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from annotators.base import Config
from curate.generate.candidates import pictures_with_minors
from curate.generate.choice import columns_for
from curate.generate.face_rows import FaceRows, Portraits
from curate.recipes.layer_steps import OwnStep, gathered, values
from curate.recipes.logic.preferences import Person, assumptions, left_over, parity_gap, preferences
from curate.recipes.made_pairs import save_picture
from curate.recipes.step import Done, Site
from curate.store.parts import replacing, write_json
from schemas import DatasetError, UnknownNameError, UsageError
from schemas.columns import faces, labels

PAIRS, PARITY, IMAGES = "preferences.jsonl", "parity.json", "images"
SIDE = 224
"""Side of a portrait in px, as vision towers take them."""
RACES = (labels.RACE4, labels.RACE)
NOT_TOLD, MAY_BE_MINOR = "gender, group or age not told", "may be a minor's"


@dataclass(frozen=True)
class PreferenceOptions(Config):
    """What is asked of whom.

    Attributes:
        race: Column that, with the perceived gender, makes the groups.
        per_person: Questions for each person.
        assume_adults: The user's word that faces of unknown age are adults'.
    """

    race: str = labels.RACE4.name
    per_person: int = 2
    assume_adults: bool = False


class Preferences(OwnStep):
    """JSON lines with `image`, `prompt`, `chosen`, `rejected`, face and group; groups get the same, slot by slot."""

    name = "preferences"
    doc = "DPO pairs: a neutral answer chosen, one that assumes from looks rejected; every group gets the same."
    options_type = PreferenceOptions
    options: PreferenceOptions

    def check(self, site: Site) -> None:
        """The column is one of race, and something is asked."""
        if self.options.race not in [c.name for c in RACES]:
            raise UnknownNameError("column of race", self.options.race, [c.name for c in RACES])
        if self.options.per_person < 1:
            raise UsageError(f"step {site.step}: {self.options.per_person} questions", "one or more are needed")

    def run(self, site: Site) -> Done:
        """Writes the pairs, and the parity of what the groups get.

        Raises:
            DatasetError: if a chosen answer assumes something, or the groups get different answers.
        """
        o = self.options
        race = next(c for c in RACES if c.name == o.race)
        found, chosen = gathered(site, [labels.GENDER, race, labels.AGE_GROUP])
        young = pc.is_in(found.pictures, value_set=pictures_with_minors(site.open(), o.assume_adults))
        adults = chosen & ~young.to_numpy(zero_copy_only=False)[found.image]
        traits = zip(values(found, labels.GENDER), values(found, race), values(found, labels.AGE_GROUP), strict=True)
        people = [
            Person(face, *told)
            for face, told, adult in zip(found.ids.to_pylist(), traits, adults, strict=True)
            if adult and all(told)
        ]
        rows = [pair.as_dict() for pair in preferences(people, o.per_person)]
        shown = portraits(site, dict.fromkeys(row[faces.FACE_ID.name] for row in rows))
        rows = [{"image": shown[row[faces.FACE_ID.name]], **row} for row in rows]
        facts = _facts(rows)
        with replacing(site.folder / PAIRS) as file:
            file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
        write_json(site.folder / PARITY, facts)
        dropped = {MAY_BE_MINOR: int((chosen & ~adults).sum()), NOT_TOLD: int(adults.sum()) - len(people)}
        dropped |= {f"more of {group} than of the smallest group": n for group, n in left_over(people).items() if n}
        notes = () if rows else ("no group of faces is large enough for a pair",)
        return Done(len(rows), "pairs", dropped, facts, (site.folder / PAIRS, site.folder / PARITY), notes)


def portraits(site: Site, people: Iterable[str]) -> dict[str, str]:
    """Write the portrait of each face; face -> its file below the step's folder.

    Raises:
        Unreadable: if a photograph cannot be read any more.
    """
    ds = site.open()
    known = FaceRows(ds, columns_for(ds, []))
    found, cut = {}, Portraits()
    for face in sorted(people, key=known.place):
        found[face] = f"{IMAGES}/{face}.png"
        save_picture(site.folder / found[face], cut.subject(known.row(face), SIDE).pixels)
    return found


def _facts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Parity of answers and questions between the groups.

    Raises:
        DatasetError: if a chosen answer assumes something, or the groups get different answers.
    """
    facts = {
        "groups": len({r["group"] for r in rows}), "slots": len({r["slot"] for r in rows}),
        "largest gap of an answer between groups": parity_gap(rows),
        "largest gap of a question between groups": parity_gap(rows, template="prompt"),
    }  # fmt: skip
    if bad := next((r for r in rows if assumptions(r["chosen"]) or not assumptions(r["rejected"])), None):
        raise DatasetError("a preference pair does not hold what it promises", f"{bad['chosen']} / {bad['rejected']}")
    if facts["largest gap of an answer between groups"] > 0:
        raise DatasetError("groups get different answers", str(facts))
    return facts
