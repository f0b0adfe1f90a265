"""Identity and expression coefficients of a dataset's faces by a linear shape model, and their neutral counterparts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.measures.base import DATASET, Config, Given, Input, Measure, Result
from curate.shape_model import COMPONENTS, ShapeModel, error, fit, shape_of
from curate.store.parts import replacing, write_table
from schemas import UsageError
from schemas.columns import faces, labels

Floats = NDArray[np.float64]
FEWEST = 40
CALM = "neutral"


@dataclass(frozen=True)
class ShapeModelConfig(Config):
    """How the model is fitted.

    Attributes:
        components: Most directions of identity.
        most_yaw: Faces turned further take no part, in degrees.
        left_out: Share of the faces that the reconstruction is measured on instead of being fitted.
        seed: Of the division.
    """

    components: int = COMPONENTS
    most_yaw: float = 30.0
    left_out: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        if self.components < 1 or not 0 < self.left_out < 1:
            raise UsageError("settings of shape_model", "components >= 1 and 0 < left_out < 1")


class ShapeModelMeasure(Measure):
    """Fitted on most faces, measured on the others; with `--files` it leaves model, coefficients and neutral points.

    Neutral counterparts are made in the model, set back into the picture under the face's own pose, and measured again
    from there, pose and all.
    """

    name = "shape_model"
    doc = (
        "Identity and expression coefficients by a linear shape model, its reconstruction error, neutral counterparts."
    )
    source = (
        "GaFET (Ma et al. 2023): geometry coefficients and de-expression; Blanz and Vetter 1999 for the linear model"
    )
    inputs = (Input("faces", DATASET, "with landmarks_478 and head pose"),)
    config_type = ShapeModelConfig
    config: ShapeModelConfig

    def measure(self, given: Given) -> Result:
        """The error on faces that were left out, and what neutralising them changes."""
        rows, shapes, poses = self._shapes(given)
        order = np.random.default_rng(self.config.seed).permutation(len(rows))
        test, train = np.split(order, [max(round(self.config.left_out * len(order)), 1)])
        calm = np.array([r.get(labels.PERCEIVED_EMOTION.name) == CALM for r in rows])
        model = fit(shapes[train], calm[train], self.config.components)
        identity, expression = model.coefficients(shapes)
        missed = error(shapes[test], model.shapes(identity[test], expression[test]))
        neutral = model.neutralised(shapes)
        again = np.stack([shape_of(_mesh(n, p))[0] for n, p in zip(neutral, poses, strict=True)])
        identity2, expression2 = model.coefficients(again)
        left = np.linalg.norm(expression2, axis=1) / np.linalg.norm(expression, axis=1)
        changed = np.linalg.norm(identity2 - identity, axis=1) / np.linalg.norm(identity, axis=1)
        facts = {
            "faces": len(rows), "fitted on": len(train), "directions of expression": int(model.expression.shape[1]),
            "directions of identity": int(model.identity.shape[1]), "left out": len(test),
            "reconstruction error, mean": float(missed.mean()), "reconstruction error, worst": float(missed.max()),
            "expression left by neutralising, median": float(np.median(left[test])),
            "identity changed by neutralising, median": float(np.median(changed[test])),
        }  # fmt: skip
        size = {"expression": np.linalg.norm(expression, axis=1), "identity": np.linalg.norm(identity, axis=1),
                "expression_left": left, "identity_changed": changed}  # fmt: skip
        table = [
            {"face": r[faces.FACE_ID.name], **{name: float(values[i]) for name, values in size.items()}}
            for i, r in enumerate(rows)
        ]
        notes = (
            "Errors are root mean squares of 68 points over the distance of the outer eye corners.",
            "One picture does not tell a face's neutral shape: a wide mouth may be read as a stretched one.",
        )
        files = () if given.out is None else _written(given.out, model, rows, identity, expression, neutral)
        return Result(facts, {"coefficients": table}, notes, files)

    def _shapes(self, given: Given) -> tuple[list[dict[str, Any]], Floats, list[Any]]:
        ds = given.datasets["faces"]
        known = ds.columns()
        wanted = [faces.FACE_ID, labels.MESH, labels.YAW]
        for column in wanted:
            if column.name not in known:
                raise UsageError(f"{ds.path} has no {column.name}", fix="Run: facecurate annotate DATASET")
        if labels.PERCEIVED_EMOTION.name in known:
            wanted.append(labels.PERCEIVED_EMOTION)
        rows, shapes, poses = [], [], []
        where = f"{labels.MESH.name} is not null and abs({labels.YAW.name}) <= {self.config.most_yaw}"
        for table in ds.iter_faces(wanted, where=where):
            for row in table.to_pylist():
                mesh = np.asarray(row.pop(labels.MESH.name), np.float64).reshape(-1, 3)
                shape, pose = shape_of(mesh)
                rows.append(row)
                shapes.append(shape)
                poses.append((pose, mesh))
        if len(rows) < FEWEST:
            raise UsageError(f"{ds.path} has {len(rows)} faces with a mesh that look ahead", f"{FEWEST} are needed")
        return rows, np.stack(shapes), poses


def _mesh(shape: Floats, place: tuple[Any, Floats]) -> Floats:
    """A face's mesh with its 68 points where a shape has them, and the points between moved along, px."""
    pose, mesh = place
    old, _ = shape_of(mesh)
    move = (shape - old).reshape(-1, 3)
    head = pose.to_head(mesh[:468])
    apart = np.linalg.norm(head[:, None] - old.reshape(-1, 3)[None], axis=2)
    weights = np.exp(-((apart / 0.8) ** 2))
    weights[np.arange(468)[apart.min(1) < 1e-4]] *= apart[apart.min(1) < 1e-4] < 1e-4
    total = np.maximum(weights.sum(1, keepdims=True), 1.0)
    return np.vstack([pose.to_image(head + weights @ move / total), mesh[468:]])


def _written(
    folder: Path, model: ShapeModel, rows: list[dict[str, Any]], identity: Floats, expression: Floats, neutral: Floats
) -> tuple[Path, ...]:
    """Model, coefficients and neutral points."""
    paths = (folder / "model.npz", folder / "coefficients.parquet")
    with replacing(paths[0]) as file:
        np.savez_compressed(file, mean=model.mean, expression=model.expression, identity=model.identity,
                            neutral=model.neutral)  # fmt: skip
    told = {faces.FACE_ID.name: [r[faces.FACE_ID.name] for r in rows], "identity": list(identity),
            "expression": list(expression), "neutral_points": list(neutral)}  # fmt: skip
    write_table(paths[1], pa.table(told))
    return paths
