"""What each column of the truth is: a key, a box, points, an identity, a count, or a label of the dataset's columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.truth import Truth
from curate.ingest.lists import PATH_COLUMNS
from schemas import REGISTRY, Column, Kind, UnknownNameError, UsageError
from schemas.columns import faces, images, labels
from schemas.landmarks import layout, layouts

FILE, BOX, POINTS, IDENTITY, COUNT = "file", "box", "points", "identity", "faces"
SPECIAL = (FILE, faces.FACE_ID.name, images.IMAGE_ID.name, BOX, POINTS, IDENTITY, COUNT)
"""What `--truth-map` can say of a column besides the name of a dataset column."""

_BOX_SETS = (
    (*(c.name for c in faces.BOX), False), ("bbox_x", "bbox_y", "bbox_w", "bbox_h", False),
    ("x", "y", "w", "h", False), ("left", "top", "width", "height", False), ("x", "y", "width", "height", False),
    ("face_x", "face_y", "face_w", "face_h", False), ("x1", "y1", "x2", "y2", True),
    ("xmin", "ymin", "xmax", "ymax", True), ("left", "top", "right", "bottom", True),
)  # fmt: skip
"""Names of four columns of a box, and whether the last two are the far corner instead of a size."""

_BOX_LISTS = ("box", "bbox", "face_box", "facebox")
_POINT_LISTS = ("points", "landmarks", "pts", "keypoints", "lmks")
_CELEBA_POINTS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
"""CelebA names eyes and mouth corners by the side of the picture, which is the order of points-5."""
_IDENTITIES = ("identity", "person", "subject", "person_id", "subject_id", "identity_id")
_COUNTS = ("face_count", "n_faces", "num_faces", "faces", "exact", "human_faces")
_META = frozenset({
    "task", "source", "licence", "license", "split", "origin", "label_origin", "note", "minor", "service_test", "doc",
})  # fmt: skip
"""Columns that speak about the table, not about the face."""

CONCEPTS: Mapping[str, tuple[str, ...]] = {
    "age": ("age", "agegroup", "agebin", "agerange", "agelabel", "ageyears", "years"),
    "gender": ("gender", "sex"),
    "race": ("race", "ethnicity", "racegroup", "race7", "race4"),
    "emotion": ("emotion", "expression", "emotionlabel", "expressionlabel"),
    "skin": ("skintone", "skin", "monk", "mst", "monktone", "fitzpatrick", "fst", "skintype", "ita", "skinita"),
    "valence": ("valence",),
    "arousal": ("arousal",),
    "yaw": ("yaw", "poseyaw", "headyaw"),
    "pitch": ("pitch", "posepitch", "headpitch"),
    "roll": ("roll", "poseroll", "headroll"),
}
"""A thing that truth may speak of -> names it goes by, in lower case without marks."""

_OF_CONCEPT: Mapping[str, tuple[str, ...]] = {
    "age": ("age-",),
    "gender": ("gender-",),
    "race": ("race-",),
    "emotion": ("emotion-", "emonet-", "affectnet-", "ferplus-", "raf-db-", "fer2013-", "expw-"),
    "skin": ("monk-", "fitzpatrick-", "ita-"),
}
"""Concept -> how the names of its taxonomies begin."""

_NUMBERS = {
    "age": (labels.AGE,), "skin": (labels.ITA,), "valence": (labels.VALENCE,), "arousal": (labels.AROUSAL,),
    "yaw": (labels.YAW,), "pitch": (labels.PITCH,), "roll": (labels.ROLL,),
}  # fmt: skip
_UNIT = re.compile(r"^au_?0*(\d+)_?(c|r|occ|occurrence|int|intensity|score)?$")
_WORDS = re.compile(r"perceived|label|truth|true|gt|target|ground")
DETECTION = "detection"
"""The section about finding faces, which is no column."""
OUTLINE = 68
"""Fewest points that outline a face well enough to tell it by the box around them."""
DEMOGRAPHIC = ("race", "gender", "age", "skin")


def normal(name: str) -> str:
    """A column's name in lower case, without marks and without words that only say that it is the truth."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower().rpartition(".")[2])
    return _WORDS.sub("", plain) or plain


