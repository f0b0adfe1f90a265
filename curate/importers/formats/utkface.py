"""UTKFace: the labels are the file's name, age_gender_race_time.jpg."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from curate.importers.base import Found, Importer, Record, carried, pictures_below
from schemas import TaxonomyError
from schemas.bins import bins
from schemas.coding import coding
from schemas.columns import labels

NAME = re.compile(r"(\d{1,3})_(\d)_(\d)_[^_]+$")
GENDER, RACE, AGE = coding("utkface-gender"), coding("utkface-race"), bins("age-fairface")


class UtkFace(Importer):
    """Age in years, gender and five groups; the groups Asian and Others have no place among FairFace's seven."""

    name = "utkface"
    doc = "UTKFace's file names [age]_[gender]_[race]_[time].jpg."
    files = "pictures in the folder or below it, named such as 25_0_2_20170116174525125.jpg"
    licence = "non-commercial research only, see the terms of UTKFace"
    labelled_by = "UTKFace: a model's estimates, checked by people"

    def read(self, folder: Path, found: Found) -> None:
        """Every picture whose name has the four fields; the others are counted."""
        for path in pictures_below(folder):
            name = NAME.match(path.stem)
            try:
                values = _labels(int(name[1]), int(name[2]), int(name[3]), found) if name else None
            except TaxonomyError:
                values = None
            if values is None:
                found.left_out["the file's name is not age_gender_race_time"] += 1
            else:
                found.records.append(Record(path, values))


def _labels(age: int, gender: int, race: int, found: Found) -> dict[str, Any]:
    values: dict[str, Any] = {labels.AGE_GROUP.name: AGE.label(age), labels.GENDER.name: GENDER.decode(gender)}
    values[labels.AGE.name] = float(age)
    group = RACE.decode(race)
    carried(values, labels.RACE, group, RACE.taxonomy_name, found)
    carried(values, labels.RACE4, group, RACE.taxonomy_name, found)
    return values
