"""Average-link clustering of faces into people, with pairs that may not be one person.

Two clusters are as alike as their faces are on average, which is the product of their mean vectors.
Clusters that are each other's most alike are merged, all such pairs at once, until no pair reaches the
threshold. That gives the same clusters as merging one pair at a time (average link is reducible: a merged
cluster is never more alike to a third one than the more alike of its parts was; F. Murtagh, "A survey of
recent advances in hierarchical clustering algorithms", 1983), and it needs only the pairs of faces that
reach the threshold: two clusters whose average reaches it hold such a pair. A pair that may not be one
person stays apart in every cluster that its faces come into.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from curate.identity.graph import Ints, chain, components, numbered
from curate.identity.similar import Floats, Pairs

NOBODY = -1


@dataclass(frozen=True)
class Constraints:
    """What is known before the faces are compared.

    Attributes:
        apart_a: First faces of pairs that cannot be one person.
        apart_b: Second faces.
        named: For each face the number of the person that people named, or -1. Faces of one number are
            one person whatever else says otherwise; faces of two numbers are two people.
        together: For each face the number of a group that is certainly one person (copies of one photo), or
            -1; holds no two named people and no pair that is apart.
        alone: Faces that are never merged by machine.
    """

    apart_a: Ints
    apart_b: Ints
    named: Ints
    together: Ints
    alone: NDArray[np.bool_]


@dataclass(frozen=True)
class Clusters:
    """The outcome.

    Attributes:
        label: For each face the smallest face number of its cluster.
        refused: Faces with a pair at or above the threshold that a constraint kept apart.
        rounds: How often all mutual best pairs were merged.
    """

    label: Ints
    refused: NDArray[np.bool_]
    rounds: int


@dataclass
class _State:
    """Clusters so far; all arrays but `label` are by cluster."""

    label: Ints
    total: NDArray[np.float64]
    size: NDArray[np.float64]
    name: Ints
    apart: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def count(self) -> int:
        return len(self.size)


def cluster(vectors: Floats, pairs: Pairs, threshold: float, constraints: Constraints) -> Clusters:
    """Merge faces into people.

    Args:
        vectors: Unit vectors, shape (n, d).
        pairs: Pairs of faces whose cosine reaches the threshold; others are ignored.
        threshold: Least average cosine between two clusters that are merged.
        constraints: What may not or must be merged.
    """
    pairs = pairs.only(pairs.cosine >= threshold)
    state = _certain_people(vectors, constraints)
    a, b = state.label[pairs.a], state.label[pairs.b]
    machine = ~(constraints.alone[pairs.a] | constraints.alone[pairs.b])
    a, b = _distinct(a[machine], b[machine], state.count)
    blocked = _blocked(state, a, b)
    refused = _touched(state.label, pairs, _blocked(state, state.label[pairs.a], state.label[pairs.b]) & machine)
    a, b = a[~blocked], b[~blocked]
    rounds = 0
    while len(a):
        alike = _average(state, a, b)
        reach = alike >= threshold
        a, b, alike = a[reach], b[reach], alike[reach]
        first, second = _mutual(state.count, a, b, alike)
        if not len(first):
            break
        rounds += 1
        move = _merge(state, first, second)
        a, b = _distinct(move[a], move[b], state.count)
        free = ~_blocked(state, a, b)
        a, b = a[free], b[free]
    return Clusters(_smallest(state.label), refused, rounds)


def _certain_people(vectors: Floats, constraints: Constraints) -> _State:
    """One cluster per face, but one for all faces of one name and for all copies of one photo."""
    count = len(vectors)
    links = [chain(constraints.named), chain(constraints.together)]
    root = components(count, np.concatenate([a for a, _ in links]), np.concatenate([b for _, b in links]))
    first, label = _compact(root)
    state = _State(
        label=label,
        total=np.zeros((len(first), vectors.shape[1])),
        size=np.bincount(label, minlength=len(first)).astype(np.float64),
        name=np.full(len(first), NOBODY),
    )
    np.add.at(state.total, label, vectors.astype(np.float64))
    np.maximum.at(state.name, label, constraints.named)
    state.apart = _keys(label[constraints.apart_a], label[constraints.apart_b], state.count)
    return state


def _keys(a: Ints, b: Ints, count: int) -> Ints:
    """Sorted numbers of the distinct unordered pairs a, b with a unlike b."""
    unlike = a != b
    keys: Ints = np.unique(np.minimum(a, b)[unlike] * count + np.maximum(a, b)[unlike])
    return keys


def _distinct(a: Ints, b: Ints, count: int) -> tuple[Ints, Ints]:
    keys = _keys(a, b, count)
    a, b = np.divmod(keys, count)
    return a, b


def _blocked(state: _State, a: Ints, b: Ints) -> NDArray[np.bool_]:
    """Which pairs of clusters may not be merged."""
    names = (state.name[a] != NOBODY) & (state.name[b] != NOBODY) & (state.name[a] != state.name[b])
    return np.asarray(names | numbered(np.minimum(a, b) * state.count + np.maximum(a, b), state.apart), bool)


def _touched(label: Ints, pairs: Pairs, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
    faces = np.zeros(len(label), bool)
    faces[pairs.a[which]] = faces[pairs.b[which]] = True
    return faces


def _average(state: _State, a: Ints, b: Ints) -> NDArray[np.float64]:
    """Average cosine between the faces of two clusters, for many pairs of clusters."""
    result = np.empty(len(a))
    for start in range(0, len(a), 1 << 16):
        part = slice(start, start + (1 << 16))
        product = (state.total[a[part]] * state.total[b[part]]).sum(1)
        result[part] = product / (state.size[a[part]] * state.size[b[part]])
    return result


def _mutual(count: int, a: Ints, b: Ints, alike: NDArray[np.float64]) -> tuple[Ints, Ints]:
    """Pairs of which each is the other's most alike; of equals the pair of lower numbers counts."""
    order = np.lexsort((b, a, -alike))
    rank = np.empty(len(a), np.int64)
    rank[order] = np.arange(len(a))
    best = np.full(count, len(a), np.int64)
    np.minimum.at(best, a, rank)
    np.minimum.at(best, b, rank)
    mutual = (best[a] == rank) & (best[b] == rank)
    return a[mutual], b[mutual]


def _merge(state: _State, first: Ints, second: Ints) -> Ints:
    """Merge disjoint pairs in place; returns for each old cluster its new number."""
    target = np.arange(state.count)
    target[second] = first
    kept, move = _compact(target)
    state.total[first] += state.total[second]
    state.size[first] += state.size[second]
    state.name[first] = np.maximum(state.name[first], state.name[second])
    old = state.count
    state.total, state.size, state.name = state.total[kept], state.size[kept], state.name[kept]
    state.label = move[state.label]
    state.apart = _keys(move[state.apart // old], move[state.apart % old], state.count)
    return move


def _compact(numbers: Ints) -> tuple[Ints, Ints]:
    """The distinct numbers, sorted, and the place of each number among them."""
    distinct, place = np.unique(numbers, return_inverse=True)
    return distinct, place.astype(np.int64)


def _smallest(label: Ints) -> Ints:
    """The same partition, each part numbered by its smallest member."""
    first = np.full(int(label.max(initial=-1)) + 1, len(label), np.int64)
    np.minimum.at(first, label, np.arange(len(label)))
    return np.asarray(first[label], np.int64)
