"""Faces with drawn covers, as the `covers` head sees them, kept on disk in shards for fitting it.

FairFace training adults, as many of each race group; those whose row hashes below `HELD_BACK` are kept for tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.cover_cells import LEAST_SHARE, SQUARE, cell_inputs, cell_shares, face_shares
from annotators.crops import Matrix, Pixels, warp
from annotators.sface import CROP, SFace
from annotators.weights import ModelStore
from benchmarks.accessories import EYEWEAR, face_mask
from benchmarks.demographic_features import varied_matrix
from benchmarks.labelling import decode, fairface, label, made
from benchmarks.occluders import FITTING, covered, worsened
from schemas.columns import faces, labels
from schemas.taxonomy import taxonomy

CACHE = Path(__file__).resolve().parents[1] / "build" / "benchmarks" / "covers"
MINORS = {"0-2", "3-9", "10-19"}
FOLDS = 10
HELD_BACK = 3
SHARD = 500
VARIANTS = 2
UNKNOWN = -1
LEAST_CELLS = 14
"""Cells of face under which a sample teaches too little."""
HIDES = 0.3
"""Share of an eye's points behind another thing from which nobody can tell eyewear."""
OTHERS = {name: FITTING[name] for name in ("patch", "bar", "picture")}


def fold(rows: NDArray[Any]) -> NDArray[Any]:
    """Number in 0-9 of each row of the split, by hashing (Knuth's multiplicative)."""
    return np.asarray((np.asarray(rows, np.uint64) * np.uint64(2654435761) >> np.uint64(16)) % np.uint64(FOLDS), int)


@dataclass(frozen=True)
class Picture:
    """One picture of the training split: its row, its bytes, and what the data set says."""

    row: int
    data: bytes
    known: dict[str, Any]


def adults(data: Path, held_back: bool, count: int | None = None) -> list[Picture]:
    """Adults of FairFace's training split, or of its first pictures, for fitting or held back, the races in turn."""
    pictures = islice(fairface(data, "train"), count)
    every = [Picture(i, image, known) for i, (image, known) in enumerate(pictures)]
    chosen = [p for p in every if p.known["age"] not in MINORS and (fold(np.array(p.row)) < HELD_BACK) == held_back]
    order = np.random.default_rng(3).permutation(len(chosen))
    groups: dict[str, list[Picture]] = {}
    for i in order:
        groups.setdefault(chosen[i].known["race"], []).append(chosen[i])
    turns = [(k, race, p) for race, members in groups.items() for k, p in enumerate(members)]
    return [p for _, _, p in sorted(turns, key=lambda turn: turn[:2])]


@dataclass(frozen=True)
class Sample:
    """A face with things drawn on it.

    Attributes:
        row: Row of the picture in the split.
        inputs: `cell_inputs`, (7, 14, 14).
        pooled: Texture and pooled features, (3968,).
        trunk: (512, 14, 14) in float16.
        covered: Share of each cell that is covered, (14, 14).
        eyewear: Position in the taxonomy, or UNKNOWN.
        mask: 0, 1 or UNKNOWN.
    """

    row: Any
    inputs: Any
    pooled: Any
    trunk: Any
    covered: Any
    eyewear: Any
    mask: Any


def drawn(image: Pixels, mesh: NDArray[Any], rng: np.random.Generator) -> tuple[Pixels, Pixels, int, int]:
    """A face with a random choice of accessories and other things; with it the covered area, eyewear and mask."""
    area = np.zeros(image.shape[:2], np.uint8)
    names = taxonomy("eyewear").labels
    eyewear, masked = int(rng.choice(len(names), p=[0.5, 0.28, 0.22])), int(rng.random() < 0.3)
    if masked:
        image, part = (face_mask if rng.random() < 0.7 else FITTING["mask"])(image, mesh, rng)
        area |= part
    if eyewear:
        image, part = EYEWEAR[names[eyewear]](image, mesh, rng)
        area |= part
    for _ in range(rng.choice(3, p=[0.5, 0.35, 0.15])):
        image, part = OTHERS[str(rng.choice(list(OTHERS)))](image, mesh, rng)
        hidden = covered(part, mesh)
        if max(hidden["left_eye"], hidden["right_eye"]) > HIDES:
            eyewear = UNKNOWN
        if hidden["mouth"] > HIDES and masked:
            masked = UNKNOWN
        area |= part
    return image, area, eyewear, masked


