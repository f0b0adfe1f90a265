"""Unit relations, looks, templates by group and semiotic variables: known answers and properties."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.weights import ModelStore
from curate.api import Options
from curate.api import run as label
from curate.measures.base import Result
from curate.measures.kinds.au_graph import folds_of, graph
from curate.measures.kinds.look_network import looks, negative, rank
from curate.measures.run import run
from curate.measures.semiotics import BY_NAME, LEVELS, VARIABLES, WEIGHTS, hue_name, likeness, of_faces, plastic
from schemas import UsageError
from schemas.columns import faces, labels
from tests.evaluation_samples import dataset, write_csv


def of_rows(tmp_path: Path, measure: str, rows: list[dict[str, Any]], out: bool = False, **settings: str) -> Result:
    path = write_csv(tmp_path / f"{measure}.csv", rows)
    return run(measure, [path], settings, tmp_path / "out" if out else None)


def test_unknown_units_count_nowhere() -> None:
    n = float("nan")
    found = graph(np.array([[1.0, 1, n], [1, 0, 1], [0, 1, 1], [1, n, 0]]))
    assert found.both.tolist() == [[3, 1, 1], [1, 2, 1], [1, 1, 2]]
    assert found.conditional[0].tolist() == [1, 1 / 2, 1 / 2] and found.conditional[2].tolist() == [1 / 2, 1 / 2, 1]
    assert found.adjacency[0].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert np.isnan(graph(np.zeros((3, 2))).conditional).all()


@given(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=80), st.integers(2, 5))
def test_folds_keep_subjects_together(subjects: list[str], folds: int) -> None:
    found = folds_of(subjects, folds)
    assert len(set(zip(subjects, found, strict=True))) == len(set(subjects))
    sizes = [found.count(f) for f in range(folds)]
    assert max(sizes) - min(sizes) <= max(subjects.count(s) for s in set(subjects))


def test_a_dataset_s_units_make_a_graph(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f.name for f in labels.AU_SCORE.type]
    told = [{n: float(rng.random()) for n in names} for _ in range(30)]
    told[3] = None  # type: ignore[call-overload]
    people = [f"p{i // 5}" for i in range(30)]
    ds = {"au.v1": {labels.AU_SCORE: told}, "id.v1": {labels.IDENTITY_ID: people}}
    dataset(tmp_path / "ds", [1] * 30, ds, status={"au.v1": ["ok" if t else "failed" for t in told]})
    found = run("dataset_au_graph", [tmp_path / "ds"], {"order": "disfa-8"}, tmp_path / "out")
    assert np.load(tmp_path / "out" / "adjacency.npy").shape == (29, 8, 8)
    assert (
        sum(r["rows"] for r in found.tables["folds"]) == 29 and sum(r["subjects"] for r in found.tables["folds"]) == 6
    )
    with pytest.raises(UsageError, match="order=disfa-9"):
        run("dataset_au_graph", [tmp_path / "ds"], {"order": "disfa-9"})
    dataset(tmp_path / "none", [1], {"e.v1": {labels.GENDER: ["Male"]}})
    with pytest.raises(UsageError, match="no action units"):
        run("dataset_au_graph", [tmp_path / "none"])


def test_tables_of_units_are_checked(tmp_path: Path) -> None:
    rows = [{str(u): 1 for u in (1, 2, 4, 6, 9, 12, 25)}]
    with pytest.raises(UsageError, match="no column AU26"):
        of_rows(tmp_path, "au_graph", rows, order="disfa-8")
    with pytest.raises(UsageError, match="something else than 0, 1, 9"):
        of_rows(tmp_path, "au_graph", [{**rows[0], "26": 3}], order="disfa-8")


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**16), st.integers(3, 6))
def test_networks_are_stochastic(seed: int, people: int) -> None:
    rng = np.random.default_rng(seed)
    found = looks(rng.normal(size=(people, 3)), rng.uniform(-180, 180, people), rng.uniform(-60, 60, people), 12)
    for network in (found, negative(found)):
        assert network.sum(1) == pytest.approx(1) and np.diag(network) == pytest.approx(0) and (network >= 0).all()
    off = ~np.eye(people, dtype=bool)
    expected = (1 - found[off]).reshape(people, -1)
    assert negative(found)[off].reshape(people, -1) == pytest.approx(expected / expected.sum(1, keepdims=True))


def test_ranking_equals_networkx_page_rank() -> None:
    import networkx

    rng = np.random.default_rng(0)
    network = rng.random((6, 6)) * (1 - np.eye(6))
    network /= network.sum(1, keepdims=True)
    told = networkx.pagerank(networkx.from_numpy_array(network, create_using=networkx.DiGraph), alpha=0.85, tol=1e-12)
    assert rank(network) == pytest.approx([told[i] for i in range(6)], abs=1e-8)


def test_looks_of_a_table(tmp_path: Path) -> None:
    place = {"a": (-1, 0, 2), "b": (1, 0, 2), "c": (0, 0, 4)}
    rows = [
        {"frame": f, "person": p, "x": x, "y": y, "z": z, "yaw": {"a": 90, "b": -90, "c": 0}[p], "pitch": 0}
        for f in range(3) for p, (x, y, z) in place.items()
    ]  # fmt: skip
    found = of_rows(tmp_path, "look_network", rows)
    shares = {(r["person"], r["other"]): r["share"] for r in found.tables["looks"]}
    assert shares["a", "b"] > 0.99 and shares["b", "a"] > 0.99 and shares["c", "a"] == pytest.approx(0.5)
    assert found.tables["ranking"][0]["person"] == "c", "nobody looks at c"
    with pytest.raises(UsageError, match="twice in frame 0"):
        of_rows(tmp_path, "look_network", [rows[0], rows[0], rows[1]])
    with pytest.raises(UsageError, match="in one place"):
        looks(np.zeros((2, 3)), np.zeros(2), np.zeros(2), 12)
    with pytest.raises(UsageError, match="no frame with two"):
        of_rows(tmp_path, "look_network", rows[:1])


def answer_rows(balanced: bool) -> list[dict[str, str]]:
    from curate.export.questions import tasks

    task = tasks()[labels.AGE.name]
    rows = []
    for question in task.questions[:2]:
        for template in task.answers:
            for group in ("Female", "Male"):
                n = 5 if balanced or group == "Male" or template != task.answers[0] else 25
                rows += [{"question": question, "answer": template.replace("{value}", str(20 + i)), "group": group}
                         for i in range(n)]  # fmt: skip
    return rows


def test_balanced_answers_have_no_parity_gap(tmp_path: Path) -> None:
    even = of_rows(tmp_path, "answer_parity", answer_rows(balanced=True))
    assert even.facts["largest gap"] == 0 and all(r["p"] == 1 for r in even.tables["questions"])
    odd = of_rows(tmp_path, "answer_parity", answer_rows(balanced=False))
    assert odd.facts["largest gap"] == pytest.approx(25 / 40 - 1 / 4) and odd.tables["questions"][0]["p"] < 0.05
    assert len(odd.tables["questions"]) == 2 and odd.tables["questions"][0]["by chance"] < odd.facts["largest gap"]
    with pytest.raises(UsageError, match="fewer than two groups"):
        of_rows(tmp_path, "answer_parity", [{"answer": "x", "group": "a"}])


def flat(colour: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    return np.full((80, 120, 3), colour, np.uint8)


@pytest.mark.parametrize(
    ("colour", "name"),
    [((220, 20, 20), "red"), ((230, 130, 10), "orange"), ((220, 210, 20), "yellow"), ((20, 180, 30), "green"),
     ((20, 200, 200), "cyan"), ((20, 40, 220), "blue"), ((200, 30, 200), "magenta")],
)  # fmt: skip
def test_a_picture_of_one_colour_has_its_hue(colour: tuple[int, int, int], name: str) -> None:
    found = plastic(flat(colour))
    assert found["colour_name"] == (name, "")
    assert found["palette_entropy"][0] == 0 and found["contrast"][0] == pytest.approx(0, abs=1e-6)
    assert found["line_directions"] == (None, "the picture has no lines")
    assert found["mirror_symmetry"] == (None, "the picture is of one lightness")


def test_grey_has_no_hue_and_lines_have_their_direction() -> None:
    grey = plastic(flat((90, 90, 90)))
    assert grey["dominant_hue"] == (None, "the picture has next to no colour")
    assert grey["lightness"][0] == pytest.approx(0.38, abs=0.01)
    striped = flat((255, 255, 255))
    striped[::8] = striped[1::8] = 0
    across, down = plastic(striped)["line_directions"][0], plastic(np.rot90(striped).copy())["line_directions"][0]
    assert np.argmax(across) == 0 and across[0] > 0.95, "horizontal lines"
    assert np.argmax(down) == 4 and down[4] > 0.95
    assert plastic(striped)["mirror_symmetry"][0] == pytest.approx(1)
    assert [hue_name(d) for d in (0, 344.9, 345, 15, 359)] == ["red", "magenta", "red", "orange", "red"]


def test_point_of_view_from_a_face() -> None:
    here = {c.name for c in (labels.AGE, labels.LOOKS_AT_CAMERA)}
    face = {faces.BOX_X: 40.0, faces.BOX_Y: 10.0, faces.BOX_W: 20.0, faces.BOX_H: 40.0, labels.AGE: 31.0}
    small = {**face, faces.BOX_W: 5.0, labels.LOOKS_AT_CAMERA: True}
    found = of_faces([small, {**face, labels.LOOKS_AT_CAMERA: False}], 100, 100, here)
    assert found["people"] == (2, "") and found["age"] == (31.0, "") and found["shot"] == ("close-up", "")
    assert found["face_x"][0] == pytest.approx(0.5) and found["face_y"][0] == pytest.approx(0.3)
    assert found["looks_at_viewer"] == ("no", "") and found["onlookers"] == (0.5, "")
    assert found["emotion"] == (None, f"the dataset has no {labels.PERCEIVED_EMOTION.name}")
    none = of_faces([], 100, 100, here)
    assert none["people"] == (0, "") and none["age"] == (None, "no face was found in the picture")
    assert all(value is not None or why for value, why in (found | none).values())


def values(chance: np.random.Generator) -> dict[str, Any]:
    """A random picture's variables, some unknown."""
    made: dict[str, Any] = {}
    for v in VARIABLES:
        draw: Any = chance.normal()
        if v.kind == "label":
            draw = str(chance.integers(0, 3))
        elif v.kind == "shares":
            draw = chance.dirichlet(np.ones(8)).tolist()
        elif v.kind == "angle":
            draw = float(chance.uniform(0, 360))
        made[v.name] = None if chance.random() < 0.3 else draw
    return made


