"""FiftyOne opens what was written without it, with a real database, and shows the same values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from services.face_datasets import small_dataset

from annotators.base import unpack
from curate.export.base import Part, Plan
from curate.export.formats.fiftyone import FiftyOne
from curate.export.options import ExportOptions
from curate.export.run import export
from curate.export.sample import FaceItem, Sample
from curate.store import Dataset
from schemas import REGISTRY, Column, Kind, labels
from schemas.columns import faces, images
from schemas.landmarks import layout
from tests.export_samples import LABELLED, hard_cases

pytest_plugins = ("services.mongod",)
pytestmark = [
    pytest.mark.mongo,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the library's own, of mongoengine and starlette
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("hard"), 30)


def opened(fo: Any, folder: Path) -> Any:
    return fo.Dataset.from_dir(dataset_dir=str(folder), dataset_type=fo.types.FiftyOneDataset)


def test_fiftyone_opens_hard_cases(fo: Any, ds: Dataset, tmp_path: Path) -> None:
    columns = tuple(c.name for c in LABELLED)
    done = export(ds, "fiftyone", tmp_path / "out", ExportOptions(columns=columns, empty=True, shard=10))
    dataset = opened(fo, tmp_path / "out")
    assert len(dataset) == sum(done.manifest["samples"].values())
    assert dataset.count("faces.detections") == done.manifest["faces"]
    told = {k.replace("none", "unassigned"): v for k, v in done.manifest["samples"].items()}
    assert dataset.count_sample_tags() == told
    rows = {r[faces.FACE_ID.name]: r for r in ds.faces([faces.FACE_ID, *faces.BOX, *LABELLED]).to_pylist()}
    seen = 0
    for sample in dataset.iter_samples():
        assert Path(sample.filepath).is_file()
        size = np.array([sample.metadata.width, sample.metadata.height])
        points = {k.face_id: k for k in sample.landmarks_68.keypoints}
        for detection in sample.faces.detections:
            row = rows[detection.face_id]
            box = np.array(detection.bounding_box) * [*size, *size]
            assert box == pytest.approx([row[c.name] for c in faces.BOX], abs=1e-3)
            for column in LABELLED:
                if column.kind in (Kind.LABEL, Kind.NUMBER, Kind.FLAG, Kind.TEXT, Kind.ID):
                    value = row[column.name]
                    near = pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
                    assert detection[column.name] == near, column.name
            if row[labels.EMBEDDING.name] is not None:
                assert detection.embedding_sface == pytest.approx(np.float32(row[labels.EMBEDDING.name]))
            known = row[labels.POINTS_68.name]
            assert (known is None) == (detection.face_id not in points)
            if known is not None:
                found = np.array(points[detection.face_id].points) * size
                assert found.ravel() == pytest.approx(known, abs=1e-3)
            seen += 1
    assert seen == len(rows)
    assert dataset.skeletons[labels.POINTS_68.name].labels[30] == "nose_bridge 30"
    assert [list(e) for e in layout("points-68").edges] == dataset.skeletons[labels.POINTS_68.name].edges
    assert len(dataset.match_tags("train")) == told["train"]
    women = dataset.filter_labels("faces", fo.ViewField(labels.GENDER.name) == "Female")
    assert women.count("faces.detections") == sum(r[labels.GENDER.name] == "Female" for r in rows.values())
    dataset.delete()


def test_every_declared_column_has_a_field_of_its_kind(fo: Any, tmp_path: Path) -> None:
    made = small_dataset(tmp_path)
    columns = [REGISTRY[n] for n in made.columns() if n in vars_of_labels()]
    writer, part = FiftyOne(), Part("", 0, tuple(c for c in columns if c.kind is not Kind.MASK))
    samples = list(whole_samples(made, part.columns))
    masks = {c.name for c in columns if c.kind is Kind.MASK}
    assert len(columns) > 60 and set(writer.drops(columns)) == masks
    list(writer.write(tmp_path / "out", part, samples))
    list(writer.finish(tmp_path / "out", Plan(part.columns, ("",), "small", 0), [part]))
    for given, back in zip(samples, writer.read(tmp_path / "out"), strict=True):
        for first, second in zip(given.faces, back.faces, strict=True):
            for column in part.columns:
                assert writer.same(column, first.labels[column.name], second.labels.get(column.name)), column.name
    dataset = opened(fo, tmp_path / "out")
    schema = dataset.get_field_schema(flat=True)
    for column in part.columns:
        points = column.kind is Kind.POINTS and column.unit == "px"
        assert (column.name if points else f"faces.detections.{column.name}") in schema, column.name
    for sample in dataset.iter_samples(autosave=True):
        sample.tags.append("seen")
    assert dataset.count_sample_tags()["seen"] == len(dataset)
    dataset.delete()


def whole_samples(ds: Dataset, columns: Sequence[Column]) -> Iterator[Sample]:
    """Every picture of a dataset of `small_dataset` with all its faces."""
    table = ds.faces([faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, *columns])
    values = {c.name: unpack(c, table.column(c.name)) for c in columns}
    places = table.select([faces.FACE_ID.name, faces.IMAGE_ID.name, *(c.name for c in faces.BOX)]).to_pylist()
    for number, row in enumerate(ds.images([images.IMAGE_ID, images.URI]).to_pylist()):
        items = tuple(
            FaceItem(
                place[faces.FACE_ID.name], tuple(place[c.name] for c in faces.BOX), {n: v[i] for n, v in values.items()}
            )
            for i, place in enumerate(places)
            if place[faces.IMAGE_ID.name] == row[images.IMAGE_ID.name]
        )
        path = Path(row[images.URI.name])
        if path.is_file():
            yield Sample(f"{number:03d}", number, "", path.read_bytes(), ".png", 320, 240, items)


def vars_of_labels() -> set[str]:
    return {c.name for c in vars(labels).values() if hasattr(c, "kind") and c not in labels.LAYER.values()}


def test_the_same_samples_give_the_same_ids(ds: Dataset, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export(ds, "fiftyone", tmp_path / name, ExportOptions(columns=(labels.GENDER.name,), verify=False))
    assert (tmp_path / "a/samples.json").read_bytes() == (tmp_path / "b/samples.json").read_bytes()
    told = json.loads((tmp_path / "a/samples.json").read_text("utf-8"))["samples"]
    ids = [d["_id"]["$oid"] for s in told for d in s["faces"]["detections"]]
    assert len(set(ids)) == len(ids) and all(len(i) == 24 for i in ids)
