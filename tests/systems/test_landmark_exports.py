"""Landmark training data: the acceptance checks of the systems that train on such exports."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from annotators.points import convert
from curate.export.formats.pts_300w import read_pts
from curate.export.heatmaps import peaks, refined
from schemas import labels
from schemas.columns import faces
from schemas.landmarks import layout
from tests.systems.expression_samples import exported, measured, settings
from tests.systems.layout_samples import facecurate

if TYPE_CHECKING:
    from curate.store import Dataset

COVERED, FACES = 24, 18
HALF = f"{labels.YAW.name} > 0"
MOUTH = slice(22, 28)
"""Corners and lips among COFW's 29 points."""
TOY = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], float)
"""Five points: pupils 40 apart, box 40 x 40."""
OFFSETS = (0.0, 1.0, 2.0, 3.0, 6.0)


def written(path: Path, points: NDArray[np.float64]) -> Path:
    """A table of points as `measure landmark_metrics` reads it."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", *(f"{axis}_{i}" for i in range(points.shape[1]) for axis in "xy")])
        rows.writerows([f"{number}.jpg", *face.ravel().tolist()] for number, face in enumerate(points))
    return path


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Five faces whose points are all off by 0, 1, 2, 3 and 6 pixels."""
    folder = tmp_path_factory.mktemp("toy")
    truth = np.repeat(TOY[None], len(OFFSETS), 0)
    guess = truth + np.array(OFFSETS)[:, None, None] * [1, 0]
    return written(folder / "truth.csv", truth), written(folder / "predicted.csv", guess)


def figures_of(toy: tuple[Path, Path], normaliser: str, to: Path) -> tuple[float, float, float]:
    facts = measured("landmark_metrics", *toy, *settings(normaliser=normaliser), to=to)["facts"]
    assert facts["normaliser"] == normaliser
    return tuple(facts[name]["value"] for name in ("NME", "FR10", "AUC10"))  # type: ignore[return-value]


def check_heatmaps(ds: Dataset, folder: Path, name: str) -> int:
    """Heat maps give the points back, and the matrix leads to the photo; half of the faces. Gives how many."""
    out = exported(ds, "landmark_heatmaps", folder, "--crop", "crop256", "--where", HALF, *settings(layout=name))
    rows = {r[faces.FACE_ID.name]: r for r in ds.faces([faces.FACE_ID, labels.POINTS_68, labels.MESH]).to_pylist()}
    seen = 0
    for path in sorted(out.glob("*.npz")):
        with np.load(path, allow_pickle=False) as told:
            archive = {key: told[key] for key in told.files}
        assert archive["images"].shape[1:] == (256, 256, 3)
        assert archive["mirror"][archive["mirror"]].tolist() == list(range(layout(name).size))
        for points, maps, matrix, text in zip(
            archive["points"], archive["heatmaps"], archive["matrix"], archive["records"], strict=True
        ):
            row = rows[json.loads(str(text))[faces.FACE_ID.name]]
            if row[labels.MESH.name] is None:
                assert np.isnan(points).all()
                continue
            drawn = ((points >= 0) & (points < 256)).all(1)
            assert drawn.mean() > 0.9
            assert np.abs(peaks(maps) - points / 4)[drawn].max() <= 0.5 + 1e-3, "pixels of the map"
            inner = ((points > 4) & (points < 252)).all(1)
            assert np.abs(refined(maps) * 4 - points)[inner].max() <= 0.5, "pixels of the crop"
            inverse = cv2.invertAffineTransform(matrix)
            back = points @ inverse[:, :2].T + inverse[:, 2]
            mesh = np.reshape(row[labels.MESH.name], (478, 3))
            assert np.abs(back - convert(mesh, "points-478", name)[:, :2]).max() <= 0.5, "pixels of the photo"
            seen += 1
    return seen


