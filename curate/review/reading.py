"""An annotation as faces again; nothing in it is trusted.

What nobody moved or changed comes back to the bit, because answers are compared with what was shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.review.controls import RefusedError
from curate.review.spec import BOX, COMMENT, Spec, point_names
from curate.review.task import SHOWN_DIGITS, Box, Seen, results, shown_points
from schemas import Column

MOST_RESULTS = 100_000
"""Results of one annotation; more are refused."""
MOST_COMMENT = 20_000
PLACE = ("x", "y", "width", "height")
REACH = 0.5
"""A point that hangs on no box belongs to one that it lies in, or this share of its size beside it."""

Payload = Mapping[str, Any]
Dot = tuple[str, int]
Spot = tuple[float, float]


@dataclass(frozen=True)
class Refusal:
    """Something in an annotation that cannot become a value.

    Attributes:
        region: Its id, cut to a readable length.
        what: The tag, or what it is.
        why: In words.
    """

    region: str
    what: str
    why: str


@dataclass(frozen=True)
class Word:
    """What one annotation says.

    Attributes:
        faces: Faces that are there, known ones first in their order, then those that were drawn.
        drawn: Ids of those that were drawn.
        deleted: Known faces whose box is gone.
        changed: Face id -> columns whose value differs from what was shown, `face_box` for a box that was moved.
        comments: On the picture.
        refused: What could not be taken.
    """

    faces: tuple[Seen, ...]
    drawn: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    comments: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()


@dataclass
class _Heap:
    """An annotation's results, sorted by what they are."""

    boxes: dict[str, Box] = field(default_factory=dict)
    answers: dict[str, dict[str, Payload]] = field(default_factory=dict)
    dots: dict[str, dict[Dot, Spot]] = field(default_factory=dict)
    strays: list[tuple[str, Dot, Spot]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


class Reading:
    """Reads annotations of one task.

    Args:
        spec: What was asked for.
        shown: The faces as they were shown.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        blind: The faces were not shown: what a reviewer drew stands for itself.
    """

    def __init__(self, spec: Spec, shown: Sequence[Seen], width: int, height: int, blind: bool = False) -> None:
        self._spec, self._size = spec, (width, height)
        self._shown = {} if blind else {face.face_id: face for face in shown}
        self._asked = {name for c in spec.controls for name in c.names}
        self._points = {c.name: c for c in spec.points}
        sent = (r for face in self._shown.values() for r in results(spec, face, width, height, SHOWN_DIGITS))
        self._sent: dict[tuple[str, str], Payload] = {(r["id"], r["from_name"]): r["value"] for r in sent}

    def word(self, given: Any) -> Word:
        """What an annotation's `result` says."""
        if not isinstance(given, list) or len(given) > MOST_RESULTS:
            return Word((), refused=(Refusal("", "result", "it is not a list of results"),))
        heap = _Heap()
        for result in given:
            try:
                self._sort(result, heap)
            except RefusedError as error:
                heap.refused.append(_refusal(result, str(error)))
        self._adopt(heap)
        changed: dict[str, tuple[str, ...]] = {}
        found = [self._face(i, heap, changed) for i in heap.boxes]
        order = {face_id: n for n, face_id in enumerate(self._shown)}
        found.sort(key=lambda f: order.get(f.face_id, len(order)))
        lost = sorted((heap.answers.keys() | heap.dots.keys()) - heap.boxes.keys())
        deleted = tuple(i for i in self._shown if i not in heap.boxes)
        heap.refused += [Refusal(_short(i), "answers", "their box is not there") for i in lost if i not in deleted]
        drawn = tuple(f.face_id for f in found if f.face_id not in self._shown)
        return Word(tuple(found), drawn, deleted, changed, tuple(heap.comments), tuple(heap.refused))

    def _sort(self, result: Any, heap: _Heap) -> None:
        """Put a result where it belongs.

        Raises:
            RefusedError: if it belongs nowhere.
        """
        region, name, value = _parts(result)
        if name == BOX:
            heap.boxes[region] = self._box(region, value)
        elif name == COMMENT:
            heap.comments += _comments(value)
        elif name in self._asked:
            heap.answers.setdefault(region, {})[name] = value
        elif name in self._points:
            place = self._place(name, value)
            spot = self._spot(region, name, value)
            parent = self._parent(region, result)
            if not parent:
                heap.strays.append((region, place, spot))
            elif place in heap.dots.setdefault(parent, {}):
                raise RefusedError("the same point twice")
            else:
                heap.dots[parent][place] = spot
        else:
            raise RefusedError("no such question in this project")

    def _box(self, region: str, value: Payload) -> Box:
        x, y, w, h = _numbers(value, PLACE)
        if value.get("rotation"):
            raise RefusedError("a turned box")
        sent = self._sent.get((region, BOX))
        if sent is not None and all(sent[k] == v for k, v in zip(PLACE, (x, y, w, h), strict=True)):
            return self._shown[region].box
        width, height = self._size
        near = all(-100 <= v <= 100 for v in (x, y))
        if not (near and 0 < w <= 200 and 0 < h <= 200):
            raise RefusedError("a box without area or far outside of the picture")
        return x * width / 100, y * height / 100, w * width / 100, h * height / 100

    def _place(self, name: str, value: Payload) -> Dot:
        named = value.get("keypointlabels")
        names = point_names(self._points[name])
        if not isinstance(named, list) or len(named) != 1 or named[0] not in names:
            raise RefusedError("not one of the points that were asked for")
        return name, names.index(named[0])

    def _parent(self, region: str, result: Payload) -> str:
        """The face that a point hangs on: by its parent, or by the id it was sent with; empty if by neither."""
        parent = result.get("parentID")
        if isinstance(parent, str) and parent:
            return parent
        face_id = region.partition(":")[0]
        return face_id if face_id in self._shown else ""

    def _spot(self, region: str, name: str, value: Payload) -> Spot:
        x, y = _numbers(value, ("x", "y"))
        sent = self._sent.get((region, name))
        if sent is not None and (sent["x"], sent["y"]) == (x, y):
            face_id, _, number = region.split(":")
            original = self._shown[face_id].values[name][int(number)]
            return float(original[0]), float(original[1])
        if not (-50 <= x <= 150 and -50 <= y <= 150):
            raise RefusedError("a point far outside of the picture")
        return x * self._size[0] / 100, y * self._size[1] / 100

    def _adopt(self, heap: _Heap) -> None:
        """Hang points that were drawn on the one box that lacks them and that they lie in or near."""
        for region, place, spot in heap.strays:
            lacking = [i for i, box in heap.boxes.items() if place not in heap.dots.get(i, {}) and _near(box, spot)]
            if len(lacking) == 1:
                heap.dots.setdefault(lacking[0], {})[place] = spot
            else:
                heap.refused.append(Refusal(_short(region), place[0], "a point that belongs to no single box"))

    def _face(self, face_id: str, heap: _Heap, changed: dict[str, tuple[str, ...]]) -> Seen:
        shown, box = self._shown.get(face_id), heap.boxes[face_id]
        values: dict[str, Any] = {}
        differs = [BOX] if shown is not None and box != shown.box else []
        answers = heap.answers.get(face_id, {})
        for asked in self._spec.controls:
            name = asked.column.name
            given = {n: answers[n] for n in asked.names if n in answers}
            sent = {n: self._sent[face_id, n] for n in asked.names if (face_id, n) in self._sent}
            if shown is not None and _same(given, sent):
                values |= {name: shown.values[name]} if shown.values.get(name) is not None else {}
                continue
            try:
                value = asked.value(given)
            except RefusedError as error:
                heap.refused.append(Refusal(_short(face_id), name, str(error)))
                continue
            differs.append(name)
            values |= {} if value is None else {name: value}
        for column in self._spec.points:
            points, moved = self._move(column, shown, heap.dots.get(face_id, {}))
            values |= {} if points is None else {column.name: points}
            differs += [column.name] if moved else []
        if shown is not None and differs:
            changed[face_id] = tuple(differs)
        return Seen(face_id, box, values)

    def _move(
        self, column: Column, shown: Seen | None, dots: Mapping[Dot, Spot]
    ) -> tuple[NDArray[np.float64] | None, bool]:
        """Points of a face and whether they differ; what the page could not show stays, what was deleted is NaN."""
        before = shown.values.get(column.name) if shown is not None else None
        points = np.full(column.shape, np.nan)
        if before is not None:
            hidden = ~shown_points(before, *self._size)
            points[hidden] = before[hidden]
        for (name, number), spot in dots.items():
            if name == column.name:
                points[number] = spot
        none = bool(np.isnan(points).all())
        same = none if before is None else bool(np.array_equal(points, before, equal_nan=True))
        return None if none else points, not same


def _same(given: Mapping[str, Payload], sent: Mapping[str, Payload]) -> bool:
    """Whether answers are those that were shown; where the box lies does not matter."""
    return {n: _own(v) for n, v in given.items()} == {n: _own(v) for n, v in sent.items()}


def _own(value: Payload) -> dict[str, Any]:
    return {k: v for k, v in value.items() if k not in (*PLACE, "rotation")}


def _near(box: Box, spot: Spot) -> bool:
    x, y, w, h = box
    return -REACH * w <= spot[0] - x <= (1 + REACH) * w and -REACH * h <= spot[1] - y <= (1 + REACH) * h


def _parts(result: Any) -> tuple[str, str, Payload]:
    if not isinstance(result, dict):
        raise RefusedError("not a result")
    region, name, value = result.get("id"), result.get("from_name"), result.get("value")
    if not isinstance(region, str) or not isinstance(name, str) or not isinstance(value, dict):
        raise RefusedError("a result without id, name and value")
    return region, name, value


def _comments(value: Payload) -> list[str]:
    given = value.get("text")
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list) or not all(isinstance(t, str) and len(t) <= MOST_COMMENT for t in given):
        raise RefusedError("a comment that is no text, or is too long")
    return given


def _numbers(value: Payload, keys: Sequence[str]) -> tuple[float, ...]:
    given = [value.get(k) for k in keys]
    if any(isinstance(v, bool) or not isinstance(v, int | float) or not math.isfinite(v) for v in given):
        raise RefusedError("coordinates that are not numbers")
    return tuple(float(v) for v in given)  # type: ignore[arg-type]


def _refusal(result: Any, why: str) -> Refusal:
    told = result if isinstance(result, dict) else {}
    return Refusal(_short(told.get("id")), _short(told.get("from_name")), why)


def _short(text: Any) -> str:
    shown = "" if text is None else str(text)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
