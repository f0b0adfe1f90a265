"""Layouts that are made from tables, meshes and scores: the acceptance checks of the systems that train on them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from annotators.canonical_face import canonical_face, rotation_of
from annotators.visibility import triangles
from curate.layouts.folder import read as read_layout
from curate.sidecars.mesh import Mesh, read_mesh, write_mesh
from curate.sidecars.transforms import Rigid, quaternion_of, read_transforms, write_transforms
from tests.systems.layout_samples import facecurate, lines, manifest, photo, picture, table

if TYPE_CHECKING:
    from annotators.weights import ModelStore
    from curate.store import Dataset


def head(scale: float = 1.0) -> Mesh:
    """The average head with texture coordinates."""
    points = canonical_face().points * scale
    uv = (points[:, :2] - points[:, :2].min(0)) / np.ptp(points[:, :2], axis=0)
    return Mesh(points, triangles(), uv, triangles())


NEEDED = ("identity", "mesh", "demographics", "quality")


@pytest.fixture(scope="module")
def people(adult_photos: Path, models: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eight adults, each in three lightings, with identities and a split by people."""
    from curate import api
    from curate.store import Dataset

    folder = tmp_path_factory.mktemp("people") / "photos"
    folder.mkdir()
    for who, path in enumerate(sorted(adult_photos.glob("*.jpg"))[:8]):
        pixels = photo(path)
        cv2.imwrite(str(folder / f"{who:02d}_0.png"), pixels)
        cv2.imwrite(str(folder / f"{who:02d}_1.png"), turned(pixels, 8, 0.85))
        cv2.imwrite(str(folder / f"{who:02d}_2.png"), turned(pixels, -8, 1.15))
    ds = api.run(folder, folder.parent / "faces", api.Options(annotators=NEEDED, workers=2))
    assert facecurate("identity", ds.path, "-q") == 0
    assert facecurate("duplicates", ds.path, "-q") == 0
    assert facecurate("split", ds.path, "--ratios", "train=0.5,test=0.5", "-q") == 0
    return Dataset.open(ds.path)


def turned(pixels: np.ndarray, angle: float, light: float) -> np.ndarray:
    """A photograph leaned and in another light: another picture, not a copy of the first."""
    matrix = cv2.getRotationMatrix2D((112, 112), angle, 0.9)
    shown = cv2.warpAffine(pixels, matrix, (224, 224), borderMode=cv2.BORDER_REFLECT)
    return np.clip(shown * light, 0, 255).astype(np.uint8)


def test_system_038_person_pairs(people: Dataset, tmp_path: Path) -> None:
    folder, listed = tmp_path / "pairs", tmp_path / "pairs.csv"
    assert facecurate("pairs", people.path, "person_pairs", folder, "--size", 256, "-q") == 0
    assert facecurate("layout", "from-to", folder, listed, "-q") == 0
    with listed.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = dict(zip(*people.images(["image_id", "name"]).to_pydict().values(), strict=True))
    told = lines(folder)
    assert len(rows) == len(told) >= 9
    splits: dict[str, set[str]] = {}
    for row, pair in zip(rows, told, strict=True):
        people_shown = {names[pair[f"{r}_face"].split(".")[0]][:2] for r in ("from", "to")}
        assert len(people_shown) == 1, "no row crosses people"
        splits.setdefault(people_shown.pop(), set()).add(row["split"])
        for role in ("from", "to"):
            assert picture(folder / row[role]).shape == (256, 256, 3)
            assert np.load(folder / row[f"{role}_embed"]).shape == (128,)
            assert bool(row[f"{role}_skeleton"]) != bool(row[f"{role}_reason"])
    assert all(len(found) == 1 for found in splits.values()) and manifest(folder)["people_in_several_splits"] == 0
    assert len({s for found in splits.values() for s in found}) >= 2


