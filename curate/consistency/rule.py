"""What a rule is: which columns it reads, what it finds, and how it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curate.consistency.values import Mask, Numbers, Values
from schemas import Column, SchemaError


@dataclass(frozen=True)
class Verdict:
    """What a rule makes of some faces.

    Attributes:
        checked: (n,) whether the face has all that the rule needs.
        confidence: (n,) how sure both sides of the contradiction are, 0 where there is none.
        facts: Name -> (n,) values for the rule's sentence.
    """

    checked: Mask
    confidence: Numbers
    facts: Mapping[str, Any] = field(default_factory=dict)

    def where(self, rows: Mask) -> Verdict:
        """The same for some of the faces; the others count as not checked."""
        return Verdict(self.checked & rows, np.where(rows, self.confidence, 0.0), self.facts)


@dataclass(frozen=True)
class Rule:
    """One idea of what cannot be true at once.

    Attributes:
        name: Such as `happiness_without_smile`.
        reads: Columns that it needs; where one is absent the rule is not checked.
        severity: 0-1, how much a finding matters to someone who trains on the labels.
        says: The finding as a sentence, with the verdict's facts in braces.
        source: Why the two exclude each other, and what its thresholds rest on.
        test: Looks at faces one by one.
        also: Columns that it reads where they are there.
        together: What it reads is one statement, so only columns of one layer are held against each other: a label
            that a person corrected does not contradict the model's own probabilities.
    """

    name: str
    reads: tuple[Column, ...]
    severity: float
    says: str
    source: str
    test: Callable[[Values], Verdict]
    also: tuple[Column, ...] = ()
    together: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.severity <= 1 and self.reads and self.says and self.source):
            raise SchemaError(f"rule {self.name}", "needs a severity in (0, 1], columns, a sentence and a source")

    def __hash__(self) -> int:
        return hash(self.name)

    def sentence(self, facts: Mapping[str, Any]) -> str:
        """The finding in words."""
        return self.says.format(**facts)


def clash(one: Numbers, other: Numbers, /, **facts: Any) -> Verdict:
    """A contradiction of two beliefs that cannot both hold.

    Args:
        one: (n,) belief in 0-1, NaN where unknown.
        other: (n,) belief in what excludes it.
        facts: Values for the sentence.

    Returns:
        The verdict; its confidence is the geometric mean, so that a contradiction needs both sides.
    """
    product = one * other
    checked = ~np.isnan(product)
    return Verdict(checked, np.sqrt(np.where(checked, product, 0.0)), facts)


def either(first: Verdict, second: Verdict) -> Verdict:
    """The stronger of two verdicts about the same faces; facts are those of the first."""
    return Verdict(
        first.checked | second.checked, np.maximum(first.confidence, second.confidence), {**second.facts, **first.facts}
    )
