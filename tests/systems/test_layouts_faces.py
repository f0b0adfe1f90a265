"""Faces with maps, masks and views beside them: the acceptance checks of the systems that train on them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotators.points import mirror
from curate.generators.relighting import towards
from curate.generators.spherical_harmonics import lamp as lamp_of
from curate.pairs.views.light_maps import recomposed
from curate.pairs.views.patch_masks import REGIONS, region_cells
from curate.pairs.views.shape_maps import normals_of_picture
from tests.systems.layout_samples import facecurate, lines, manifest, picture, table

if TYPE_CHECKING:
    from curate.store import Dataset

FACES = 20
STRENGTHS = (0.2, 1.0)


@pytest.fixture(scope="module")
def remade(adults: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The adults with pictures made of them: ten under a lamp at their left, ten in drawn styles, weak and strong."""
    from curate.store import Dataset

    folder = tmp_path_factory.mktemp("remade") / "faces"
    shutil.copytree(adults.path, folder)
    lamp = ("--set", "relighting.direction=left", "--set", "relighting.strength=0.9")
    by = ("--side", "256", "-a", "mesh,head_pose,quality,shape,blendshapes", "-j", "1", "-q")
    assert facecurate("generate", folder, "--with", "relighting", *lamp, "-n", "10", *by) == 0
    for strength in STRENGTHS:
        # One seed: the same faces in the same drawn styles, at two strengths.
        way = ("--set", f"stylise.strength={strength}", "--side", "256", "-a", "identity,head_pose", "-n", "10",
               "-j", "1", "-q")  # fmt: skip
        assert facecurate("generate", folder, "--with", "stylise", *way) == 0
    return Dataset.open(folder)


def made(ds: Dataset, kind: str, folder: Path, *more: str) -> list[dict[str, Any]]:
    """Rows of 20 faces of a kind, in crops of 256 px."""
    assert facecurate("pairs", ds.path, kind, folder, "--crop", "margin", "--size", 256, "-q", *more) == 0
    assert manifest(folder)["comparison"]["equal"]
    return lines(folder)


