"""How fit a face is for labelling and training: sharpness, exposure, size, pose and visibility, and one score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.base import Config, Face, FaceAnnotator
from annotators.crop_masks import face_oval, inside_picture
from annotators.mesh_crops import MeshCrop
from annotators.occlusion import OcclusionModel
from annotators.scales import geometric_mean, ramp
from schemas import Column
from schemas.columns import labels

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class QualityConfig(Config):
    """Scales of the parts and their weights in the score.

    The pairs are ramps: a part is 0 at the first number and 1 at the second, straight between them.

    Attributes:
        detail: Logarithm (base 10) of fine detail over contrast; see `fine_detail`.
        brightest: Luma that a twentieth of the face exceeds. Skin of any tone has highlights under good light.
        contrast: Difference of the luma quantiles .05 and .95.
        white: Share of face pixels at the upper end.
        black: Share at the lower end.
        inter_ocular: Distance of the eyes in px as if seen from the front, on a logarithmic scale. The upper
            end is what ISO/IEC 19794-5 asks of portraits.
        angle: Degrees between the nose and the camera.
        judged_distance: Inter-ocular px below which nothing is said of what covers the face.
        judged_exposure: Exposure below which nothing is said of it.
        weights: Of sharpness, exposure, size, pose and visibility in the score.
    """

    detail: tuple[float, float] = (-3.1, -1.7)
    brightest: tuple[float, float] = (0.1, 0.4)
    contrast: tuple[float, float] = (0.04, 0.2)
    white: tuple[float, float] = (0.5, 0.05)
    black: tuple[float, float] = (0.7, 0.2)
    inter_ocular: tuple[float, float] = (8.0, 90.0)
    angle: tuple[float, float] = (75.0, 10.0)
    judged_distance: float = 10.0
    judged_exposure: float = 0.1
    weights: tuple[float, float, float, float, float] = (0.3, 0.15, 0.2, 0.15, 0.2)


class Quality(FaceAnnotator):
    """Parts in 0-1 and their weighted geometric mean, so that one bad part cannot be bought off by others.

    Needs the mesh; a region out of the picture counts as not visible; an eye turned away from the camera has
    no value, nor has any region of a face so small, dark or bright that smooth skin looks like a cover.
    """

    name = "quality"
    version = "1"
    doc = "Sharpness, exposure, size, pose, visibility of seven regions, and their weighted geometric mean."
    requires = (labels.MESH, labels.YAW, labels.PITCH)
    provides = tuple(labels.QUALITY.values())
    crops = (MeshCrop(128, 1.0),)
    config_type = QualityConfig
    config: QualityConfig

    def label(self, face: Face) -> Mapping[Column, Any]:
        config = self.config
        mesh = face.need(labels.MESH)
        crop = face.crop(self.crops[0])
        points = crop.to_crop(mesh)
        picture = inside_picture(crop, face.image.shape)
        mask = face_oval(points, picture.shape) & picture
        grey = np.asarray(cv2.cvtColor(crop.pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        scale = float(np.hypot(*crop.matrix[:, 0]))
        luma = grey[mask > 0].astype(np.float64) / 255
        exposure = self._exposure(luma) if len(luma) else None
        judged = eye_distance(mesh) >= config.judged_distance and (exposure or 0) >= config.judged_exposure
        regions = OcclusionModel.default().visibility(crop.pixels, points, picture) if judged else {}
        seen = [v for v in regions.values() if v is not None]
        parts = {
            labels.SHARPNESS: ramp(fine_detail(grey, mask, scale), config.detail),
            labels.EXPOSURE: exposure,
            labels.SIZE: self._size(eye_distance(mesh)),
            labels.POSE_PART: ramp(nose_angle(face.need(labels.YAW), face.need(labels.PITCH)), config.angle),
            labels.VISIBILITY: float(np.mean(seen)) if seen else None,
        }
        return {
            **parts,
            labels.QUALITY_SCORE: geometric_mean(parts.values(), config.weights),
            labels.INTER_OCULAR: eye_distance(mesh[:, :2]),
            labels.BRIGHTNESS: float(luma.mean()) if len(luma) else None,
            labels.REGION_VISIBLE: regions or None,
        }

    def _size(self, distance: float) -> float:
        low, high = self.config.inter_ocular
        return ramp(np.log(max(distance, 1e-6)), (np.log(low), np.log(high)))

    def _exposure(self, luma: Array) -> float:
        config = self.config
        low, high = np.quantile(luma, [0.05, 0.95])
        return (
            ramp(high, config.brightest)
            * ramp(high - low, config.contrast)
            * ramp((luma >= 0.98).mean(), config.white)
            * ramp((luma <= 0.04).mean(), config.black)
        )


def fine_detail(grey: NDArray[np.uint8], mask: NDArray[np.uint8], scale: float) -> float:
    """Energy of the finest detail over contrast, as a logarithm; falls with blur, hardly changes with size.

    Measured at the crop's scale, or at the picture's own where the crop was enlarged: enlarging adds no
    detail. A small face has more of its contrast in its finest pixels, by a power of its scale that was
    fitted on FairFace training faces shrunk to 15-60 %.

    Args:
        grey: The crop, shape (size, size).
        mask: 1 on the face.
        scale: Crop pixels per picture pixel.

    Returns:
        log10 of the variance beyond a Gaussian of one pixel over the variance below it; -inf where no face is.
    """
    inner = cv2.erode(mask, np.ones((7, 7), np.uint8), borderValue=0)
    if scale > 1:
        side = max(16, round(grey.shape[0] / scale))
        grey = np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        inner = np.asarray(cv2.resize(inner, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)
    values = grey.astype(np.float32)
    smooth = cv2.GaussianBlur(values, (0, 0), 1.0)
    if not inner.any():
        return float("-inf")
    fine, coarse = ((values - smooth)[inner > 0].var(dtype=np.float64), smooth[inner > 0].var(dtype=np.float64))
    return float(np.log10(fine + 1e-3) - np.log10(coarse + 1) - 1.46 * max(0.0, np.log10(scale)))


def eye_distance(mesh: Array) -> float:
    """Distance of the iris centres, in the units of the mesh, shape (478, 2 or 3)."""
    return float(np.linalg.norm(mesh[468] - mesh[473]))


def nose_angle(yaw: float, pitch: float) -> float:
    """Degrees between the direction of the nose and the line to the camera."""
    return float(np.degrees(np.arccos(np.cos(np.radians(yaw)) * np.cos(np.radians(pitch)))))
