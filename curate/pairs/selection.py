"""Kinds that are declared, not programmed: two roles, and bounds on the differences between their faces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from curate.pairs.base import ANY, DIFFERENT, SAME, PairKind, Row
from curate.pairs.differences import difference
from curate.pairs.pool import UNKNOWN, Pool

Ints = NDArray[np.int64]


class Selection(PairKind):
    """Pairs of faces that keep the bounds, drawn evenly over the first faces.

    A subclass declares two single roles, at most one relation, and bounds; nothing else is needed. In every round each
    face is the first one of one pair, in a drawn order, so that no face comes twice as often as another while it has
    partners left.
    """

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Pairs that keep the bounds, a round of all first faces after the other."""
        first, second = (r.name for r in self.roles)
        waiting = [(int(a), self._partners(pool, int(a), rng)) for a in rng.permutation(len(pool))]
        while waiting:
            left = []
            for a, partners in waiting:
                b = next(partners, None)
                if b is not None:
                    yield Row({first: (a,), second: (b,)})
                    left.append((a, partners))
            waiting = left

    def _partners(self, pool: Pool, first: int, rng: np.random.Generator) -> Iterator[int]:
        """Faces that keep the bounds with this one, in a drawn order; looked for when the first is asked for."""
        rows = self._others(pool, first)
        if len(rows):
            rows = rows[self._within(pool, first, rows)]
        yield from rng.permutation(rows).tolist()

    def _others(self, pool: Pool, first: int) -> Ints:
        """Faces of the same split that the relation of identities allows."""
        relation = next(iter(self.relations), None)
        mask = pool.split == pool.split[first]
        mask[first] = False
        identity = ANY if relation is None else relation.identity
        if identity != ANY:
            known = (pool.identity != UNKNOWN) & (pool.identity[first] != UNKNOWN)
            mask &= known & ((pool.identity == pool.identity[first]) == (identity == SAME))
        if relation is None or relation.picture == DIFFERENT:
            mask &= pool.picture != pool.picture[first]
        if not self.ordered:
            mask[:first] = False
        return np.flatnonzero(mask)

    def _within(self, pool: Pool, first: int, rows: Ints) -> NDArray[np.bool_]:
        held = np.ones(len(rows), bool)
        names = [r.name for r in self.roles]
        for bound in self.bounds:
            mine = np.full(len(rows), first, np.int64)
            sides = (mine, rows) if bound.first == names[0] else (rows, mine)
            values = difference(bound.difference).between(pool, *sides)
            least, most = bound.limits(self.config)
            with np.errstate(invalid="ignore"):
                held &= ((values >= least) & (values <= most)) | (np.isnan(values) & bound.unknown)
        return held
