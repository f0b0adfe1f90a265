"""Fuses lists of tags and lists of flags by vote; a person's vote counts as two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate.fuse.method import Fused, Method, Said, Source, normalised
from schemas import Column

HUMAN_VOTES = 2.0


class Tags(Method):
    """Fuses lists: a tag stays if those who list it have more than half of the votes of those who spoke."""

    title = "vote"

    def __init__(self, column: Column, sources: Sequence[Source], groups: Sequence[str] = ()) -> None:
        super().__init__(column, sources, groups)
        self.votes = np.array([HUMAN_VOTES if s.human else 1.0 for s in sources])
        self._faces: Counter[str] = Counter()

    def observe(self, said: Said) -> None:
        """Count who spoke of how many faces."""
        for source, lists in zip(self.sources, said.values, strict=True):
            self._faces[source.layer] += sum(one is not None for one in lists)

    def settle(self) -> None:
        """Votes are given, not learnt."""

    def fuse(self, said: Said) -> Fused:
        """Fuse a shard; `said.values` holds one list of lists per source."""
        n = len(said.groups)
        spoke = np.array([[one is not None for one in lists] for lists in said.values], bool).reshape(-1, n).T
        weights = normalised(spoke * self.votes)
        fixed = pa.types.is_fixed_size_list(self.column.type)
        values: list[Any] = []
        agreement, doubt = np.full(n, np.nan), np.full(n, np.nan)
        for row in range(n):
            held = [(s, lists[row]) for s, lists in enumerate(said.values) if lists[row] is not None]
            if not held:
                values.append(None)
                continue
            support = _flags(held, weights[row]) if fixed else _tags(held, weights[row])
            kept = [share > 0.5 for share in support.values()]
            values.append(kept if fixed else [tag for tag, keep in zip(support, kept, strict=True) if keep])
            behind = [share if keep else 1 - share for share, keep in zip(support.values(), kept, strict=True)]
            mean = float(np.mean(behind)) if behind else 1.0
            doubt[row] = 1 - mean
            agreement[row] = mean if len(held) > 1 else np.nan
        return Fused({self.column: pa.array(values, self.column.type)}, weights, agreement, doubt)

    def facts(self) -> dict[str, Any]:
        """Votes and faces per source."""
        return {
            "method": self.title,
            "sources": {
                s.layer: {"faces": self._faces[s.layer], "votes": float(v)}
                for s, v in zip(self.sources, self.votes, strict=True)
            },
        }


def _tags(held: Sequence[tuple[int, Sequence[str]]], weights: Any) -> dict[Any, float]:
    """Share of the votes for each tag that anyone lists, in the order of first mention."""
    support: dict[Any, float] = {}
    for s, tags in held:
        for tag in dict.fromkeys(tags):
            support[tag] = support.get(tag, 0.0) + float(weights[s])
    return support


def _flags(held: Sequence[tuple[int, Sequence[bool]]], weights: Any) -> dict[Any, float]:
    """Share of the votes for each place of a list of flags."""
    return {i: sum(float(weights[s]) for s, flags in held if flags[i]) for i in range(len(held[0][1]))}
