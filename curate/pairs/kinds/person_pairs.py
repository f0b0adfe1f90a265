"""Two photos of one person, the pose of the second one as a drawing: for models that put a person into a pose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from curate.pairs.base import SAME, Bound, Relation, Role, Row
from curate.pairs.pool import Pool
from curate.pairs.selection import Selection
from schemas.columns import labels

NO_MESH = "no landmarks were found in it"


class PersonPairs(Selection):
    """One person in two photos, each with face crop, embedding and a drawing of the face's lines.

    People never cross splits where the dataset was split by people (`facecurate split`). Bodies are not found here:
    the drawing is of the face, null with a reason where its points are not known.
    """

    name = "person_pairs"
    doc = "Two photos of one person with embedding and skeleton of the face of each, as lists of from and to."
    source = "Multi-focal Conditioned Latent Diffusion (Liu et al. 2025), DeepFashion's lists of from and to"
    roles = (
        Role("from", "the photo that is given", views={"from_embed": "embedding", "from_skeleton": "skeleton"}),
        Role("to", "the photo that is wanted", views={"to_embed": "embedding", "to_skeleton": "skeleton"}),
    )
    needs = (labels.IDENTITY_ID, labels.EMBEDDING, labels.POINTS_68)
    carries = (labels.CAPTION,)
    relations = (Relation("from", "to", identity=SAME),)
    bounds = (Bound("cosine", "from", "to", unknown=True),)
    figures: ClassVar[Mapping[str, str]] = {
        "person": "whom both faces are taken for",
        "from_reason": "why there is no skeleton; null where there is one",
        "to_reason": "likewise",
    }

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """The person, and what is missing."""
        found: dict[str, Any] = {"person": pool.texts(labels.IDENTITY_ID)[row.faces["from"][0]]}
        points = pool.table.column(labels.POINTS_68.name)
        for role in ("from", "to"):
            known = points[row.faces[role][0]].is_valid
            found[f"{role}_reason"] = None if known else NO_MESH
        return found
