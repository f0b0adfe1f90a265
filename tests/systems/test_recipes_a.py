"""Systems that are served by recipes: each is run on real photos and held to its own check."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from collections import Counter, defaultdict
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from annotators.identity import SAME_PERSON
from annotators.weights import ModelStore
from curate.cli.main import _run
from curate.generators.prompts.sig import NAME
from curate.generators.prompts.sig import parse as parse_name
from curate.recipes.attributes import NAMES, mentioned
from curate.recipes.instructions import bank
from curate.store import Dataset
from curate.text_quality.reward import reward
from schemas.columns import labels
from tests.systems.commands import facecurate, lines, step
from tests.tiny_adapters import SETTINGS


@pytest.fixture(scope="session")
def people(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight people with five press photos each, as `NAME_NNNN.jpg`; adults all, by who they are."""
    folder = tmp_path_factory.mktemp("people") / "photos"
    folder.mkdir()
    rows = defaultdict(list)
    for row in pq.read_table(shared_data / "expressions" / "part-000.parquet").to_pylist():
        rows[re.sub(r"_\d+\.jpg$", "", row["file"])].append(row)
    frequent = sorted(rows, key=lambda name: (-len(rows[name]), name))[:8]
    for number, name in enumerate(frequent):
        for k, row in enumerate(sorted(rows[name], key=lambda r: str(r["file"]))[:5]):
            (folder / f"p{number}_{k}.jpg").write_bytes(row["image"])
    return folder


