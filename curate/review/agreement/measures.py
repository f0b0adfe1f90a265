"""Which figures tell how far reviewers agree, by the kind of answer; all of them from `curate.agreement`.

Ratings are (faces, raters) with NaN where a rater gave no answer. Of boxes and points the cases are how near every two
raters are, (faces, pairs).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from curate.agreement import ccc, cohen, fleiss, icc, krippendorff, observed, occc
from curate.agreement.continuous import Form
from curate.evaluation.measures import Measure
from curate.evaluation.metrics.counting import Floats
from curate.evaluation.resampling import resampled
from curate.review.agreement.items import Ask, Item
from schemas import Column

Statistic = Callable[[Floats], float]
INTENSITY = "0-5"
"""Unit of intensities whose steps are an order, not a ruler."""
FAILED = 0.08
"""A normalised point error above which an alignment is commonly called a failure (300-W)."""
GOOD_BOX = 0.75


def measures(item: Item) -> tuple[Measure, ...]:
    """Figures over all raters, the most telling first."""
    if item.ask is Ask.CHOICE:
        return _of_choices(item)
    if item.ask is Ask.AMOUNT:
        return _of_numbers(item)
    return _of_distances(item)


def plain_measure(item: Item) -> Measure:
    """The figure without a correction for chance: groups are compared by it.

    Kappa and alpha fall where a group's answers vary little, whoever the reviewers are.
    """
    if item.ask is Ask.CHOICE:
        return _same()
    return _distance_of(item) if item.ask is Ask.AMOUNT else _of_distances(item)[0]


def pair_measures(item: Item) -> tuple[Measure, ...]:
    """Figures of two raters: Cohen's kappa, or Lin's concordance and more; the ratings are (faces, 2)."""
    if item.ask is Ask.CHOICE:
        number = len(item.labels)
        made = [_of_two("cohen", "Cohen's kappa", "Agreement beyond chance of two.", partial(cohen, labels=number))]
        if item.ordered:
            doc = "Agreement beyond chance of two, where a miss costs the square of its steps."
            weighted = partial(cohen, labels=number, scheme="quadratic")
            made.insert(0, _of_two("cohen_weighted", "weighted kappa", doc, weighted))
        return (*made, _same())
    if item.ask is Ask.AMOUNT:
        return (
            _of_two("ccc", "concordance (CCC)", "Lin's concordance of two: correlation, offset and scale.", ccc),
            _plain("offset", "offset", "Mean of the second less the first.", _offset, _unit(item.column), better=""),
        )
    return _of_distances(item)


def _of_choices(item: Item) -> tuple[Measure, ...]:
    nominal = _plain(
        "alpha_nominal", "Krippendorff's alpha",
        "Agreement beyond chance of any number of raters; 1 is perfect, 0 is chance.", krippendorff,
    )  # fmt: skip
    made = [nominal]
    if item.ordered:
        doc = "Agreement beyond chance for labels in order: a near miss costs less than a far one."
        alpha = partial(krippendorff, metric="ordinal")
        made.insert(0, _plain("alpha_ordinal", "Krippendorff's alpha, ordinal", doc, alpha))
    return (
        *made,
        _plain("fleiss", "Fleiss's kappa", "Agreement beyond chance, with one share of each label for all.", fleiss),
        _same(),
    )


def _of_numbers(item: Item) -> tuple[Measure, ...]:
    doc = "Agreement beyond chance by squared differences; 1 is perfect, 0 is chance."
    interval = _plain("alpha_interval", "Krippendorff's alpha, interval", doc, partial(krippendorff, metric="interval"))
    made = [interval]
    if _unit(item.column) == INTENSITY:
        doc = "Agreement beyond chance by ranks: steps of an intensity are an order, not a ruler."
        alpha = partial(krippendorff, metric="ordinal")
        made.insert(0, _plain("alpha_ordinal", "Krippendorff's alpha, ordinal", doc, alpha))
    return (
        *made,
        _icc("icc21", "ICC(2,1)", "Absolute agreement of single ratings, of faces that all rated.", "2,1"),
        _icc("icc31", "ICC(3,1)", "Consistency of single ratings: offsets between raters do not count.", "3,1"),
        _icc("icc3k", "ICC(3,k)", "Consistency of the mean of all raters.", "3,k"),
        _plain("ccc", "concordance (CCC)", "Lin's, over all raters (Barnhart 2002), of faces that all rated.", occc),
        _distance_of(item),
    )  # fmt: skip


def _of_distances(item: Item) -> tuple[Measure, ...]:
    near = item.nearness
    if item.ask is Ask.BOX:
        title = f"overlap of {GOOD_BOX:g} or more"
        good = _share("good", title, "Share of pairs of boxes that overlap so far.", partial(_beyond, GOOD_BOX))
        return (_plain(near.key, near.title, "Mean over pairs of raters of a face; 1 is the same box.", _mean), good)
    doc = "Share of pairs of raters whose points lie further apart than that."
    failed = _share("far", f"further apart than {FAILED:.0%}", doc, partial(_beyond, FAILED), better="lower")
    return (_plain(near.key, near.title, near.doc, _mean, better="lower"), failed)


def _same() -> Measure:
    return _share("observed", "same answer", "Share of pairs of answers on a face that are the same.", observed)


def _distance_of(item: Item) -> Measure:
    doc = "Mean distance of two ratings of a face."
    return _plain("apart", "mean distance", doc, _apart, _unit(item.column), "lower")


def _mean(table: Floats) -> float:
    known = table[~np.isnan(table)]
    return float(known.mean()) if len(known) else math.nan


def _beyond(limit: float, table: Floats) -> float:
    known = table[~np.isnan(table)]
    return float((known >= limit).mean()) if len(known) else math.nan


def _specific(table: Floats) -> float:
    """Specific agreement on what is 1 (D. Cicchetti and A. Feinstein 1990), for any number of raters."""
    said, rated = np.nansum(table, axis=1), (~np.isnan(table)).sum(1)
    chances = float((said * (rated - 1)).sum())
    return float((said * (said - 1)).sum()) / chances if chances else math.nan


def _offset(table: Floats) -> float:
    return _mean(table[:, 1] - table[:, 0])


def _apart(table: Floats) -> float:
    """Mean absolute distance of all pairs of ratings of a case."""
    total = count = 0.0
    for i in range(table.shape[1]):
        away = np.abs(table[:, i + 1 :] - table[:, [i]])
        total, count = total + float(np.nansum(away)), count + float((~np.isnan(away)).sum())
    return total / count if count else math.nan


def _unit(column: Column | None) -> str:
    return column.unit if column is not None else ""


def _icc(key: str, title: str, doc: str, form: Form) -> Measure:
    def value(table: Floats) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):  # a resample in which all faces are alike has none
            return icc(table, form).value

    return _plain(key, title, doc, value)


def _of_two(key: str, title: str, doc: str, statistic: Callable[[Floats, Floats], float]) -> Measure:
    return _plain(key, title, doc, lambda table: statistic(table[:, 0], table[:, 1]))


def _plain(
    key: str, title: str, doc: str, statistic: Statistic, unit: str = "", better: str = "higher"
) -> Measure:  # fmt: skip
    return Measure(key, title, doc, resampled(statistic), unit=unit, better=better)


def _share(key: str, title: str, doc: str, statistic: Statistic, better: str = "higher") -> Measure:
    return Measure(key, title, doc, resampled(statistic), share=True, better=better)


LABEL_MEASURES = (
    Measure(
        "kappa", "kappa of one label", "Fleiss's kappa of this label against all others (Fleiss 1971).",
        resampled(fleiss),
    ),
    Measure(
        "specific", "said again by another", "Of those who say this label, the share of others who say it too.",
        resampled(_specific), share=True,
    ),
)  # fmt: skip
"""Figures of one label of a choice; the ratings are 1 where it was said, 0 where another was."""
