"""What every way of fusing has in common: it looks at all shards once, settles, then fuses shard by shard."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas import Column

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

POOLED = -1
"""Group of a face whose group is not known: the pooled reliability holds for it."""


@dataclass(frozen=True)
class Source:
    """A layer as a source of one column.

    Attributes:
        layer: Its name; `faces` for the detector's own boxes and points.
        human: People made it: their statements are trusted more until data say otherwise.
        family: Who made it; layers of one maker make the same mistakes and share a vote. Empty for its own.
    """

    layer: str
    human: bool = False
    family: str = ""


@dataclass(frozen=True)
class Said:
    """What the sources say of some faces.

    Attributes:
        values: By the method: codes (n, sources) with -1 for nothing; or numbers (n, sources, ...) with NaN.
        groups: (n,) group of each face, `POOLED` where unknown.
        truth: What is known to be true, in the shape of one source's values; None where nothing is given.
        sd: (n, sources) standard deviations that the sources give beside numbers; NaN where none.
        codes: (n, sources) labels beside distributions, -1 for nothing.
        abstained: (n,) whether no source that spoke gives a label beside its distribution.
        size: (n,) size of the face in px, for geometry.
        raw: The sources' own arrays, for the record of who said what.
    """

    values: Any
    groups: Codes
    truth: Any = None
    sd: Floats | None = None
    codes: Codes | None = None
    abstained: Any = None
    size: Floats | None = None
    raw: tuple[pa.Array, ...] = ()


@dataclass(frozen=True)
class Fused:
    """The fused values of some faces.

    Attributes:
        columns: The fused column, and those that go with it.
        weights: (n, sources) weight of each source in each face; rows add up to 1 where anyone spoke.
        agreement: (n,) share of the weight behind the fused value; NaN where fewer than two spoke.
        uncertainty: (n,) chance of being wrong, or standard error.
        distances: (n, sources) of points, how far each source is from the fused ones in px.
    """

    columns: Mapping[Column, pa.Array]
    weights: Floats
    agreement: Floats
    uncertainty: Floats
    distances: Floats | None = None


class Method(ABC):
    """One column's fusion.

    Args:
        column: The column.
        sources: Who speaks.
        groups: Names of the groups with reliabilities of their own; empty for none.
    """

    title = ""

    def __init__(self, column: Column, sources: Sequence[Source], groups: Sequence[str] = ()) -> None:
        self.column = column
        self.sources = tuple(sources)
        self.groups = tuple(groups)

    @abstractmethod
    def observe(self, said: Said) -> None:
        """Take in what the sources say of a shard; keeps sums and counts, not the values."""

    @abstractmethod
    def settle(self) -> None:
        """Estimate how reliable each source is, once all shards were observed."""

    @abstractmethod
    def fuse(self, said: Said) -> Fused:
        """Fuse a shard."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Reliability of the sources and their agreement, JSON-serialisable."""


def normalised(weights: Floats) -> Floats:
    """Rows that add up to 1; rows without weight stay 0."""
    total = weights.sum(1, keepdims=True)
    return np.asarray(np.divide(weights, total, out=np.zeros_like(weights), where=total > 0))


def agreed(weights: Floats, behind: Any, spoke: Any) -> Floats:
    """Share of the weight that is behind the result; NaN where fewer than two sources spoke."""
    share = np.sum(normalised(weights) * behind, axis=1)
    return np.where(spoke.sum(1) >= 2, np.clip(share, 0, 1), np.nan)


def rounded(value: Any, digits: int = 6) -> Any:
    """Nested lists of rounded numbers, None for NaN: for facts that are stored."""
    if isinstance(value, np.ndarray):
        return rounded(value.tolist(), digits)
    if isinstance(value, list):
        return [rounded(v, digits) for v in value]
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, digits)
    return value
