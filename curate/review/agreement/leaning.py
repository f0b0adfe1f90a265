"""Who says what: a reviewer's answers against the others' on the same faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from curate.evaluation.metrics.counting import Floats, ratio
from curate.review.agreement.items import Ask, Item
from curate.review.agreement.resampling import Pictures
from curate.review.agreement.results import Leaning


def leanings(item: Item, raters: Sequence[str], pictures: Pictures) -> list[Leaning]:
    """What each reviewer says more or less often than the others; the offset of numbers and of labels in order.

    Only faces that the reviewer and at least one other answered count, each of the others alike.
    """
    if item.geometric:
        return []
    found = []
    for label, values in _sides(item):
        for r, name in enumerate(raters):
            own = values[:, r]
            others = np.delete(values, r, axis=1)
            count = (~np.isnan(others)).sum(1)
            among = ratio(np.nansum(others, axis=1), count)
            rows = np.flatnonzero(~np.isnan(own) & (count > 0))
            if len(rows):
                more = pictures.mean(own[rows] - among[rows], rows)
                found.append(Leaning(name, label, float(own[rows].mean()), float(among[rows].mean()), more))
    return found


def _sides(item: Item) -> Iterator[tuple[str, Floats]]:
    """Label -> (faces, raters) of whether it was said; an empty label for the numbers or steps themselves."""
    if item.ask is Ask.AMOUNT or item.ordered:
        yield "", item.answers
    if item.ask is Ask.CHOICE:
        missing = np.isnan(item.answers)
        told = item.labels[1:] if len(item.labels) == 2 else item.labels
        for code, label in enumerate(item.labels):
            said = np.where(missing, np.nan, (item.answers == code).astype(np.float64))
            if label in told and np.nansum(said):
                yield label, said


def confusions(item: Item, raters: Sequence[str]) -> dict[str, list[list[int]]]:
    """Reviewer -> counts of what another said (rows) and what this one said (columns), over all pairs of words."""
    if item.ask is not Ask.CHOICE:
        return {}
    found = {}
    size = len(item.labels)
    for r, name in enumerate(raters):
        own, table = item.answers[:, r], np.zeros((size, size), np.int64)
        for j in range(len(raters)):
            both = ~np.isnan(own) & ~np.isnan(item.answers[:, j]) if j != r else np.zeros(len(own), bool)
            np.add.at(table, (item.answers[both, j].astype(int), own[both].astype(int)), 1)
        if table.any():
            found[name] = table.tolist()
    return found
