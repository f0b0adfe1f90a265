"""Answers held against the model's, with and without it in sight, and against the right answers of gold pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.intervals import FEW, Estimate
from curate.evaluation.metrics.counting import Floats
from curate.evaluation.results import Split
from curate.review.agreement.beside import Beside
from curate.review.agreement.groups import Grouping
from curate.review.agreement.items import Ask, Item, seen_blind
from curate.review.agreement.resampling import Pictures
from curate.review.agreement.results import Arms
from curate.review.agreement.words import Words

ANSWER = "the model's answer"
ALL = "all reviewers"
NO_LEDGER = "No ledger of these reviews is here, so what reviewers were shown is not known: no anchoring effect."


class Against:
    """Holds answers against references.

    Args:
        words: What reviewers said.
        beside: What was shown and what is right.
        pictures: Resamples pictures.
        groups: Ways to divide the faces.
    """

    def __init__(self, words: Words, beside: Beside, pictures: Pictures, groups: Sequence[Grouping]) -> None:
        self._words, self._pictures, self._groups = words, pictures, groups
        self._gold = np.array([image in beside.gold for image in words.pictures], bool)
        self._blind = seen_blind(words)
        self._others = _not_the_author(words, beside)

    def shown(self, item: Item) -> tuple[Arms | None, str]:
        """The effect of showing the model's answers, and why there is none.

        Gold pictures are left out: they are shown alone because they were chosen, not by lot. A face counts where the
        model had an answer and the reviewer gave one.
        """
        if self._words.shown_by is None:
            return None, NO_LEDGER
        near = item.against(item.shown)
        known = np.isfinite(near) & np.isfinite(self._blind) & ~self._gold[:, None]
        rows = np.nonzero(known)[0]
        values, blind = near[known], self._blind[known] == 1
        if not np.isfinite(item.shown).any():
            return None, "Anchoring: the faces had no value of this when the review began."
        for arm, name in ((blind, "the picture alone"), (~blind, "the model's answers")):
            if self._pictures.count(rows[arm]) < FEW:
                number = self._pictures.count(rows[arm])
                return None, f"Anchoring: answers of {number} pictures with {name} are too few to tell its effect."
        share = item.nearness.share
        splits = [
            self._pictures.difference_split(item.nearness, values, rows, blind, g)
            for g in [*self._groups, *_by_answer(item)]
            if g.order
        ]
        return Arms(
            self._pictures.mean(values[~blind], rows[~blind], share),
            self._pictures.mean(values[blind], rows[blind], share),
            self._pictures.difference(values, rows, blind), tuple(s for s in splits if s.groups),
        ), ""  # fmt: skip

    def gold(self, item: Item) -> tuple[dict[str, Estimate], tuple[Split, ...]]:
        """Nearness to the right answers: of each reviewer and of all, and of all by group.

        Whoever gave the right answers is not held against themselves.
        """
        near = np.where(self._others, item.against(item.truth), np.nan)
        found: dict[str, Estimate] = {}
        for r, name in enumerate(self._words.raters):
            rows = np.flatnonzero(np.isfinite(near[:, r]))
            if len(rows):
                found[name] = self._mean(item, near[rows, r], rows)
        if not found:
            return {}, ()
        rows, columns = np.nonzero(np.isfinite(near))
        values = near[rows, columns]
        found = {ALL: self._mean(item, values, rows), **found}
        splits = (self._pictures.mean_split(item.nearness, values, rows, g) for g in self._groups)
        return found, tuple(s for s in splits if s.groups)

    def _mean(self, item: Item, values: Floats, rows: NDArray[Any]) -> Estimate:
        return self._pictures.mean(values, rows, item.nearness.share)


def _by_answer(item: Item) -> list[Grouping]:
    """The faces by the model's answer, for choices."""
    if item.ask is not Ask.CHOICE:
        return []
    names = [None if np.isnan(code) else item.labels[int(code)] for code in item.shown]
    order = tuple(label for label in item.labels if label in names)
    return [Grouping(ANSWER, np.array(names, dtype=object), order, demographic=False)]


def _not_the_author(words: Words, beside: Beside) -> NDArray[np.bool_]:
    """(faces, raters): the face is of a gold picture and its right answers are not this reviewer's."""
    by_layer = {i.name: i.author for i in words.ds.layers()}
    authors = [by_layer.get(beside.gold[p]) if p in beside.gold else None for p in words.pictures]
    gold = np.array([p in beside.gold for p in words.pictures], bool)
    own = np.array([[bool(a) and a == r for r in words.raters] for a in authors], bool).reshape(len(gold), -1)
    return np.asarray(gold[:, None] & ~own)
