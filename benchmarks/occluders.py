"""Synthetic things in front of faces, for measuring what covers a region: masks, glasses, hands, bars, scarves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.base import Annotator
from annotators.weights import ModelStore
from benchmarks.labelling import decode, fairface, label
from schemas.columns import labels
from schemas.landmarks import layout

Pixels = NDArray[np.uint8]
Mesh = NDArray[Any]
Random = np.random.Generator

LOWER_FACE = (195, 120, 117, 123, 147, 213, 172, 150, 152, 379, 397, 433, 376, 352, 346, 349)
REGIONS: dict[str, tuple[int, ...]] = {
    "brows": (*layout("points-478").group("right_brow"), *layout("points-478").group("left_brow")),
    "left_eye": layout("points-478").group("left_eye"),
    "right_eye": layout("points-478").group("right_eye"),
    "nose": (6, 197, 195, 5, 4, 1, 98, 97, 2, 326, 327, 129, 358, 49, 279),
    "mouth": layout("points-478").group("outer_lip"),
    "cheeks": (117, 118, 119, 100, 36, 205, 123, 50, 346, 347, 348, 329, 266, 425, 352, 280),
    "chin": (18, 200, 199, 175, 152, 148, 377, 201, 421, 208, 428, 194, 418),
}
"""Mesh points by which the covered share of a region is counted."""


def _colour(rng: Random) -> NDArray[Any]:
    return rng.uniform(5, 250, 3)


def _size(mesh: Mesh) -> float:
    return float(np.linalg.norm(mesh[33, :2] - mesh[263, :2]))


def _shaded(shape: tuple[int, ...], colour: NDArray[Any], rng: Random) -> NDArray[Any]:
    """A surface of one colour with soft light and shadow and some grain."""
    coarse = rng.normal(1, 0.18, (5, 5)).astype(np.float32)
    light = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)[..., None]
    return colour * light + rng.normal(0, 4, (*shape[:2], 1))


def _paste(image: Pixels, mask: Pixels, surface: NDArray[Any]) -> Pixels:
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)[..., None]
    return np.clip(image * (1 - alpha) + surface * alpha, 0, 255).astype(np.uint8)


def _blank(image: Pixels) -> Pixels:
    return np.zeros(image.shape[:2], np.uint8)


def _polygon(image: Pixels, corners: NDArray[Any]) -> Pixels:
    mask = _blank(image)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1)
    return mask


def mask(image: Pixels, mesh: Mesh, rng: Random) -> tuple[Pixels, Pixels]:
    """A cloth or paper mask over nose, mouth and chin."""
    corners = mesh[list(LOWER_FACE), :2]
    centre = corners.mean(0)
    area = _polygon(image, centre + (corners - centre) * rng.uniform(0.95, 1.15))
    return _paste(image, area, _shaded(image.shape, _colour(rng), rng)), area


def sunglasses(image: Pixels, mesh: Mesh, rng: Random) -> tuple[Pixels, Pixels]:
    """Two dark lenses and a bridge."""
    area = _blank(image)
    size, angle = _size(mesh), np.degrees(np.arctan2(*(mesh[263, :2] - mesh[33, :2])[::-1]))
    for eye in ("right_eye", "left_eye"):
        centre = mesh[list(layout("points-478").group(eye)), :2].mean(0) + np.array([0, 0.03 * size])
        axes = (int(size * rng.uniform(0.24, 0.32)) + 1, int(size * rng.uniform(0.17, 0.26)) + 1)
        cv2.ellipse(area, np.round(centre).astype(int).tolist(), axes, float(angle), 0, 360, 1, -1)
    start, end = (np.round(mesh[i, :2]).astype(int).tolist() for i in (33, 263))
    cv2.line(area, start, end, 1, max(1, int(size * 0.05)))
    return _paste(image, area, _shaded(image.shape, _colour(rng) * 0.25, rng)), area


def _somewhere(mesh: Mesh, rng: Random) -> NDArray[Any]:
    group = list(REGIONS.values())[rng.integers(len(REGIONS))]
    return np.asarray(mesh[list(group), :2].mean(0) + rng.normal(0, 0.08 * _size(mesh), 2))


def patch(image: Pixels, mesh: Mesh, rng: Random) -> tuple[Pixels, Pixels]:
    """A skin-coloured ellipse, like a palm: the person's own cheek colour, lighter or darker."""
    area, size = _blank(image), _size(mesh)
    axes = np.maximum((size * rng.uniform([0.3, 0.2], [0.7, 0.5])).astype(int), 1).tolist()
    centre = np.round(_somewhere(mesh, rng)).astype(int).tolist()
    cv2.ellipse(area, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    return _paste(image, area, _shaded(image.shape, _skin(image, mesh) * rng.uniform(0.75, 1.2), rng)), area


def _skin(image: Pixels, mesh: Mesh) -> NDArray[Any]:
    x, y = np.clip(np.round(mesh[50, :2]).astype(int), 0, np.array(image.shape[1::-1]) - 1)
    return np.asarray(image[y, x].astype(float))


def bar(image: Pixels, mesh: Mesh, rng: Random) -> tuple[Pixels, Pixels]:
    """A flat bar across the face, black or of any colour."""
    size, centre, angle = _size(mesh), _somewhere(mesh, rng), rng.normal(0, 15)
    box = ((float(centre[0]), float(centre[1])), (size * rng.uniform(0.6, 2.2), size * rng.uniform(0.25, 0.6)), angle)
    area = _polygon(image, cv2.boxPoints(box))
    colour = np.zeros(3) if rng.random() < 0.4 else _colour(rng)
    return _paste(image, area, np.broadcast_to(colour, image.shape)), area


def picture(image: Pixels, mesh: Mesh, rng: Random) -> tuple[Pixels, Pixels]:
    """A blob filled with another part of the same photo, enlarged: things with texture of their own."""
    area, size = _blank(image), _size(mesh)
    turn = np.sort(rng.uniform(0, 2 * np.pi, 9))
    radius = size * rng.uniform(0.25, 0.7, (9, 1))
    cv2.fillPoly(
        area, [np.round(_somewhere(mesh, rng) + radius * np.c_[np.cos(turn), np.sin(turn)]).astype(np.int32)], 1
    )
    height, width = image.shape[:2]
    part = image[: max(8, height // 4), : max(8, width // 4)]
    surface = cv2.resize(np.ascontiguousarray(np.roll(part, rng.integers(9), 1)), (width, height))
    return _paste(image, area, surface.astype(float)), area


def fingers(image: Pixels, mesh: Mesh, rng: Random) -> tuple[Pixels, Pixels]:
    """A hand of four fingers in the person's own cheek colour."""
    area, size = _blank(image), _size(mesh)
    centre, angle = _somewhere(mesh, rng), rng.uniform(0, np.pi)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    for k in range(4):
        middle = centre + across * (k - 1.5) * size * 0.16
        start, end = (np.round(middle + along * s * size * rng.uniform(0.4, 0.7)).astype(int).tolist() for s in (-1, 1))
        cv2.line(area, start, end, 1, max(1, int(size * 0.15)))
    return _paste(image, area, _shaded(image.shape, _skin(image, mesh) * rng.uniform(0.7, 1.2), rng)), area


def scarf(image: Pixels, mesh: Mesh, rng: Random) -> tuple[Pixels, Pixels]:
    """A striped cloth over the lower face."""
    area = _polygon(image, mesh[list(LOWER_FACE), :2] + np.array([0, rng.uniform(-0.1, 0.3) * _size(mesh)]))
    rows = np.arange(image.shape[0])[:, None, None] // max(2, int(_size(mesh) * 0.1)) % 2
    surface = np.where(rows == 0, _colour(rng), _colour(rng)) * np.ones((1, image.shape[1], 1))
    return _paste(image, area, surface), area


Occluder = Callable[[Pixels, Mesh, Random], tuple[Pixels, Pixels]]
FITTING: dict[str, Occluder] = {"mask": mask, "sunglasses": sunglasses, "patch": patch, "bar": bar, "picture": picture}
"""Kinds that the visibility head was fitted with."""
HELD_OUT: dict[str, Occluder] = {"fingers": fingers, "scarf": scarf}
"""Kinds that it has never seen."""


def covered(area: Pixels, mesh: Mesh) -> dict[str, float]:
    """Share of each region's mesh points under an occluder's area."""
    height, width = area.shape
    points = np.round(mesh[:, :2]).astype(int)
    under = area[np.clip(points[:, 1], 0, height - 1), np.clip(points[:, 0], 0, width - 1)] > 0
    return {name: float(under[list(group)].mean()) for name, group in REGIONS.items()}


def worsened(image: Pixels, rng: Random) -> Pixels:
    """Half of the pictures as they are, the others blurred, shrunk, compressed, darker or brighter."""
    way = rng.integers(10)
    if way == 0:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 4)), np.uint8)
    if way in (1, 2):
        share = rng.uniform(0.12, 0.6)
        return np.asarray(cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)
    if way == 3:
        code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(5, 40))])[1]
        return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
    if way == 4:
        return np.clip(image * np.exp2(rng.uniform(-2, 1)), 0, 255).astype(np.uint8)
    return image


