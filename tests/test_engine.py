"""One suite for engines: what a run writes must not depend on how the work was spread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from toy_data import contents, options, photos

from curate import api
from curate.engine.local import LocalEngine
from curate.engine.plan import make_plan
from curate.engine.run import execute
from curate.store import Dataset
from schemas import UnknownNameError, UsageError
from schemas.columns import faces

pytestmark = pytest.mark.usefixtures("toys")


def nonzero(counts: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number}


def statuses(ds: Dataset, layer: str) -> dict[str, int]:
    """Status -> faces, of a layer that misses none."""
    return nonzero(ds.counts().layers[layer])


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return photos(tmp_path / "photos")


def test_a_run_labels_every_face_and_accounts_for_every_file(pictures: Path, tmp_path: Path) -> None:
    ds = api.run(pictures, tmp_path / "ds", options())
    counts = ds.counts()
    assert nonzero(counts.images) == {"ok": 40, "rejected": 1, "duplicate": 1}
    assert counts.reasons == {"truncated": 1, "duplicate": 1}
    assert counts.faces == 60  # 0 + 1 + 2 + 3 faces, ten times
    total = statuses(ds, "toy_total.v1")
    assert total == {"ok": 60 - total["not_applicable"], "not_applicable": total["not_applicable"]}
    assert total["not_applicable"] > 0
    table = ds.faces(["toy_level", "toy_double", "toy_total"])
    assert table.num_rows == 60
    assert pc.all(pc.equal(table["toy_double"], pc.multiply(table["toy_level"], 2))).as_py()
    assert table["toy_total"].null_count == total["not_applicable"]


@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_workers_changes_nothing(pictures: Path, tmp_path: Path, workers: int) -> None:
    one = api.run(pictures, tmp_path / "one", options())
    many = api.run(pictures, tmp_path / "many", options(workers=workers))
    assert contents(one) == contents(many)


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_the_batch_size_changes_nothing(pictures: Path, tmp_path: Path, chunk: int) -> None:
    one = api.run(pictures, tmp_path / "one", options())
    other = api.ingest_sources(pictures, tmp_path / "other", options())
    plan = api.plan(other, options(), options().annotators)
    execute(other, replace(plan, job=replace(plan.job, chunk_images=chunk)), LocalEngine(1), quiet=True)
    assert contents(one) == contents(other)


def test_ingest_then_annotate_equals_run(pictures: Path, tmp_path: Path) -> None:
    fused = api.run(pictures, tmp_path / "fused", options())
    steps = api.ingest(pictures, tmp_path / "steps", options())
    assert steps.counts().layers == {}
    api.annotate(steps, options(annotators=("toy_level",)))
    api.annotate(steps, options(workers=2))
    assert contents(fused) == contents(steps)


def test_a_face_that_a_person_drew_is_labelled_like_any_other(pictures: Path, tmp_path: Path) -> None:
    ds = api.run(pictures, tmp_path / "ds", options())
    first, other = ds.faces(where="name in ('0001.png', '0039.png')").to_pylist()[:2]
    drawn = [
        {**dict.fromkeys(faces.FACES), **{n: r[n] for n in faces.FACES if n != "points_5"}} for r in (first, other)
    ]
    for row in drawn:
        row.update({"face_id": row["image_id"] + ".9", "origin": "human", "points_5": None})
    ds.write("faces", "human-1", pa.Table.from_pylist(drawn, schema=faces.FACES.schema))
    ds = api.annotate(ds, options())
    assert nonzero(ds.counts().layers["toy_level.v1"]).keys() <= {"ok", "not_applicable"}
    levels = {r["face_id"]: r["toy_level"] for r in ds.faces(["face_id", "toy_level"]).to_pylist()}
    for row in (first, other):
        assert levels[row["image_id"] + ".9"] == levels[row["face_id"]]


@pytest.mark.parametrize("table", ["images", "faces", "labels/toy_level.v1"])
def test_a_lost_part_is_made_again(pictures: Path, tmp_path: Path, table: str) -> None:
    ds = api.run(pictures, tmp_path / "ds", options())
    before = contents(ds)
    ds.part_path(table, "00001").unlink()
    assert contents(api.annotate(ds, options())) == before


def test_a_second_run_has_nothing_to_do(pictures: Path, tmp_path: Path) -> None:
    ds = api.run(pictures, tmp_path / "ds", options())
    before = {p: p.stat().st_mtime_ns for p in ds.path.rglob("*.parquet")}
    api.run(pictures, tmp_path / "ds", options())
    assert {p: p.stat().st_mtime_ns for p in ds.path.rglob("*.parquet")} == before
    assert len(ds.runs()) == 1


def test_new_pictures_join_and_old_ones_are_not_touched(pictures: Path, tmp_path: Path) -> None:
    ds = api.run(pictures, tmp_path / "ds", options())
    old = contents(ds)["faces"]
    (pictures / "new.png").write_bytes(photos(tmp_path / "more", 4, seed=5).joinpath("0003.png").read_bytes())
    api.run(pictures, tmp_path / "ds", options())
    assert contents(ds)["faces"].slice(0, old.num_rows) == old
    assert contents(ds)["faces"].num_rows == old.num_rows + 3


def test_a_file_that_holds_another_picture_now_is_labelled_anew_and_its_old_faces_leave_the_view(
    pictures: Path, tmp_path: Path
) -> None:
    ds = api.run(pictures, tmp_path / "ds", options())
    assert ds.faces(where="name = '0003.png'").num_rows == 3
    (pictures / "0003.png").write_bytes((photos(tmp_path / "other", 4, seed=8) / "0001.png").read_bytes())
    ds = api.run(pictures, tmp_path / "ds", options())
    assert ds.faces(where="name = '0003.png'").num_rows == 1
    assert ds.faces().num_rows == ds.counts().faces == 58
    assert contents(ds)["faces"].num_rows == 61  # the old rows stay in the files


def test_failed_labels_are_kept_as_failed_and_only_they_are_tried_again(
    pictures: Path, tmp_path: Path, toys: Path
) -> None:
    toys.write_text("level")
    ds = api.run(pictures, tmp_path / "ds", options())
    assert statuses(ds, "toy_level.v1") == {"failed": 60}
    assert statuses(ds, "toy_double.v1") == {"not_applicable": 60}
    toys.unlink()
    api.annotate(ds, options())
    assert statuses(ds, "toy_level.v1") == {"failed": 60}  # not without being asked
    api.annotate(ds, options(retry_failed=True))
    whole = api.run(pictures, tmp_path / "whole", options())
    assert contents(ds) == contents(whole)


def test_a_broken_batch_annotator_fails_its_rows_only(pictures: Path, tmp_path: Path, toys: Path) -> None:
    toys.write_text("total")
    ds = api.run(pictures, tmp_path / "ds", options())
    assert statuses(ds, "toy_total.v1") == {"failed": 60}
    assert "failed" not in statuses(ds, "toy_double.v1")
    error = ds.layer_table("toy_total.v1")["label_error"][0].as_py()
    assert error == "RuntimeError: total broken"


def test_a_picture_that_breaks_the_detector_is_in_the_ledger_and_can_be_tried_again(
    pictures: Path, tmp_path: Path, toys: Path
) -> None:
    toys.write_text("detect")
    ds = api.run(pictures, tmp_path / "ds", options())
    assert ds.counts().reasons["detection_failed"] == 40
    toys.unlink()
    api.annotate(ds, options(retry_failed=True))
    assert nonzero(ds.counts().images) == {"ok": 40, "rejected": 1, "duplicate": 1}
    assert ds.counts().faces == 60


def test_a_picture_that_vanished_fails_its_labels_and_says_so(pictures: Path, tmp_path: Path) -> None:
    ds = api.ingest(pictures, tmp_path / "ds", options())
    (pictures / "0003.png").unlink()
    (pictures / "0006.png").write_bytes((pictures / "0007.png").read_bytes())
    api.annotate(ds, options())
    assert statuses(ds, "toy_level.v1")["failed"] == 5
    errors = {e for e in ds.layer_table("toy_level.v1")["label_error"].to_pylist() if e}
    assert any("missing" in e for e in errors)
    assert any("changed" in e for e in errors)


def test_a_worker_that_dies_costs_its_shards_and_the_record_says_so(pictures: Path, tmp_path: Path, toys: Path) -> None:
    toys.write_text("crash")
    ds = api.ingest_sources(pictures, tmp_path / "ds", options())
    record = execute(ds, api.plan(ds, options(), options().annotators), LocalEngine(2), quiet=True)
    assert record.outcome == "finished with errors"
    assert len(record.errors) == 4, "the fifth shard holds no picture to detect faces in"
    assert "died twice" in record.errors[0]
    toys.unlink()
    api.annotate(ds, options())
    assert ds.counts().faces == 60


def test_a_picture_that_crashes_its_worker_costs_its_shard_only(tmp_path: Path, toys: Path) -> None:
    pictures = photos(tmp_path / "photos", 60)
    bright = np.full((80, 200, 3), 128, np.uint8)
    bright[-1] = 255
    cv2.imwrite(str(pictures / "0030 bright.png"), bright)
    toys.write_text("crash-on-bright")
    ds = api.ingest_sources(pictures, tmp_path / "ds", options(shard_size=8))
    record = execute(ds, api.plan(ds, options(), options().annotators), LocalEngine(2), quiet=True)
    assert [e.split(":")[0] for e in record.errors] == ["shard 00003"]
    done = sorted(set(ds.keys("sources")) - {"00003"})
    assert ds.keys("faces") == done


def test_other_settings_make_a_layer_of_their_own(pictures: Path, tmp_path: Path) -> None:
    ds = api.run(pictures, tmp_path / "ds", options())
    api.annotate(ds, options(settings={"toy_level": {"offset": "5"}}))
    names = sorted(info.name for info in ds.layers() if info.annotator == "toy_level")
    assert names[0] == "toy_level.v1"
    assert names[1].startswith("toy_level.v1-")
    first, second = (ds.layer_table(n)["toy_level"].drop_null() for n in names)
    assert pc.max(pc.abs(pc.subtract(pc.subtract(second.slice(0, 3), first.slice(0, 3)), 5))).as_py() < 1e-4
    doubles = [info for info in ds.layers() if info.annotator == "toy_double"]
    assert {info.extra["inputs"]["toy_level"] for info in doubles} == set(names)


def test_another_detector_setting_needs_a_revision_of_its_own(pictures: Path, tmp_path: Path) -> None:
    ds = api.run(pictures, tmp_path / "ds", options())
    larger = options(settings={"toy_finder": {"least": "45"}})
    with pytest.raises(UsageError, match="--new-revision"):
        api.annotate(ds, larger)
    again = api.annotate(ds, replace(larger, new_revision=True))
    assert again.counts().faces == 0
    assert ds.at_revision(0).counts().faces == 60
    assert Dataset.open(ds.path).info.revision == 1


def test_unknown_names_are_met_with_the_nearest(pictures: Path, tmp_path: Path) -> None:
    ds = Dataset.create(tmp_path / "ds")
    with pytest.raises(UnknownNameError, match="Did you mean 'toy_level'"):
        make_plan(ds, ["toy_levl"], detector_name="toy_finder")
    with pytest.raises(UnknownNameError, match="Did you mean 'toy_finder'"):
        make_plan(ds, ["toy_level"], detector_name="toy_findr")
    with pytest.raises(UnknownNameError, match="Did you mean 'offset'"):
        make_plan(ds, ["toy_level"], {"toy_level": {"ofset": "1"}}, "toy_finder")
    with pytest.raises(UsageError, match="not part of this run"):
        make_plan(ds, ["toy_level"], {"toy_total": {}}, "toy_finder")
    with pytest.raises(UsageError, match="expected float"):
        make_plan(ds, ["toy_level"], {"toy_level": {"offset": "much"}}, "toy_finder")


def test_two_runs_over_one_dataset_are_refused(pictures: Path, tmp_path: Path) -> None:
    ds = api.ingest_sources(pictures, tmp_path / "ds", options())
    with ds.lock(), pytest.raises(Exception, match="in use"):
        api.annotate(Dataset.open(ds.path), options())
