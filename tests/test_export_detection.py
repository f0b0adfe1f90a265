"""Boxes and points in the forms of detection and annotation tools: known numbers, and readers of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from annotators.adapters.torch_runtime import torch_of
from curate.export.base import Exporter, Part, Plan
from curate.export.face_classes import ClassConfig
from curate.export.formats.cvat import Cvat
from curate.export.formats.voc import Voc
from curate.export.formats.yolo_pose import YoloPose, YoloPoseConfig
from curate.export.options import ExportOptions
from curate.export.run import export
from curate.export.sample import FaceItem, Sample
from curate.store import Dataset
from schemas import Column, UsageError, labels
from schemas.columns import faces
from schemas.landmarks import layout
from tests.export_samples import LABELLED, hard_cases

COLUMNS = tuple(c.name for c in LABELLED)


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("detection"), 40)


def sample(*found: FaceItem, suffix: str = ".jpg", data: bytes = b"-") -> Sample:
    return Sample("a", 0, "train", data, suffix, 200, 100, found)


def written(writer: Exporter, folder: Path, columns: tuple[Column, ...], *samples: Sample) -> Path:
    """An export of hand-made samples."""
    part = Part("train", 0, columns)
    list(writer.write(folder, part, samples))
    list(writer.finish(folder, Plan(columns, ("train",), "drawn", 0), [part]))
    return folder


def test_a_pose_line_is_box_and_points_with_visibility() -> None:
    writer = YoloPose(YoloPoseConfig(points=faces.POINTS_5.name))
    points = np.array([[20, 10], [40, 25], [-1, 5], [np.nan, np.nan], [200, 100]], np.float32)
    face = FaceItem("f", (20.0, 10.0, 40.0, 50.0), {faces.POINTS_5.name: points})
    fields = writer.line(sample(face), face).split()
    assert " ".join(fields[:5]) == "0 0.20000000 0.35000000 0.20000000 0.50000000"
    states = "0.10000000 0.10000000 2 0.20000000 0.25000000 2 0 0 0 0 0 0 1.00000000 1.00000000 2"
    assert " ".join(fields[5:]) == states
    back = writer.face(fields, 200, 100).labels[faces.POINTS_5.name]
    assert np.allclose(back[[0, 1, 4]], points[[0, 1, 4]], atol=1e-4) and np.isnan(back[2:4]).all()


def test_points_that_are_turned_away_are_labelled_as_hidden() -> None:
    writer = YoloPose()
    points = np.full((68, 2), 50, np.float32)
    seen = [i != 3 for i in range(68)]
    face = FaceItem("f", (20.0, 10.0, 40.0, 50.0), {labels.POINTS_68.name: points, labels.VISIBLE_68.name: seen})
    states = writer.line(sample(face), face).split()[5:][2::3]
    assert states[3] == "1" and states.count("2") == 67
    assert writer.needs(()) == [labels.POINTS_68, labels.VISIBLE_68]
    with pytest.raises(UsageError, match="cannot be the points"):
        YoloPose.preflight(YoloPoseConfig(points=labels.SHAPE_68.name))


def read_yolo_pose(folder: Path) -> dict[str, list[tuple[int, Any, Any]]]:
    """What ultralytics' own checks ask of such a folder, and its faces in pixels."""
    import cv2

    told = yaml.safe_load((folder / "data.yaml").read_text("utf-8"))
    count, dimensions = told["kpt_shape"]
    assert dimensions == 3 and sorted(told["flip_idx"]) == list(range(count)) and told["nc"] == len(told["names"])
    found: dict[str, list[tuple[int, Any, Any]]] = {}
    for split in ("train", "val", "test"):
        for path in sorted((folder / told[split]).iterdir()):
            height, width = cv2.imread(str(path)).shape[:2]
            text = (folder / "labels" / path.parent.name / f"{path.stem}.txt").read_text("ascii")
            rows = np.array([line.split() for line in text.splitlines()], float).reshape(-1, 5 + 3 * count)
            assert ((rows[:, 1:5] >= 0) & (rows[:, 1:5] <= 1)).all() and (rows[:, 0] < told["nc"]).all()
            points = rows[:, 5:].reshape(-1, count, 3)
            assert (
                (points[..., :2] <= 1).all() and (points[..., :2] >= 0).all() and set(points[..., 2].flat) <= {0, 1, 2}
            )
            size = np.array([width, height])
            boxes = np.hstack([(rows[:, 1:3] - rows[:, 3:5] / 2) * size, rows[:, 3:5] * size])
            found[path.stem] = list(zip(rows[:, 0].astype(int), boxes, points * [*size, 1], strict=True))
    return found


