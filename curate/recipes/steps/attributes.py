"""A step that decides attributes of faces and writes captions that say them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from annotators.base import Config
from curate.identity.layers import publish
from curate.recipes.attributes import NAMES, Decided, caption, decide, facts, mentioned, read_columns, scores_of
from curate.recipes.state import remove
from curate.recipes.step import Done, Site, Step, layer_folder, layer_of
from curate.store import LayerInfo
from schemas import Column, UsageError
from schemas.columns import faces, labels

COLUMNS = (
    labels.CELEBA_SCORE, labels.CELEBA_PRESENT, labels.CELEBA_ABSTAINED, labels.CAPTION, labels.CAPTION_FACTS,
)  # fmt: skip
ANNOTATOR = "recipe_attributes"


@dataclass(frozen=True)
class AttributeOptions(Config):
    """When an attribute is sure enough.

    Attributes:
        least: Probability that its answer, yes or no, must exceed.
        most: Most attributes that a caption says.
        seed: Same seed and face, same words.
    """

    least: float = 0.85
    most: int = 8
    seed: int = 0


class Attributes(Step):
    """Decides CelebA's attributes from the labels that are there and writes captions that say the sure ones."""

    name = "attributes"
    doc = "Decides CelebA's forty attributes from the labels that are there, and writes captions of the sure ones."
    options_type = AttributeOptions
    options: AttributeOptions

    def check(self, site: Site) -> None:
        """The probability can be exceeded by one answer only."""
        if not 0.5 <= self.options.least < 1:
            raise UsageError(f"step {site.step}: least = {self.options.least}", "it must lie from .5 up to below 1")

    def leaves(self, site: Site) -> Sequence[str]:
        """The layer."""
        return (layer_folder(layer_of(site.step)),)

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """The step itself: no other command decides attributes."""
        return [site.alone()]

    def run(self, site: Site) -> Done:
        """Decides and writes the layer."""
        ds, layer = site.open(), layer_of(site.step)
        remove(site.out / layer_folder(layer))
        reads = read_columns(ds.columns())
        ids: list[str] = []
        rows: list[dict[Column, Any]] = []
        for piece in ds.iter_faces([faces.FACE_ID.name, *reads]):
            for values in piece.to_pylist():
                ids.append(values[faces.FACE_ID.name])
                rows.append(self._row(values))
        told = {c: pa.array([r[c] for r in rows], c.type) for c in COLUMNS}
        known = np.array([r[labels.CAPTION] is not None for r in rows], bool)
        config = {**self.options.as_dict(), "reads": reads}
        info = LayerInfo(layer, "model", ANNOTATOR, self.version, config, columns=tuple(c.name for c in COLUMNS))
        with ds.lock():
            publish(ds, info, pa.array(ids, pa.string()), told, known, "no attribute is sure enough to be told")
        counts = Counter(n for r in rows for n in r[labels.CELEBA_PRESENT])
        return Done(int(known.sum()), "faces", {"no attribute is sure enough": int((~known).sum())},
                    {"attributes that labels here tell": len(_told(rows)), **dict(counts.most_common())})  # fmt: skip

    def _row(self, values: dict[str, Any]) -> dict[Column, Any]:
        scores = scores_of(values)
        decided = decide(scores, self.options.least)
        text = self._caption(decided, values[faces.FACE_ID.name])
        sure = {*decided.present, *decided.absent}
        return {
            labels.CELEBA_SCORE: scores,
            labels.CELEBA_PRESENT: list(decided.present),
            labels.CELEBA_ABSTAINED: [n for n in NAMES if n not in sure],
            labels.CAPTION: text,
            labels.CAPTION_FACTS: None if text is None else facts(mentioned(text)),
        }

    def _caption(self, decided: Decided, face: str) -> str | None:
        if not decided.present and not decided.absent:
            return None
        return caption(decided, random.Random(f"{self.options.seed}:{face}"), self.options.most)


def _told(rows: Sequence[dict[Column, Any]]) -> set[str]:
    return {n for r in rows for n, s in r[labels.CELEBA_SCORE].items() if s is not None}
