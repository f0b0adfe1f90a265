"""What published work measures about edits, halves, ages, points and pairs: the acceptance checks of its systems."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from tests.systems.layout_samples import facecurate, lines, photo
from tests.systems.measure_samples import measured, own_copy, setting, write_rows

if TYPE_CHECKING:
    from annotators.weights import ModelStore
    from curate.store import Dataset

MIDDLE = {"0-2": 1, "3-9": 6, "10-19": 15, "20-29": 25, "30-39": 35, "40-49": 45, "50-59": 55, "60-69": 65, "70+": 75}
"""Age of a crowd's bin, in years; "more than 70" is 75 too."""
UTK_RACE = {"White": 0, "Black": 1, "East Asian": 2, "Southeast Asian": 2, "Indian": 3}


@pytest.fixture(scope="module")
def aged(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 crops of all ages under UTKFace's names, and `ages.csv`."""
    folder = tmp_path_factory.mktemp("aged") / "utk"
    folder.mkdir()
    rows: list[dict[str, Any]] = []
    with (shared_data / "photos" / "labels.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            told = json.loads(row["label_json"]) if row["task"] == "age_gender_race" else {}
            if told and len(rows) < 200:
                age = MIDDLE.get(told["age_group"], 75)
                gender, race = int(told["gender_perceived"] == "Female"), UTK_RACE.get(told["race_perceived"], 4)
                name = f"{age}_{gender}_{race}_20170116{len(rows):09d}.jpg"
                shutil.copy(shared_data / "photos" / row["file"], folder / name)
                rows.append({"picture": f"utk/{name}", "age": age, "gender": ("Male", "Female")[gender]})
    assert len(rows) == 200
    write_rows(folder.parent / "ages.csv", rows)
    return folder


def test_system_023_tokbench_fsim(adult_photos: Path, models: ModelStore, tmp_path: Path) -> None:
    originals, blurred = tmp_path / "originals", tmp_path / "blurred"
    originals.mkdir()
    blurred.mkdir()
    photos = [photo(p) for p in sorted(adult_photos.glob("*.jpg"))]
    for number, faces in _threes(photos):
        canvas = np.full((768, 768, 3), 128, np.uint8)
        for pixels, side, corner in zip(faces, (66, 115, 400), ((20, 660), (20, 500), (250, 40)), strict=True):
            top, left = corner[0], min(corner[1], 768 - side)
            canvas[top : top + side, left : left + side] = cv2.resize(
                pixels, (side, side), interpolation=cv2.INTER_AREA
            )
        cv2.imwrite(str(originals / f"{number}.png"), canvas)
        small = cv2.resize(canvas, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(blurred / f"{number}.png"), cv2.resize(small, (768, 768), interpolation=cv2.INTER_CUBIC))
    same = measured("tokenizer_fsim", originals, originals, folder=tmp_path, more=setting(size=256))
    bins = same["tables"]["bins"]
    assert [b["bin"] for b in bins] == ["[0, 0.1)", "[0.1, 0.2)", "[0.2, 1)"]
    assert all(b["n"] >= 5 and b["mean"] == pytest.approx(1, abs=1e-6) for b in bins)
    assert same["facts"]["F-Sim"]["value"] == pytest.approx(1, abs=1e-6)
    worse = measured("tokenizer_fsim", originals, blurred, folder=tmp_path, more=setting(size=256))
    means = [b["mean"] for b in worse["tables"]["bins"]]
    assert max(means) < 1 and means[0] == min(means) and worse["facts"]["F-Sim"]["value"] < 0.9
    one = tmp_path / "one"
    one.mkdir()
    shutil.copy(originals / "0.png", one)
    for size, edges in (
        (512, ["[0, 0.05)", "[0.05, 0.2)", "[0.2, 1)"]),
        (1024, ["[0, 0.05)", "[0.05, 0.1)", "[0.1, 1)"]),
    ):
        again = measured("tokenizer_fsim", one, one, folder=tmp_path, more=setting(size=size))
        assert [b["bin"] for b in again["tables"]["bins"]] == edges
    words = write_rows(tmp_path / "words.csv", [{"truth": "hello", "read": "hallo", "ratio": 0.025}])
    text = measured("tokenizer_text", words, folder=tmp_path, more=setting(size=256))
    assert text["facts"]["T-NED"]["value"] == pytest.approx(0.8) and text["facts"]["T-ACC"]["value"] == 0


def _threes(photos: list[Any]) -> list[tuple[int, tuple[Any, ...]]]:
    return [(i, tuple(photos[3 * i : 3 * i + 3])) for i in range(10)]


def test_system_024_compression_keeps_identity(adults: Dataset, tmp_path: Path) -> None:
    from curate.generate.again import Origins, stored
    from curate.generators.compress import compressed
    from curate.store import Dataset

    faces = own_copy(adults, tmp_path)
    for quality in (90, 70, 50, 30, 10):
        way = ("--set", "compress.format=jpeg", "--set", f"compress.quality={quality}")
        assert facecurate("generate", faces, "-w", "compress", *way, "-n", 15, "--side", 160, "-a", "identity",
                          "-j", 1, "-q") == 0  # fmt: skip
    found = measured("identity_similarity", faces, folder=tmp_path)
    rate = sorted(found["tables"]["rate"], key=lambda row: -row["quality"])
    assert [row["quality"] for row in rate] == [90, 70, 50, 30, 10] and all(row["n"] >= 12 for row in rate)
    assert all(a["bits per pixel"] > b["bits per pixel"] for a, b in itertools.pairwise(rate))
    assert all(b["mean"] <= a["mean"] + 0.01 for a, b in itertools.pairwise(rate))
    assert all(0 < row["accuracy low"] <= row["accuracy"] <= 1 for row in found["tables"]["edits"])
    ds = Dataset.open(faces)
    pictures = stored(ds)
    origins = Origins(ds, pictures)
    for picture in pictures[:20]:
        lineage = picture.lineage
        data = compressed(origins.request(lineage).face().pixels, "jpeg", lineage.parameters["quality"]).data
        assert lineage.note["bytes"] == len(data)
        assert lineage.note["bits_per_pixel"] == len(data) * 8 / 160**2
    assert facecurate("pairs", faces, "edit_pairs", tmp_path / "pairs", "-q") == 0
    assert len(lines(tmp_path / "pairs")) == len(pictures)


def test_system_065_explained_pairs(adult_photos: Path, models: ModelStore, tmp_path: Path) -> None:
    from curate.measures.face_regions import SETS
    from curate.measures.kinds.explain_pairs import View, contributions
    from curate.measures.pictures import Recogniser, looked_at
    from curate.measures.registry import measure
    from curate.measures.run import opened

    names = [f"{i:03d}.jpg" for i in (5, 12, 13, 20, 21, 26)]
    rows = [{"first": a, "second": b} for a, b in [*[*itertools.pairwise(names)][:4], (names[0], names[0])]]
    table = write_rows(tmp_path / "pairs.csv", [{k: str(adult_photos / v) for k, v in row.items()} for row in rows])
    for name, regions in SETS.items():
        out = tmp_path / name
        found = measured("explain_pairs", table, folder=tmp_path, more=(*setting(regions=name), "--files", out))
        parts = found["tables"]["contributions"]
        assert found["facts"] == {"pairs": 5, "regions": len(regions)}
        for pair in found["tables"]["pairs"]:
            own = {p["region"]: p["contribution"] for p in parts if p["pair"] == pair["pair"]}
            assert set(own) == set(regions) and pair["sum"] == pytest.approx(sum(own.values()))
            ranked = sorted(own, key=lambda r: own[r], reverse=pair["cosine"] >= 0.4)
            assert all(f"the {region} (" in pair["text"] for region in ranked[:2])
        for file in found["files"]:
            pair = found["tables"]["pairs"][int(Path(file).stem[-4:])]
            assert photo(Path(file)).shape == photo(Path(pair["first"])).shape
        assert found["files"], "at least one pair is of certain adults"
    given = opened(measure("explain_pairs"), [table])
    pixels, seen = next(iter(looked_at([adult_photos / names[0]], given)))
    assert seen is not None
    nothing = View(adult_photos / names[0], pixels, seen.row(), {"nothing": np.zeros(pixels.shape[:2], bool)})
    assert contributions(nothing, nothing, Recogniser())[1] == {"nothing": 0.0}


def test_system_078_age_from_texture(aged: Path, models: ModelStore, tmp_path: Path) -> None:
    from skimage.feature import local_binary_pattern

    from curate.measures.texture import bsif, lbp, learned_filters

    grey = np.asarray(cv2.cvtColor(photo(sorted(aged.glob("*.jpg"))[0]), cv2.COLOR_BGR2GRAY), np.uint8)
    assert np.array_equal(lbp(grey), local_binary_pattern(grey, 8, 1, "uniform"))  # type: ignore[no-untyped-call]
    filters = learned_filters([grey], size=7, bits=6)
    codes = bsif(grey, filters)
    assert filters.shape == (6, 7, 7) and codes.min() >= 0 and codes.max() < 2**6 and len(np.unique(codes)) > 32
    found = measured("texture_age", aged.parent / "ages.csv", folder=tmp_path)
    facts = found["facts"]
    assert facts["people"] >= 195
    assert facts["MAE"]["value"] < facts["MAE of the mean"]["value"] and facts["better by"]["low"] > 0
    curve = [row["CS"] for row in found["tables"]["cumulative score"]]
    assert curve == sorted(curve) and curve[5] > curve[0]


def test_system_050_age_and_gender_by_age_bin(aged: Path, models: ModelStore, tmp_path: Path) -> None:
    from curate.store import Dataset

    some = tmp_path / "utk"
    some.mkdir()
    for path in sorted(aged.glob("*.jpg"))[::2]:
        shutil.copy(path, some / path.name)
    faces = tmp_path / "faces"
    assert facecurate("import", "utkface", some, faces, "-q") == 0
    assert facecurate("annotate", faces, "-a", "demographics", "-j", 1, "-q") == 0
    ds = Dataset.open(faces)
    wanted = ["face_id", "name", "perceived_age", "perceived_gender"]
    told = ds.faces(wanted, where="perceived_age is not null", layers=["import_utkface"]).to_pylist()
    models_say = [i.name for i in ds.layers() if i.kind == "model"]
    guess = {row["face_id"]: row for row in ds.faces(wanted, layers=models_say).to_pylist()}
    rows = []
    for row in told:
        age, gender, _, _ = Path(row["name"]).stem.split("_")
        label = ("Male", "Female")[int(gender)]
        assert (row["perceived_age"], row["perceived_gender"]) == (float(age), label)
        found_here = guess[row["face_id"]]
        rows.append({
            "age": age, "predicted_age": found_here["perceived_age"], "gender": label,
            "predicted_gender": found_here["perceived_gender"],
        })  # fmt: skip
    assert len(rows) == 100
    found = measured("age_metrics", write_rows(tmp_path / "ages.csv", rows), folder=tmp_path)
    assert [b["group"] for b in found["tables"]["MAE by age"]] == list(MIDDLE)
    errors = [abs(float(r["age"]) - r["predicted_age"]) for r in rows]
    assert found["facts"]["MAE"]["value"] == pytest.approx(np.mean(errors)) and found["facts"]["MAE"]["value"] < 12
    assert all(b["n"] and b["mean"] is not None for b in found["tables"]["MAE by age"])
    assert sum(b["n"] for b in found["tables"]["MAE by age"]) == 100
    genders = found["tables"]["gender by age"]
    assert {g["group"] for g in genders} == {*MIDDLE, "all"} and all(g["low"] is not None for g in genders)
    lbp = measured("texture_age", aged.parent / "ages.csv", folder=tmp_path, more=setting(features="lbp", cells=4))
    assert lbp["facts"]["better by"]["low"] > 0, "whose age is predicted is not among those trained on"


def test_system_081_hemifaces(adults: Dataset, adult_photos: Path, tmp_path: Path) -> None:
    from curate.measures.verifying import read_pairs

    assert facecurate("pairs", adults.path, "mirrored_halves", tmp_path / "halves", "-q") == 0
    rows = [r for r in lines(tmp_path / "halves") if r["left_left"] and r["right_right"]]
    assert len(rows) >= 10
    originals, composites = tmp_path / "originals", tmp_path / "composites"
    originals.mkdir()
    composites.mkdir()
    for row in rows[:6]:
        whole = photo(tmp_path / "halves" / row["face_file"])
        left, right = (photo(tmp_path / "halves" / row[view]) for view in ("left_left", "right_right"))
        assert left.shape == right.shape == whole.shape
        shutil.copy(tmp_path / "halves" / row["face_file"], originals / f"{row['pair_id']}.png")
        for pixels, name in ((left, "l"), (right, "r")):
            assert np.abs(pixels.astype(int) - pixels[:, ::-1]).max() <= 2
            cv2.imwrite(str(composites / f"{row['pair_id']}{name}.png"), pixels)
    own = measured("symmetry", originals, folder=tmp_path)
    mirrored = measured("symmetry", composites, folder=tmp_path)
    known = [r for r in mirrored["tables"]["faces"] if r["texture"] is not None]
    assert len(known) >= 8
    for row in known:
        assert row["texture"] == pytest.approx(1, abs=0.01) and row["landmarks"] == pytest.approx(1, abs=0.01)
    assert max(r["disparity"] for r in known if r["disparity"] is not None) < 0.05
    for row in own["tables"]["faces"]:
        if row["texture"] is not None:
            assert row["texture"] < 0.995 and row["landmarks"] < 0.998
            assert row["disparity"] is None or row["disparity"] > 0.05
    (tmp_path / "pairs.txt").write_text("2\t300\n" + ("A\t1\t2\n" * 300 + "A\t1\tB\t3\n" * 300) * 2, "utf-8")
    pairs = read_pairs(tmp_path / "pairs.txt")
    assert [sum(p.same for p in pairs if p.fold == f) for f in (0, 1)] == [300, 300]
    assert [sum(not p.same for p in pairs if p.fold == f) for f in (0, 1)] == [300, 300]


def test_points_under_a_cover_are_told_invisible(adults: Dataset, tmp_path: Path) -> None:
    from schemas.landmarks import layout

    faces = own_copy(adults, tmp_path)
    assert facecurate("generate", faces, "-w", "occlude", "--set", "occlude.kind=mask", "-n", 20, "--side", 128,
                      "--no-labels", "-j", 1, "-q") == 0  # fmt: skip
    found = measured("point_visibility", faces, folder=tmp_path)
    assert found["facts"]["pictures"] >= 12
    assert found["facts"]["covered told invisible"]["value"] >= 0.8
    for name in ("points-68", "points-98", "points-29", "points-478"):
        flip = np.array(layout(name).mirror)
        assert np.array_equal(flip[flip], np.arange(len(flip)))
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 200, (5, 68, 2))
    guess = truth + np.array([0.0, 1.0, 2.0, 4.0, 30.0])[:, None, None] * [1, 0]
    subset = ["clear", "occluded", "occluded", "clear", "occluded"]
    tables = [
        write_rows(tmp_path / f"{name}.csv", [
            {"file": f"{i}.png", **({"subset": subset[i]} if name == "truth" else {}),
             **{f"{a}_{j}": points[i, j, k] for j in range(68) for k, a in enumerate("xy")}} for i in range(5)
        ])
        for name, points in (("truth", truth), ("guess", guess))
    ]  # fmt: skip
    apart = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
    errors = np.array([0.0, 1.0, 2.0, 4.0, 30.0]) / apart
    found = measured("landmark_metrics", *tables, folder=tmp_path)
    assert found["facts"]["NME"]["value"] == pytest.approx(errors.mean())
    assert found["facts"]["FR10"]["value"] == pytest.approx((errors > 0.1).mean())
    assert found["facts"]["AUC10"]["value"] == pytest.approx(np.maximum(1 - errors / 0.1, 0).mean())
    hidden = [r["value"] for r in found["tables"]["groups"] if (r["group"], r["figure"]) == ("occluded", "NME")]
    assert hidden == [pytest.approx(errors[[1, 2, 4]].mean())]
    assert facecurate("export", adults.path, "wflw", tmp_path / "wflw", "-q") == 0
    (listed, *_) = sorted((tmp_path / "wflw").rglob("*.txt"), key=lambda p: -p.stat().st_size)
    assert all(len(line.split()) == 196 + 4 + 6 + 1 for line in listed.read_text("utf-8").splitlines())


def test_system_007_occluded_patches(adults: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert facecurate("recipe", "occlusions", adults.path, out, *setting(side=128, count=10), "-j", 1, "-q") == 0
    found = measured("patch_novelty", out / "faces", folder=tmp_path)
    assert found["facts"]["AUC"]["value"] >= 0.85 and found["facts"]["covered cells"] > 200
    with (out / "triplets" / "triplets.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    triplets: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows:
        triplets.setdefault(row["triplet"], {})[row["part"]] = row
    assert len(triplets) >= 30 and {r["kind"] for r in rows} == {"mask", "hand", "glasses", "hair"}
    for parts in triplets.values():
        assert len({row["emotion"] for row in parts.values()}) == 1 and parts["clean"]["emotion"]
        clean, dirty, mask = (photo(out / "triplets" / parts[p]["file"]) for p in ("clean", "occluded", "mask"))
        assert np.array_equal(clean[mask[..., 0] == 0], dirty[mask[..., 0] == 0]) and (mask > 0).any()


def test_system_035_blended_boxes(adult_photos: Path, models: ModelStore, tmp_path: Path) -> None:
    from annotators.blazeface import merged

    boxes = np.array([[10.0, 10, 100, 100], [14, 10, 100, 100], [10, 16, 106, 94]])
    scores = np.array([0.9, 0.6, 0.75])
    found = merged(boxes, np.tile(np.arange(12.0).reshape(6, 2), (3, 1, 1)), scores)
    assert len(found) == 1
    assert np.allclose(found.boxes[0], (scores[:, None] * boxes).sum(0) / scores.sum(), atol=1e-4)
    best = merged(boxes, np.zeros((3, 6, 2)), scores, "best")
    assert np.allclose(best.boxes[0], boxes[0])
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in sorted(adult_photos.glob("*.jpg"))[:20]:
        shutil.copy(path, photos / path.name)
    given = write_rows(tmp_path / "boxes.csv", supplied(photos))
    recalls = {}
    for name in ("yunet", "blazeface"):
        facts = measured("detection", photos, given, folder=tmp_path, more=setting(detector=name))["facts"]
        assert facts["ms per picture"] > 0 and facts["recall"]["n"] == 20
        recalls[name] = facts["recall"]["value"]
    assert recalls["blazeface"] >= 0.6
    moves: dict[str, list[float]] = {"blend": [], "best": []}
    for clip in range(4):
        frames = tmp_path / f"clip{clip}"
        frames.mkdir()
        still, rng = photo(photos / f"{clip:03d}.jpg"), np.random.default_rng(clip)
        for number in range(25):
            noisy = np.clip(still + rng.normal(0, 8, still.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(frames / f"{number:03d}.png"), noisy)
        for way, values in moves.items():
            more = setting(detector="blazeface", options=f"merge={way}", clip="true")
            facts = measured("detection", frames, folder=tmp_path, more=more)["facts"]
            if facts["jitter"]["value"] is not None:
                values.append(facts["jitter"]["value"])
    assert len(moves["blend"]) == len(moves["best"]) >= 2
    assert np.mean(moves["blend"]) < np.mean(moves["best"])


def supplied(photos: Path) -> list[dict[str, Any]]:
    """Boxes by the other detector, so that neither is asked about its own."""
    from annotators.registry import detector
    from annotators.weights import ModelStore

    finder = detector("yunet")()
    finder.setup(ModelStore())
    rows = []
    for path in sorted(photos.glob("*.jpg")):
        found = finder.detect(np.ascontiguousarray(photo(path)[..., ::-1]))
        x, y, width, height = found.boxes[0].tolist()
        rows.append({"file": path.name, "x": x, "y": y, "width": width, "height": height})
    return rows
