"""How far reviewers agree: with each other, with right answers, with what they were shown; and what to settle."""

from curate.review.agreement.options import AgreementOptions
from curate.review.agreement.results import Agreement
from curate.review.agreement.run import agreement

__all__ = ["Agreement", "AgreementOptions", "agreement"]