def concept_of(name: str) -> str:
    """What a truth column of that name speaks of, or an empty text."""
    plain = normal(name)
    return next((concept for concept, names in CONCEPTS.items() if plain in names), "")


def concept_of_column(column: Column) -> str:
    """What a dataset column speaks of, or an empty text."""
    for concept, starts in _OF_CONCEPT.items():
        if column.kind is Kind.LABEL and column.taxonomy.startswith(starts):
            return concept
    return next((concept for concept, columns in _NUMBERS.items() if column in columns), "")


@dataclass(frozen=True)
class Pairing:
    """A dataset column and the truth column that it is held against.

    Attributes:
        column: The dataset's column.
        truth: Name of the truth's column.
        field: Field of the dataset's struct, or empty.
        derived: How the truth was made from a column that says something else, or empty.
    """

    column: Column
    truth: str
    field: str = ""
    derived: str = ""


@dataclass(frozen=True)
class Roles:
    """What the columns of a truth are.

    Attributes:
        key: `file`, `face_id` or `image_id`: what the key column holds; None if there is none.
        key_column: The truth's key column, or empty.
        box: The truth's box column or its four columns; empty if there is none.
        corners: The box ends with its far corner instead of a size.
        points: The truth's points: one column of lists, or two columns per point.
        identity: The truth's column of identities, or empty.
        counts: The truth's columns of face counts, the first that is known counts.
        pairings: Dataset columns and what they are held against.
        unused: Truth columns that nothing in the dataset speaks of.
    """

    key: str | None
    key_column: str = ""
    box: tuple[str, ...] = ()
    corners: bool = False
    points: tuple[str, ...] = ()
    identity: str = ""
    counts: tuple[str, ...] = ()
    pairings: tuple[Pairing, ...] = ()
    unused: tuple[str, ...] = field(default=())

    @property
    def speaking(self) -> tuple[str, ...]:
        """Truth columns that say something about a face."""
        paired = tuple(p.truth for p in self.pairings)
        return tuple(dict.fromkeys(n for n in (*self.box, *self.points, self.identity, *paired) if n))

    def boxes(self, truth: Truth) -> NDArray[np.float64] | None:
        """(rows, 4) x, y, width, height in pixels; NaN where a row has no box; None if no row has."""
        if not self.box:
            return self._boxes_of_points(truth)
        if len(self.box) == 1:
            rows = [v if isinstance(v, Sequence) and len(v) == 4 else (None,) * 4 for v in truth.columns[self.box[0]]]
        else:
            rows = list(zip(*(truth.columns[n] for n in self.box), strict=True))
        boxes = np.array([[_number(v) for v in row] for row in rows], np.float64).reshape(-1, 4)
        if self.corners:
            boxes[:, 2:] -= boxes[:, :2]
        return boxes if np.isfinite(boxes).all(axis=1).any() else None

    def face_counts(self, truth: Truth) -> list[float | None]:
        """True number of faces of each row's picture, None where it is not known."""
        columns = [truth.columns[n] for n in self.counts]
        rows = zip(*columns, strict=True) if columns else iter([(None,)] * len(truth))
        return [next((float(v) for v in row if isinstance(v, int | float) and v >= 0), None) for row in rows]

    def _boxes_of_points(self, truth: Truth) -> NDArray[np.float64] | None:
        """Boxes around the true points, where there are enough points to outline a face."""
        name, rows = self.point_sets(truth)
        if not name or layout(name).size < OUTLINE:
            return None
        boxes = np.full((len(rows), 4), np.nan)
        for i, points in enumerate(rows):
            if points is not None:
                low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
                boxes[i] = (*low, *(high - low))
        return boxes

    def point_sets(self, truth: Truth) -> tuple[str, list[NDArray[np.float64] | None]]:
        """The layout of the truth's points and one (n, 2) array per row, None where there are none."""
        if not self.points:
            return "", []
        if len(self.points) == 1:
            rows = [_points(v) for v in truth.columns[self.points[0]]]
        else:
            cells = zip(*(truth.columns[n] for n in self.points), strict=True)
            rows = [_points([_number(v) for v in row]) for row in cells]
        sizes = {len(r) for r in rows if r is not None}
        known = {layout(n).size: n for n in layouts()}
        if len(sizes) != 1 or not sizes <= set(known):
            return "", [None] * len(rows)
        return known[sizes.pop()], rows


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _points(value: Any) -> NDArray[np.float64] | None:
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return None
    if array.ndim == 1 and array.size and array.size % 2 == 0:
        array = array.reshape(-1, 3) if array.size == 478 * 3 else array.reshape(-1, 2)
    if array.ndim != 2 or array.shape[1] not in (2, 3) or not np.isfinite(array).any():
        return None
    return array[:, :2]


