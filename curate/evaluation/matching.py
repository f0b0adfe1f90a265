"""Finds the face that each row of the truth speaks of; nothing is dropped without a count."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.boxes import iou
from curate.evaluation.roles import Roles
from curate.evaluation.truth import Truth
from curate.ingest.filesystem import clean
from curate.store import Dataset
from schemas import ImageStatus, UsageError
from schemas.columns import faces, images

ELSEWHERE = "file name alone, in another folder"
"""How a row was found whose path names a folder that the picture is not in."""


class Outcome(StrEnum):
    """What became of one row of the truth."""

    MATCHED = "matched"
    NOT_HERE = "not in the dataset"
    ALIKE = "several pictures go by this name"
    UNUSABLE = "picture could not be used"
    NO_FACE = "no face was found"
    SEVERAL = "several faces and no true box to tell them apart"
    MISSED = "no face was found at the true box"
    MERGED = "another row about a matched face, merged"
    CONFLICT = "contradicts another row about the same face"


@dataclass(frozen=True)
class Pictures:
    """The dataset's faces and pictures as the matching needs them.

    Attributes:
        face_ids: One per face, in the order of the view.
        of_image: image_id -> rows of its faces.
        boxes: (faces, 4) x, y, width, height.
        scores: (faces,) the detector's confidence; NaN if unknown.
        images: image_id -> status of the picture, for pictures whose bytes were read.
        names: Path, or name below the source's folder -> image_id, or None where several pictures go by it.
        near: Last folder and file name -> the same.
        tails: File name -> the same.
        stems: File name without its ending -> the same.
        members: Row of the container -> the same.
        unusable: Key of a picture that is not used -> reason.
    """

    face_ids: list[str]
    of_image: Mapping[str, list[int]]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    images: Mapping[str, str]
    names: Mapping[str, str | None]
    near: Mapping[str, str | None]
    tails: Mapping[str, str | None]
    stems: Mapping[str, str | None]
    members: Mapping[int, str | None]
    unusable: Mapping[str, str]

    @cached_property
    def face_rows(self) -> dict[str, int]:
        """face_id -> row."""
        return {name: row for row, name in enumerate(self.face_ids)}


@dataclass(frozen=True)
class Matches:
    """What became of every row of the truth.

    Attributes:
        face_rows: Faces that the truth speaks of, as rows of the dataset's view.
        outcomes: Outcome -> number of rows.
        reasons: Why pictures could not be used -> number of rows.
        by: How rows were found (`face_id`, `name`, `file name`, ...) -> number of rows.
        image_of: For every row of the truth the picture it was found to speak of, or None.
        truth: The truth with one row per face, in the order of `face_rows`.
    """

    truth: Truth
    face_rows: list[int]
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]
    by: Mapping[str, int]
    image_of: list[str | None] = field(repr=False)


def pictures(ds: Dataset, container: str = "") -> Pictures:
    """Read what matching needs.

    Args:
        ds: The dataset.
        container: A Parquet file of pictures; its rows can then be told by number.
    """
    table = ds.faces([faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, faces.SCORE])
    of_image: dict[str, list[int]] = defaultdict(list)
    for row, image in enumerate(table.column(faces.IMAGE_ID.name).to_pylist()):
        of_image[image].append(row)
    boxes = np.stack([_floats(table.column(c.name)) for c in faces.BOX], axis=1)
    found = _image_keys(ds, container)
    return Pictures(
        table.column(faces.FACE_ID.name).to_pylist(), of_image, boxes, _floats(table.column(faces.SCORE.name)), **found
    )


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(), np.float64)


def _image_keys(ds: Dataset, container: str) -> dict[str, Any]:
    wanted = (images.IMAGE_ID, images.URI, images.MEMBER, images.NAME, images.STATUS, images.REASON)
    table = ds.images(wanted)
    columns = [table.column(c.name).to_pylist() for c in wanted]
    names: dict[str, str | None] = {}
    near: dict[str, str | None] = {}
    tails: dict[str, str | None] = {}
    stems: dict[str, str | None] = {}
    members: dict[int, str | None] = {}
    state: dict[str, str] = {}
    unusable: dict[str, str] = {}
    same = clean(container) if container else None
    for image, uri, member, name, status, reason in zip(*columns, strict=True):
        usable = status in (ImageStatus.OK.value, ImageStatus.DUPLICATE.value) and image is not None
        key = image if usable else f"!{uri}!{member}"
        if usable:
            state[image] = status
        else:
            unusable[key] = reason or status
        _note(names, name, key)
        if member is None:
            _note(names, uri, key)
            _note(near, _near(uri), key)
            _note(tails, PurePosixPath(uri).name, key)
            _note(stems, PurePosixPath(uri).stem, key)
        else:
            _note(near, _near(name or ""), key)
            _note(tails, PurePosixPath(name or "").name, key)
            if uri == same:
                members[int(member)] = key
    return {
        "images": state, "names": names, "near": near, "tails": tails, "stems": stems, "members": members,
        "unusable": unusable,
    }  # fmt: skip


def _near(path: str) -> str:
    """The last folder and the file name of a path."""
    return "/".join(PurePosixPath(path).parts[-2:])


def _note(index: dict[str, str | None], key: str | None, image: str) -> None:
    if key:
        index[key] = image if index.get(key, image) == image else None


def match(truth: Truth, roles: Roles, ds: Dataset, least_iou: float = 0.5) -> tuple[Pictures, Matches]:
    """Find the face of every row of the truth.

    A row is found by face id, image id, path or file name, whichever the truth has. Where a picture holds
    several faces, true boxes are paired with detected ones best overlap first; without boxes such
    pictures are left out and counted.

    Raises:
        UsageError: if the truth has no key column, or no row of it speaks of this dataset.
    """
    here = pictures(ds, truth.source if roles.key is None else "")
    if roles.key is None and not here.members:
        listing = ", ".join(list(truth.columns)[:12])
        raise UsageError(
            f"the truth {truth.name} names no picture or face", f"its columns are: {listing}",
            "It needs file, path, image_id or face_id, or say which column it is: --truth-map COLUMN=file",
        )  # fmt: skip
    if roles.key == faces.FACE_ID.name:
        return here, _by_face(truth, roles, here)
    keys, by, lost = _image_of_rows(truth, roles, here)
    if all(k is None for k in keys):
        some = truth.columns[roles.key_column][0] if roles.key else "row 0"
        alike = f"; {lost[Outcome.ALIKE]:,} rows: {Outcome.ALIKE}" if Outcome.ALIKE in lost else ""
        raise UsageError(
            f"no row of the truth {truth.name} is in this dataset",
            f"the first key is '{some}'{alike}",
            "Keys are file names, paths below the source's folder, image ids or face ids",
        )  # fmt: skip
    return here, _by_image(truth, roles, here, keys, (by, lost), least_iou)


class _Book:
    """Collects what the truth says of each face; rows that agree are merged.

    Args:
        truth: The truth.
        speaking: Its columns that say something about a face.
    """

    def __init__(self, truth: Truth, speaking: Sequence[str]) -> None:
        self._columns = {name: list(values) for name, values in truth.columns.items()}
        self._speaking = speaking
        self._truth = truth
        self.kept: dict[int, int] = {}

    def add(self, face: int, row: int) -> Outcome:
        """Take a row for a face."""
        first = self.kept.setdefault(face, row)
        if first == row:
            return Outcome.MATCHED
        told = [(self._columns[n][first], self._columns[n][row]) for n in self._speaking]
        if any(a is not None and b is not None and a != b for a, b in told):
            return Outcome.CONFLICT
        for values in self._columns.values():
            values[first] = values[row] if values[first] is None else values[first]
        return Outcome.MERGED

    def matches(
        self, outcomes: Mapping[str, int], reasons: Mapping[str, int], by: Mapping[str, int],
        image_of: list[str | None],
    ) -> Matches:  # fmt: skip
        """Everything that was taken."""
        truth = replace(self._truth, columns=self._columns).take(self.kept.values())
        return Matches(truth, list(self.kept), outcomes, reasons, by, image_of)


def _by_face(truth: Truth, roles: Roles, here: Pictures) -> Matches:
    outcomes: Counter[str] = Counter()
    book = _Book(truth, roles.speaking)
    image_of: list[str | None] = []
    for row, face in enumerate(truth.columns[roles.key_column]):
        place = here.face_rows.get(str(face))
        image_of.append(None if place is None else str(face).rpartition(".")[0])
        outcomes[Outcome.NOT_HERE if place is None else book.add(place, row)] += 1
    if not book.kept:
        raise UsageError(f"no face of the truth {truth.name} is in this dataset", "its face ids are others")
    return book.matches(outcomes, {}, {"face id": len(book.kept)}, image_of)


def _image_of_rows(truth: Truth, roles: Roles, here: Pictures) -> tuple[list[str | None], Counter[str], Counter[str]]:
    """Picture of each row; how many were found in which way; why others were not."""
    by: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    found: list[str | None] = []
    if roles.key is None:
        found = [here.members.get(row) for row in range(len(truth))]
        here_too = sum(f is not None for f in found)
        lost[Outcome.NOT_HERE] = len(found) - here_too
        return found, Counter({"row of the Parquet file": here_too}), lost
    keys = ["" if key is None else str(key) for key in truth.columns[roles.key_column]]
    places = {key: _find(key, here, _folder(truth)) for key in dict.fromkeys(keys)}
    claims = Counter(image for image, _ in places.values())
    for key in keys:
        image, how = places[key]
        if how == ELSEWHERE and claims[image] > 1:
            image = None  # train/1.jpg is not the val/1.jpg that the truth also names
        found.append(image)
        if image is not None:
            by[how] += 1
        else:
            lost[how if how == Outcome.ALIKE else Outcome.NOT_HERE] += 1
    return found, by, lost


def find_image(key: str, here: Pictures, table: Truth) -> str | None:
    """The picture that a key of a table speaks of, or None."""
    return _find(key, here, _folder(table))[0]


def _folder(table: Truth) -> Path:
    return Path(table.source).parent if table.sha256 else Path()


def _find(key: str, here: Pictures, folder: Path) -> tuple[str | None, str]:
    key = key.strip().replace("\\", "/")
    if not key:
        return None, ""
    if key in here.images:
        return key, "image id"
    tail = PurePosixPath(key).name
    bare = tail == key
    ways = (
        *((here.names, name, "path") for name in (key, key.removeprefix("./"), clean(folder / key))),
        (here.near, _near(key), "file name"),
        (here.tails, tail, "file name" if bare else ELSEWHERE),
        (here.stems, tail, "file name without its ending" if bare else ELSEWHERE),
    )
    for index, name, how in ways:
        if index.get(name):
            return index[name], how
    return None, Outcome.ALIKE if any(name in index for index, name, _ in ways) else ""


def _by_image(
    truth: Truth, roles: Roles, here: Pictures, keys: list[str | None], told: tuple[Counter[str], Counter[str]],
    least_iou: float,
) -> Matches:  # fmt: skip
    by, outcomes = told
    reasons: Counter[str] = Counter()
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        if key is None:
            continue
        if key in here.unusable:
            outcomes[Outcome.UNUSABLE] += 1
            reasons[here.unusable[key]] += 1
        else:
            rows_of[key].append(row)
    boxes = roles.boxes(truth)
    book = _Book(truth, roles.speaking)
    for image, rows in rows_of.items():
        found = here.of_image.get(image, [])
        boxed = [r for r in rows if boxes is not None and np.isfinite(boxes[r]).all()]
        if boxed and boxes is not None:
            outcomes.update(_by_box(book, boxed, found, boxes[boxed], here.boxes[found], least_iou))
        for row in rows:
            if row not in boxed:
                outcomes[_single(book, row, found)] += 1
    return book.matches(outcomes, reasons, by, keys)


def _single(book: _Book, row: int, found: Sequence[int]) -> Outcome:
    if len(found) != 1:
        return Outcome.SEVERAL if found else Outcome.NO_FACE
    return book.add(found[0], row)


def _by_box(
    book: _Book, rows: list[int], found: list[int],
    true: NDArray[np.float64], detected: NDArray[np.float64], least: float,
) -> Counter[str]:  # fmt: skip
    """Pair true and detected boxes, the best overlap first, each at most once; equal true boxes are one face."""
    outcomes: Counter[str] = Counter()
    alike: dict[tuple[float, ...], list[int]] = defaultdict(list)
    for row, box in zip(rows, true.tolist(), strict=True):
        alike[tuple(box)].append(row)
    about = list(alike.values())
    overlap = iou(np.array(list(alike), np.float64), detected)
    for _ in range(min(overlap.shape)):
        a, b = np.unravel_index(np.argmax(overlap), overlap.shape)
        if overlap[a, b] < least:
            break
        outcomes.update(book.add(found[b], row) for row in about[a])
        overlap[a, :] = overlap[:, b] = -1
    missed = len(rows) - sum(outcomes.values())
    if missed:
        outcomes[Outcome.MISSED if found else Outcome.NO_FACE] = missed
    return outcomes
