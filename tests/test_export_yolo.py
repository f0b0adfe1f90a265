"""YOLO's lines by hand, its classes in the taxonomy's order, and what a parser of its own makes of data.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from curate.export.face_classes import ClassConfig
from curate.export.formats.yolo import Yolo, clipped
from curate.export.options import ExportOptions
from curate.export.run import export
from curate.export.sample import FaceItem, Sample
from curate.store import Dataset
from schemas import TaxonomyError, UnknownNameError, UsageError, taxonomy
from schemas.columns import labels
from tests.export_samples import hard_cases


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("yolo"), 40)


def sample(*faces: FaceItem) -> Sample:
    return Sample("a", 0, "train", b"", ".jpg", 200, 100, faces)


def test_a_line_is_class_centre_and_size_as_shares() -> None:
    emotion = labels.PERCEIVED_EMOTION.name
    writer = Yolo(ClassConfig(classes=emotion))
    face = FaceItem("f", (20.0, 10.0, 40.0, 50.0), {emotion: "happiness"})
    assert writer.line(sample(face), face) == "3 0.20000000 0.35000000 0.20000000 0.50000000"
    nobody = FaceItem("f", (20.0, 10.0, 40.0, 50.0), {emotion: None})
    assert writer.line(sample(nobody), nobody).startswith(f"{len(taxonomy('emotion-7').labels)} ")
    assert clipped((-10.0, 90.0, 30.0, 30.0), sample()) == (0.0, 90.0, 20.0, 10.0)


def test_data_yaml_names_splits_and_classes(ds: Dataset, tmp_path: Path) -> None:
    emotion = labels.PERCEIVED_EMOTION.name
    options = ExportOptions(columns=(emotion,), empty=True, format_settings={"classes": emotion})
    done = export(ds, "yolo", tmp_path / "out", options)
    assert done.comparison is not None and done.comparison.equal, done.comparison.examples
    told = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text("utf-8"))
    assert told["nc"] == 8 and list(told["names"].values()) == [*taxonomy("emotion-7").labels, "unknown"]
    for split in ("train", "val", "test"):
        pictures = sorted((tmp_path / "out" / told[split]).iterdir())
        assert pictures
        for picture in pictures:
            lines = (tmp_path / "out" / "labels" / picture.parent.name / f"{picture.stem}.txt").read_text().split("\n")
            for line in filter(None, lines):
                number, *shares = line.split()
                assert 0 <= int(number) < 8 and len(shares) == 4
                assert all(0 <= float(s) <= 1 for s in shares)
    empty = [p for p in (tmp_path / "out" / "labels").glob("*/*.txt") if not p.read_text()]
    assert empty, "a picture without a face has an empty file"


def test_classes_must_be_labels_of_a_fixed_set() -> None:
    with pytest.raises(UsageError, match="cannot be the classes"):
        Yolo.preflight(ClassConfig(classes=labels.QUALITY_SCORE.name))
    with pytest.raises(UnknownNameError):
        Yolo.preflight(ClassConfig(classes="emotion_of_mine"))


def test_classes_in_the_order_of_another_data_set(ds: Dataset, tmp_path: Path) -> None:
    emotion = labels.PERCEIVED_EMOTION.name
    options = ExportOptions(columns=(emotion,), format_settings={"classes": emotion, "order": "raf-db"})
    done = export(ds, "yolo", tmp_path / "out", options)
    assert done.comparison is not None and done.comparison.equal, done.comparison.examples
    told = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text("utf-8"))
    published = ["Surprise", "Fear", "Disgust", "Happiness", "Sadness", "Anger", "Neutral"]
    assert list(told["names"].values()) == [*published, "unknown"]
    with pytest.raises(TaxonomyError, match="gender-2"):
        Yolo.preflight(ClassConfig(classes=labels.GENDER.name, order="raf-db"))
    with pytest.raises(UsageError, match="without classes"):
        Yolo.preflight(ClassConfig(order="raf-db"))
    with pytest.raises(UnknownNameError, match="raf-db"):
        Yolo.preflight(ClassConfig(classes=emotion, order="rafdb"))