def test_system_083_d_vit(adults: Dataset, toy: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("points-68", "points-98", "points-29"):
        assert check_heatmaps(adults, tmp_path / name, name) >= FACES - 4

    pts = exported(adults, "pts_300w", tmp_path / "pts", "--columns", labels.POINTS_68.name)
    rows = adults.faces([faces.IMAGE_ID, labels.POINTS_68]).to_pylist()
    known = {r[faces.IMAGE_ID.name][:16]: r[labels.POINTS_68.name] for r in rows if r[labels.POINTS_68.name]}
    files = sorted(pts.glob("*/*.pts"))
    assert len(files) == len(known) >= 34
    for path in files:
        assert path.read_text("ascii").startswith("version: 1\nn_points: 68\n{\n")
        points = read_pts(path)
        assert np.abs(points.ravel() - known[path.stem.partition("_")[0]]).max() < 1e-4
        again = tmp_path / "again.pts"
        lines = "".join(f"{x:.6f} {y:.6f}\n" for x, y in points.astype(np.float64) + 1)
        again.write_text(f"version: 1\nn_points: 68\n{{\n{lines}}}\n")
        assert (read_pts(again) == points).all(), "what is read and written again is the same"

    sizes = {"pupils": 40.0, "box_size": 40.0, "box_diagonal": math.hypot(40, 40)}
    for normaliser, size in sizes.items():
        error = figures_of(toy, normaliser, tmp_path / f"{normaliser}.json")[0]
        assert error == pytest.approx(np.mean(OFFSETS) / size)
    truth = np.random.default_rng(0).uniform(0, 200, (5, 68, 2))
    both = written(tmp_path / "t.csv", truth), written(tmp_path / "p.csv", truth + np.array([3, 4]))
    error = figures_of(both, "outer_corners", tmp_path / "corners.json")[0]
    assert error == pytest.approx(np.mean(5 / np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)))


def test_system_072_orformer(adults: Dataset, toy: tuple[Path, Path], tmp_path: Path) -> None:
    from curate.store import Dataset

    bare = f"{labels.MASK_WORN.name} = false and abs({labels.YAW.name}) < 25"
    ds = Dataset.open(shutil.copytree(adults.path, tmp_path / "faces"))
    made = ("generate", ds.path, "-w", "occlude", "-n", COVERED, "--side", 256, "--where", bare, "-a", "covers", "-q")
    assert facecurate(*made, "--set", "occlude.kind=mask", "--order", "random", "--assume-adults") == 0
    out = exported(ds, "cofw", tmp_path / "cofw", "--synthetic", "only", "--columns", labels.MESH.name)
    told = json.loads((out / "annotations/cofw_unassigned.json").read_text("utf-8"))
    flags = np.array([np.reshape(note["keypoints"], (29, 3))[:, 2] for note in told["annotations"]])
    assert len(flags) >= FACES
    assert (flags[:, MOUTH] == 1).mean() >= 0.8, "the mouth is covered"
    assert (flags[:, 8:18] == 2).mean() >= 0.8, "the eyes are not"

    values = figures_of(toy, "pupils", tmp_path / "figures.json")
    errors = np.array(OFFSETS) / 40
    assert values == pytest.approx((errors.mean(), (errors > 0.1).mean(), np.maximum(1 - errors / 0.1, 0).mean()))

    wflw = exported(ds, "wflw", tmp_path / "wflw", "--synthetic", "without")
    (path,) = wflw.glob("WFLW_annotations/*/list_98pt_rect_attr_*.txt")
    lines = [line.split(" ") for line in path.read_text("ascii").splitlines()]
    assert len(lines) >= 34 and {len(line) for line in lines} == {196 + 4 + 6 + 1}
    assert all((wflw / "WFLW_images" / line[-1]).is_file() for line in lines)
    for name in ("points-98", "points-29", "points-68"):
        table = layout(name).mirror
        assert [table[i] for i in table] == list(range(len(table)))
