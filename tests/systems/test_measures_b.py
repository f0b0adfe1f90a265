"""Ratings, labels, relations, looks, semiotics, few shots and avatars: the acceptance checks of their systems."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from schemas.columns import labels
from tests.evaluation_samples import dataset, write_csv
from tests.systems.layout_samples import facecurate
from tests.test_measures_ratings import panel, rating_rows, separable

if TYPE_CHECKING:
    from annotators.weights import ModelStore
    from curate.store import Dataset

RANDOM_RATER = "r07"
BP4D = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
DISFA = (1, 2, 4, 6, 9, 12, 25, 26)


def measured(name: str, *inputs: Path, out: Path, **settings: object) -> dict[str, Any]:
    """The figures of `facecurate measure`, its files below `out`."""
    told = [part for k, v in settings.items() for part in ("--set", f"{k}={v}")]
    code = facecurate("measure", name, *inputs, *told, "-o", out / "figures.json", "--files", out, "-q")
    assert code == 0
    return dict(json.loads((out / "figures.json").read_text("utf-8")))


def test_system_052_lmme3dhf(tmp_path: Path) -> None:
    from label_studio_sdk.label_interface import LabelInterface
    from scipy import stats

    quality, authenticity = (rating_rows(panel(SEEDS[k]), k) for k in ("quality", "authenticity"))
    ratings = write_csv(tmp_path / "ratings.csv", [*quality, *authenticity])
    metric = np.linspace(0, 1, 20) ** 2 + np.random.default_rng(0).normal(0, 0.1, 20)
    other = write_csv(tmp_path / "metric.csv", [{"item": f"i{i:04d}", "score": m} for i, m in enumerate(metric)])
    found = measured("mos", ratings, other, out=tmp_path / "out")
    assert found["facts"]["rejected raters"] == {k: [RANDOM_RATER] for k in SEEDS}
    scores = found["tables"]["scores"]
    assert len(scores) == 40 and all(0 <= s["low"] <= s["mos"] <= s["high"] <= 100 for s in scores)
    expected = {"SRCC": stats.spearmanr, "PLCC": stats.pearsonr, "KRCC": stats.kendalltau}
    for row in found["tables"]["correlations"]:
        mos = [s["mos"] for s in scores if s["kind"] == row["kind"]]
        assert row["value"] == pytest.approx(expected[row["figure"]](mos, metric).statistic)

    rng = np.random.default_rng(1)
    many = [r for k in SEEDS for r in rating_rows(rng.integers(1, 6, (2000, 3)).astype(float), k)]
    large = measured("mos", write_csv(tmp_path / "many.csv", many), out=tmp_path / "many", screen="none")
    assert large["facts"]["items"] == 2000 and large["facts"]["scores"] == 4000
    assert pq.read_table(tmp_path / "many" / "mos.parquet").num_rows == 4000

    form = LabelInterface((tmp_path / "out" / "rating_form.xml").read_text("utf-8"))
    form.validate()
    assert [c.tag for c in form.controls] == ["Rating", "Rating", "BrushLabels", "TextArea"]


SEEDS = {"quality": 5, "authenticity": 6}
"""Panels whose random rater BT.500's test finds; it misses some, which `screen=both` does not."""


def test_system_084_grefel(tmp_path: Path) -> None:
    embedding, geometry, truth, said = separable(3)
    rows = [
        {"id": f"f{i}", "label": said[i], "truth": truth[i], "embedding": embedding[i].tolist(),
         "geometry": geometry[i].tolist()}
        for i in range(300)
    ]  # fmt: skip
    found = measured("label_noise", write_csv(tmp_path / "rows.csv", rows), out=tmp_path / "out")
    assert found["facts"]["wrong labels"] == 30 and found["facts"]["flagged"] == 30
    assert found["facts"]["share of wrong labels flagged"] >= 0.6
    weights = {c["label"]: c["weight"] for c in found["tables"]["classes"]}
    counts = {label: said.count(label) for label in weights}
    assert sum(weights.values()) / len(weights) == pytest.approx(1)
    assert len({round(weights[c] * counts[c], 9) for c in weights}) == 1, "inverse to the frequency"
    stored = pq.read_table(tmp_path / "out" / "label_noise.parquet").to_pylist()
    assert [r["label"] for r in stored] == said
    changed = [i for i, r in enumerate(stored) if r["corrected_label"] != r["label"]]
    assert len(changed) > 10 and np.mean([stored[i]["corrected_label"] == truth[i] for i in changed]) > 0.8
    assert [r["weight"] for r in stored] == [weights[s] for s in said], "a balanced sampler draws by these"


