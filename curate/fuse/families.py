"""Sources that copy each other must not outvote the rest: a family shares one vote.

Layers of one annotator (under other settings, in another version) are a family, and so are sources that say
the same of nearly every face. Where all sources are of one family, each has a vote of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from curate.fuse.method import Floats, Source

SAME = 0.97
"""Cohen's kappa from which two sources count as one."""

NEAR = 0.01
"""Share of the usual squared difference of two sources, under which two sources of numbers count as one."""


def families(sources: Sequence[Source], same: Iterable[tuple[int, int]] = ()) -> list[int]:
    """Number of the family of each source; `same` are pairs that were found to be one.

    Returns:
        The same number for each source of a family; all different where there is but one family.
    """
    names = [s.family or f"#{i}" for i, s in enumerate(sources)]
    number = [names.index(name) for name in names]
    for a, b in same:
        number = [number[a] if n == number[b] else n for n in number]
    return number if len(set(number)) > 1 else list(range(len(sources)))


def votes(number: Sequence[int]) -> Floats:
    """Share of a vote that each source has: one over the size of its family."""
    return np.array([1 / number.count(n) for n in number], dtype=np.float64)
