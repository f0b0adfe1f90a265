"""Each reviewer's work: how much, how long, which faces they missed or added, how near to the others and to gold."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from curate.evaluation.intervals import Estimate, bootstrap
from curate.evaluation.metrics.counting import Floats
from curate.evaluation.resampling import resampled
from curate.review.agreement.beside import Beside
from curate.review.agreement.closeness import same
from curate.review.agreement.groups import ASSISTED, BLIND
from curate.review.agreement.items import Ask, Item, present
from curate.review.agreement.resampling import NONE, Pictures
from curate.review.agreement.results import Reviewer
from curate.review.agreement.words import Visit, Words


def reviewers(
    words: Words, beside: Beside, items: Sequence[Item], pictures: Pictures, rounds: int, seed: int
) -> list[Reviewer]:  # fmt: skip
    """One entry per reviewer, by name."""
    there = present(words)
    clock = _Clock(rounds, seed)
    right = _right(words, beside, items)
    found = []
    for r, name in enumerate(words.raters):
        visits = [v for v in words.visits if v.rater == r]
        worked = [v for v in visits if not v.skipped]
        seconds = [v.seconds for v in worked if v.seconds is not None]
        ends = np.quantile(seconds, (0.25, 0.75)).tolist() if seconds else (math.nan, math.nan)
        found.append(Reviewer(
            name, len(worked), len(visits) - len(worked), sum(v.blind is True for v in worked),
            int(np.nansum(there[:, r])), clock.median(worked), (ends[0], ends[1]), clock.by_arm(worked),
            _agreement(items, r, pictures), *_missed(there, r, pictures), _gold_missed(words, beside, r, rounds, seed),
            pictures.mean(right[r][0], right[r][1], share=True),
        ))  # fmt: skip
    return found


class _Clock:
    """Median lead times with intervals from resamples of the pictures."""

    def __init__(self, rounds: int, seed: int) -> None:
        self._rounds, self._seed = rounds, seed

    def median(self, visits: Sequence[Visit]) -> Estimate:
        seconds = np.array([v.seconds for v in visits if v.seconds is not None], np.float64)
        if not len(seconds):
            return NONE
        return bootstrap(resampled(np.median), seconds, rounds=self._rounds, seed=self._seed)

    def by_arm(self, visits: Sequence[Visit]) -> dict[str, Estimate]:
        arms = {ASSISTED: [v for v in visits if v.blind is False], BLIND: [v for v in visits if v.blind is True]}
        return {name: e for name, own in arms.items() if own and (e := self.median(own)).n}


def _agreement(items: Sequence[Item], r: int, pictures: Pictures) -> Estimate:
    """Share of same answers with the others, over all choices, each pair of answers alike."""
    values: list[Floats] = []
    rows: list[Floats] = []
    for item in items:
        if item.ask is Ask.CHOICE:
            for j in range(item.answers.shape[1]):
                if j != r:
                    values.append(same(item.answers[:, r], item.answers[:, j]))
                    rows.append(np.arange(len(item.answers), dtype=np.float64))
    if not values:
        return NONE
    return pictures.mean(np.concatenate(values), np.concatenate(rows), share=True)


def _missed(there: Floats, r: int, pictures: Pictures) -> tuple[Estimate, Estimate]:
    """Shares of the others' faces that a reviewer has not, and of own faces that another has not."""
    own = there[:, [r]]
    others = np.delete(there, r, axis=1)
    both = np.isfinite(own) & np.isfinite(others)
    lacking = np.nonzero(both & (others == 1))
    adding = np.nonzero(both & (own == 1))
    missed = (1 - there[lacking[0], r], lacking[0])
    extra = (1 - others[adding], adding[0])
    return pictures.mean(*missed, share=True), pictures.mean(*extra, share=True)


def _gold_missed(words: Words, beside: Beside, r: int, rounds: int, seed: int) -> Estimate:
    """Share of the gold pictures' faces that a reviewer who saw the picture has not."""
    authors = {i.name: i.author for i in words.ds.layers()}
    saw = {image for image, who in words.saw().items() if r in who}
    place = {face: i for i, face in enumerate(words.faces)}
    missed, clusters = [], []
    for image, face in beside.true_faces():
        if image in saw and authors.get(beside.gold[image]) != words.raters[r]:
            word = words.said[place[face]].get(r) if face in place else None
            missed.append(float(word is None or word.rejected))
            clusters.append(image)
    if not missed:
        return NONE
    return bootstrap(
        resampled(np.mean), np.array(missed), clusters=np.array(clusters), rounds=rounds, seed=seed, proportion=True
    )  # fmt: skip


def _right(words: Words, beside: Beside, items: Sequence[Item]) -> list[tuple[Floats, Floats]]:
    """Per reviewer, whether each choice on gold pictures is right, and the face of each."""
    authors = {i.name: i.author for i in words.ds.layers()}
    own = [authors.get(beside.gold.get(p, ""), "") for p in words.pictures]
    found = []
    for r, name in enumerate(words.raters):
        mine = np.array([bool(a) and a == name for a in own], bool)
        values = [
            np.where(mine, np.nan, same(i.answers[:, r], i.truth)) for i in items if i.ask is Ask.CHOICE
        ] or [np.full(len(words.faces), np.nan)]  # fmt: skip
        rows = np.tile(np.arange(len(words.faces), dtype=np.float64), len(values))
        found.append((np.concatenate(values), rows))
    return found
