"""Planning finds what is new, known, changed and doubled, and writes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from curate.ingest import list_sources, load, plan_shards, shard_size_for, write_shards
from curate.ingest import plan as planning
from curate.store import Dataset
from schemas.columns import images
from schemas.columns import sources as src


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def ds(tmp_path: Path) -> Dataset:
    return Dataset.create(tmp_path / "set")


def write(folder: Path, **contents: bytes) -> None:
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def column(plan: planning.IngestPlan, wanted: object) -> list[object]:
    return [v for _, table in plan.shards for v in table[wanted.name].to_pylist()]  # type: ignore[attr-defined]


def marks(plan: planning.IngestPlan) -> dict[object, object]:
    """Name of each new source -> file name of the original it repeats."""
    originals = [None if o is None else Path(str(o)).name for o in column(plan, src.DUPLICATE_OF)]
    return dict(zip(column(plan, src.NAME), originals, strict=True))


def test_a_plan_writes_nothing_and_is_written_once(ds: Dataset, photos: Path) -> None:
    write(photos, **{f"p{i}": b"x" * (i + 1) for i in range(70)})
    listed = list_sources([photos])
    plan = plan_shards(ds, listed)
    assert ds.keys("sources") == []
    assert (plan.n_new, plan.n_known, plan.n_changed, plan.n_duplicates) == (70, 0, 0, 0)
    assert [(k, t.num_rows) for k, t in plan.shards] == [("00000", 32), ("00001", 32), ("00002", 6)]
    assert write_shards(ds, plan) == plan.keys == ds.keys("sources")
    assert pa.concat_tables([ds.read("sources", k) for k in plan.keys]).num_rows == 70
    again = plan_shards(ds, list_sources([photos]))
    assert (again.n_new, again.n_known, again.shards) == (0, 70, [])


def test_new_files_go_to_shards_of_their_own(ds: Dataset, photos: Path) -> None:
    write(photos, a=b"1", b=b"22")
    write_shards(ds, plan_shards(ds, list_sources([photos])))
    write(photos, aa=b"333")
    plan = plan_shards(ds, list_sources([photos]))
    assert (plan.keys, column(plan, src.NAME), plan.n_known) == (["00001"], ["aa"], 2)


@pytest.mark.parametrize(
    ("count", "size"), [(0, 32), (1, 32), (512, 32), (513, 33), (1600, 100), (16_000, 1000), (10**6, 1000)]
)
def test_shard_size_follows_from_the_number_of_sources(count: int, size: int) -> None:
    assert shard_size_for(count) == size


def test_only_files_of_equal_size_are_read(ds: Dataset, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(photos, a=b"same", b=b"diff", c=b"same", d=b"alone in its size", e=b"", f=b"")
    read: list[str] = []
    original = planning._hash

    def spy(reader: object, file: planning.File) -> str | None:
        read.append(Path(file.uri).name)
        return original(reader, file)  # type: ignore[arg-type]

    monkeypatch.setattr(planning, "_hash", spy)
    plan = plan_shards(ds, list_sources([photos]))
    assert marks(plan) == {"a": None, "b": None, "c": "a", "d": None, "e": None, "f": None}
    assert set(read) == {"a", "b", "c", "e", "f"}
    ids = column(plan, src.IMAGE_ID)
    assert ids[0] == ids[2] is not None
    assert ids[3:] == [None] * 3


def test_duplicates_of_what_the_dataset_has(ds: Dataset, photos: Path) -> None:
    write(photos, b=b"same")
    write_shards(ds, plan_shards(ds, list_sources([photos])))
    write(photos, a=b"same", c=b"same", d=b"else")
    plan = plan_shards(ds, list_sources([photos]))
    assert marks(plan) == {"a": "b", "c": "b", "d": None}
    assert plan.n_duplicates == 2


def test_content_that_was_decoded_is_not_read_again(ds: Dataset, photos: Path) -> None:
    write(photos, b=b"same")
    write_shards(ds, plan_shards(ds, list_sources([photos])))
    rows = [load(row).row for row in ds.read("sources", "00000").to_pylist()]
    ds.write("images", "00000", pa.Table.from_pylist(rows, schema=images.IMAGES.schema))
    elsewhere = photos.parent / "more"
    elsewhere.mkdir()
    write(elsewhere, a=b"same")
    (photos / "b").unlink()
    assert marks(plan_shards(ds, list_sources([elsewhere]))) == {"a": "b"}


def test_changed_files_are_new_rows_and_not_their_own_duplicates(ds: Dataset, photos: Path) -> None:
    write(photos, a=b"aaaa", b=b"bbbb")
    write_shards(ds, plan_shards(ds, list_sources([photos])))
    write(photos, a=b"AAAA")
    os.utime(photos / "a", ns=(1, 1))
    plan = plan_shards(ds, list_sources([photos]))
    assert (plan.n_new, plan.n_known, plan.n_changed) == (1, 1, 1)
    assert marks(plan) == {"a": None}


def test_a_touched_file_repeats_itself(ds: Dataset, photos: Path) -> None:
    write(photos, a=b"aaaa", b=b"aaaa")
    write_shards(ds, plan_shards(ds, list_sources([photos])))
    os.utime(photos / "a", ns=(1, 1))
    plan = plan_shards(ds, list_sources([photos]))
    assert marks(plan) == {"a": "a"}
    write_shards(ds, plan)
    assert plan_shards(ds, list_sources([photos])).n_new == 0


def test_files_that_cannot_be_read_are_left_to_the_ledger(ds: Dataset, photos: Path) -> None:
    (photos / "list.csv").write_text("path\ngone1\ngone2\n")
    plan = plan_shards(ds, list_sources([photos / "list.csv"]))
    assert (plan.n_new, plan.n_duplicates) == (2, 0)
    write_shards(ds, plan)
    assert plan_shards(ds, list_sources([photos / "list.csv"])).n_known == 2


def test_listing_and_plan_of_the_face_crops(ds: Dataset, shared_data: Path) -> None:
    plan = plan_shards(ds, list_sources([shared_data / "fairface"]))
    assert (plan.n_new, len(plan.shards)) == (20_000, 20)
    assert {t.num_rows for _, t in plan.shards} == {1000}
    ids = column(plan, src.IMAGE_ID)
    assert plan.n_duplicates == sum(i is not None for i in ids) - len({i for i in ids if i is not None})
