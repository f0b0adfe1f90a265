"""Other pictures of the same face and expression, for fitting: moved crops, other light, blur, and harsh copies."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from annotators.crops import Pixels

Found = tuple[Any, Any, float]
MIRRORED = (1, 0, 2, 4, 3)
"""The detector's five points in a mirrored picture."""


def repainted(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Other gamma, contrast and brightness; sometimes shrunk to 40-90 px and back, sometimes JPEG of low quality."""
    bent = 255 * (image.astype(np.float32) / 255) ** rng.uniform(0.7, 1.4)
    lit = (bent - 128) * rng.uniform(0.7, 1.5) + 128 + rng.uniform(-25, 25)
    result = np.clip(lit, 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        height, width = result.shape[:2]
        scale = rng.uniform(40, 90) / max(height, width)
        if scale < 1:
            small = cv2.resize(result, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            result = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    if rng.random() < 0.3:
        _, encoded = cv2.imencode(".jpg", result[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 70))])
        decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
        result = np.ascontiguousarray(decoded[:, :, ::-1])
    return result


def disturbed(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Turned, stretched, shifted and harshly lit, as the copies in FER2013 are; perhaps mirrored."""
    height, width = image.shape[:2]
    angle = rng.uniform(-30, 30) if rng.random() < 0.5 else rng.uniform(-6, 6)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    stretch = np.diag([rng.uniform(0.65, 1.15), rng.uniform(0.65, 1.15)])
    half = np.array([width / 2, height / 2])
    shift = stretch @ (turn[:, 2] - half) + half + rng.uniform(-0.1, 0.1, 2) * [width, height]
    matrix = np.column_stack([stretch @ turn[:, :2], shift])
    moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    lit = (moved.astype(np.float32) - 128) * rng.uniform(0.8, 1.8) + 128 + rng.uniform(-30, 30)
    result = np.clip(lit, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(result[:, ::-1]) if rng.random() < 0.5 else result


def jittered(found: Found, rng: np.random.Generator, mirror_width: int | None) -> Found:
    """Box and five points as another detector might put them; of the mirrored picture if its width is given."""
    box, points, score = np.array(found[0], np.float32), np.array(found[1], np.float32).reshape(5, 2), found[2]
    side = max(box[2], box[3])
    scale = rng.uniform(0.9, 1.12)
    centre = box[:2] + box[2:] / 2 + rng.normal(0, 0.03, 2) * side
    size = box[2:] * scale
    points = points + rng.normal(0, 0.012, (5, 2)) * side
    if mirror_width is not None:
        centre[0] = mirror_width - centre[0]
        points[:, 0] = mirror_width - points[:, 0]
        points = points[list(MIRRORED)]
    return np.concatenate([centre - size / 2, size]).astype(np.float32), points.astype(np.float32), score
