"""Recipes of people's photos: the acceptance checks of the systems whose construction they repeat."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from annotators.identity import SAME_PERSON
from curate.recipes.logic.triggers import count
from curate.store import Dataset
from tests.systems.layout_samples import facecurate
from tests.systems.person_samples import apart, read, save, version
from tests.systems.recipe_samples import ADULT, others, recipe, table, write

if TYPE_CHECKING:
    from annotators.weights import ModelStore

# --- one person's photos


def test_system_111_facechain(adult_photos: Path, models: ModelStore, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for number in range(7):
        save(photos / f"{number}.png", version(number))
    save(photos / "rotated.png", np.rot90(version(20)))
    save(photos / "blurred.png", cv2.GaussianBlur(version(21), (0, 0), 6))
    save(photos / "other.png", others(adult_photos, [4])[0])
    assert recipe("portrait_lora", photos, tmp_path / "out", **ADULT) == 0

    turns_told = {r["file"]: int(r["turned"]) for r in table(tmp_path / "out" / "label" / "turns.csv")}
    assert {f: t for f, t in turns_told.items() if t} == {"rotated.png": 270}
    upright = read(tmp_path / "out" / "label" / "pictures" / "rotated.png")
    assert np.array_equal(upright, version(20))
    drops = {s: pq.read_table(tmp_path / "out" / s / "drops.parquet").to_pylist() for s in ("clear", "own")}
    assert [(d["name"], d["selected_rule"]) for d in drops["clear"]] == [("blurred.png", "sharp")]
    foreign = [d["selected_rule"] for d in drops["own"] if d["name"] == "other.png"]
    assert foreign == ["another person than most faces of the folder"]
    texts = sorted((tmp_path / "out" / "lora").rglob("*.txt"))
    pictures = sorted((tmp_path / "out" / "lora").rglob("*.jpg"))
    assert [t.stem for t in texts] == [p.stem for p in pictures]
    assert len(texts) == 8
    assert all(t.read_text("utf-8").startswith("sks, ") for t in texts)
    ranking = [float(r["likeness"]) for r in table(tmp_path / "out" / "own" / "likeness.csv")]
    assert len(ranking) == 8
    assert ranking == sorted(ranking, reverse=True)


def test_system_053_personamagic(adult_photos: Path, models: ModelStore, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for number in range(5):
        save(photos / f"{number}.png", version(number))
    assert recipe("persona_magic", photos, tmp_path / "out", **ADULT) == 0
    (folder,) = (p for p in (tmp_path / "out" / "concept").glob("*/*") if p.is_dir())
    assert folder.name == "10_sks person"
    pictures, texts = sorted(folder.glob("*.jpg")), sorted(folder.glob("*.txt"))
    assert [p.stem for p in pictures] == [t.stem for t in texts]
    assert len(pictures) == 5
    assert all(count("sks", t.read_text("utf-8")) == 1 for t in texts)
    prompts = (tmp_path / "out" / "captions" / "prompts.txt").read_text("utf-8").splitlines()
    assert len(set(prompts)) == 20
    assert all(count("sks", p) == 1 for p in prompts)

    stranger = save(tmp_path / "stranger.png", others(adult_photos, [4])[0])
    rows = [{"picture": p, "reference": pictures[0], "subject": "own"} for p in pictures[1:]]
    audited = write(tmp_path / "rows.csv", [*rows, {"picture": stranger, "reference": pictures[0], "subject": "other"}])
    assert facecurate("measure", "personalization", audited, "-o", tmp_path / "audit.json", "-q") == 0
    told = json.loads((tmp_path / "audit.json").read_text("utf-8"))["tables"]["rows"]
    assert all(r["ID"] >= SAME_PERSON for r in told[:-1])
    assert told[-1]["ID"] < SAME_PERSON


def test_system_079_my_time_machine(adult_photos: Path, models: ModelStore, tmp_path: Path) -> None:
    birth, photos = date(1950, 4, 2), tmp_path / "photos"
    days = {}
    for number in range(11):
        day = date(1980 + 3 * number, 7, 9)
        days[f"me_{day.isoformat()}.png"] = day
        save(photos / f"me_{day.isoformat()}.png", version(number))
    days["scan_1999-01-01.jpg"] = date(2011, 6, 5)
    save(photos / "scan_1999-01-01.jpg", version(30), taken="2011:06:05 12:00:00")
    save(photos / "me_1995-01-01.png", others(adult_photos, [4])[0])
    chosen = {"birth": birth, "held_from": 50, **ADULT}
    assert recipe("my_time_machine", photos, tmp_path / "out", **chosen) == 0

    rows = table(tmp_path / "out" / "ages" / "ages.csv")
    assert {r["file"] for r in rows} == set(days)
    for row in rows:
        assert float(row["age_years"]) == pytest.approx((days[row["file"]] - birth).days / 365.25, abs=1e-4)
        assert row["source"] == ("exif" if row["file"].startswith("scan") else "name")
        assert (row["split"] == "extrapolation") == (float(row["age_years"]) >= 50)
    assert {r["split"] for r in rows} == {"train", "extrapolation"}
    drops = pq.read_table(tmp_path / "out" / "own" / "drops.parquet").to_pylist()
    assert [d["name"] for d in drops] == ["me_1995-01-01.png"]
    held = list((tmp_path / "out" / "photos" / "extrapolation").rglob("*.jpg"))
    assert len(held) == sum(r["split"] == "extrapolation" for r in rows)

    ds = Dataset.open(tmp_path / "out" / "faces")
    vectors = {f["name"]: np.array(f["embedding_sface"]) for f in ds.faces(["name", "embedding_sface"]).to_pylist()}
    for row in rows:
        near = [
            float(vectors[row["file"]] @ vectors[r["file"]])
            for r in rows
            if r is not row and abs(float(r["age_years"]) - float(row["age_years"])) <= 3
        ]
        assert int(row["near_in_age"]) == len(near)
        if near:
            assert float(row["likeness_near"]) == pytest.approx(np.mean(near), abs=1e-4)
    assert any(int(r["near_in_age"]) for r in rows)
    references = write(
        tmp_path / "references.csv", [{"picture": photos / r["file"], "age": r["age_years"]} for r in rows]
    )
    result = tmp_path / "age.json"
    assert facecurate("measure", "age_identity", references, references, "-o", result, "-q") == 0
    outputs = json.loads(result.read_text("utf-8"))["tables"]["outputs"]
    assert [o["photos"] for o in outputs] == [1 + int(r["near_in_age"]) for r in rows]


# --- people


def test_system_099_imdb_clean(adult_photos: Path, models: ModelStore, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    foreign = others(adult_photos, [0, 1, 2, 9, 14])
    for number in range(20):
        own = version(number)
        save(photos / "nm1" / f"{number}.png", np.hstack([own, foreign[number]]) if number < 2 else own)
    for number, face in enumerate(foreign[2:]):
        save(photos / "nm1" / f"wrong_{number}.png", face)
    for person, face in zip(("nm2", "nm3", "nm4"), others(adult_photos, [20, 21, 22]), strict=True):
        for number in range(3):
            save(photos / person / f"{number}.png", version(number, face))
    chosen = {"ratios": "train=.5,validation=.25,test=.25", "assume_adults": "true"}
    assert recipe("imdb_clean", photos, tmp_path / "out", **chosen) == 0

    kept = [r for r in table(tmp_path / "out" / "own" / "likeness.csv") if r["person"] == "nm1"]
    assert len({r["file"] for r in kept}) == len(kept)
    wrong = [r for r in kept if "wrong" in r["file"]]
    ds = Dataset.open(tmp_path / "out" / "faces")
    place = {f["face_id"]: f["box_x"] for f in ds.faces(["face_id", "box_x"]).to_pylist()}
    wrong += [r for r in kept if r["file"] in ("nm1/0.png", "nm1/1.png") and place[r["face_id"]] > 300]
    assert len(wrong) <= 1
    assert len(kept) - len(wrong) >= 18
    lists = {p.name: table(p) for p in sorted((tmp_path / "out" / "csv").glob("*.csv"))}
    assert {"filename", "age", "gender", "x_min", "head_yaw"} <= set(next(iter(lists.values()))[0])
    parts = defaultdict(set)
    for face in ds.faces(["identity", "split"], where="selected").to_pylist():
        parts[face["identity"]].add(face["split"])
    assert len(parts) == 4
    assert all(len(p) == 1 for p in parts.values())
    assert list((tmp_path / "out" / "masks").rglob("*.parquet"))

    chance = np.random.default_rng(99)
    truth, guess = chance.uniform(20, 60, 80), chance.uniform(20, 60, 80)
    ages = write(tmp_path / "ages.csv", [{"age": a, "predicted_age": b} for a, b in zip(truth, guess, strict=True)])
    assert facecurate("measure", "age_metrics", ages, "-o", tmp_path / "age.json", "-q") == 0
    facts = json.loads((tmp_path / "age.json").read_text("utf-8"))["facts"]
    assert facts["MAE"]["value"] == pytest.approx(np.abs(truth - guess).mean(), abs=1e-9)
    assert facts["CS(5)"]["value"] == pytest.approx((np.abs(truth - guess) <= 5).mean(), abs=1e-9)


def test_system_100_face9m(adult_photos: Path, models: ModelStore, tmp_path: Path) -> None:
    people = sorted(adult_photos.glob("*.jpg"))
    first, second = tmp_path / "first", tmp_path / "second"
    rows: dict[str, list[dict[str, Any]]] = {"first": [], "second": []}
    for number in range(8):
        face = read(people[number])
        for take in range(3):
            source = "first" if number < 5 else "second"
            path = save(tmp_path / source / f"{number}_{take}.png", apart(face, take) if take else face)
            rows[source].append({"file_name": path.name, "subject": f"s{number}"})
    for number in range(10):
        face = read(first / f"{number % 5}_{number // 5}.png")
        name = f"copy_{number}.{'png' if number < 4 else 'jpg'}"
        save(
            second / name, face if number < 7 else cv2.resize(face, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
        )
        rows["second"].append({"file_name": name, "subject": f"s{number % 5}"})
    lists = [write(tmp_path / s / "list.csv", rows[s]) for s in rows]
    chosen = {"subject": "extra.subject", "assume_adults": "true"}
    assert recipe("face9m", *lists, tmp_path / "out", **chosen) == 0

    counts = {Path(r["source"]).parent.name: r for r in table(tmp_path / "out" / "counts" / "sources.csv")}
    assert (counts["first"]["listed"], counts["second"]["listed"]) == ("15", "19")
    total = sum(int(c["copies"]) for c in counts.values()) + sum(
        int(c["faces"]) - int(c["kept"]) for c in counts.values()
    )
    assert total == 10
    ds = Dataset.open(tmp_path / "out" / "faces")
    kept = ds.faces(["name", "extra.subject"], where="selected").to_pylist()
    assert Counter(f["extra.subject"] for f in kept) == Counter({f"s{n}": 3 for n in range(8)})
    told = json.loads((tmp_path / "out" / "folds" / "probe.json").read_text("utf-8"))
    assert told["subjects in two folds"] == 0
    assert told["subjects in two random folds"] > 0
    assert told["probe"]["low"] > told["chance"]
    folds = defaultdict(set)
    for row in table(tmp_path / "out" / "folds" / "folds.csv"):
        folds[row["subject"]].add(row["fold"])
    assert all(len(f) == 1 for f in folds.values())
    assert list((tmp_path / "out" / "pool").glob("*.tar"))


def test_system_103_dynamicid(adult_photos: Path, models: ModelStore, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for number in range(60):
        save(photos / "ann" / f"{number:02d}.png", version(number))
    for number in range(8):
        save(photos / "bob" / f"{number}.png", version(number, others(adult_photos, [1])[0]))
    assert recipe("variface", photos, tmp_path / "out", **ADULT) == 0
    sets = {r["person"]: r for r in table(tmp_path / "out" / "distinct" / "sets.csv")}
    assert (sets["ann"]["chosen"], sets["ann"]["short"]) == ("35", "False")
    assert int(sets["ann"]["pool"]) >= 50
    assert float(sets["ann"]["draws_below"]) >= 0.95
    assert float(sets["ann"]["least_likeness"]) >= SAME_PERSON
    assert sets["bob"]["short"] == "True"
    assert int(sets["bob"]["chosen"]) == int(sets["bob"]["pool"]) <= 8
    ds = Dataset.open(tmp_path / "out" / "faces")
    whose = {f["face_id"]: f["identity"] for f in ds.faces(["face_id", "identity"], where="selected").to_pylist()}
    assert Counter(whose.values()) == {"ann": 35, "bob": int(sets["bob"]["chosen"])}
    pairs = pq.read_table(tmp_path / "out" / "distinct" / "contrasts.parquet").to_pylist()
    kinds = {p["kind"] for p in pairs}
    assert kinds == {"same_identity", "same_motion"}
    for pair in pairs:
        first, second = pair["first_face_id"], pair["second_face_id"]
        assert first != second
        assert (whose[first] == whose[second]) == (pair["kind"] == "same_identity")
    far = min(p["distance"] for p in pairs if p["kind"] == "same_identity" and whose[p["first_face_id"]] == "ann")
    assert far > float(sets["ann"]["mean_distance"])
    assert len(list((tmp_path / "out" / "people").rglob("*.jpg"))) == len(whose)
