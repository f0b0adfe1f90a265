"""How far raters agree: kappas, Krippendorff's alpha, intraclass and concordance correlations, with intervals."""

from curate.agreement.continuous import Icc, ccc, icc, occc
from curate.agreement.statistics import (
    Agreement,
    Metric,
    by_pair,
    cohen,
    fleiss,
    krippendorff,
    observed,
    places,
    with_interval,
)

__all__ = [
    "Agreement",
    "Icc",
    "Metric",
    "by_pair",
    "ccc",
    "cohen",
    "fleiss",
    "icc",
    "krippendorff",
    "observed",
    "occc",
    "places",
    "with_interval",
]
