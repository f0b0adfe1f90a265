"""Formats for streaming training: the libraries' own readers give back every picture and every value."""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.export.formats.litdata import LitData, LitDataConfig
from curate.export.formats.mds import Mds, MdsConfig
from curate.export.formats.tfrecord import TfRecord, checksum
from curate.export.gather import Gatherer
from curate.export.index import index
from curate.export.options import ExportOptions
from curate.export.run import export
from curate.export.sample import Sample
from curate.store import Dataset
from schemas import DatasetError, Kind, MissingExtraError, UnknownNameError, UsageError
from schemas.columns import faces, labels
from tests.export_samples import LABELLED, hard_cases

COLUMNS = tuple(c.name for c in LABELLED)
OPTIONS = ExportOptions(columns=COLUMNS, shard=10)


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("hard"), pictures=60)


@pytest.fixture(scope="module")
def given(ds: Dataset) -> dict[str, Sample]:
    """What every format gets, by key."""
    with Gatherer(ds, OPTIONS, LABELLED) as gatherer:
        found = index(ds, OPTIONS, "faces")
        return {s.key: s for _, _, part in found.parts(10) for s in gatherer.samples(part)}


def numbers(value: Any) -> Any:
    return None if value is None else np.asarray(value, np.float32).ravel().tolist()


def split_of(sample: Sample) -> str:
    return sample.split or "unassigned"


def test_tfrecord_opens_without_tensorflow(ds: Dataset, given: dict[str, Sample], tmp_path: Path) -> None:
    from tfrecord.reader import tfrecord_loader

    done = export(ds, "tfrecord", tmp_path / "out", OPTIONS)
    told = json.loads((done.folder / "features.json").read_text("utf-8"))
    keys = []
    for path in sorted(done.folder.glob("*.tfrecord")):
        for record in tfrecord_loader(str(path), None):
            key = bytes(record["key"]).decode()
            keys.append(key)
            sample, face = given[key], given[key].faces[0]
            assert path.name.startswith(f"{split_of(sample)}-0")
            assert bytes(record["image/encoded"]) == sample.data
            np.testing.assert_allclose(record["box"], face.box, rtol=1e-6)
            assert_features(record, face.labels, told)
    assert sorted(keys) == sorted(given)


def assert_features(record: dict[str, Any], values: Any, told: dict[str, Any]) -> None:
    """Each label stands in the record as features.json says, and nothing stands where none is known."""
    for column in LABELLED:
        value = values[column.name]
        if value is None:
            assert column.name not in record
        elif column.kind in (Kind.POINTS, Kind.VECTOR):
            assert record[column.name].reshape(told[column.name]["shape"]).tolist() == value.tolist()
        elif column.kind is Kind.SCORES:
            names = told[column.name]["names"]
            found = {n: None if np.isnan(v) else v for n, v in zip(names, record[column.name].tolist(), strict=True)}
            assert found == value
        elif isinstance(value, str):
            assert bytes(record[column.name]).decode() == value
        else:
            assert record[column.name].tolist() == [value]


def test_checksums_are_those_of_the_castagnoli_polynomial(tmp_path: Path) -> None:
    turned = (0xE3069283 >> 15 | 0xE3069283 << 17) & 0xFFFFFFFF  # CRC32C of "123456789", RFC 3720's check value
    assert checksum(b"123456789") == struct.pack("<I", (turned + 0xA282EAD8) & 0xFFFFFFFF)


def test_a_damaged_record_is_told(ds: Dataset, tmp_path: Path) -> None:
    done = export(ds, "tfrecord", tmp_path / "out", OPTIONS)
    path = sorted(done.folder.glob("train-*.tfrecord"))[1]
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=path.name):
        list(TfRecord().read(done.folder))


