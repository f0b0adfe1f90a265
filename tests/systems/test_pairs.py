"""Systems that train on pairs, triplets and sets: rows of the pair engine on real adults, checked from the files."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from annotators.weights import ModelStore
from curate.generate.again import Origins, stored
from curate.generate.choice import revive
from curate.identity.hashes import hash_picture
from curate.pairs.rules import NEAR
from curate.store import Dataset
from schemas.columns import faces, hashes, images, labels
from tests import tiny_clip
from tests.pair_samples import drawn_people
from tests.systems.layout_samples import facecurate, lines, manifest, picture
from tests.systems.person_samples import apart, read, save, version

SIDE, EDITS, SWAPS = 256, 6, 30
PINNED = {
    "makeup": ("look=emerald", "strength=0.8"), "stylise": ("style=oil", "strength=0.7"),
    "ageing": ("years=30", "grey=0.3"), "compress": ("format=jpeg", "quality=20"), "au_editor": ("au=AU12=3",),
    "face_swap": (), "part_swap": (), "expression_transfer": (), "degrade": (),
}  # fmt: skip
"""Generators, and what is not left to be drawn, so that several faces get the same edit."""
CLASSICAL = ("makeup", "stylise", "ageing", "compress")
PEOPLE = 6
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def made(adults: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The 40 adults, whom each is taken for, and what nine generators made of them."""
    folder = tmp_path_factory.mktemp("made") / "faces"
    shutil.copytree(adults.path, folder)
    assert facecurate("identity", folder, "-q") == 0
    call: list[str] = [w for name in PINNED for w in ("-w", name)]
    call += [w for name, told in PINNED.items() for one in told for w in ("--set", f"{name}.{one}")]
    assert facecurate("generate", folder, *call, "--count", EDITS, "--side", SIDE, "-j", 2, "-q") == 0
    return Dataset.open(folder)


