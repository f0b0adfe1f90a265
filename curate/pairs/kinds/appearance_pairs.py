"""A photo and a picture made from it that differs in pose, expression or light, with which of them differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.pairs.base import CHILD, Bound, Config, PairKind, Relation, Role, Row
from curate.pairs.pool import Pool
from schemas.columns import images, labels

RELIGHTING = "relighting"
VIEWS = ("light", "shading", "albedo", "normals", "skin_mask", "surround_mask")


@dataclass(frozen=True)
class AppearanceConfig(Config):
    """From where on a factor counts as another one.

    Attributes:
        pose: Angle between the heads in degrees.
        expression: Euclidean distance of the blendshapes.
        light: Difference of the halves' likeness or of brightness, whichever is larger; a picture of the generator
            `relighting` has another light in any case.
    """

    pose: float = 8.0
    expression: float = 0.8
    light: float = 0.1


class AppearancePairs(PairKind):
    """A photograph and a picture made from it, in one frame, each with its light, shape and masks.

    `factors` says which of pose, expression and light differ. Pose and expression are measured in both pictures,
    whatever the generator meant to do. Labels hardly show from where light comes, so for light the word of
    `relighting` counts besides brightness and how alike the halves of the face look.
    """

    name = "appearance_pairs"
    doc = "A photo and a picture made from it with light, shape and masks of both, and which factors differ."
    source = "DiffFAE (Ren et al. 2024): source and query of pose, expression and light"
    roles = (
        Role("source", "the photo", views={f"source_{v}": v for v in VIEWS}),
        Role("target", "what was made from it", views={f"target_{v}": v for v in VIEWS}),
    )
    needs = (labels.MESH, labels.SYMMETRY_APPEARANCE, labels.BRIGHTNESS)
    uses = (images.GENERATOR,)
    relations = (Relation("source", "target", kin=CHILD),)
    bounds = (
        Bound("pose", "source", "target", unknown=True),
        Bound("expression", "source", "target", unknown=True),
        Bound("cosine", "source", "target", unknown=True),
    )
    adults = True
    aligned = True
    config_type = AppearanceConfig
    config: AppearanceConfig
    figures: ClassVar[Mapping[str, str]] = {
        "factors": "which of pose, expression and light differ",
        "light_gap": "difference of the halves' likeness or of brightness, whichever is larger",
        "generator": "what made the second picture",
    }

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Every generated face with its photograph, in a drawn order."""
        pairs = [(parent, child) for parent, children in pool.children().items() for child in children]
        for number in rng.permutation(len(pairs)).tolist():
            parent, child = pairs[number]
            yield Row({"source": (parent,), "target": (child,)})

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """What differs."""
        from curate.pairs.differences import difference

        (source,), (target,) = row.faces["source"], row.faces["target"]
        a, b = np.array([source]), np.array([target])
        gaps = {name: float(difference(name).between(pool, a, b)[0]) for name in ("pose", "expression")}
        light = [abs(pool.numbers(c)[source] - pool.numbers(c)[target])
                 for c in (labels.SYMMETRY_APPEARANCE, labels.BRIGHTNESS)]  # fmt: skip
        gaps["light"] = float(np.nanmax(light)) if np.isfinite(light).any() else float("nan")
        generator = pool.texts(images.GENERATOR)[target] or ""
        differ = [name for name, gap in gaps.items() if gap >= getattr(self.config, name)]
        if generator.startswith(RELIGHTING) and "light" not in differ:
            differ.append("light")
        return {"factors": differ, "light_gap": gaps["light"], "generator": generator}
