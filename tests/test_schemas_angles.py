"""Angle conventions: signs and units of the tools, and the way between them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import SchemaError, UnknownNameError
from schemas.angles import AngleConvention, Angles, angle_convention, angle_conventions, convert_angles

DEGREE = math.pi / 180
small = st.floats(-1.5, 1.5)


@pytest.mark.parametrize(
    ("given_angles", "yaw", "pitch", "roll"),
    [
        # py-feat: radians, + is up, to the subject's right (the image's left), tilted to the subject's right
        (Angles("py-feat-pose", 10 * DEGREE, 20 * DEGREE, 30 * DEGREE), -10, 20, -30),
        # uniface's head pose: degrees, + is down and clockwise
        (Angles("uniface-pose", 10, 20, 30), -10, -20, 30),
        (Angles("openface-pose", 10 * DEGREE, 20 * DEGREE, 30 * DEGREE), -10, -20, 30),
        (Angles("facecurate", 10, 20, 30), 10, 20, 30),
    ],
)
def test_head_poses_in_our_degrees(given_angles: Angles, yaw: float, pitch: float, roll: float) -> None:
    ours = convert_angles(given_angles)
    assert ours.convention == "facecurate"
    assert (ours.yaw, ours.pitch, ours.roll) == pytest.approx((yaw, pitch, roll))


@pytest.mark.parametrize(
    ("tool", "yaw", "pitch"), [("py-feat-gaze", 10, 20), ("uniface-gaze", -10, 20), ("openface-gaze", 10, -20)]
)
def test_gaze_in_our_degrees(tool: str, yaw: float, pitch: float) -> None:
    ours = convert_angles(Angles(tool, 10 * DEGREE, 20 * DEGREE), "facecurate-gaze")
    assert (ours.yaw, ours.pitch) == pytest.approx((yaw, pitch))
    assert ours.roll is None


@given(st.data(), small, small, small)
def test_there_and_back(data: st.DataObject, yaw: float, pitch: float, roll: float) -> None:
    first = angle_convention(data.draw(st.sampled_from(angle_conventions())))
    alike = [x for x in angle_conventions() if (angle_convention(x).roll is None) == (first.roll is None)]
    start = Angles(first.name, yaw, pitch, None if first.roll is None else roll)
    back = convert_angles(convert_angles(start, data.draw(st.sampled_from(alike))), first.name)
    assert (back.yaw, back.pitch) == pytest.approx((yaw, pitch))
    assert back.roll == (None if first.roll is None else pytest.approx(roll))


def test_refusals() -> None:
    with pytest.raises(SchemaError, match="head poses have a roll"):
        convert_angles(Angles("py-feat-gaze", 0, 0))
    with pytest.raises(SchemaError, match="head poses have a roll"):
        convert_angles(Angles("py-feat-pose", 0, 0))
    with pytest.raises(UnknownNameError, match="Did you mean 'openface-pose'"):
        convert_angles(Angles("openface-poses", 0, 0, 0))
    with pytest.raises(SchemaError, match="unit is deg or rad"):
        AngleConvention("x", "grad", 1, 1, 1, "d", "s")
