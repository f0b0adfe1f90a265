"""How a column is asked for in Label Studio, and how an answer becomes a value again.

Every control lives in the region of a face (`perRegion`): its answers carry the id of the face's box.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from curate.scores import scores_beside
from schemas import REGISTRY, Column, Kind, UsageError, taxonomy

PICTURE = "image"
"""Name of the picture's tag, and its key in a task's data."""
CANNOT_TELL = "cannot tell"
YES, NO = "yes", "no"
INTENSITY = "__"
"""Between a column and a field in the names of tags for one field of a struct."""
TEXT_LIMIT = 20_000
"""Characters of an answer; longer ones are refused."""

Payload = Mapping[str, Any]


class RefusedError(ValueError):
    """An answer that is not one of its control's; the text says why."""


class Abstained:
    """The answer `cannot tell`."""


ABSTAINED = Abstained()


@dataclass(frozen=True)
class Answer:
    """One result of a control.

    Attributes:
        name: Of the tag (`from_name`).
        kind: Of the result (`type`).
        payload: The part of `value` that is its own.
    """

    name: str
    kind: str
    payload: Payload


@dataclass(frozen=True)
class Control(ABC):
    """Asks for one column.

    Attributes:
        column: The column.
    """

    column: Column

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its tags."""
        return (self.column.name,)

    @abstractmethod
    def elements(self) -> list[Element]:
        """Its part of the labelling configuration."""

    @abstractmethod
    def answers(self, value: Any) -> list[Answer]:
        """A value as results; nothing for null."""

    @abstractmethod
    def value(self, found: Mapping[str, Payload]) -> Any:
        """The value that results say, by the names of their tags; None where there are none.

        Returns:
            The value, `ABSTAINED`, or None if the question was not answered.

        Raises:
            RefusedError: if an answer is not one that was offered.
        """

    def _heading(self) -> Element:
        return Element("Header", value=title(self.column.name), size="5")

    def _tag(self, tag: str, name: str = "", **attributes: str) -> Element:
        return Element(tag, {"name": name or self.column.name, "toName": PICTURE, "perRegion": "true", **attributes})


@dataclass(frozen=True)
class Choice(Control):
    """One label of a taxonomy, or `cannot tell`."""

    def elements(self) -> list[Element]:
        """A row of buttons."""
        tag = self._tag("Choices", choice="single-radio", showInline="true", allownested="false")
        for label in (*taxonomy(self.column.taxonomy).labels, CANNOT_TELL):
            SubElement(tag, "Choice", value=label)
        return [self._heading(), tag]

    def answers(self, value: Any) -> list[Answer]:
        """One choice."""
        if value is None:
            return []
        label = CANNOT_TELL if value is ABSTAINED else value
        return [Answer(self.column.name, "choices", {"choices": [label]})]

    def value(self, found: Mapping[str, Payload]) -> Any:
        """The label, `ABSTAINED` or None."""
        chosen = _texts(found.get(self.column.name), "choices")
        if not chosen:
            return None
        label = _single(chosen)
        if label == CANNOT_TELL:
            return ABSTAINED
        return _one_of(label, taxonomy(self.column.taxonomy).labels)


@dataclass(frozen=True)
class YesNo(Control):
    """A flag: yes, no, or no answer."""

    def elements(self) -> list[Element]:
        """Two buttons."""
        tag = self._tag("Choices", choice="single-radio", showInline="true")
        for label in (YES, NO):
            SubElement(tag, "Choice", value=label)
        return [self._heading(), tag]

    def answers(self, value: Any) -> list[Answer]:
        """One choice."""
        if value is None:
            return []
        return [Answer(self.column.name, "choices", {"choices": [YES if value else NO]})]

    def value(self, found: Mapping[str, Payload]) -> Any:
        """True, False or None."""
        chosen = _texts(found.get(self.column.name), "choices")
        return _one_of(_single(chosen), (YES, NO)) == YES if chosen else None


@dataclass(frozen=True)
class Tags(Control):
    """Several labels of a taxonomy; an empty answer is no answer."""

    def elements(self) -> list[Element]:
        """Boxes to tick."""
        tag = self._tag("Choices", choice="multiple", showInline="true")
        for label in taxonomy(self.column.taxonomy).labels:
            SubElement(tag, "Choice", value=label)
        return [self._heading(), tag]

    def answers(self, value: Any) -> list[Answer]:
        """All ticked labels as one result."""
        return [Answer(self.column.name, "choices", {"choices": list(value)})] if value else []

    def value(self, found: Mapping[str, Payload]) -> Any:
        """Labels in the order of the taxonomy."""
        labels = taxonomy(self.column.taxonomy).labels
        chosen = {_one_of(c, labels) for c in _texts(found.get(self.column.name), "choices")}
        return [x for x in labels if x in chosen] or None


@dataclass(frozen=True)
class Amount(Control):
    """A number within the column's range."""

    def elements(self) -> list[Element]:
        """A field for a number."""
        return [self._heading(), self._tag("Number", **_range(self.column))]

    def answers(self, value: Any) -> list[Answer]:
        """One number, as it is."""
        return [] if value is None else [Answer(self.column.name, "number", {"number": float(value)})]

    def value(self, found: Mapping[str, Payload]) -> Any:
        """The number."""
        return _number(found.get(self.column.name), self.column)


@dataclass(frozen=True)
class Intensities(Control):
    """A checklist of units with an intensity each: what is not ticked is absent (0).

    Attributes:
        fields: The units that are asked for; the others keep what they have.
    """

    fields: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The checklist and one number per unit."""
        return (self.column.name, *(f"{self.column.name}{INTENSITY}{f}" for f in self.fields))

    def elements(self) -> list[Element]:
        """The checklist; a unit's intensity shows once it is ticked."""
        tag = self._tag("Choices", choice="multiple", showInline="true")
        made = [self._heading(), tag]
        for unit in self.fields:
            SubElement(tag, "Choice", value=unit)
            name = f"{self.column.name}{INTENSITY}{unit}"
            shown = Element("View", visibleWhen="choice-selected", whenTagName=self.column.name, whenChoiceValue=unit)
            SubElement(shown, "Text", name=f"{name}{INTENSITY}title", value=f"{unit}, 1 (trace) to 5 (maximum)")
            shown.append(self._tag("Number", name, **_range(self.column)))
            made.append(shown)
        return made

    def answers(self, value: Any) -> list[Answer]:
        """Ticks for units above 0, and their intensities."""
        if value is None:
            return []
        present = {f: float(value[f]) for f in self.fields if (value.get(f) or 0) > 0}
        if not present:
            return []
        made = [Answer(self.column.name, "choices", {"choices": list(present)})]
        return made + [Answer(f"{self.column.name}{INTENSITY}{f}", "number", {"number": v}) for f, v in present.items()]

    def value(self, found: Mapping[str, Payload]) -> Any:
        """Unit -> intensity; 0 where it is not ticked, 1 where no intensity was given."""
        ticked = {_one_of(c, self.fields) for c in _texts(found.get(self.column.name), "choices")}
        return {f: self._intensity(f, found) if f in ticked else 0.0 for f in self.fields}

    def _intensity(self, unit: str, found: Mapping[str, Payload]) -> float:
        given = _number(found.get(f"{self.column.name}{INTENSITY}{unit}"), self.column)
        return 1.0 if given is None else given


@dataclass(frozen=True)
class Sliders(Control):
    """One rating per label of a taxonomy, each on a slider.

    Attributes:
        fields: The labels.
    """

    fields: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """One per label."""
        return tuple(f"{self.column.name}{INTENSITY}{f}" for f in self.fields)

    def elements(self) -> list[Element]:
        """A slider per label."""
        made = [self._heading()]
        for label, name in zip(self.fields, self.names, strict=True):
            made.append(Element("Text", name=f"{name}{INTENSITY}title", value=title(label)))
            made.append(self._tag("Number", name, slider="true", **_range(self.column)))
        return made

    def answers(self, value: Any) -> list[Answer]:
        """The ratings that are not null."""
        given = value or {}
        pairs = zip(self.fields, self.names, strict=True)
        return [Answer(n, "number", {"number": float(given[f])}) for f, n in pairs if given.get(f) is not None]

    def value(self, found: Mapping[str, Payload]) -> Any:
        """Label -> rating, null where none was given; None where none was given at all."""
        ratings = {f: _number(found.get(n), self.column) for f, n in zip(self.fields, self.names, strict=True)}
        return ratings if any(v is not None for v in ratings.values()) else None


@dataclass(frozen=True)
class Writing(Control):
    """A text, such as a caption."""

    def elements(self) -> list[Element]:
        """A text area."""
        return [self._heading(), self._tag("TextArea", rows="3", editable="true", maxSubmissions="1")]

    def answers(self, value: Any) -> list[Answer]:
        """The text."""
        return [] if value is None else [Answer(self.column.name, "textarea", {"text": [value]})]

    def value(self, found: Mapping[str, Payload]) -> Any:
        """The text; several entries are lines."""
        texts = _texts(found.get(self.column.name), "text")
        return "\n".join(texts) if texts else None


def control(column: Column, fields: Sequence[str] = ()) -> Control:
    """The control for a column.

    Args:
        column: Not a box or points: those are regions (see `curate.review.regions`).
        fields: Of a struct, only these.

    Raises:
        UsageError: if people cannot be asked for it.
    """
    if column.kind is Kind.SCORES:
        return _scores(column, tuple(fields) or tuple(f.name for f in column.type))
    simple: dict[Kind, type[Control]] = {Kind.FLAG: YesNo, Kind.NUMBER: Amount, Kind.TEXT: Writing}
    if column.taxonomy:
        simple |= {Kind.LABEL: Choice, Kind.LIST: Tags}
    if column.kind not in simple or fields:
        why = f"it is {column.kind.value}, without fields" if fields else f"nobody can say a {column.kind.value} by eye"
        raise UsageError(f"column '{column.name}' cannot be reviewed", why, "Choose labels, numbers, points or texts")
    return simple[column.kind](column)


def _scores(column: Column, fields: tuple[str, ...]) -> Control:
    known = {f.name for f in column.type}
    for name in fields:
        if name not in known:
            raise UsageError(f"'{name}' is not a field of {column.name}", f"it has {', '.join(sorted(known))}")
    beside = [c.name for c in REGISTRY.values() if scores_beside(c) is column]
    if beside:
        fix = f"Ask for {beside[0]} instead"
        raise UsageError(f"column '{column.name}' cannot be reviewed", "people do not say probabilities", fix)
    return Intensities(column, fields) if column.unit == "0-5" else Sliders(column, fields)


def title(name: str) -> str:
    """A name as a heading."""
    return name.replace("_", " ")


def _range(column: Column) -> dict[str, str]:
    ends = {"min": column.low, "max": column.high}
    return {k: f"{v:g}" for k, v in ends.items() if v is not None} | {"step": "any"}


def _texts(payload: Payload | None, key: str) -> list[str]:
    """The list of texts in a payload.

    Raises:
        RefusedError: if it is anything else.
    """
    given = [] if payload is None else payload.get(key, [])
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list) or not all(isinstance(x, str) for x in given):
        raise RefusedError(f"{key} must be texts")
    if sum(map(len, given)) > TEXT_LIMIT:
        raise RefusedError(f"more than {TEXT_LIMIT:,} characters")
    return given


def _single(chosen: Sequence[str]) -> str:
    if len(chosen) != 1:
        raise RefusedError(f"{len(chosen)} choices where one is asked for")
    return chosen[0]


def _one_of(label: str, known: Sequence[str]) -> str:
    if label not in known:
        raise RefusedError(f"'{label[:80]}' is not among the choices")
    return label


def _number(payload: Payload | None, column: Column) -> float | None:
    given = None if payload is None else payload.get("number")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise RefusedError("not a number")
    low, high = (-math.inf if column.low is None else column.low), (math.inf if column.high is None else column.high)
    if not low <= given <= high:
        raise RefusedError(f"{given:g} lies outside {low:g} to {high:g}")
    return float(given)


__all__ = ["ABSTAINED", "Answer", "Control", "RefusedError", "control"]
