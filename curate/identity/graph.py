"""Pairs of rows as two arrays, and what they connect."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def components(count: int, a: Ints, b: Ints) -> Ints:
    """Connected components of an undirected graph.

    Each node takes the smallest number it can reach: numbers flow along edges and are then followed
    to their own numbers, until nothing changes.

    Args:
        count: Number of nodes.
        a: One end of every edge.
        b: The other end.

    Returns:
        Shape (count,): for each node the smallest node of its component.
    """
    root: Ints = np.arange(count, dtype=np.int64)
    while True:
        low = np.minimum(root[a], root[b])
        before = root.copy()
        np.minimum.at(root, before[a], low)
        np.minimum.at(root, before[b], low)
        while not np.array_equal(root, root[root]):
            root = root[root]
        if np.array_equal(root, before):
            return root


def pairs_within(group: Ints) -> tuple[Ints, Ints]:
    """All pairs a < b of rows that share a group number; negative numbers belong to no group."""
    order = np.argsort(group, kind="stable")
    order = order[group[order] >= 0]
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    found_a, found_b = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(sizes[sizes > 1]):
        first, second = np.triu_indices(size, 1)
        rows = order[starts[sizes == size][:, None] + np.arange(size)]
        found_a.append(rows[:, first].ravel())
        found_b.append(rows[:, second].ravel())
    return np.concatenate(found_a), np.concatenate(found_b)


def chain(group: Ints) -> tuple[Ints, Ints]:
    """Just enough pairs to connect all rows that share a group number: each row and the next of its group."""
    order = np.argsort(group, kind="stable")
    order = order[group[order] >= 0]
    same = group[order[1:]] == group[order[:-1]]
    return order[:-1][same], order[1:][same]


def numbered(keys: Ints, known: Ints) -> NDArray[np.bool_]:
    """Which keys are among the known ones; `known` is sorted."""
    if not len(known):
        return np.zeros(len(keys), bool)
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.asarray(known[place] == keys)
