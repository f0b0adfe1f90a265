"""Supplied views, unrolled faces, latents, interactions and presentations: the acceptance checks of their systems."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from curate.layouts.folder import read as read_layout
from curate.pairs.views.shape_maps import normals_of_picture
from tests.systems.layout_samples import facecurate, lines, manifest, photo, picture, table

if TYPE_CHECKING:
    from annotators.weights import ModelStore
    from curate.store import Dataset


def back_view(seed: int) -> np.ndarray:
    """A head from behind: dark hair before a wall, no face."""
    canvas = np.full((224, 224, 3), (150, 160, 170), np.uint8)
    cv2.ellipse(canvas, (112, 110), (62, 84), 0, 0, 360, (30 + seed, 35, 45), -1)
    return canvas


@pytest.fixture(scope="module")
def views(adult_photos: Path, models: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Four views of each of five subjects, the back ones without a face, as `layout multiview` writes them."""
    folder = tmp_path_factory.mktemp("views")
    rows = []
    for who, path in enumerate(sorted(adult_photos.glob("*.jpg"))[:5]):
        front = photo(path)
        shown = {270: front[:, ::-1], 0: front, 180: back_view(who), 450: np.clip(front * 0.8, 0, 255)}
        for azimuth, pixels in shown.items():
            name = f"s{who}_{azimuth}.png"
            cv2.imwrite(str(folder / name), np.asarray(pixels, np.uint8))
            rows.append({"file": name, "subject": f"s{who}", "azimuth": azimuth})
    listed = table(folder / "views.csv", rows)
    assert facecurate("layout", "multiview", listed, folder / "out", "--assume-adults", "-q") == 0
    return listed, folder / "out"


def test_system_039_views_by_azimuth(views: tuple[Path, Path], tmp_path: Path) -> None:
    rows = read_layout(views[1])
    assert [r["azimuth"] for r in rows] == [0, 90, 180, 270] * 5
    assert [r["subject"] for r in rows] == [f"s{who}" for who in range(5) for _ in range(4)]
    features = ("face_crop", "id_embed", "landmarks", "normals")
    seen = 0
    for row in rows:
        if row["azimuth"] == 180:
            assert all(row[n] is None for n in (*features, "caption")) and row["reason"] == "no face was found"
        elif row["reason"] is None:
            seen += 1
            normals, inside = normals_of_picture(picture(views[1] / row["normals"])[..., ::-1])
            assert np.abs(np.linalg.norm(normals[inside], axis=1) - 1).max() < 1e-3
            assert np.load(views[1] / row["landmarks"]).shape == (68, 3)
        assert row["body_keypoints"] is None
    assert seen >= 12


