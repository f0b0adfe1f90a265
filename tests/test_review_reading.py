"""Faces become a prediction and come back to the bit; what people change arrives; what is hostile is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.review.controls import ABSTAINED, CANNOT_TELL
from curate.review.reading import Reading
from curate.review.spec import BOX, COMMENT, Spec, config, point_names
from curate.review.task import Seen, prediction
from schemas import UsageError
from schemas.columns import faces, labels
from tests.review_samples import SIZE, SPEC, equal, seen

FACE = "0123456789abcdef.0"


def sent(found: list[Seen]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(json.dumps(prediction(SPEC, found, *SIZE, "test")))["result"]
    return made


def of(result: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(r for r in result if r["from_name"] == name)


@pytest.fixture
def face() -> Seen:
    rng = np.random.default_rng(0)
    full = {c.name for c in SPEC.columns}
    return next(f for f in (seen(rng, FACE) for _ in range(200)) if set(f.values) == full
                and f.values[labels.GENDER.name] is not ABSTAINED)  # fmt: skip


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_what_nobody_touched_comes_back_to_the_bit(seed: int, number: int) -> None:
    rng = np.random.default_rng(seed)
    found = [seen(rng, f"0123456789abcdef.{i}") for i in range(number)]
    result = sent(found)
    rng.shuffle(result)
    word = Reading(SPEC, found, *SIZE).word(result)
    assert not word.refused and not word.deleted and not word.drawn and not word.changed
    for before, after in zip(found, word.faces, strict=True):
        absent = {n: v for n, v in before.values.items() if n != labels.AU_INTENSITY.name}
        kept = {n: v for n, v in after.values.items() if n != labels.AU_INTENSITY.name}
        assert equal(Seen(before.face_id, before.box, absent), Seen(after.face_id, after.box, kept))


def test_the_configuration_and_predictions_satisfy_the_sdk(face: Seen) -> None:
    interface = pytest.importorskip("label_studio_sdk.label_interface").LabelInterface(config(SPEC))
    rng = np.random.default_rng(1)
    for _ in range(20):
        found = [seen(rng, f"0123456789abcdef.{i}") for i in range(2)]
        assert interface.validate_prediction(prediction(SPEC, found, *SIZE, "test"), return_errors=True) == []


def test_moved_points_and_boxes_arrive_to_a_hundredth_of_a_pixel(face: Seen) -> None:
    result = sent([face])
    rectangle, dot = of(result, BOX)["value"], of(result, labels.POINTS_68.name)
    rectangle["x"] += 100 * 3.25 / SIZE[0]
    dot["value"]["y"] += 100 * 1.5 / SIZE[1]
    word = Reading(SPEC, [face], *SIZE).word(result)
    (after,) = word.faces
    assert after.box == pytest.approx((face.box[0] + 3.25, *face.box[1:]), abs=0.01)
    number = int(dot["id"].rpartition(":")[2])
    moved = np.array(face.values[labels.POINTS_68.name])
    moved[number, 1] += 1.5
    np.testing.assert_allclose(after.values[labels.POINTS_68.name], moved, atol=0.01)
    assert word.changed == {FACE: (BOX, labels.POINTS_68.name)}


def test_changed_answers_arrive(face: Seen) -> None:
    result = sent([face])
    of(result, labels.GENDER.name)["value"]["choices"] = [CANNOT_TELL]
    of(result, labels.CAPTION.name)["value"]["text"] = ["two", "lines"]
    result = [r for r in result if r["from_name"] not in (labels.EYEWEAR.name, f"{labels.AU_INTENSITY.name}__AU12")]
    unit = [r for r in result if r["from_name"] == labels.AU_INTENSITY.name]
    if unit:
        unit[0]["value"]["choices"] = ["AU12"]
    else:
        result.append({"id": FACE, "from_name": labels.AU_INTENSITY.name, "value": {"choices": ["AU12"]}})
    (after,) = Reading(SPEC, [face], *SIZE).word(result).faces
    assert after.values[labels.GENDER.name] is ABSTAINED
    assert after.values[labels.CAPTION.name] == "two\nlines"
    assert labels.EYEWEAR.name not in after.values
    assert after.values[labels.AU_INTENSITY.name] == {"AU4": 0.0, "AU6": 0.0, "AU12": 1.0}


def test_deleted_and_drawn_faces_and_points(face: Seen) -> None:
    names = point_names(faces.POINTS_5)
    box = {"x": 10.0, "y": 20.0, "width": 5.0, "height": 10.0, "rotation": 0, "rectanglelabels": ["face"]}
    dot = {"x": 12.0, "y": 22.0, "width": 0.4, "keypointlabels": [names[2]]}
    result = [
        {"id": "Ab3_x", "from_name": BOX, "value": box},
        {"id": "stray", "from_name": faces.POINTS_5.name, "value": dot},
        {"id": "picture", "from_name": COMMENT, "value": {"text": ["seen <script>alert(1)</script>"]}},
    ]
    word = Reading(SPEC, [face], *SIZE).word(result)
    assert word.deleted == (FACE,) and word.drawn == ("Ab3_x",) and not word.refused
    assert word.faces[0].box == pytest.approx((64, 96, 32, 48))
    points = word.faces[0].values[faces.POINTS_5.name]
    np.testing.assert_allclose(points[2], [76.8, 105.6])
    assert np.isnan(np.delete(points, 2, axis=0)).all()
    assert word.comments == ("seen <script>alert(1)</script>",)


def test_a_deleted_point_is_missing_and_the_others_stay(face: Seen) -> None:
    result = sent([face])
    gone = next(r for r in result if r["from_name"] == faces.POINTS_5.name)
    (after,) = Reading(SPEC, [face], *SIZE).word([r for r in result if r is not gone]).faces
    number = int(gone["id"].rpartition(":")[2])
    points = after.values[faces.POINTS_5.name]
    assert np.isnan(points[number]).all()
    others = np.arange(5) != number
    np.testing.assert_array_equal(points[others], face.values[faces.POINTS_5.name][others])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"value": {"choices": ["nope"]}}, "not among the choices"),
        ({"value": {"choices": ["female", "male"]}}, "2 choices"),
        ({"value": {"choices": 5}}, "must be texts"),
        ({"value": None}, "without id, name and value"),
        ({"from_name": "other_project"}, "no such question"),
        ({"id": {"$ne": ""}}, "without id, name and value"),
        ({"id": "another.0"}, "box is not there"),
    ],
)
def test_hostile_answers_are_refused_and_the_rest_is_kept(face: Seen, change: dict[str, Any], why: str) -> None:
    result = sent([face])
    of(result, labels.GENDER.name).update(change)
    word = Reading(SPEC, [face], *SIZE).word(result)
    assert why in word.refused[0].why
    assert labels.GENDER.name not in word.faces[0].values and labels.CAPTION.name in word.faces[0].values


@pytest.mark.parametrize("value", [float("nan"), "12", True, None, -5000.0, 1e300])
def test_coordinates_that_are_none_are_refused(face: Seen, value: Any) -> None:
    result = sent([face])
    of(result, BOX)["value"]["x"] = value
    word = Reading(SPEC, [face], *SIZE).word(result)
    assert word.faces == () and word.deleted == (FACE,) and len(word.refused) == 1


@pytest.mark.parametrize("given_result", [None, "x", {"a": 1}, [None], [[]], [1], [{}]])
def test_no_result_is_no_word(face: Seen, given_result: Any) -> None:
    word = Reading(SPEC, [face], *SIZE).word(given_result)
    assert word.faces == () and word.refused


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["id", "from_name", "value", "x", "choices", "text", "number", "parentID"]), x
            )
        ),
        max_leaves=20,
    )
)
def test_nothing_that_arrives_breaks_the_reading(given_result: Any) -> None:
    Reading(SPEC, [seen(np.random.default_rng(0), FACE)], *SIZE).word(given_result)


def test_columns_that_nobody_can_say_are_refused() -> None:
    for name in ("embedding_sface", "perceived_gender_prob", "landmarks_478", "face_parsing"):
        with pytest.raises(UsageError, match="cannot be reviewed"):
            Spec.of([name])
    with pytest.raises(UsageError, match="not a field"):
        Spec.of(["au_intensity.AU99"])
    spec = Spec.of(["au_intensity.AU12", "au_intensity.AU4", "emonet_40_score.Amusement"])
    assert Spec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec
