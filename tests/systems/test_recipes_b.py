"""Recipes of tables and of people: the acceptance checks of the systems whose construction they repeat."""

from __future__ import annotations

import csv
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
from curate.export.formats.llava import pairs as turns
from curate.export.questions import labels_of
from curate.generate.candidates import Rules, candidates
from curate.importers.formats.hrm import UNITS, read_annotations, write_annotations
from curate.recipes.logic.advert import search
from curate.recipes.logic.lifespans import FLAG
from curate.recipes.logic.preferences import assumptions
from curate.recipes.logic.triggers import count
from curate.store import Dataset
from schemas import labels
from tests.systems.layout_samples import facecurate
from tests.systems.person_samples import apart, read, save, version

if TYPE_CHECKING:
    from annotators.weights import ModelStore

Rows = list[dict[str, str]]
ADULT = {"assume_adults": "true", "minors": "true"}
"""The user's word on the astronaut, who was 36."""


def table(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def recipe(name: str, *places: object, **settings: object) -> int:
    chosen = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return facecurate("recipe", name, *places, *chosen, "-q")


def others(folder: Path, numbers: list[int]) -> list[np.ndarray]:
    """Faces of other people."""
    people = sorted(folder.glob("*.jpg"))
    return [cv2.resize(read(people[n]), (300, 300), interpolation=cv2.INTER_CUBIC) for n in numbers]


# --- tables


def test_system_002_hugging_rain_man(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from scipy import stats

    chance = np.random.default_rng(2)
    rows = []
    for number in range(300):
        asd = number % 2
        shown = {u: 0.6 if asd and u == "AU12" else 0.2 for u in UNITS}
        codes = {u: int(chance.integers(1, 6)) if chance.random() < p else 0 for u, p in shown.items()}
        raters = {f"Abnormal-{r}": int(chance.integers(0, 5)) for r in ("j", "jie", "y", "z", "w")}
        mean = round(sum(raters.values()) / 5, 2)
        rows.append({"frame": f"{number:05d}", **codes, "ASD": asd, **raters, "Abnormal-avg": mean})
    source = write(tmp_path / "given" / "segment_1.csv", rows)

    arrow = read_annotations(source)
    write_annotations(tmp_path / "back.csv", arrow)
    assert (tmp_path / "back.csv").read_bytes() == source.read_bytes()
    assert recipe("hrm", source.parent, tmp_path / "out") == 0
    kept = pq.read_table(tmp_path / "out" / "frames" / "frames.parquet")
    assert kept.select(arrow.column_names).equals(arrow.cast(kept.select(arrow.column_names).schema))

    told = json.loads((tmp_path / "out" / "frames" / "comparison.json").read_text("utf-8"))["rows"]
    by_name = {r["name"]: r for r in told}
    group = np.array([r["ASD"] for r in rows])
    raw = {}
    for unit in (u for u in UNITS if u != "AU0"):
        on = np.array([r[unit] > 0 for r in rows])
        counts = [[int(on[group == g].sum()), int((~on[group == g]).sum())] for g in (0, 1)]
        raw[unit] = float(stats.chi2_contingency(counts, correction=False).pvalue)
    for rating in (n for n in rows[0] if n.startswith("Abnormal")):
        values = np.array([float(r[rating]) for r in rows])
        raw[rating] = float(stats.mannwhitneyu(values[group == 0], values[group == 1]).pvalue)
    assert set(raw) == set(by_name)
    names = list(raw)
    adjusted = stats.false_discovery_control([raw[n] for n in names])
    for name, q in zip(names, adjusted, strict=True):
        assert by_name[name]["p"] == pytest.approx(raw[name], abs=1e-9)
        assert by_name[name]["p_adjusted"] == pytest.approx(q, abs=1e-9)
    assert [r["name"] for r in told if r["p_adjusted"] < 0.05] == ["AU12"]
    card = (tmp_path / "out" / "frames" / "card.md").read_text("utf-8")
    assert "131,758 frames" in card
    assert "1,535 segments" in card


def test_system_112_remaining_lifespan(adults: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(adults.faces(["name"]).column(0).to_pylist())
    chance = np.random.default_rng(112)
    rows = []
    for number in range(50):
        birth = date(1880 + int(chance.integers(50)), 1 + number % 12, 1 + number % 28)
        photo = date(birth.year + int(chance.integers(30, 55)), 5, 17)
        death = date(photo.year + int(chance.integers(1, 30)), 2, 28)
        image = files[number] if number < len(files) else f"absent_{number}.jpg"
        rows.append({"person": f"p{number // 2}", "image": image, "birth_date": birth, "image_date": photo,
                     "death_date": death, "cause": "cancer"})  # fmt: skip
    for number in (3, 8, 9):
        rows[number]["cause"] = "car accident"
    for number in (12, 20):
        rows[number]["death_date"] = date(rows[number]["image_date"].year - 1, 1, 1)
    people = write(tmp_path / "people.csv", rows)
    given = {"list": people, "ratios": "train=.5,validation=.25,test=.25"}
    assert recipe("lifespan", adults.path, tmp_path / "refused", **given) == 2
    assert "ethics" in capsys.readouterr().err
    assert recipe("lifespan", adults.path, tmp_path / "out", **given, ethics=FLAG) == 0

    targets = table(tmp_path / "out" / "targets" / "targets.csv")
    by_image = {str(r["image"]): r for r in rows}
    assert len(targets) == len(files) - 5
    for target in targets:
        row = by_image[target["file"]]
        assert float(target["remaining_years"]) == (row["death_date"] - row["image_date"]).days / 365.25
        assert float(target["age_years"]) == (row["image_date"] - row["birth_date"]).days / 365.25
    told = json.loads((tmp_path / "out" / "recipe.json").read_text("utf-8"))
    dropped = next(s for s in told["steps"] if s["name"] == "join")["done"]["dropped"]
    assert dropped["row: death of an unnatural cause"] == 3
    assert dropped["row: pictured after death"] == 2
    parts = defaultdict(set)
    for target in targets:
        parts[target["person"]].add(target["split"])
    assert all(len(p) == 1 for p in parts.values())
    assert {p for found in parts.values() for p in found} == {"train", "validation", "test"}

    fitted = [t for t in targets if t["split"] == "train"]
    slope, start = np.polyfit([float(t["age_years"]) for t in fitted], [float(t["remaining_years"]) for t in fitted], 1)
    errors = defaultdict(list)
    for target in (t for t in targets if t["split"] != "train"):
        age = float(target["age_years"])
        guess = max(start + slope * age, 0)
        errors[f"{age // 10 * 10:g}-{age // 10 * 10 + 10:g}"].append(abs(guess - float(target["remaining_years"])))
    report = json.loads((tmp_path / "out" / "targets" / "errors.json").read_text("utf-8"))["baseline"]
    assert {b["ages"]: b["n"] for b in report["by age"]} == {k: len(v) for k, v in errors.items()}
    for found in report["by age"]:
        assert found["mae_years"] == pytest.approx(np.mean(errors[found["ages"]]), abs=1e-9)


def test_system_117_adsee(adults: Dataset, tmp_path: Path) -> None:
    faces = adults.faces(["name", "quality", "perceived_age"]).to_pylist()
    chance = np.random.default_rng(117)
    names = sorted({f["name"] for f in faces})
    planted = {f["name"]: float(f["quality"] or 0) for f in faces}
    rows = [
        {"file": n, "title": f"Ad {i}", "click_rate": 0.02 + 0.08 * planted[n] + chance.normal(0, 0.001),
         "latent_0": chance.normal() if i % 5 else ""} for i, n in enumerate(names)
    ]  # fmt: skip
    clicks = write(tmp_path / "clicks.csv", rows)
    directions = "quality,perceived_age"
    assert recipe("adsee", adults.path, tmp_path / "out", list=clicks, directions=directions) == 0

    ads = pq.read_table(tmp_path / "out" / "ads" / "ads.parquet").to_pylist()
    assert sorted(a["file"] for a in ads) == names
    counts = Counter(f["name"] for f in faces)
    by_file = {r["file"]: r for r in rows}
    for ad in ads:
        row = by_file[ad["file"]]
        assert ad["face_count"] == counts[ad["file"]]
        assert ad["text"] == row["title"]
        assert ad["click_rate"] == pytest.approx(row["click_rate"])
        assert (ad["latent_0"] is None) == (row["latent_0"] == "")
    assert any(ad["latent_0"] is None for ad in ads)
    report = json.loads((tmp_path / "out" / "ads" / "report.json").read_text("utf-8"))
    assert report["squared error, ridge"] < report["squared error, mean"]
    assert report["squared error saved"]["low"] > 0
    grid = table(tmp_path / "out" / "ads" / "grid.csv")
    assert len({(g["quality"], g["perceived_age"]) for g in grid}) == len(grid) == 25
    best = max(grid, key=lambda g: float(g["predicted"]))
    assert float(best["quality"]) == report["search"]["edit"]["quality"] == 2
    goal = np.array([0.4, -1.1])
    found = search(lambda e: 3 - ((e - goal) ** 2).sum(1), {"smile": (-2, 2), "age": (-2, 2)})
    assert list(found.edit.values()) == pytest.approx(goal.tolist(), abs=0.01)


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


def test_system_041_user_vlm(adults: Dataset, tmp_path: Path) -> None:
    assert recipe("user_vqa", adults.path, tmp_path / "out") == 0
    ds = Dataset.open(tmp_path / "out" / "faces")
    asked = (labels.GENDER, labels.AGE_GROUP, labels.PERCEIVED_EMOTION)
    known = {f["face_id"]: f for f in ds.faces(["face_id", labels.RACE4, *asked]).to_pylist()}
    said = json.loads((tmp_path / "out" / "conversations" / "unassigned.json").read_text("utf-8"))
    assert len(said) >= 10
    by_key = {face[:16] + "_" + face.rpartition(".")[2]: row for face, row in known.items()}
    for record in said:
        told = labels_of(turns(record["conversations"]))
        row = by_key[record["id"]]
        assert told == {c.name: row[c.name] for c in asked if row[c.name] is not None}
    lines = (tmp_path / "out" / "preferences" / "preferences.jsonl").read_text("utf-8").splitlines()
    pairs = [json.loads(line) for line in lines]
    assert pairs
    assert all({"prompt", "chosen", "rejected"} <= set(p) for p in pairs)
    assert all(read(tmp_path / "out" / "preferences" / p["image"]).shape == (224, 224, 3) for p in pairs)
    assert not any(assumptions(p["chosen"]) for p in pairs)
    assert all(assumptions(p["rejected"]) for p in pairs)
    shares = defaultdict(Counter)
    for pair in pairs:
        row = known[pair["face_id"]]
        assert pair["group"] == f"{row[labels.GENDER.name]} / {row[labels.RACE4.name]}"
        shares[pair["group"]][pair["chosen"]] += 1
    assert len(shares) > 2
    assert len({tuple(sorted(c.items())) for c in shares.values()}) == 1
    parity = json.loads((tmp_path / "out" / "preferences" / "parity.json").read_text("utf-8"))
    assert parity["largest gap of an answer between groups"] == 0


# --- made pictures


def test_system_031_pain_in_3d(adults: Dataset, tmp_path: Path) -> None:
    import pyarrow as pa

    from annotators.base import FaceBatch
    from annotators.pain import Pain
    from schemas import taxonomy

    chance = np.random.default_rng(31)
    units = taxonomy(labels.AU_INTENSITY.taxonomy).labels
    level, shown = chance.uniform(0, 5, (1000, len(units))), chance.uniform(0, 1, (1000, len(units)))
    told = {
        column.name: pa.array([dict(zip(units, row, strict=True)) for row in values.tolist()], column.type)
        for column, values in ((labels.AU_INTENSITY, level), (labels.AU_SCORE, shown))
    }
    batch = FaceBatch(pa.table({"face_id": [str(i) for i in range(1000)], "image_id": ["x"] * 1000, **told}), {})
    found = Pain().annotate(batch).column(labels.PSPI.name).to_pylist()
    a = {u: level[:, units.index(u)] for u in ("AU4", "AU6", "AU7", "AU9", "AU10")}
    formula = (
        a["AU4"]
        + np.maximum(a["AU6"], a["AU7"])
        + np.maximum(a["AU9"], a["AU10"])
        + (shown[:, units.index("AU43")] >= 0.5)
    )
    assert found == pytest.approx(formula.tolist(), abs=1e-5)
    assert 0 <= min(found) <= max(found) <= 16

    assert facecurate("recipe", "pain3d", "--plan", tmp_path / "plan", "-q") == 0
    totals = {
        s: json.loads((tmp_path / "plan" / s / "counts.json").read_text("utf-8")) for s in ("samples", "heatmaps")
    }
    assert (totals["samples"]["rows"], totals["heatmaps"]["rows"]) == (82_500, 25_000)
    rows = pq.read_table(tmp_path / "plan" / "samples" / "plan.parquet").to_pandas()
    assert (len(rows), rows["identity"].nunique()) == (82_500, 2_500)
    cells = rows.drop_duplicates("identity").groupby(["gender", "age", "ethnicity"]).size()
    assert cells.max() - cells.min() <= 1

    assert recipe("pain3d", adults.path, tmp_path / "out", identities=50) == 0
    pairs = table(tmp_path / "out" / "pairs" / "pairs.csv")
    assert len(pairs) >= 5
    for pair in pairs:
        assert float(pair["heat_inside"]) >= 0.8
        assert float(pair["AU4_pain"]) > float(pair["AU4_rest"])
        assert (
            max(float(pair["AU6_pain"]) - float(pair["AU6_rest"]), float(pair["AU7_pain"]) - float(pair["AU7_rest"]))
            > 0
        )
        heat = read(tmp_path / "out" / "pairs" / pair["heat"])
        assert heat.shape == read(tmp_path / "out" / "pairs" / pair["pain"]).shape
        assert heat.max() == 255


def test_system_071_beautybank(adults: Dataset, tmp_path: Path) -> None:
    able = candidates(adults, Rules("quality >= 0.4 and landmarks_478 is not null and abs(pose_yaw) < 25")).ids[:3]
    wanted = ", ".join(f"'{face}'" for face in able)
    where = f"face_id in ({wanted})"
    assert recipe("bms_makeup", adults.path, tmp_path / "out", where=where) == 0
    counts = json.loads((tmp_path / "out" / "plan" / "counts.json").read_text("utf-8"))
    assert counts["rows"] == 324_000
    assert pq.read_metadata(tmp_path / "out" / "plan" / "plan.parquet").num_rows == 324_000
    pairs = table(tmp_path / "out" / "pairs" / "pairs.csv")
    faces = {p["source_face"] for p in pairs}
    assert len(faces) == 3
    assert len(pairs) == 10 * len(faces)
    assert len({(p["source_face"], p["look"]) for p in pairs}) == len(pairs)
    for pair in pairs:
        bare, worn, mask = (read(tmp_path / "out" / "pairs" / pair[k]) for k in ("bare", "makeup", "mask"))
        assert bare.shape == worn.shape == (512, 512, 3)
        assert (bare != worn).any()
        assert not (bare != worn).any(axis=2)[mask[..., 0] == 0].any()
    assert facecurate("generate", tmp_path / "out" / "faces", "--recheck", 3) == 0
    told = json.loads((tmp_path / "out" / "pairs" / "facts.json").read_text("utf-8"))
    assert told["same look nearer than another"]["value"] >= 0.9
