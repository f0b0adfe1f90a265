"""Contradictions among labels, as ranked findings in plain words."""

from curate.consistency.check import check
from curate.consistency.findings import Findings
from curate.consistency.rule import Rule, Verdict
from curate.consistency.rules import all_rules

__all__ = ["Findings", "Rule", "Verdict", "all_rules", "check"]