@pytest.mark.parametrize(("order", "units"), [("bp4d-12", BP4D), ("disfa-8", DISFA)])
def test_system_104_me_graphau(tmp_path: Path, order: str, units: tuple[int, ...]) -> None:
    import pandas as pd
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    truth = pd.DataFrame({str(u): (rng.random(200) < rng.uniform(0.2, 0.6)).astype(int) for u in units})
    said = truth.where(rng.random(truth.shape) < 0.8, 1 - truth)
    rows = [{**r, "subject": f"s{i % 23}"} for i, r in enumerate(truth.to_dict("records"))]
    table, model = write_csv(tmp_path / "au.csv", rows), write_csv(tmp_path / "said.csv", said.to_dict("records"))
    found = measured("au_graph", table, model, out=tmp_path / "out", order=order)
    conditional = np.load(tmp_path / "out" / "conditional.npy")
    for i, a in enumerate(truth):
        for j, b in enumerate(truth):
            if a != b:
                cells = pd.crosstab(truth[a], truth[b], normalize="index")
                assert conditional[i, j] == pytest.approx(cells.loc[1, 1], abs=1e-6)
    adjacency = np.load(tmp_path / "out" / "adjacency.npy")
    assert adjacency.shape == (200, len(units), len(units))
    active = truth.to_numpy(bool)
    assert (adjacency == (active[:, :, None] & active[:, None, :])).all()
    folds = pq.read_table(tmp_path / "out" / "au_rows.parquet").column("fold").to_pylist()
    assert set(folds) == {0, 1, 2}
    assert len({(r["subject"], f) for r, f in zip(rows, folds, strict=True)}) == 23, "each subject is in one fold"
    f1 = {r["unit"]: r["F1"] for r in found["tables"]["F1"]}
    for unit in units:
        assert f1[f"AU{unit}"] == pytest.approx(f1_score(truth[str(unit)], said[str(unit)]))


def test_system_106_neurogaze_distill(tmp_path: Path) -> None:
    import pandas as pd
    from sklearn.metrics import balanced_accuracy_score, f1_score

    rng = np.random.default_rng(0)
    edges = [-1.0, -0.6, -0.2, 0.2, 0.6, 1.0]
    valence = np.concatenate([edges, rng.uniform(-1, 1, 194)])
    arousal = np.concatenate([edges[::-1], rng.uniform(-1, 1, 194)])
    features = rng.normal(size=(200, 16))
    rows = [{"id": i, "valence": valence[i], "arousal": arousal[i], "embedding": features[i].tolist()}
            for i in range(200)]  # fmt: skip
    found = measured("va_grid", write_csv(tmp_path / "va.csv", rows), out=tmp_path / "va")
    cells = pq.read_table(tmp_path / "va" / "va_cells.parquet").column("cell").to_numpy()
    assert cells.min() >= 0 and cells.max() <= 24 and found["facts"]["without values"] == 0, "edges are inside"
    assert cells[0] == 20 and cells[5] == 4, "-1 and 1 both have a cell"
    prototypes = np.load(tmp_path / "va" / "prototypes.npy")
    means = pd.DataFrame(features).groupby(cells).mean()
    assert prototypes.shape == (25, 16) and prototypes[means.index] == pytest.approx(means.to_numpy(), abs=1e-5)

    words = ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "contempt"]
    truth = rng.choice(words[:6], 200)
    answer = np.where(rng.random(200) < 0.6, truth, rng.choice(words, 200))
    told = [{"truth": t, "answer": a} for t, a in zip(truth, answer, strict=True)]
    figures = measured("emotion_metrics", write_csv(tmp_path / "e.csv", told), out=tmp_path / "e",
                       labels=",".join(words))["tables"]["figures"]  # fmt: skip
    value = {r["figure"]: r["value"] for r in figures}
    present = f1_score(truth, answer, labels=sorted(set(truth)), average="macro")
    assert value["present-only macro-F1"] == pytest.approx(present)
    assert value["present-only macro-F1"] > f1_score(truth, answer, labels=words, average="macro", zero_division=0)
    recalls = [np.mean(answer[truth == w] == w) for w in set(truth)]
    assert value["balanced accuracy"] == pytest.approx(np.mean(recalls))
    same = answer[np.isin(answer, truth)], truth[np.isin(answer, truth)]
    assert np.isfinite(balanced_accuracy_score(same[1], same[0]))

    names = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"]
    votes = rng.multinomial(10, np.full(10, 0.1), 50)
    table = write_csv(tmp_path / "v.csv", [dict(zip(names, v.tolist(), strict=True)) for v in votes])
    measured("ferplus_votes", table, out=tmp_path / "v")
    soft = pq.read_table(tmp_path / "v" / "soft_labels.parquet").to_pandas()
    assert list(soft.columns) == names[:8] and soft.sum(axis=1).to_numpy() == pytest.approx(1)


