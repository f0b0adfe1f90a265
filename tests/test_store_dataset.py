"""Folder, parts, layers, revisions, runs and the lock."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from store_samples import KEYS, add, face_table, ids, image_table, label_table, sample, table

from curate.store import Dataset, LayerInfo, RunRecord, config_hash, host_facts
from curate.store import parts as part_files
from schemas import DatasetError, SchemaError, UnknownNameError, UsageError
from schemas.columns import faces, images, labels


def test_layout_is_the_documented_one(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    add(dataset, "age", "model", "2025", {labels.AGE: [1.0, 2.0, 3.0]})
    dataset.write_run(RunRecord(id="r1"))
    found = sorted(str(p.relative_to(dataset.path)) for p in dataset.path.rglob("*") if p.is_file())
    assert found == [
        "dataset.json",
        "faces/00000.parquet",
        "faces/00001.parquet",
        "images/00000.parquet",
        "images/00001.parquet",
        "labels/age/00000.parquet",
        "labels/age/_layer.json",
        "runs/r1.json",
    ]
    info = json.loads((dataset.path / "dataset.json").read_text())
    assert (info["format_version"], info["revision"], info["name"]) == (1, 0, "sample")


def test_keys_come_by_number_then_name(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    for key in ("human-00000", "100000", "99999"):
        dataset.write("faces", key, face_table([f"{key}-a"]))
    assert dataset.keys("faces") == ["00000", "00001", "99999", "100000", "human-00000"]
    assert dataset.keys("labels/none") == []
    assert dataset.has("faces", "99999") and not dataset.has("faces", "00002")


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".hidden", "_x", "a b"])
def test_unsafe_keys_and_layers_are_refused(tmp_path: Path, key: str) -> None:
    dataset = sample(tmp_path / "data")
    with pytest.raises(UsageError, match="cannot be a part name"):
        dataset.part_path("faces", key)
    with pytest.raises(UsageError, match="cannot be a layer name"):
        LayerInfo(key, "model", "x")


def test_opening_what_is_no_dataset_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no folder"):
        Dataset.open(tmp_path / "absent")
    with pytest.raises(DatasetError, match=r"is not a dataset: it holds no dataset\.json"):
        Dataset.open(tmp_path)
    dataset = Dataset.create(tmp_path / "new")
    text = (dataset.path / "dataset.json").read_text().replace('"format_version": 1', '"format_version": 2')
    (dataset.path / "dataset.json").write_text(text)
    with pytest.raises(DatasetError, match=r"format version is 2, this program knows 1. Update"):
        Dataset.open(dataset.path)
    (dataset.path / "dataset.json").write_text("{")
    with pytest.raises(DatasetError, match=r"dataset\.json cannot be read"):
        Dataset.open(dataset.path)


def test_create_never_takes_a_used_folder(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(DatasetError, match="is not an empty folder"):
        Dataset.create(tmp_path)
    with pytest.raises(DatasetError, match="is not a dataset"):
        Dataset.open_or_create(tmp_path)
    made = Dataset.open_or_create(tmp_path / "new", licence="CC0-1.0")
    assert Dataset.open_or_create(tmp_path / "new", licence="other").info == made.info
    with pytest.raises(DatasetError, match="already holds a dataset"):
        Dataset.create(tmp_path / "new")


def test_sources_are_noted_once_and_revisions_kept(tmp_path: Path) -> None:
    old = Dataset.create(tmp_path / "data")
    new = old.add_source({"path": "a"}).new_revision()
    assert old.add_source({"path": "a"}).info.sources == [{"path": "a"}]
    assert (Dataset.open(old.path).info.revision, new.info.revision, old.info.revision) == (1, 1, 0)


def test_a_dataset_travels_to_another_process_by_path(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data").new_revision()
    copy = pickle.loads(pickle.dumps(dataset))
    assert (copy.path, copy.info) == (dataset.path, dataset.info)


def test_revisions_have_faces_and_labels_of_their_own(tmp_path: Path) -> None:
    old = sample(tmp_path / "data")
    add(old, "age", "model", "2025", {labels.AGE: [1.0, 2.0, 3.0]})
    new = old.new_revision()
    assert new.keys("faces") == [] and new.layers() == [] and new.keys("images") == list(KEYS)
    new.write("faces", "00000", face_table(ids("00000"), suffix=".7"))
    add(new, "age", "model", "2026", {labels.AGE: [4.0, 5.0, 6.0]})
    assert new.part_path("labels/age", "00000") == old.path / "revisions/1/labels/age/00000.parquet"
    assert Dataset.open(old.path).faces([labels.AGE]).column(0).to_pylist() == [4, 5, 6]
    back = new.at_revision(0).faces([faces.FACE_ID, labels.AGE]).to_pylist()
    assert back[0] == {"face_id": "00000-0.0", "perceived_age": 1} and len(back) == 6
    with pytest.raises(DatasetError, match="no revision 2: the newest is 1"):
        new.at_revision(2)


def test_declared_facts_travel_in_the_file(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    bare = face_table(["x"])
    bare = bare.cast(pa.schema([f.remove_metadata() for f in bare.schema]))
    dataset.write("faces", "00009", bare)
    field = pq.read_schema(dataset.part_path("faces", "00009")).field("box_x")
    assert json.loads(field.metadata[b"facecurate"])["unit"] == "px"
    assert pq.ParquetFile(dataset.part_path("faces", "00009")).num_row_groups == 1


def test_tables_that_break_their_declaration_are_refused(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    good = face_table(ids("00000"))
    score = good.schema.get_field_index("detection_score")
    with pytest.raises(SchemaError, match=r"detection_score: values outside \[0, 1\]"):
        dataset.write("faces", "00005", good.set_column(score, "detection_score", pa.array([2, 0, 0], pa.float32())))
    with pytest.raises(SchemaError, match="expected float, found double"):
        dataset.write("faces", "00005", good.set_column(score, "detection_score", pa.array([1.0, 0, 0])))
    with pytest.raises(SchemaError, match="repeated face ids"):
        dataset.write("faces", "00005", face_table(["a", "a"]))
    with pytest.raises(SchemaError, match="mood: no column of the faces table"):
        dataset.write("faces", "00005", good.append_column("mood", pa.array(["x"] * 3)))
    with pytest.raises(SchemaError, match="the images table lacks uri"):
        dataset.write("images", "00005", image_table(["a"]).drop_columns(["uri"]))
    with pytest.raises(SchemaError, match="the sources table lacks uri, member"):
        dataset.write("sources", "00005", table({images.NAME: ["a.jpg"]}))
    assert not dataset.has("faces", "00005")


def test_labels_must_stand_row_by_row_beside_their_faces(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    dataset.add_layer(LayerInfo("age", "model", "age", columns=("perceived_age",)))
    names = [i + ".0" for i in ids("00000")]
    good = label_table(names, {labels.AGE: [1.0, 2.0, 3.0]})
    for bad in (good.slice(1), good.take([1, 0, 2]), pa.concat_tables([good, good.slice(2)])):
        with pytest.raises(SchemaError, match="does not follow its faces row by row"):
            dataset.write("labels/age", "00000", bad)
    with pytest.raises(SchemaError, match="layer 'age' does not declare pose_yaw"):
        dataset.write("labels/age", "00000", good.append_column("pose_yaw", pa.array([0.0] * 3, pa.float32())))
    with pytest.raises(SchemaError, match="label_status holds"):
        dataset.write("labels/age", "00000", label_table(names, {labels.AGE: [1.0] * 3}, ["ok", "fine", "ok"]))
    with pytest.raises(DatasetError, match="Faces are written before their labels"):
        dataset.write("labels/age", "00007", good)
    with pytest.raises(UnknownNameError, match=r"unknown layer 'aeg'. Did you mean 'age'"):
        dataset.write("labels/aeg", "00000", good)
    dataset.write("labels/age", "00000", good.to_batches()[0])
    assert dataset.read("labels/age", "00000", ["perceived_age"]).to_pydict() == {"perceived_age": [1, 2, 3]}


def test_several_layers_are_written_together(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    names = [i + ".0" for i in ids("00000")]
    written = {}
    for n in range(12):
        dataset.add_layer(LayerInfo(f"age{n}", "model", "age", columns=("perceived_age",)))
        written[f"age{n}"] = label_table(names, {labels.AGE: [float(n), None, 3.0]})
    dataset.write_labels("00000", written)
    for name, rows in written.items():
        assert dataset.read(f"labels/{name}", "00000").equals(rows)
    bad = {"age0": written["age1"], "age1": written["age1"].slice(1)}
    with pytest.raises(SchemaError, match="labels/age1/00000 does not follow its faces"):
        dataset.write_labels("00000", bad)
    with pytest.raises(DatasetError, match="Faces are written before their labels"):
        dataset.write_labels("00007", written)


def test_faces_that_labels_hang_on_do_not_change(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    dataset.write("faces", "00000", face_table(ids("00000"), suffix=".1"))
    add(dataset, "age", "model", "2025", {labels.AGE: [1.0, 2.0, 3.0]})
    dataset.write("faces", "00000", face_table(ids("00000"), suffix=".1"))
    with pytest.raises(DatasetError, match=r"labels of age hang on them. Begin a new revision"):
        dataset.write("faces", "00000", face_table(ids("00000"), suffix=".2"))


def test_a_layer_is_declared_once(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    info = LayerInfo("age", "model", "age", "1.2", {"size": 64}, weights={"a.onnx": "00"}, columns=("perceived_age",))
    dataset.add_layer(info)
    assert dataset.layer("age") == info and info.config_hash == config_hash({"size": 64})
    later = LayerInfo("age", "model", "age", "1.2", {"size": 64}, weights={"a.onnx": "00"}, columns=["perceived_age"])
    dataset.add_layer(later)
    assert dataset.layer("age").created == info.created
    with pytest.raises(DatasetError, match="layer 'age' exists with other content"):
        dataset.add_layer(LayerInfo("age", "model", "age", "1.3", {"size": 64}, columns=("perceived_age",)))
    with pytest.raises(UnknownNameError, match="Did you mean 'human'"):
        LayerInfo("x", "humans", "y")
    with pytest.raises(UsageError, match="SQL has a table of that name"):
        LayerInfo("faces", "model", "y")


def test_layers_are_listed_by_authority(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    for name, kind, created, version in [
        ("m-old", "model", "2024", "9"),
        ("m-10", "model", "2025", "1.10"),
        ("m-9", "model", "2025", "1.9"),
        ("f", "fused", "2020", ""),
        ("h-old", "human", "2019", ""),
        ("h-new", "human", "2021", ""),
    ]:
        dataset.add_layer(LayerInfo(name, kind, "a", version, created=created))
    assert [i.name for i in dataset.layers()] == ["h-new", "h-old", "f", "m-10", "m-9", "m-old"]


def test_failed_rows_alone_are_retried(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    dataset.add_layer(LayerInfo("age", "model", "age", columns=("perceived_age",)))
    names = [i + ".0" for i in ids("00000")]
    first = label_table(names, {labels.AGE: [10.0, None, None]}, ["ok", "failed", "failed"])
    dataset.write("labels/age", "00000", first)
    rows = dataset.failed_rows("age", "00000")
    assert rows == [1, 2]
    again = label_table([names[2], names[1]], {labels.AGE: [30.0, None]}, ["ok", "not_applicable"])
    with pytest.raises(SchemaError, match="row by row"):
        dataset.replace_rows("age", "00000", [1, 2], again)
    with pytest.raises(DatasetError, match="1 rows are to be replaced by 2"):
        dataset.replace_rows("age", "00000", [1], again)
    dataset.replace_rows("age", "00000", [2, 1], again.to_batches()[0])
    kept = dataset.read("labels/age", "00000")
    assert kept.column("perceived_age").to_pylist() == [10, None, 30]
    assert kept.column("label_status").to_pylist() == ["ok", "not_applicable", "ok"]
    assert dataset.failed_rows("age", "00000") == []


def test_runs_come_back_oldest_first_without_host_name(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    second = RunRecord(started="2025-02", command=["run", "photos"], counts={"images": 3}, seconds={"total": 1.5})
    first = RunRecord(started="2025-01", errors=["x"], annotators=[{"name": "age", "version": "1"}])
    dataset.write_run(second)
    dataset.write_run(first)
    assert dataset.runs() == [first, second]
    facts = json.dumps(host_facts())
    assert os.uname().nodename not in facts and "pyarrow" in facts


def test_damaged_and_missing_parts_name_file_and_way_out(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    path = dataset.part_path("images", "00001")
    whole = path.read_bytes()
    for broken in (whole[:-20], whole[: len(whole) // 2], b"", b"<html>"):
        path.write_bytes(broken)
        with pytest.raises(DatasetError, match=r"images/00001\.parquet is damaged .* Delete this file and run again"):
            dataset.images()
    path.unlink()
    with pytest.raises(DatasetError, match=r"images/00001\.parquet is missing"):
        dataset.read("images", "00001")


def test_leftovers_are_ignored_and_cleared_but_not_work_in_progress(tmp_path: Path) -> None:
    dataset = sample(tmp_path / "data")
    stray = dataset.path / "faces" / ".00002.parquet.0123456789ab.tmp"
    stray.write_bytes(b"half")
    assert dataset.keys("faces") == list(KEYS)
    target = dataset.path / "faces" / "note"
    with part_files.replacing(target) as file:
        Dataset.open(dataset.path)
        file.write(b"done")
    assert not stray.exists() and target.read_bytes() == b"done"


def test_an_error_while_writing_leaves_the_old_part(tmp_path: Path) -> None:
    target = tmp_path / "part"
    target.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), part_files.replacing(target) as file:
        file.write(b"new")
        raise ZeroDivisionError
    assert target.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["part"]


def test_an_unwritable_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DatasetError, match="cannot be written"):
        Dataset.create(tmp_path / "file" / "data")


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from store_samples import face_table
from curate.store import Dataset
dataset = Dataset.open(Path(sys.argv[1]))
tables = [face_table([f"{n}-{i}" for i in range(4000)]) for n in range(2)]
print("ready", flush=True)
n = 0
while True:
    dataset.write("faces", f"{n % 5:05}", tables[n % 2])
    n += 1
"""


