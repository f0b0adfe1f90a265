"""Tables of py-feat and OpenFace: their columns, units and signs, by hand and through pandas."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.export.formats import csv_openface, csv_pyfeat
from curate.export.options import ExportOptions
from curate.export.run import export
from curate.export.sample import FaceItem, Sample
from curate.store import Dataset
from schemas import labels
from schemas.columns import faces
from tests.export_samples import LABELLED, hard_cases

COLUMNS = tuple(c.name for c in LABELLED)
POINTS = np.arange(136, dtype=np.float32).reshape(68, 2)
KNOWN = {
    labels.POINTS_68.name: POINTS,
    labels.YAW.name: 30.0, labels.PITCH.name: 10.0, labels.ROLL.name: -20.0,
    labels.GAZE_YAW.name: 15.0, labels.GAZE_PITCH.name: 5.0,
    labels.AU_SCORE.name: {"AU1": 0.25, "AU12": 0.75, "AU45": 0.9, "AU28": None},
    labels.AU_INTENSITY.name: {"AU1": 0.5, "AU12": 3.5, "AU45": 1.0},
    labels.EMOTION_PROB.name: {"anger": 0.1, "happiness": 0.9},
    labels.IDENTITY_ID.name: "p-7", faces.SCORE.name: 0.875,
}  # fmt: skip


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("tables"), 40)


def sample() -> Sample:
    face = FaceItem("f", (20.0, 10.0, 40.0, 50.0), KNOWN)
    return Sample("a", 6, "train", b"", ".jpg", 200, 100, (face,))


def test_py_feat_has_radians_its_signs_and_probabilities() -> None:
    row = dict(zip(csv_pyfeat.HEAD, csv_pyfeat._row(sample(), 0), strict=True))
    assert [row[n] for n in csv_pyfeat.BOX] == [20, 10, 40, 50] and row["FaceScore"] == 0.875
    assert (row["x_0"], row["y_0"], row["x_67"], row["y_67"]) == (0, 1, 134, 135)
    assert row["Yaw"] == pytest.approx(-math.radians(30)), "py-feat turns to the subject's right"
    assert row["Pitch"] == pytest.approx(math.radians(10)) and row["Roll"] == pytest.approx(math.radians(20))
    assert row["gaze_yaw"] == pytest.approx(math.radians(15)) and row["gaze_pitch"] == pytest.approx(math.radians(5))
    assert math.cos(row["gaze_angle"]) == pytest.approx(math.cos(math.radians(15)) * math.cos(math.radians(5)))
    assert (row["AU01"], row["AU12"], row["AU28"]) == (0.25, 0.75, None) and "AU45" not in row
    assert (row["happiness"], row["neutral"], row["Identity"]) == (0.9, None, "p-7")
    assert row["input"] == "images/train/a.jpg" and len(csv_pyfeat.HEAD) == len(set(csv_pyfeat.HEAD))


def test_openface_has_its_columns_signs_and_occurrences() -> None:
    row = dict(zip(csv_openface.HEAD, csv_openface._row(sample(), 0), strict=True))
    head = list(csv_openface.HEAD)
    assert (
        head[:5] == ["frame", "face_id", "timestamp", "confidence", "success"]
        and len(head) == 5 + 8 + 6 + 136 + 17 + 18
    )
    assert head[-35:-33] == ["AU01_r", "AU02_r"] and head[-1] == "AU45_c" and "AU28_r" not in head and "AU28_c" in head
    assert row["pose_Rx"] == pytest.approx(-math.radians(10)), "x points down, so looking up is negative"
    assert row["pose_Ry"] == pytest.approx(-math.radians(30)) and row["pose_Rz"] == pytest.approx(math.radians(-20))
    assert row["gaze_angle_x"] == pytest.approx(math.radians(15))
    assert row["gaze_angle_y"] == pytest.approx(-math.radians(5))
    vector = np.array([row[f"gaze_0_{axis}"] for axis in "xyz"])
    assert np.linalg.norm(vector) == pytest.approx(1) and vector[2] < 0 and row["pose_Tz"] is None
    assert math.atan2(vector[0], -vector[2]) == pytest.approx(math.radians(15))
    assert math.atan2(vector[1], -vector[2]) == pytest.approx(-math.radians(5))
    assert (row["AU01_r"], row["AU12_r"], row["AU45_r"]) == (0.5, 3.5, 1.0)
    assert (row["AU01_c"], row["AU12_c"], row["AU45_c"], row["AU28_c"]) == (0, 1, 1, None)
    assert (row["x_5"], row["y_5"], row["success"], row["confidence"]) == (10, 11, 1, 0.875)


def test_pandas_reads_py_feat_tables(ds: Dataset, tmp_path: Path) -> None:
    done = export(ds, "csv_pyfeat", tmp_path / "out", ExportOptions(columns=COLUMNS, empty=True, shard=10))
    tables = {p.stem: pd.read_csv(p) for p in (tmp_path / "out").glob("*.csv")}
    assert sum(map(len, tables.values())) == done.manifest["faces"]
    told = pd.concat(tables.values())
    rows = ds.faces([*faces.BOX, labels.YAW, faces.SCORE]).to_pylist()
    assert sorted(told["FaceRectX"]) == pytest.approx(sorted(r[faces.BOX_X.name] for r in rows), rel=1e-6)
    assert told["FaceScore"].tolist() == pytest.approx([0.9] * len(rows))
    yaw = sorted(r[labels.YAW.name] for r in rows if r[labels.YAW.name] is not None)
    assert sorted(-np.degrees(told["Yaw"].dropna())) == pytest.approx(yaw, abs=1e-3)
    assert all((tmp_path / "out" / name).is_file() for name in told["input"])


def test_frames_of_openface_are_places_in_the_folder(ds: Dataset, tmp_path: Path) -> None:
    export(ds, "csv_openface", tmp_path / "out", ExportOptions(columns=COLUMNS, empty=True, shard=10))
    told = pd.read_csv(tmp_path / "out/train.csv")
    pictures = sorted((tmp_path / "out/images/train").iterdir())
    by_key = {
        p.stem.partition("_")[2]: told[told["frame"] == i][["x_0", "y_0"]].to_numpy() for i, p in enumerate(pictures, 1)
    }
    assert len(by_key) == 21 and told["frame"].max() <= 21 and told["face_id"].max() == 2
    rows = ds.faces([faces.IMAGE_ID, labels.POINTS_68]).to_pylist()
    seen = 0
    for key, found in by_key.items():
        known = [r[labels.POINTS_68.name] for r in rows if r[faces.IMAGE_ID.name].startswith(key)]
        assert len(known) == len(found)
        for points, (x, y) in zip(known, found, strict=True):
            assert np.isnan(x) if points is None else np.allclose([x, y], points[:2], rtol=1e-6)
            seen += points is not None
    assert seen > 10
