"""Facial-R1's reward of a reasoned description: units cited, answer given, form kept.

Facial-R1 (FEA-20K) trains with R = R_AU + R_acc + R_format: the F1 of the cited against the true set of action units,
1 or 0 for the emotion, 1 or 0 for non-empty <think> and <answer>. A perfect description earns 3.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from curate.export.reasoning import DESCRIPTION, UNIT

PERFECT = 3.0
THINK = re.compile(r"<think>(.*?)</think>", re.DOTALL)
ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


@dataclass(frozen=True)
class Reward:
    """The three parts, each 0 to 1.

    Attributes:
        units: F1 of the cited against the active action units; 1 where both are empty.
        answer: 1 if the answer is exactly the labels, in their order or another, else 0.
        form: 1 if the text is `<think>...</think><answer>...</answer>` with words in both, else 0.
    """

    units: float
    answer: float
    form: float

    @property
    def total(self) -> float:
        """Their sum, 0 to 3."""
        return self.units + self.answer + self.form


@dataclass(frozen=True)
class Said:
    """What a description says.

    Attributes:
        units: Codes of the action units it cites in its reasons; in the whole text where there is no <think>.
        answer: Labels in <answer>, in their order.
        formed: Both tags are there, in their order, with words in both, and nothing else is.
    """

    units: frozenset[str]
    answer: tuple[str, ...]
    formed: bool


def read(text: str) -> Said:
    """What a text says, whether well formed or not."""
    whole = text.strip()
    reasons, answer = THINK.search(whole), ANSWER.search(whole)
    labels = tuple(a.strip() for a in answer[1].split(",") if a.strip()) if answer else ()
    matched = DESCRIPTION.fullmatch(whole)
    formed = matched is not None and all(part.strip() for part in matched.groups()) and whole.count("<think>") == 1
    return Said(frozenset(UNIT.findall(reasons[1] if reasons else whole)), labels, formed)


def unit_f1(cited: Collection[str], active: Collection[str]) -> float:
    """F1 of two sets of action units: 2 |both| / (|cited| + |active|); 1 where both are empty."""
    one, other = set(cited), set(active)
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


def reward(text: str, units: Collection[str], answer: Sequence[str]) -> Reward:
    """The reward of a description.

    Args:
        text: The description.
        units: Codes of the active action units, such as `AU12`.
        answer: Labels of the emotion as the text shall spell them, such as `Sadness`.
    """
    said = read(text)
    return Reward(unit_f1(said.units, units), float(sorted(said.answer) == sorted(answer)), float(said.formed))
