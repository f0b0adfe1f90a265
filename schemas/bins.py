"""Numbers to labels: age bins and skin-tone classes, with their limits as data."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from functools import cache

from schemas.errors import TaxonomyError, UnknownNameError
from schemas.tables import entries
from schemas.taxonomy import taxonomy


@dataclass(frozen=True)
class Bins:
    """Labels for the intervals of a number line.

    Attributes:
        name: Such as `age-fairface` or `ita`.
        taxonomy_name: Taxonomy of the labels.
        labels: One per interval, from the lowest to the highest.
        limits: Where one interval ends and the next begins, one fewer than the labels.
        limit_belongs_above: Whether a number equal to a limit has the higher interval's label.
        low: Least number that has a label.
        high: Greatest number that has a label.
        unit: Unit of the number.
        doc: One sentence.
        source: Where the limits were published.
    """

    name: str
    taxonomy_name: str
    labels: tuple[str, ...]
    limits: tuple[float, ...]
    limit_belongs_above: bool
    low: float
    high: float
    unit: str
    doc: str
    source: str

    def __post_init__(self) -> None:
        if set(self.labels) != set(taxonomy(self.taxonomy_name).labels):
            raise TaxonomyError(f"bins {self.name}", f"labels are not those of {self.taxonomy_name}")
        if len(self.limits) != len(self.labels) - 1 or list(self.limits) != sorted(set(self.limits)):
            raise TaxonomyError(f"bins {self.name}", "limits must rise, one fewer than the labels")

    def label(self, value: float) -> str:
        """The label of the interval that holds a number.

        Raises:
            TaxonomyError: if it is not a number or outside [low, high].
        """
        if not (math.isfinite(value) and self.low <= value <= self.high):
            raise TaxonomyError(f"{value} {self.unit} has no place in {self.name}", f"not in [{self.low}, {self.high}]")
        find = bisect.bisect_right if self.limit_belongs_above else bisect.bisect_left
        return self.labels[find(self.limits, value)]

    def interval(self, label: str) -> tuple[float, float]:
        """Lower and upper limit of a label's interval."""
        place = self.labels.index(taxonomy(self.taxonomy_name).canonical(label))
        edges = (self.low, *self.limits, self.high)
        return edges[place], edges[place + 1]


@cache
def _load() -> dict[str, Bins]:
    return {
        name: Bins(
            name=name,
            taxonomy_name=table["taxonomy"],
            labels=tuple(table["labels"]),
            limits=tuple(float(x) for x in table["limits"]),
            limit_belongs_above=table["limit_belongs_above"],
            low=float(table["low"]),
            high=float(table["high"]),
            unit=table["unit"],
            doc=table["doc"],
            source=table["source"],
        )
        for name, table in entries("data", "bins").items()
    }


def bins(name: str) -> Bins:
    """The bins of that name.

    Raises:
        UnknownNameError: if there are none.
    """
    try:
        return _load()[name]
    except KeyError:
        raise UnknownNameError("bins", name, _load()) from None


def all_bins() -> tuple[str, ...]:
    """Names of all bins."""
    return tuple(_load())
