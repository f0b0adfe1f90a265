"""Blendshapes: names, sides, independence of place and size, real faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from real_meshes import batch_of_photos
from synthetic_meshes import batch_of, mirrored

from annotators.blendshapes import NETWORK_POINTS, Blendshapes
from annotators.weights import ModelStore
from schemas import taxonomy
from schemas.columns import labels

LEFT_EYE_LIDS = [(386, 374), (385, 380), (387, 373), (384, 381), (388, 390), (398, 382), (466, 249)]


@pytest.fixture(scope="module")
def annotator(models: ModelStore) -> Blendshapes:
    made = Blendshapes()
    made.setup(models)
    return made


@pytest.fixture(scope="module")
def face_mesh(models: ModelStore, shared_data: Path) -> np.ndarray:
    batch = batch_of_photos(models, [shared_data / "photos/skimage/astronaut.png"])
    return np.array(batch.value(0, labels.MESH))


def coefficients(annotator: Blendshapes, mesh: np.ndarray) -> dict[str, float]:
    row = annotator.annotate(batch_of(mesh)).to_pylist()[0]
    assert row["label_status"] == "ok", row["label_error"]
    return dict(row["blendshapes"])


def test_the_network_reads_146_points() -> None:
    assert len(NETWORK_POINTS) == len(set(NETWORK_POINTS.tolist())) == 146
    assert (np.diff(NETWORK_POINTS) > 0).all()


def test_place_and_size_do_not_matter(annotator: Blendshapes, face_mesh: np.ndarray) -> None:
    a = coefficients(annotator, face_mesh)
    b = coefficients(annotator, face_mesh * 3 + np.float32(500))
    assert a == pytest.approx(b, abs=2e-3)


def test_left_is_the_subjects_left(annotator: Blendshapes, face_mesh: np.ndarray) -> None:
    before = coefficients(annotator, face_mesh)
    closed = face_mesh.copy()
    for upper, lower in LEFT_EYE_LIDS:
        assert closed[upper, 0] > closed[1, 0]  # the subject's left eye is right of the nose in the picture
        closed[upper] = closed[lower]
    after = coefficients(annotator, closed)
    assert after["eyeBlinkLeft"] > before["eyeBlinkLeft"] + 0.4
    assert abs(after["eyeBlinkRight"] - before["eyeBlinkRight"]) < 0.1


def test_a_mirrored_mesh_swaps_the_sides(annotator: Blendshapes, face_mesh: np.ndarray) -> None:
    closed = face_mesh.copy()
    for upper, lower in LEFT_EYE_LIDS:
        closed[upper] = closed[lower]
    a, b = coefficients(annotator, closed), coefficients(annotator, mirrored(closed))
    assert b["eyeBlinkRight"] == pytest.approx(a["eyeBlinkLeft"], abs=0.15)
    assert b["eyeBlinkLeft"] == pytest.approx(a["eyeBlinkRight"], abs=0.15)


def test_a_smiling_face(annotator: Blendshapes, face_mesh: np.ndarray) -> None:
    """The astronaut smiles with eyes open."""
    values = coefficients(annotator, face_mesh)
    assert tuple(values) == taxonomy("blendshapes-mediapipe").labels
    assert min(values["mouthSmileLeft"], values["mouthSmileRight"]) > 0.5
    assert max(values["eyeBlinkLeft"], values["eyeBlinkRight"]) < 0.4


def test_no_mesh_is_not_applicable(annotator: Blendshapes) -> None:
    row = annotator.annotate(batch_of(None)).to_pylist()[0]
    assert row["label_status"] == "not_applicable"
    assert row["blendshapes"] is None
