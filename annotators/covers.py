"""What covers a face: eyewear, a mask, and the chance that each of 14 x 14 cells is covered.

A small network of our own reads the maps that SFace makes anyway (`annotators/data/heads/covers.md`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Config, Face, FaceAnnotator
from annotators.cover_cells import CHANNELS, GRID, LEAST_SHARE, SQUARE, Array, cell_inputs, face_shares
from annotators.heads import load_head
from annotators.sface import CROP, SFace
from schemas import Column
from schemas.columns import faces, labels
from schemas.taxonomy import taxonomy

if TYPE_CHECKING:
    from annotators.weights import ModelStore


@dataclass(frozen=True)
class CoversConfig(Config):
    """When the head may answer.

    Attributes:
        least_cells: Cells of the grid that must show face for a mask and a map.
        least_side: Side of the grid's square in pixels of the picture below which eyewear and mask are not named.
        abstain: Leave labels null where the head is unsure; if not, the most probable is written all the same.
    """

    least_cells: int = 40
    least_side: float = 40.0
    abstain: bool = True


class Covers(FaceAnnotator):
    """Eyewear, mask and occlusion map.

    A cell is null where less than half of it is face: outside the mesh's outline or the picture. Sunglasses, masks,
    hands and things cover; the lenses of clear glasses do not. A face without a mesh, or of which little is in the
    picture, gets eyewear alone.
    """

    name = "covers"
    version = "1"
    doc = "Eyewear, mask, and a 14 x 14 map of what is covered, by a head of our own over SFace's maps."
    requires = (labels.MESH, faces.POINTS_5)
    provides = tuple(labels.COVERS.values())
    crops = (CROP,)
    weights = ("sface",)
    config_type = CoversConfig
    config: CoversConfig

    def setup(self, models: ModelStore) -> None:
        self._sface = models.shared(SFace)
        self._head = load_head(self.name)

    def label(self, face: Face) -> Mapping[Column, Any]:
        face.need(faces.POINTS_5)
        matrix = SQUARE.matrix(face)
        near = SQUARE.size / float(np.hypot(*matrix[:, 0])) >= self.config.least_side
        mesh = face[labels.MESH]
        within, shares = (np.zeros((GRID, GRID)),) * 2 if mesh is None else face_shares(mesh, matrix, face.image.shape)
        cells = shares >= LEAST_SHARE
        if cells.sum() < max(1, self.config.least_cells):
            return self._eyewear(self._answers(face, np.zeros((CHANNELS, GRID, GRID)))[1], near)
        covered, whole = self._answers(face, cell_inputs(face.crop(CROP).pixels, within, shares))
        return {
            **self._eyewear(whole, near),
            **self._mask(float(whole[3]), near),
            labels.OCCLUSION_MAP: [float(c) if on else None for c, on in zip(covered.flat, cells.flat, strict=True)],
            labels.COVERED_SHARE: float(covered[cells].mean()),
        }

    def _answers(self, face: Face, inputs: Array) -> tuple[Array, Array]:
        """Chance that each cell is covered, (14, 14), and logits of eyewear and mask, (4,)."""
        features = face.once(self._sface)
        pooled = np.concatenate([features.texture, features.pooled])
        cells, whole = self._head.network(features.trunk[None], inputs[None].astype(np.float32), pooled[None])
        logits = cells.astype(np.float64).reshape(GRID, GRID) / self._fact("cell_temperature")
        return _logistic(logits), whole[0].astype(np.float64)

    def _eyewear(self, logits: Array, near: bool) -> Mapping[Column, Any]:
        names = taxonomy(labels.EYEWEAR.taxonomy).labels
        logits = logits[: len(names)]
        powers = np.exp((logits - logits.max()) / self._fact("eyewear_temperature"))
        chances = powers / powers.sum()
        best = int(chances.argmax())
        unsure = not near or bool(chances[best] < self._fact("eyewear_threshold"))
        return {
            labels.EYEWEAR: None if unsure and self.config.abstain else names[best],
            labels.EYEWEAR_PROB: dict(zip(names, chances.tolist(), strict=True)),
            labels.EYEWEAR_ABSTAINED: unsure,
        }

    def _mask(self, logit: float, near: bool) -> Mapping[Column, Any]:
        chance = float(_logistic(np.array(logit / self._fact("mask_temperature"))))
        unsure = not near or max(chance, 1 - chance) < self._fact("mask_threshold")
        return {
            labels.MASK_WORN: None if unsure and self.config.abstain else chance > 0.5,
            labels.MASK_PROB: chance,
            labels.MASK_ABSTAINED: unsure,
        }

    def _fact(self, name: str) -> float:
        return float(self._head.facts[name])


def _logistic(logits: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -500, 500))))