def test_system_003_fea(adults: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "fea"
    facecurate("recipe", "fea", str(adults.path), str(out), "-j", "1")
    found = lines(out / "descriptions", "t*.jsonl")
    assert len(found) >= 20
    for line in found:
        assert list(line) == ["id", "dataset", "image", "question", "AUs", "labels", "description", "meta_info"]
        assert (out / line["image"]).is_file()
        assert set(re.findall(r"AU\d+", line["description"])) == set(line["AUs"])
        assert re.search(r"<answer>(.+)</answer>", line["description"])[1] == line["labels"][0]  # type: ignore[index]
        assert line["meta_info"]["reward"] == 3.0 == reward(line["description"], line["AUs"], line["labels"]).total
    capsys.readouterr()
    liar = tmp_path / "liar.py"
    liar.write_text(
        "import json, sys\nask = json.load(sys.stdin)\n"
        "print('<think>The nose is wrinkled (AU99).</think><answer>' + ask['answer'] + '</answer>')\n"
    )
    wrong = tmp_path / "wrong"
    code = _run(["recipe", "fea", str(adults.path), str(wrong), "-j", "1", "--set", f"command={sys.executable} {liar}",
                 "--set", "tries=1"], False)  # fmt: skip
    assert code == 2
    assert "it cites AU99, which the labels do not have" in capsys.readouterr().err


def test_system_005_face_caption(adults: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from datasets import load_dataset

    out = tmp_path / "fc"
    facecurate("recipe", "face-caption", str(adults.path), str(out), "-j", "1")
    ds = Dataset.open(out / "faces")
    rows = ds.faces(
        [labels.CELEBA_PRESENT, labels.CELEBA_ABSTAINED, labels.CAPTION, labels.SELECTED, "face_id"]
    ).to_pylist()
    decided = {r["face_id"]: len(NAMES) - len(r["celeba_attributes_abstained"] or NAMES) for r in rows}
    kept = {r["face_id"] for r in rows if r["selected"]}
    assert kept == {face for face, n in decided.items() if n > 5}
    assert step(out, "select")["dropped"]["more than 5 attributes"] == sum(n <= 5 for n in decided.values()) > 0
    table = load_dataset("parquet", data_files=[str(p) for p in (out / "facecaption").glob("*.parquet")], split="train",
                         cache_dir=str(tmp_path / "cache"))  # fmt: skip
    assert {"url", "face_box", "laion_caption", "face_caption"} <= set(table.column_names)
    assert len(table) == len(kept) == sum(bool(t) for t in table["face_caption"])
    truth = {r["face_id"]: r for r in rows}
    for row in table:
        assert (out / "facecaption" / row["url"]).is_file()
        said, known = mentioned(row["face_caption"]), truth[row["id"]]
        assert set(said.present) <= set(known["celeba_attributes"])
        assert not set(said.absent) & {*known["celeba_attributes"], *known["celeba_attributes_abstained"]}
        assert said.present or said.absent
    _captions_are_audited(out / "faces", tmp_path)


def _captions_are_audited(dataset: Path, tmp_path: Path) -> None:
    """Length, distinct-n, and relevance by a CLIP model; of a tiny one the figure is there, its value says nothing."""
    given = [p for k, v in SETTINGS["clip"](tmp_path).items() for p in ("--set", f"clip.{k}={v}")]
    facecurate("annotate", str(dataset), "-a", "clip", "-j", "1", *given)
    facecurate("texts", str(dataset), "-o", str(tmp_path / "texts.json"))
    told = json.loads((tmp_path / "texts.json").read_text("utf-8"))
    (whole,) = [f for f in told["figures"] if not f["by"]]
    texts = [r["caption"] for r in Dataset.open(dataset).faces(["caption"]).to_pylist() if r["caption"]]
    words = [w.lower().strip(".,") for t in texts for w in t.split()]
    assert whole["n"] == len(texts)
    assert whole["words"]["1.0"] == max(len(t.split()) for t in texts)
    assert whole["diversity"]["distinct_1"] == pytest.approx(len(set(words)) / len(words), abs=0.03)
    assert 0 < whole["diversity"]["distinct_2"] <= 1
    assert -1 <= whole["relevance"]["value"] <= 1
    assert whole["findings"]["contradicted"] == whole["findings"]["facts"] == 0


def test_system_006_text_faces(adults: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, npz = tmp_path / "fc", tmp_path / "npz"
    facecurate("recipe", "face_caption", str(adults.path), str(out), "-j", "1", "--set", "valid=0")
    facecurate("export", str(out / "faces"), "text_faces", str(npz), "--crop", "crop224", "--size", "128")
    with np.load(next(npz.glob("*.npz")), allow_pickle=False) as told:
        images, attrs, embedded, texts = (told[k] for k in ("images", "attrs", "text_emb", "captions"))
    count = adults.counts().faces
    assert images.shape == (count, 128, 128, 3)
    assert attrs.shape == (count, 40)
    assert len(embedded) == count == len(texts)
    for bits, text in zip(attrs, texts, strict=True):
        if text:
            assert all(bits[NAMES.index(name)] == 1 for name in mentioned(str(text)).present)
    assert np.allclose(np.linalg.norm(embedded[texts != ""], axis=1), 1, atol=1e-5)
    drawing = tmp_path / "draw.py"
    drawing.write_text(
        "import sys, numpy as np, cv2\n"
        "cv2.imwrite(sys.argv[2], np.full((128, 128, 3), int(sys.argv[1]) % 256, np.uint8))\n"
    )
    caption, made = next(str(t) for t in texts if t), tmp_path / "made"
    facecurate("generate", str(made), "--with", "command", "--count", "1", "-j", "1", "--no-labels", "--set",
               f"command.prompt={caption}", "--set",
               f"command.command={sys.executable} {drawing} {{seed}} {{out}}")  # fmt: skip
    (row,) = Dataset.open(made).images(["is_synthetic", "generation", "generator_seed"]).to_pylist()
    stored = json.loads(row["generation"])
    assert row["is_synthetic"] is True
    assert row["generator_seed"] is not None
    assert caption in json.dumps(stored, ensure_ascii=False)


def test_system_011_fgid(adults: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "fgid"
    facecurate("recipe", "fgid", str(adults.path), str(out), "-j", "1")
    (file,) = (out / "fgid").glob("*/JSON_all.json")
    records = json.loads(file.read_text("utf-8"))
    assert len(records) >= 30
    values = {"face": (1,), "ears": (7, 8), "eyes": (4, 5), "nose": (10,), "mouth": (9, 11, 12, 13)}
    for record in records:
        assert {"origin_IMG", "resize_IMG", "parsing_color_IMG", "parsing_mask_IMG", "vqa_llva",
                "vqa_llva_more_face_detail", "id_embed_file_resize"} <= set(record)  # fmt: skip
        assert cv2.imread(str(out / "fgid" / record["resize_IMG"])).shape == (512, 512, 3)
        mask = cv2.imread(str(out / "fgid" / record["parsing_mask_IMG"]), cv2.IMREAD_UNCHANGED)
        for word, codes in values.items():
            if re.search(rf"\b{word}\b", record["vqa_llva_more_face_detail"]):
                assert np.isin(mask, codes).any(), (word, record["vqa_llva_more_face_detail"])
        vector = np.load(out / "fgid" / record["id_embed_file_resize"])
        assert vector.shape == (1, 512)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
    spoken = " ".join(r["vqa_llva_more_face_detail"] for r in records)
    assert all(word in spoken for word in ("eyes", "mouth"))


def test_system_022_cross_faceid(
    people: Path, models: ModelStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cross"
    facecurate("recipe", "cross_faceid", str(people), str(out), "-j", "1", "--set", "assume_adults=true")
    ds = Dataset.open(out / "faces")
    known = {r["face_id"]: r for r in ds.faces(["face_id", "image_id", "name", "embedding_sface"]).to_pylist()}
    pairs = pq.read_table(out / "pairs" / "pairs.parquet").to_pylist()
    written = lines(out / "lines")
    assert len(written) == len(pairs) >= 40
    names = set()
    for line, pair in zip(written, pairs, strict=True):
        assert list(line) == ["file_name", "additional_feature", "bbox", "landmarks", "insightface_feature_file"]
        assert (out / line["file_name"]).is_file()
        assert len(line["bbox"]) == 4
        assert np.asarray(line["landmarks"]).shape == (5, 2)
        source, target = known[pair["source_face"]], known[pair["target_face"]]
        names.add(source["name"].partition("_")[0])
        assert source["image_id"] != target["image_id"]
        assert source["name"].partition("_")[0] == target["name"].partition("_")[0]
        vector = np.load(out / line["insightface_feature_file"])
        assert np.array_equal(vector, np.asarray(source["embedding_sface"], np.float32))
        assert float(vector @ np.asarray(target["embedding_sface"])) > SAME_PERSON
        assert set(pair["differs"]) & {"pose", "expression", "adornment"}
    assert len(names) == 8


def test_system_027_sig(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sig"
    facecurate("recipe", "sig", str(out), "--plan")
    with (out / "plan" / "grid.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10008
    people = {r["person"] for r in rows}
    assert len(people) == 3336
    assert set(Counter(r["person"] for r in rows).values()) == {3}
    cells = Counter((r["race"], r["gender"], r["age"], r["view"]) for r in rows)
    assert len(cells) == 4 * 2 * 11 * 3
    assert max(cells.values()) - min(cells.values()) <= 1
    for row in rows:
        assert NAME.fullmatch(row["file"])
        assert re.fullmatch(r"r[0-3]_g[01]_a\d+_o\d_c[0-9a-z]{6}\.png", row["file"])
        facts = parse_name(row["file"])
        said = (facts.race, facts.gender, str(facts.age), facts.view, facts.person)
        assert said == (row["race"], row["gender"], row["age"], row["view"], row["person"])
    _error_rates_are_those_of_a_brute_force(tmp_path, capsys)


def _error_rates_are_those_of_a_brute_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow as pa

    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(24), 3)
    vectors = rng.normal(size=(24, 32))[person] + 0.9 * rng.normal(size=(72, 32))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    group = np.array(["African", "Asian", "Caucasian"])[person % 3]
    table = pa.table({"person": [str(p) for p in person], "embedding": list(vectors), "group": group})
    pq.write_table(table, tmp_path / "embeddings.parquet")
    facecurate("measure", "group_rates", str(tmp_path / "embeddings.parquet"), "--set", "threshold=0.3", "-o",
               str(tmp_path / "rates.json"))  # fmt: skip
    told = json.loads((tmp_path / "rates.json").read_text("utf-8"))
    rows = {r["group"]: r for rows in told["tables"].values() for r in rows if "group" in r}
    for name in set(group):
        here = np.flatnonzero(group == name)
        pairs = [(a, b) for i, a in enumerate(here) for b in here[i + 1 :]]
        same = np.array([person[a] == person[b] for a, b in pairs])
        hit = np.array([vectors[a] @ vectors[b] >= 0.3 for a, b in pairs])
        assert rows[name]["FMR"] == pytest.approx(hit[~same].mean(), abs=1e-9)
        assert rows[name]["FNMR"] == pytest.approx((~hit)[same].mean(), abs=1e-9)


def test_system_059_facecaption_hq(
    adult_photos: Path, models: ModelStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = tmp_path / "mixed", tmp_path / "hq"
    photos.mkdir()
    for number, path in enumerate(sorted(adult_photos.glob("*.jpg"))[:28]):
        shutil.copy(path, photos / path.name)
        pixels = cv2.imread(str(path))
        if number < 6:
            cv2.imwrite(str(photos / f"blurry_{number}.png"), cv2.GaussianBlur(pixels, (0, 0), 6))
        elif number < 12:
            cv2.imwrite(str(photos / f"small_{number}.png"), cv2.resize(pixels, (72, 72)))
    facecurate("recipe", "facecaption_hq", str(photos), str(out), "-j", "1")
    told = step(out, "filter")
    assert set(told["dropped"]) == {"size of the picture", "size of the face", "sharpness", "exposure", "relevance",
                                    "one face for certain"}  # fmt: skip
    ds = Dataset.open(out / "faces")
    rows = ds.faces(["name", "selected", "selected_rule"]).to_pylist()
    planted = [r for r in rows if r["name"].startswith(("blurry", "small"))]
    assert len(planted) >= 10
    assert not any(r["selected"] for r in planted)
    assert all(r["selected_rule"] for r in rows if not r["selected"])
    kept = [e for p in (out / "scales").glob("*.json") for e in json.loads(p.read_text("utf-8"))]
    assert len(kept) == told["kept"] == step(out, "scales")["kept"] > 5
    for entry in kept:
        assert entry["text"]
        assert len(entry["face_files"]) == 3
        sides = [cv2.imread(str(out / "scales" / f)).shape[0] for f in entry["face_files"]]
        assert len(set(sides)) == 3
        pose = cv2.imread(str(out / "scales" / entry["pose_file"]))
        assert (pose > 0).any(axis=2).mean() > 0.005
        assert np.load(out / "scales" / entry["id_embed_file"]).shape == (128,)


def test_system_092_face_instruct(adults: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "fi"
    facecurate("recipe", "face_instruct", str(adults.path), str(out), "-j", "1", "--set", "swaps=4", "--set", "least=7")
    folder = out / "instructions"
    entries = [e for p in folder.glob("*.json") for e in json.loads(p.read_text("utf-8"))]
    ds = Dataset.open(out / "faces")
    wanted = [c for c in bank() if c in ds.columns()]
    known = {f"{r['image_id'][:16]}_0": r for r in ds.faces(["image_id", *wanted]).to_pylist()}
    for entry in entries:
        assert set(entry) == {"id", "image", "conversations", "landmarks_2d", "task", "rating"}
        human, gpt = entry["conversations"]
        assert (human["from"], gpt["from"]) == ("human", "gpt")
        assert human["value"].startswith("<image>\n")
        assert (folder / entry["image"]).is_file()
        assert np.load(folder / entry["landmarks_2d"]).shape == (68, 2)
        assert entry["rating"] >= 7
        question = human["value"].removeprefix("<image>\n")
        task = next(t for t in bank().values() if question in t.questions)
        truth = known[entry["id"].rpartition("-")[0]][task.column.name]
        if task.kind == "flag":
            truth = bool(truth)
        assert task.same(truth, task.parse(gpt["value"])), entry
    by_task = Counter(e["task"] for e in entries)
    assert set(by_task) == {"expression", "action_units", "attributes", "age", "deepfake"}
    assert all(len(set(t.questions)) >= 10 for t in bank().values())
    below = {k: n for k, n in step(out, "instructions")["dropped"].items() if "rating below 7" in k}
    assert sum(below.values()) > 0
