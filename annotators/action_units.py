"""Facial action units: how sure, how strong, and on which side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.au_models import intensity, score, side_evidence, table
from annotators.au_texture import FrontalCrop
from annotators.base import Config, Face, FaceAnnotator, NotApplicable
from annotators.canonical_face import direction_angles, fit_pose
from schemas import Column
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore


@dataclass(frozen=True)
class ActionUnitConfig(Config):
    """Limits.

    Attributes:
        max_yaw: Head yaw in degrees past which nothing is said.
        max_side_yaw: Head yaw past which left and right are not compared.
    """

    max_yaw: float = 55.0
    max_side_yaw: float = 25.0


class ActionUnits(FaceAnnotator):
    """Weighs mesh distances, blendshapes and wrinkles against an average face.

    The weights were fitted to emotion labels by way of EMFACS, for want of FACS-coded photos: a score
    says "looks like the faces whose emotion goes with this unit, where this unit works", and units that
    go with one emotion (AU6 and AU12; AU9 and AU10) are told apart only by where they are looked for.
    0.5 is where about 5 % of faces labelled neutral fall above. Intensity is a monotone estimate, not a
    FACS coder's. `au_models.table()` says what each unit is read from and how well that was measured.
    """

    name = "action_units"
    version = "1"
    doc = "Action units from mesh distances, blendshapes and wrinkles; null where none of them shows the unit."
    requires = (labels.MESH, labels.BLENDSHAPES)
    provides = tuple(labels.AU.values())
    crops = (FrontalCrop(),)
    config_type = ActionUnitConfig
    config: ActionUnitConfig

    def setup(self, models: ModelStore) -> None:
        """Read the capability table; no model file is needed."""
        capabilities = table()
        self._prior, self._units = capabilities.prior, capabilities.supported
        self._weights = np.stack([unit.weights for unit in self._units])

    def label(self, face: Face) -> Mapping[Column, Any]:
        mesh = face.need(labels.MESH)
        shapes = face.need(labels.BLENDSHAPES)
        try:
            yaw, _ = direction_angles(fit_pose(mesh).rotation[:, 2])
        except ValueError as error:
            raise NotApplicable(str(error)) from error
        if abs(yaw) > self.config.max_yaw:
            raise NotApplicable("the head is turned too far")
        sides = side_evidence(self._prior, mesh, shapes, face.crop(self.crops[0]).pixels) @ self._weights.T
        values: dict[Column, Any] = {
            labels.AU_SCORE: {u.name: score(u, z) for u, z in zip(self._units, sides.mean(0), strict=True)},
            labels.AU_INTENSITY: {u.name: intensity(u, z) for u, z in zip(self._units, sides.mean(0), strict=True)},
        }
        if abs(yaw) <= self.config.max_side_yaw:
            for column, side in ((labels.AU_LEFT, sides[0]), (labels.AU_RIGHT, sides[1])):
                values[column] = {u.name: intensity(u, z) for u, z in zip(self._units, side, strict=True) if u.sided}
        return values
