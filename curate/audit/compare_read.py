"""What a comparison of groups looks at: one array per label, number and action unit, and the group of every face."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.audit.columns import CROSS, Wanted, akin, provided, resolve
from curate.audit.groups import groupings
from curate.audit.reading import PRESENT, UNKNOWN, Coded, Faces, read_faces
from curate.evaluation.grouping import MOST_GROUPS
from curate.identity.progress import follow
from curate.store.checks import as_array
from curate.store.merge import field_of
from curate.store.names import FACES
from curate.store.view import FaceView
from schemas import REGISTRY, Column, Kind, UnknownNameError, UsageError
from schemas.columns import labels

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]

SIDES = (labels.AU_LEFT.name, labels.AU_RIGHT.name)
STRUCTS = (labels.AU_SCORE.name, labels.AU_INTENSITY.name, *SIDES, labels.EMOTION_PROB.name)
"""Structs of numbers that are compared when nothing is named."""

_KEPT_OUT = ("_sd", "_prob", "_agreement", "_abstained")
_HOUSEKEEPING = {
    column.group
    for column in (
        labels.SECOND_SCORE, labels.CONSISTENCY_SCORE, labels.BALANCE_WEIGHT, labels.MADE_COSINE, labels.IDENTITY_ID,
        labels.DUPLICATE_GROUP, labels.STABILITY_LEAST, labels.REVIEW_REJECTED,
    )
}  # fmt: skip
"""Groups of columns about the making of the dataset, not about the face."""


_COMPARABLE = (Kind.LABEL, Kind.FLAG, Kind.NUMBER, Kind.SCORES, Kind.TEXT)


@dataclass(frozen=True)
class Variable:
    """One thing that is compared.

    Attributes:
        name: Column, `column.field`, or `column = label` for one label against all others.
        aspect: `level`, `presence`, `labels` or `asymmetry`.
        values: Numbers, or 1 and 0 for presence, or the place in `labels`; NaN where nothing is known, (n,).
        labels: Of a column of labels.
        unit: Of a number.
    """

    name: str
    aspect: str
    values: Floats
    labels: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class Data:
    """All that is compared.

    Attributes:
        by: Column of the groups.
        groups: Their names.
        codes: Group of each face, -1 for none of them, (n,).
        variables: What is compared.
        subjects: Subject of each face, -1 where it is not known; None if subjects were not named, (n,).
        names: Names of the subjects.
    """

    by: str
    groups: tuple[str, ...]
    codes: Codes
    variables: tuple[Variable, ...]
    subjects: Codes | None = None
    names: tuple[str, ...] = ()


def read(
    view: FaceView,
    by: str,
    groups: Iterable[str] | None,
    subject: str | None,
    columns: Iterable[str] | None,
    quiet: bool = True,
) -> Data:
    """Read what is compared.

    Args:
        view: Of the dataset.
        by: Column of the groups: a label, a flag, a text, or `extra.NAME` of the list.
        groups: Groups to compare, in this order; all that have faces by default.
        subject: Column that says which person a face is of.
        columns: Columns to compare; the labels, numbers and action units of the dataset by default.
        quiet: Show no progress.

    Raises:
        UnknownNameError: for a column or group that does not exist.
        UsageError: for a column that cannot be compared, or fewer than two groups.
    """
    if CROSS in by:
        raise UsageError(f"cannot compare by {by}", "groups come from one column", f"Name one; audit crosses {by}")
    grouped = resolve(view, by)
    person = None if subject is None else _subject(view, subject)
    plain, structs = _columns(view, grouped, columns)
    want = _wanted(grouped, plain, person)
    faces = read_faces(view, want, (), quiet)
    names, codes = _groups(faces, grouped, groups)
    variables = [*_of_labels(faces, want), *_of_numbers(faces, want), *_of_structs(view, structs, quiet)]
    subjects, people = (None, ()) if person is None else _people(faces, person)
    return Data(grouped, names, codes, tuple(variables), subjects, people)


def _subject(view: FaceView, name: str) -> str:
    if name == labels.IDENTITY_ID.name:
        return view.want(name).name
    return resolve(view, name)


def _columns(view: FaceView, by: str, columns: Iterable[str] | None) -> tuple[list[str], list[str]]:
    """Plain columns and structs to compare."""
    if columns is not None:
        chosen = [provided(view, name) for name in columns]
        for name in chosen:
            if name in REGISTRY and REGISTRY[name].kind not in _COMPARABLE:
                reason = f"its values are {REGISTRY[name].kind.value}"
                raise UsageError(f"{name} cannot be compared", reason, "Name labels, flags, numbers or scores")
        structs = [n for n in chosen if n in REGISTRY and REGISTRY[n].kind is Kind.SCORES]
        return [n for n in chosen if n not in structs], structs
    here = list(dict.fromkeys(n for info in view.layers for n in info.columns if n in REGISTRY))
    plain = [n for n in here if _compared(REGISTRY[n]) and not akin(n, by)]
    return plain, [n for n in STRUCTS if n in here]


def _compared(column: Column) -> bool:
    if column.group in _HOUSEKEEPING or column.name.endswith(_KEPT_OUT):
        return False
    labelled = column.kind is Kind.FLAG or (column.kind is Kind.LABEL and bool(column.taxonomy))
    return labelled or column.kind is Kind.NUMBER


def _wanted(by: str, plain: list[str], person: str | None) -> Wanted:
    """What the audit's reader is asked for: these columns with their abstentions, and the subject."""
    numbers = tuple(n for n in plain if n in REGISTRY and REGISTRY[n].kind is Kind.NUMBER)
    spoken = tuple(n for n in plain if n not in numbers)
    beside = () if person is None else (person,)
    return Wanted(
        by=(by, *beside), crossings=(), labels=spoken, numbers=numbers, units="", conditions=(), regions=False,
        missing=tuple(n for n in plain if n in REGISTRY), identity=False, duplicates=False,
    )  # fmt: skip