def test_system_016_person_rows_and_duplicates(
    views: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed, folder = views
    rows = read_layout(folder)
    assert len(rows) == 20
    for row in rows:
        assert picture(folder / row["file"]).shape == (224, 224, 3)
        assert (row["landmarks"] is None) == (row["skeleton"] is None), "points, or explicitly none"
        if row["azimuth"] != 180:
            assert min(picture(folder / row["face_crop"]).shape[:2]) >= 256
            assert row["caption"] and np.load(folder / row["id_embed"]).shape == (128,)
    text = listed.read_text(encoding="utf-8").splitlines()
    twice = listed.parent / "twice.csv"
    twice.write_text("\n".join([*text, "s0_0.png,s0,360"]) + "\n", encoding="utf-8")
    assert facecurate("layout", "multiview", twice, tmp_path / "no", "--assume-adults") == 2
    assert "subject s0 has the azimuth 0 twice" in capsys.readouterr().err and not (tmp_path / "no").exists()


def test_system_049_genca_textures(adults: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "uv"
    told = ("--where", "abs(pose_yaw) < 20", "--size", 256, "-n", "20", "-q")
    assert facecurate("pairs", adults.path, "uv_faces", folder, *told) == 0
    rows = [r for r in lines(folder) if r["uv_texture"]][:10]
    assert len(rows) == 10
    shared = None
    for row in rows:
        unrolled = picture(folder / row["uv_texture"])
        assert unrolled.shape == (512, 512, 3) and unrolled.any(2).mean() > 0.4
        with np.load(folder / row["uv_geometry"]) as geometry:
            assert geometry["vertices"].shape == (468, 3) and geometry["uv"].shape == (468, 2)
            topology = (geometry["triangles"].tobytes(), geometry["uv"].tobytes())
        shared = shared or topology
        assert topology == shared, "one topology for all"
        assert row["face_caption"] and len(row["face_blendshapes"]) == 52
    missing = [r for r in lines(folder) if not r["uv_texture"]]
    assert all(r["uv_geometry"] is None for r in missing)
    assert manifest(folder)["comparison"]["equal"]


def test_system_014_latent_pairs(adults: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    assert facecurate("layout", "latent-pairs", adults.path, ATTRIBUTE, folder, "--seed", 5, "-n", 20, "-q") == 0
    told = json.loads((folder / "facecurate-layout.json").read_text())
    with np.load(folder / "latents.npz") as found:
        first, second = found["w0"], found["w1"]
        assert len(first) >= 20 and np.allclose(second - first, found["delta"])
        assert set(found["attr"].tolist()) == {ATTRIBUTE}
        assert (found["score0"] < 0.5).all() and (found["score1"] >= 0.5).all(), "the attribute's score flips"
    success = told["success"]
    assert success["n"] == told["tried"] and success["low"] <= success["value"] <= success["high"]
    assert success["value"] == pytest.approx(told["rows"] / told["tried"])
    again = tmp_path / "two"
    assert facecurate("layout", "latent-pairs", adults.path, ATTRIBUTE, again, "--seed", 5, "-n", 4, "-q") == 0
    with np.load(again / "latents.npz") as found:
        assert (found["w0"] == first[:4]).all() and (found["w1"] == second[:4]).all(), "the seed decides"
    other = tmp_path / "three"
    assert facecurate("layout", "latent-pairs", adults.path, ATTRIBUTE, other, "--seed", 6, "-n", 1, "-q") == 0
    with np.load(other / "latents.npz") as found:
        assert (found["w0"][0] != first[0]).any()


ATTRIBUTE = "perceived_emotion_prob.happiness"


def test_system_026_personahoi_prompts(adults: Dataset, tmp_path: Path) -> None:
    own = tmp_path / "faces"
    shutil.copytree(adults.path, own)
    assert facecurate("identity", own, "-q") == 0
    folder = tmp_path / "hoi"
    assert facecurate("layout", "interactions", own, folder, "-n", 10, "-q") == 0
    rows = read_layout(folder)
    assert len(rows) == 50 and len({r["subject"] for r in rows}) == 10
    assert len({(r["verb"], r["object"]) for r in rows}) == 5
    assert all(r["face_width"] > 0 and r["object_x"] is None and r["object"] in r["prompt"] for r in rows)
    boxes = {"x": 100, "y": 50, "width": 80, "height": 200}
    filled = table(tmp_path / "rows.csv", [{k: r[k] for k in ("picture", "verb", "object")} | boxes for r in rows])
    thing = {"x": 170, "y": 120, "width": 40, "height": 40, "score": 0.9}
    for there, wanted in ((True, 1.0), (False, 0.0)):
        seen = [{"picture": r["picture"], "label": r["object"] if there else "dog", "verb": r["verb"], **thing}
                for r in rows]  # fmt: skip
        detections, out = table(tmp_path / f"{there}.csv", seen), tmp_path / f"{there}.json"
        assert facecurate("measure", "hoi_alignment", filled, detections, "-q", "-o", out) == 0
        assert json.loads(out.read_text())["facts"]["alignment"]["value"] == wanted


def test_system_075_anti_spoofing(adults: Dataset, tmp_path: Path) -> None:
    kinds = ("live", "print", "replay")
    rows = [{"file": f"d{d}/{i}.png", "label": "live" if i % 3 == 0 else "spoof",
             "attack_type": "" if i % 3 == 0 else kinds[i % 3], "domain": f"d{d}", "subject": f"d{d}-p{i // 3}"}
            for d in range(4) for i in range(30)]  # fmt: skip
    folder = tmp_path / "protocol"
    assert facecurate("layout", "fas-protocol", table(tmp_path / "list.csv", rows), folder, "-q") == 0
    for held in ("d0", "d1", "d2", "d3"):
        parts = {p.stem: p.read_text().splitlines()[1:] for p in (folder / "leave_out" / held).glob("*.csv")}
        assert set(parts) == {"train", "development", "test"} and sum(map(len, parts.values())) == 120
        assert all(f",{held}," not in line for name in ("train", "development") for line in parts[name])
        assert len(parts["test"]) == 30 and all(f",{held}," in line for line in parts["test"])
        people = [{line.rsplit(",", 1)[1] for line in part} for part in parts.values()]
        assert not people[0] & people[1] and not people[0] & people[2] and not people[1] & people[2]

    # By hand: 2 of 4 live below 0.5; 1 of 4 prints and 2 of 4 replays at or above it.
    scored = [("live", "", s) for s in (0.2, 0.4, 0.6, 0.9)]
    scored += [("spoof", "print", s) for s in (0.1, 0.1, 0.3, 0.5)]
    scored += [("spoof", "replay", s) for s in (0.1, 0.2, 0.7, 0.8)]
    listed = table(tmp_path / "scores.csv", [{"label": a, "attack_type": t, "score": s} for a, t, s in scored])
    out = tmp_path / "spoofing.json"
    assert facecurate("measure", "spoofing", listed, "--set", "threshold=0.5", "-q", "-o", out) == 0
    found = json.loads(out.read_text())
    facts, types = found["facts"], {r["attack_type"]: r["APCER"] for r in found["tables"]["attack types"]}
    assert types == {"print": 0.25, "replay": 0.5} and facts["APCER"] == 0.5 and facts["worst attack type"] == "replay"
    assert facts["BPCER"]["value"] == 0.5 and facts["ACER"] == 0.5 and facts["FAR over all attacks"]["value"] == 0.375
    assert facts["HTER"] == pytest.approx(0.4375)
    pairs = [(live, spoof) for _, k, live in scored if not k for _, t, spoof in scored if t]
    assert facts["AUC"]["value"] == pytest.approx(np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs]))

    shown = tmp_path / "spoofs"
    assert facecurate("pairs", adults.path, "spoof_pairs", shown, "--size", 256, "-n", 20, "-q") == 0
    pictures = lines(shown)
    assert len(pictures) >= 15
    cues: dict[str, dict[str, dict[str, float]]] = {}
    for name, column in (("live", "face_file"), ("print", "print_file"), ("replay", "replay_file")):
        (tmp_path / name).mkdir()
        for row in pictures:
            shutil.copy(shown / row[column], tmp_path / name / f"{row['pair_id']}{Path(row[column]).suffix}")
        out = tmp_path / f"{name}.json"
        assert facecurate("measure", "liveness_cues", tmp_path / name, "-q", "-o", out) == 0
        cues[name] = {r["picture"]: r for r in json.loads(out.read_text())["tables"]["pictures"]}
    softer = []
    for key, live in cues["live"].items():
        softer.append(cues["print"][key]["fine_detail"] < live["fine_detail"])
        assert softer[-1] or cues["print"][key]["moire"] > live["moire"]
        assert cues["replay"][key]["moire"] > live["moire"]
    assert np.mean(softer) >= 0.9
