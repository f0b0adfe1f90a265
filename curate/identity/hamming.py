"""Pairs of pictures whose perceptual hashes differ in few bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.identity.graph import Ints
from curate.identity.similar import EXACT_LIMIT, faiss_library

BITS = 10
"""Most differing bits of the 64-bit hash: copies of the test photos differ in 0-4, unless they are cropped."""
FINE_BITS = 40
"""Most differing bits of the 256-bit hash. Copies differ in 0-10; the nearest of 20,000 other portraits in 54."""
BLOCK = 1024
_CHUNKS, _FLIPS = 4, 2
"""Of 4 chunks of 16 bits one differs in at most 2 bits where all differ in at most 11: no pair is missed."""


def near_hashes(codes: NDArray[np.uint64], others: NDArray[np.uint64], bits: int = BITS) -> tuple[Ints, Ints]:
    """Pairs (row of `codes`, row of `others`), of different rows, whose hashes differ in at most so many bits.

    All pairs are compared up to `EXACT_LIMIT` rows; beyond, faiss looks them up by chunks of the hash,
    which misses none.

    Args:
        codes: 64-bit hashes, shape (n,).
        others: The hashes to find, shape (n,).
        bits: Most differing bits, at most 11.
    """
    if len(codes) > EXACT_LIMIT:
        return _indexed(codes, others, bits)
    found: list[tuple[Ints, Ints]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for start in range(0, len(codes), BLOCK):
        distance = np.bitwise_count(codes[start : start + BLOCK, None] ^ others[None])
        rows, columns = np.nonzero(distance <= bits)
        found.append((rows + start, columns))
    return _unlike(found)


def _indexed(codes: NDArray[np.uint64], others: NDArray[np.uint64], bits: int) -> tuple[Ints, Ints]:
    faiss = faiss_library()
    index = faiss.IndexBinaryMultiHash(64, _CHUNKS, 16)
    index.nflip = _FLIPS
    index.add(others.view(np.uint8).reshape(-1, 8))
    found: list[tuple[Ints, Ints]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for start in range(0, len(codes), 1 << 14):
        limits, _, columns = index.range_search(
            codes[start : start + (1 << 14)].view(np.uint8).reshape(-1, 8), bits + 1
        )
        rows = np.repeat(np.arange(len(limits) - 1), np.diff(limits.astype(np.int64)))
        found.append((rows + start, columns))
    return _unlike(found)


def _unlike(found: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    a, b = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    return a[a != b], b[a != b]


def fine_distance(codes: NDArray[np.uint64], others: NDArray[np.uint64], a: Ints, b: Ints) -> Ints:
    """Differing bits of 256-bit hashes, shape (n, 4), for pairs of rows."""
    return np.asarray(np.bitwise_count(codes[a] ^ others[b]).sum(1, dtype=np.int64))