def _groups(faces: Faces, by: str, chosen: Iterable[str] | None) -> tuple[tuple[str, ...], Codes]:
    found = groupings(faces, [by], [])[0]
    counts = dict(zip(found.names, found.counts.tolist(), strict=True))
    if chosen is None:
        names = [n for n in found.names if counts[n]]
    else:
        known = {n.lower(): n for n in found.names}
        names = []
        for name in dict.fromkeys(chosen):
            if name.lower() not in known:
                raise UnknownNameError(f"group of {by}", name, found.names)
            names.append(known[name.lower()])
    empty = [n for n in names if not counts[n]]
    if empty:
        raise UsageError(f"no face is in the group {', '.join(empty)} of {by}", fix="Name groups that have faces")
    if len(names) < 2:
        reason = f"{by} has {len(names)} group{'s' * (len(names) != 1)} with faces"
        raise UsageError("nothing to compare", reason, "At least two groups are needed")
    place = np.full(len(found.names) + 1, UNKNOWN, np.int64)
    place[[found.names.index(n) for n in names]] = np.arange(len(names))
    return tuple(names), place[found.codes]


def _of_labels(faces: Faces, want: Wanted) -> list[Variable]:
    found = []
    for name in want.labels:
        coded = faces.coded[name]
        numbers = None if name in REGISTRY else _as_numbers(coded)
        if numbers is not None:
            found.append(Variable(name, "level", numbers))
        elif name in REGISTRY and REGISTRY[name].kind is Kind.FLAG:
            found.append(Variable(name, "presence", _places(coded)))
        else:
            found += _of_label(name, coded)
    return found


def _of_label(name: str, coded: Coded) -> list[Variable]:
    """A column of labels as a whole, and each label against the others where there are more than two."""
    values = _places(coded)
    present = np.unique(coded.codes[coded.codes >= 0]).tolist()
    if len(present) > MOST_GROUPS:
        what = f"column {name} has {len(present):,} values"
        raise UsageError(what, "too many to be labels", "Name other columns")
    each = [np.where(np.isnan(values), np.nan, values == i) for i in present]
    parts = [Variable(f"{name} = {coded.labels[i]}", "presence", v) for i, v in zip(present, each, strict=True)]
    return parts[:1] if len(parts) == 2 else [Variable(name, "labels", values, coded.labels), *parts]


def _as_numbers(coded: Coded) -> Floats | None:
    """Values of the user's list as numbers, if all of them are."""
    try:
        table = np.array([*(float(x) for x in coded.labels), np.nan])
    except ValueError:
        return None
    return np.asarray(table[coded.codes]) if len(coded.labels) > 2 else None


def _places(coded: Coded) -> Floats:
    return np.where(coded.codes < 0, np.nan, coded.codes.astype(np.float64))


def _of_numbers(faces: Faces, want: Wanted) -> list[Variable]:
    return [Variable(n, "level", faces.numbers[n].astype(np.float64), unit=REGISTRY[n].unit) for n in want.numbers]


def _of_structs(view: FaceView, structs: list[str], quiet: bool) -> list[Variable]:
    if not structs:
        return []
    pieces: dict[tuple[str, str], list[NDArray[np.float32]]] = {}
    keys = view.dataset.keys(FACES)
    for table in follow(view.stream(structs), len(keys), "reading action units", quiet):
        for name in structs:
            values = as_array(table.column(name))
            for part in values.type:
                numbers = field_of(values, part.name).cast(pa.float32()).to_numpy(zero_copy_only=False)
                pieces.setdefault((name, part.name), []).append(numbers)
    values = {key: np.concatenate(parts).astype(np.float64) for key, parts in pieces.items()}
    known = {key: v for key, v in values.items() if np.isfinite(v).any()}
    found = [
        Variable(f"{name}.{part}", "level", v, unit=REGISTRY[name].unit)
        for (name, part), v in known.items() if name != labels.AU_SCORE.name
    ]  # fmt: skip
    return [*_presence(known), *found, *_asymmetry(known)]


def _presence(known: dict[tuple[str, str], Floats]) -> list[Variable]:
    """Whether each unit is there: by its score, else by its intensity."""
    found: dict[str, Variable] = {}
    for name, least in PRESENT.items():
        for (column, part), v in known.items():
            if column == name and part not in found:
                found[part] = Variable(f"{name}.{part}", "presence", np.where(np.isnan(v), np.nan, v >= least))
    return list(found.values())


def _asymmetry(known: dict[tuple[str, str], Floats]) -> list[Variable]:
    """Left minus right of each unit's intensity, with its sign and without."""
    found = []
    for (column, part), left in known.items():
        right = known.get((SIDES[1], part))
        if column == SIDES[0] and right is not None:
            apart = left - right
            found.append(Variable(f"{part} left - right", "asymmetry", apart))
            found.append(Variable(f"{part} |left - right|", "asymmetry", np.abs(apart)))
    return found


def _people(faces: Faces, person: str) -> tuple[Codes, tuple[str, ...]]:
    if person in faces.coded:
        return faces.coded[person].codes.astype(np.int64), faces.coded[person].labels
    values = faces.numbers[person]
    distinct, codes = np.unique(values[np.isfinite(values)], return_inverse=True)
    found = np.full(len(values), UNKNOWN, np.int64)
    found[np.isfinite(values)] = codes
    return found, tuple(f"{v:g}" for v in distinct)
