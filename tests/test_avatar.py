"""The loop that generates, scores and adjusts, and parameters of a head model from labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.avatar.loop import Adjusted, CannotScore, Dial, adjust
from curate.avatar.parameters import NAMES, avatar_of, check, schema
from curate.avatar.run import SCHEMA, AvatarOptions, avatars
from schemas import SchemaError, UnknownNameError, UsageError
from schemas.columns import labels
from tests.caption_samples import ages
from tests.evaluation_samples import dataset

UNIT = st.floats(0, 1)


def one_dial(target: float, goal: float, budget: int = 10) -> Adjusted:
    return adjust({"a": 0.5}, [Dial("a")], lambda s: {"like": 1 - abs(s["a"] - target)}, {"like": goal}, budget)


@given(UNIT, st.floats(0.5, 0.95))
def test_one_dial_meets_its_goal_within_ten_trials(target: float, goal: float) -> None:
    done = one_dial(target, goal)
    assert done.accepted and done.why == "met" and len(done.trials) <= 10
    assert done.best.scores["like"] >= goal and done.best == done.trials[-1]


@settings(deadline=None)
@given(st.lists(UNIT, min_size=2, max_size=4), st.integers(1, 40))
def test_the_budget_is_never_exceeded_and_every_trial_is_logged(target: list[float], budget: int) -> None:
    asked: list[dict[str, float]] = []

    def trial(settings_: dict[str, float]) -> dict[str, float]:
        asked.append(settings_)
        return {"like": 1 - float(np.linalg.norm([settings_[str(i)] - t for i, t in enumerate(target)]))}

    names = [str(i) for i in range(len(target))]
    done = adjust(dict.fromkeys(names, 0.5), [Dial(n) for n in names], trial, {"like": 0.999}, budget)
    assert len(asked) == len(done.trials) <= budget and [t.settings for t in done.trials] == asked
    assert all(0 <= v <= 1 for settings_ in asked for v in settings_.values())
    assert done.best.shortfall == min(t.shortfall for t in done.trials)
    assert len({json.dumps(a, sort_keys=True) for a in asked}) == len(asked), "nothing is tried twice"


def test_what_cannot_be_met_is_rejected() -> None:
    done = adjust({"a": 0.5}, [Dial("a")], lambda s: {"like": 0.3 + 0.1 * s["a"]}, {"like": 0.9}, 100)
    assert not done.accepted and done.why == "no better setting" and done.best.settings == {"a": 1.0}
    assert not one_dial(0.9, 0.9999, budget=2).accepted and one_dial(0.9, 0.9999, budget=2).why == "budget"


def test_trials_that_fail_are_logged_and_the_loop_goes_on() -> None:
    def trial(settings_: dict[str, float]) -> dict[str, float]:
        if settings_["a"] == 0.5:
            raise CannotScore("no face")
        return {"like": settings_["a"]}

    done = adjust({"a": 0.5}, [Dial("a")], trial, {"like": 0.9})
    assert done.accepted and done.trials[0].error == "no face"
    assert done.trials[0].as_dict()["shortfall"] is None
    json.dumps([t.as_dict() for t in done.trials], allow_nan=False)


def test_two_goals_must_both_be_met() -> None:
    done = adjust(
        {"a": 0.2, "b": 0.9}, [Dial("a"), Dial("b")], lambda s: {"x": 1 - abs(s["a"] - 0.7), "y": 1 - s["b"]},
        {"x": 0.9, "y": 0.6}, 20,
    )  # fmt: skip
    assert done.accepted and done.best.scores["x"] >= 0.9 and done.best.scores["y"] >= 0.6


@pytest.mark.parametrize("change", [{"goals": {}}, {"dials": []}, {"budget": 0}, {"goals": {"like": 0.0}}])
def test_nothing_to_adjust(change: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"dials": [Dial("a")], "goals": {"like": 0.5}, "budget": 5, **change}
    with pytest.raises(UsageError):
        adjust({"a": 0.5}, asked["dials"], lambda s: {"like": 1.0}, asked["goals"], asked["budget"])


def face(**changes: Any) -> dict[Any, Any]:
    points = np.zeros((68, 2))
    points[36:42], points[42:48] = (40, 50), (60, 50)
    points[0], points[16], points[27], points[8] = (25, 55), (71, 55), (50, 50), (50, 88)
    points[33], points[48], points[54] = (50, 66), (41, 75), (59, 75)
    told = {
        labels.AGE: 25.0, labels.GENDER_PROB: {"Female": 0.8, "Male": 0.2}, labels.SKIN_LAB: [50.0, 10, 20],
        labels.BLENDSHAPES: {"mouthSmileLeft": 0.4, "mouthSmileRight": 0.6, "jawOpen": 0.1},
        labels.POINTS_68: points.ravel().tolist(),
    }  # fmt: skip
    return {**told, **changes}


def test_parameters_by_hand() -> None:
    found = avatar_of("f", face())
    told = found["parameters"]
    assert told["face_width"] == pytest.approx(0.5) and told["face_height"] == pytest.approx(0.5)
    assert told["nose_length"] == pytest.approx(0.5) and told["mouth_width"] == pytest.approx(0.5)
    assert (told["age"], told["gender"], told["skin_lightness"], told["smile"]) == (0.5, 0.2, 0.5, 0.5)
    assert found["unknown"] == ["eyes_closed", "brows_raised"] and told["eyes_closed"] == 0.5
    jsonschema.validate(found, schema())
    jsonschema.Draft202012Validator.check_schema(schema())
    check(found)


def test_unknown_labels_are_named() -> None:
    found = avatar_of("f", {})
    assert found["unknown"] == list(NAMES) and set(found["parameters"].values()) == {0.5}
    jsonschema.validate(found, schema())


@pytest.mark.parametrize("change", [{"age": 1.2}, {"age": "old"}, {"hat": 0.5}, {"age": None}])
def test_the_schema_refuses_what_the_check_refuses(change: dict[str, Any]) -> None:
    avatar = avatar_of("f", face())
    parameters = {k: v for k, v in {**avatar["parameters"], **change}.items() if v is not None}
    bad = {**avatar, "parameters": parameters}
    with pytest.raises(SchemaError):
        check(bad)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, schema())
    with pytest.raises(SchemaError, match="format"):
        check({**avatar, "version": 2})


def test_nothing_is_made_of_possible_minors(tmp_path: Path) -> None:
    adult, young = ages(a30_39=0.95, a20_29=0.05), ages(a3_9=0.9, a30_39=0.1)
    told = [adult, young, None, adult, young, adult, adult]
    ds = dataset(tmp_path / "ds", [1, 1, 1, 2, 2], {"age.v1": {labels.AGE_PROB: told}})
    done, left_out = avatars(ds, tmp_path / "out", AvatarOptions())
    assert {d.file.stem for d in done} == {"i0.0", "i4.0", "i4.1"}, "i3 has a child beside the adult"
    assert left_out == 4 and (tmp_path / "out" / SCHEMA).is_file()
    alone = dataset(tmp_path / "young", [2], {"age.v1": {labels.AGE_PROB: [young, adult]}})
    with pytest.raises(UsageError, match="no faces to make avatars of"):
        avatars(alone, tmp_path / "none", AvatarOptions())


def test_options_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="nose_lenght"):
        AvatarOptions(dials=("nose_lenght",))
    with pytest.raises(UsageError, match="budget"):
        AvatarOptions(budget=0)
