"""Finds the detected face that each record of a source speaks of; what finds none is counted or becomes a face."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.boxes import iou
from annotators.points import convert
from curate.importers.base import Record
from curate.store import Dataset
from schemas import ImageStatus, TaxonomyError
from schemas.columns import faces, images

LEAST_IOU = 0.3
"""Datasets draw boxes from tight to loose around the head; best overlaps are taken first, so a low limit is safe."""
NEAREST = 0.5
"""Mean distance of five points, in distances from the eyes to the mouth, up to which they are one face's."""

Values = dict[str, Any]
Place = tuple[str, int | None]
Geometry = tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]
"""Box (4,) and five points (5, 2) in pixels; None where a record has none."""


@dataclass
class Aligned:
    """What became of every record.

    Attributes:
        labels: Face id -> its values.
        added: Face id -> row of the faces table, for faces that the detector missed.
        outcomes: What happened -> number of records.
    """

    labels: dict[str, Values] = field(default_factory=dict)
    added: dict[str, Values] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Face:
    face_id: str
    box: NDArray[np.float64]
    points: NDArray[np.float64] | None


def align(ds: Dataset, records: Iterable[Record], own_part: str, crops: bool) -> Aligned:
    """Give every record's labels to a face.

    Points are compared where a record has them, else boxes, the best first and each at most once. A record
    without either speaks of the only face, or of the largest where the pictures are crops.

    Args:
        ds: A dataset whose faces are detected.
        records: What the source says.
        own_part: Part of the faces table that an earlier, unfinished import wrote; it is not looked at.
        crops: Whether each picture is cut around the face that its labels speak of.
    """
    places = _pictures(ds)
    detected, next_number = _detected(ds, own_part)
    by_image: dict[str, list[Record]] = defaultdict(list)
    done = Aligned()
    sizes: dict[str, tuple[float, float]] = {}
    for record in records:
        image, status, size = places.get((str(record.path), record.member), (None, "missing", (0.0, 0.0)))
        if not record.face:
            done.outcomes["pictures without a face in the source"] += 1
        elif image is None or status not in (ImageStatus.OK.value, ImageStatus.DUPLICATE.value):
            done.outcomes[f"the picture could not be used: {status}"] += 1
        else:
            by_image[image].append(record)
            sizes[image] = size if status == ImageStatus.OK.value else sizes.get(image, size)
    for image, told in by_image.items():
        numbers = itertools.count(next_number.get(image, 0))
        pixels = [_geometry(record, sizes[image]) for record in told]
        _one_picture(done, image, told, pixels, detected.get(image, []), numbers, crops)
    return done


def _pictures(ds: Dataset) -> dict[Place, tuple[str | None, str, tuple[float, float]]]:
    wanted = (images.URI, images.MEMBER, images.IMAGE_ID, images.STATUS, images.REASON, images.WIDTH, images.HEIGHT)
    table = ds.images(wanted)
    columns = [table.column(c.name).to_pylist() for c in wanted]
    found: dict[Place, tuple[str | None, str, tuple[float, float]]] = {}
    usable = (ImageStatus.OK.value, ImageStatus.DUPLICATE.value)
    for uri, member, image, status, reason, width, height in zip(*columns, strict=True):
        told = status if status in usable else reason or status
        found[uri, member] = (image, told, (float(width or 0), float(height or 0)))
    return found


def _detected(ds: Dataset, own_part: str) -> tuple[dict[str, list[_Face]], dict[str, int]]:
    by_image: dict[str, list[_Face]] = defaultdict(list)
    numbers: dict[str, int] = {}
    columns = (faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, faces.POINTS_5)
    for key in ds.keys("faces"):
        if key == own_part:
            continue
        table = ds.read("faces", key, columns)
        for face, image, *box, points in zip(*(table.column(c.name).to_pylist() for c in columns), strict=True):
            five = None if points is None else np.array(points, np.float64).reshape(5, 2)
            by_image[image].append(_Face(face, np.array(box, np.float64), five))
            numbers[image] = max(numbers.get(image, 0), int(face.rpartition(".")[2]) + 1)
    return by_image, numbers