def area_shares(area: Pixels, matrix: Matrix) -> NDArray[Any]:
    """Share of each cell that an area of the picture covers."""
    return cell_shares(warp(np.repeat(area[..., None] * 255, 3, 2), matrix, SQUARE.size)[..., 0] > 127)


def _same_size(image: Pixels, rng: np.random.Generator) -> Pixels:
    worse = worsened(image, rng)
    return np.asarray(cv2.resize(worse, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def changed(row: dict[str, Any], variant: int) -> tuple[bytes, dict[str, Any]]:
    """A labelled face with things drawn on it, as a picture, and what was drawn."""
    number = row["picture"].row
    rng = np.random.default_rng([variant, number])
    mesh = np.asarray(row[labels.MESH.name], np.float32).reshape(-1, 3)
    image, area, eyewear, masked = drawn(decode(row["picture"].data), mesh, rng)
    data = cv2.imencode(".png", _same_size(image, rng)[..., ::-1])[1].tobytes()
    return data, {"data": data, "area": area, "eyewear": eyewear, "mask": masked, "row": number, "variant": variant}


def sample(row: dict[str, Any], network: SFace) -> Sample | None:
    """What the head sees of a changed face that was found again; None where the crop shows hardly any face."""
    rng = np.random.default_rng([row["variant"], row["row"], 1])
    mesh = np.asarray(row[labels.MESH.name], np.float32).reshape(-1, 3)
    points = np.asarray(row[faces.POINTS_5.name], np.float64).reshape(5, 2)
    matrix = varied_matrix(CROP.matrix({faces.POINTS_5: points}), rng)
    square = matrix * SQUARE.size / CROP.size
    image = decode(row["data"])
    within, face = face_shares(mesh, square, image.shape)
    if (face >= LEAST_SHARE).sum() < LEAST_CELLS:
        return None
    pixels = warp(image, matrix, CROP.size)
    features = network.features(pixels)
    return Sample(
        row=np.int32(row["row"]),
        inputs=cell_inputs(pixels, within, face).astype(np.float32),
        pooled=np.concatenate([features.texture, features.pooled]),
        trunk=features.trunk.astype(np.float16),
        covered=area_shares(row["area"], square).astype(np.float32),
        eyewear=np.int8(row["eyewear"]),
        mask=np.int8(row["mask"]),
    )


def labelled(pictures: Iterable[tuple[bytes, dict[str, Any]]], models: ModelStore) -> list[dict[str, Any]]:
    """Rows of the pictures in which a face and its mesh were found."""
    rows = label(pictures, made("mesh"), models)
    return [row for row in rows if row.get(labels.MESH.name) is not None]


def shard(pictures: list[Picture], number: int, models: ModelStore, cache: Path = CACHE) -> dict[str, NDArray[Any]]:
    """The samples of SHARD faces, from disk or drawn and kept there; arrays by name of `Sample`'s fields."""
    place = cache / f"shard-{number}.npz"
    if not place.is_file():
        chosen = pictures[number * SHARD : (number + 1) * SHARD]
        plain = labelled(((p.data, {"picture": p}) for p in chosen), models)
        variants = range(number * VARIANTS, (number + 1) * VARIANTS)
        found = labelled((changed(row, variant) for row in plain for variant in variants), models)
        network = SFace(models)
        samples = [s for row in found if (s := sample(row, network)) is not None]
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_suffix(".part.npz")
        arrays: dict[str, Any] = {f.name: np.stack([getattr(s, f.name) for s in samples]) for f in fields(Sample)}
        np.savez(draft, **arrays)
        draft.rename(place)
    return dict(np.load(place))
