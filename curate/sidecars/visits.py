"""Subjects' visits with their scans: checked, and paired from before an operation to after it.

A row of the table is a visit: `subject`, `visit`, `stage` (pre or post), `date` where known (ISO, orders the visits),
`face_mesh`, `skull_mesh`, `texture` (files; empty where there is none), `landmarks` (a CSV of x, y, z) and the columns
`shape`, `pose`, `expression` with coefficients (numbers between spaces, or a JSON list).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.layouts.folder import claim, finish
from curate.layouts.tables import file_beside, needed, rows_of
from curate.sidecars.mesh import read_mesh
from schemas import UsageError

PRE, POST = "pre", "post"
MESHES = ("face_mesh", "skull_mesh")
COEFFICIENTS = ("shape", "pose", "expression")
Visit = dict[str, Any]


def read_visits(path: Path) -> list[Visit]:
    """Visits, each with its files opened and counted.

    Gives for every mesh its file, number of points and triangles and whether it has texture coordinates; all null
    where the cell is empty.

    Raises:
        UsageError: for a missing file, an unknown stage, a visit that stands twice, and scans of one subject that do
            not correspond point for point.
    """
    found: list[Visit] = []
    for number, row in enumerate(rows_of(path, ("subject", "visit", "stage"))):
        stage = needed(row, "stage", path, number).lower()
        if stage not in (PRE, POST):
            raise UsageError(f"{path}, row {number + 1}: the stage {stage!r}", fix=f"Say {PRE} or {POST}")
        visit: Visit = {k: needed(row, k, path, number) for k in ("subject", "visit")}
        visit |= {"stage": stage, "date": row.get("date")}
        for name in MESHES:
            visit |= mesh_columns(name, None if row.get(name) is None else file_beside(path, row[name], number))
        texture = row.get("texture")
        visit["texture"] = None if texture is None else str(file_beside(path, texture, number))
        visit["landmarks"] = None if row.get("landmarks") is None else _points(path, row["landmarks"], number)
        visit |= {name: coefficients(row.get(name), path, number, name) for name in COEFFICIENTS}
        found.append(visit)
    _check(path, found)
    return found


def mesh_columns(name: str, file: Path | None) -> dict[str, Any]:
    """Columns of a mesh: file, numbers of points and triangles, and whether it has texture coordinates; null without.

    Raises:
        UsageError: if the mesh cannot be read.
    """
    if file is None:
        return {name: None, f"{name}_points": None, f"{name}_triangles": None, f"{name}_uv": None}
    mesh = read_mesh(file)
    return {
        name: str(file), f"{name}_points": len(mesh.points), f"{name}_triangles": len(mesh.triangles),
        f"{name}_uv": mesh.has_uv,
    }  # fmt: skip


def coefficients(value: Any, path: Path, number: int, name: str) -> list[float] | None:
    """Coefficients in single precision, as many as were given; None where none were.

    Raises:
        UsageError: for what are no numbers.
    """
    if value is None:
        return None
    try:
        given = json.loads(value) if isinstance(value, str) and value.strip().startswith("[") else value
        parts = given.split() if isinstance(given, str) else np.atleast_1d(np.asarray(given, object)).tolist()
        found = np.array([float(v) for v in parts], np.float32)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}, row {number + 1}: {name} is no list of numbers", str(error)) from None
    return [float(v) for v in found]


def _points(path: Path, named: Any, number: int) -> list[list[float]]:
    file = file_beside(path, named, number)
    try:
        found = np.loadtxt(file, delimiter=",", ndmin=2)
    except ValueError as error:
        raise UsageError(f"{file} is no list of points", str(error)) from None
    if found.shape[1] != 3:
        raise UsageError(f"{file} has {found.shape[1]} columns", "a landmark has three: x, y, z")
    return [[float(v) for v in point] for point in found]


def by_subject(visits: Sequence[Visit]) -> dict[str, list[Visit]]:
    """Subject -> visits, by date where all have one, else in the order of the table."""
    found: dict[str, list[Visit]] = {}
    for visit in visits:
        found.setdefault(visit["subject"], []).append(visit)
    return {
        who: sorted(own, key=lambda v: str(v["date"])) if all(v["date"] for v in own) else own
        for who, own in found.items()
    }


def _check(path: Path, visits: Sequence[Visit]) -> None:
    for who, own in by_subject(visits).items():
        names = [v["visit"] for v in own]
        if len(set(names)) < len(names):
            raise UsageError(f"{path}: subject {who} has a visit twice")
        stages = [v["stage"] for v in own]
        if PRE not in stages or POST not in stages:
            missing = PRE if PRE not in stages else POST
            raise UsageError(f"{path}: subject {who} has no visit {missing}", "both are needed for a pair")
        if stages != sorted(stages, key=(PRE, POST).index):
            raise UsageError(f"{path}: subject {who} has a visit {POST} before one {PRE}", "see `date`, or the order")
        for column in (*(f"{m}_points" for m in MESHES), "landmarks", *COEFFICIENTS):
            sizes = {len(v[column]) if isinstance(v[column], list) else v[column] for v in own} - {None}
            if len(sizes) > 1:
                what = f"{column.removesuffix('_points')} of {' and '.join(map(str, sorted(sizes)))}"
                raise UsageError(f"{path}: the visits of subject {who} do not correspond", f"they have {what}")


def write_pairs(table: Path, folder: Path) -> dict[str, Any]:
    """Write a row for each pair of a visit before and one after the operation; gives the manifest.

    Raises:
        UsageError: see `read_visits`.
        DatasetError: if the folder holds something.
    """
    visits = read_visits(table)
    claim(folder)
    rows = [
        {"subject": who, **_side(PRE, before), **_side(POST, after), "moved": moved(before, after)}
        for who, own in by_subject(visits).items()
        for before in own
        for after in own
        if (before["stage"], after["stage"]) == (PRE, POST)
    ]
    return finish(folder, "visits", rows, {"subjects": len(by_subject(visits)), "visits": len(visits)})


def _side(stage: str, visit: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{stage}_{k}": v for k, v in visit.items() if k not in ("subject", "stage")}


def moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> float | None:
    """Mean distance of the face's corresponding points before and after, in the scans' unit; None without scans."""
    files = [v["face_mesh"] for v in (before, after)]
    if None in files:
        return None
    first, second = (read_mesh(Path(str(f))).points for f in files)
    return float(np.linalg.norm(first - second, axis=1).mean())
