"""The card and the Croissant file of an export: they speak of this export alone, and mlcroissant loads its rows."""

from __future__ import annotations

import gc
import hashlib
import json
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.card import Inputs, validate
from curate.cli.main import main
from curate.export.base import PICTURES
from curate.export.card import CARD, CROISSANT, PAGE, SUMS
from curate.export.options import ExportOptions
from curate.export.registry import exporter, exporter_names
from curate.export.run import MANIFEST, Export, check_files, export, made
from curate.store import Dataset
from curate.store.parts import read_json
from schemas.columns import faces, labels
from tests.card_samples import full
from tests.export_samples import LABELLED, hard_cases

mlcroissant: Any = pytest.importorskip("mlcroissant")
pytestmark = [  # of rdflib and pandas, as mlcroissant uses them
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index"),
]
BESIDE = {CARD, PAGE, CROISSANT, SUMS}
COLUMNS = tuple(c.name for c in LABELLED)
LAYOUTS = ("parquet", "imagefolder", "webdataset", "fairface_csv", "fea_jsonl", "coco", "lance", "stylegan")
"""One format of each layout: tables, lines, archives, CSV, JSON, opaque shards, numbered pictures."""


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("hard"), pictures=30)


def options(name: str, **changes: Any) -> ExportOptions:
    crop = "crop224" if exporter(name).needs_crop else "none"
    return ExportOptions(**{"columns": COLUMNS, "crop": crop, "shard": 8, "verify": False, **changes})


@pytest.fixture(scope="module")
def done(ds: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Export]:
    """An export in each layout."""
    folder = tmp_path_factory.mktemp("layouts")
    return {name: export(ds, name, folder / name, options(name)) for name in LAYOUTS}


def document(found: Export) -> dict[str, Any]:
    return read_json(found.folder / CROISSANT)


def records(found: Export, name: str) -> list[dict[str, Any]]:
    """Rows as mlcroissant loads them, by the names of the fields."""
    rows = mlcroissant.Dataset(str(found.folder / CROISSANT)).records(name)
    return [{key.removeprefix(f"{name}/"): value for key, value in row.items()} for row in rows]


@pytest.mark.parametrize("name", LAYOUTS)
def test_it_is_valid_and_names_every_file(name: str, done: dict[str, Export]) -> None:
    found = done[name]
    validate(found.folder / CROISSANT)
    nodes = document(found)["distribution"]
    objects = {n["name"]: n for n in nodes if n["@type"] == "cr:FileObject"}
    for path, node in objects.items():
        data = (found.folder / path).read_bytes()
        assert (node["sha256"], node["contentSize"]) == (hashlib.sha256(data).hexdigest(), f"{len(data)} B")
    patterns = [n["includes"] for n in nodes if n["@type"] == "cr:FileSet" and "containedIn" not in n]
    files = set(found.manifest["files"]) - {CROISSANT}
    assert set(objects) <= files
    assert all(path in objects or any(fnmatch(path, p) for p in patterns) for path in files)