def adults(data: Path, split: str) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """FairFace pictures of people labelled 20 or older."""
    return ((p, row) for p, row in fairface(data, split) if row["age"] not in {"0-2", "3-9", "10-19"})


def occluded(
    pictures: Iterable[tuple[bytes, dict[str, Any]]],
    kinds: Mapping[str, Occluder],
    labellers: Sequence[Annotator],
    models: ModelStore,
    seed: int,
    most: int = 2,
    worsen: bool = False,
) -> list[dict[str, Any]]:
    """Paste things over faces and label them as if they had been photographed so.

    A fifth of the faces stay as they are; of the others a third get `most` things, the rest one. Faces that the
    detector or the mesh loses are left out. With `worsen`, half of the pictures are also degraded.

    Returns:
        A row per face: what was known, `kind` (`none` if clean), `covered` (region -> share), `picture`
        (bytes), and every column by name.
    """
    rng = np.random.default_rng(seed)
    clean = label(((p, {**known, "picture": p}) for p, known in pictures), labellers[:1], models)
    changed = []
    for row in clean:
        if row.get(labels.MESH.name) is None:
            continue
        mesh = np.asarray(row[labels.MESH.name], np.float32).reshape(-1, 3)
        image, share, kind = decode(row["picture"]), dict.fromkeys(REGIONS, 0.0), "none"
        for _ in range(rng.choice([0, 1, most], p=[0.2, 0.53, 0.27])):
            kind = str(rng.choice(list(kinds)))
            image, area = kinds[kind](image, mesh, rng)
            share = {name: max(share[name], s) for name, s in covered(area, mesh).items()}
        image = worsened(image, rng) if worsen else image
        picture = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
        changed.append((picture, {"race": row["race"], "kind": kind, "covered": share, "picture": picture}))
    return [row for row in label(changed, labellers, models) if row.get(labels.MESH.name) is not None]
