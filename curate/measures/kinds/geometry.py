"""How near arranged objects are to where they should be: distances of their points and errors of their rotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.base import Config
from curate.measures.base import TABLE, Given, Input, Measure, Result
from curate.measures.columns_of_tables import numbers
from curate.measures.pictures import beside
from curate.measures.summary import averaged
from curate.sidecars.mesh import read_mesh
from curate.sidecars.transforms import COLUMNS, OBJECT, QUATERNION, TRANSLATION, Rigid, object_order, turn_between
from curate.sidecars.transforms import rotation_of as rotation_of_quaternion
from schemas import UsageError

Array = NDArray[np.float64]
MESH = "mesh"


@dataclass(frozen=True)
class GeometryConfig(Config):
    """What objects without a mesh are measured on.

    Attributes:
        extent: Half side of a cube in the unit of the translations, whose corners stand for an object without mesh.
    """

    extent: float = 1.0


class Geometry(Measure):
    """ADD is the mean distance of an object's points under both transforms, averaged over the objects.

    PA-ADD is the same after the whole arrangement was laid onto the true one by the best rigid motion (Procrustes,
    without scaling). Rotation error is the angle between both rotations, translation error the distance of both
    translations.
    """

    name = "geometry"
    doc = "ADD, PA-ADD, rotation and translation error of arranged objects."
    source = "Hinterstoisser et al. 2012, ADD; Lei et al. 2023 (tooth arrangement), PA-ADD; Huynh 2009, rotations"
    inputs = (
        Input("truth", TABLE, "a row per object: its id, quaternion and translation; `mesh`, a file of its points, "
              "if known", COLUMNS),
        Input("guess", TABLE, "the same objects elsewhere", COLUMNS),
    )  # fmt: skip
    config_type = GeometryConfig
    config: GeometryConfig

    def measure(self, given: Given) -> Result:
        """Means over objects, and a row of each."""
        truth, guess = (transforms_of(given.tables[n], given.paths[n]) for n in ("truth", "guess"))
        if truth.keys() != guess.keys():
            odd = sorted(truth.keys() ^ guess.keys(), key=object_order)
            raise UsageError(
                f"{given.paths['guess']} has other objects than {given.paths['truth']}", ", ".join(odd[:5])
            )
        models = self._models(given, list(truth))
        aligned = procrustes(
            np.concatenate([guess[n].apply(models[n]) for n in truth]),
            np.concatenate([truth[n].apply(models[n]) for n in truth]),
        )
        rows = []
        for name, true in truth.items():
            there, here = true.apply(models[name]), guess[name].apply(models[name])
            rows.append({
                OBJECT: name,
                "ADD": add(there, here),
                "PA-ADD": add(there, aligned.apply(here)),
                "rotation error": turn_between(true.rotation, guess[name].rotation),
                "translation error": float(np.linalg.norm(true.translation - guess[name].translation)),
            })  # fmt: skip
        names = ("ADD", "PA-ADD", "rotation error", "translation error")
        facts = {name: averaged([float(str(r[name])) for r in rows]).as_dict() for name in names}
        return Result({"objects": len(rows), **facts}, {"objects": rows}, ("Rotation errors are in degrees.",))

    def _models(self, given: Given, objects: list[str]) -> Mapping[str, Array]:
        """Points of each object in its own frame, (n, 3)."""
        table, path = given.tables["truth"], given.paths["truth"]
        corner = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
        found = dict.fromkeys(objects, corner * self.config.extent)
        if MESH in table.column_names:
            for name, file in zip(table.column(OBJECT).to_pylist(), table.column(MESH).to_pylist(), strict=True):
                if file:
                    found[str(name)] = read_mesh(beside(path, file)).points
        return found


def transforms_of(table: pa.Table, path: Path) -> dict[str, Rigid]:
    """Transforms by object, in the order of their ids.

    Raises:
        UsageError: for a value that is no number, or an object that stands twice.
    """
    values = np.stack([numbers(table, c, path) for c in (*QUATERNION, *TRANSLATION)], axis=1)
    names = [str(n) for n in table.column(OBJECT).to_pylist()]
    if len(set(names)) < len(names):
        raise UsageError(f"{path} has an object twice")
    found = {n: Rigid(rotation_of_quaternion(v[:4]), v[4:]) for n, v in zip(names, values, strict=True)}
    return {name: found[name] for name in sorted(found, key=object_order)}


def add(first: Array, second: Array) -> float:
    """Mean distance of corresponding points, (n, 3) each."""
    return float(np.linalg.norm(first - second, axis=1).mean())


def procrustes(source: Array, target: Array) -> Rigid:
    """The rigid motion, without reflection or scaling, that brings points nearest to others (Kabsch 1976).

    Args:
        source: (n, 3).
        target: (n, 3).
    """
    a, b = source.mean(0), target.mean(0)
    u, _, vt = np.linalg.svd((source - a).T @ (target - b))
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (vt.T * [1, 1, sign]) @ u.T
    return Rigid(rotation, b - rotation @ a)
