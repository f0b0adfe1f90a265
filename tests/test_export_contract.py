"""Every exporter, found by scanning: hard cases go out and come back, a stopped export goes on, order is fixed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.export.base import PICTURES, Exporter
from curate.export.options import ExportOptions
from curate.export.registry import exporter, exporter_names
from curate.export.run import MANIFEST, check_files, export
from curate.store import Dataset
from curate.store.parts import read_json
from schemas import DatasetError
from tests.export_samples import LABELLED, hard_cases

NAMES = exporter_names()
COLUMNS = tuple(c.name for c in LABELLED)


@pytest.fixture(scope="module", autouse=True)
def unsynced() -> Iterator[None]:
    """Waiting for the disk takes most of these tests' time, and only a loss of power would show its use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("hard"))


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("few"), pictures=60)


def options(name: str, **changes: object) -> ExportOptions:
    crop = "crop224" if exporter(name).needs_crop else "none"
    empty = exporter(name).unit == PICTURES
    return ExportOptions(**{"columns": COLUMNS, "crop": crop, "shard": 100, "empty": empty, **changes})  # type: ignore[arg-type]


def digests(folder: Path) -> dict[str, str]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != MANIFEST)
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.parametrize("name", NAMES)
def test_what_goes_out_comes_back(name: str, ds: Dataset, tmp_path: Path) -> None:
    done = export(ds, name, tmp_path / "out", options(name))
    assert done.comparison is not None
    assert done.comparison.equal, done.comparison.examples
    assert done.comparison.samples == sum(done.manifest["samples"].values()) > 200
    assert not done.lost
    held = set(COLUMNS) - set(done.manifest["drops"])
    assert set(done.comparison.values) == held
    assert check_files(tmp_path / "out") == []


@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_export_goes_on_to_the_same_files(
    name: str, few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = options(name, verify=False, shard=8)
    export(few, name, tmp_path / "whole", chosen)
    cls = exporter(name)
    write, calls = cls.write, []

    def stopping(self: Exporter, folder: Path, part: object, samples: object) -> object:
        calls.append(part)
        for number, path in enumerate(write(self, folder, part, samples)):  # type: ignore[arg-type]
            yield path
            if len(calls) == 3 and number == 0:
                raise KeyboardInterrupt

    monkeypatch.setattr(cls, "write", stopping)
    with pytest.raises(KeyboardInterrupt):
        export(few, name, tmp_path / "stopped", chosen)
    monkeypatch.undo()
    done = export(few, name, tmp_path / "stopped", options(name, shard=8))
    assert done.comparison is not None and done.comparison.equal, done.comparison.examples
    if cls.fixed_bytes:
        assert digests(tmp_path / "stopped") == digests(tmp_path / "whole")
    with pytest.raises(DatasetError, match="holds a finished export"):
        export(few, name, tmp_path / "stopped", chosen)


@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_names_every_file_and_every_loss(name: str, few: Dataset, tmp_path: Path) -> None:
    export(few, name, tmp_path / "out", options(name, verify=False, where="perceived_age > 30"))
    told = read_json(tmp_path / "out" / MANIFEST)
    assert set(told["files"]) == set(digests(tmp_path / "out"))
    assert told["left_out"]["does not meet the condition"] > 0
    assert set(told["drops"]) <= set(COLUMNS) and all(told["drops"].values())
    assert not told["commercial"]["allowed"] and {"CC BY-NC 4.0", "no licence stated"} <= {
        b["what"] for b in told["commercial"]["blockers"]
    }


@pytest.mark.parametrize("name", NAMES)
def test_one_split_of_what_may_be_sold(name: str, few: Dataset, tmp_path: Path) -> None:
    done = export(few, name, tmp_path / "out", options(name, splits=("train",), commercial=True))
    assert list(done.manifest["samples"]) == ["train"] and done.manifest["commercial"]["allowed"]
    assert done.comparison is not None and done.comparison.equal, done.comparison.examples