def _geometry(record: Record, size: tuple[float, float]) -> Geometry:
    """Box (4,) and five points (5, 2) of a record in pixels; None where it has none or its layout gives none."""
    scale = np.array(size if record.relative else (1.0, 1.0))
    five = None
    box = None if record.box is None else np.array(record.box, np.float64) * np.tile(scale, 2)
    if record.points is not None:
        points = np.asarray(record.points, np.float64) * scale
        if record.layout == "points-5":
            five = points
        else:
            try:
                five = np.asarray(convert(points, record.layout, "points-5"), np.float64)
            except TaxonomyError:
                five = None
        if box is None and len(points) > 5:
            box = np.concatenate([points.min(0), np.ptp(points, axis=0)])
    if box is not None and not (box[2:] > 0).all():
        box = None
    return box, five


def _one_picture(
    done: Aligned, image: str, told: Sequence[Record],
    geometry: Sequence[Geometry],
    found: Sequence[_Face], numbers: Iterator[int], crops: bool,
) -> None:  # fmt: skip
    taken: set[int] = set()
    for row, face in _pairs(geometry, found):
        taken.add(row)
        _take(done, found[face].face_id, told[row], "matched by points or box")
    for row, (record, (box, five)) in enumerate(zip(told, geometry, strict=True)):
        if row in taken:
            continue
        if box is not None:
            face_id = f"{image}.{next(numbers)}"
            done.added[face_id] = _row(face_id, image, box, five)
            done.labels[face_id] = dict(record.labels)
            done.outcomes["the detector missed the face; it was added from the source"] += 1
        elif five is not None and not (crops and len(found) == 1):
            done.outcomes["no face was found at the source's points"] += 1
        else:
            _without_place(done, record, found, crops)


def _without_place(done: Aligned, record: Record, found: Sequence[_Face], crops: bool) -> None:
    if not found:
        done.outcomes["no face was found, and the source does not say where it is"] += 1
    elif len(found) == 1:
        _take(done, found[0].face_id, record, "the only face of its picture")
    elif crops:
        largest = max(found, key=lambda f: float(np.prod(f.box[2:])))
        _take(done, largest.face_id, record, "the largest face of a crop with several")
    else:
        done.outcomes["several faces, and the source does not say which"] += 1


def _take(done: Aligned, face: str, record: Record, how: str) -> None:
    held = done.labels.get(face)
    if held is None:
        done.labels[face] = dict(record.labels)
        done.outcomes[how] += 1
        return
    if any(name in held and held[name] != value for name, value in record.labels.items()):
        done.outcomes["contradicts an earlier record of the same face"] += 1
        return
    held.update(record.labels)
    done.outcomes["another record of a matched face, merged"] += 1


def _pairs(geometry: Sequence[Geometry], found: Sequence[_Face]) -> list[tuple[int, int]]:
    """(record, face), the best fit first, each at most once."""
    fit = np.full((len(geometry), len(found)), -1.0)
    for row, (box, five) in enumerate(geometry):
        for column, face in enumerate(found):
            if five is not None and face.points is not None:
                near = _distance(five, face.points)
                fit[row, column] = 1 - near if near <= NEAREST else -1
            elif box is not None:
                overlap = float(iou(box[None], face.box[None])[0, 0])
                fit[row, column] = overlap if overlap >= LEAST_IOU else -1
    pairs: list[tuple[int, int]] = []
    while fit.size and fit.max() >= 0:
        row, column = (int(i) for i in np.unravel_index(np.argmax(fit), fit.shape))
        pairs.append((row, column))
        fit[row, :] = fit[:, column] = -1
    return pairs


def _distance(true: NDArray[np.float64], seen: NDArray[np.float64]) -> float:
    """Mean distance of five points in distances from the middle of the eyes to the middle of the mouth."""
    unit = float(np.linalg.norm(true[:2].mean(0) - true[3:].mean(0)))
    return float(np.linalg.norm(true - seen, axis=1).mean()) / max(unit, 1e-6)


def _row(face: str, image: str, box: NDArray[np.float64], five: NDArray[np.float64] | None) -> Values:
    values: Mapping[str, Any] = {
        faces.FACE_ID.name: face, faces.IMAGE_ID.name: image, faces.ORIGIN.name: "human",
        faces.POINTS_5.name: None if five is None else five.ravel().tolist(),
        **{column.name: float(v) for column, v in zip(faces.BOX, box, strict=True)},
    }  # fmt: skip
    return dict.fromkeys(faces.FACES) | dict(values)
