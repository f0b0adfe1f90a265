"""What a caller may choose about an agreement report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AgreementOptions:
    """Choices of an agreement report.

    Attributes:
        reviews: Names of reviews; None takes all.
        by: Columns to group by, `a*b` crosses two; None takes perceived race and gender where they are known.
        rounds: Resamples behind each interval.
        seed: Of the resampling.
        min_group: Groups with fewer faces are shown but not compared.
        costs: Item -> what a wrong label of it costs, against 1 for every other; for the adjudication queue.
        consensus: Write the consensus as a layer.
        name: Of the files; from the reviews' names if empty.
        quiet: No progress bar.
    """

    reviews: tuple[str, ...] | None = None
    by: tuple[str, ...] | None = None
    rounds: int = 1000
    seed: int = 0
    min_group: int = 10
    costs: Mapping[str, float] = field(default_factory=dict)
    consensus: bool = False
    name: str = ""
    quiet: bool = True
