"""Pairs that differ by action units, and pairs that tell a person from a motion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from curate.pairs.base import DIFFERENT, SAME, Bound, Config, Relation, Role, Row
from curate.pairs.differences import MAGICFACE_UNITS
from curate.pairs.pool import Pool
from curate.pairs.selection import Selection
from schemas.columns import labels


@dataclass(frozen=True)
class AuConfig(Config):
    """Settings of `au_pairs`.

    Attributes:
        least_au: Least distance of the twelve intensities.
        most_pose: Largest angle between the heads in degrees.
    """

    least_au: float = 1.0
    most_pose: float = 30.0


class AuPairs(Selection):
    """One person twice, with the change of MagicFace's twelve action units and the target's attribute picture.

    `au_delta` is AU(target) - AU(source), intensities 0-5, in the order AU1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26. The
    attribute picture holds what must stay: the background with the face taken out, and the line of the jaw for the
    pose.
    """

    name = "au_pairs"
    doc = "One person twice with the change of twelve action units, and a picture of background and jaw line."
    source = "MagicFace (Wei et al. 2025): AU variations of two frames of one person"
    roles = (
        Role("source", "the face that is given"),
        Role("target", "the same person otherwise", views={"attr_image": "attributes"}, complete=True),
    )
    relations = (Relation("source", "target", identity=SAME),)
    bounds = (
        Bound("au12", "source", "target", least="least_au"),
        Bound("pose", "source", "target", most="most_pose", unknown=True),
        Bound("cosine", "source", "target", unknown=True),
    )
    carries = (labels.AU_INTENSITY,)
    config_type = AuConfig
    figures: ClassVar[Mapping[str, str]] = {"au_delta": "intensities of the target minus those of the source, twelve"}

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """The change of the twelve units."""
        units = pool.scores(labels.AU_INTENSITY, MAGICFACE_UNITS)
        return {"au_delta": (units[row.faces["target"][0]] - units[row.faces["source"][0]]).tolist()}


@dataclass(frozen=True)
class OtherMotionConfig(Config):
    """Settings of `other_motion`.

    Attributes:
        least_motion: Least difference of pose and action units together.
    """

    least_motion: float = 1.0


class OtherMotion(Selection):
    """One person with two poses and expressions: what stays is the identity."""

    name = "other_motion"
    doc = "One person with different pose and expression."
    source = "DynamicID (Hu et al. 2025): same identity, different motion"
    roles = (Role("first", "a face"), Role("second", "the same person, moved"))
    relations = (Relation("first", "second", identity=SAME),)
    bounds = (Bound("motion", "first", "second", least="least_motion"),
              Bound("cosine", "first", "second", unknown=True))  # fmt: skip
    ordered = False
    config_type = OtherMotionConfig


@dataclass(frozen=True)
class SameMotionConfig(Config):
    """Settings of `same_motion`.

    Attributes:
        most_motion: Largest difference of pose and action units together.
    """

    most_motion: float = 0.8


class SameMotion(Selection):
    """Two people with one pose and expression: what stays is the motion."""

    name = "same_motion"
    doc = "Two people with alike pose and expression."
    source = "DynamicID (Hu et al. 2025): different identity, similar motion"
    roles = (Role("first", "a face"), Role("second", "another person, alike"))
    relations = (Relation("first", "second", identity=DIFFERENT),)
    bounds = (Bound("motion", "first", "second", most="most_motion"),
              Bound("cosine", "first", "second", unknown=True))  # fmt: skip
    ordered = False
    config_type = SameMotionConfig