def find_roles(
    truth: Truth, present: Iterable[str], names: Mapping[str, str], wanted: Sequence[str] | None = None
) -> Roles:
    """Say what each column of the truth is.

    Args:
        truth: The truth.
        present: Columns of the dataset.
        names: What the user says of columns; see `EvaluateOptions.names`.
        wanted: Dataset columns to score; None for all that the truth speaks of.

    Raises:
        UnknownNameError: if `names` speaks of unknown columns, or `wanted` does; offers the nearest.
    """
    columns = [REGISTRY[n] for n in present if n in REGISTRY]
    _check_names(truth, names, columns)
    key, key_column = _key(truth, names)
    box, corners = _box(truth, names)
    points = _point_columns(truth, names)
    identity = _special(truth, names, IDENTITY, _IDENTITIES)
    said = tuple(n for n, m in names.items() if m == COUNT)
    counts = said or tuple(n for n in truth.columns if n.lower() in _COUNTS and n not in names)
    taken = {key_column, *box, *points, identity, *counts}
    free = [n for n in truth.columns if n not in taken]
    pairings = _pair(truth, free, columns, names)
    used = taken | {p.truth for p in pairings}
    unused = tuple(n for n in truth.columns if n not in used and n.lower() not in _META)
    roles = Roles(key, key_column, box, corners, points, identity, counts, tuple(pairings), unused)
    return roles if wanted is None else _only(roles, wanted, columns)


def _only(roles: Roles, wanted: Sequence[str], columns: Sequence[Column]) -> Roles:
    known = {c.name for c in columns}
    for name in wanted:
        head = name.partition(".")[0]
        if head in REGISTRY and head not in known:
            reason = "no layer provides it yet"
            raise UsageError(f"column '{name}' is not in this dataset", reason, "Run the annotator that gives it")
        if head not in known and head != DETECTION:
            raise UnknownNameError("column", name, [*known, DETECTION])
    heads = {n.partition(".")[0] for n in wanted}
    kept = tuple(p for p in roles.pairings if p.column.name in heads)
    return replace(roles, pairings=kept)


def _check_names(truth: Truth, names: Mapping[str, str], columns: Sequence[Column]) -> None:
    known = {c.name for c in columns}
    check_columns(truth, names)
    for meaning in names.values():
        if meaning not in SPECIAL and meaning.partition(".")[0] not in known:
            raise UnknownNameError("column", meaning, [*known, *SPECIAL])


def check_columns(truth: Truth, names: Iterable[str]) -> None:
    """Check that the truth has columns of these names.

    Raises:
        UnknownNameError: if it has not; offers the nearest.
    """
    for name in names:
        if name not in truth.columns:
            raise UnknownNameError(f"column of the truth {truth.name}", name, truth.columns)


def _special(truth: Truth, names: Mapping[str, str], meaning: str, usual: Iterable[str]) -> str:
    said = [n for n, m in names.items() if m == meaning]
    if said:
        return said[0]
    by_name = {n.lower(): n for n in reversed(list(truth.columns)) if n not in names}
    return next((by_name[n] for n in usual if n in by_name), "")


def _key(truth: Truth, names: Mapping[str, str]) -> tuple[str | None, str]:
    for meaning in (faces.FACE_ID.name, images.IMAGE_ID.name):
        if found := _special(truth, names, meaning, (meaning,)):
            return meaning, found
    found = _special(truth, names, FILE, (*PATH_COLUMNS, images.NAME.name, "img", "photo", "img_name"))
    return (FILE, found) if found else (None, "")


