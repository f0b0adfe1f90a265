"""The mesh: error against labelled points, and how little it moves when the picture or the box is changed.

Only two photos with labelled points are at hand, so the error is an indication. On FairFace crops, per group: the
share without a mesh, the distance between the mirrored points and the points of the mirrored picture, and how far
a box displaced by 15 % moves the points, with one pass and with two. Distances are means over the 68 points in
per cent of the distance between the outer eye corners.

python -m benchmarks.landmarks
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.base import FaceBatch
from annotators.crops import Pixels
from annotators.landmarks import FaceMesh, MeshConfig
from annotators.points import mirror
from annotators.registry import detector
from annotators.weights import ModelStore
from benchmarks.detection import central, fairface_crops, photos
from benchmarks.labelling import arguments, face_table
from benchmarks.statistics import groups, mean, proportion, table
from schemas.columns import labels

JAW = 17
"""Number of jaw points, the first of the 68."""
OUTER_EYES = (36, 45)
FAILURE = 10.0
Points = NDArray[np.float32]


def points_68(mesh: FaceMesh, image: Pixels, box: NDArray[Any], five: NDArray[Any]) -> Points | None:
    """The 68 points of one face, or None where there is no mesh."""
    table_of_one = face_table({"face": (box, five, 1.0)})
    value = mesh.annotate(FaceBatch(table_of_one, {"face": image})).column(labels.POINTS_68.name)[0].as_py()
    return None if value is None else np.array(value, np.float32).reshape(68, 2)


def distance(a: Points, b: Points, start: int = 0) -> float:
    """Mean distance from point `start` on, in per cent of the outer-eye distance of `b`."""
    unit = np.linalg.norm(b[OUTER_EYES[0]] - b[OUTER_EYES[1]])
    return float(np.linalg.norm(a - b, axis=1)[start:].mean() / unit * 100)


def displaced(box: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
    """The box moved by up to 15 % of its size and scaled by up to 15 %."""
    x, y, w, h = box
    dx, dy, grow = rng.uniform(-0.15, 0.15, 3)
    w2, h2 = w * (1 + grow), h * (1 + grow)
    return np.array([x + w * dx + (w - w2) / 2, y + h * dy + (h - h2) / 2, w2, h2], np.float32)


def labelled(models: ModelStore, data: Path) -> list[list[Any]]:
    """Rows per labelled photo and number of passes."""
    finder = detector("yunet")()
    finder.setup(models)
    rows = []
    for passes in (1, 2, 3):
        mesh = FaceMesh(MeshConfig(passes=passes))
        mesh.setup(models)
        for known, image in photos(data, "landmarks68"):
            truth = np.array(known["points"], np.float32)
            found = finder.detect(image)
            inside = [i for i, b in enumerate(found.boxes) if _holds(b, truth.mean(0))]
            points = points_68(mesh, image, found.boxes[inside[0]], found.points[inside[0]])
            assert points is not None
            rows.append([known["file"], passes, distance(points, truth), distance(points, truth, JAW)])
    return rows


def _holds(box: NDArray[Any], point: NDArray[Any]) -> bool:
    return bool((box[:2] <= point).all() and (point <= box[:2] + box[2:]).all())


def steadiness(models: ModelStore, data: Path, step: int) -> list[list[Any]]:
    """Rows per race group of FairFace: no mesh, mirror distance, distance after displacing the box."""
    finder = detector("yunet")()
    meshes = {passes: FaceMesh(MeshConfig(passes=passes)) for passes in (1, 2)}
    finder.setup(models)
    for mesh in meshes.values():
        mesh.setup(models)
    rng = np.random.default_rng(0)
    races: list[str] = []
    values: list[list[float]] = []
    for race, image in fairface_crops(data, step):
        found = finder.detect(image)
        row = central(found, image)
        if row is None:
            continue
        box, five = found.boxes[row], found.points[row]
        moved = displaced(box, rng)
        plain = points_68(meshes[2], image, box, five)
        races.append(race)
        if plain is None:
            values.append([1, *[float("nan")] * 3])
            continue
        width = image.shape[1]
        box_mirrored = np.array([width - box[0] - box[2], *box[1:]])
        five_mirrored = mirror(five, "points-5", width)
        other = points_68(meshes[2], np.ascontiguousarray(image[:, ::-1]), box_mirrored, five_mirrored)
        pairs: list[tuple[Points | None, Points | None]] = [
            (plain, None if other is None else mirror(other, "points-68", width))
        ]
        pairs += [(points_68(m, image, box, five), points_68(m, image, moved, five)) for m in meshes.values()]
        values.append([0, *(float("nan") if a is None or b is None else distance(b, a) for a, b in pairs)])
    array = np.array(values)
    parts = [("all", np.ones(len(array), bool)), *groups(races)]
    return [
        [name, int(m.sum()), proportion(array[m, 0] > 0), *(mean(_present(array[m, k])) for k in (1, 2, 3))]
        for name, m in parts
    ]


def _present(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(values[np.isfinite(values)])


def main(arguments_given: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--step", type=int, default=40, help="every n-th FairFace crop")
    options = parser.parse_args(arguments_given)
    models = ModelStore()
    print(table(("photo", "passes", "error %", "without the jaw"), labelled(models, options.data)))
    print()
    header = ("FairFace", "n", "no mesh", "mirrored", "displaced, 1 pass", "displaced, 2 passes")
    print(table(header, steadiness(models, options.data, options.step)))


if __name__ == "__main__":
    main()
