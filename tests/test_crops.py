"""Crops keep to their geometry: points map where pixels go, shrinking does not alias, the outside is black."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.crops import ARCFACE_112, BoxCrop, Crop, FivePointCrop, similarity, square, warp
from schemas.columns import faces


def spot(x: float, y: float, width: int = 400, height: int = 300) -> np.ndarray:
    """A picture with one soft bright spot at a point (continuous coordinates)."""
    ys, xs = np.mgrid[:height, :width] + 0.5
    glow = 255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * 9.0**2))
    return np.repeat(glow[..., None], 3, 2).astype(np.uint8)


def centroid(pixels: np.ndarray) -> np.ndarray:
    """Centre of brightness in continuous coordinates."""
    weight = pixels[..., 0].astype(float)
    ys, xs = np.mgrid[: weight.shape[0], : weight.shape[1]] + 0.5
    return np.array([(xs * weight).sum(), (ys * weight).sum()]) / weight.sum()


@settings(max_examples=40, deadline=None)
@given(st.floats(150, 250), st.floats(120, 180), st.floats(-3, 3), st.sampled_from([24, 48, 112, 300]))
def test_pixels_go_where_points_go(x: float, y: float, angle: float, size: int) -> None:
    matrix = square((200, 150), 200, angle, size)
    crop = Crop(warp(spot(x, y), matrix, size), matrix)
    expected = crop.to_crop(np.array([[x, y]]))[0]
    assert np.abs(centroid(crop.pixels) - expected).max() < 0.35
    assert np.allclose(crop.to_image(expected[None])[0], (x, y), atol=1e-6)


def test_a_fine_checkerboard_shrinks_to_grey_not_to_stripes() -> None:
    board = ((np.indices((600, 600)).sum(0) % 2) * 255).astype(np.uint8)
    image = np.repeat(board[..., None], 3, 2)
    shrunk = warp(image, square((300, 300), 500, 0.0, 50), 50)
    assert shrunk.std() < 3
    assert abs(float(shrunk.mean()) - 127.5) < 3


def test_outside_is_black_and_a_crop_beyond_the_picture_is_all_black() -> None:
    image = np.full((100, 100, 3), 200, np.uint8)
    half = warp(image, square((100, 50), 60, 0.0, 60), 60)
    assert half[:, :29].min() == 200
    assert half[:, 32:].max() == 0
    assert warp(image, square((900, 900), 60, 0.0, 60), 60).max() == 0


def test_cutting_first_equals_warping_the_whole_picture() -> None:
    rng = np.random.default_rng(1)
    image = cv2.GaussianBlur(rng.integers(0, 255, (300, 400, 3), dtype=np.uint8), (0, 0), 3)
    matrix = square((180, 140), 150, 0.4, 120)
    whole = np.hstack([matrix[:, :2], (matrix[:, 2] + matrix[:, :2].sum(1) * 0.5 - 0.5)[:, None]])
    reference = cv2.warpAffine(image, whole, (120, 120), flags=cv2.INTER_LINEAR)
    assert np.abs(warp(image, matrix, 120).astype(int) - reference).max() <= 2


@given(st.floats(-3, 3), st.floats(0.3, 5), st.floats(-50, 50), st.floats(-50, 50))
def test_similarity_finds_the_map_that_was_applied(angle: float, scale: float, x: float, y: float) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = ARCFACE_112 @ turn.T + (x, y)
    found = similarity(ARCFACE_112, target)
    assert np.allclose(found[:, :2], turn, atol=1e-8)
    assert np.allclose(found[:, 2], (x, y), atol=1e-6)


def test_similarity_refuses_points_that_coincide() -> None:
    with pytest.raises(ValueError, match="coincide"):
        similarity(np.ones((5, 2)), ARCFACE_112)


def test_five_points_land_on_the_template() -> None:
    points = ARCFACE_112 * 2.5 + (40, 30)
    matrix = FivePointCrop(112).matrix({faces.POINTS_5: points})
    assert np.allclose(points @ matrix[:, :2].T + matrix[:, 2], ARCFACE_112, atol=1e-6)


def test_a_box_crop_is_centred_with_its_margin() -> None:
    values = dict(zip(faces.BOX, (100, 50, 40, 80), strict=True))
    matrix = BoxCrop(120, 0.25).matrix(values)
    assert np.allclose(matrix @ (120, 90, 1), (60, 60))
    assert np.allclose(matrix @ (60, 30, 1), (0, 0))