def test_system_028_id_to_3d_expressions(people: Dataset, tmp_path: Path) -> None:
    write_mesh(head(), tmp_path / "scan.obj")
    assert facecurate("layout", "subjects", people.path, tmp_path / "bare", "-q") == 0
    bare = read_layout(tmp_path / "bare")
    assert all(row["mesh"] is None and row["mesh_points"] is None for row in bare)
    who = bare[-1]["subject"]
    scans = table(tmp_path / "scans.csv", [{"subject": who, "mesh": "scan.obj"}])
    folder = tmp_path / "out"
    assert facecurate("layout", "subjects", people.path, folder, "--meshes", scans, "-q") == 0
    rows = read_layout(folder)
    subjects = {row["subject"] for row in rows}
    assert len(subjects) >= 5 and who in subjects
    for subject in subjects:
        own = [row for row in rows if row["subject"] == subject]
        assert len({row["prompt"] for row in own}) == len(own) == 7
        assert np.load(folder / own[0]["id_embed"]).shape == (128,)
        scan = {(row["mesh_points"], row["mesh_triangles"], row["mesh_uv"], row["mesh"] is None) for row in own}
        assert scan == ({(468, 898, True, False)} if subject == who else {(None, None, None, True)})


def test_system_034_sculptor_visits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for subject in ("s1", "s2"):
        for stage, name in (("pre", "a"), ("post", "b")):
            scan = head().moved(head().points + rng.normal(0, 0.05, (468, 3)))
            write_mesh(scan, tmp_path / f"{subject}{name}.obj")
            write_mesh(Mesh(scan.points, scan.triangles), tmp_path / f"{subject}{name}.ply")
            np.savetxt(tmp_path / f"{subject}{name}.csv", scan.points[:20], delimiter=",")
            rows.append({
                "subject": subject, "visit": name, "stage": stage, "date": f"2024-0{1 + (stage == 'post')}-01",
                "face_mesh": f"{subject}{name}.obj", "skull_mesh": f"{subject}{name}.ply", "texture": "",
                "landmarks": f"{subject}{name}.csv", "shape": json.dumps(rng.normal(size=100).tolist()),
                "pose": "0.1 0.2 0.3", "expression": json.dumps([1 / 3] * 50),
            })  # fmt: skip
    folder = tmp_path / "out"
    assert facecurate("layout", "visits", table(tmp_path / "visits.csv", rows), folder, "-q") == 0
    pairs = read_layout(folder)
    assert [(p["subject"], p["pre_visit"], p["post_visit"]) for p in pairs] == [("s1", "a", "b"), ("s2", "a", "b")]
    for pair in pairs:
        assert pair["pre_face_mesh_points"] == pair["post_face_mesh_points"] == 468 and pair["pre_face_mesh_uv"]
        assert pair["pre_skull_mesh_triangles"] == 898 and pair["pre_skull_mesh_uv"] is False
        assert pair["pre_texture"] is None and 0 < pair["moved"] < 0.5
        assert [len(pair[f"pre_{c}"]) for c in ("shape", "pose", "expression")] == [100, 3, 50]
        assert pair["pre_expression"][0] == float(np.float32(1 / 3)), "single precision is kept to the bit"
    broken = {
        "has no visit post": rows[:3],
        "before one pre": [{**r, "date": f"2024-0{1 + (r['stage'] == 'pre')}-01"} for r in rows],
        "do not correspond": [{**r, "pose": "1 2" if r["stage"] == "pre" else "1 2 3"} for r in rows],
        "there is no file": [{**rows[0], "face_mesh": "gone.obj"}, *rows[1:]],
    }
    for number, (why, wrong) in enumerate(broken.items()):
        code = facecurate("layout", "visits", table(tmp_path / f"{number}.csv", wrong), tmp_path / f"no{number}")
        assert code == 2 and why in capsys.readouterr().err and not (tmp_path / f"no{number}").exists()