def test_system_108_fresco(adults: Dataset, adult_photos: Path, models: ModelStore, tmp_path: Path) -> None:
    from curate import api
    from curate.measures.semiotics import LEVELS, VARIABLES, likeness, plastic

    found = measured("fresco", adults.path, out=tmp_path / "out")
    assert found["facts"]["pictures"] == 40
    stored = pq.read_table(tmp_path / "out" / "fresco.parquet").to_pylist()
    for row in stored:
        for v in VARIABLES:
            assert (row[v.name] is None) == bool(row[f"{v.name}_missing"]), v.name
    filled = {level: [r["filled"] for r in found["tables"]["variables"] if r["level"] == level] for level in LEVELS}
    assert all(max(counts) == 40 for counts in filled.values()), "each group has variables filled in every photo"
    red = plastic(np.full((64, 64, 3), (210, 15, 20), np.uint8))
    assert red["colour_name"][0] == "red"

    values = [{v.name: row[v.name] for v in VARIABLES} for row in stored]
    weights = found["facts"]["weights"]
    for i in range(0, 40, 5):
        assert likeness(values[i], values[i]).score == pytest.approx(1)
        for j in range(40):
            both = likeness(values[i], values[j])
            assert both == likeness(values[j], values[i]) and 0 <= both.score <= 1
            assert both.score == pytest.approx(sum(both.weights[k] * both.levels[k] for k in both.levels))
            assert both.weights == pytest.approx(weights)

    folder = tmp_path / "photos"
    folder.mkdir()
    chosen = sorted(adult_photos.glob("*.jpg"))[:12]
    for path in chosen:
        (folder / path.name).write_bytes(path.read_bytes())
    near = cv2.imread(str(chosen[4]))
    cv2.imwrite(str(folder / "near.jpg"), near, [cv2.IMWRITE_JPEG_QUALITY, 70])
    copied = api.run(folder, tmp_path / "dataset", api.Options(annotators=["head_pose"], workers=1))
    asked = measured("fresco", copied.path, out=tmp_path / "ranked", query=chosen[4].name)
    assert asked["tables"]["likest"][0]["picture"] == "near.jpg"


TASKS = {
    labels.PERCEIVED_EMOTION: ("anger", "happiness", "neutral", "sadness"),
    labels.GENDER: ("Female", "Male"),
    labels.AGE_GROUP: ("20-29", "30-39", "40-49"),
    labels.RACE: ("Black", "East Asian", "Indian", "White"),
    labels.EYEWEAR: ("none", "glasses"),
}


