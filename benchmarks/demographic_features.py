"""What SFace makes of FairFace's faces, plain and varied, kept on disk for fitting the demographic heads.

For each variant of the crops: what the annotator gives its head, the map that the head goes on from in 8 bits.
A variant is `plain`, `mirror`, or `variedN`: another random alignment, light, sharpness and mirroring of every face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Matrix, Pixels, warp
from annotators.registry import detector
from annotators.sface import CROP, SFace
from annotators.weights import ModelStore
from benchmarks.labelling import decode, fairface, largest
from schemas.columns import faces

CACHE = Path(__file__).resolve().parents[1] / "build" / "benchmarks" / "demographics"
LEVELS = 255
PROBE = 400
"""Faces from which the range of each channel is read."""


@dataclass(frozen=True)
class Faces:
    """The faces of a split that the detector found.

    Attributes:
        images: Encoded pictures.
        matrices: (n, 2, 3) map from picture to crop points.
        truth: `age`, `gender` and `race` of each, as the data set writes them.
        rows: (n,) row of each in the split.
        cache: Where what is measured of them is kept.
    """

    images: list[bytes]
    matrices: Matrix
    truth: dict[str, list[str]]
    rows: NDArray[np.int64]
    cache: Path


def found_faces(data: Path, split: str, models: ModelStore, cache: Path = CACHE, count: int | None = None) -> Faces:
    """Pictures, alignment and labels of a split; the alignments are kept on disk.

    Args:
        data: The shared photo collection.
        split: Of FairFace.
        models: The model store.
        cache: Folder of what is kept.
        count: Only so many pictures, the first; they have a folder of their own in the cache.
    """
    pictures = list(islice(fairface(data, split), count))
    if count is not None:
        cache = cache / f"first-{count}"
    place = cache / f"alignment-{split}.npy"
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place, _alignments([image for image, _ in pictures], models))
    matrices = np.load(place)
    rows = np.flatnonzero(np.isfinite(matrices).all((1, 2)))
    truth = {key: [pictures[i][1][key] for i in rows] for key in ("age", "gender", "race")}
    return Faces([pictures[i][0] for i in rows], matrices[rows], truth, rows, cache)


def _alignments(images: Sequence[bytes], models: ModelStore) -> Matrix:
    finder = detector("yunet")()
    finder.setup(models)
    matrices = np.full((len(images), 2, 3), np.nan)
    for i, image in enumerate(images):
        face = largest(finder.detect(decode(image)))
        if face is not None:
            matrices[i] = CROP.matrix({faces.POINTS_5: face[1]})
    return matrices


def varied_matrix(matrix: Matrix, rng: np.random.Generator) -> Matrix:
    """An alignment displaced, turned and scaled as between detectors."""
    angle, scale = np.deg2rad(rng.normal(0, 4)), np.exp(rng.normal(0, 0.04))
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    turn = np.array([[cos, -sin], [sin, cos]])
    centre = CROP.size / 2
    offset = turn @ (matrix[:, 2] - centre) + centre + rng.normal(0, 1.8, 2)
    return np.hstack([turn @ matrix[:, :2], offset[:, None]])


def varied_pixels(crop: Pixels, rng: np.random.Generator) -> Pixels:
    """A crop in other light, of other sharpness, mirrored in half of the cases."""
    if rng.random() < 0.5:
        crop = np.ascontiguousarray(crop[:, ::-1])
    shade = crop.astype(np.float32) / LEVELS
    shade = shade ** np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.03, 3))
    mean = shade.mean()
    shade = (shade - mean) * np.exp(rng.normal(0, 0.12)) + mean
    if rng.random() < 0.08:
        shade = np.repeat(shade.mean(2, keepdims=True), 3, 2)
    crop = np.asarray(np.clip(shade * LEVELS, 0, LEVELS), np.uint8)
    if rng.random() < 0.25:
        crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.4, 1.4)), np.uint8)
    if rng.random() < 0.3:
        quality = int(rng.integers(35, 90))
        _, written = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
        crop = np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR), np.uint8)
    if rng.random() < 0.15:
        width, height = rng.integers(15, 45, 2)
        left, top = rng.integers(0, CROP.size - width), rng.integers(0, CROP.size - height)
        crop[top : top + height, left : left + width] = rng.integers(0, LEVELS, 3)
    return crop


def crop_of(image: Pixels, matrix: Matrix, variant: str, row: int) -> Pixels:
    """One face's crop in a variant; the same whenever it is asked for."""
    if not variant.startswith("varied"):
        crop = warp(image, matrix, CROP.size)
        return np.ascontiguousarray(crop[:, ::-1]) if variant == "mirror" else crop
    rng = np.random.default_rng([int(variant.removeprefix("varied")), row])
    return varied_pixels(warp(image, varied_matrix(matrix, rng), CROP.size), rng)


@dataclass(frozen=True)
class Variant:
    """Features of one variant.

    Attributes:
        pooled: (n, 3968): `texture` and `pooled` of `annotators.sface.Features`, side by side.
        trunk: (n, 512, 14, 14): `trunk`, coded with `Coding`.
    """

    pooled: NDArray[np.float32]
    trunk: NDArray[np.uint8]


@dataclass(frozen=True)
class Coding:
    """Each channel's range, coded in 8 bits: value = low + code * step; both (512, 1, 1)."""

    low: NDArray[np.float32]
    step: NDArray[np.float32]

    def encode(self, trunk: NDArray[np.float32]) -> NDArray[np.uint8]:
        """A map as codes."""
        return np.asarray(np.clip(np.rint((trunk - self.low) / self.step), 0, LEVELS), np.uint8)


def coding(found: Faces, models: ModelStore) -> Coding:
    """Ranges of the trunk's channels over the first faces."""
    place = found.cache / "coding.npy"
    if not place.is_file():
        network = SFace(models)
        rows = range(min(PROBE, len(found.images)))
        crops = (crop_of(decode(found.images[i]), found.matrices[i], "plain", i) for i in rows)
        maps = [network.features(crop).trunk for crop in crops]
        flat = np.stack(maps, 1).reshape(len(maps[0]), -1)
        low, high = np.quantile(flat, [0.0002, 0.9998], axis=1)
        np.save(place, np.stack([low, (high - low) / LEVELS]).astype(np.float32)[:, :, None, None])
    low, step = np.load(place)
    return Coding(low, step)


def variant(found: Faces, split: str, name: str, models: ModelStore) -> Variant:
    """Features of every face of a split in one variant, from disk or computed and kept there."""
    pooled_place, trunk_place = (found.cache / f"{part}-{split}-{name}.npy" for part in ("pooled", "trunk"))
    if not pooled_place.is_file():
        codes = coding(found, models)
        network = SFace(models)
        draft = trunk_place.with_suffix(".part.npy")
        trunk: Any = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            draft, "w+", np.uint8, (len(found.images), *_TRUNK_SHAPE)
        )
        pooled = []
        for i, image in enumerate(found.images):
            features = network.features(crop_of(decode(image), found.matrices[i], name, i))
            trunk[i] = codes.encode(features.trunk)
            pooled.append(np.concatenate([features.texture, features.pooled]))
        trunk.flush()
        draft.rename(trunk_place)
        np.save(pooled_place, np.stack(pooled))
    return Variant(np.load(pooled_place), np.load(trunk_place, mmap_mode="r"))


_TRUNK_SHAPE = (512, 14, 14)
