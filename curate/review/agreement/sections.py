"""One section per item: every figure that its answers allow, and in words what they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from curate.evaluation.intervals import Estimate
from curate.evaluation.metrics.counting import Floats
from curate.evaluation.results import Group, Split
from curate.review.agreement.arms import ALL, Against
from curate.review.agreement.closeness import pairs_of
from curate.review.agreement.groups import Grouping
from curate.review.agreement.items import Ask, Item
from curate.review.agreement.leaning import confusions, leanings
from curate.review.agreement.measures import LABEL_MEASURES, measures, pair_measures, plain_measure
from curate.review.agreement.resampling import Pictures
from curate.review.agreement.results import OfLabel, Pair, Section

ONE_RATER = "Only one reviewer answered: there is nobody to agree with."
NO_OVERLAP = "No face was answered by two reviewers: send pictures to several with `review push --overlap 2`."
NO_FULL = "No two faces were rated by all reviewers, so ICC and concordance over all are not defined; see the pairs."
PLAIN = ("observed",)
"""Figures of choices that need no chance."""


class Maker:
    """Makes sections.

    Args:
        raters: Names of the reviewers.
        pictures: Resamples pictures.
        against: Holds answers against the model's and the right ones.
        groups: Ways to divide the faces.
        arm: The faces by what was shown.
    """

    def __init__(
        self, raters: tuple[str, ...], pictures: Pictures, against: Against, groups: list[Grouping], arm: Grouping
    ) -> None:
        self._raters, self._pictures, self._against = raters, pictures, against
        self._groups = [*groups, arm]

    def section(self, item: Item) -> Section:
        """Everything about one item."""
        table, least = _cases(item)
        told = measures(item)
        figures = {m.key: self._pictures.estimate(m, table, least) for m in told}
        single = _single_label(item)
        figures = {k: e for k, e in figures.items() if e.n and not (single and k not in PLAIN)}
        arms, why = self._against.shown(item)
        gold, gold_splits = self._against.gold(item)
        notes = [*_lacking(item, figures), why]
        column = item.column
        return Section(
            item.name, item.title, item.doc, item.ask.value, column is not None and column.sensitive, item.labels,
            _counts(item), told, figures, pair_measures(item), tuple(self._pairs(item)),
            tuple(self._labels(item)),
            tuple(self._splits(item, table, least, figures)), tuple(leanings(item, self._raters, self._pictures)),
            confusions(item, self._raters), self._abstained(item), item.nearness, arms, gold, gold_splits,
            tuple(n for n in notes if n),
        )  # fmt: skip

    def _splits(self, item: Item, table: Floats, least: int, figures: dict[str, Estimate]) -> list[Split]:
        """By group: the plain figure, by which groups are compared, and beside it the first that knows of chance."""
        plain = plain_measure(item)
        beside = [m for m in measures(item)[:1] if m.key in figures and m.key != plain.key]
        found = []
        for grouping in self._groups:
            split = self._pictures.split(plain, table, grouping, least)
            others = [self._pictures.split(m, table, grouping, least).groups for m in beside]
            if split.groups:
                found.append(replace(split, groups=_together(split.groups, others)))
        return found

    def _pairs(self, item: Item) -> list[Pair]:
        found = []
        for a, b in pairs_of(len(self._raters)):
            if item.geometric:
                table, least = item.near(item.answers[:, a], item.answers[:, b])[:, None], 1
            else:
                table, least = item.answers[:, [a, b]], 2
            figures = {m.key: self._pictures.estimate(m, table, least) for m in pair_measures(item)}
            if any(e.n for e in figures.values()):
                found.append(Pair((self._raters[a], self._raters[b]), figures))
        return found

    def _labels(self, item: Item) -> list[OfLabel]:
        """Each label that was said of a face with two answers, against all others."""
        found = []
        rated = item.answered.sum(1) >= 2
        for code, label in enumerate(item.labels):
            said = np.where(np.isnan(item.answers), np.nan, (item.answers == code).astype(np.float64))
            faces = int((np.nansum(said[rated], axis=1) > 0).sum())
            if faces and item.ask is Ask.CHOICE:
                figures = {m.key: self._pictures.estimate(m, said) for m in LABEL_MEASURES}
                found.append(OfLabel(label, faces, figures))
        return found

    def _abstained(self, item: Item) -> dict[str, Estimate]:
        if not item.abstained.any():
            return {}
        heard = item.answered | item.abstained
        rows, columns = np.nonzero(heard)
        said = item.abstained[rows, columns]
        found = {ALL: self._pictures.mean(said, rows, share=True)}
        for r, name in enumerate(self._raters):
            mine = columns == r
            if mine.any():
                found[name] = self._pictures.mean(said[mine], rows[mine], share=True)
        return found


def _together(groups: tuple[Group, ...], others: list[tuple[Group, ...]]) -> tuple[Group, ...]:
    """Groups with the figures of several measures."""
    return tuple(
        replace(g, figures={**g.figures, **{k: e for o in others for k, e in o[i].figures.items()}})
        for i, g in enumerate(groups)
    )  # fmt: skip


def _cases(item: Item) -> tuple[Floats, int]:
    """The table that figures are made of, and how many values of a face tell something."""
    if not item.geometric:
        return item.answers, 2
    pairs = pairs_of(item.answers.shape[1])
    if not pairs:
        return np.full((len(item.answers), 1), np.nan), 1
    return np.stack([item.near(item.answers[:, a], item.answers[:, b]) for a, b in pairs], axis=1), 1


def _counts(item: Item) -> dict[str, int]:
    times = item.answered.sum(1)
    return {
        "faces": int((times > 0).sum()), "faces answered twice or more": int((times >= 2).sum()),
        "answers": int(times.sum()), "cannot tell": int(item.abstained.sum()),
        "reviewers": int(item.answered.any(0).sum()),
    }  # fmt: skip


def _lacking(item: Item, figures: dict[str, Estimate]) -> list[str]:
    counts = _counts(item)
    if not counts["answers"]:
        return ["Nobody gave an answer."]
    if counts["reviewers"] == 1:
        return [ONE_RATER]
    if not counts["faces answered twice or more"]:
        return [NO_OVERLAP]
    found = []
    if item.ask is Ask.AMOUNT and np.isnan(figures["icc21"].value):
        found.append(NO_FULL)
    if label := _single_label(item):
        found.append(f"Every answer is {label}: chance alone would agree as far, so no kappa or alpha is defined.")
    return found


def _single_label(item: Item) -> str:
    """The one label that all faces with two answers have; empty if there are more."""
    if item.ask is not Ask.CHOICE:
        return ""
    known = item.answers[item.answered.sum(1) >= 2]
    codes = np.unique(known[~np.isnan(known)])
    return item.labels[int(codes[0])] if len(codes) == 1 else ""