def test_a_killed_writer_leaves_whole_parts_or_none(tmp_path: Path) -> None:
    dataset = Dataset.create(tmp_path / "data")
    here = Path(__file__).parent
    seen = set()
    for attempt in range(8):
        command = [sys.executable, "-c", WRITER, str(dataset.path), str(here)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=here.parent) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(0.019 * attempt)
            writer.send_signal(signal.SIGKILL)
        for key in dataset.keys("faces"):
            face_ids = dataset.read("faces", key).column("face_id").to_pylist()
            assert face_ids in ([f"{n}-{i}.0" for i in range(4000)] for n in range(2))
            seen.add(key)
        reopened = Dataset.open(dataset.path)
        assert not list(reopened.path.rglob("*.tmp"))
    assert seen


def _write_shards(dataset: Dataset, first: int) -> None:
    for n in range(first, 20, 2):
        key = f"{n:05}"
        dataset.write("images", key, image_table([key]))
        dataset.write("faces", key, face_table([key]))


def test_two_processes_write_different_parts_at_once(tmp_path: Path) -> None:
    dataset = Dataset.create(tmp_path / "data")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_shards, args=(dataset, n)) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [w.exitcode for w in workers] == [0, 0]
    assert dataset.faces([images.URI]).column(0).to_pylist() == [f"/photos/{n:05}.jpg" for n in range(20)]


def test_the_lock_keeps_a_second_run_out_and_ends_with_its_process(tmp_path: Path) -> None:
    dataset = Dataset.create(tmp_path / "data")
    with dataset.lock(), pytest.raises(DatasetError, match=f"is in use: process {os.getpid()} .since"), dataset.lock():
        pytest.fail("the lock was given twice")
    code = (
        "import sys, time\nfrom curate.store import Dataset\n"
        "with Dataset.open(sys.argv[1]).lock():\n    print('held', flush=True)\n    time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(dataset.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DatasetError, match=f"process {holder.pid} "), dataset.lock():
            pytest.fail("the lock was given twice")
        holder.kill()
    with dataset.lock():
        assert "process" in (dataset.path / ".lock").read_text()
