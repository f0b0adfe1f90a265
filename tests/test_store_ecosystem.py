"""Round trips, and other tools opening the files without this project's code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_samples import KEYS, add, ids, sample

from curate.store import Dataset, LayerInfo, RunRecord
from curate.store import parts as part_files
from schemas import Column
from schemas.columns import faces, labels

AU_NAMES = [f.name for f in labels.AU_INTENSITY.type]


def f32(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, width=32)


def column_values(column: Column, n: int) -> st.SearchStrategy[list[Any]]:
    one: st.SearchStrategy[Any]
    if column is labels.AU_INTENSITY:
        one = st.dictionaries(st.sampled_from(AU_NAMES), f32(0, 5), max_size=4)
    elif column is labels.SKIN_LAB:
        one = st.lists(f32(-100, 100), min_size=3, max_size=3)
    elif column is labels.CAPTION_FACTS:
        one = st.lists(st.none() | st.text(max_size=5), max_size=3)
    elif column is labels.LOOKS_AT_CAMERA:
        one = st.booleans()
    elif column is labels.CAPTION:
        one = st.text(max_size=8)
    else:
        one = f32(0, 1)
    return st.lists(st.none() | one, min_size=n, max_size=n)


COLUMNS = (
    labels.AGE,
    labels.AU_INTENSITY,
    labels.SKIN_LAB,
    labels.CAPTION,
    labels.CAPTION_FACTS,
    labels.LOOKS_AT_CAMERA,
    labels.QUALITY_SCORE,
)


@st.composite
def label_tables(draw: st.DrawFn) -> pa.Table:
    n = draw(st.integers(0, 6))
    status = draw(st.lists(st.sampled_from(["ok", "failed", "not_applicable"]), min_size=n, max_size=n))
    values: dict[Column, list[Any]] = {
        faces.FACE_ID: [f"f{i}" for i in range(n)],
        labels.STATUS: status,
        labels.ERROR: draw(st.lists(st.none() | st.text(max_size=5), min_size=n, max_size=n)),
    }
    for column in COLUMNS:
        values[column] = draw(column_values(column, n))
    return pa.table([pa.array(v, c.type) for c, v in values.items()], schema=pa.schema([c.field for c in values]))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset = Dataset.create(tmp_path_factory.mktemp("round") / "data")
    dataset.add_layer(LayerInfo("all", "model", "all", columns=tuple(c.name for c in COLUMNS)))
    return dataset


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=label_tables(), cut=st.integers(0, 3))
def test_a_part_reads_as_it_was_written(store: Dataset, table: pa.Table, cut: int) -> None:
    table = table.slice(min(cut, table.num_rows))
    ids = table.column("face_id")
    columns = [ids, ids]
    names = [faces.FACE_ID.field, faces.IMAGE_ID.field]
    store.part_path("labels/all", "0").unlink(missing_ok=True)
    store.write("faces", "0", pa.table(columns, schema=pa.schema(names)))
    store.write("labels/all", "0", table)
    back = store.read("labels/all", "0")
    assert back.equals(table) and back.schema.field("caption").metadata == labels.CAPTION.field.metadata
    view = store.faces([*COLUMNS])
    if table.num_rows:
        assert view.equals(table.select([c.name for c in COLUMNS]))


@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.floats(-1e30, 1e30) | st.none(), max_size=20),
    config=st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.text(max_size=4), max_size=3),
)
def test_json_records_come_back(values: list[float | None], config: dict[str, Any]) -> None:
    info = LayerInfo("x", "model", "x", config=config, extra={"values": values})
    assert LayerInfo.from_dict(json.loads(json.dumps(info.as_dict()))) == info
    record = RunRecord(counts={"values": values}, errors=[config])
    assert RunRecord.from_dict(json.loads(json.dumps(record.as_dict()))) == record


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    dataset = sample(tmp_path / "data")
    for key in KEYS:
        values: dict[Column, list[Any]] = {
            labels.AGE: [1.0, None, 3.0],
            labels.AU_INTENSITY: [{"AU1": 1.0}, None, None],
        }
        add(dataset, "age", "model", "2025", values, key)
    (dataset.path / "faces" / ".00009.parquet.0123456789ab.tmp").write_bytes(b"half")
    return dataset


@pytest.mark.parametrize("table", ["images", "faces", "labels/age"])
def test_arrow_opens_a_table_folder(dataset: Dataset, table: str) -> None:
    opened = pads.dataset(dataset.path / table, format="parquet").to_table()
    assert opened.num_rows == 6
    assert opened.column_names == dataset.read(table, KEYS[0]).column_names


def test_pandas_and_duckdb_open_a_table_folder(dataset: Dataset) -> None:
    assert pd.read_parquet(dataset.path / "faces")["box_x"].tolist() == [0, 1, 2] * 2
    with duckdb.connect() as connection:
        query = f"SELECT sum(perceived_age), max(au_intensity.AU1) FROM '{dataset.path}/labels/age/*.parquet'"
        assert connection.sql(query).fetchall() == [(8.0, 1.0)]


@pytest.mark.filterwarnings("default")
def test_datasets_opens_a_table_folder(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HOME", "HF_DATASETS_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "hf"))
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "1")
    import datasets

    for table, column, value in [("images", "width", 640), ("faces", "box_x", 2), ("labels/age", "perceived_age", 3)]:
        files = f"{dataset.path}/{table}/*.parquet"
        loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "hf"))
        assert loaded.num_rows == 6 and loaded[2][column] == value
    assert loaded[0]["face_id"] == f"{ids(KEYS[0])[0]}.0" and loaded[0]["au_intensity"]["AU1"] == 1
    folder = datasets.load_dataset(str(dataset.path / "faces"), split="train", cache_dir=str(tmp_path / "hf"))
    assert folder.num_rows == 6


def test_words_are_dictionary_coded_and_numbers_split(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    table = pa.table({"word": ["a"] * 4, "number": pa.array([1.5] * 4, pa.float32()), "face_id": list("abcd")})
    points = pa.FixedSizeListArray.from_arrays(pa.array([0.5] * 8, pa.float32()), 2)
    scores = pa.array([{"a": 1.0, "b": 2.0}] * 4)
    table = table.append_column("points", points).append_column("scores", scores)
    part_files.write_table(tmp_path / "x.parquet", table)
    group = pq.ParquetFile(tmp_path / "x.parquet").metadata.row_group(0)
    assert group.column(0).compression == "ZSTD" and "RLE_DICTIONARY" in group.column(0).encodings
    leaves = {group.column(i).path_in_schema: group.column(i).encodings for i in range(group.num_columns)}
    for leaf in ("number", "points.list.element", "scores.a", "scores.b"):
        assert "BYTE_STREAM_SPLIT" in leaves[leaf]
    assert "RLE_DICTIONARY" not in group.column(2).encodings
