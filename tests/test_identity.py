"""SFace embeddings: the same as OpenCV's, the same every time, and alike only for one person."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from annotators.identity import SAME_PERSON, Identity, unit_length
from annotators.sface import CROP
from annotators.weights import ModelStore
from benchmarks.identity import false_matches
from benchmarks.labelling import decode, fairface, label, made
from schemas.columns import faces, labels

pytestmark = [pytest.mark.models, pytest.mark.data]


def embeddings(files: list[Path], models: ModelStore) -> np.ndarray[Any, Any]:
    rows = label([(f.read_bytes(), {}) for f in files], made("identity"), models)
    assert all(r.get(labels.EMBEDDING.name) for r in rows)
    return np.array([r[labels.EMBEDDING.name] for r in rows], np.float32)


def test_same_as_opencv(models: ModelStore, shared_data: Path) -> None:
    """Faces that need no shrinking agree to rounding; others differ a little because ours are not aliased."""
    folder = shared_data / "photos"
    files = [folder / "skimage/astronaut.png", *sorted((folder / "fairface").glob("*.jpg"))[:30]]
    recogniser = cv2.FaceRecognizerSF.create(str(models.path("sface")), "")
    rows = label([(f.read_bytes(), {"file": f}) for f in files], made("identity"), models)
    cosines: dict[bool, list[float]] = {True: [], False: []}
    for row in rows:
        points = np.array(row[faces.POINTS_5.name], np.float32)
        box = [row[c.name] for c in faces.BOX]
        detection = np.concatenate([box, points, [row[faces.SCORE.name]]]).astype(np.float32)[None]
        bgr = cv2.cvtColor(decode(row["file"].read_bytes()), cv2.COLOR_RGB2BGR)
        theirs = unit_length(recogniser.feature(recogniser.alignCrop(bgr, detection))[0])
        linear = CROP.matrix({faces.POINTS_5: points.reshape(5, 2)})[:, :2]
        shrunk = bool(np.sqrt(np.linalg.det(linear)) < 0.5)
        cosines[shrunk].append(float(np.array(row[labels.EMBEDDING.name]) @ theirs))
    assert len(cosines[False]) >= 3
    assert min(cosines[False]) > 0.9999
    assert min(cosines[True], default=1) > 0.99


def test_unit_length_and_determinism(models: ModelStore, shared_data: Path) -> None:
    files = [shared_data / "photos/face_recognition/obama.jpg", shared_data / "photos/face_recognition/biden.jpg"]
    once, again = embeddings(files, models), embeddings(files[::-1], models)[::-1]
    assert once.shape == (2, 128)
    assert np.linalg.norm(once, axis=1) == pytest.approx(1, abs=1e-6)
    assert np.array_equal(once, again)


def test_people(models: ModelStore, shared_data: Path) -> None:
    """Five pictures of one man are one person, the other man is not, as pairs.csv says."""
    folder = shared_data / "photos"
    names = ["obama", "obama-240p", "obama-480p", "obama-720p", "obama-1080p"]
    vectors = embeddings([folder / f"face_recognition/{n}.jpg" for n in names], models)
    assert (vectors @ vectors.T).min() > SAME_PERSON
    with (folder / "pairs.csv").open(newline="") as file:
        pairs = list(csv.DictReader(file))
    assert pairs
    for pair in pairs:
        a, b = embeddings([folder / pair["file_a"], folder / pair["file_b"]], models)
        assert (a @ b >= SAME_PERSON) == bool(int(pair["same_person"]))


def test_changed_copies_keep_their_identity(models: ModelStore, shared_data: Path) -> None:
    """Resized, cropped, mirrored, re-encoded, brightened and grey copies match what they were made from.

    One of the six faces is a full profile, where the five points are a guess: its copies are held to less.
    """
    folder = shared_data / "photos"
    with (folder / "labels.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["source"] == "derived" and r["task"] == "duplicate"]
    copies = [(r["file"], json.loads(r["label_json"])) for r in rows]
    bases = sorted({note["of"] for _, note in copies})
    assert (len(bases), len(copies)) == (6, 42)
    pictures = [((folder / name).read_bytes(), {}) for name in [*bases, *(name for name, _ in copies)]]
    found = label(pictures, made("identity"), models)
    vectors = np.array([r[labels.EMBEDDING.name] for r in found], np.float32)
    own = [bases.index(note["of"]) for _, note in copies]
    cosine = (vectors[6:] * vectors[own]).sum(1)
    profile = np.array([found[base][faces.SCORE.name] < 0.85 for base in own])
    exact = np.array([note["kind"] == "byte-identical" for _, note in copies])
    assert profile.sum() == 7
    assert cosine[exact] == pytest.approx(1, abs=1e-6)
    assert cosine[~profile].min() > 0.8
    assert np.median(cosine[profile]) > SAME_PERSON
    between = vectors[:6] @ vectors[:6].T
    assert between[~np.eye(6, dtype=bool)].max() < SAME_PERSON


def test_strangers_are_rarely_alike(models: ModelStore, shared_data: Path) -> None:
    adults = ("20-29", "30-39", "40-49", "50-59", "60-69", "70+")
    pictures = [p for p in fairface(shared_data, "validation") if p[1]["age"] in adults][:120]
    rows = label(pictures, made("identity"), models)
    vectors = np.array([r[labels.EMBEDDING.name] for r in rows if r.get(labels.EMBEDDING.name)], np.float32)
    (rate,) = false_matches(vectors, (SAME_PERSON,))
    assert rate.n == len(vectors) * (len(vectors) - 1) // 2
    assert rate.value < 0.004
    assert 0.0 <= rate.low <= rate.value <= rate.high


def test_identity_compares_nothing() -> None:
    assert Identity.provides == (labels.EMBEDDING,)
    assert Identity.requires == ()
