"""Error of the landmark conversions, in per cent of the distance between the outer eye corners.

478 -> 98 has no labelled faces here: its 68 shared points are compared with hand-set 68 points on two photos.
68 -> 5 is compared with the detector's own five points on FairFace crops, per group: two opinions, not a truth.

python -m benchmarks.conversions
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.base import FaceBatch
from annotators.crops import Pixels
from annotators.landmarks import FaceMesh
from annotators.points import convert
from annotators.registry import detector
from annotators.weights import ModelStore
from benchmarks.detection import central, fairface_crops, photos
from benchmarks.labelling import arguments, face_table
from benchmarks.landmarks import JAW, distance
from benchmarks.statistics import groups, mean, table
from schemas.columns import labels

POINT_NAMES = ("right eye", "left eye", "nose", "right mouth corner", "left mouth corner")


def mesh_of(annotator: FaceMesh, image: Pixels, box: NDArray[Any], five: NDArray[Any]) -> NDArray[np.float32] | None:
    """The mesh of one face, shape (478, 2), or None."""
    value = annotator.annotate(FaceBatch(face_table({"face": (box, five, 1.0)}), {"face": image}))
    mesh = value.column(labels.MESH.name)[0].as_py()
    return None if mesh is None else np.array(mesh, np.float32).reshape(478, 3)[:, :2]


def labelled(models: ModelStore, data: Path) -> list[list[Any]]:
    """A row per photo with hand-set 68 points: error of 478 -> 68, of 478 -> 98 -> 68, and of the five points."""
    finder, mesher = detector("yunet")(), FaceMesh()
    finder.setup(models)
    mesher.setup(models)
    rows = []
    for known, image in photos(data, "landmarks68"):
        truth = np.array(known["points"], np.float32)
        found = finder.detect(image)
        centre = truth.mean(0)
        best = int(np.argmin(np.abs(found.boxes[:, :2] + found.boxes[:, 2:] / 2 - centre).sum(1)))
        mesh = mesh_of(mesher, image, found.boxes[best], found.points[best])
        assert mesh is not None, known["file"]
        direct = convert(mesh, "points-478", "points-68")
        by_98 = convert(convert(mesh, "points-478", "points-98"), "points-98", "points-68")
        unit = np.linalg.norm(truth[36] - truth[45])
        five = convert(mesh, "points-478", "points-5") - convert(truth, "points-68", "points-5")
        error = float(np.linalg.norm(five, axis=1).mean() / unit * 100)
        rows.append([known["file"], distance(direct, truth, JAW), distance(by_98, truth, JAW), error])
    return rows


def against_detector(models: ModelStore, data: Path, step: int) -> list[list[Any]]:
    """Rows per race group: distance of the five points had from 68 to the detector's, per point."""
    finder, mesher = detector("yunet")(), FaceMesh()
    finder.setup(models)
    mesher.setup(models)
    races, errors = [], []
    for race, image in fairface_crops(data, step):
        found = finder.detect(image)
        row = central(found, image)
        if row is None:
            continue
        mesh = mesh_of(mesher, image, found.boxes[row], found.points[row])
        if mesh is None:
            continue
        points = convert(mesh, "points-478", "points-68")
        away = np.linalg.norm(convert(points, "points-68", "points-5") - found.points[row], axis=1)
        races.append(race)
        errors.append(away / np.linalg.norm(points[36] - points[45]) * 100)
    array = np.array(errors)
    parts = [("all", np.ones(len(array), bool)), *groups(races)]
    return [[name, int(m.sum()), *(mean(array[m, k]) for k in range(5))] for name, m in parts]


def main(arguments_given: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--step", type=int, default=40, help="every n-th FairFace crop")
    options = parser.parse_args(arguments_given)
    models = ModelStore()
    header = ("photo", "478 -> 68, no jaw", "478 -> 98 -> 68, no jaw", "478 -> 5 against 68 -> 5")
    print(table(header, labelled(models, options.data)))
    print()
    print(
        table(("68 -> 5 from the detector's", "n", *POINT_NAMES), against_detector(models, options.data, options.step))
    )


if __name__ == "__main__":
    main()
