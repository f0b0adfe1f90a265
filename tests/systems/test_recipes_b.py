"""Recipes of tables and made pictures: the acceptance checks of the systems whose construction they repeat."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.export.formats.llava import pairs as turns
from curate.export.questions import labels_of
from curate.generate.candidates import Rules, candidates
from curate.importers.formats.hrm import UNITS, read_annotations, write_annotations
from curate.recipes.logic.advert import search
from curate.recipes.logic.lifespans import FLAG
from curate.recipes.logic.preferences import assumptions
from curate.store import Dataset
from schemas import labels
from tests.systems.layout_samples import facecurate
from tests.systems.person_samples import read
from tests.systems.recipe_samples import recipe, table, write

if TYPE_CHECKING:
    pass

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
    able = candidates(adults, Rules("quality >= 0.4 and landmarks_478 is not null and abs(pose_yaw) < 25")).ids[:2]
    wanted = ", ".join(f"'{face}'" for face in able)
    where = f"face_id in ({wanted})"
    assert recipe("bms_makeup", adults.path, tmp_path / "out", where=where) == 0
    counts = json.loads((tmp_path / "out" / "plan" / "counts.json").read_text("utf-8"))
    assert counts["rows"] == 324_000
    assert pq.read_metadata(tmp_path / "out" / "plan" / "plan.parquet").num_rows == 324_000
    pairs = table(tmp_path / "out" / "pairs" / "pairs.csv")
    faces = {p["source_face"] for p in pairs}
    assert len(faces) == 2
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
