"""The FiftyOne bridge against a real mongod, there and back."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from services.face_datasets import face_table, image_table, picture_row, save_pictures, small_dataset

from curate.bridges.fiftyone import from_fiftyone, to_fiftyone, view
from curate.store import Dataset, LayerInfo
from schemas import REGISTRY, Kind, MissingExtraError, UsageError, labels_of
from schemas.columns import faces, images, labels

pytest_plugins = ("services.mongod",)
pytestmark = [
    pytest.mark.mongo,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the library's own, of mongoengine and starlette
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def made(fo: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Any]]:
    folder = tmp_path_factory.mktemp("small")
    dataset = to_fiftyone(small_dataset(folder), "made-once")
    yield folder, dataset
    dataset.delete()


@pytest.fixture
def ds(made: tuple[Path, Any], tmp_path: Path) -> Dataset:
    return Dataset.open(shutil.copytree(made[0] / "dataset", tmp_path / "dataset"))


@pytest.fixture
def exported(fo: Any, made: tuple[Path, Any], request: pytest.FixtureRequest) -> Iterator[Any]:
    name = request.node.name
    yield made[1].clone(name)
    fo.delete_dataset(name)


def edit(dataset: Any, face: str, change: Callable[[Any, Any], object]) -> None:
    """Change the sample and detection of a face, as the App does."""
    for sample in dataset.iter_samples():
        for detection in sample.faces.detections:
            if detection.face_id == face:
                change(sample, detection)
                sample.save()
                return
    raise AssertionError(f"no face {face}")


def first_ok(ds: Dataset, *columns: str) -> dict[str, Any]:
    """The first face that has a value in every one of the columns."""
    for row in ds.faces(["face_id", "image_id", *columns]).to_pylist():
        if all(row[c] is not None for c in columns):
            return row
    raise AssertionError("no such face")


def test_every_picture_and_face_is_there(exported: Any, ds: Dataset) -> None:
    assert len(exported) == 6
    assert exported.count("faces.detections") == 10
    assert exported.count("landmarks_68.keypoints") == ds.faces(["landmarks_68"]).num_rows - nulls(ds, "landmarks_68")
    assert sorted(len(s.faces.detections) for s in exported) == [0, 2, 2, 2, 2, 2]


def nulls(ds: Dataset, name: str) -> int:
    return int(ds.faces([name]).column(0).null_count)


def test_boxes_and_points_are_relative_to_the_upright_picture(exported: Any, ds: Dataset) -> None:
    row = first_ok(ds, "points_5", "landmarks_478")
    sample = next(s for s in exported if row["face_id"] in s.facecurate_face_ids)
    detection = next(d for d in sample.faces.detections if d.face_id == row["face_id"])
    expected = (40 / 320, 50 / 240, 80 / 320, 100 / 240)
    if row["face_id"].endswith(".1"):
        expected = (180 / 320, 60 / 240, 90 / 320, 110 / 240)
    assert detection.bounding_box == pytest.approx(expected)
    mesh = next(k for k in sample.landmarks_478.keypoints if k.face_id == row["face_id"])
    stored = np.array(row["landmarks_478"]).reshape(478, 3)
    assert np.array(mesh.points) * [320, 240] == pytest.approx(stored[:, :2], abs=1e-3)
    assert mesh.z == pytest.approx(stored[:, 2])


def test_every_column_arrives_by_its_kind(exported: Any, ds: Dataset) -> None:
    schema = exported.get_field_schema(flat=True)
    names = [n for n in ds.columns() if n in REGISTRY and not n.startswith(("box_", "refound"))]
    own = set(images.IMAGES)
    for column in (REGISTRY[n] for n in names if n not in own):
        place = column.name if column.kind is Kind.POINTS else f"faces.detections.{column.name}"
        assert place in schema, column.name
    rows = {r["face_id"]: r for r in ds.faces([n for n in names if REGISTRY[n].kind is not Kind.POINTS]).to_pylist()}
    for detection in (d for s in exported for d in s.faces.detections):
        row = rows[detection.face_id]
        for name in (n for n in names if REGISTRY[n].kind in (Kind.NUMBER, Kind.FLAG, Kind.LABEL, Kind.SCORES)):
            if name in row and name not in own:
                assert (detection[name] if detection.has_field(name) else None) == row[name], name
        if row["embedding_sface"] is not None:
            assert detection.embedding_sface == pytest.approx(np.float32(row["embedding_sface"]))
        if row["perceived_gender"] and row["perceived_gender_prob"]:
            assert detection.perceived_gender_confidence == row["perceived_gender_prob"][row["perceived_gender"]]


def test_skeletons_and_provenance(exported: Any, ds: Dataset) -> None:
    edges = exported.skeletons["landmarks_68"].edges
    assert [0, 1] in edges
    assert [16, 17] not in edges
    assert exported.skeletons["landmarks_68"].labels[30] == "nose_bridge 30"
    assert all(len(exported.skeletons[c.name].labels) == c.shape[0] for c in (labels.MESH, faces.POINTS_5))
    info = exported.info["facecurate"]
    assert [json.loads(layer)["name"] for layer in info["layers"]] == [i.name for i in ds.layers()]
    assert info["created"] == ds.info.created


def test_a_second_call_adds_only_what_is_new(fo: Any, exported: Any, ds: Dataset, tmp_path: Path) -> None:
    before = exported.values("id")
    assert to_fiftyone(ds, exported.name).values("id") == before
    path = save_pictures(tmp_path / "more", 7)[6]
    ds.write("images", "00001", image_table([picture_row(path)]))
    ds.write("faces", "00001", face_table([picture_row(path)["image_id"]], np.array([[10, 10, 50, 60]])))
    again = to_fiftyone(ds, exported.name)
    assert again.values("id")[:6] == before
    assert len(again) == 7
    assert len(again.last().faces.detections) == 1


def test_another_dataset_of_the_same_name_is_refused(fo: Any, exported: Any, tmp_path: Path) -> None:
    other = small_dataset(tmp_path / "other", 2)
    with pytest.raises(UsageError, match="was not made from"):
        to_fiftyone(other, exported.name)
    with pytest.raises(UsageError, match="was not made from"):
        from_fiftyone(exported, other)
    assert len(to_fiftyone(other, exported.name, overwrite=True)) == 2


def test_nothing_changed_means_no_layer(exported: Any, ds: Dataset) -> None:
    before = [i.name for i in ds.layers()]
    assert from_fiftyone(exported, ds) is None
    assert [i.name for i in ds.layers()] == before


def test_edits_come_home_and_only_they(exported: Any, ds: Dataset) -> None:
    row = first_ok(ds, "perceived_gender", "pose_yaw", "perceived_emotion_prob")
    other = "Male" if row["perceived_gender"] == "Female" else "Female"

    def change(_: Any, detection: Any) -> None:
        detection.perceived_gender = other
        detection.tags.append("check again")
        detection.perceived_emotion_prob = {**detection.perceived_emotion_prob, "fear": 0.123}

    edit(exported, row["face_id"], change)
    info = from_fiftyone(exported, ds, author="R. Viewer")
    assert info is not None
    assert (info.kind, info.author, info.annotator) == ("human", "R. Viewer", "fiftyone")
    assert set(info.columns) == {"perceived_gender", "review_tags", "perceived_emotion_prob"}
    table = ds.layer_table(info.name).to_pylist()
    changed = [r for r in table if r["label_status"] == "ok"]
    assert [r["face_id"] for r in changed] == [row["face_id"]]
    assert changed[0]["perceived_gender"] == other
    assert changed[0]["review_tags"] == ["check again"]
    assert changed[0]["perceived_emotion_prob"]["fear"] == pytest.approx(0.123)
    assert changed[0]["perceived_emotion_prob"]["anger"] is None
    assert all(r["perceived_gender"] is None for r in table if r["label_status"] != "ok")
    resolved = ds.faces(["face_id", "perceived_gender", "pose_yaw"], provenance=True).to_pylist()
    mine = next(r for r in resolved if r["face_id"] == row["face_id"])
    assert (mine["perceived_gender"], mine["perceived_gender__layer"]) == (other, info.name)
    assert mine["pose_yaw"] == row["pose_yaw"]
    assert from_fiftyone(exported, ds) is None


def test_an_edit_taken_back_is_a_new_edit(exported: Any, ds: Dataset) -> None:
    row = first_ok(ds, "perceived_gender")
    old = row["perceived_gender"]
    other = "Male" if old == "Female" else "Female"
    edit(exported, row["face_id"], lambda _, d: setattr(d, "perceived_gender", other))
    assert from_fiftyone(exported, ds) is not None
    edit(exported, row["face_id"], lambda _, d: setattr(d, "perceived_gender", old))
    info = from_fiftyone(exported, ds)
    assert info is not None
    assert info.columns == ("perceived_gender",)
    assert first_ok(ds, "perceived_gender")["perceived_gender"] == old


def test_newer_labels_are_not_mistaken_for_edits(exported: Any, ds: Dataset) -> None:
    ds.add_layer(LayerInfo("head_pose.v2", "model", "head_pose", "2", columns=("pose_yaw",)))
    ids = ds.faces(["face_id"]).column(0)
    table = {"face_id": ids, "label_status": ["ok"] * 10, "label_error": pa.nulls(10, pa.string())}
    ds.write("labels/head_pose.v2", "00000", pa.table(table | {"pose_yaw": pa.array([7.0] * 10, pa.float32())}))
    assert from_fiftyone(exported, ds) is None


def test_moved_boxes_and_points(exported: Any, ds: Dataset) -> None:
    row = first_ok(ds, "landmarks_68", "landmarks_478")

    def change(sample: Any, detection: Any) -> None:
        detection.bounding_box = [0.1, 0.25, 0.2, 0.5]
        for name, point in (("landmarks_68", 30), ("landmarks_478", 4)):
            keypoint = next(k for k in sample[name].keypoints if k.face_id == row["face_id"])
            keypoint.points[point] = (0.5, 0.75)

    edit(exported, row["face_id"], change)
    info = from_fiftyone(exported, ds, "human-points")
    assert info is not None
    assert info.columns == ("box_x", "box_y", "box_w", "box_h", "landmarks_478", "landmarks_68")
    condition = f"face_id = '{row['face_id']}'"
    now = ds.faces(["box_x", "box_y", "box_w", "box_h", "landmarks_68", "landmarks_478"], condition).to_pylist()[0]
    assert [now[c.name] for c in faces.BOX] == pytest.approx([32, 60, 64, 120])
    assert now["landmarks_68"][60:62] == pytest.approx([160, 180])
    assert now["landmarks_68"][:60] == pytest.approx(row["landmarks_68"][:60], abs=1e-3)
    assert now["landmarks_478"][12:14] == pytest.approx([160, 180])
    assert now["landmarks_478"][14] == pytest.approx(row["landmarks_478"][14])


def test_deleted_and_drawn_boxes(fo: Any, exported: Any, ds: Dataset) -> None:
    gone, image = (first_ok(ds)[name] for name in ("face_id", "image_id"))
    sample = next(s for s in exported if s["image_id"] == image)
    kept = [d for d in sample.faces.detections if d.face_id != gone]
    drawn = fo.Detection(label="face", bounding_box=[0.5, 0.5, 0.25, 0.25], perceived_gender="Male")
    copied = kept[0].copy()
    copied.bounding_box = [0.0, 0.0, 0.125, 0.125]
    sample.faces = fo.Detections(detections=[*kept, drawn, copied])
    sample.save()
    info = from_fiftyone(exported, ds)
    assert info is not None
    names = ["face_id", "origin", *faces.BOX, "perceived_gender", "review_rejected"]
    found = {r["face_id"]: r for r in ds.faces(names).to_pylist()}
    assert len(found) == 12
    assert found[gone]["review_rejected"] is True
    new = found[f"{image}.2"]
    assert new["origin"] == "human"
    assert [new[c.name] for c in faces.BOX] == pytest.approx([160, 120, 80, 60])
    assert new["perceived_gender"] == "Male"
    assert found[f"{image}.3"]["box_w"] == pytest.approx(40)
    assert from_fiftyone(exported, ds) is None
    again = to_fiftyone(ds, f"{exported.name}-again")
    ids = {d.face_id for s in again for d in s.faces.detections}
    assert ids == set(found) - {gone}
    again.delete()


def test_what_no_layer_can_hold_is_told(fo: Any, exported: Any, ds: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    row = first_ok(ds, "perceived_emotion", "pose_yaw", "quality")

    def change(sample: Any, detection: Any) -> None:
        detection.perceived_emotion = "bored"
        detection.pose_yaw = None
        detection.quality = 3.0
        detection.label = "painting"
        sample.landmarks_68.keypoints.append(fo.Keypoint(label="face", points=[(0.5, 0.5)]))
        sample.tags.append("dark")

    edit(exported, row["face_id"], change)
    info = from_fiftyone(exported, ds)
    assert info is not None
    notes = info.extra["notes"]
    assert {n["column"] for n in notes["refused"]} == {"perceived_emotion", "quality"}
    assert [n["column"] for n in notes["cleared"]] == ["pose_yaw"]
    assert len(notes["unlinked"]) == 1
    assert info.extra["image_tags"] == {row["image_id"]: ["dark"]}
    assert info.columns == ("review_tags",)
    assert "bored was refused" in caplog.text
    after = first_ok(ds, "perceived_emotion", "pose_yaw", "quality")
    assert after == row
    condition = f"face_id = '{row['face_id']}'"
    assert ds.faces(["review_tags"], condition).column(0).to_pylist() == [["label:painting"]]
    assert "bored" not in labels_of("emotion-7")


def test_a_taken_layer_name_and_a_view_are_refused(exported: Any, ds: Dataset) -> None:
    with pytest.raises(UsageError, match="never overwritten"):
        from_fiftyone(exported, ds, "emotion.v1")
    with pytest.raises(UsageError, match="view"):
        from_fiftyone(exported.limit(1), ds)


def test_pictures_inside_parquet_are_copied(fo: Any, tmp_path: Path) -> None:
    data = save_pictures(tmp_path / "photos", 1)[0].read_bytes()
    container = tmp_path / "part.parquet"
    pq.write_table(pa.table({"image": [{"bytes": data, "path": None}]}), container)
    row = picture_row(tmp_path / "photos" / "picture 000.png") | {"uri": str(container), "member": 0}
    ds = Dataset.create(tmp_path / "dataset", name="container")
    ds.write("images", "00000", image_table([row]))
    ds.write("faces", "00000", face_table([row["image_id"]], np.array([[40, 50, 80, 100]])))
    dataset = to_fiftyone(ds, "container", media_dir=tmp_path / "media")
    path = Path(dataset.first().filepath)
    assert path == tmp_path / "media" / f"{row['image_id']}.png"
    assert path.read_bytes() == data
    dataset.delete()


def test_absent_library_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "fiftyone", None)
    with pytest.raises(MissingExtraError, match=r"facecurate\[fiftyone\]"):
        to_fiftyone(Dataset.create(tmp_path / "empty"))


def test_import_of_the_bridge_does_not_load_the_library() -> None:
    module = importlib.import_module("curate.bridges.fiftyone")
    assert module.__name__ == "curate.bridges.fiftyone"
    assert labels.REVIEW_TAGS.kind is Kind.LIST


@pytest.mark.slow
def test_the_app_answers(fo: Any, ds: Dataset, port: int) -> None:
    session = view(ds, port=port, name="in-the-app", wait=False)
    listener = session._client._thread
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            assert answer.status == 200
            assert "FiftyOne" in answer.read().decode()
        assert fo.config.do_not_track is True
        with pytest.raises(UsageError, match="cannot listen"):
            view(ds, port=port)
    finally:
        session.close()
        fo.delete_dataset("in-the-app")
        listener.join(15)  # CPython 3.11 may fail to parse code while another thread compiles
