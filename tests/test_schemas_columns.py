"""Column declarations: fields, checks and refusals."""

from __future__ import annotations

import json
import math
import pickle

import pyarrow as pa
import pytest

from schemas import (
    REGISTRY,
    Column,
    ColumnGroup,
    Kind,
    MissingExtraError,
    SchemaError,
    TaxonomyError,
    UnknownNameError,
    check,
    column,
    faces,
    labels,
    labels_of,
    taxonomy,
)


@pytest.mark.parametrize("name", REGISTRY)
def test_declarations_are_complete(name: str) -> None:
    one = REGISTRY[name]
    assert one.name == name
    assert one.doc.endswith(".")
    assert one.group
    assert one.low is None or one.high is None or one.low < one.high
    told = json.loads(one.field.metadata[b"facecurate"])
    assert told["kind"] == one.kind.value
    assert one.field.type == one.type


@pytest.mark.parametrize("name", [n for n, c in REGISTRY.items() if c.kind is Kind.SCORES])
def test_score_structs_name_their_labels(name: str) -> None:
    one = REGISTRY[name]
    assert tuple(field.name for field in one.type) == taxonomy(one.taxonomy).labels


def test_perception_is_named_so() -> None:
    for one in (labels.AGE, labels.GENDER, labels.MONK, labels.PERCEIVED_EMOTION):
        assert one.name.startswith("perceived_")
        assert one.sensitive


def test_good_values_pass() -> None:
    check(labels.YAW, pa.array([-180, None, 12.5], pa.float32()), labels_of)
    check(labels.GENDER, pa.array(["Female", None]), labels_of)
    check(faces.POINTS_5, pa.array([[1.0] * 10, None], faces.POINTS_5.type), labels_of)


@pytest.mark.parametrize(
    ("one", "values", "why"),
    [
        (labels.YAW, pa.array([181], pa.float32()), r"pose_yaw: values outside \[-180, 180\]"),
        (labels.YAW, pa.array([math.nan], pa.float32()), "not a number"),
        (labels.YAW, pa.array([1.0], pa.float64()), "expected float, found double"),
        (labels.GENDER, pa.array(["Woman"]), "not in taxonomy gender-2: Woman"),
        (labels.GENDER_SET, pa.array([["Male"], None, ["Woman"]]), "not in taxonomy gender-2: Woman"),
        (
            labels.GENDER_PROB,
            pa.array([{"Female": 1.5, "Male": 0.0}], labels.GENDER_PROB.type),
            "perceived_gender_prob: values outside",
        ),
    ],
)
def test_bad_values_are_refused(one: Column, values: pa.Array, why: str) -> None:
    with pytest.raises(SchemaError, match=why):
        check(one, values, labels_of)


def test_names_are_declared_once_and_found() -> None:
    group = ColumnGroup("test", "For this test.")
    with pytest.raises(SchemaError, match="'pose_yaw' is declared twice"):
        group.add("pose_yaw", pa.float32(), Kind.NUMBER, "Again.")
    group.share(labels.YAW)
    assert group.schema.names == ["pose_yaw"]
    assert column("pose_yaw") is labels.YAW
    with pytest.raises(UnknownNameError, match="Did you mean 'pose_yaw'"):
        column("pose_jaw")


def test_a_shape_must_fit_its_list() -> None:
    with pytest.raises(SchemaError, match=r"shape \(5, 2\) does not fit"):
        Column("x", pa.list_(pa.float32(), 9), Kind.POINTS, "d", shape=(5, 2))


@pytest.mark.parametrize(
    "error",
    [
        SchemaError("what", "why", "fix"),
        TaxonomyError("what"),
        UnknownNameError("column", "x", ["y"]),
        MissingExtraError("torch", "clip"),
    ],
)
def test_errors_travel_between_processes(error: Exception) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert "\n" not in str(back)