@pytest.fixture(scope="module")
def people(made: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six adults with five photos each, imported by person: taken anew twice, turned, and smiling by the AU editor."""
    root = tmp_path_factory.mktemp("people")
    smiles = stored(made, ["au_editor"])[:PEOPLE]
    of = {r["image_id"]: r["uri"] for r in made.images([images.IMAGE_ID, images.URI]).to_pylist()}
    for number, smile in enumerate(smiles):
        photo, smiling = read(Path(of[smile.lineage.parent])), read(Path(of[smile.image_id]))
        for take, pixels in enumerate((photo, apart(photo, 1), apart(photo, 2), version(number, smiling),
                                       version(10 + number, apart(smiling, 1)))):  # fmt: skip
            save(root / "lfw" / f"Person_{number}" / f"Person_{number}_{take + 1:04d}.jpg", pixels)
    assert facecurate("import", "lfw", root / "lfw", root / "faces", "-j", 2, "-q") == 0
    assert facecurate("annotate", root / "faces", "-j", 2, "-q") == 0
    return Dataset.open(root / "faces")


def pairs(ds: Dataset, kind: str, folder: Path, *arguments: object) -> list[dict[str, Any]]:
    """Run the command; gives the rows, after the folder was read back as it was given."""
    assert facecurate("pairs", ds.path, kind, folder, "-q", *arguments) == 0
    assert manifest(folder)["comparison"]["equal"]
    return lines(folder)


def of_faces(ds: Dataset, *columns: Any) -> dict[str, dict[str, Any]]:
    """Face id -> its values."""
    return {r[faces.FACE_ID.name]: r for r in ds.faces([faces.FACE_ID, *columns]).to_pylist()}


def same(first: Pixels, second: Pixels, where: NDArray[np.bool_]) -> bool:
    """Whether two pictures are the same to the bit in an area."""
    return bool((first[where] == second[where]).all())


def grown(mask: Pixels, by: int) -> NDArray[np.bool_]:
    """A mask with a rim of so many pixels."""
    return np.asarray(cv2.dilate(mask, np.ones((2 * by + 1, 2 * by + 1), np.uint8)) > 0)


def test_system_001_fuse_any_part(made: Dataset, tmp_path: Path) -> None:
    rows = pairs(made, "part_sets", tmp_path / "parts", "--synthetic", "without")
    who = of_faces(made, labels.IDENTITY_ID)
    assert len(rows) >= 5
    for row in rows:
        refs = [row[f"ref_{part}_face"] for part in ("eyes", "nose", "mouth")]
        assert row["target_face"] not in refs and len(set(refs)) == 3
        assert all(who[r]["identity"] != who[row["target_face"]]["identity"] for r in refs)
        for part in ("eyes", "nose", "mouth"):
            for mask in (row[f"mask_{part}"], row[f"ref_{part}_mask"]):
                assert (picture(tmp_path / "parts" / mask) > 0).sum() > 0
    views = [f"{part}_mask" for part in ("eyes", "nose", "mouth", "brows")]
    swaps = pairs(made, "edit_pairs", tmp_path / "swaps", "--set", "generators=part_swap", "--views", ",".join(views))
    assert len(swaps) == EDITS
    for row in swaps:
        before, after = (picture(tmp_path / "swaps" / row[f"{role}_file"]) for role in ("before", "after"))
        parts = json.loads(row["parameters"])["parts"]
        drawn = [picture(tmp_path / "swaps" / row[f"before_{part}_mask"]) for part in parts]
        mask = grown(np.max(drawn, axis=0), SIDE // 16)
        assert mask.mean() < 0.45 and same(before, after, ~mask) and not same(before, after, mask)


def test_system_008_face_fusion(people: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    rows = pairs(people, "id_sets", tmp_path / "sets", "--set", "refs=2")
    who = of_faces(people, labels.IDENTITY_ID, images.IMAGE_ID, images.URI, labels.CAPTION)
    assert {who[r["target_face"]]["identity"] for r in rows} == {f"Person_{n}" for n in range(PEOPLE)}
    for row in rows:
        every = [who[f] for f in (row["target_face"], *row["refs_faces"])]
        assert len(row["refs_faces"]) == 2 and len({f["identity"] for f in every}) == 1
        assert len({f["image_id"] for f in every}) == 3
        told = [hash_picture(read(Path(f["uri"])))[hashes.HASH.name] for f in every]
        assert min((a ^ b).bit_count() for a, b in itertools.combinations(told, 2)) > NEAR
        assert row["target_caption"] == every[0]["caption"]
    with (tmp_path / "sets" / "rows.csv").open("w", newline="") as file:
        told_rows = csv.writer(file)
        told_rows.writerow(("picture", "reference", "prompt"))
        for row in rows[:3]:
            told_rows.writerow((row["target_file"], row["refs_files"][0], row["target_caption"]))
            told_rows.writerow((row["target_file"], row["target_file"], row["target_caption"]))
    out = tmp_path / "audit.json"
    model, checkpoint = tiny_clip.make(tmp_path)
    clip = {"model": tiny_clip.NAME, "checkpoint": checkpoint, "model_configs": checkpoint.parent}
    told = [word for name, value in clip.items() for word in ("--set", f"{name}={value}")]
    assert facecurate("measure", "personalization", tmp_path / "sets" / "rows.csv", *told, "-o", out, "-q") == 0
    audit = json.loads(out.read_text())["tables"]["rows"]
    assert [r["ID"] for r in audit[1::2]] == pytest.approx([1.0] * 3, abs=1e-5)
    assert all(r["ID"] < 0.999 for r in audit[::2])
    aligned = [clip_t(model, tmp_path / "sets" / r["target_file"], r["target_caption"]) for r in rows[:3]]
    assert [r["CLIP-T"] for r in audit[::2]] == pytest.approx(aligned, abs=0.02), "as open_clip itself has it"


def clip_t(model: Any, path: Path, prompt: str) -> float:
    """Cosine of a picture and words by open_clip's own preprocessing, tokens and model."""
    import torch
    from open_clip import get_tokenizer
    from open_clip.transform import PreprocessCfg, image_transform_v2

    look = image_transform_v2(PreprocessCfg(size=64), is_train=False)
    with torch.no_grad():
        image = model.encode_image(look(Image.open(path).convert("RGB"))[None], normalize=True)
        words = model.encode_text(get_tokenizer(tiny_clip.NAME)([prompt]), normalize=True)
    return float((image * words).sum())


def test_system_015_dual_pivot_tuning(people: Dataset, made: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "person"
    where = f"{labels.IDENTITY_ID.name} = 'Person_0'"
    assert facecurate("export", people.path, "dreambooth", out, "--where", where, "--crop", "crop256",
                      "--set", "captions=no", "--set", "token=sks", "-q") == 0  # fmt: skip
    told = [json.loads(line) for path in out.rglob("metadata.jsonl") for line in path.read_text().splitlines()]
    assert len(told) >= 5 and {row["prompt"] for row in told} == {"a photo of sks person"}
    assert len([p for p in out.rglob("instance/*") if p.suffix in (".jpg", ".png")]) == len(told)
    rows = pairs(made, "edit_pairs", tmp_path / "lq", "--set", "generators=degrade")
    pictures = {p.image_id: p for p in stored(made, ["degrade"])}
    origins = Origins(made, list(pictures.values()))
    assert len(rows) == EDITS
    for row in rows:
        lineage = pictures[row["after_face"].rpartition(".")[0]].lineage
        again = revive("degrade", lineage.settings).make(origins.request(lineage), json.loads(row["parameters"]))
        low = next(iter(again)).pixels
        assert (low == read(tmp_path / "lq" / row["after_file"])).all()


def test_system_019_matter_of_style(made: Dataset, tmp_path: Path) -> None:
    rows = pairs(made, "age_rows", tmp_path / "ages", "--views", "face_mask", "--columns", "landmarks_68")
    assert len(rows) >= 20
    assert all(abs(r["target_age"] - r["source_age"] - r["delta"]) < 1e-9 for r in rows)
    aged = [r for r in rows if r["target_face"]]
    assert len(aged) >= 4 and all(r["delta"] == pytest.approx(30) for r in aged)
    for row in aged:
        before, after = (picture(tmp_path / "ages" / row[f"{role}_file"]) for role in ("source", "target"))
        skin = cv2.erode(picture(tmp_path / "ages" / row["source_face_mask"]), np.ones((9, 9))) > 0
        fine = [cv2.Laplacian(cv2.cvtColor(p, cv2.COLOR_BGR2GRAY), cv2.CV_64F)[skin] for p in (before, after)]
        assert (fine[1] ** 2).mean() > (fine[0] ** 2).mean()
        assert np.median(tracked(before, after, row["source_landmarks_68"])) < 1
    ages = of_faces(made, labels.AGE, labels.EMBEDDING)
    with (tmp_path / "ages.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("age", "predicted_age", "source_age", "identity"))
        for row in aged:
            one, two = (ages[row[f"{r}_face"]] for r in ("source", "target"))
            cosine = float(np.dot(one["embedding_sface"], two["embedding_sface"]))
            table.writerow((row["target_age"], two["perceived_age"], row["source_age"], cosine))
    assert facecurate("measure", "age_metrics", tmp_path / "ages.csv", "-o", tmp_path / "audit.json", "-q") == 0
    audit = json.loads((tmp_path / "audit.json").read_text())
    error = [abs(ages[r["target_face"]]["perceived_age"] - r["target_age"]) for r in aged]
    assert audit["facts"]["MAE"]["value"] == pytest.approx(np.mean(error), abs=1e-3)
    assert any("years" in name or "delta" in name for name in audit["tables"])


def tracked(before: Pixels, after: Pixels, points: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """How far points of one picture lie from where Lucas and Kanade's tracker finds them in another, px."""
    grey = [cv2.cvtColor(p, cv2.COLOR_BGR2GRAY) for p in (before, after)]
    start = np.asarray(points, np.float32)[:, None]
    found, known, _ = cv2.calcOpticalFlowPyrLK(grey[0], grey[1], start, None, winSize=(21, 21), maxLevel=1)
    return np.asarray(np.linalg.norm(found - start, axis=2)[known > 0], np.float64)


def test_system_044_instruct_gie(made: Dataset, tmp_path: Path) -> None:
    rows = pairs(
        made,
        "edit_quadruples",
        tmp_path / "out",
        "--set",
        f"generators={','.join(CLASSICAL)}",
        "-n",
        0,
        "--columns",
        "landmarks_68",
    )
    lineage = {p.image_id: p.lineage for p in stored(made)}
    assert {r["edit"] for r in rows} == set(CLASSICAL)
    for name in CLASSICAL:
        told = [r for r in rows if r["edit"] == name]
        assert len({r["instruction"] for r in told}) == len({r["verb"] for r in told}) == 1
    for row in rows:
        example, query = (lineage[row[f"{r}_after_face"].rpartition(".")[0]] for r in ("example", "query"))
        plain = [{k: v for k, v in one.parameters.items() if k not in ("seed", "numbers")} for one in (example, query)]
        assert example.name == query.name == row["edit"] and plain[0] == plain[1]
        assert example.parent != query.parent
        assert (example.parent_face, query.parent_face) == (row["example_before_face"], row["query_before_face"])
    for row in rows[::8]:
        for role in ("example", "query"):
            mask = picture(tmp_path / "out" / row[f"{role}_face_mask"]) > 0
            inner = np.clip(np.asarray(row[f"{role}_before_landmarks_68"])[17:], 0, SIDE - 1).astype(int)
            assert mask.shape == (SIDE, SIDE) and mask.mean() < 0.9 and mask[inner[:, 1], inner[:, 0]].all()


def test_system_060_diffswap(adults: Dataset, tmp_path: Path) -> None:
    made = Dataset.open(shutil.copytree(adults.path, tmp_path / "faces"))
    assert facecurate("identity", made.path, "-q") == 0
    assert facecurate("generate", made.path, "-w", "face_swap", "--count", SWAPS, "--side", SIDE, "-j", 2, "-q") == 0
    rows = pairs(made, "swap_triplets", tmp_path / "out", "--views", "face_mask", "--columns", "landmarks_68")
    who = of_faces(made, labels.IDENTITY_ID, images.IS_SYNTHETIC, images.GENERATOR)
    swapped = [r for r in rows if r["result_face"]]
    assert len(swapped) >= 10 and len(rows) > len(swapped)
    log = [json.loads(line) for line in (tmp_path / "out" / "refused.jsonl").read_text().splitlines()]
    turned = [line for line in log if line["reason"] == "target_result_pose above 3"]
    assert all(line["value"] > 3 for line in turned) and len(swapped) + len(turned) <= SWAPS
    for row in rows:
        source, target = (who[row[f"{r}_face"]]["identity"] for r in ("source", "target"))
        assert None not in (source, target) and source != target
        assert np.shape(row["target_landmarks_68"]) == (68, 2) or row["target_landmarks_68"] is None
    for row in swapped:
        result = who[row["result_face"]]
        assert result["is_synthetic"] and result["generator"].startswith("face_swap/")
        before, after = (picture(tmp_path / "out" / row[f"{r}_file"]) for r in ("target", "result"))
        mask = grown(picture(tmp_path / "out" / row["target_face_mask"]), SIDE // 32)
        assert mask.mean() < 0.9 and same(before, after, ~mask)
        assert row["target_result_pose"] is None or row["target_result_pose"] <= 3
    rng = np.random.default_rng(0)
    true = np.arange(400) % 2 == 1
    scores = np.round(np.where(true, 0.5, 0.1) + 0.15 * rng.standard_normal(400), 6)
    lines_of = ["same,score", *(f"{int(t)},{s}" for t, s in zip(true, scores, strict=True))]
    (tmp_path / "scores.csv").write_text("\n".join(lines_of))
    assert facecurate("measure", "verification", tmp_path / "scores.csv", "-o", tmp_path / "tar.json", "-q") == 0
    told = {r["FAR"]: r["TAR"] for r in json.loads((tmp_path / "tar.json").read_text())["tables"]["TAR at FAR"]}
    for rate in (0.1, 0.01):
        best = max(((scores[true] >= t).mean() for t in scores if (scores[~true] >= t).mean() <= rate), default=0.0)
        assert told[rate] == pytest.approx(best, abs=1e-9)


def test_system_063_deep_feature_extractor(made: Dataset, tmp_path: Path) -> None:
    rows = pairs(made, "expression_triplets", tmp_path / "out", "--set", "margin=0.5")
    told = of_faces(made, labels.AU_INTENSITY, labels.PERCEIVED_EMOTION)
    assert len(told) >= 60 and len(rows) >= 50
    units = [n for n in told[rows[0]["anchor_face"]]["au_intensity"]
             if all((told[r[f"{k}_face"]]["au_intensity"] or {}).get(n) is not None
                    for r in rows for k in ("anchor", "positive", "negative"))]  # fmt: skip
    vectors = {f: np.array([(v["au_intensity"] or {}).get(n, np.nan) for n in units], float) for f, v in told.items()}
    names = {1: "one_class", 2: "two_class", 3: "three_class"}
    for row in rows:
        triple = [row[f"{r}_face"] for r in ("anchor", "positive", "negative")]
        near, far = (float(np.linalg.norm(vectors[triple[0]] - vectors[triple[i]])) for i in (1, 2))
        assert near + 0.5 < far
        assert row["type"] == names[len({told[f]["perceived_emotion"] for f in triple})]
    assert len({r["type"] for r in rows}) == 3
    assert accuracy(rows, vectors) == 1.0
    rng = np.random.default_rng(0)
    random = [accuracy(rows, {f: rng.standard_normal(16) for f in told}) for _ in range(40)]
    assert np.mean(random) == pytest.approx(1 / 3, abs=0.03)


def accuracy(rows: Sequence[Mapping[str, Any]], vectors: Mapping[str, NDArray[np.float64]]) -> float:
    """Share of triplets whose two alike faces are nearest to one another: FEC's prediction accuracy."""
    right = 0
    for row in rows:
        a, p, n = (vectors[row[f"{r}_face"]] for r in ("anchor", "positive", "negative"))
        right += bool(np.linalg.norm(a - p) < min(np.linalg.norm(a - n), np.linalg.norm(p - n)))
    return right / len(rows)


def test_system_088_emoji_diff(made: Dataset, tmp_path: Path) -> None:
    most_au, most_leak = 2.5, 0.4
    rows = pairs(made, "transferred_expression", tmp_path / "out", "--set", f"most_au={most_au}",
                 "--set", f"most_leak={most_leak}")  # fmt: skip
    told = of_faces(made, labels.AU_INTENSITY, labels.EMBEDDING, labels.IDENTITY_ID)
    log = [json.loads(line) for line in (tmp_path / "out" / "refused.jsonl").read_text().splitlines()]
    assert rows and len(rows) + len(log) == EDITS
    for row in rows:
        template, target, identity = (told[row[f"{r}_face"]] for r in ("template", "target", "identity"))
        assert template["identity"] != identity["identity"]
        apart_by = [template["au_intensity"][n] - v for n, v in target["au_intensity"].items() if v is not None]
        assert row["au"] == pytest.approx(np.linalg.norm(apart_by), abs=1e-4) and row["au"] <= most_au
        leak = float(np.dot(template["embedding_sface"], target["embedding_sface"]))
        assert row["leak"] == pytest.approx(leak, abs=1e-5) and leak <= most_leak
    over = [line for line in log if line["reason"].startswith(("au above", "leak above"))]
    assert over and all(line["value"] > (most_au if "au" in line["reason"] else most_leak) for line in over)


def test_system_094_magic_face(people: Dataset, made: Dataset, tmp_path: Path) -> None:
    units = ("AU1", "AU2", "AU4", "AU5", "AU6", "AU9", "AU12", "AU15", "AU17", "AU20", "AU25", "AU26")
    rows = pairs(people, "au_pairs", tmp_path / "out", "--views", "face_mask", "--columns", "landmarks_68")
    told = of_faces(people, labels.AU_INTENSITY, labels.IDENTITY_ID)
    assert len(rows) >= 10
    for row in rows:
        source, target = (told[row[f"{r}_face"]] for r in ("source", "target"))
        assert source["identity"] == target["identity"]
        for unit, delta in zip(units, row["au_delta"], strict=True):
            first, second = (f["au_intensity"][unit] for f in (source, target))
            assert delta == (None if None in (first, second) else pytest.approx(second - first, abs=1e-6))
        photo, drawn = (picture(tmp_path / "out" / row[k]) for k in ("target_file", "attr_image"))
        mask = picture(tmp_path / "out" / row["target_face_mask"]) > 0
        jaw = np.asarray(row["target_landmarks_68"])[:17]
        inside = cv2.erode(mask.astype(np.uint8), np.ones((25, 25))) > 0
        assert inside.any() and (drawn[inside] == 0).mean() > 0.97, "the face is out"
        outside = ~grown(mask.astype(np.uint8), 25)
        assert same(photo, drawn, outside)
        lit = [drawn[int(y), int(x)].max() for x, y in jaw[2:15] if 0 <= x < drawn.shape[1] and 0 <= y < drawn.shape[0]]
        assert np.mean(np.array(lit) > 128) > 0.9, "the jaw is drawn"
    edits = pairs(made, "edit_pairs", tmp_path / "smiles", "--set", "generators=au_editor", "--views", "face_mask")
    units_of = of_faces(made, labels.AU_INTENSITY)
    assert len(edits) == EDITS
    for row in edits:
        before, after = (picture(tmp_path / "smiles" / row[f"{r}_file"]) for r in ("before", "after"))
        face = grown(picture(tmp_path / "smiles" / row["before_face_mask"]), SIDE // 16)
        assert face.mean() < 0.9 and same(before, after, ~face) and not same(before, after, face)
    rises = [units_of[r["after_face"]]["au_intensity"]["AU12"] - units_of[r["before_face"]]["au_intensity"]["AU12"]
             for r in edits]  # fmt: skip
    assert np.mean(np.array(rises) > 0) >= 0.75 and np.mean(rises) > 0.3


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two drawn people of sixty frames each, with known poses, units and embeddings."""
    return drawn_people(tmp_path_factory.mktemp("pool"), 2, 60, copies=False)


def test_distinct_sets_for_variface(pools: Dataset, models: ModelStore, tmp_path: Path) -> None:
    """Row 103's own check of the pair kinds; its recipe is tested beside the others."""
    rows = pairs(pools, "distinct_sets", tmp_path / "out", "--set", "size=35", "--set", "least_cosine=0.4")
    assert len(rows) == 2
    for row in rows:
        assert row["complete"] and len(row["faces_faces"]) == 35 and row["pool"] == 60
        assert row["mean_distance"] > row["random_distance_95"] and min(row["cosines"]) >= 0.4
    short = pairs(pools, "distinct_sets", tmp_path / "short", "--set", "size=80")
    assert [(r["complete"], len(r["faces_faces"])) for r in short] == [(False, 60)] * 2
    for kind, one in (("other_motion", True), ("same_motion", False)):
        who = of_faces(pools, labels.IDENTITY_ID)
        told = pairs(pools, kind, tmp_path / kind, "-n", 20, *(() if one else ("--set", "most_motion=3")))
        assert told and all((who[r["first_face"]] == who[r["second_face"]]) is False for r in told)
        assert all((who[r["first_face"]]["identity"] == who[r["second_face"]]["identity"]) is one for r in told)
