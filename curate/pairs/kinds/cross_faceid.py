"""One person in two photos, of which the second differs in pose, expression or adornment: cross-training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from annotators.identity import SAME_PERSON
from curate.pairs.base import SAME, Bound, Config, Relation, Role, Row
from curate.pairs.differences import difference
from curate.pairs.pool import Pool
from curate.pairs.selection import Selection
from schemas.columns import labels

POSE, EXPRESSION, ADORNMENT = "pose", "expression", "adornment"


@dataclass(frozen=True)
class CrossFaceIDConfig(Config):
    """Settings of `cross_faceid`.

    Attributes:
        least_cosine: Least cosine of the identity embeddings; from the verification threshold on they pass for one.
        least_pose: Angle between the heads, in degrees, from which the pose differs.
        least_expression: Distance of the blendshapes from which the expression differs.
        least_quality: Least quality of both faces.
    """

    least_cosine: float = SAME_PERSON
    least_pose: float = 10.0
    least_expression: float = 0.8
    least_quality: float = 0.0


class CrossFaceID(Selection):
    """An input face and a target of the same person that differs from it in at least one way.

    What differs is written in `differs`: the pose, the expression, or the adornment, which is eyewear or a mask. A pair
    that differs in none of them teaches a model to copy, which is what cross-training is against.
    """

    name = "cross_faceid"
    doc = "An input face and a photo of the same person with another pose, expression or adornment."
    source = "CrossFaceID (Wang et al. 2025): cross-training of face-ID customization"
    roles = (Role("source", "the face whose identity is given"), Role("target", "the photo to make"))
    needs = (labels.YAW, labels.PITCH, labels.ROLL, labels.BLENDSHAPES)
    uses = (labels.EYEWEAR, labels.MASK_WORN)
    carries = (labels.CAPTION,)
    relations = (Relation("source", "target", identity=SAME),)
    bounds = (
        Bound("cosine", "source", "target", least="least_cosine"),
        Bound("quality", "source", "target", least="least_quality", unknown=True),
        Bound("pose", "source", "target", unknown=True),
        Bound("expression", "source", "target", unknown=True),
    )
    config_type = CrossFaceIDConfig
    config: CrossFaceIDConfig
    figures: ClassVar[Mapping[str, str]] = {"differs": "Ways in which the target differs: pose, expression, adornment."}

    def refuses(self, pool: Pool, row: Row) -> str:
        """A pair that differs in nothing."""
        return "" if self._differs(pool, row) else "neither pose nor expression nor adornment differs"

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """What differs."""
        return {"differs": self._differs(pool, row)}

    def _differs(self, pool: Pool, row: Row) -> list[str]:
        (source,), (target,) = row.faces["source"], row.faces["target"]
        a, b = np.array([source]), np.array([target])
        found = []
        if difference("pose").between(pool, a, b)[0] >= self.config.least_pose:
            found.append(POSE)
        if difference("expression").between(pool, a, b)[0] >= self.config.least_expression:
            found.append(EXPRESSION)
        if any(_other(pool.cells(column), source, target) for column in (labels.EYEWEAR, labels.MASK_WORN)):
            found.append(ADORNMENT)
        return found


def _other(values: list[Any], first: int, second: int) -> bool:
    """Whether two known labels are not the same."""
    return None not in (values[first], values[second]) and values[first] != values[second]
