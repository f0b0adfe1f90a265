"""All faces of a dataset as an audit sees them: columns of small integers and floats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.audit.columns import ACTION_UNITS, REGIONS, Wanted
from schemas import REGISTRY, Kind, taxonomy
from schemas.columns import faces, labels

UNKNOWN = -1
YES_NO = ("no", "yes")
PRESENT = {labels.AU_SCORE.name: 0.5, labels.AU_INTENSITY.name: 2.0}
"""From which value a unit counts as present: the decision point of scores, DISFA's convention for intensities."""

ANSWERED, ABSTAINED, NOT_APPLICABLE, FAILED, ABSENT = range(5)
"""What became of one face in one column."""

Codes = NDArray[np.int32]
Floats = NDArray[np.float32]
States = NDArray[np.int8]


@dataclass(frozen=True)
class Coded:
    """A column of labels as numbers.

    Attributes:
        labels: The labels.
        codes: Place in `labels` of each face, -1 where there is none, (n,).
        closed: The labels are a taxonomy's (or yes and no): those that do not occur count as groups without faces.
    """

    labels: tuple[str, ...]
    codes: Codes
    closed: bool


@dataclass
class Faces:
    """All faces of a dataset, as an audit sees them.

    Attributes:
        n: Faces.
        pictures: Pictures with a face.
        coded: Label and flag columns, groups of open vocabulary included.
        numbers: Number columns, NaN where there is no value, (n,).
        units: Action unit -> 1 present, 0 absent, -1 unknown, (n,); only units of which something is known.
        regions: Region -> visibility.
        states: Label column -> what became of each face, (n,).
        ids: Identity, duplicate group and picture of each face as codes, -1 where there is none.
        kept: Condition -> 1 meets it, 0 does not, -1 undecided, (n,).
        speakers: Column of groups -> layer -> faces it speaks for.
    """

    n: int = 0
    pictures: int = 0
    coded: dict[str, Coded] = field(default_factory=dict)
    numbers: dict[str, Floats] = field(default_factory=dict)
    units: dict[str, States] = field(default_factory=dict)
    regions: dict[str, Floats] = field(default_factory=dict)
    states: dict[str, States] = field(default_factory=dict)
    ids: dict[str, Codes] = field(default_factory=dict)
    kept: dict[str, States] = field(default_factory=dict)
    speakers: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def clusters(self) -> tuple[str, Codes] | None:
        """What makes faces alike: their `people`, else their `photos`, with a code for each; None if nothing does."""
        people, photos = self.ids.get(labels.IDENTITY_ID.name), self.ids.get(faces.IMAGE_ID.name)
        if people is not None and (people >= 0).any():
            alone = people < 0
            codes = np.where(alone, int(people.max()) + np.cumsum(alone), people).astype(np.int32)
            return "people", codes
        return None if photos is None or self.pictures == self.n else ("photos", photos)


def keep(found: Faces, kind: str, name: str, values: NDArray[Any], opened: Mapping[str, Mapping[str, int]]) -> None:
    """Put a column where it belongs."""
    if kind == "number":
        found.numbers[name] = values
    elif kind == "flag":
        found.coded[name] = Coded(YES_NO, values.astype(np.int32), True)
    elif kind == "label":
        found.coded[name] = Coded(known_labels(name), values.astype(np.int32), True)
    elif kind == "open":
        found.coded[name] = Coded(tuple(opened[name]), values, False)
    elif kind == "state":
        found.states[name] = values
        _silence(found, name, values)
    elif kind == "picture":
        found.ids[name] = values
    elif kind == "kept":
        found.kept[name] = values
    elif kind in ACTION_UNITS:
        if (values >= 0).any():
            found.units[name] = values
    elif kind == REGIONS and np.isfinite(values).any():
        found.regions[name] = values


def _silence(found: Faces, name: str, states: States) -> None:
    """Withheld labels are no labels, even where an earlier layer's value shows through."""
    withheld = states == ABSTAINED
    if name in found.coded and withheld.any():
        found.coded[name].codes[withheld] = UNKNOWN
    if name in found.numbers and withheld.any():
        found.numbers[name][withheld] = np.nan


def completed(found: Faces, want: Wanted) -> Faces:
    """Columns that no shard gave, as columns without a value."""
    for name in (*want.by, *want.labels, *want.numbers, *want.conditions):
        if name in found.coded or name in found.numbers:
            continue
        column = REGISTRY.get(name)
        if column is not None and column.kind is Kind.NUMBER:
            found.numbers[name] = np.full(found.n, np.nan, np.float32)
        else:
            known = YES_NO if column is not None and column.kind is Kind.FLAG else known_labels(name)
            found.coded[name] = Coded(tuple(known), np.full(found.n, UNKNOWN, np.int32), bool(known))
    return found


def known_labels(name: str) -> tuple[str, ...]:
    """Labels of a column's taxonomy; none where it has no taxonomy."""
    column = REGISTRY.get(name)
    return taxonomy(column.taxonomy).labels if column is not None and column.taxonomy else ()
