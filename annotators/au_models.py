"""How evidence from mesh, blendshapes and texture is weighed for each action unit, as data.

`data/action_units.toml` is the capability table: which unit is seen from what, how well it was measured
to work, and which units nothing here can see. `benchmarks/fit_action_units.py` writes it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.au_geometry import MEASURES, side_measures
from annotators.au_texture import BINS, CELLS, REGIONS, side_gradients
from annotators.canonical_face import Array, angles, fit_pose
from annotators.crops import Pixels
from annotators.face_state import INNER_LIPS, MOUTH_CORNERS, Mesh, distance, eye_openings
from schemas import SchemaError, taxonomy
from schemas.columns import labels

OPENINGS = ("mouth_opening", "eye_opening")
GEOMETRY = (*MEASURES, *OPENINGS)
SHAPES = tuple(
    dict.fromkeys(n.removesuffix("Left").removesuffix("Right") for n in taxonomy("blendshapes-mediapipe").labels)
)
"""Blendshape names without their side."""

TEXTURE_SHAPE = (CELLS, CELLS // 2, BINS)
TEXTURE_SIZE = int(np.prod(TEXTURE_SHAPE))
CLIP = 4.0
FLOOR = 0.02
"""Added to a coefficient before its logarithm: smaller ones are noise."""


@dataclass(frozen=True)
class Unit:
    """One action unit and what is known about it.

    Attributes:
        name: Such as `AU12`.
        supported: Whether any method here can see it; if not, its columns are null.
        note: What it is read from and what to beware of, or why it is not supported.
        sources: Of `geometry`, `blendshapes`, `texture`.
        sided: Whether left and right carry information of their own.
        threshold: Evidence at which the score is 0.5.
        knots: Evidence at which the intensity is 1, 2, 3, 4 and 5.
        weights: (features,) over one side's evidence.
        measured: Rows of figures: set, labels, counts, AUC with interval, rates.
    """

    name: str
    supported: bool
    note: str
    sources: tuple[str, ...] = ()
    sided: bool = False
    threshold: float = 0.0
    knots: tuple[float, ...] = ()
    weights: Array = field(default_factory=lambda: np.zeros(0))
    measured: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Prior:
    """What an average person's face measures, so that evidence counts from there.

    Attributes:
        geometry: (n, 6) per measure: offset, slopes on yaw towards the side, yaw squared, pitch and
            pitch squared (in units of 30 and 20 degrees), and robust standard deviation.
        shapes: (m, 2) per blendshape: median and robust standard deviation of its logarithm.
    """

    geometry: Array
    shapes: Array


@dataclass(frozen=True)
class Table:
    """The prior and the units, in the order of the AU columns."""

    prior: Prior
    units: tuple[Unit, ...]

    @property
    def supported(self) -> tuple[Unit, ...]:
        """Units that the annotator gives values for."""
        return tuple(u for u in self.units if u.supported)


@cache
def table() -> Table:
    """The capability table of `data/action_units.toml`.

    Raises:
        SchemaError: if it names a feature that is not measured, or leaves out a unit of the columns.
    """
    text = resources.files("annotators").joinpath("data/action_units.toml").read_text("utf-8")
    return parse(tomllib.loads(text))


def parse(data: Mapping[str, Any]) -> Table:
    """A table from its TOML data; see `table`."""
    prior = Prior(
        np.array([data["prior"]["geometry"][name] for name in GEOMETRY]),
        np.array([data["prior"]["blendshapes"][name] for name in SHAPES]),
    )
    rows = {row["name"]: row for row in data["unit"]}
    names = taxonomy(labels.AU_SCORE.taxonomy).labels
    if set(rows) != set(names):
        raise SchemaError("the table of action units does not match the columns", ", ".join(set(rows) ^ set(names)))
    return Table(prior, tuple(_unit(rows[name]) for name in names))


def _unit(row: Mapping[str, Any]) -> Unit:
    if not row["supported"]:
        return Unit(row["name"], False, row["note"], measured=tuple(row.get("measured", ())))
    return Unit(
        name=row["name"],
        supported=True,
        note=row["note"],
        sources=tuple(row["sources"]),
        sided=row["sided"],
        threshold=row["threshold"],
        knots=tuple(row["knots"]),
        weights=unit_weights(row),
        measured=tuple(row.get("measured", ())),
    )


def unit_weights(row: Mapping[str, Any]) -> Array:
    """Weights over one side's evidence, shape (features,), from a `[[unit]]` of the table.

    Raises:
        SchemaError: if it names a feature that is not measured.
    """
    weights = np.zeros(len(GEOMETRY) + len(SHAPES) + TEXTURE_SIZE)
    for key, known, start in (("geometry", GEOMETRY, 0), ("blendshapes", SHAPES, len(GEOMETRY))):
        for name, value in row.get(key, {}).items():
            if name not in known:
                raise SchemaError(f"{row['name']} weighs '{name}', which is no {key} feature")
            weights[start + known.index(name)] = value
    if "texture" in row:
        low, high = REGIONS[row["region"]]
        cells = np.zeros(TEXTURE_SHAPE)
        cells[low:high] = np.reshape(row["texture"], (high - low, *TEXTURE_SHAPE[1:]))
        weights[-TEXTURE_SIZE:] = cells.reshape(-1)
    return weights


def raw_evidence(mesh: Mesh, shapes: Mapping[str, float], frontal: Pixels) -> tuple[Array, Array, Array, float, float]:
    """What is measured before the prior is taken out.

    Args:
        mesh: (478, 3) px.
        shapes: Blendshape coefficients by name.
        frontal: A `FrontalCrop`.

    Returns:
        Geometry (2, n), logarithms of blendshapes (2, m), texture (2, k), all left then right; yaw and
        pitch in degrees.
    """
    pose = fit_pose(mesh)
    yaw, pitch, _ = angles(pose.rotation)
    mouth = distance(mesh, INNER_LIPS) / max(distance(mesh, MOUTH_CORNERS), 1e-6)
    openings = np.array([[mouth, eye] for eye in eye_openings(mesh)])
    geometry = np.hstack([side_measures(mesh, pose), openings])
    sides = [[shapes[n] if n in shapes else shapes[n + side] for n in SHAPES] for side in ("Left", "Right")]
    return (
        geometry,
        np.log(FLOOR + np.array(sides)),
        side_gradients(frontal).reshape(2, -1).astype(np.float64),
        yaw,
        pitch,
    )


def pose_terms(yaw: NDArray[Any] | float, pitch: NDArray[Any] | float) -> Array:
    """Terms of the pose correction, shape (2, 5, ...): left side, then right.

    The subject's left half turns away when the nose points to the image's right.
    """
    y, p = np.asarray(yaw) / 30, np.asarray(pitch) / 20
    one = np.ones_like(y)
    return np.stack([np.stack([one, side * y, y * y, p, p * p]) for side in (-1.0, 1.0)])


def side_evidence(prior: Prior, mesh: Mesh, shapes: Mapping[str, float], frontal: Pixels) -> Array:
    """Evidence in robust standard deviations from the average face, shape (2, features): left, right."""
    geometry, logs, texture, yaw, pitch = raw_evidence(mesh, shapes, frontal)
    expected = pose_terms(yaw, pitch) @ prior.geometry[:, :5].T
    geometry = (geometry - expected) / prior.geometry[:, 5]
    logs = (logs - prior.shapes[:, 0]) / prior.shapes[:, 1]
    return np.hstack([np.clip(geometry, -CLIP, CLIP), np.clip(logs, -CLIP, CLIP), texture])


def score(unit: Unit, evidence: float) -> float:
    """Score in 0-1 of weighed evidence: logistic, 0.5 at the threshold."""
    return float(1 / (1 + np.exp(-np.clip(evidence - unit.threshold, -30, 30))))


def intensity(unit: Unit, evidence: float) -> float:
    """Intensity in 0-5 of weighed evidence: 0 below the threshold, then monotone through the knots."""
    if evidence < unit.threshold:
        return 0.0
    return float(np.interp(evidence, unit.knots, (1, 2, 3, 4, 5)))
