"""From a label column to another tool's codes: through typed maps, and back where nothing merged."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from curate.export.sample import FaceItem
from schemas import Column
from schemas.coding import Coding, coding
from schemas.mapping import MapKind, mapping
from schemas.taxonomy import taxonomy


@dataclass(frozen=True)
class Codes:
    """The way of one column's labels into a coding.

    Attributes:
        column: The label column.
        coding_name: Of the coding, whose taxonomy is the last step.
        via: Taxonomies on the way; each step's map is written down in `schemas`.
    """

    column: Column
    coding_name: str
    via: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash((self.column.name, self.coding_name))

    @property
    def coding(self) -> Coding:
        """The coding."""
        return coding(self.coding_name)

    @cached_property
    def ways(self) -> dict[str, tuple[str | None, MapKind]]:
        """Label -> label of the coding's taxonomy or None, and the worst kind on the way."""
        order = list(MapKind)
        found: dict[str, tuple[str | None, MapKind]] = {
            label: (label, MapKind.EXACT) for label in taxonomy(self.column.taxonomy).labels
        }
        for source, target in itertools.pairwise((self.column.taxonomy, *self.via, self.coding.taxonomy_name)):
            if source == target:
                continue
            step = mapping(source, target)
            for label, (middle, kind) in found.items():
                goal, further = step.pairs[middle] if middle is not None else (None, MapKind.UNDEFINED)
                found[label] = goal, max(kind, further, key=order.index)
        return found

    @property
    def comes_back(self) -> bool:
        """Whether every label can be read again: all ways are exact."""
        return all(kind is MapKind.EXACT for _, kind in self.ways.values())

    @property
    def loss(self) -> str:
        """What does not come back, in words; empty if all does."""
        bent = [
            f"{label} becomes {goal} ({kind})" if goal is not None else f"{label} has no counterpart"
            for label, (goal, kind) in self.ways.items()
            if kind is not MapKind.EXACT
        ]
        return "; ".join(bent)

    def label(self, value: str | None) -> str | None:
        """Label of the coding's taxonomy; None for null and where there is none."""
        return None if value is None else self.ways[value][0]

    def code(self, value: str | None) -> int | str | None:
        """The tool's code."""
        goal = self.label(value)
        return None if goal is None else self.coding.encode(goal).value

    def word(self, value: str | None) -> str | None:
        """The tool's word."""
        goal = self.label(value)
        return None if goal is None else self.coding.spell(goal)

    def from_code(self, code: int | str) -> str | None:
        """The column's label behind a code; None where none stands for it."""
        return self._back.get(self.coding.decode(code))

    def from_word(self, word: str) -> str | None:
        """The column's label behind a word; None for an empty one."""
        return self._back.get(self.coding.read(word)) if word else None

    @cached_property
    def _back(self) -> dict[str, str]:
        return {goal: label for label, (goal, kind) in self.ways.items() if goal and kind is MapKind.EXACT}


def first_of(columns: Sequence[Column], ways: Sequence[Codes]) -> Codes | None:
    """The first way whose column is exported."""
    return next((way for way in ways if way.column in columns), None)


def code_of(face: FaceItem, ways: Sequence[Codes]) -> int | str | None:
    """A face's code by the first way whose column is exported; None if it is null or has no counterpart."""
    way = next((way for way in ways if way.column.name in face.labels), None)
    return None if way is None else way.code(face.labels[way.column.name])


def lost_on(columns: Sequence[Column], way: Codes | None, where: str) -> dict[str, str]:
    """For `drops`: the way's column, if not all of its labels come back."""
    if way is None or way.comes_back or way.column not in columns:
        return {}
    return {way.column.name: f"{where} has other labels: {way.loss}"}
