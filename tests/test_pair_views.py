"""Views of a face: masks, drawings and maps with known answers on a drawn face, and what they show on real ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.colour import linear_rgb
from annotators.part_maps import PartMap, part_names
from annotators.points import convert, mirror
from curate.export.encode import encode
from curate.export.sample import FaceItem, Sample
from curate.generators.regions import Regions
from curate.generators.subject import Subject
from curate.pairs.registry import view, view_names
from curate.pairs.view import encoded
from curate.pairs.views import (
    drawings,
    emotion_heat,
    face_masks,
    frequencies,
    light_maps,
    patch_masks,
    person_regions,
    shape_maps,
    shape_masks,
    uv_texture,
)
from curate.pairs.views.mirrors import mirrored_pose
from schemas import UnknownNameError, UsageError
from schemas.columns import faces, labels
from schemas.landmarks import layout
from tests.drawn_faces import SIDE, drawn_face, drawn_mesh


@pytest.fixture(scope="module")
def subject() -> Subject:
    return drawn_face()[0]


@pytest.fixture(scope="module")
def mesh() -> np.ndarray:
    return drawn_mesh()


def at(mask: np.ndarray, point: np.ndarray) -> bool:
    return bool(mask[int(point[1]), int(point[0])])


def test_the_face_s_mask_holds_its_mesh_and_the_context_is_the_rest(mesh: np.ndarray) -> None:
    mask = face_masks.face_mask(mesh, SIDE)
    wide = face_masks.grown(mask, 1)
    assert all(at(wide, p) for p in mesh[:468])
    assert not (mask & face_masks.context_mask(mesh, SIDE)).any()
    assert (mask | face_masks.context_mask(mesh, SIDE)).all()
    left, top, right, bottom = face_masks.bounds(mask) or (0, 0, 0, 0)
    low, high = mesh[:468, :2].min(0), mesh[:468, :2].max(0)
    assert np.abs(np.array([left, top]) - low).max() <= 1.5 and np.abs(np.array([right, bottom]) - high).max() <= 1.5
    assert face_masks.bounds(np.zeros((4, 4), bool)) is None


def test_the_lower_face_ends_below_the_nose(mesh: np.ndarray) -> None:
    mask = face_masks.lower_face_mask(mesh, SIDE)
    assert at(mask, mesh[13]) and at(mask, mesh[199])
    assert not at(mask, mesh[1]) and not at(mask, mesh[468])
    assert not (mask & ~face_masks.face_mask(mesh, SIDE)).any()


@pytest.mark.parametrize("points", [478, 68])
def test_parts_lie_where_their_points_are_and_apart(mesh: np.ndarray, points: int) -> None:
    known = mesh if points == 478 else convert(mesh[None], "points-478", "points-68")[0]
    masks = face_masks.part_masks(known, SIDE, margin=0.15)
    assert set(masks) == set(face_masks.PARTS) and all(m.any() for m in masks.values())
    assert np.stack(list(masks.values())).sum(0).max() == 1
    parts = layout("points-478")
    for part, group in (("right_eye", "right_eye"), ("left_brow", "left_brow"), ("mouth", "inner_lip")):
        assert at(masks[part], mesh[list(parts.group(group)), :2].mean(0))
    assert at(masks["nose"], mesh[4])
    # The subject's right lies on the image's left in a picture that is not mirrored.
    assert np.argwhere(masks["right_eye"])[:, 1].max() < np.argwhere(masks["left_eye"])[:, 1].min()


def test_a_parsing_map_gives_the_same_parts() -> None:
    names = part_names()
    parts = np.full((4, 4), names.index("skin"), np.uint8)
    parts[0, 0], parts[1, 1], parts[2, 2], parts[3, 3] = (names.index(n) for n in ("r_eye", "nose", "u_lip", "l_brow"))
    masks = face_masks.parsed_masks(PartMap(parts, np.eye(2, 3)))
    assert masks["right_eye"].sum() == masks["nose"].sum() == masks["mouth"].sum() == masks["left_brow"].sum() == 1
    assert not masks["left_eye"].any()


def test_an_unknown_part_is_refused(mesh: np.ndarray) -> None:
    with pytest.raises(UnknownNameError, match="ear"):
        face_masks.part_mask(mesh, "ear", SIDE)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 90)] * 2, *[st.floats(4, 60)] * 2), min_size=1, max_size=6))
def test_people_s_regions_never_meet(boxes: list[tuple[float, ...]]) -> None:
    masks = person_regions.region_masks(np.array(boxes), 100, 120)
    assert person_regions.pairwise_iou(masks) == 0
    assert np.stack(masks).sum(0).max() <= 1


def test_a_region_covers_its_own_box_and_not_the_neighbour_s() -> None:
    boxes = np.array([[120.0, 30, 40, 50], [20, 40, 40, 50]])
    first, second = person_regions.region_masks(boxes, 200, 220)
    assert first[30:80, 120:160].all() and second[40:90, 20:60].all()
    assert first[150, 140] and second[150, 40], "shoulders"
    assert not first[:, :20].any() and not second[:, 200:].any()
    assert person_regions.left_to_right(boxes) == [1, 0]
    assert person_regions.pairwise_iou([first, first]) == 1


def test_five_points_are_drawn_in_their_colours(subject: Subject) -> None:
    image = drawings.five_point_image(subject.points, SIDE)
    for point, colour in zip(subject.points, drawings.FIVE_COLOURS, strict=True):
        assert tuple(image[int(point[1]), int(point[0])]) == colour
    middle = (subject.points[0] + subject.points[2]) / 2
    assert tuple(image[int(middle[1]), int(middle[0])]) == (153, 0, 0), "the limb of the first eye at 0.6"
    assert not image[:20].any()


def test_skeleton_and_jaw_follow_the_points(mesh: np.ndarray) -> None:
    points = convert(mesh[None], "points-478", "points-68")[0]
    for image in (drawings.skeleton_image(points, SIDE), drawings.jaw_image(points, SIDE)):
        lit = face_masks.grown(image.any(2), 1)
        assert all(at(lit, p) for p in points)
        assert image.any(2).mean() < 0.05
    jaw = drawings.jaw_image(points, SIDE)
    assert (jaw == 255).all(2)[int(points[8, 1]) - 3 : int(points[8, 1]) + 4, int(points[8, 0])].any()
    assert not (jaw == 255).all(2)[:, : int(points[0, 0]) - 6].any()


def test_heat_maps_peak_at_their_points() -> None:
    points = np.array([[10.2, 50.7], [64.0, 64.0], [140.0, 3.0]])
    maps = drawings.heat_maps(points, 128, size=64)
    assert maps.shape == (3, 64, 64) and maps[:2].max() <= 1 and not maps[2].any()
    found = drawings.peaks(maps, 128)
    assert np.abs(found[:2] - points[:2]).max() < 0.2 and np.isnan(found[2]).all()


def test_depth_and_normals_of_a_face_that_looks_at_the_camera(mesh: np.ndarray) -> None:
    depth, inside = shape_maps.depth_map(mesh, SIDE)
    x, y = (int(v) for v in mesh[4, :2])
    assert depth[y, x] < 0.05, "the tip of the nose is nearest"
    cheek = mesh[234]
    assert depth[int(cheek[1]), int(cheek[0]) + 2] > 0.5
    normals, known = shape_maps.normal_map(mesh, SIDE)
    assert np.abs(np.linalg.norm(normals[known], axis=1) - 1).max() < 1e-5 and not normals[~known].any()
    assert normals[known][:, 2].mean() < -0.5, "towards the camera"
    right, left = mesh[50], mesh[280]
    assert normals[int(right[1]), int(right[0]), 0] < -0.1 < 0.1 < normals[int(left[1]), int(left[0]), 0]
    picture = shape_maps.normal_picture(normals, known)
    back, same = shape_maps.normals_of_picture(picture)
    assert (same == known).all() and np.abs(back - normals).max() < 1e-4
    grey = shape_maps.depth_picture(depth, inside)
    assert grey.max() == 65535 and not grey[~inside].any() and grey[inside].min() >= 1


def test_light_is_found_as_it_was_thrown_and_divides_out(subject: Subject) -> None:
    from dataclasses import replace

    from curate.generators.spherical_harmonics import basis, main_direction
    from curate.generators.surface import surface

    # A face of one colour under one lamp from the subject's left, drawn by the model itself.
    shape = surface(subject)
    light = np.array([0.9, 0.0, -0.35, 0.35, 0, 0, 0, 0, 0])
    shading = np.maximum(basis(shape.normals) @ light, 0.02)[..., None] * np.array([0.8, 0.55, 0.45])
    drawn = light_maps.encoded(np.clip(shading * 0.6, 0, 1).astype(np.float32))
    lit = replace(subject, pixels=np.where((shape.mesh > 0.5)[..., None], drawn, subject.pixels))
    maps = light_maps.light_maps(lit)
    assert maps.light @ light / np.linalg.norm(maps.light) / np.linalg.norm(light) > 0.9
    # How far the light stands before the face is hardly told from light all around; its side is.
    found, thrown = main_direction(maps.light)[:2], main_direction(light)[:2]
    assert found @ thrown / np.linalg.norm(found) / np.linalg.norm(thrown) > 0.95
    picture = light_maps.recomposed(light_maps.encoded(maps.albedo), light_maps.shading_picture(maps.shading))
    error = (picture.astype(float) - lit.pixels)[maps.skin]
    assert np.sqrt(np.mean(error**2)) < 3
    inner = maps.skin & face_masks.hull_mask(lit.need_mesh()[[50, 280, 200, 9]], SIDE)
    spread = maps.albedo[inner].std(0) / maps.albedo[inner].mean(0)
    before = linear_rgb(lit.pixels)[inner].std(0) / linear_rgb(lit.pixels)[inner].mean(0)
    assert (spread < before / 2).all(), "the albedo is flatter than the picture"


def test_deep_shade_fits_into_the_picture_of_the_shading(subject: Subject) -> None:
    from dataclasses import replace

    # The light falls off across the face to a sixth: the shading spans a wide range.
    falling = np.geomspace(1.0, 1 / 6, 240)
    across = np.concatenate([np.ones(136), falling, np.full(136, 1 / 6)])
    dimmed = linear_rgb(subject.pixels) * across[None, :, None]
    maps = light_maps.light_maps(replace(subject, pixels=light_maps.encoded(dimmed.astype(np.float32))))
    stored = light_maps.shading_picture(maps.shading)
    assert stored.max() < 65535 and stored[maps.skin].max() > 3 * stored[maps.skin].min()
    picture = light_maps.recomposed(light_maps.encoded(maps.albedo), stored)
    error = (picture.astype(float) - light_maps.encoded(dimmed.astype(np.float32)))[maps.skin]
    assert np.sqrt(np.mean(error**2)) < 3


def test_a_texture_has_one_place_for_each_point_of_any_face(mesh: np.ndarray) -> None:
    places = uv_texture.uv_points()
    assert places.min() >= 0 and places.max() <= 1
    flipped = mirror(np.vstack([places, np.zeros((10, 2))])[None], "points-478", 1.0)[0][:468]
    assert np.abs(flipped - places).max() < 0.01, "left and right are mirror images"
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    pixels = np.dstack([x / 2, y / 2, np.full_like(x, 200)]).clip(0, 255).astype(np.uint8)
    unrolled, seen = uv_texture.texture(pixels, mesh, 256)
    for point in (4, 50, 280, 152, 9):
        column, row = (int(v) for v in places[point] * 256)
        if seen[row, column]:
            assert np.abs(unrolled[row, column, :2] - mesh[point, :2] / 2).max() < 4
    assert seen.mean() > 0.4 and not unrolled[~seen].any()


def test_a_texture_rolled_onto_its_face_gives_the_face(subject: Subject) -> None:
    mesh = subject.need_mesh()
    unrolled, _ = uv_texture.texture(subject.pixels, mesh, 512)
    picture, inside = uv_texture.rolled_on(unrolled, mesh, SIDE)
    core = face_masks.hull_mask(mesh[[50, 280, 200, 9]], SIDE) & inside
    assert np.abs(picture.astype(float) - subject.pixels)[core].mean() < 4


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 0.9))
def test_one_region_is_covered_in_full_and_the_others_in_proportion(seed: int, ratio: float) -> None:
    rng = np.random.default_rng(seed)
    cells = np.zeros((14, 14), np.int64)
    for region in range(1, len(patch_masks.REGIONS)):
        top, left = rng.integers(0, 10, 2)
        cells[top : top + rng.integers(1, 5), left : left + rng.integers(1, 5)] = region
    mask, chosen = patch_masks.covered(cells, ratio, rng)
    assert mask.sum() == round(ratio * cells.size)
    counts = np.bincount(cells.ravel(), minlength=len(patch_masks.REGIONS))
    hidden = np.bincount(cells[mask], minlength=len(patch_masks.REGIONS))
    full = np.flatnonzero((counts > 0) & (hidden == counts))
    assert full.tolist() == [chosen] and chosen != 0
    rest = [r for r in np.flatnonzero(counts) if r != chosen]
    low, high = max((hidden[r] - 1) / counts[r] for r in rest), min((hidden[r] + 1) / counts[r] for r in rest)
    assert low <= high, "one share explains all other regions to a patch"


def test_regions_of_a_drawn_face_become_patches(subject: Subject) -> None:
    parts = Regions(subject.pixels, subject.need_mesh())
    regions = patch_masks.region_map(parts, face_masks.part_mask(subject.need_mesh(), "nose", SIDE))
    cells = patch_masks.region_cells(regions)
    assert set(np.unique(cells)) == set(range(len(patch_masks.REGIONS))), "every region has a patch"
    one, chosen = patch_masks.covered(cells, 0.75, np.random.default_rng(3))
    two, again = patch_masks.covered(cells, 0.75, np.random.default_rng(3))
    assert (one == two).all() and chosen == again and one.sum() == 147
    with pytest.raises(UsageError, match="patches do not fit"):
        patch_masks.region_cells(regions, SIDE + 1)
    with pytest.raises(UsageError, match="no region"):
        patch_masks.covered(np.zeros((4, 4), np.int64), 0.5, np.random.default_rng(0))


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 1), st.integers(0, 1000))
def test_windows_leave_the_share_that_was_asked_for(visible: float, seed: int) -> None:
    mask = face_masks.face_mask(drawn_mesh(), SIDE)
    left = shape_masks.perforated(mask, visible, np.random.default_rng(seed))
    assert not (left & ~mask).any()
    assert abs(1 - left.sum() / mask.sum() - visible) < 0.001
    assert (left == shape_masks.perforated(mask, visible, np.random.default_rng(seed))).all()


def test_a_scaled_mask_holds_the_face_or_lies_within_it(mesh: np.ndarray) -> None:
    face = face_masks.face_mask(mesh, SIDE)
    wide, small = shape_masks.scaled_mask(mesh, SIDE, 1.2), shape_masks.scaled_mask(mesh, SIDE, 0.8)
    assert not (face & ~wide).any() and not (small & ~face).any()
    assert abs(wide.sum() / face.sum() - 1.44) < 0.03 and abs(small.sum() / face.sum() - 0.64) < 0.03
    with pytest.raises(UsageError, match="scaled by 0"):
        shape_masks.scaled_mask(mesh, SIDE, 0)
    with pytest.raises(UsageError, match="left visible"):
        shape_masks.perforated(face, 1.5, np.random.default_rng(0))


def test_coarse_and_fine_half_add_up(subject: Subject) -> None:
    low, high = frequencies.low_pass(subject.pixels), frequencies.high_pass(subject.pixels)
    assert np.abs(frequencies.restored(low, high).astype(int) - subject.pixels).max() <= 1
    assert np.diff(low.astype(int), axis=1).std() < np.diff(subject.pixels.astype(int), axis=1).std() / 4
    assert abs(float(high.mean()) - frequencies.MIDDLE) < 1


def test_scales_frame_the_box() -> None:
    near, far = frequencies.scale_matrices(np.array([40.0, 60, 20, 30]), 128, (1.0, 3.0))
    middle = np.array([50.0, 75, 1])
    assert np.allclose(near @ middle, 64) and np.allclose(far @ middle, 64)
    assert np.allclose(near @ [35, 60, 1], [0, 0]) and np.allclose(far @ [5, 30, 1], [0, 0])


OWN = tuple(n for n in view_names() if view(n).__module__.rpartition(".")[2] != "attributes")
"""Views of this package; those of `attributes` have tests of their own."""


def sample_of(subject: Subject, **more: object) -> Sample:
    """The drawn face as a written sample with every label that a view reads."""
    mesh = subject.need_mesh().astype(np.float32)
    known = {
        labels.MESH.name: mesh,
        labels.POINTS_68.name: convert(mesh[None, :, :2], "points-478", "points-68")[0],
        faces.POINTS_5.name: subject.points.astype(np.float32),
        labels.EMBEDDING.name: np.arange(128, dtype=np.float32),
        labels.PERCEIVED_EMOTION.name: "happiness",
        labels.AU_INTENSITY.name: {"AU12": 4.0, "AU4": None},
    }
    face = FaceItem("a.0", subject.box, {**known, **more})
    return Sample("a_0", 0, "", encode(subject.pixels, "png"), ".png", subject.side, subject.side, (face,))


@pytest.mark.parametrize("name", OWN)
def test_each_view_gives_what_its_file_can_hold(subject: Subject, name: str) -> None:
    cls = view(name)
    drawn = cls().draw(sample_of(subject), subject.pixels)
    assert drawn is not None
    data = encoded(cls, drawn)
    if cls.suffix == ".png":
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        assert picture is not None
        sizes = {"patch_mask": (14, 14), "scales": (224, 672), "person_crop": picture.shape[:2]}
        assert picture.shape[:2] == sizes.get(name, (SIDE, SIDE))
        if name.endswith("_mask"):
            assert set(np.unique(picture).tolist()) == {0, 255}
    again = cls().draw(sample_of(subject), subject.pixels)
    assert again is not None and encoded(cls, again) == data, "the same on every run"


@pytest.mark.parametrize("name", OWN)
def test_what_a_face_lacks_is_none_and_never_made_up(subject: Subject, name: str) -> None:
    cls = view(name)
    nothing: dict[str, object] = {c.name: None for c in cls.needs if c is not faces.POINTS_5}
    if nothing:
        assert cls().draw(sample_of(subject, **nothing), subject.pixels) is None


def test_a_mesh_beside_the_face_gives_no_map(subject: Subject) -> None:
    away = (subject.need_mesh() + np.array([subject.box[2], 0, 0])).astype(np.float32)
    for name in ("face_mask", "albedo", "normals", "uv_texture", "patch_mask"):
        assert view(name)().draw(sample_of(subject, **{labels.MESH.name: away}), subject.pixels) is None


def test_views_of_a_picture_that_is_not_square_have_its_size(subject: Subject) -> None:
    wide = np.ascontiguousarray(subject.pixels[:400])
    for name in ("face_mask", "normals", "albedo", "five_points", "skeleton", "emotion_heat"):
        data = encoded(view(name), view(name)().draw(sample_of(subject), wide))
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED).shape[:2] == (400, SIDE)


def test_sides_of_action_units_are_told_apart(subject: Subject) -> None:
    told = {labels.AU_LEFT.name: {"AU12": 5.0}, labels.AU_RIGHT.name: {"AU12": 0.0}}
    heat = view("au_heat")().draw(sample_of(subject, **told), subject.pixels)
    assert isinstance(heat, np.ndarray)
    right, left = subject.points[3], subject.points[4]
    assert heat[int(left[1]), int(left[0])] > 200 and heat[int(right[1]), int(right[0])] < 20


def test_mirrored_angles_and_points_are_their_own_inverse(subject: Subject) -> None:
    assert mirrored_pose(*mirrored_pose(12.0, -3.0, 7.0)) == (12.0, -3.0, 7.0)
    points = view("mirror_points_68")().draw(sample_of(subject), subject.pixels)
    assert isinstance(points, np.ndarray)
    own = sample_of(subject).faces[0].labels[labels.POINTS_68.name]
    assert np.abs(mirror(points, "points-68", SIDE) - own).max() < 1e-3


def test_emotions_have_the_units_of_their_prototypes() -> None:
    assert emotion_heat.emotion_units("happiness") == ("AU6", "AU12") and emotion_heat.emotion_units("neutral") == ()
    assert emotion_heat.emotion_units("surprise") == ("AU1", "AU2", "AU5", "AU26")
    with pytest.raises(UnknownNameError, match="joy"):
        emotion_heat.emotion_units("joy")
