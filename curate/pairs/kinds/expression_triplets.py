"""Triplets of expressions: an anchor, a face that is like it, and the odd one out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from curate.pairs.base import Config, PairKind, Role, Row
from curate.pairs.differences import difference
from curate.pairs.pool import Pool
from schemas import UnknownNameError
from schemas.columns import labels

DISTANCES = ("au", "emotion", "au+emotion", "expression")
TYPES = {1: "one_class", 2: "two_class", 3: "three_class"}
TRIES = 400
"""Pairs of other faces that are looked at for every anchor."""
EMOTION_SCALE = 5.0
"""In `au+emotion`, two emotions without overlap are as far apart as five steps of one action unit."""


@dataclass(frozen=True)
class TripletConfig(Config):
    """Settings of `expression_triplets`.

    Attributes:
        distance: Of expressions: `au` (intensities), `emotion` (probabilities), `au+emotion` or `expression`
            (blendshapes).
        margin: By how much the odd one is farther from either of the two than they are from each other.
    """

    distance: str = "au"
    margin: float = 0.5


class ExpressionTriplets(PairKind):
    """Anchor, positive and negative: the negative is farther from both than they are from each other, by a margin.

    As in Google's FEC, `type` says how many emotions the three faces have by label: `one_class`, `two_class` or
    `three_class`; types take turns where all can be had.
    """

    name = "expression_triplets"
    doc = "Anchor, a face of like expression and the odd one out, with distances and the number of emotions."
    source = "Vemulapalli and Agarwala 2019 (Google FEC); DeepFEVER (Schoneveld and Othmani 2021)"
    roles = (Role("anchor", "a face"), Role("positive", "of like expression"), Role("negative", "the odd one out"))
    needs = (labels.PERCEIVED_EMOTION,)
    uses = (labels.AU_INTENSITY, labels.EMOTION_PROB, labels.BLENDSHAPES)
    carries = (labels.PERCEIVED_EMOTION,)
    config_type = TripletConfig
    config: TripletConfig
    figures: ClassVar[Mapping[str, str]] = {
        "type": "emotions among the three by label", "anchor_positive": "distance", "anchor_negative": "distance",
        "positive_negative": "distance",
    }  # fmt: skip

    @classmethod
    def preflight(cls, config: Config) -> None:
        """The distance must be one that is known."""
        assert isinstance(config, TripletConfig)
        if config.distance not in DISTANCES:
            raise UnknownNameError("distance of expressions", config.distance, DISTANCES)

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """One triplet of every anchor in each of a few rounds, the rarest type first."""
        taken: Counter[int] = Counter()
        for _ in range(len(TYPES)):
            for anchor in rng.permutation(len(pool)).tolist():
                found = self._triplets(pool, anchor, rng)
                if found:
                    kind = min(found, key=lambda k: taken[k])
                    taken[kind] += 1
                    yield found[kind]

    def _triplets(self, pool: Pool, anchor: int, rng: np.random.Generator) -> dict[int, Row]:
        """A triplet of each type that some draws give."""
        mates = np.flatnonzero((pool.split == pool.split[anchor]) & (pool.picture != pool.picture[anchor]))
        if len(mates) < 2:
            return {}
        drawn = rng.choice(mates, (TRIES, 2))
        first = np.full(TRIES, anchor)
        near, far = (self._between(pool, first, drawn[:, i]) for i in (0, 1))
        rest = self._between(pool, drawn[:, 0], drawn[:, 1])
        held = (near + self.config.margin < far) & (near + self.config.margin < rest) & (drawn[:, 0] != drawn[:, 1])
        found: dict[int, Row] = {}
        for positive, negative in drawn[held].tolist():
            row = Row({"anchor": (anchor,), "positive": (positive,), "negative": (negative,)})
            found.setdefault(len(set(self._emotions(pool, row))), row)
        return found

    def _between(self, pool: Pool, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        if self.config.distance != "au+emotion":
            return difference(self.config.distance).between(pool, a, b)
        return difference("au").between(pool, a, b) + EMOTION_SCALE * difference("emotion").between(pool, a, b)

    def _emotions(self, pool: Pool, row: Row) -> list[str | None]:
        emotions = pool.texts(labels.PERCEIVED_EMOTION)
        return [emotions[face] for _, face in row.every]

    def refuses(self, pool: Pool, row: Row) -> str:
        """Emotions must be known, and the margin kept."""
        if None in self._emotions(pool, row):
            return "an emotion is unknown"
        told = self.facts(pool, row)
        near = told["anchor_positive"] + self.config.margin
        kept = near < told["anchor_negative"] and near < told["positive_negative"]
        return "" if kept else "the odd one is not farther by the margin"

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """Type and the three distances."""
        a, p, n = (np.array(row.faces[role], np.int64) for role in ("anchor", "positive", "negative"))
        return {
            "type": TYPES[len(set(self._emotions(pool, row)))],
            "anchor_positive": float(self._between(pool, a, p)[0]),
            "anchor_negative": float(self._between(pool, a, n)[0]),
            "positive_negative": float(self._between(pool, p, n)[0]),
        }