def test_a_parser_of_yolo_pose_finds_the_same_boxes_and_points(ds: Dataset, tmp_path: Path) -> None:
    options = ExportOptions(columns=(labels.POINTS_68.name,), empty=True, splits=("train", "validation", "test"))
    export(ds, "yolo_pose", tmp_path / "out", options)
    told = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text("utf-8"))
    assert told["kpt_shape"] == [68, 3] and told["flip_idx"] == list(layout("points-68").mirror)
    found = read_yolo_pose(tmp_path / "out")
    rows = ds.faces([faces.IMAGE_ID, *faces.BOX, labels.POINTS_68]).to_pylist()
    held = [row for row in rows if row[faces.IMAGE_ID.name][:16] in found]
    assert len(held) == sum(map(len, found.values())) > 20
    for row in held:
        box = [row[c.name] for c in faces.BOX]
        near = [f for f in found[row[faces.IMAGE_ID.name][:16]] if np.allclose(f[1], box, atol=1e-3)]
        assert len(near) == 1
        if row[labels.POINTS_68.name] is None:
            assert not near[0][2].any()
        else:
            assert np.allclose(near[0][2][:, :2].ravel(), row[labels.POINTS_68.name], atol=1e-3)


def test_voc_corners_count_from_one(tmp_path: Path) -> None:
    face = FaceItem("f.0", (0.0, 10.4, 40.2, 50.0), {labels.GENDER.name: "Female", labels.CAPTION.name: "<b>&\t"})
    folder = written(Voc(), tmp_path, (labels.GENDER, labels.CAPTION), sample(face))
    root = ElementTree.parse(folder / "VOCdevkit/VOC2012/Annotations/a.xml").getroot()
    corners = [root.findtext(f"object/bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")]
    assert corners == ["1", "11", "40", "60"]
    assert root.findtext("size/width") == "200" and root.findtext("object/name") == "face"
    told = {a.findtext("name"): a.findtext("value") for a in root.iter("attribute")}
    assert told == {faces.FACE_ID.name: "f.0", labels.GENDER.name: "Female", labels.CAPTION.name: "<b>&\t"}


def test_torchvision_opens_voc(ds: Dataset, tmp_path: Path) -> None:
    torch_of("torch")
    from torchvision.datasets import VOCDetection

    emotion = labels.PERCEIVED_EMOTION.name
    options = ExportOptions(columns=COLUMNS, empty=True, format_settings={"classes": emotion})
    done = export(ds, "voc", tmp_path / "out", options)
    assert done.comparison is not None and done.comparison.equal, done.comparison.examples
    opened = VOCDetection(str(tmp_path / "out"), year="2012", image_set="train")
    assert len(opened) == done.manifest["samples"]["train"]
    seen = set()
    for picture, told in (opened[i] for i in range(len(opened))):
        size = told["annotation"]["size"]
        assert picture.size == (int(size["width"]), int(size["height"]))
        for found in told["annotation"].get("object", []):
            seen.add(found["name"])
            edges = {k: int(v) for k, v in found["bndbox"].items()}
            assert 1 <= edges["xmin"] <= edges["xmax"] <= picture.width
            assert 1 <= edges["ymin"] <= edges["ymax"] <= picture.height
    assert "happiness" in seen and "unknown" in seen
    with pytest.raises(UsageError, match="cannot be the classes"):
        Voc.preflight(ClassConfig(classes=labels.AGE.name))


def test_cvat_groups_points_with_their_face(tmp_path: Path) -> None:
    points = np.arange(136, dtype=np.float32).reshape(68, 2) / 4
    first = FaceItem("f.0", (10.5, 20.0, 30.0, 40.0), {labels.POINTS_68.name: points, labels.MASK_WORN.name: False})
    second = FaceItem("f.1", (0.0, 0.0, 5.0, 6.0), {labels.POINTS_68.name: points + np.float32(np.nan)})
    columns = (labels.POINTS_68, labels.MASK_WORN, labels.GENDER)
    folder = written(Cvat(), tmp_path, columns, sample(first, second))
    root = ElementTree.parse(folder / "train.xml").getroot()
    image = root.find("image")
    assert image is not None and image.attrib == {
        "id": "0", "name": "train/a.jpg", "subset": "train", "width": "200", "height": "100",
    }  # fmt: skip
    boxes, shapes = image.findall("box"), image.findall("points")
    edges = [float(boxes[0].attrib[e]) for e in ("xtl", "ytl", "xbr", "ybr")]
    assert edges == [10.5, 20, 40.5, 60] and len(boxes) == 2 and len(shapes) == 1
    assert shapes[0].get("group_id") == boxes[0].get("group_id") == "1" and boxes[1].get("group_id") == "2"
    assert shapes[0].attrib["points"].startswith("0.0000,0.2500;0.5000,0.7500;")
    assert {a.get("name"): a.text for a in boxes[0]} == {faces.FACE_ID.name: "f.0", labels.MASK_WORN.name: "false"}
    declared = {a.findtext("name"): a for a in root.iter("attribute") if a.find("name") is not None}
    assert declared[labels.GENDER.name].findtext("values") == "\nFemale\nMale"
    assert declared[labels.MASK_WORN.name].findtext("input_type") == "select"
    assert {label.findtext("type") for label in root.iter("label")} == {"rectangle", "points"}
