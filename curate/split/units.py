"""What must stay in one part: faces tied by picture, video, origin, person, photo or look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.identity.gather import Faces, codes, gather, groups_of
from curate.identity.graph import Ints, chain, components
from curate.identity.similar import THOROUGH, similar_pairs
from curate.split.settings import DUPLICATES, IDENTITY, Settings
from curate.store import Dataset
from schemas import REGISTRY, Column, Kind, UsageError
from schemas.columns import images, labels

SPECIAL = {IDENTITY: labels.IDENTITY_ID, DUPLICATES: labels.DUPLICATE_GROUP}
SOURCE = (images.VIDEO_ID, images.PARENT, images.IS_SYNTHETIC)
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Material:
    """What a split is made from.

    Attributes:
        people: All faces.
        tied: What ties faces -> a number per face, -1 where it ties the face to nothing.
        strata: Column -> the group of each face.
        synthetic: Faces of generated pictures.
    """

    people: Faces
    tied: dict[str, Ints]
    strata: dict[str, pa.Array]
    synthetic: NDArray[np.bool_]


def asked(settings: Settings) -> list[str]:
    """Columns whose equal values must stay in one part."""
    return [SPECIAL[d].name if d in SPECIAL else d for d in settings.disjoint]


def read(ds: Dataset, settings: Settings, layers: Sequence[str] | None = None) -> Material:
    """Read all that a split needs.

    Args:
        ds: The dataset.
        settings: The choices.
        layers: Only these layers speak; all by default.

    Raises:
        UsageError: if identities, duplicates or a column are asked for that are not here.
    """
    names = asked(settings)
    wanted: list[str | Column] = [*SOURCE, *names, *settings.stratify]
    _refuse(ds, settings)
    people = gather(ds, wanted, layers=layers, child_chance=settings.child_chance, assume_adults=settings.assume_adults)
    tied = {"picture": people.image, **_origins(people)}
    tied |= {d: codes(groups_of(people, name)) for d, name in zip(settings.disjoint, names, strict=True)}
    strata = {name: _texts(groups_of(people, name)) for name in settings.stratify}
    synthetic = pc.fill_null(people.columns[images.IS_SYNTHETIC.name], False).to_numpy(zero_copy_only=False)
    return Material(people, tied, strata, synthetic)


def _refuse(ds: Dataset, settings: Settings) -> None:
    known = ds.columns()
    for name in settings.disjoint:
        if name in SPECIAL and SPECIAL[name].name not in known:
            raise UsageError(f"{ds.path} has no {SPECIAL[name].name} yet", fix=f"Run: facecurate {name} DATASET")
    for name in settings.stratify:
        if name in REGISTRY and REGISTRY[name].kind not in (Kind.LABEL, Kind.FLAG, Kind.TEXT):
            raise UsageError(f"column '{name}' has no groups", f"its kind is {REGISTRY[name].kind.value}")


def _origins(people: Faces) -> dict[str, Ints]:
    """Frames of one video, and generated pictures with the one they were made from."""
    video = codes(people.columns[images.VIDEO_ID.name])
    parent = people.columns[images.PARENT.name].cast(pa.string())
    own = people.pictures.take(pa.array(people.image)).cast(pa.string())
    distinct = pc.unique(pa.concat_arrays([own, parent.drop_null()]))
    a, b = codes(own, distinct), codes(parent, distinct)
    made = b >= 0
    root = components(len(distinct), a[made], b[made])
    return {"video": video, "origin": root[a]}


def _texts(values: pa.Array) -> pa.Array:
    return pc.fill_null(values.cast(pa.string()), UNKNOWN)


def units(material: Material, settings: Settings) -> Ints:
    """The unit of each face: the smallest face number that it is tied to, over any number of ties."""
    people = material.people
    links = [chain(group) for group in material.tied.values()]
    if IDENTITY in settings.disjoint:
        links.append(look_alikes(people, settings))
    a, b = (np.concatenate([link[i] for link in links]) for i in (0, 1))
    return components(len(people), a, b)


def look_alikes(people: Faces, settings: Settings) -> tuple[Ints, Ints]:
    """Pairs of faces that are as alike as one person's, whether the clustering merged them or not.

    Merging errs on the side of two people, a split on the side of one. Faces that may be children's are
    left out unless `tie` was chosen.
    """
    rows = np.flatnonzero(people.present)
    if settings.children != "tie":
        rows = rows[~people.guarded[rows]]
    pairs = similar_pairs(np.ascontiguousarray(people.vectors[rows]), settings.alike, THOROUGH)
    return rows[pairs.a], rows[pairs.b]


def bound(material: Material, settings: Settings, unit: Ints, count: int) -> Ints:
    """For each unit the part it must go to, or -1: generated pictures, and children if so chosen, only train."""
    part = np.full(count, -1, np.int64)
    must = np.zeros(len(unit), bool)
    if not settings.allow_synthetic:
        must |= material.synthetic
    if settings.children == "train":
        must |= material.people.guarded
    part[unit[must]] = settings.training
    return part


def combined(strata: dict[str, pa.Array], count: int) -> Ints:
    """Numbers of the strata of each face, shape (faces, kinds): the combination, each column, and all."""
    single = [codes(values, pc.unique(values).sort()) for values in strata.values()]
    joint: Ints = np.zeros(count, np.int64)
    for column in single:
        joint = joint * (int(column.max(initial=0)) + 1) + column
    columns = [
        np.unique(joint, return_inverse=True)[1],
        *(single if len(single) > 1 else []),
        np.zeros(count, np.int64),
    ]
    offset, found = 0, []
    for column in columns:
        found.append(column + offset)
        offset += int(column.max(initial=-1)) + 1
    return np.column_stack(found).astype(np.int64)