def test_system_114_facial_pretraining(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 900
    codes = {column: rng.integers(0, len(known), n) for column, known in TASKS.items()}
    vectors = rng.normal(size=(n, 128)) * 0.5
    for place, (column, known) in enumerate(TASKS.items()):
        vectors[:, 20 * place : 20 * place + len(known)] += np.eye(len(known))[codes[column]]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    told = {c: [known[k] for k in codes[c]] for c, known in TASKS.items()}
    dataset(tmp_path / "ds", [1] * n, {"a.v1": {labels.EMBEDDING: vectors.tolist()}, "b.v1": told})
    call = [sys.executable, "-m", "curate", "measure", "dataset_few_shot", str(tmp_path / "ds"), "--files",
            str(tmp_path / "out"), "-o", str(tmp_path / "f.json")]  # fmt: skip
    done = subprocess.run(call, capture_output=True, text=True, check=True, timeout=60)
    assert all(column.name in done.stdout for column in TASKS) and "seed" in done.stdout
    scores = json.loads((tmp_path / "f.json").read_text("utf-8"))["tables"]["scores"]
    assert len(scores) == 5 * 6 * 3 and {s["seed"] for s in scores} == {0, 1, 2}
    drawn = pq.read_table(tmp_path / "out" / "few_shot.parquet").to_pandas()
    label_of = {f"i{i}.0": {c.name: told[c][i] for c in TASKS} for i in range(n)}
    for column, known in TASKS.items():
        for seed in range(3):
            mine = drawn[(drawn.task == column.name) & (drawn.seed == seed)]
            sets = {s: set(mine[mine.subset == s].id) for s in set(mine.subset)}
            assert sets["1 %"] < sets["5 %"] < sets["10 %"] and sets["1 shots"] < sets["5 shots"] < sets["16 shots"]
            for ids in sets.values():
                counts = [sum(label_of[i][column.name] == k for i in ids) for k in known]
                assert max(counts) - min(counts) <= 1, "class-balanced"
    by = {(s["task"], s["subset"]): s["balanced accuracy"] for s in scores if s["seed"] == 0}
    assert all(by[c.name, "10 %"] > by[c.name, "1 %"] for c in TASKS)

    for name, moving in (("still", False), ("montage", True)):
        (tmp_path / name).mkdir()
        scene = rng.integers(0, 255, (9, 9, 3), np.uint8)
        for frame in range(125 if not moving else 40):
            small = rng.integers(0, 255, (9, 9, 3), np.uint8) if moving else scene
            shown = cv2.resize(small, (96, 72), interpolation=cv2.INTER_CUBIC).astype(int)
            noisy = np.clip(shown + rng.normal(0, 3, shown.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(tmp_path / name / f"{frame:03d}.jpg"), noisy)
    still = measured("redundancy", tmp_path / "still", out=tmp_path / "s")
    assert still["facts"]["pictures"] == 125 and still["facts"]["redundant"] >= 0.9, "5 s at 25 frames a second"
    assert measured("redundancy", tmp_path / "montage", out=tmp_path / "m")["facts"]["redundant"] < 0.1


PLACES = {"ann": (-1.2, 0, 2.0), "ben": (1.2, 0, 2.0), "cem": (-0.9, 0.1, 3.5), "dia": (0.9, -0.1, 3.5)}


def sight(one: str, other: str) -> tuple[float, float]:
    """Yaw and pitch in degrees from one place to another."""
    x, y, z = np.array(PLACES[other]) - np.array(PLACES[one])
    return float(np.degrees(np.arctan2(x, -z))), float(np.degrees(np.arctan2(y, np.hypot(x, z))))


def test_system_066_interaction_networks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    people = list(PLACES)
    rows, script = [], {}
    for frame in range(60):
        for one in people:
            # cem and dia look only at the other two, never at each other, and are looked at seldom
            choices = ["ann", "ben"] if one in ("cem", "dia") else [p for p in people if p != one]
            chance = [0.5, 0.5] if one in ("cem", "dia") else [0.8 if c in ("ann", "ben") else 0.1 for c in choices]
            other = str(rng.choice(choices, p=chance))
            script[str(frame), one] = other
            yaw, pitch = sight(one, other)
            x, y, z = PLACES[one]
            rows.append({"frame": frame, "person": one, "x": x, "y": y, "z": z, "yaw": yaw + rng.normal(0, 5),
                         "pitch": pitch + rng.normal(0, 5)})  # fmt: skip
    found = measured("look_network", write_csv(tmp_path / "people.csv", rows), out=tmp_path / "out")["tables"]
    hits = [t["looks at"] == script[str(t["frame"]), t["person"]] for t in found["targets"]]
    assert len(hits) == 240 and np.mean(hits) >= 0.9
    network, avoided = ({(r["person"], r["other"]): r["share"] for r in found[k]} for k in ("looks", "not looking"))
    for one in people:
        others = [p for p in people if p != one]
        assert sum(network[one, o] for o in others) == pytest.approx(1)
        for o in others:
            complement = (1 - network[one, o]) / sum(1 - network[one, p] for p in others)
            assert avoided[one, o] == pytest.approx(complement)
    assert {r["person"] for r in found["ranking"][:2]} == {"cem", "dia"}


LEVELS = ("highly disengaged", "disengaged", "engaged", "highly engaged")


def test_system_029_cmose_reliability(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import krippendorff

    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 80)
    said = np.clip(truth[:, None] + rng.integers(-1, 2, (80, 3)), 0, 3).astype(float)
    said[rng.random((80, 3)) < 0.1] = np.nan
    rows = [{"item": f"video{i}_0_person0", "rater": f"r{j}", "label": LEVELS[int(said[i, j])]}
            for i, j in np.ndindex(80, 3) if not np.isnan(said[i, j])]  # fmt: skip
    table, order = write_csv(tmp_path / "r.csv", rows), ",".join(LEVELS)
    found = measured("reliability", table, out=tmp_path / "out", order=order, rounds=200)["tables"]
    alpha = next(r for r in found["agreement"] if r["statistic"] == "alpha, ordinal")
    assert alpha["value"] == pytest.approx(krippendorff.alpha(said.T, level_of_measurement="ordinal"))
    assert alpha["low"] < alpha["value"] < alpha["high"]
    assert sum(r["weight"] for r in found["labels"]) / 4 == pytest.approx(1), "the imbalance report"
    odd = write_csv(tmp_path / "odd.csv", [*rows, {"item": "x", "rater": "r0", "label": "bored"}])
    assert facecurate("measure", "reliability", odd, "--set", f"order={order}") != 0
    assert "rating 'bored'" in capsys.readouterr().err


STUB = """
import json, sys
import cv2, numpy as np
asked = json.load(open(sys.argv[1], encoding="utf-8"))
picture = cv2.imread(sys.argv[3] + "/" + asked["face_id"].rpartition(".")[0] + ".png")
apart = abs(asked["parameters"]["face_width"] - float(sys.argv[4]))
noise = np.random.default_rng(0).normal(0, 90, picture.shape)
cv2.imwrite(sys.argv[2], np.clip(picture + apart * noise, 0, 255).astype(np.uint8))
"""


def test_system_067_smartavatar(adults: Dataset, adult_photos: Path, models: ModelStore, tmp_path: Path) -> None:
    import jsonschema

    from curate.avatar.loop import Dial, adjust

    for target in np.linspace(0, 1, 21):
        done = adjust({"a": 0.5}, [Dial("a")], lambda s, t=target: {"like": 1 - abs(s["a"] - t)}, {"like": 0.95})
        assert done.accepted and len(done.trials) <= 10 and [t.number for t in done.trials][-1] == len(done.trials)
    never = adjust({"a": 0.5}, [Dial("a")], lambda s: {"like": 0.4 - 0.1 * s["a"]}, {"like": 0.9}, budget=7)
    assert not never.accepted and len(never.trials) <= 7 and never.best.settings["a"] < 0.3

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    from schemas.columns import images

    for row in adults.images([images.IMAGE_ID, images.NAME]).to_pylist():
        photo = cv2.imread(str(adult_photos / row[images.NAME.name]))
        cv2.imwrite(str(pictures / f"{row[images.IMAGE_ID.name]}.png"), photo)
    program = tmp_path / "stub.py"
    program.write_text(STUB, "utf-8")
    for name, similarity, count, budget in (("met", 0.6, 3, 10), ("refused", 1.0, 1, 4)):
        out = tmp_path / name
        command = f"{sys.executable} {program} {{request}} {{out}} {pictures} 0.8"
        limits = ("--similarity", similarity, "--faces", count, "--budget", budget, "--dials", "face_width")
        code = facecurate("avatars", adults.path, out, "--command", command, *limits, "-q")
        assert code == 0
        trials = [json.loads(line) for line in (out / "trials.jsonl").read_text("utf-8").splitlines()]
        schema = json.loads((out / "avatar.schema.json").read_text("utf-8"))
        files = [f for f in out.glob("*.json") if f.name != "avatar.schema.json"]
        assert len(files) == count
        for file in files:
            avatar = json.loads(file.read_text("utf-8"))
            jsonschema.validate(avatar, schema)
            mine = [t for t in trials if t["face_id"] == avatar["face_id"]]
            assert len(mine) == avatar["adjusted"]["trials"] <= budget
            assert avatar["adjusted"]["accepted"] is (name == "met")
            if name == "met":
                assert avatar["adjusted"]["scores"]["face_similarity"] >= 0.6
                assert mine[0]["scores"].get("face_similarity", 0) < 0.6 or len(mine) == 1
