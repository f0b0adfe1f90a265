"""Pairs of one person's faces that differ in one thing: expression, age."""

from __future__ import annotations

from dataclasses import dataclass

from curate.pairs.base import SAME, Bound, Config, Relation, Role
from curate.pairs.selection import Selection
from schemas.columns import labels

ROLES = (Role("source", "the face that is given"), Role("target", "the face that is wanted"))
ONE_PERSON = Relation("source", "target", identity=SAME)
COSINE = Bound("cosine", "source", "target", unknown=True)


@dataclass(frozen=True)
class ExpressionConfig(Config):
    """Settings of `cross_expression`.

    Attributes:
        least_expression: Least distance of the blendshapes.
        most_pose: Largest angle between the heads in degrees.
        least_quality: Least quality of both faces.
    """

    least_expression: float = 0.8
    most_pose: float = 15.0
    least_quality: float = 0.0


class CrossExpression(Selection):
    """One person with two expressions under nearly one pose.

    The blendshapes' Euclidean distance must reach `least_expression` while the heads are turned by at most `most_pose`
    degrees from each other, so that expression is what a model must change.
    """

    name = "cross_expression"
    doc = "One person with two expressions at nearly one pose."
    source = "CrossFaceID (Wang et al. 2025): input face and altered target of the same person"
    roles = ROLES
    carries = (labels.PERCEIVED_EMOTION, labels.CAPTION)
    relations = (ONE_PERSON,)
    bounds = (
        Bound("expression", "source", "target", least="least_expression"),
        Bound("pose", "source", "target", most="most_pose"),
        Bound("quality", "source", "target", least="least_quality", unknown=True),
        COSINE,
    )
    config_type = ExpressionConfig


@dataclass(frozen=True)
class AgeConfig(Config):
    """Settings of `age_pairs`.

    Attributes:
        least_years: Least difference of the perceived ages.
        most_pose: Largest angle between the heads in degrees.
    """

    least_years: float = 5.0
    most_pose: float = 90.0


class AgePairs(Selection):
    """One person at two perceived ages, the younger face first."""

    name = "age_pairs"
    doc = "One person at two perceived ages, the younger face first."
    source = "MyTimeMachine (Qi et al. 2024): photos of one person over decades"
    roles = ROLES
    carries = (labels.AGE, labels.CAPTION)
    relations = (ONE_PERSON,)
    bounds = (
        Bound("age_rise", "source", "target", least="least_years"),
        Bound("pose", "source", "target", most="most_pose", unknown=True),
        COSINE,
    )
    config_type = AgeConfig
