"""Classes of detection formats: one, `face`, or the labels of a column in the order of their taxonomy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from annotators.base import Config
from curate.export.sample import FaceItem
from schemas import Kind, UsageError, column, taxonomy

FACE, UNKNOWN = "face", "unknown"


@dataclass(frozen=True)
class ClassConfig(Config):
    """What the classes are.

    Attributes:
        classes: A column of labels whose taxonomy gives the classes, in its order, with `unknown` last for faces
            without one; empty makes one class, `face`.
    """

    classes: str = ""


def check_classes(name: str) -> None:
    """Refuse a column of classes that has no fixed set of labels.

    Raises:
        UnknownNameError: if there is no such column.
        UsageError: if it is no label of a fixed set.
    """
    if name and (column(name).kind is not Kind.LABEL or not column(name).taxonomy):
        raise UsageError(f"{name} cannot be the classes", "it is not a label of a fixed set")


def class_names(name: str) -> tuple[str, ...]:
    """Classes in the order of their numbers, by the column of classes."""
    return (*taxonomy(column(name).taxonomy).labels, UNKNOWN) if name else (FACE,)


def class_of(face: FaceItem, name: str) -> str:
    """Class of a face."""
    return str(face.labels.get(name) or UNKNOWN) if name else FACE


def class_labels(found: str, name: str) -> dict[str, Any]:
    """The label behind a class, by the column's name; nothing where there is but one class."""
    return {name: None if found == UNKNOWN else found} if name else {}
