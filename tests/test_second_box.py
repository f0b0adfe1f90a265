"""A second detector's boxes as a layer: right places, and the dataset's own detector keeps its word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from real_meshes import batch_of_photos
from store_samples import KEYS, add, sample

from annotators.boxes import iou
from annotators.second_box import SecondBox
from annotators.weights import ModelStore
from schemas.columns import faces


@pytest.mark.models
@pytest.mark.data
def test_box_and_points_lie_on_the_face(models: ModelStore, shared_data: Path) -> None:
    batch = batch_of_photos(models, [shared_data / "photos" / "skimage" / "astronaut.png"])
    face = next(iter(batch))
    runner = SecondBox()
    runner.setup(models)
    row = runner.annotate(batch).to_pylist()[0]
    assert row["label_status"] == "ok", row["label_error"]
    own, other = (
        np.array([[v[c] for c in names]]) for v, names in ((face, faces.BOX), (row, [c.name for c in faces.BOX]))
    )
    assert iou(own, other)[0, 0] > 0.6
    points = np.array(row["points_5"]).reshape(5, 2)
    eye_distance = np.linalg.norm(face[faces.POINTS_5][0] - face[faces.POINTS_5][1])
    assert np.linalg.norm(points - face[faces.POINTS_5], axis=1).max() < 0.35 * eye_distance
    assert row["detection_score"] > 0.5


@pytest.mark.models
def test_no_face_is_no_box(models: ModelStore, shared_data: Path) -> None:
    batch = batch_of_photos(models, [shared_data / "photos" / "skimage" / "astronaut.png"])
    blank = {key: np.full_like(image, 90) for key, image in batch.images.items()}
    batch.images = blank
    runner = SecondBox()
    runner.setup(models)
    row = runner.annotate(batch).to_pylist()[0]
    assert (row["label_status"], row["label_error"]) == ("not_applicable", "BlazeFace sees no face")
    assert row["box_x"] is None


def test_a_models_boxes_do_not_replace_the_detectors_but_a_persons_do(tmp_path: Path) -> None:
    ds = sample(tmp_path / "ds")
    before = ds.faces(faces.BOX).to_pylist()
    moved = {c: [100.0, 101.0, 102.0] for c in faces.BOX}
    add(ds, "second_box.v1", "model", "2026-01-01", moved, KEYS[0], annotator="second_box")
    assert ds.faces(faces.BOX).to_pylist() == before
    assert ds.layer_table("second_box.v1").column("box_x").to_pylist() == [100.0, 101.0, 102.0]
    add(ds, "anna", "human", "2026-01-02", {c: [7.0, None, 9.0] for c in faces.BOX}, KEYS[0])
    after = ds.faces([faces.BOX_X]).column(0).to_pylist()
    assert after[:3] == [7.0, before[1]["box_x"], 9.0]
