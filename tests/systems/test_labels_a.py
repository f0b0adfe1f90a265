"""Systems about labels: EmoNet's grid, votes and raters, rows of identity alone, labels by a language model."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from annotators.caption_parser import parse as parse_caption
from annotators.weights import ModelStore
from curate.export.identity_captions import ANYBODY, claimed_slots
from curate.export.questions import tasks
from curate.store import Dataset
from schemas import taxonomy
from schemas.bins import bins
from schemas.coding import coding
from schemas.columns import labels
from schemas.mapping import mapping
from tests.chat_server import Reply, chat_server
from tests.systems.commands import facecurate, lines

STATUS = labels.STATUS.name


def test_system_110_emonet_grid(
    adult_photos: Path, models: ModelStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emotions = taxonomy("emonet-40")
    assert len(emotions.labels) == 40 == len(set(emotions.labels))
    for label in emotions.labels:
        synonyms = emotions.docs[label].removeprefix("Also: ").rstrip(".").split(", ")
        assert len(synonyms) >= 3, label
    outcomes = [mapping("emonet-40", "emotion-8").map_label(label) for label in emotions.labels]
    assert set(outcomes) - {None} == set(taxonomy("emotion-8").labels)
    assert outcomes.count(None) == 9, "pain, shame and seven more have no counterpart, and the map says so"
    out = tmp_path / "grid"
    facecurate("recipe", "emonet_grid", str(out), "--plan")
    cells = Counter(tuple(r["facts"].values()) for r in lines(out / "plan", "grid.jsonl"))
    assert sum(cells.values()) == 19999
    assert len(cells) == 40 * 2 * 7 * 6
    assert max(cells.values()) - min(cells.values()) <= 1
    _votes_are_imported(adult_photos, tmp_path)
    _raters_agree_as_the_references_say(tmp_path)
    capsys.readouterr()
    facecurate("review", "config", "-c", "emonet_40_score")
    page = ElementTree.fromstring(capsys.readouterr().out)
    sliders = [tag for tag in page.iter("Number") if tag.get("slider") == "true"]
    assert [tag.get("name", "").partition("__")[2] for tag in sliders] == list(emotions.labels)


def _votes_are_imported(adult_photos: Path, tmp_path: Path) -> None:
    source = tmp_path / "binary"
    source.mkdir()
    for number, path in enumerate(sorted(adult_photos.glob("*.jpg"))[:3]):
        shutil.copy(path, source / f"{number:05d}.jpg")
    votes = [
        *(("00000", who, value, "Amusement") for who, value in (("a", "true"), ("b", "true"), ("c", "false"))),
        ("00001", "a", "false", "Pain"),
        ("00001", "b", "false", "Pain"),
        ("00002", "a", "true", "Awe"),
    ]
    rows = ["path,annotator,value,emotion", *(f"{p}.jpg,{who},{value},{what}" for p, who, value, what in votes)]
    (source / "binary.csv").write_text("\n".join(rows) + "\n", "utf-8")
    facecurate("import", "emonet_binary", str(source), str(tmp_path / "votes"), "-j", "1")
    found = {
        r["name"]: r
        for r in Dataset.open(tmp_path / "votes").faces(["name", "emonet_40_score", "emonet_40"]).to_pylist()
    }
    assert found["00000.jpg"]["emonet_40_score"]["Amusement"] == pytest.approx(2 / 3)
    assert found["00000.jpg"]["emonet_40"] == "Amusement"
    assert found["00001.jpg"]["emonet_40_score"]["Pain"] == 0
    assert found["00001.jpg"]["emonet_40"] is None
    assert found["00002.jpg"]["emonet_40_score"]["Pain"] is None


def _raters_agree_as_the_references_say(tmp_path: Path) -> None:
    from scipy.stats import spearmanr
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(1)
    truth = rng.integers(0, 8, 60)
    said = {who: np.clip(truth + rng.integers(-n, n + 1, 60), 0, 7) for who, n in (("a", 1), ("b", 2), ("c", 4))}
    text = ["item,rater,label", *(f"{i},{who},{v}" for who, values in said.items() for i, v in enumerate(values))]
    (tmp_path / "ratings.csv").write_text("\n".join(text) + "\n", "utf-8")
    facecurate("measure", "reliability", str(tmp_path / "ratings.csv"), "-o", str(tmp_path / "rates.json"))
    tables = json.loads((tmp_path / "rates.json").read_text("utf-8"))["tables"]
    for row in tables["raters"]:
        rest = np.mean([v for who, v in said.items() if who != row["rater"]], axis=0)
        assert row["Spearman"] == pytest.approx(spearmanr(said[row["rater"]], rest).statistic, abs=1e-9)
    weighted = [r for r in tables["pairs"] if r["statistic"] == "quadratic kappa"]
    assert len(weighted) == 3
    for row in weighted:
        expected = cohen_kappa_score(said[row["first"]], said[row["second"]], weights="quadratic", labels=range(8))
        assert row["value"] == pytest.approx(expected, abs=1e-9)


def test_system_025_identity_only(adults: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    out = tmp_path / "faceid"
    facecurate("export", str(adults.path), "ip_adapter_faceid", str(out), "--crop", "ffhq", "--size", "512", "--set",
               "identity_only=true", "--set", "width=512", "--set", "files=torch",
               "--set", f"prefix={out}/")  # fmt: skip
    records = json.loads((out / "unassigned.json").read_text("utf-8"))
    assert len(records) >= 30
    told = {r["caption"]: r for r in adults.faces(["caption"]).to_pylist()}
    assert any("perceived_emotion" in " ".join(parse_caption(c)) for c in told if c), "some captions tell an expression"
    for item in records:
        assert set(item) == {"image_file", "text", "id_embed_file"}
        assert Image.open(out / item["image_file"]).convert("RGB").size == (512, 512)
        # as `MyDataset.__getitem__` of IP-Adapter's tutorial_train_faceid.py
        embedding = torch.from_numpy(torch.load(item["id_embed_file"], map_location="cpu", weights_only=False))
        assert embedding.shape == (512,)
        assert float(embedding.norm()) == pytest.approx(1, abs=1e-3)
        if item["text"] != ANYBODY:
            assert claimed_slots(item["text"]) <= {"gender", "maturity", "age"}


REPLIES = (
    '{"gender": "Female", "race": "East Asian", "age": "30-39", "emotion": "happiness"}',
    "Gender: male\nRace: Black\nAge: 20-29\nEmotion: neutral",
    '{"gender": "Male", "race": "Martian", "age": "40-49", "emotion": null}',
    "I am sorry, I cannot describe people.",
)
"""Recorded replies; the third names no race of the seven, the fourth answers nothing."""


def test_system_109_vlm_labels(adults: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ds = Dataset.open(shutil.copytree(adults.path, tmp_path / "faces"))
    count = ds.counts().faces
    known = ds.faces(["face_id", "name", "perceived_gender", "perceived_race"]).to_pylist()
    with chat_server([Reply(REPLIES[i % 4]) for i in range(count)]) as chat:
        facecurate("annotate", str(ds.path), "-a", "vlm_labels", "-j", "1", "--set", f"vlm_labels.base_url={chat.url}",
                   "--set", "vlm_labels.model=recorded", "--set", "vlm_labels.concurrency=1")  # fmt: skip
    rows = ds.layer_table("vlm_labels.v1").to_pylist()
    told = Counter((r["perceived_gender"], r["perceived_race"], r["perceived_age_group"], r["perceived_emotion"],
                    r["vlm_reply"]) for r in rows if r[STATUS] == "ok")  # fmt: skip
    assert sum(told.values()) >= count - 4, "a face that the second detector doubts is not asked about"
    assert set(told) == {
        ("Female", "East Asian", "30-39", "happiness", None),
        ("Male", "Black", "20-29", "neutral", None),
        ("Male", None, "40-49", None, REPLIES[2]),
        (None, None, None, None, REPLIES[3]),
    }
    _codes_interconvert()
    _accuracy_by_group_has_its_n(ds, known, rows, tmp_path)
    _paligemma_lines_load(ds, tmp_path)


def _codes_interconvert() -> None:
    """FairFace's seven races to UTKFace's five codes and back by the documented maps; the nine ages by their bins."""
    there, back = mapping("race-fairface-7", "race-utkface-5"), mapping("race-utkface-5", "race-fairface-7")
    code = coding("utkface-race")
    assert {code.encode(there.map_label(r)).value for r in taxonomy("race-fairface-7").labels} == {0, 1, 2, 3, 4}
    for race in taxonomy("race-utkface-5").labels:
        found = back.map_label(race)
        assert found is None or there.map_label(found) == race
    assert [bins("age-fairface").label(float(a)) for a in (1, 5, 15, 25, 35, 45, 55, 65, 90)] == list(
        taxonomy("age-fairface-9").labels
    )


def _accuracy_by_group_has_its_n(
    ds: Dataset, known: list[dict[str, Any]], rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    truth = {r["face_id"]: r for r in known if r["perceived_gender"] and r["perceived_race"]}
    with (tmp_path / "truth.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "perceived_gender", "group"])
        writer.writerows((r["name"], r["perceived_gender"], r["perceived_race"]) for r in truth.values())
    facecurate("evaluate", str(ds.path), "-t", str(tmp_path / "truth.csv"), "--columns", "perceived_gender", "--by",
               "group", "--layers", "vlm_labels.v1", "-o", str(tmp_path / "evaluation"), "--rounds", "100")  # fmt: skip
    (section,) = json.loads((tmp_path / "evaluation" / "truth.json").read_text("utf-8"))["sections"]
    said: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        if row["face_id"] in truth and row["perceived_gender"]:
            expected = truth[row["face_id"]]
            said[expected["perceived_race"]].append(row["perceived_gender"] == expected["perceived_gender"])
    (split,) = section["groups"]
    found = {g["name"]: g["figures"]["accuracy"] for g in split["groups"] if g["figures"].get("accuracy")}
    for group, hits in said.items():
        assert found[group]["n"] == len(hits)
        assert found[group]["value"] == pytest.approx(np.mean(hits))


def _paligemma_lines_load(ds: Dataset, tmp_path: Path) -> None:
    from datasets import load_dataset

    out = tmp_path / "paligemma"
    facecurate("export", str(ds.path), "paligemma", str(out), "--crop", "crop224", "--columns",
               "perceived_gender,perceived_age_group,perceived_emotion")  # fmt: skip
    table = load_dataset("json", data_files=str(out / "unassigned.jsonl"), split="train", cache_dir=str(tmp_path / "c"))
    assert table.column_names == ["image", "prefix", "suffix"]
    assert len(table) > 40
    for row in table:
        assert (out / row["image"]).is_file()
        task = next(t for t in tasks().values() if row["prefix"] in t.questions)
        assert task.parse(row["suffix"])
