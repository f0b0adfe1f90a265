"""Which outputs of a model never move: found in its values over many faces, whatever their names promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

TAIL = 0.005
"""Share of the values left out at each end: a single odd face is no movement."""
LEAST_SPREAD = 0.02
FEWEST = 200
"""Fewer faces cannot show that a channel is dead: many movements are rare."""


@dataclass(frozen=True)
class Channel:
    """How one output moves over many faces.

    Attributes:
        name: Its name.
        n: Number of faces with a value.
        low: Value that 0.5 % of the faces stay under.
        high: Value that 99.5 % stay under.
        sd: Standard deviation.
    """

    name: str
    n: int
    low: float
    high: float
    sd: float

    @property
    def spread(self) -> float:
        """Range of the middle 99 % of the values, in the channel's own unit."""
        return self.high - self.low


def channels(values: Mapping[str, ArrayLike]) -> tuple[Channel, ...]:
    """How each output moves.

    Args:
        values: Name -> one number per face; NaN where there is none. Outputs that no face has a value of are left
            out: they are absent, not dead.
    """
    found = []
    for name, column in values.items():
        numbers = np.asarray(column, np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if len(numbers):
            low, high = np.quantile(numbers, [TAIL, 1 - TAIL])
            found.append(Channel(name, len(numbers), float(low), float(high), float(numbers.std())))
    return tuple(found)


def dead(values: Mapping[str, ArrayLike], least_spread: float = LEAST_SPREAD, fewest: int = FEWEST) -> tuple[str, ...]:
    """Names of the outputs that never move, in the order given.

    Args:
        values: As for `channels`; coefficients, scores or probabilities in 0-1.
        least_spread: A channel whose middle 99 % spans less is dead.
        fewest: Channels with fewer values are never called dead.
    """
    return tuple(c.name for c in channels(values) if c.n >= fewest and c.spread < least_spread)