@settings(deadline=None)
@given(st.integers(0, 2**20))
def test_the_score_is_a_likeness(seed: int) -> None:
    chance = np.random.default_rng(seed)
    one, other = values(chance), values(chance)
    found, back = likeness(one, other), likeness(other, one)
    assert found == back and 0 <= found.score <= 1
    assert found.score == pytest.approx(sum(found.weights[k] * found.levels[k] for k in found.levels))
    if found.levels:
        assert sum(found.weights.values()) == pytest.approx(1)
    if any(v is not None for v in one.values()):
        assert likeness(one, one).score == pytest.approx(1)
    assert set(WEIGHTS) == set(LEVELS) and len(BY_NAME) == len(VARIABLES)


def test_pictures_of_a_dataset_are_ranked(tmp_path: Path, models: ModelStore) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(8):
        scene = cv2.resize(rng.integers(0, 255, (7, 9, 3), np.uint8), (180, 140), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{i}.png"), scene)
        if i == 5:
            cv2.imwrite(str(folder / "near.jpg"), np.clip(scene.astype(int) + 6, 0, 255).astype(np.uint8))
    label(folder, tmp_path / "ds", Options(annotators=[], workers=1))
    found = run("fresco", [tmp_path / "ds"], {"query": "5.png"}, tmp_path / "out")
    ranked = found.tables["likest"]
    assert ranked[0]["picture"] == "near.jpg" and ranked[0]["score"] > 0.9 and len(ranked) == 8
    stored = pq.read_table(found.files[0])
    assert stored.num_rows == 9 and stored.column("emotion").null_count == 9
    assert stored.column("emotion_missing").null_count == 0 and stored.column("palette").null_count == 0
    with pytest.raises(UsageError, match="no picture 9"):
        run("fresco", [tmp_path / "ds"], {"query": "9"})
