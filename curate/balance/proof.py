"""Which optimisation a certificate speaks of: the counts, the limits alone, or the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from curate.balance.certificate import contradiction, flaw
from curate.balance.model import Floats, Row, build, fixed_size
from curate.balance.options import REWEIGHT, Options
from curate.balance.solve import strict
from curate.balance.survey import Survey
from curate.balance.weights import weight_rows

COUNTS, LIMITS, WEIGHTS = "counts", "limits", "weights"
FARKAS, WHOLE = "Farkas", "whole faces"
WHOLE_ONLY = "it can be done in fractions of faces, not in whole ones"


def without_shares(options: Options) -> Options:
    """The choices without targets of shares, which weights see to; the size stays as asked."""
    size = fixed_size(options)
    return replace(options, targets=(), size=options.size if size is None else size)


def rows_of(about: str, survey: Survey, options: Options, counts: Floats) -> tuple[list[Row], int]:
    """The rows that a certificate is about, built from the data, and their number of variables.

    Args:
        about: `counts`, `limits` or `weights`.
        survey: Counts by cell.
        options: The choices.
        counts: Planned faces per cell, which weights are about.
    """
    if about == WEIGHTS:
        demands = build(survey, options).demands
        return weight_rows(counts, demands, options.tolerance, options.max_weight_ratio)
    model = build(survey, options if about == COUNTS else without_shares(options))
    return model.rows, len(model.variables)


def prove(
    survey: Survey, options: Options, counts: Floats, missed_weight: bool, first: Sequence[str]
) -> dict[str, Any]:
    """The certificate for a plan that does not meet all that is asked.

    Args:
        survey: Counts by cell.
        options: The choices.
        counts: Planned faces per cell.
        missed_weight: Whether weights were allowed and still miss a share.
        first: Names of the rows that are best shown, if there is a choice.
    """
    about = WEIGHTS if missed_weight else LIMITS if REWEIGHT in options.allow else COUNTS
    found = contradiction(*rows_of(about, survey, options, counts), first)
    body = {"method": WHOLE, "words": WHOLE_ONLY} if found is None else {"method": FARKAS, **found.as_dict()}
    return {**body, "about": about, **_budget(about, survey, options)}


def _budget(about: str, survey: Survey, options: Options) -> dict[str, Any]:
    """What budget would do; None where none would, nothing where there is no limit or it is not about counts."""
    if options.budget is None or about == WEIGHTS:
        return {}
    asked = options if about == COUNTS else without_shares(options)
    model = build(survey, asked, budget=False)
    found = strict(model, options.seconds)
    return {"budget_needed": None if found is None else float(model.costs @ found.values)}


def refuted(certificate: dict[str, Any], survey: Survey, options: Options, counts: Floats) -> str:
    """What is wrong with a certificate; empty if it proves what it says."""
    about = str(certificate["about"])
    if about not in (COUNTS, LIMITS, WEIGHTS):
        return f"the certificate is about '{about}'"
    if certificate["method"] == FARKAS:
        return flaw(certificate, *rows_of(about, survey, options, counts))
    asked = options if about == COUNTS else without_shares(options)
    if about == WEIGHTS or strict(build(survey, asked), options.seconds) is not None:
        return "the plan says that no whole numbers of faces meet the targets, and some do"
    return ""