@pytest.mark.parametrize("name", LAYOUTS)
def test_its_sums_vouch_for_every_file(name: str, done: dict[str, Export]) -> None:
    folder, files = done[name].folder, done[name].manifest["files"]
    assert set(files) >= BESIDE and check_files(folder) == []
    checked = subprocess.run(["sha256sum", "-c", "--quiet", SUMS], cwd=folder, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    told = dict(line.split("  ", 1)[::-1] for line in (folder / SUMS).read_text("utf-8").splitlines())
    assert told == {k: v["sha256"] for k, v in files.items() if k not in BESIDE}


def test_parquet_rows_are_the_samples(done: dict[str, Export]) -> None:
    found = done["parquet"]
    given = {s.key: s for s in made("parquet", options("parquet")).read(found.folder)}
    rows = records(found, "records/data/%2A.parquet")
    assert len(rows) == len(given) == found.manifest["faces"]
    for row in rows:
        sample = given[row["key"].decode()]
        face = sample.faces[0]
        assert row["image"].size == (sample.width, sample.height)
        assert row[faces.FACE_ID.name].decode() == face.face_id
        assert_label(row[labels.GENDER.name], face.labels[labels.GENDER.name])
        assert_label(row[labels.MESH.name], face.labels[labels.MESH.name])
        scores = face.labels[labels.AU_INTENSITY.name]
        for unit, value in (scores or {}).items():
            assert_label(
                row[labels.AU_INTENSITY.name][f"records/data/%2A.parquet/{labels.AU_INTENSITY.name}/{unit}"], value
            )


def assert_label(found: Any, value: Any) -> None:
    if value is None:
        assert found is None
    elif isinstance(value, str):
        assert found.decode() == value
    else:
        np.testing.assert_allclose(np.asarray(found, np.float32).ravel(), np.ravel(value), rtol=1e-6)


def test_imagefolder_lines_are_the_samples(done: dict[str, Export]) -> None:
    found = done["imagefolder"]
    given = {s.file: s for s in made("imagefolder", options("imagefolder")).read(found.folder)}
    rows = [
        row for split in ("train", "validation", "test") for row in records(found, f"records/{split}/metadata.jsonl")
    ]
    assert len(rows) == len(given)
    for row in rows:
        face = given[row["file_name"].decode()].faces[0]
        assert_label(row.get(labels.GENDER.name), face.labels.get(labels.GENDER.name))
        assert_label(row.get(labels.POINTS_68.name), face.labels.get(labels.POINTS_68.name))
        assert_label(row.get(labels.AGE.name), face.labels.get(labels.AGE.name))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_webdataset_members_are_loaded(
    done: dict[str, Export], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from etils import epath

    monkeypatch.setattr("mlcroissant._src.operation_graph.operations.extract.EXTRACT_PATH", epath.Path(tmp_path))
    found = done["webdataset"]
    given = {s.key: s for s in made("webdataset", options("webdataset")).read(found.folder)}
    rows = records(found, "records/labels")
    assert {r["key"].decode() for r in rows} == set(given)
    for row in rows:
        assert json.loads(row["content"])[faces.FACE_ID.name] == given[row["key"].decode()].faces[0].face_id
    sizes = {r["key"].decode(): r["content"].size for r in records(found, "records/pictures")}
    assert sizes == {k: (s.width, s.height) for k, s in given.items()}
    gc.collect()  # mlcroissant leaves its files to the collector: their warning belongs to this test


@pytest.mark.parametrize(
    ("name", "table"), [("fairface_csv", "fairface_label_train.csv"), ("fea_jsonl", "train.jsonl")]
)
def test_lists_are_loaded(name: str, table: str, done: dict[str, Export]) -> None:
    lines = (done[name].folder / table).read_text("utf-8").split("\n")[:-1]
    rows = records(done[name], f"records/{table}")
    assert len(rows) == len(lines) - (name == "fairface_csv") > 5


def test_it_speaks_of_the_export_alone(ds: Dataset, tmp_path: Path) -> None:
    columns = (labels.GENDER.name, labels.CAPTION.name, labels.EMBEDDING.name)
    chosen = options(
        "parquet", columns=columns, splits=("train",), commercial=True, where="perceived_gender = 'Female'"
    )
    found = export(ds, "parquet", tmp_path / "out", chosen)
    number = found.manifest["faces"]
    text, told = (found.folder / CARD).read_text("utf-8"), document(found)
    assert f"{number:,} faces in " in text and f"| Female | {number} |" in text
    assert "| condition | perceived_gender = 'Female' |" in text
    assert "CC BY 4.0" in text and "CC BY-NC" not in text
    everything = json.dumps(told)
    assert "CC BY-NC" not in everything and "pictures were listed" not in everything
    assert f"{number:,} faces in" in told["description"] and "part of these files" in told["rai:dataCollectionRawData"]
    for reason, count in found.manifest["left_out"].items():
        assert f"{reason} {count:,}" in told["rai:dataCollectionMissingData"] and f"| {reason} | {count:,} |" in text
    assert any(labels.EMBEDDING.name in t for t in told["rai:personalSensitiveInformation"])
    assert labels.RACE.name not in text and labels.RACE.name not in json.dumps(told["recordSet"])


def test_it_says_what_the_format_cannot_hold(done: dict[str, Export]) -> None:
    text = (done["stylegan"].folder / CARD).read_text("utf-8")
    assert "cut as crop224, 224 px" in text
    for column, why in done["stylegan"].manifest["drops"].items():
        assert f"| {column} | {why} |" in text


def test_what_people_said_is_in_it(ds: Dataset, tmp_path: Path) -> None:
    about = full(tmp_path / "about.toml")
    found = export(ds, "parquet", tmp_path / "out", options("parquet"), Inputs(about))
    assert validate(found.folder / CROISSANT).warnings == ()
    assert "Ten faces" in (found.folder / PAGE).read_text("utf-8")
    assert document(found)["description"].startswith("Ten faces drawn for tests. This export: ")


@pytest.mark.parametrize("name", exporter_names())
def test_the_data_are_still_read_with_the_card_beside_them(name: str, ds: Dataset, tmp_path: Path) -> None:
    chosen = options(name, empty=exporter(name).unit == PICTURES)
    found = export(ds, name, tmp_path / "out", chosen)
    assert sum(1 for _ in made(name, chosen).read(found.folder)) == sum(found.manifest["samples"].values())


def test_the_command_leaves_it_out(ds: Dataset, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["export", str(ds.path), "parquet", str(tmp_path / "out"), "--no-card", "-q"])
    assert not left.value.code
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"data", MANIFEST}


def test_the_command_reads_what_people_said(ds: Dataset, tmp_path: Path) -> None:
    full(tmp_path / "about.toml")
    with pytest.raises(SystemExit) as left:
        main(["export", str(ds.path), "parquet", str(tmp_path / "out"), "--about", str(tmp_path / "about.toml"), "-q"])
    assert not left.value.code
    assert "card@example.org" not in (tmp_path / "out" / CARD).read_text("utf-8"), "the export has no maintainer"
    assert read_json(tmp_path / "out" / CROISSANT)["version"] == "2.1.0"
