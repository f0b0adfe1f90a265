"""The field's own readers open what the exporters wrote, and give back the values that went in."""

from __future__ import annotations

import contextlib
import gc
import io
from pathlib import Path

import numpy as np
import pytest

from curate.export.base import Part, Plan
from curate.export.formats.coco import Coco, CocoConfig
from curate.export.options import ExportOptions
from curate.export.run import export
from curate.export.sample import FaceItem, Sample
from curate.store import Dataset
from schemas import UsageError
from schemas.columns import faces, labels
from tests.export_samples import LABELLED, hard_cases

COLUMNS = tuple(c.name for c in LABELLED)


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("hard"), pictures=40)


def test_pycocotools_reads_known_boxes_and_points(tmp_path: Path) -> None:
    from pycocotools import coco

    points = np.arange(136, dtype=np.float32).reshape(68, 2) / 4
    points[3] = np.nan
    known = FaceItem("a.0", (10.5, 20.0, 30.0, 40.0), {labels.POINTS_68.name: points, labels.GENDER.name: "Female"})
    bare = FaceItem("a.1", (0.0, 0.0, 5.0, 6.0), {})
    columns = (labels.POINTS_68, labels.GENDER)
    part, writer = Part("train", 0, columns), Coco()
    list(writer.write(tmp_path, part, [Sample("a", 0, "train", b"-", ".jpg", 100, 80, (known, bare))]))
    list(writer.finish(tmp_path, Plan(columns, ("train",), "drawn", 0), [part]))
    with contextlib.redirect_stdout(io.StringIO()):
        told = coco.COCO(str(tmp_path / "annotations" / "train.json"))
    first, second = told.loadAnns(told.getAnnIds(imgIds=[1]))
    assert first["bbox"] == [10.5, 20.0, 30.0, 40.0] and first["area"] == 1200
    assert first["keypoints"][:6] == [0.0, 0.25, 2, 0.5, 0.75, 2] and first["keypoints"][9:12] == [0, 0, 0]
    assert first["num_keypoints"] == 67 and first["attributes"][labels.GENDER.name] == "Female"
    assert second["num_keypoints"] == 0 and set(second["keypoints"]) == {0}
    (category,) = told.loadCats([1])
    assert len(category["keypoints"]) == 68 and [1, 2] in category["skeleton"]


@pytest.mark.parametrize(("name", "count"), [(faces.POINTS_5.name, 5), (labels.MESH.name, 478)])
def test_pycocotools_reads_other_points(name: str, count: int, ds: Dataset, tmp_path: Path) -> None:
    from pycocotools import coco

    done = export(ds, "coco", tmp_path / "out", ExportOptions(columns=COLUMNS, format_settings={"points": name}))
    assert done.comparison is not None and done.comparison.equal, done.comparison.examples
    with contextlib.redirect_stdout(io.StringIO()):
        told = coco.COCO(str(tmp_path / "out/annotations/train.json"))
    (category,) = told.loadCats([1])
    notes = told.loadAnns(told.getAnnIds())
    assert len(category["keypoints"]) == count and {len(n["keypoints"]) for n in notes} == {3 * count}
    assert sum(n["num_keypoints"] == count for n in notes) > 10
    with pytest.raises(UsageError, match="cannot be the points"):
        Coco.preflight(CocoConfig(points=labels.SHAPE_68.name))


def test_datasets_opens_parquet_with_pictures(ds: Dataset, tmp_path: Path) -> None:
    import datasets

    done = export(ds, "parquet", tmp_path / "out", ExportOptions(columns=COLUMNS, shard=10))
    opened = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {k: len(v) for k, v in opened.items()} == {k.replace("none", "unassigned"): v
                                                     for k, v in done.manifest["samples"].items()}  # fmt: skip
    assert isinstance(opened["train"].features["image"], datasets.Image)
    row = opened["train"][0]
    assert row["image"].size == (row["width"], row["height"])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_webdataset_reads_its_shards(ds: Dataset, tmp_path: Path) -> None:
    import webdataset as wds

    done = export(ds, "webdataset", tmp_path / "out", ExportOptions(columns=COLUMNS, shard=10))
    urls = [str(p) for p in sorted((tmp_path / "out").glob("train-*.tar"))]
    found = list(wds.WebDataset(urls, shardshuffle=False).decode("rgb8"))
    gc.collect()  # webdataset leaves its files to the collector: their warning belongs to this test
    assert len(found) == done.manifest["samples"]["train"] and len({f["__key__"] for f in found}) == len(found)
    for item in found:
        assert item.get("txt") == item["json"].get(labels.CAPTION.name)
        assert any(item[k].ndim == 3 for k in ("jpg", "png", "webp") if k in item and hasattr(item[k], "ndim"))
