"""Natural faces for the `covers` head: what they wear, judged by eye, and what SFace makes of them.

`data/accessories.csv` holds one viewer's judgement of FairFace training adults, by row of the split: `use` is `fit`,
`test` (drawn at random from the rows held back, judged without a model's answer) or `mask` (real masks that a first
model ranked high among all adults; nothing learnt from their judgement, but things were drawn on two of them: see the
card). `unclear` faces teach and test nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.weights import ModelStore
from benchmarks.cover_features import HELD_BACK, MINORS, UNKNOWN, fold
from benchmarks.demographic_features import CACHE, coding, found_faces, variant
from schemas.taxonomy import taxonomy

JUDGED = Path(__file__).resolve().parent / "data" / "accessories.csv"
VARIANTS = ("plain", "mirror")
Rows = Sequence[int] | NDArray[np.integer[Any]]
SURE = 0.97
"""Probability of no eyewear from which an unjudged face counts as such."""


@dataclass(frozen=True)
class Judgement:
    """What a face wears: its row, its use, position of its eyewear in the taxonomy and its mask, or UNKNOWN."""

    row: int
    use: str
    eyewear: int
    mask: int


def judgements() -> list[Judgement]:
    """All judged faces."""
    names = taxonomy("eyewear").labels
    with JUDGED.open(encoding="utf-8", newline="") as file:
        return [
            Judgement(
                int(line["row"]),
                line["use"],
                names.index(line["eyewear"]) if line["eyewear"] in names else UNKNOWN,
                {"no": 0, "yes": 1}.get(line["mask"], UNKNOWN),
            )
            for line in csv.DictReader(file)
        ]


class Natural:
    """Features of FairFace's training faces as they are and mirrored; see `benchmarks.demographic_features`."""

    def __init__(self, data: Path, models: ModelStore, cache: Path = CACHE, count: int | None = None) -> None:
        found = found_faces(data, "train", models, cache, count)
        self.rows = found.rows
        self.adult = np.array([age not in MINORS for age in found.truth["age"]])
        self._place = {int(row): i for i, row in enumerate(self.rows)}
        self._coding = coding(found, models)
        self._variants = {name: variant(found, "train", name, models) for name in VARIANTS}

    def pooled(self, rows: Rows, name: str = "plain") -> NDArray[np.float32]:
        """Texture and pooled features of some rows, (n, 3968)."""
        return np.asarray(self._variants[name].pooled[self._at(rows)])

    def trunk(self, rows: Rows, name: str = "plain") -> NDArray[np.float32]:
        """Trunk maps of some rows, (n, 512, 14, 14)."""
        codes = self._variants[name].trunk
        return np.stack([codes[i] * self._coding.step + self._coding.low for i in self._at(rows)])

    def __contains__(self, row: int) -> bool:
        return row in self._place

    def _at(self, rows: Rows) -> list[int]:
        return [self._place[int(row)] for row in rows]


def first_guess(natural: Natural, judged: Sequence[Judgement]) -> NDArray[np.float64]:
    """Probabilities of eyewear of every natural face, (n, 3), by a linear model of the judged ones' pooled features."""
    from sklearn.linear_model import LogisticRegression

    known = [j for j in judged if j.use == "fit" and j.eyewear != UNKNOWN]
    rows = [j.row for j in known]
    seen = np.concatenate([natural.pooled(rows, name) for name in VARIANTS])
    mean, spread = seen.mean(0), seen.std(0) + 1e-6
    model = LogisticRegression(C=3e-3, max_iter=500)
    model.fit((seen - mean) / spread, np.tile([j.eyewear for j in known], len(VARIANTS)))
    parts = np.array_split(natural.rows, 20)
    return np.concatenate([model.predict_proba((natural.pooled(part) - mean) / spread) for part in parts])


def plain_rows(natural: Natural, guess: NDArray[Any], judged: Sequence[Judgement], count: int) -> list[int]:
    """Adults for fitting that nobody judged and that surely wear nothing over the eyes."""
    known = {j.row for j in judged}
    sure = natural.adult & (guess[:, 0] > SURE) & (fold(natural.rows) >= HELD_BACK)
    rows = [int(row) for row in natural.rows[sure] if int(row) not in known]
    return [int(row) for row in np.random.default_rng(4).permutation(rows)[:count]]
