"""What is true of a split, counted from the data alone: the body of its certificate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.identity.gather import Faces, fingerprint
from curate.identity.graph import Ints
from curate.identity.similar import THOROUGH, similar_pairs
from curate.split.settings import IDENTITY, Settings
from curate.split.units import Material, look_alikes

LINES = (0.9, 0.7, 0.5, 0.35, 0.2)
"""Cosines down which the most alike pair between two parts is looked for; below the last nothing is alike."""


def survey(material: Material, settings: Settings, part: Ints) -> dict[str, Any]:
    """Count everything that the certificate states.

    Args:
        material: The data.
        settings: The choices.
        part: Number of the part of each face, -1 for faces in none.
    """
    people = material.people
    names = pa.array([*settings.parts, None], pa.string())
    cells = deviations(material.strata, settings, part)
    excess = max(float(cell["excess"]) for cell in cells)
    return {
        "faces": len(people),
        "face_ids": fingerprint(people.ids),
        "assignment": fingerprint(people.ids, names.take(pa.array(np.where(part < 0, len(names) - 1, part)))),
        "inputs": _inputs(material),
        "unassigned": int((part < 0).sum()),
        "parts": {name: _part(material, part == number) for number, name in enumerate(settings.parts)},
        "crossing": {name: crossing(group, part) for name, group in material.tied.items()},
        "look_alikes_crossing": _look_alikes_crossing(people, settings, part),
        "children_outside_training": int((people.guarded & (part != settings.training)).sum()),
        "synthetic_outside_training": int((material.synthetic & (part != settings.training)).sum()),
        "faces_without_identity": int((material.tied[IDENTITY] < 0).sum()) if IDENTITY in material.tied else None,
        "similarity": similarity(people, settings, part),
        "strata": cells,
        "largest_excess": excess,
        "within_tolerance": excess <= settings.tolerance,
    }


def _inputs(material: Material) -> dict[str, str]:
    people = material.people
    found = {name: fingerprint(values) for name, values in people.columns.items()}
    return {**found, "embeddings": fingerprint(people.vectors, people.present), "ages": fingerprint(people.age)}


def _part(material: Material, mask: np.ndarray[Any, Any]) -> dict[str, int]:
    found = {"faces": int(mask.sum())}
    for name, group in material.tied.items():
        found[f"distinct {name}"] = len(np.unique(group[mask & (group >= 0)]))
    found["may be children"] = int((material.people.guarded & mask).sum())
    return found


def crossing(group: Ints, part: Ints) -> int:
    """How many groups have faces in two or more parts."""
    rows = (group >= 0) & (part >= 0)
    pairs = np.unique(np.column_stack([group[rows], part[rows]]), axis=0)
    return int((np.unique(pairs[:, 0], return_counts=True)[1] > 1).sum())


def _look_alikes_crossing(people: Faces, settings: Settings, part: Ints) -> int | None:
    if IDENTITY not in settings.disjoint:
        return None
    a, b = look_alikes(people, settings)
    return int((part[a] != part[b]).sum())


def similarity(people: Faces, settings: Settings, part: Ints) -> dict[str, Any]:
    """The most alike pair of faces in two different parts, and how many such pairs are as alike as look-alikes."""
    rows = np.flatnonzero(people.present & (part >= 0))
    vectors = np.ascontiguousarray(people.vectors[rows])
    place = part[rows]
    found: dict[str, Any] = {"most": None, "faces": [], "alike": settings.alike, "pairs_alike": 0, "all_compared": True}
    for line in dict.fromkeys(min(line, settings.alike) for line in LINES):
        pairs = similar_pairs(vectors, line, THOROUGH)
        found["all_compared"] = pairs.exact
        apart = pairs.only(place[pairs.a] != place[pairs.b])
        if len(apart):
            best = int(np.argmax(apart.cosine))
            ends = rows[[apart.a[best], apart.b[best]]]
            found["most"] = round(float(apart.cosine[best]), 6)
            found["faces"] = people.ids.take(pa.array(ends)).to_pylist()
            found["pairs_alike"] = int((apart.cosine >= settings.alike).sum())
            break
    return found


def deviations(strata: dict[str, pa.Array], settings: Settings, part: Ints) -> list[dict[str, Any]]:
    """How far the share of each part misses its ratio, for all faces and for each group of each column.

    `excess` is the largest miss less what a single face amounts to: groups are whole faces.
    """
    found = [_cell("", "", np.ones(len(part), bool), settings, part)]
    for column, values in strata.items():
        for group in sorted(pc.unique(values).to_pylist()):
            mask = pc.equal(values, group).to_numpy(zero_copy_only=False)
            found.append(_cell(column, group, mask, settings, part))
    return found


def _cell(column: str, group: str, mask: np.ndarray[Any, Any], settings: Settings, part: Ints) -> dict[str, Any]:
    count = np.bincount(part[mask & (part >= 0)], minlength=len(settings.parts))
    total = max(int(count.sum()), 1)
    miss = np.abs(count - np.array(list(settings.ratios.values())) * total)
    return {
        "column": column,
        "group": group,
        "faces": int(count.sum()),
        **{name: int(n) for name, n in zip(settings.parts, count, strict=True)},
        "excess": round(float(np.clip(miss - 1, 0, None).max() / total), 6),
    }
