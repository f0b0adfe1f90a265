"""What a generator says about its picture, in a form that other annotators can check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from schemas import Column, column

SAME_PERSON = 0.40
"""Cosine of SFace from which two faces pass for one person; the project's default threshold."""


class Identity(StrEnum):
    """Whose face the picture shows."""

    KEPT = "kept"
    """The subject's."""
    PARTNER = "partner"
    """The second face's."""
    NEW = "new"
    """Nobody's in the dataset."""
    HIDDEN = "hidden"
    """Nobody can tell: not the subject's, and perhaps no face at all."""
    OPEN = "open"
    """Nothing is promised."""


class Move(StrEnum):
    """What happens to a value."""

    UP = "up"
    DOWN = "down"
    BECOMES = "becomes"
    STAYS = "stays"


@dataclass(frozen=True)
class Change:
    """A change of one value that the picture should show.

    Attributes:
        column: The value's column.
        move: What happens to it.
        field: Field of a struct column, such as `AU12`; empty for a plain column.
        label: What it becomes, for `BECOMES`.
        by: Least difference for `UP` and `DOWN`, greatest for `STAYS` of numbers, in the column's unit.
    """

    column: Column
    move: Move
    field: str = ""
    label: str | bool | None = None
    by: float = 0.0

    @property
    def name(self) -> str:
        """Name of the value, such as `au_score.AU12`."""
        return f"{self.column.name}.{self.field}" if self.field else self.column.name

    def held(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool | None:
        """Whether a verifier's labels before and after show the change; None where it cannot tell.

        Args:
            before: The subject's labels by column name.
            after: The picture's, by the same verifier.
        """
        new = _value(after, self)
        if new is None:
            return None
        if self.move is Move.BECOMES:
            return bool(new == self.label)
        old = _value(before, self)
        if old is None:
            return None
        if isinstance(new, str | bool) or isinstance(old, str | bool):
            return bool(new == old) if self.move is Move.STAYS else None
        rise = float(new) - float(old)
        if self.move is Move.STAYS:
            return abs(rise) <= self.by
        return rise >= self.by and rise > 0 if self.move is Move.UP else rise <= -self.by and rise < 0

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the lineage."""
        return {"column": self.column.name, "move": self.move.value, "field": self.field, "label": self.label,
                "by": self.by}  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Change:
        """Read what `as_dict` gave."""
        return cls(column(data["column"]), Move(data["move"]), data["field"], data["label"], data["by"])


@dataclass(frozen=True)
class Promise:
    """All that a picture promises.

    Attributes:
        identity: Whose face it shows.
        changes: Values that change, or that are worth checking because they must not.
        keeps: Columns whose labels the picture may inherit from its subject, since it cannot have changed them.
    """

    identity: Identity = Identity.KEPT
    changes: tuple[Change, ...] = ()
    keeps: tuple[Column, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the lineage."""
        return {
            "identity": self.identity.value,
            "changes": [c.as_dict() for c in self.changes],
            "keeps": [c.name for c in self.keeps],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Promise:
        """Read what `as_dict` gave."""
        changes = tuple(Change.from_dict(c) for c in data["changes"])
        return cls(Identity(data["identity"]), changes, tuple(column(n) for n in data["keeps"]))


def same_person(a: Iterable[float] | None, b: Iterable[float] | None) -> float | None:
    """Cosine of two identity embeddings, or None where either is missing."""
    if a is None or b is None:
        return None
    first, second = (np.asarray(list(v), np.float64) for v in (a, b))
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / size if size else None


def _value(labels: Mapping[str, Any], change: Change) -> Any:
    value = labels.get(change.column.name)
    return value.get(change.field) if change.field and isinstance(value, Mapping) else value
