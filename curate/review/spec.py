"""What reviewers are asked for: columns, and the labelling configuration that follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from curate.review.controls import PICTURE, Control, control, title
from schemas import REGISTRY, Column, Kind, UnknownNameError, UsageError
from schemas.columns import faces, labels
from schemas.landmarks import layout

BOX = "face_box"
"""Name of the tag of boxes."""
FACE = "face"
COMMENT = "comment"
BOX_COLOUR, POINT_COLOUR = "#2f7ed8", "#e8a33d"
HINT = "Select a face's box to answer its questions. What you see of a person is your impression, not a fact."
MOST_POINTS = 98
"""More points than this per face nobody can move by hand."""
FACE_POINTS = ("right eye", "left eye", "nose", "right mouth corner", "left mouth corner")
DEFAULT = (
    labels.PERCEIVED_EMOTION, labels.GENDER, labels.AGE_GROUP, labels.EYEWEAR, labels.REVIEW_FLAGS,
    labels.POINTS_68,
)  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """Columns that people are asked for.

    Attributes:
        columns: Label columns and columns of points, in the order of the page.
        fields: Column of structs -> the fields that are asked for; all if it is not named.
        comments: Ask for free comments on the picture.

    Raises:
        UsageError: if a column cannot be reviewed.
    """

    columns: tuple[Column, ...] = DEFAULT
    fields: Mapping[str, tuple[str, ...]] | None = None
    comments: bool = True

    def __post_init__(self) -> None:
        for column in self.points:
            if column.shape[0] > MOST_POINTS or column.shape[1] != 2:
                why = f"it has {column.shape[0]} points of {column.shape[1]} numbers"
                raise UsageError(f"column '{column.name}' cannot be reviewed", why, "Choose points_5 or landmarks_68")
        _ = self.controls

    def __hash__(self) -> int:
        return hash(self.columns)

    @cached_property
    def points(self) -> tuple[Column, ...]:
        """Columns of points."""
        return tuple(c for c in self.columns if c.kind is Kind.POINTS)

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """Controls of the other columns."""
        chosen = self.fields or {}
        return tuple(control(c, chosen.get(c.name, ())) for c in self.columns if c.kind is not Kind.POINTS)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        fields = {k: list(v) for k, v in (self.fields or {}).items()}
        return {"columns": [c.name for c in self.columns], "fields": fields, "comments": self.comments}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Spec:
        """Read what `as_dict` gave."""
        fields = {k: tuple(v) for k, v in data["fields"].items()}
        return cls(tuple(_column(n) for n in data["columns"]), fields, data["comments"])

    @classmethod
    def of(cls, names: Iterable[str], comments: bool = True) -> Spec:
        """From names as a user types them: `COLUMN` or `COLUMN.FIELD`, the latter once per field.

        Raises:
            UnknownNameError: for a column that is not declared.
            UsageError: for one that cannot be reviewed.
        """
        fields: dict[str, tuple[str, ...]] = {}
        columns: dict[str, Column] = {}
        for name in names:
            head, _, tail = name.partition(".")
            columns[head] = _column(head)
            if tail:
                fields[head] = (*fields.get(head, ()), tail)
        return cls(tuple(columns.values()), fields, comments)


def reviewable(column: Column) -> str:
    """Why people cannot be asked for a column; empty if they can."""
    try:
        Spec((column,))
    except UsageError as error:
        return error.why
    return ""


def _column(name: str) -> Column:
    if name not in REGISTRY:
        raise UnknownNameError("column", name, REGISTRY)
    return REGISTRY[name]


def config(spec: Spec) -> str:
    """The labelling configuration, XML.

    The picture stands on the left with the palettes of boxes and points under it; the questions on a face stand on
    the right and show once its box is selected; the points of a face hang on its box.
    """
    view = Element("View", style="display: flex; gap: 16px; align-items: flex-start")
    left = SubElement(view, "View", style="flex: 3 1 60%; min-width: 0")
    SubElement(left, "Image", name=PICTURE, value=f"${PICTURE}", zoom="true", zoomControl="true", rotateControl="false")
    box = SubElement(left, "RectangleLabels", name=BOX, toName=PICTURE, canRotate="false", strokeWidth="2")
    SubElement(box, "Label", value=FACE, background=BOX_COLOUR)
    for column in spec.points:
        folded = SubElement(SubElement(left, "Collapse"), "Panel", value=f"points: {title(column.name)}")
        folded.append(_points(column))
    right = SubElement(view, "View", style="flex: 2 1 320px; min-width: 260px; max-height: 80vh; overflow-y: auto")
    if spec.controls:
        SubElement(right, "Text", name="hint", value=HINT)
        side = SubElement(right, "View", visibleWhen="region-selected", whenTagName=BOX)
        for asked in spec.controls:
            side.extend(asked.elements())
    if spec.comments:
        SubElement(right, "Header", value="comments on the picture", size="5")
        SubElement(right, "TextArea", name=COMMENT, toName=PICTURE, rows="2", editable="true")
    indent(view)
    return tostring(view, encoding="unicode")


def _points(column: Column) -> Element:
    tag = Element("KeyPointLabels", name=column.name, toName=PICTURE, strokeWidth="2", opacity="0.9")
    for number, name in enumerate(point_names(column)):
        SubElement(tag, "Label", value=name, model_index=str(number), background=POINT_COLOUR)
    return tag


def point_names(column: Column) -> tuple[str, ...]:
    """A name for each point of a column: its number and its group."""
    if column == faces.POINTS_5:
        return FACE_POINTS
    groups = dict.fromkeys(range(column.shape[0]), "")
    for group, members in layout(column.taxonomy).groups.items():
        groups |= {i: group for i in members if not groups[i]}
    return tuple(f"{i} {group}".strip().replace("_", " ") for i, group in groups.items())
