"""Pairs of rows with alike embeddings: every pair up to a size, through a faiss index beyond it.

Candidates come from single-precision products; what counts is decided on cosines taken again in double
precision, one row at a time, so that the result does not depend on how the work was cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from schemas import MissingExtraError

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

EXACT_LIMIT = 60_000
"""Rows up to which all pairs are looked at: half a minute on one core."""
BLOCK = 2048
QUERIES = 1 << 15
SAMPLE = 40
"""Rows per cell that the centres are fitted to."""
ROUNDS = 6
"""Rounds of k-means: a rough partition finds as many pairs as a fine one."""
SLACK = 1e-4
"""Candidates this far below the threshold are looked at again in double precision."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows, sorted by `a`, then `b`; a < b.

    Attributes:
        a: First rows.
        b: Second rows.
        cosine: Their cosines, double precision.
        exact: Whether every pair of rows was looked at.
    """

    a: Ints
    b: Ints
    cosine: NDArray[np.float64]
    exact: bool

    def __len__(self) -> int:
        return len(self.a)

    def only(self, mask: NDArray[np.bool_]) -> Pairs:
        """The pairs of a mask."""
        return Pairs(self.a[mask], self.b[mask], self.cosine[mask], self.exact)


@dataclass(frozen=True)
class Search:
    """How the index is used beyond `EXACT_LIMIT` rows.

    Attributes:
        exact_limit: Rows up to which all pairs are looked at.
        probes: Cells looked into per row; more find more of the pairs near the threshold.
        neighbours: Most pairs kept per row in each direction.
    """

    exact_limit: int = EXACT_LIMIT
    probes: int = 8
    neighbours: int = 32


THOROUGH = Search(probes=32)
"""For lines far below those of copies. Of 17,288 FairFace faces it finds 99.9 % of the pairs from .57 up and
99.0 % from .47 up; with 8 probes 98.6 % and 92.3 %."""


def similar_pairs(vectors: Floats, threshold: float, search: Search | None = None) -> Pairs:
    """Pairs of rows whose cosine reaches the threshold.

    Args:
        vectors: Unit vectors, shape (n, d).
        threshold: Least cosine.
        search: When and how the index is used.

    Raises:
        MissingExtraError: if the index is needed and faiss is absent.
    """
    search = search or Search()
    exact = len(vectors) <= search.exact_limit
    a, b = _all(vectors, threshold) if exact else _indexed(vectors, threshold, search)
    cosine = cosines(vectors, a, b)
    kept = cosine >= threshold
    return Pairs(a[kept], b[kept], cosine[kept], exact)


def cosines(vectors: Floats, a: Ints, b: Ints) -> NDArray[np.float64]:
    """Products of pairs of rows in double precision."""
    result = np.empty(len(a), np.float64)
    for start in range(0, len(a), 1 << 17):
        part = slice(start, start + (1 << 17))
        result[part] = (vectors[a[part]].astype(np.float64) * vectors[b[part]]).sum(1)
    return result


def _all(vectors: Floats, threshold: float) -> tuple[Ints, Ints]:
    found: list[tuple[Ints, Ints]] = []
    with threadpool_limits(1):
        for start in range(0, len(vectors), BLOCK):
            product = vectors[start : start + BLOCK] @ vectors[start:].T
            rows, columns = np.nonzero(product >= threshold - SLACK)
            upper = columns > rows
            found.append((rows[upper] + start, columns[upper] + start))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def _indexed(vectors: Floats, threshold: float, search: Search) -> tuple[Ints, Ints]:
    """Candidates from an inverted file: rows lie in cells, and only near cells are compared."""
    faiss = faiss_library()
    count, width = vectors.shape
    with threadpool_limits(1):  # where the cells lie must not depend on the number of cores
        coarse = _cells(faiss, vectors)
        nearness, near = _nearest(coarse, vectors, min(search.probes, coarse.ntotal))
    index = faiss.IndexIVFFlat(coarse, width, coarse.ntotal, faiss.METRIC_INNER_PRODUCT)
    home = np.ascontiguousarray(near[:, 0])
    index.add_core(count, faiss.swig_ptr(vectors), None, faiss.swig_ptr(home))
    index.nprobe = near.shape[1]
    order = np.argsort(home, kind="stable")  # neighbours in memory are asked for one after the other
    found: list[tuple[Ints, Ints]] = []
    for start in range(0, count, QUERIES):
        rows = order[start : start + QUERIES]
        product, other = index.search_preassigned(vectors[rows], search.neighbours + 1, near[rows], nearness[rows])
        hit = (product >= threshold - SLACK) & (other != rows[:, None]) & (other >= 0)
        mine = np.broadcast_to(rows[:, None], hit.shape)[hit]
        found.append((np.minimum(mine, other[hit]), np.maximum(mine, other[hit])))
    keys = np.unique(np.concatenate([a * count + b for a, b in found]))
    return keys // count, keys % count


def faiss_library() -> Any:
    """The module faiss.

    Raises:
        MissingExtraError: if it is absent.
    """
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("faiss-cpu", "identity") from error
    return faiss


def _cells(faiss: Any, vectors: Floats) -> Any:
    """A flat index of cell centres, about four times the root of the number of rows."""
    count, width = vectors.shape
    cells = min(int(2 ** np.round(np.log2(4 * np.sqrt(count)))), max(count // SAMPLE, 1))
    sample = vectors[np.linspace(0, count - 1, min(count, SAMPLE * cells)).astype(np.int64)]
    trained = faiss.Kmeans(width, cells, niter=ROUNDS, spherical=True, seed=1, min_points_per_centroid=1)
    trained.train(sample)
    flat = faiss.IndexFlatIP(width)
    flat.add(trained.centroids)
    return flat


def _nearest(coarse: Any, vectors: Floats, probes: int) -> tuple[Floats, Ints]:
    """The nearest cells of every row and the products with their centres, each (n, probes)."""
    nearness = np.empty((len(vectors), probes), np.float32)
    near = np.empty((len(vectors), probes), np.int64)
    for start in range(0, len(vectors), QUERIES):
        part = slice(start, start + QUERIES)
        nearness[part], near[part] = coarse.search(vectors[part], probes)
    return nearness, near