def test_mds_shards_by_their_published_layout(ds: Dataset, given: dict[str, Sample], tmp_path: Path) -> None:
    done = export(ds, "mds", tmp_path / "out", OPTIONS)
    keys = []
    for path in sorted(done.folder.glob("*/index.json")):
        told = json.loads(path.read_text("utf-8"))
        assert told["version"] == 2
        for shard in told["shards"]:
            file = path.parent / shard["raw_data"]["basename"]
            assert file.stat().st_size == shard["raw_data"]["bytes"]
            rows = list(mds_rows(file.read_bytes(), shard))
            assert len(rows) == shard["samples"]
            for row in rows:
                keys.append(row["key"])
                assert split_of(given[row["key"]]) == path.parent.name
                assert_mds(row, given[row["key"]])
    assert sorted(keys) == sorted(given)


def mds_rows(data: bytes, shard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Samples of a shard, read as MosaicML's documentation of the format describes it."""
    (count,) = struct.unpack_from("<I", data)
    ends = struct.unpack_from(f"<{count + 1}I", data, 4)
    config = json.loads(data[8 + 4 * count : ends[0]])
    assert config == {k: v for k, v in shard.items() if k not in ("raw_data", "zip_data", "samples")}
    assert config["column_names"] == sorted(config["column_names"]) and ends[-1] == len(data)
    for begin, end in pairwise(ends):
        at, sizes = begin, []
        for size in config["column_sizes"]:
            sizes.append(size or struct.unpack_from("<I", data, at)[0])
            at += 0 if size else 4
        row = {}
        for name, how, size in zip(config["column_names"], config["column_encodings"], sizes, strict=True):
            row[name] = mds_value(how, data[at : at + size])
            at += size
        assert at == end
        yield row


def mds_value(how: str, data: bytes) -> Any:
    kind, _, rest = how.partition(":")
    if kind == "ndarray":
        dtype, _, shape = rest.partition(":")
        return np.frombuffer(data, dtype).reshape([int(n) for n in shape.split(",")])
    read = {
        "bytes": bytes, "str": bytes.decode, "json": json.loads, "int": lambda d: struct.unpack("<q", d)[0],
        "float32": lambda d: struct.unpack("<f", d)[0],
    }  # fmt: skip
    return read[kind](data)


def assert_mds(row: dict[str, Any], sample: Sample) -> None:
    face = sample.faces[0]
    assert row["image"] == sample.data and row["face_id"] == face.face_id and row["number"] == sample.number
    np.testing.assert_allclose(row["box"], face.box, rtol=1e-6)
    for column in LABELLED:
        value, found = face.labels[column.name], row[column.name]
        if isinstance(found, np.ndarray):
            assert np.isnan(found).all() if value is None else found.tolist() == value.tolist()
        elif column.kind is Kind.NUMBER:
            assert np.isnan(found) if value is None else found == value
        elif column.kind is Kind.LABEL:
            assert (found or None) == value
        elif column.kind is Kind.SCORES and value is not None:
            assert {k: numbers(v) for k, v in found.items()} == {k: numbers(v) for k, v in value.items()}
        else:
            assert found == value


def test_mds_opens_with_streaming(ds: Dataset, given: dict[str, Sample], tmp_path: Path) -> None:
    if find_spec("streaming") is None:
        pytest.skip("mosaicml-streaming is not installed: it cannot share an environment with transformers 5")
    streaming = importlib.import_module("streaming")
    done = export(ds, "mds", tmp_path / "out", OPTIONS)
    for split in done.manifest["samples"]:
        opened = streaming.LocalDataset(local=str(done.folder), split=split.replace("none", "unassigned"))
        assert len(opened) == done.manifest["samples"][split]
        for row in opened:
            assert_mds(row, given[row["key"]])


def test_mds_closes_shards_that_grow_too_large(ds: Dataset, tmp_path: Path) -> None:
    settings = {"image": "png", "shard_bytes": "400000"}
    done = export(ds, "mds", tmp_path / "out", ExportOptions(columns=COLUMNS, format_settings=settings))
    names = sorted(p.name for p in (done.folder / "train").glob("*.mds"))
    assert names[0] == "shard.00000.1.mds" and names[-1] == "shard.00000.mds" and 1 < len(names) < 10
    assert done.comparison is not None and done.comparison.equal
    told = json.loads((done.folder / "train" / "index.json").read_text("utf-8"))["shards"]
    assert [s["raw_data"]["basename"] for s in told] == ["shard.00000.mds", *names[:-1]]
    assert all(s["raw_data"]["bytes"] <= 400_000 or s["samples"] == 1 for s in told)
    assert all(s.suffix == ".png" and s.data[:4] == b"\x89PNG" for s in Mds().read(done.folder))


def test_litdata_streams_its_chunks(ds: Dataset, given: dict[str, Sample], tmp_path: Path) -> None:
    import litdata

    settings = {"chunk_bytes": "150000"}
    done = export(ds, "litdata", tmp_path / "out", ExportOptions(columns=COLUMNS, shard=10, format_settings=settings))
    keys = []
    for split, count in done.manifest["samples"].items():
        opened = litdata.StreamingDataset(str(done.folder / split.replace("none", "unassigned")))
        assert len(opened) == count
        for item in opened:
            sample, told = given[item["key"]], json.loads(item["labels"])
            keys.append(item["key"])
            assert item["image"] == sample.data and told["box"] == pytest.approx(sample.faces[0].box, rel=1e-6)
            for name, value in sample.faces[0].labels.items():
                if isinstance(value, np.ndarray):
                    assert numbers(told[name]) == numbers(value)
                elif isinstance(value, float):
                    assert np.float32(told[name]) == np.float32(value)
                elif isinstance(value, str | bool):
                    assert told[name] == value
                elif value is None:
                    assert name not in told
    assert sorted(keys) == sorted(given)
    assert len(list((done.folder / "train").glob("chunk-*.bin"))) > done.manifest["samples"]["train"] // 10 + 1


def test_lance_opens_as_one_table_per_split(ds: Dataset, given: dict[str, Sample], tmp_path: Path) -> None:
    import lance

    done = export(ds, "lance", tmp_path / "out", OPTIONS)
    for split, count in done.manifest["samples"].items():
        table = lance.dataset(str(done.folder / f"{split.replace('none', 'unassigned')}.lance")).to_table()
        assert table.num_rows == count
        for column in LABELLED:
            assert table.schema.field(column.name).type == column.type
        for row in table.to_pylist():
            sample = given[row["key"]]
            assert row["image"] == sample.data and row[faces.FACE_ID.name] == sample.faces[0].face_id
            for name, value in sample.faces[0].labels.items():
                assert row[name] == (value.ravel().tolist() if isinstance(value, np.ndarray) else value)


def test_lance_finds_faces_by_their_labels(ds: Dataset, given: dict[str, Sample], tmp_path: Path) -> None:
    import lance

    done = export(ds, "lance", tmp_path / "out", OPTIONS)
    found = lance.dataset(str(done.folder / "train.lance")).to_table(columns=["key"], filter=f"{labels.AGE.name} > 50")
    wanted = {k for k, s in given.items() if s.split == "train" and (s.faces[0].labels[labels.AGE.name] or 0) > 50}
    assert set(found.column("key").to_pylist()) == wanted and wanted


@pytest.mark.parametrize(
    ("name", "module"), [("tfrecord", "tfrecord"), ("tfrecord", "crc32c"), ("litdata", "litdata"), ("lance", "lance")]
)
def test_an_absent_library_is_told_before_anything_is_written(
    name: str, module: str, ds: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotators.extras.find_spec", lambda found: None if found == module else find_spec(found))
    with pytest.raises(MissingExtraError, match=r"facecurate\[export\]"):
        export(ds, name, tmp_path / "out", OPTIONS)
    assert not (tmp_path / "out").exists()


def test_settings_that_cannot_be_carried_out() -> None:
    with pytest.raises(UnknownNameError, match="jpeg"):
        Mds.preflight(MdsConfig(image="jpg"))
    with pytest.raises(UsageError, match="4,294,967,295"):
        LitData.preflight(LitDataConfig(chunk_bytes=1 << 32))