def _box(truth: Truth, names: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    if found := _special(truth, names, BOX, _BOX_LISTS):
        return (found,), False
    by_name = {n.lower(): n for n in truth.columns}
    for *four, corners in _BOX_SETS:
        if all(n in by_name for n in four):
            return tuple(by_name[str(n)] for n in four), bool(corners)
    return (), False


def _point_columns(truth: Truth, names: Mapping[str, str]) -> tuple[str, ...]:
    usual = (*_POINT_LISTS, *(c.name for c in REGISTRY.values() if c.kind is Kind.POINTS))
    if found := _special(truth, names, POINTS, usual):
        return (found,)
    by_name = {n.lower(): n for n in truth.columns}
    for size in sorted((layout(n).size for n in layouts()), reverse=True):
        for x, y, first in (("x_{}", "y_{}", 0), ("x{}", "y{}", 0), ("x{}", "y{}", 1), ("p{}_x", "p{}_y", 0)):
            pairs = [(x.format(i), y.format(i)) for i in range(first, first + size)]
            flat = [n for pair in pairs for n in pair]
            if all(n in by_name for n in flat) and x.format(first + size) not in by_name:
                return tuple(by_name[n] for n in flat)
    celeba = [f"{part}_{axis}" for part in _CELEBA_POINTS for axis in "xy"]
    return tuple(by_name[n] for n in celeba) if all(n in by_name for n in celeba) else ()


def _pair(truth: Truth, free: Sequence[str], columns: Sequence[Column], names: Mapping[str, str]) -> list[Pairing]:
    """One truth column per dataset column (and field): what the user says, the same name, the same concept."""
    label_columns = [c for c in columns if c.group not in ("images", "faces", "layer", "sources")]
    found: dict[tuple[str, str], Pairing] = {}
    for name in free:
        said = names.get(name, name)
        head, _, tail = said.partition(".")
        for column in label_columns:
            if column.name == head:
                found.setdefault((head, tail), Pairing(column, name, tail))
    for name in free:
        if name not in names:
            for pairing in (*_by_unit(truth, name, label_columns), *_by_concept(truth, name, label_columns)):
                found.setdefault((pairing.column.name, pairing.field), pairing)
            for column in label_columns:
                if name in _attributes(column):
                    found.setdefault((column.name, name), Pairing(column, name, name))
    order = {c.name: i for i, c in enumerate(label_columns)}
    return sorted(found.values(), key=lambda p: order[p.column.name])


def _attributes(column: Column) -> set[str]:
    """Fields that a truth may name without their column: attributes, but not classes and not other columns' names."""
    is_score = column.kind is Kind.SCORES and not column.name.endswith("_prob")
    return _fields(column) - set(REGISTRY) if is_score else set()


def _fields(column: Column) -> set[str]:
    return {f.name for f in column.type}


def _by_concept(truth: Truth, name: str, columns: Sequence[Column]) -> list[Pairing]:
    concept = concept_of(name)
    return [Pairing(c, name) for c in columns if concept and concept_of_column(c) == concept]


def _by_unit(truth: Truth, name: str, columns: Sequence[Column]) -> list[Pairing]:
    """Action units as `AU12`, `au_12`, OpenFace's `AU12_c` (occurrence) and `AU12_r` (intensity)."""
    unit = _UNIT.match(name.lower().rpartition(".")[2])
    if unit is None:
        return []
    label = f"AU{int(unit[1])}"
    here = [c for c in columns if c in (labels.AU_SCORE, labels.AU_INTENSITY) and label in _fields(c)]
    if not here:
        return []
    values = {v for v in truth.columns[name] if v is not None}
    graded = unit[2] in ("r", "int", "intensity") or (unit[2] is None and not values <= {0, 1, 9})
    cut = "occurrence is an intensity of 2 or more" if graded else ""
    pairs = [Pairing(c, name, label, cut if c is labels.AU_SCORE else "") for c in here]
    return [p for p in pairs if graded or p.column is labels.AU_SCORE]
