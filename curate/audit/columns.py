"""Which columns an audit looks at, and as what: groups, labels, conditions of the picture, action units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from curate.audit.options import DEFAULT_BY
from curate.evaluation.roles import concept_of, concept_of_column
from curate.store.images import PREFIX
from curate.store.view import FaceView
from schemas import REGISTRY, Column, Kind, UnknownNameError, UsageError
from schemas.columns import faces, labels

CROSS = "*"
PERCEIVED = "perceived_"
ANGLES = (labels.YAW.name, labels.PITCH.name, labels.ROLL.name)

CONDITIONS: Mapping[str, tuple[str, str]] = {
    labels.QUALITY_SCORE.name: ("quality", "higher"),
    labels.SHARPNESS.name: ("sharpness", "higher"),
    labels.EXPOSURE.name: ("exposure", "higher"),
    labels.INTER_OCULAR.name: ("distance of the eyes in pixels", "higher"),
    labels.BRIGHTNESS.name: ("brightness", ""),
    labels.YAW.name: ("head turned aside", "lower"),
    labels.PITCH.name: ("head up or down", "lower"),
    labels.ROLL.name: ("head tilted", "lower"),
    labels.COVERED_SHARE.name: ("share of the face that is covered", "lower"),
    labels.IN_FRAME.name: ("share of the face inside the picture", "higher"),
    faces.SCORE.name: ("score of the face detector", "higher"),
    labels.SECOND_SCORE.name: ("score of the second detector", "higher"),
    labels.FACE_DOUBTFUL.name: ("doubtful whether it is a face", "lower"),
    labels.PRESENCE.name: ("certainty of the face mesh", "higher"),
    labels.SKIN_CONFIDENCE.name: ("confidence in the skin tone", "higher"),
    labels.CONSISTENCY_SCORE.name: ("agreement of the labels with one another", "higher"),
}
"""Column -> what it says, and which end is better; angles are compared without sign."""

REGIONS = labels.REGION_VISIBLE.name
ACTION_UNITS = (labels.AU_SCORE.name, labels.AU_INTENSITY.name)
_NUMBERS = (
    labels.VALENCE.name, labels.AROUSAL.name, labels.AGE.name, labels.ITA.name, labels.PSPI.name,
    labels.MOUTH_OPENING.name, labels.EYE_LEFT.name, labels.EYE_RIGHT.name, labels.GAZE_YAW.name,
    labels.GAZE_PITCH.name, labels.SYMMETRY.name,
)  # fmt: skip
_NOT_LABELS = {
    labels.STATUS.name, labels.IDENTITY_REVIEW.name, labels.DUPLICATE_KIND.name, labels.DUPLICATE_KEEP.name,
    labels.REVIEW_REJECTED.name, faces.ORIGIN.name,
}  # fmt: skip
_SAID_BY = {
    labels.RACE4.name: labels.RACE.name, labels.ITA_CLASS.name: labels.ITA.name, labels.AGE.name: labels.AGE_GROUP.name,
    labels.PROTOTYPE.name: labels.PERCEIVED_EMOTION.name,
}  # fmt: skip
"""Column -> one that says the same better; where that is there, the former is only compared if it is asked for."""
_ABSTAINED = "_abstained"


@dataclass(frozen=True)
class Wanted:
    """Everything an audit reads.

    Attributes:
        by: Single columns to group by.
        crossings: Groupings of several of them, each a tuple of columns.
        labels: Label and flag columns whose values are compared.
        numbers: Number columns that are compared as labels.
        units: Column of the action units; empty if there is none.
        conditions: Columns of quality, pose, occlusion, detection.
        regions: Whether visibility of regions is there.
        missing: Label columns whose missing values are counted.
        identity: Whether people are known.
        duplicates: Whether copies are known.
        lists: Columns of several labels a face; each label is compared as a flag `COLUMN.LABEL`.
    """

    by: tuple[str, ...]
    crossings: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...]
    numbers: tuple[str, ...]
    units: str
    conditions: tuple[str, ...]
    regions: bool
    missing: tuple[str, ...]
    identity: bool
    duplicates: bool
    lists: tuple[str, ...] = ()


def resolve(view: FaceView, name: str) -> str:
    """The column of the view that a name stands for: itself, `perceived_NAME`, or the list's `extra.NAME`.

    Raises:
        UnknownNameError: if it is none; offers the nearest name.
        UsageError: if the column is declared but nobody has written it, or its values are no groups.
    """
    names = view.names()
    special = {"skin": labels.MONK.name, "age_group": labels.AGE_GROUP.name}
    for candidate in (name, special.get(name, ""), PERCEIVED + name):
        if candidate.lower() in names:
            return _groupable(names[candidate.lower()])
    if name.startswith(PREFIX):
        return view.want(name).name
    for candidate in (name, PERCEIVED + name):
        if candidate in REGISTRY:
            return view.want(candidate).name
    try:
        return view.want(PREFIX + name).name
    except UnknownNameError as error:
        short = {n.removeprefix(PERCEIVED) for n in names.values() if n.startswith(PERCEIVED)}
        known = [n for n in names.values() if "." not in n or n.startswith(PREFIX)]
        raise UnknownNameError("column", name, {*known, *short, *getattr(error, "known", ())}) from None


def provided(view: FaceView, name: str) -> str:
    """The column that a name stands for, itself or `perceived_NAME`, whatever its values are.

    Raises:
        UnknownNameError: if it is none.
        UsageError: if nobody has written it.
    """
    full = PERCEIVED + name
    return view.want(full if name not in REGISTRY and full in REGISTRY else name).name


def _groupable(name: str) -> str:
    column = REGISTRY.get(name)
    if column is not None and column.kind not in (Kind.LABEL, Kind.FLAG, Kind.TEXT, Kind.NUMBER):
        reason = f"its values are {column.kind.value}, which are no groups"
        raise UsageError(f"cannot group by {name}", reason, "Group by a label, a flag, a text or a number")
    return name


def groupings_of(view: FaceView, by: Iterable[str] | None, depth: int) -> tuple[list[str], list[tuple[str, ...]]]:
    """The single columns to group by, and the crossings: those named, and all of up to `depth` columns.

    Raises:
        UsageError: if nothing is named and no demographic column is there, or depth is less than 1.
        UnknownNameError: for a column that does not exist.
    """
    import itertools

    if depth < 1:
        raise UsageError(f"--depth {depth}", "it must be at least 1")
    if by is None:
        here = set(view.columns())
        by = [name for name in DEFAULT_BY if name in here]
        if not by:
            reason = f"none of {', '.join(DEFAULT_BY)} is there"
            raise UsageError("nothing to group by", reason, "Name columns with --by, or run the annotators first")
    singles: dict[str, None] = {}
    crossings: dict[tuple[str, ...], None] = {}
    for name in by:
        written = [part.strip() for part in name.split(CROSS)]
        if not all(written):
            raise UsageError(f"--by {name}: a column is missing beside {CROSS}", fix="Write it as a*b")
        parts = tuple(dict.fromkeys(resolve(view, part) for part in written))
        if len(parts) > 1:
            crossings[parts] = None
        singles.update(dict.fromkeys(parts))
    named = [p for name in by if CROSS not in name for p in (resolve(view, name.strip()),)]
    for size in range(2, depth + 1):
        crossings.update(dict.fromkeys(c for c in itertools.combinations(dict.fromkeys(named), size) if _apart(c)))
    return list(singles), list(crossings)


def _apart(columns: tuple[str, ...]) -> bool:
    """Whether the columns say different things; age crossed with age group would be a diagonal."""
    return all(not akin(a, b) for i, a in enumerate(columns) for b in columns[:i])


def akin(a: str, b: str) -> bool:
    """Whether two columns speak of the same thing, such as age and age group."""
    if a == b:
        return True
    kinds = [concept(name) for name in (a, b)]
    return bool(kinds[0]) and kinds[0] == kinds[1]


def concept(name: str) -> str:
    """What a column speaks of (`age`, `gender`, `race`, `skin`, `emotion`, ...); empty if that is not known."""
    return concept_of_column(REGISTRY[name]) if name in REGISTRY else concept_of(name.removeprefix(PREFIX))


def wanted(view: FaceView, by: list[str], crossings: list[tuple[str, ...]], columns: Iterable[str] | None) -> Wanted:
    """What to read for an audit.

    Raises:
        UnknownNameError: for a label column that does not exist.
        UsageError: if nobody has written it, or it is no label.
    """
    here = [name for info in view.layers for name in info.columns]
    present = list(dict.fromkeys(n for n in here if n in REGISTRY))
    spoken = [n for n in present if _is_label(REGISTRY[n])]
    numbers = [n for n in present if n in _NUMBERS]
    spoken, numbers = ([n for n in names if _finer(n, present)] for names in (spoken, numbers))
    units = next((n for n in ACTION_UNITS if n in present), "")
    lists = [n for n in present if _is_list(REGISTRY[n])]
    if columns is not None:
        spoken, numbers, units, lists = _chosen(view, columns)
    beside = [n for n in (*spoken, *numbers, units) if n]
    return Wanted(
        by=tuple(by), crossings=tuple(crossings), labels=tuple(spoken), numbers=tuple(numbers), units=units,
        conditions=tuple(n for n in CONDITIONS if n in present or n == faces.SCORE.name),
        regions=REGIONS in present,
        missing=tuple(dict.fromkeys(n for n in (*by, *beside, *(c for c in CONDITIONS if c in present))
                                    if n in present)),
        identity=labels.IDENTITY_ID.name in present, duplicates=labels.DUPLICATE_GROUP.name in present,
        lists=tuple(lists),
    )  # fmt: skip


def _finer(name: str, present: list[str]) -> bool:
    """Whether no finer column that says the same is there, such as seven races beside four."""
    return _SAID_BY.get(name, "") not in present


def _is_label(column: Column) -> bool:
    flagged = column.kind is Kind.FLAG and not column.name.endswith(_ABSTAINED) and column.name not in CONDITIONS
    return column.name not in _NOT_LABELS and (flagged or (column.kind is Kind.LABEL and bool(column.taxonomy)))


def _is_list(column: Column) -> bool:
    sets = ("_set", _ABSTAINED)
    return column.kind is Kind.LIST and bool(column.taxonomy) and not column.name.endswith(sets)


def _chosen(view: FaceView, columns: Iterable[str]) -> tuple[list[str], list[str], str, list[str]]:
    """Labels, numbers, action units and lists of labels among the columns that were asked for."""
    spoken, numbers, units, lists = [], [], "", []
    for text in columns:
        name = provided(view, text)
        column = REGISTRY.get(name)
        kind = column.kind if column else Kind.TEXT
        if kind in (Kind.LABEL, Kind.FLAG):
            spoken.append(name)
        elif kind is Kind.NUMBER:
            numbers.append(name)
        elif name in ACTION_UNITS:
            units = name
        elif column is not None and _is_list(column):
            lists.append(name)
        else:
            known = "labels, lists of labels, flags, numbers and action units can be compared"
            raise UsageError(f"cannot compare {name} between groups", known, "Name another column")
    return spoken, numbers, units, lists
