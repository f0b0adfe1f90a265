"""Soft masks of a face's parts, and its shape: known answers on drawn faces, order on a real one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from annotators.weights import ModelStore
from curate.generators.regions import Regions, regions
from curate.generators.skin_colour import head_ellipse, in_ellipse
from curate.generators.soft_masks import as_bytes, blend, guided, soften
from curate.generators.subject import Subject
from curate.generators.surface import rasterised, surface
from schemas.landmarks import layout
from tests.drawn_faces import drawn_face, drawn_mesh
from tests.generator_samples import astronaut, subjects

MASKS = (
    "face", "eyes", "iris", "sclera", "mouth", "lips", "brows", "nostrils", "under_eye", "upper_lids", "cheeks",
    "forehead", "features", "skin", "likeness", "grown", "bare_skin", "hair",
)  # fmt: skip


@pytest.fixture(scope="module")
def face(models: ModelStore) -> Subject:
    (found,) = subjects([astronaut()], models)
    return found


@pytest.mark.models
def test_masks_are_shares_and_parts_do_not_overlap(face: Subject) -> None:
    parts = regions(face)
    for name in MASKS:
        mask = getattr(parts, name)
        assert mask.shape == (512, 512) and mask.dtype == np.float32, name
        assert mask.min() >= -1e-6 and mask.max() <= 1.0001 and mask.max() > 0.3, name
    assert np.allclose(parts.iris + parts.sclera, parts.eyes, atol=1e-5)
    for first, second in (
        ("lips", "mouth"),
        ("lips", "eyes"),
        ("skin", "iris"),
        ("skin", "lips"),
        ("hair", "bare_skin"),
    ):
        assert (getattr(parts, first) * getattr(parts, second)).sum() < 0.2 * getattr(parts, first).sum(), (
            first,
            second,
        )
    rows = np.mgrid[0:512, 0:512][0]
    heights = [float((getattr(parts, n) * rows).sum() / getattr(parts, n).sum()) for n in
               ("hair", "forehead", "brows", "eyes", "under_eye", "cheeks", "lips")]  # fmt: skip
    assert heights == sorted(heights), "from top to bottom of an upright face"


def test_the_neck_is_found_by_colour_and_the_wall_is_not() -> None:
    subject, truth = drawn_face()
    parts = regions(subject)
    assert (parts.bare_skin > 0.5)[truth["neck"]].mean() > 0.93
    assert (parts.bare_skin > 0.5)[truth["wall"]].mean() < 0.005
    assert (parts.bare_skin > 0.5)[truth["hair"]].mean() < 0.05


def test_hair_is_what_lies_above_the_forehead_in_one_colour() -> None:
    subject, truth = drawn_face()
    found = regions(subject).hair > 0.5
    both, either = (found & truth["hair"]).sum(), (found | truth["hair"]).sum()
    assert both / either > 0.8


@pytest.mark.parametrize("colour", [(30, 60, 160), (180, 20, 40), (40, 120, 50)])
def test_what_no_hair_is_coloured_like_is_no_hair(colour: tuple[int, int, int]) -> None:
    subject, _ = drawn_face(hair=colour)
    assert regions(subject).hair.max() == 0


@pytest.mark.parametrize("skin", [(240, 205, 185), (205, 150, 120), (140, 90, 65), (80, 52, 42)])
def test_skin_of_every_tone_is_seen(skin: tuple[int, int, int]) -> None:
    subject, truth = drawn_face(skin=skin, hair=(20, 18, 18))
    parts = regions(subject)
    assert (parts.bare_skin * parts.skin).sum() > 0.95 * parts.skin.sum()
    assert (parts.bare_skin > 0.5)[truth["neck"]].mean() > 0.9


def test_a_mirrored_picture_has_mirrored_masks() -> None:
    subject, _ = drawn_face()
    mesh = np.asarray(subject.mesh)[list(layout("points-478").mirror)] * [-1, 1, 1] + [512, 0, 0]
    one, other = regions(subject), Regions(np.ascontiguousarray(subject.pixels[:, ::-1]), mesh)
    for name in ("lips", "brows", "under_eye", "cheeks", "forehead", "skin", "bare_skin", "hair"):
        assert np.abs(getattr(one, name) - getattr(other, name)[:, ::-1]).mean() < 0.004, name


def test_a_wide_blur_on_a_reduced_picture_is_the_same_blur() -> None:
    mask = np.zeros((300, 300), np.float32)
    mask[100:180, 60:200] = 1
    for sigma in (5.0, 17.0, 40.0):
        assert np.abs(soften(mask, sigma) - cv2.GaussianBlur(mask, (0, 0), sigma)).max() < 0.02
    assert np.array_equal(soften(mask, 0.1), mask)


def test_a_guided_mask_ends_at_the_picture_s_edge() -> None:
    picture = np.full((100, 100, 3), 60, np.uint8)
    picture[:, 50:] = 200
    blurred = soften((np.arange(100) < 50) * np.ones((100, 1)), 6)
    bent = guided(picture, blurred, 12)
    assert bent[50, 48] - bent[50, 51] > 0.5 and blurred[50, 48] - blurred[50, 51] < 0.3


def test_nothing_changes_where_a_mask_is_zero() -> None:
    before = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    weight = np.zeros((4, 4))
    weight[1, 1], weight[2, 2] = 1, 0.001
    after = blend(before, np.full((4, 4, 3), 255.0), weight)
    assert (after[1, 1] == 255).all() and np.array_equal(after[0], before[0])
    assert as_bytes(weight)[2, 2] == 1 and as_bytes(weight)[0, 0] == 0 and as_bytes(weight)[1, 1] == 255


def test_the_surface_lies_on_the_mesh_and_faces_outwards() -> None:
    subject, _ = drawn_face()
    shape = surface(subject)
    mesh = np.asarray(subject.mesh)
    assert np.allclose(np.linalg.norm(shape.normals, axis=2), 1, atol=1e-5)
    flat = [1, 5, 10, 50, 280, 151, 199, 205, 425]
    at = np.floor(mesh[flat, :2]).astype(int)
    assert np.abs(shape.depth[at[:, 1], at[:, 0]] - mesh[flat, 2]).max() < 10, "px of depth, smoothed"
    right, left, forehead, chin = (shape.normals[int(mesh[i, 1]), int(mesh[i, 0])] for i in (123, 352, 10, 152))
    assert right[0] < -0.4 < 0.4 < left[0] and forehead[1] < -0.2 < 0.2 < chin[1]
    assert (shape.normals[..., 2] <= 0).all()
    assert np.allclose(shape.normals[5, 5], (0, 0, -1), atol=0.02) and shape.coverage[5, 5] == 0
    assert shape.mesh[280, 256] > 0.99


def test_drawn_values_are_linear_over_the_mesh() -> None:
    mesh = drawn_mesh()
    found, rest, seen = rasterised(mesh, np.column_stack([mesh[:, 0], mesh[:, 1] * 2]), 512)
    y, x = np.nonzero(cv2.erode(seen, np.ones((5, 5))))
    assert len(y) > 30000
    off = np.hypot(found[y, x] - (x + 0.5), rest[y, x, 0] / 2 - (y + 0.5))
    assert np.quantile(off, 0.99) < 0.8 and off.max() < 4, "px; slivers at the shut mouth are drawn a little too wide"


@pytest.mark.parametrize("yaw", [-40.0, 0.0, 40.0])
def test_the_skull_lies_around_the_face(yaw: float) -> None:
    mesh = drawn_mesh(yaw)
    centre, form = head_ellipse(mesh)
    assert np.allclose(form, form.T) and (np.linalg.eigvalsh(form) > 0).all()
    away = in_ellipse(mesh, 512)
    forehead = np.floor(mesh[10, :2]).astype(int)
    assert away[forehead[1], forehead[0]] < 1 and away[2, 2] > 1.5
    assert abs(centre[0] - mesh[:468, 0].mean()) < 90
