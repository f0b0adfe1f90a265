"""Where another detector places each face: a layer beside the detector's own boxes, to compare and to fuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.base import Config, Face, FaceAnnotator, NotApplicable
from annotators.blazeface import SIZE, BlazeNetwork
from annotators.boxes import iou
from annotators.crops import BoxCrop
from annotators.weights import ModelStore
from schemas import Column
from schemas.columns import faces

CROP = BoxCrop(SIZE, margin=0.5)


@dataclass(frozen=True)
class SecondBoxConfig(Config):
    """Which of BlazeFace's boxes is the face's.

    Attributes:
        threshold: Least score.
        min_iou: Least overlap with the detector's box.
    """

    threshold: float = 0.3
    min_iou: float = 0.3


class SecondBox(FaceAnnotator):
    """BlazeFace's box, five points and score for each face, in the picture's pixels.

    The view keeps to the boxes of the dataset's own detector; `facecurate fuse DATASET box` weighs both.
    """

    name = "second_box"
    version = "1"
    doc = "BlazeFace's box, points and score for each face, as a layer beside the detector's."
    requires = (*faces.BOX,)
    provides = (*faces.BOX, faces.POINTS_5, faces.SCORE)
    crops = (CROP,)
    weights = ("blazeface_full",)
    default = False
    config_type = SecondBoxConfig
    config: SecondBoxConfig

    def setup(self, models: ModelStore) -> None:
        self._network = BlazeNetwork(models)

    def label(self, face: Face) -> Mapping[Column, Any]:
        crop = face.crop(CROP)
        found = self._network.read(crop.pixels, self.config.threshold)
        if not len(found):
            raise NotApplicable("BlazeFace sees no face")
        x, y, w, h = (float(face[c]) for c in faces.BOX)
        corners = crop.to_image(found.boxes[:, :2])
        scale = float(crop.matrix[0, 0])
        boxes = np.hstack([corners, found.boxes[:, 2:] / scale])
        overlaps = iou(np.array([[x, y, w, h]]), boxes)[0]
        best = int(overlaps.argmax())
        if overlaps[best] < self.config.min_iou:
            raise NotApplicable("BlazeFace sees a face elsewhere")
        return {
            **{column: float(value) for column, value in zip(faces.BOX, boxes[best], strict=True)},
            faces.POINTS_5: crop.to_image(found.points[best]),
            faces.SCORE: float(np.clip(found.scores[best], 0, 1)),
        }
