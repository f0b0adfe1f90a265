"""Colour formulas against published values, and skin tone on painted and real faces."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotators.base import FaceBatch
from annotators.canonical_face import Pose, canonical_face, rotation_of
from annotators.colour import ciede2000, hex_to_rgb, linear_rgb, srgb_to_lab, typology_angle
from annotators.crops import Pixels
from annotators.skin_tone import SkinTone, monk_lab, nearest_monk
from schemas import taxonomy
from schemas.columns import faces, labels
from schemas.landmarks import layout

SHARMA = [  # pairs and differences of table 1 of Sharma, Wu and Dalal, 2005
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]

byte = st.integers(0, 255)
rgb = st.tuples(byte, byte, byte)


@pytest.mark.parametrize(("first", "second", "difference"), SHARMA)
def test_ciede2000_gives_the_published_differences(first: object, second: object, difference: float) -> None:
    assert ciede2000(first, second) == pytest.approx(difference, abs=5e-5)
    assert ciede2000(second, first) == pytest.approx(difference, abs=5e-5)


def test_colour_formulas_agree_with_scikit_image() -> None:
    color = pytest.importorskip("skimage.color")
    colours = np.random.default_rng(0).integers(0, 256, (4000, 3), dtype=np.uint8)
    ours, theirs = srgb_to_lab(colours), color.rgb2lab(colours[None])[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    np.testing.assert_allclose(
        ciede2000(ours[:2000], ours[2000:]), color.deltaE_ciede2000(ours[:2000], ours[2000:]), atol=1e-9
    )


@given(rgb)
def test_bytes_and_floats_are_the_same_colour(colour: tuple[int, int, int]) -> None:
    as_bytes = np.array(colour, np.uint8)
    np.testing.assert_allclose(linear_rgb(as_bytes), linear_rgb(as_bytes / 255), atol=1e-12)


@given(byte)
def test_greys_have_no_colour(level: int) -> None:
    lab = srgb_to_lab(np.full(3, level, np.uint8))
    assert abs(lab[1:]).max() < 1e-2
    assert 0 <= lab[0] <= 100.001


@given(rgb, rgb)
def test_difference_is_a_symmetric_non_negative_number(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    a, b = (srgb_to_lab(np.array(c, np.uint8)) for c in (first, second))
    assert ciede2000(a, b) == pytest.approx(float(ciede2000(b, a)), abs=1e-9)
    assert ciede2000(a, b) >= 0
    assert ciede2000(a, a) == 0


def test_typology_angle_has_a_value_only_for_yellowish_colours() -> None:
    assert typology_angle([60, 10, 10]) == pytest.approx(45)
    assert typology_angle([40, 10, 10]) == pytest.approx(-45)
    assert np.isnan(typology_angle([60, 10, 0]))
    assert np.isnan(typology_angle([60, 10, -5]))


def test_each_monk_tone_is_nearest_to_itself() -> None:
    assert [nearest_monk(lab) for lab in monk_lab()] == list(taxonomy("monk-10").labels)


SIDE = 320


@cache
def canonical_mesh(yaw: float = 0.0) -> NDArray[np.float32]:
    """The average head as a mesh of 478 points in a picture of 320 px, turned by `yaw` degrees."""
    pose = Pose(rotation_of(yaw, 0, 0), 12.0, np.array([SIDE / 2, -SIDE / 2, 0.0]))
    points = pose.to_image(canonical_face().points)
    irises = [np.tile(points[list(layout("points-478").group(f"{s}_eye"))].mean(0), (5, 1)) for s in ("right", "left")]
    for iris in irises:
        iris[1:, :2] += np.array([[4, 0], [0, -4], [-4, 0], [0, 4]])
    return np.concatenate([points, *irises]).astype(np.float32)


def painted(colour: NDArray[np.uint8], grain: float = 2.0) -> Pixels:
    """A face of one colour with white eyes, dark irises and red lips, before a light wall."""
    image = np.full((SIDE, SIDE, 3), 225, np.uint8)
    mesh = canonical_mesh()[:, :2]
    white, brow, lip = (240, 230, 220), (40, 30, 20), (170, 80, 80)
    paints = {"oval": colour, "right_eye": white, "left_eye": white, "right_brow": brow, "left_brow": brow}
    for group, paint in (paints | {"outer_lip": lip}).items():
        outline = cv2.convexHull(np.round(mesh[list(layout("points-478").group(group))]).astype(np.int32))
        cv2.fillPoly(image, [outline], [int(c) for c in paint])
    for centre in (468, 473):
        cv2.circle(image, np.round(mesh[centre]).astype(int).tolist(), 4, (50, 35, 25), -1)
    noise = np.random.default_rng(0).normal(0, grain, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def measure(image: Pixels, mesh: NDArray[np.float32] | None = None) -> dict[str, object]:
    mesh = canonical_mesh() if mesh is None else mesh
    table = {faces.FACE_ID.name: ["p.0"], faces.IMAGE_ID.name: ["p"],
             labels.MESH.name: pa.array([mesh.ravel()], labels.MESH.type)}  # fmt: skip
    row = SkinTone().annotate(FaceBatch(pa.table(table), {"p": image})).to_pylist()[0]
    return {c: row[c.name] for c in SkinTone.provides} | {labels.STATUS: row[labels.STATUS.name]}


@pytest.mark.parametrize("tone", taxonomy("monk-10").labels)
def test_a_face_painted_in_a_monk_tone_has_that_tone(tone: str) -> None:
    colour = hex_to_rgb(taxonomy("monk-10").colours[tone])
    found = measure(painted(colour))
    assert found[labels.MONK] == tone
    np.testing.assert_allclose(found[labels.SKIN_LAB], srgb_to_lab(colour), atol=1.5)


def test_angle_classes_run_from_light_to_dark() -> None:
    found = [measure(painted(hex_to_rgb(c))) for c in taxonomy("monk-10").colours.values()]
    order = ["very_light", "light", "intermediate", "tan", "brown", "dark"]
    places = [order.index(str(f[labels.ITA_CLASS])) for f in found]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, 5)


def lit(image: Pixels, gains: tuple[float, float, float]) -> Pixels:
    """The picture under other light: linear gains of red, green and blue."""
    light = linear_rgb(image) * gains
    curve = np.where(light > 0.0031308, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055, 12.92 * light)
    return (np.clip(curve, 0, 1) * 255).round().astype(np.uint8)


MIDDLE = hex_to_rgb(taxonomy("monk-10").colours["monk_06"])


def test_good_light_is_trusted() -> None:
    found = measure(painted(MIDDLE))
    assert found[labels.SKIN_CONFIDENCE] > 0.8
    assert found[labels.SKIN_LIGHTING] == "usable"


@pytest.mark.parametrize(
    ("gains", "name"),
    [((0.03,) * 3, "dim"), ((6.0,) * 3, "bright"), ((2.0, 1.0, 0.25), "colour_cast"), ((0.4, 0.8, 2.0), "colour_cast")],
)
def test_bad_light_is_named_and_costs_confidence(gains: tuple[float, float, float], name: str) -> None:
    found = measure(lit(painted(MIDDLE), gains))
    assert found[labels.SKIN_LIGHTING] == name
    assert found[labels.SKIN_CONFIDENCE] < 0.5


@pytest.mark.parametrize("end", [(0.05,) * 3, (1.5, 1.0, 0.5), (0.6, 1.0, 1.5)])
def test_confidence_falls_as_the_light_gets_worse(end: tuple[float, float, float]) -> None:
    lights = [lit(painted(MIDDLE), (r, g, b)) for r, g, b in np.linspace((1, 1, 1), end, 5)]
    confidence = [float(str(measure(light)[labels.SKIN_CONFIDENCE])) for light in lights]
    assert max(np.diff(confidence)) < 0.05  # colours fade a little in mild shade
    assert confidence[-1] < confidence[0] - 0.2


def test_light_from_one_side_is_uneven() -> None:
    image = painted(MIDDLE)
    image[:, : SIDE // 2] = lit(image[:, : SIDE // 2], (0.15,) * 3)
    assert measure(image)[labels.SKIN_LIGHTING] == "uneven"


@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, 0.87, 0.68)])
def test_a_grey_or_sepia_picture_has_no_skin_tone(tint: tuple[float, float, float]) -> None:
    grey = cv2.cvtColor(painted(MIDDLE), cv2.COLOR_RGB2GRAY)[..., None]
    found = measure((grey * np.array(tint)).astype(np.uint8))
    assert found[labels.SKIN_LIGHTING] == "grey_image"
    assert found[labels.SKIN_CONFIDENCE] == 0
    assert all(found[c] is None for c in (labels.SKIN_LAB, labels.ITA, labels.ITA_CLASS, labels.MONK))


def test_bluish_skin_has_a_colour_but_no_angle() -> None:
    found = measure(painted(np.array([120, 110, 160], np.uint8)))
    assert found[labels.ITA] is None
    assert found[labels.ITA_CLASS] is None
    assert found[labels.SKIN_LAB] is not None


def test_hair_and_glare_do_not_move_the_tone() -> None:
    image = painted(MIDDLE)
    top, bottom, middle = (int(canonical_mesh()[i, 1]) for i in (10, 9, 151))
    image[top : (middle + bottom) // 2] = (30, 25, 20)
    cheek = np.round(canonical_mesh()[50, :2]).astype(int).tolist()
    cv2.circle(image, cheek, 7, (255, 255, 255), -1)
    assert measure(image)[labels.MONK] == "monk_06"


def test_too_few_pixels_give_no_tone() -> None:
    small = cv2.resize(painted(MIDDLE), (20, 20), interpolation=cv2.INTER_AREA)
    found = measure(small, canonical_mesh() / 16)
    assert found[labels.STATUS] == "not_applicable"
    assert found[labels.MONK] is None


def test_a_face_outside_the_picture_has_no_tone() -> None:
    far = canonical_mesh() + np.array([1000, 0, 0], np.float32)
    assert measure(painted(MIDDLE), far)[labels.STATUS] == "not_applicable"
