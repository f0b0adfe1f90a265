"""Classes of detection formats: one, `face`, or the labels of a column in an order of one's choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from annotators.base import Config
from curate.export.codes import Codes
from curate.export.sample import FaceItem
from schemas import Column, Kind, UsageError, column, taxonomy
from schemas.coding import coding

FACE, UNKNOWN = "face", "unknown"


@dataclass(frozen=True)
class ClassConfig(Config):
    """What the classes are.

    Attributes:
        classes: A column of labels whose taxonomy gives the classes, in its order, with `unknown` last for faces
            without one; empty makes one class, `face`.
        order: A data set whose words and order the classes have, such as `raf-db` or `fer2013`, as declared among the
            codings; empty is the taxonomy's own.
    """

    classes: str = ""
    order: str = ""

    def check(self) -> None:
        """Refuse a column of classes without a fixed set of labels, and an order in which not all have a place.

        Raises:
            UnknownNameError: if there is no such column or coding.
            UsageError: if the classes cannot be had.
        """
        if self.order and not self.classes:
            raise UsageError(f"the order {self.order} without classes", fix="Add --set classes=perceived_emotion")
        if not self.classes:
            return
        if column(self.classes).kind is not Kind.LABEL or not column(self.classes).taxonomy:
            raise UsageError(f"{self.classes} cannot be the classes", "it is not a label of a fixed set")
        if self.order and coding(self.order) and not self._way.comes_back:
            raise UsageError(f"{self.classes} has no place in the order of {self.order}", self._way.loss)

    @property
    def columns(self) -> list[Column]:
        """The column of classes, if there is one."""
        return [column(self.classes)] if self.classes else []

    @property
    def names(self) -> tuple[str, ...]:
        """Classes in the order of their numbers."""
        if not self.classes:
            return (FACE,)
        if self.order:
            return (*(coding(self.order).spell(label) for label in coding(self.order).order), UNKNOWN)
        return (*taxonomy(column(self.classes).taxonomy).labels, UNKNOWN)

    def of(self, face: FaceItem) -> str:
        """Class of a face."""
        if not self.classes:
            return FACE
        label = face.labels.get(self.classes)
        return str((self._way.word(label) if self.order else label) or UNKNOWN)

    def labels(self, found: str) -> dict[str, Any]:
        """The label behind a class, by the column's name; nothing where there is but one class."""
        if not self.classes:
            return {}
        if found == UNKNOWN:
            return {self.classes: None}
        return {self.classes: self._way.from_word(found) if self.order else found}

    @property
    def _way(self) -> Codes:
        return Codes(column(self.classes), self.order)