def test_system_051_headevolver_variants(tmp_path: Path) -> None:
    template = head()
    write_mesh(template, tmp_path / "head.obj")
    weights = np.zeros(898)
    nose = (np.isin(triangles(), [1, 4, 5, 195])).any(1)
    weights[nose] = 1.0
    np.savetxt(tmp_path / "weights.txt", weights)
    folder = tmp_path / "out"
    told = ("--weights", tmp_path / "weights.txt", "--caption", "a head with a longer nose", "-q")
    assert facecurate("layout", "mesh-variant", tmp_path / "head.obj", folder, *told) == 0
    (row,) = read_layout(folder)
    made = read_mesh(folder / row["mesh"])
    assert (made.triangles == template.triangles).all() and (made.uv_triangles == template.uv_triangles).all()
    assert made.uv is not None and template.uv is not None and (made.uv == template.uv).all()
    touched = np.zeros(468, bool)
    touched[np.unique(triangles()[nose])] = True
    moved = (made.points != template.points).any(1)
    assert (moved == touched).all() and row["points_moved"] == touched.sum()
    assert row["caption"] == "a head with a longer nose" and len(row["views"]) == 4
    views = [picture(folder / name) for name in row["views"]]
    assert all(0.1 < (view < 255).mean() < 0.9 for view in views) and (views[0] != views[1]).any()
    smile = np.zeros((468, 3))
    smile[[61, 291]] = [0, 0.5, 0]
    write_mesh(head(2.0), tmp_path / "rest.obj")
    write_mesh(head(2.0).moved(head(2.0).points + smile), tmp_path / "smile.obj")
    both = ("--neutral", tmp_path / "rest.obj", "--expressed", tmp_path / "smile.obj", "-q")
    assert facecurate("layout", "mesh-variant", tmp_path / "head.obj", tmp_path / "smiling", *both) == 0
    smiling = read_mesh(tmp_path / "smiling" / "mesh.obj").points
    assert len(smiling) == 468 and np.abs(smiling - template.points - smile / 2).max() < 1e-9


def test_system_098_arranged_objects(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    truth = {
        str(n): Rigid(rotation_of(*rng.uniform(-170, 170, 3)), rng.normal(0, 20, 3)) for n in rng.permutation(28) + 1
    }
    write_transforms(truth, tmp_path / "truth.csv")
    back = read_transforms(tmp_path / "truth.csv")
    assert list(back) == [str(n) for n in range(1, 29)], "rows are ordered by the object's id"
    for name, one in truth.items():
        assert np.abs(quaternion_of(back[name].rotation) - quaternion_of(one.rotation)).max() < 1e-6
        assert np.abs(back[name].translation - one.translation).max() < 1e-6

    def measured(name: str, guess: dict[str, Rigid]) -> dict[str, Any]:
        write_transforms(guess, tmp_path / f"{name}.csv")
        out = tmp_path / f"{name}.json"
        assert facecurate("measure", "geometry", tmp_path / "truth.csv", tmp_path / f"{name}.csv", "-q", "-o", out) == 0
        return {k: v["value"] for k, v in json.loads(out.read_text())["facts"].items() if k != "objects"}

    same = measured("same", back)
    assert all(abs(v) < 1e-9 for v in same.values())
    ten = Rigid(rotation_of(0, 0, 10), np.zeros(3))
    assert measured("turned", {n: t.after(ten) for n, t in truth.items()})["rotation error"] == pytest.approx(10)
    whole = Rigid(rotation_of(25, -5, 40), np.array([3.0, 4.0, 0.0]))
    moved = measured("whole", {n: whole.after(t) for n, t in truth.items()})
    assert moved["ADD"] > 1 and moved["PA-ADD"] < 1e-6, "a common motion is taken out"
    shift = Rigid(np.eye(3), np.array([3.0, 4.0, 0.0]))
    assert measured("shifted", {n: shift.after(t) for n, t in truth.items()})["ADD"] == pytest.approx(5)
    write_mesh(head(), tmp_path / "face.obj")
    face = [{"object": "face", **dict.fromkeys(("qw",), 1), **dict.fromkeys(("qx", "qy", "qz", "tx", "ty", "tz"), 0),
             "mesh": "face.obj"}]  # fmt: skip
    table(tmp_path / "face.csv", face)
    table(tmp_path / "lower.csv", [{**face[0], "ty": -2}])
    out = tmp_path / "face.json"
    assert facecurate("measure", "geometry", tmp_path / "face.csv", tmp_path / "lower.csv", "-q", "-o", out) == 0
    assert json.loads(out.read_text())["facts"]["ADD"]["value"] == pytest.approx(2)