@pytest.fixture(scope="module")
def maps(adults: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Faces with condition maps, those whose mesh lies on the face."""
    folder = tmp_path_factory.mktemp("maps") / "out"
    rows = made(adults, "cond_maps", folder, "-n", "30", "--views", "mesh")
    whole = [row for row in rows if row["albedo"] is not None]
    assert len(whole) >= FACES
    return folder, whole[:FACES]


def white(path: Path) -> np.ndarray:
    """A mask as booleans."""
    return picture(path) > 127


def test_system_097_instaface_maps(maps: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = maps
    for row in rows:
        crop = picture(folder / row["face_file"])
        found = {name: picture(folder / row[name]) for name in ("albedo", "shading", "normals", "face_mask")}
        assert all(m.shape[:2] == crop.shape[:2] == (256, 256) for m in found.values())
        assert (white(folder / row["context_mask"]) == ~white(folder / row["face_mask"])).all()
        normals, inside = normals_of_picture(found["normals"][..., ::-1])
        assert inside.sum() > 2000 and np.abs(np.linalg.norm(normals[inside], axis=1) - 1).max() < 1e-3
        again = recomposed(found["albedo"][..., ::-1], found["shading"])
        skin = white(folder / row["skin_mask"]) & white(folder / row["face_mask"])
        error = (again.astype(float) - crop[..., ::-1])[skin]
        assert 10 * np.log10(255**2 / max(float((error**2).mean()), 1e-9)) > 20
        assert np.load(folder / row["id_embed"]).shape == (128,)


def test_system_074_attention_on_action_units(maps: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    from curate.measures.kinds.cam_alignment import cosine as alignment
    from curate.measures.run import run

    folder, rows = maps
    told = {"happiness": 0, "neutral": 0}
    for row in (r for r in rows if r["emotion_heat"]):
        heat, crop = picture(folder / row["emotion_heat"]), picture(folder / row["face_file"])
        assert heat.shape == crop.shape[:2]
        emotion = row["face_perceived_emotion"]
        if emotion == "neutral":
            assert not heat.any()
        if emotion == "happiness":
            assert mass_near(heat, CHEEKS_AND_CORNERS, mesh_of(folder, row)) >= 0.8
        told[emotion] = told.get(emotion, 0) + 1
    assert told["happiness"] >= 3 and told["neutral"] >= 2, "both labels are among the faces"
    own = folder / "views" / "emotion_heat"
    same = run("cam_alignment", [own, own]).facts
    assert same["cosine"]["value"] == pytest.approx(1) and same["empty heat maps"] >= told["neutral"]
    away = tmp_path / "away"
    away.mkdir()
    for path in own.glob("*.png"):
        # Attention on the picture's corner, where no heat is.
        corner = np.zeros((256, 256), np.float32)
        corner[:20, :20] = 1
        np.save(away / f"{path.stem}.npy", corner)
    assert run("cam_alignment", [away, own]).facts["cosine"]["value"] < 0.01
    assert alignment(np.eye(4), np.zeros((4, 4))) is None


CHEEKS_AND_CORNERS = (50, 101, 117, 118, 205, 280, 330, 346, 347, 425, 57, 61, 186, 287, 291, 410)
"""Mesh points on both cheeks and around both corners of the mouth."""


def mesh_of(folder: Path, row: dict[str, Any]) -> np.ndarray:
    """The face's mesh in the crop's pixels."""
    stem = Path(row["face_file"]).stem
    return np.load(folder / "views" / "mesh" / f"{stem}.npy")


def mass_near(heat: np.ndarray, points: tuple[int, ...], mesh: np.ndarray) -> float:
    """Share of a map's mass within a third of the eyes' distance of some mesh points."""
    y, x = np.mgrid[0 : heat.shape[0], 0 : heat.shape[1]] + 0.5
    reach = 0.33 * float(np.linalg.norm(mesh[468, :2] - mesh[473, :2]))
    near = np.min([np.hypot(x - mesh[p, 0], y - mesh[p, 1]) for p in points], axis=0) <= reach
    return float(heat[near].sum() / heat.sum())


def test_system_107_fsfm_pool(remade: Dataset, tmp_path: Path) -> None:
    rows = made(remade, "pretrain_pool", tmp_path / "pool")
    generated = set(remade.faces(["face_id"], where="is_synthetic").column("face_id").to_pylist())
    assert len(generated) >= 20 and not generated & {row["face_face"] for row in rows}
    assert manifest(tmp_path / "pool")["refused"]["its picture is generated"] == len(generated)
    whole = [row for row in rows if row["hidden"]]
    assert len(whole) >= FACES
    for row in whole[:FACES]:
        hidden = picture(tmp_path / "pool" / row["hidden"]) > 127
        cells = region_cells(picture(tmp_path / "pool" / row["regions"]))
        assert abs(hidden.sum() - 0.75 * 196) <= 1
        counts, covered = (np.bincount(c.ravel(), minlength=len(REGIONS)) for c in (cells, cells[hidden]))
        full = np.flatnonzero((counts > 0) & (covered == counts))
        assert len(full) == 1 and full[0] != 0, "exactly one region is covered in full"
        rest = [r for r in np.flatnonzero(counts) if r != full[0]]
        least, most = max((covered[r] - 1) / counts[r] for r in rest), min((covered[r] + 1) / counts[r] for r in rest)
        assert least <= most, "one share explains all others to a patch"
    sources = [{"file": row["face_file"], "label": ("live", "spoof")[i % 2], "domain": f"source{i % 6 // 2}"}
               for i, row in enumerate(rows)]  # fmt: skip
    listed, protocol = table(tmp_path / "sources.csv", sources), tmp_path / "protocol"
    assert facecurate("layout", "fas-protocol", listed, protocol, "-q") == 0
    for held in ("source0", "source1", "source2"):
        parts = [(protocol / "leave_out" / held / f"{n}.csv").read_text() for n in ("train", "development", "test")]
        assert held not in parts[0] and held not in parts[1] and parts[2].count(held) == parts[2].count("images/")


def test_system_118_selfswapper_rows(adults: Dataset, tmp_path: Path) -> None:
    first = made(adults, "self_swap", tmp_path / "one", "--views", "mesh")
    whole = [row for row in first if row["face_mask"]][:FACES]
    assert len(whole) >= 15
    scales = []
    for row in whole:
        mask, scaled = (white(tmp_path / "one" / row[n]) for n in ("face_mask", "shape_mask"))
        windows = white(tmp_path / "one" / row["perforated_mask"])
        mesh = np.load(tmp_path / "one" / row["face_mesh"])
        inside = mesh[(mesh[:, :2] >= 1).all(1) & (mesh[:, :2] < 255).all(1)].astype(int)
        assert mask[inside[:468, 1], inside[:468, 0]].mean() > 0.97, "the mask covers the hull"
        assert abs(1 - windows.sum() / mask.sum() - 0.25) < 0.02 and not (windows & ~mask).any()
        bigger = scaled.sum() > mask.sum()
        assert not ((mask & ~scaled) if bigger else (scaled & ~mask)).any()
        scales.append(bigger)
        assert np.load(tmp_path / "one" / row["id_embed"]).shape == (128,) and row["landmarks"] and row["texture"]
    assert any(scales) and not all(scales)
    second = made(adults, "self_swap", tmp_path / "two", "--views", "mesh")
    for name in ("shape_mask", "perforated_mask"):
        for one, two in zip(first, second, strict=True):
            if one[name]:
                assert (tmp_path / "one" / one[name]).read_bytes() == (tmp_path / "two" / two[name]).read_bytes()


def test_system_010_yaw_views_and_mirrors(adults: Dataset, remade: Dataset, tmp_path: Path) -> None:
    rows = made(adults, "yaw_views", tmp_path / "views", "--views", "points_68")
    assert len(rows) >= 35
    for row in rows:
        assert (row["mirror_yaw"], row["mirror_pitch"], row["mirror_roll"]) == (-row["yaw"], row["pitch"], -row["roll"])
        assert row["mirror_bin"] == -row["bin"] and abs(row["yaw"] - row["bin"]) <= 15
        crop, mirrored = (picture(tmp_path / "views" / row[n]) for n in ("face_file", "mirror_file"))
        assert np.abs(crop[:, ::-1].astype(int) - mirrored).max() == 0
        if row["mirror_points"]:
            points, turned = (np.load(tmp_path / "views" / row[n]) for n in ("face_points_68", "mirror_points"))
            assert np.abs(mirror(turned, "points-68", 256) - points).max() < 1e-3
            assert np.abs(turned[36, 0] - (256 - points[45, 0])) < 1e-3
    report = tmp_path / "identity.json"
    told = ("--set", "generator=stylise", "--set", "edit=style", "--set", "strength=strength")
    assert facecurate("measure", "identity_similarity", remade.path, *told, "-q", "-o", report) == 0
    tables = json.loads(report.read_text())["tables"]
    by_style: dict[str, dict[float, float]] = {}
    for line in tables["edits"]:
        by_style.setdefault(line["edit"].removeprefix("stylise "), {})[line["strength"]] = line["mean"]
    both = [means for means in by_style.values() if set(means) == set(STRENGTHS)]
    assert len(both) >= 3, "a style that failed at one strength cannot be compared"
    assert all(means[STRENGTHS[1]] < means[STRENGTHS[0]] for means in both), by_style
    poses = {(line["edit"], line["pose"]) for line in tables["edit and pose"]}
    assert len(poses) >= 3 and all(pose for _, pose in poses), "a mean for each style and bin of the pose"


def test_system_086_difffae_light(remade: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "pairs"
    lit = "generator is null or generator like 'relighting%'"
    assert facecurate("pairs", remade.path, "appearance_pairs", folder, "-q", "--where", lit) == 0
    rows = [r for r in lines(folder) if r["target_light"]]
    assert len(rows) >= 9 and manifest(folder)["comparison"]["equal"]
    lamp = sideways(0.9 * lamp_of(towards("left")) + 0.1 / 0.282095 * np.eye(9)[0])
    changes = []
    for row in rows:
        before, after = (sideways(np.load(folder / row[f"{side}_light"])) for side in ("source", "target"))
        assert cosine(after, lamp) > 0.8, "the light comes from where the lamp was put"
        changes.append(cosine(after - before, lamp - before))
        for side in ("source", "target"):
            shapes = {picture(folder / row[f"{side}_{n}"]).shape[:2] for n in ("shading", "albedo", "normals")}
            assert shapes == {picture(folder / row[f"{side}_file"]).shape[:2]}
            skin, surround = (white(folder / row[f"{side}_{n}"]) for n in ("skin_mask", "surround_mask"))
            assert skin.any() and surround.any() and not (skin & surround).any()
        assert "light" in row["factors"] and set(row["factors"]) <= {"pose", "expression", "light"}
        assert ("pose" in row["factors"]) == (row["pose"] >= 8)
    assert np.mean(np.array(changes) > 0.8) >= 0.9, changes


def sideways(light: np.ndarray) -> np.ndarray:
    """How far a light comes from the side and from above, per light from all around, (2,)."""
    return np.asarray(light[[3, 1]] / light[0])


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    """Of two vectors."""
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
