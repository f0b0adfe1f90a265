"""What helps to look at a dataset in FiftyOne: saved views, plots, people's labels against the models'."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from services.face_datasets import small_dataset
from typer.testing import CliRunner

from curate.bridges.fiftyone import bring_home, from_fiftyone, prepare
from curate.bridges.fiftyone_import import collect
from curate.bridges.fiftyone_judged import mistakenness
from curate.bridges.fiftyone_marks import CHECK, DOUBTED, PERSON, REJECTED, queued
from curate.bridges.fiftyone_plot import principal
from curate.cli.main import app
from curate.consistency import check
from curate.export.fiftyone_documents import incoming
from curate.store import Dataset, LayerInfo
from curate.store.human import write_word
from schemas import UsageError

pytest_plugins = ("services.mongod",)
pytestmark = [
    pytest.mark.mongo,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the library's own, of mongoengine and starlette
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, dict[str, tuple[str, str]]]:
    """A dataset of which a person judged the gender of every face with one, every second one against the models."""
    ds = small_dataset(tmp_path_factory.mktemp("judged"))
    rows = ds.faces(["face_id", "perceived_gender"], "perceived_gender is not null").to_pylist()
    said = {}
    for number, row in enumerate(rows):
        other = "Male" if row["perceived_gender"] == "Female" else "Female"
        said[row["face_id"]] = (other if number % 2 else row["perceived_gender"], row["perceived_gender"])
    info = LayerInfo("human-1", "human", "label-studio", columns=("perceived_gender", "review_rejected"))
    values: dict[str, dict[str, Any]] = {face: {"perceived_gender": person} for face, (person, _) in said.items()}
    unjudged = next(f for f in ds.faces(["face_id"]).column(0).to_pylist() if f not in said)
    values[unjudged] = {"review_rejected": True}
    write_word(ds, info, {"00000": values})
    return ds, said


@pytest.fixture(scope="module")
def prepared(
    fo: Any, judged: tuple[Dataset, dict[str, tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, list[str]]]:
    ds = judged[0]
    ids = sorted(set(ds.faces(["image_id"]).column(0).to_pylist()), reverse=True)[1:4]
    path = tmp_path_factory.mktemp("queue") / "round 1.parquet"
    pq.write_table(pa.table({"image_id": [ids[2], ids[0], ids[1]]}), path)
    dataset = prepare(ds, "prepared", [path])
    yield dataset, [ids[2], ids[0], ids[1]]
    dataset.delete()


def test_the_queue_is_a_view_in_its_order(prepared: tuple[Any, list[str]]) -> None:
    dataset, ids = prepared
    assert dataset.load_saved_view("queue: round 1").values("image_id") == ids


def test_views_hold_what_they_are_named_after(
    prepared: tuple[Any, list[str]], judged: tuple[Dataset, dict[str, tuple[str, str]]]
) -> None:
    dataset, (ds, said) = prepared[0], judged
    shown = dataset.load_saved_view(PERSON).values("faces.detections.face_id", unwind=True)
    assert set(shown) == set(said)
    found = check(ds, by=()).table.to_pylist()
    there = set(dataset.values("faces.detections.face_id", unwind=True))
    rules = {r["rule"] for r in found if r["face_id"] in there}
    assert rules
    assert {CHECK + rule for rule in rules} <= set(dataset.list_saved_views())
    for rule in rules:
        shown = dataset.load_saved_view(CHECK + rule).values("faces.detections.face_id", unwind=True)
        assert set(shown) == {r["face_id"] for r in found if r["rule"] == rule} & there, rule
    rejected = dataset.load_saved_view(REJECTED).values("image_id")
    gone = ds.faces(["image_id"], "review_rejected = true").column(0).to_pylist()
    assert rejected == gone
    assert len(rejected) == 1


def test_models_are_evaluated_by_what_people_said(
    prepared: tuple[Any, list[str]], judged: tuple[Dataset, dict[str, tuple[str, str]]]
) -> None:
    dataset, said = prepared[0], judged[1]
    assert dataset.list_evaluations() == ["person_perceived_gender"]
    results = dataset.load_evaluation_results("person_perceived_gender")
    assert len(results.ytrue) == len(said)
    right = sum(person == model for person, model in said.values())
    assert 0 < right < len(said)
    assert results.metrics()["accuracy"] == pytest.approx(right / len(said))


def test_mistakenness_is_the_library_s_and_sorts(
    fo: Any, prepared: tuple[Any, list[str]], judged: tuple[Dataset, dict[str, tuple[str, str]]]
) -> None:
    from fiftyone.brain.internal.core.mistakenness import _compute_mistakenness_class as reference

    dataset, (ds, said) = prepared[0], judged
    table = ds.faces(["face_id", "perceived_gender_prob"])
    probabilities = dict(zip(*table.to_pydict().values(), strict=True))
    found = {d.face_id: d for s in dataset for d in s.faces.detections}
    compared = 0
    for face, (person, model) in said.items():
        if probabilities[face] is None:
            assert not found[face].has_field("mistakenness") or found[face].mistakenness is None
            continue
        expected = reference(np.log(list(probabilities[face].values())), float(person == model))
        assert found[face].mistakenness == pytest.approx(expected, abs=1e-6)
        compared += 1
    assert compared > 3
    worst = [max(d.mistakenness for d in s.faces.detections) for s in dataset.load_saved_view(DOUBTED)]
    assert worst == sorted(worst, reverse=True)
    assert min(worst) > 0.5


def test_mistakenness_has_known_values() -> None:
    assert mistakenness("Male", "Male", {"Male": 1.0, "Female": 0.0}) == 0
    assert mistakenness("Female", "Male", {"Male": 1.0, "Female": 0.0}) == 1
    assert mistakenness("Female", "Male", {"Male": 0.5, "Female": 0.5}) == pytest.approx(0.75)
    assert mistakenness("a", "b", {"b": 0.2, "c": 0.2}) == pytest.approx((1 + math.exp(-math.log(2))) / 2)


def test_embeddings_have_a_plot(
    prepared: tuple[Any, list[str]], judged: tuple[Dataset, dict[str, tuple[str, str]]]
) -> None:
    dataset, ds = prepared[0], judged[0]
    assert "embedding_sface_pca" in dataset.list_brain_runs()
    results = dataset.load_brain_results("embedding_sface_pca")
    faces = dict(zip(dataset.values("faces.detections.id", unwind=True),
                     dataset.values("faces.detections.face_id", unwind=True), strict=True))  # fmt: skip
    rows = {r["face_id"]: r["embedding_sface"] for r in ds.faces(["face_id", "embedding_sface"]).to_pylist()}
    shown = [faces[i] for i in results.label_ids]
    assert set(shown) == {f for f in faces.values() if rows[f] is not None}
    expected = principal(np.array([rows[f] for f in shown], np.float32))
    assert np.abs(results.points) == pytest.approx(np.abs(expected), abs=1e-6)


def test_principal_directions_are_those_of_a_known_cloud() -> None:
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(200, 5)) * [0.1, 9, 0.1, 3, 0.1]
    points = principal(cloud.astype(np.float32) + 7)
    centred = cloud - cloud.mean(axis=0)
    assert np.corrcoef(points[:, 0], centred[:, 1])[0, 1] > 0.99
    assert np.corrcoef(points[:, 1], centred[:, 3])[0, 1] > 0.99
    assert np.all(np.abs(points.mean(axis=0)) < 1e-4)


def test_what_helps_to_look_is_no_change_and_can_be_made_again(
    prepared: tuple[Any, list[str]], judged: tuple[Dataset, dict[str, tuple[str, str]]]
) -> None:
    dataset, ds = prepared[0], judged[0]
    before = dataset.list_saved_views(), dataset.list_evaluations(), dataset.list_brain_runs()
    assert from_fiftyone(dataset, ds) is None
    prepare(ds, "prepared")
    again = dataset.list_saved_views(), dataset.list_evaluations(), dataset.list_brain_runs()
    assert [sorted(a) for a in again] == [sorted(b) for b in before]


def test_unknown_cells_and_edits_of_vectors(fo: Any, tmp_path: Path) -> None:
    ds = small_dataset(tmp_path, 3)
    ids = ds.faces(["face_id"]).column(0).to_pylist()
    cells = [None if i % 3 else 0.5 for i in range(196)]
    ds.add_layer(LayerInfo("covers.v1", "model", "covers", "1", columns=("occlusion_map",)))
    table = {"face_id": ids, "label_status": ["ok"] * 4, "label_error": pa.nulls(4, pa.string())}
    table["occlusion_map"] = pa.array([cells] * 4, pa.list_(pa.float32(), 196))
    ds.write("labels/covers.v1", "00000", pa.table(table))
    dataset = prepare(ds, "unknown-cells")
    try:
        assert from_fiftyone(dataset, ds) is None
        sample = next(s for s in dataset if s.faces.detections)
        edited = np.array(sample.faces.detections[0].occlusion_map)
        edited[3] = 0.25
        sample.faces.detections[0].occlusion_map = edited
        sample.save()
        result = CliRunner().invoke(app, ["view", str(ds.path), "--pull", "--name", "unknown-cells", "--save-as", "me"])
        assert "wrote labels/human-fiftyone-1" in result.output
        assert ds.layer("human-fiftyone-1").author == "me"
        assert ds.layer("human-fiftyone-1").extra["notes"]["refused"] == []
        face = sample.faces.detections[0].face_id
        now = ds.faces(["occlusion_map"], f"face_id = '{face}'").column(0).to_pylist()[0]
        assert now == [0.25 if i == 3 else c for i, c in enumerate(cells)]
    finally:
        dataset.delete()


def test_hostile_values_in_the_database_are_refused(fo: Any, tmp_path: Path) -> None:
    ds = small_dataset(tmp_path, 3)
    dataset = prepare(ds, "hostile")
    try:
        collection, names = dataset._sample_collection, ("bounding_box", "pose_yaw", "embedding_sface", "tags")
        wrong: list[Any] = [["a", {}, None], {"$": 1}, b"no array", "tag"]
        values = {f"faces.detections.0.{name}": value for name, value in zip(names, wrong, strict=True)}
        collection.update_one({"faces.detections.0": {"$exists": True}}, {"$set": values})
        collection.update_one({"points_5.keypoints.0": {"$exists": True}}, {"$set": {"points_5.keypoints.0.points": 3}})
        before = ds.faces(["face_id", "box_x", "pose_yaw", "embedding_sface", "points_5"]).to_pylist()
        notes = collect(dataset, ds).notes
        assert {n["column"] for n in notes.refused} == {"box_x", "pose_yaw", "embedding_sface", "points_5"}
        assert bring_home(ds, "hostile") is None
        assert ds.faces(["face_id", "box_x", "pose_yaw", "embedding_sface", "points_5"]).to_pylist() == before
    finally:
        dataset.delete()


def test_a_list_that_is_none_and_an_absent_dataset_are_told(fo: Any, tmp_path: Path) -> None:
    pq.write_table(pa.table({"face_id": ["a"]}), tmp_path / "list.parquet")
    with pytest.raises(UsageError, match="no column image_id"):
        queued(tmp_path / "list.parquet")
    ds = Dataset.create(tmp_path / "dataset", name="never-opened")
    with pytest.raises(UsageError, match="no FiftyOne dataset 'never-opened'"):
        bring_home(ds)


def test_documents_are_those_that_the_library_itself_writes(fo: Any, prepared: tuple[Any, list[str]]) -> None:
    dataset = prepared[0]
    own = fo.Dataset("written-by-the-library")
    try:
        own.add_samples([sample.copy() for sample in dataset], dynamic=True, progress=False)
        expected = {d["image_id"]: _told(d) for d in own._sample_collection.find()}
        found = {d["image_id"]: _told(d) for d in dataset._sample_collection.find()}
        assert len(found) == 6
        for image, document in expected.items():
            assert found[image].keys() == document.keys()
            for name, value in document.items():
                assert found[image][name] == value, name
    finally:
        own.delete()


def _told(value: Any) -> Any:
    """A document without ids, times and what is null; arrays unpacked."""
    if isinstance(value, dict):
        passing = ("_id", "_dataset_id", "_rand", "created_at", "last_modified_at", "person_perceived_gender_eval")
        return {k: _told(v) for k, v in value.items() if v is not None and k not in passing}
    if isinstance(value, list):
        return [_told(v) for v in value]
    return incoming(value).tolist() if isinstance(value, bytes) else value
