"""Restoration pairs, drawings, cartoons, styles and hidden faces: the acceptance checks of their systems."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from curate.measures.image_quality import psnr, ssim
from tests.systems.layout_samples import facecurate, lines, photo
from tests.systems.measure_samples import measured, own_copy, setting

if TYPE_CHECKING:
    from curate.store import Dataset

SIDE = 192


def recipe(name: str, adults: Dataset, out: Path, **values: object) -> dict[str, Any]:
    """Run a recipe over the adults; what it says of itself."""
    assert facecurate("recipe", name, adults.path, out, *setting(side=SIDE, **values), "-j", 1, "-q") == 0
    told: dict[str, Any] = json.loads((out / "recipe.json").read_text("utf-8"))
    return told


def table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV."""
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sketches(adults: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos with sketches in three styles, and depth."""
    out = tmp_path_factory.mktemp("sketches") / "out"
    recipe("sketches", adults, out)
    return out


def test_system_020_restoration_pairs(adults: Dataset, tmp_path: Path) -> None:
    import pyarrow.parquet as pq
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    from curate.generators.base import Request
    from curate.generators.degradations import Degrade, DegradeConfig
    from curate.generators.subject import Subject

    out = tmp_path / "out"
    recipe("restoration", adults, out, where="quality >= 0")
    rows = pq.read_table(out / "pairs" / "params.parquet").to_pylist()
    assert len(rows) >= 15
    for row in rows:
        steps = [s["step"] for s in json.loads(row["parameters"])["steps"]]
        assert steps == ["gaussian_blur", "shrink", "gaussian_noise", "jpeg", "resize"]
        good, poor = (photo(out / "pairs" / kind / row["file"]) for kind in ("GT", "LQ"))
        assert good.shape == poor.shape == (SIDE, SIDE, 3)
        assert psnr(good, poor) == pytest.approx(peak_signal_noise_ratio(good, poor), abs=1e-6)  # type: ignore[no-untyped-call]
        theirs = structural_similarity(good, poor, channel_axis=2)  # type: ignore[no-untyped-call]
        assert ssim(good, poor) == pytest.approx(theirs, abs=1e-6)
    assert facecurate("generate", out / "faces", "--recheck", 20) == 0, "all come out the same to the bit"
    folders = {name: tmp_path / name for name in ("clean", "mild", "severe")}
    for name, severity in (("clean", None), ("mild", 0.1), ("severe", 0.9)):
        folders[name].mkdir()
        worker = None if severity is None else Degrade(DegradeConfig(kind="gfpgan", severity=severity))
        for row in rows:
            good = photo(out / "pairs" / "GT" / row["file"])
            if worker is not None:
                face = Subject(good[..., ::-1], None, np.zeros((5, 2)), (0, 0, 1, 1), np.eye(2, 3))
                drawn = worker.draw(Request(face), np.random.default_rng(0))
                good = next(iter(worker.make(Request(face), drawn))).pixels[..., ::-1]
            cv2.imwrite(str(folders[name] / row["file"]), good)
    found = {name: measured("restoration", out / "pairs" / "GT", folder, folder=tmp_path)
             for name, folder in folders.items()}  # fmt: skip
    pictures = {name: {p["picture"]: p for p in f["tables"]["pictures"]} for name, f in found.items()}
    assert found["clean"]["facts"]["equal"] == len(rows) and found["clean"]["facts"]["identity"]["value"] > 0.999
    for file, mild in pictures["mild"].items():
        severe = pictures["severe"][file]
        assert pictures["clean"][file]["psnr"] is None, "infinite for equal pictures"
        assert mild["psnr"] > severe["psnr"]
        for figure in ("ssim", "fsim"):
            assert pictures["clean"][file][figure] == pytest.approx(1)
            assert 1 > mild[figure] > severe[figure]
        if mild["identity"] is not None:
            assert mild["identity"] > severe["identity"]


def test_system_042_sketch_styles(sketches: Path, tmp_path: Path) -> None:
    folder = sketches / "pairs"
    rows = table(folder / "split.csv")
    assert {row["style"] for row in rows} == {"sketch", "xdog", "pencil"} and len(rows) >= 45
    assert not (folder / "missing").exists()
    own: list[float] = []
    other: list[float] = []
    outlines = {}
    for row in rows:
        grey = cv2.cvtColor(photo(folder / row["photo"]), cv2.COLOR_BGR2GRAY)
        outlines[row["photo"]] = (255 - cv2.Canny(grey, 60, 160)).astype(np.uint8)
    names = sorted(outlines)
    for row in rows:
        drawn = cv2.imread(str(folder / row["drawing"]), cv2.IMREAD_UNCHANGED)
        assert drawn is not None and drawn.ndim == 2 and drawn.shape == photo(folder / row["photo"]).shape[:2]
        elsewhere = names[(names.index(row["photo"]) + 1) % len(names)]
        own.append(ssim(np.asarray(drawn, np.uint8), outlines[row["photo"]]))
        other.append(ssim(np.asarray(drawn, np.uint8), outlines[elsewhere]))
    assert np.mean(own) > np.mean(other) + 0.02 and np.mean(np.array(own) > other) > 0.6
    assert facecurate("generate", sketches / "faces", "--recheck", 15) == 0
    parts: dict[str, set[str]] = {}
    for row in rows:
        parts.setdefault(row["person"], set()).add(row["split"])
    assert all(len(p) == 1 for p in parts.values()) and len({row["split"] for row in rows}) > 1


def test_system_090_sketches_with_depth(sketches: Path, tmp_path: Path) -> None:
    from curate.store import Dataset

    folder = sketches / "pairs"
    rows = table(folder / "split.csv")
    frontal = {
        row["face_id"] for row in Dataset.open(sketches / "faces").faces(["face_id"], "abs(pose_yaw) < 20").to_pylist()
    }
    checked = 0
    for row in rows:
        person = Path(row["photo"]).stem.replace("_", ".")
        if row["style"] != "sketch" or not row["depth"] or person not in frontal:
            continue
        depth = cv2.imread(str(folder / row["depth"]), cv2.IMREAD_UNCHANGED)
        assert depth is not None and depth.dtype == np.uint16
        inside = np.argwhere(depth > 0)
        middle = inside.mean(0)
        ears = [inside[inside[:, 1] == x].mean(0).astype(int) for x in (inside[:, 1].min() + 1, inside[:, 1].max() - 1)]
        nose = depth[int(middle[0]) - 25 : int(middle[0]) + 25, int(middle[1]) - 25 : int(middle[1]) + 25].max()
        assert all(nose > depth[y, x] for y, x in ears), "white is nearest"
        checked += 1
    assert checked >= 8
    numbers: dict[str, set[str]] = {}
    for row in rows:
        told = json.loads(row["parameters"])
        numbers.setdefault(row["style"], set()).add(str(told.get("strength", told.get("detail"))))
    assert numbers == {"sketch": {"0.6"}, "xdog": {"0.6"}, "pencil": {"0.6"}}
    for style in numbers:
        grey = tmp_path / style
        grey.mkdir()
        for path in sorted((folder / style).glob("*.png"))[:5]:
            shutil.copy(path, grey / path.name)
        same = measured("restoration", grey, grey, folder=tmp_path, more=setting(faces="false"))
        assert same["facts"]["ssim"]["value"] == same["facts"]["fsim"]["value"] == 1.0


def test_system_048_cartoon_domains(adults: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = recipe("cartoons", adults, out)
    nearer = told["steps"][-1]["done"]["facts"]["own drawing nearer"]
    assert nearer["n"] >= 12 and nearer["value"] >= 0.9
    folder = out / "domains"
    photos, drawings = (sorted(p.name for p in (folder / name).glob("*.png")) for name in ("trainA", "trainB"))
    assert photos == drawings and len(photos) == nearer["n"]
    rows = table(folder / "landmarks.csv")
    assert len(rows) == 2 * len(photos) and all(row["x_67"] for row in rows)
    for part in ("eyes", "nose", "mouth"):
        for domain in ("trainA", "trainB"):
            assert sorted(p.name for p in (folder / "crops" / part / domain).glob("*.png")) == photos


def test_system_054_parametric_styles(adults: Dataset, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from curate.generators.style_fitting import fit_style
    from curate.generators.stylisers import STYLES, styled

    faces = own_copy(adults, tmp_path)
    for style in STYLES:
        assert facecurate("generate", faces, "-w", "stylise", "--set", f"stylise.style={style}", "-n", 1, "--side", 128,
                          "--no-labels", "-j", 1, "-q") == 0  # fmt: skip
    assert facecurate("generate", faces, "--recheck", 50) == 0
    big = ("-w", "stylise", "--set", "stylise.style=xdog", "-n", 1, "--side", 2048, "--no-labels", "-j", 1, "-q")
    assert facecurate("generate", faces, *big) == 0
    assert facecurate("pairs", faces, "edit_pairs", tmp_path / "pairs", "-q") == 0
    opened = pq.read_table(tmp_path / "pairs" / "pairs.parquet")
    assert opened.num_rows == len(lines(tmp_path / "pairs")) >= 5
    content = cv2.resize(photo(tmp_path / "pairs" / lines(tmp_path / "pairs")[0]["before_file"]), (128, 128))
    pixels = np.asarray(content[..., ::-1], np.uint8).copy()
    rng = np.random.default_rng(7)
    numbers = STYLES["xdog"].at(0.5) | {k: float(rng.uniform(min(e), max(e))) for k, e in STYLES["xdog"].ends.items()}
    found = fit_style(pixels, styled(pixels, "xdog", numbers), "xdog", rounds=10)
    assert found.loss < 0.1 * found.typical


def test_system_037_hidden_faces(adults: Dataset, adult_photos: Path, tmp_path: Path) -> None:
    from curate.generators.volumes import hide_faces
    from curate.store import Dataset

    faces = own_copy(adults, tmp_path)
    way = ("-w", "deidentify", "--set", "deidentify.method=mask", "--set", "deidentify.skin=false", "--per-face", 1)
    assert facecurate("generate", faces, *way, "--side", SIDE, "-a", "identity", "-j", 1, "-q") == 0
    found = measured("identity_similarity", faces, folder=tmp_path)
    total = found["facts"]["pictures"]
    assert total >= 15
    assert (total - found["facts"]["without a face"]) / total <= 0.05, "hardly a face is detected any more"
    assert found["facts"]["same person"]["value"] == 0
    flagged = Dataset.open(faces).images(["generator", "is_synthetic", "parent_face"], "is_synthetic").to_pylist()
    assert len(flagged) == total and all(r["generator"].startswith("deidentify/") and r["parent_face"] for r in flagged)
    slices = [cv2.resize(cv2.cvtColor(photo(p), cv2.COLOR_BGR2GRAY), (224, 224)) for p in
              sorted(adult_photos.glob("*.jpg"))[:6]]  # fmt: skip
    volume = np.stack([*slices, np.zeros((224, 224), np.uint8)]).astype(np.int16) * 7 - 300
    for method in ("mask", "pixelate"):
        done = hide_faces(volume, method)
        assert done.volume.shape == volume.shape and done.volume.dtype == volume.dtype
        outside = np.ones(volume.shape, bool)
        for hidden in done.boxes:
            x, y, width, height = hidden.box
            outside[hidden.slice, y : y + height, x : x + width] = False
        assert np.array_equal(done.volume[outside], volume[outside]) and {b.slice for b in done.boxes} == set(range(6))
        assert not hide_faces(done.volume, method).boxes, "no face is found again"
