"""A source and a reference of another person with another expression: rows for translation without pairs."""

from __future__ import annotations

from dataclasses import dataclass

from curate.pairs.base import DIFFERENT, Bound, Config, Relation, Role
from curate.pairs.selection import Selection
from schemas.columns import labels


@dataclass(frozen=True)
class UnpairedExpressionConfig(Config):
    """Settings of `unpaired_expression`.

    Attributes:
        least_expression: Least distance of the blendshapes.
        least_quality: Least quality of both faces.
    """

    least_expression: float = 0.8
    least_quality: float = 0.0


class UnpairedExpression(Selection):
    """Two different people whose blendshapes are at least `least_expression` apart; identities must be known."""

    name = "unpaired_expression"
    doc = "A source and a reference: another person with another expression."
    source = "GaFET (Ma et al. 2023): source and reference in the wild, without pairs of one person"
    roles = (Role("source", "the face whose expression is to change"), Role("reference", "the expression"))
    carries = (labels.PERCEIVED_EMOTION, labels.POINTS_68)
    relations = (Relation("source", "reference", identity=DIFFERENT),)
    bounds = (
        Bound("expression", "source", "reference", least="least_expression"),
        Bound("quality", "source", "reference", least="least_quality", unknown=True),
    )
    config_type = UnpairedExpressionConfig
