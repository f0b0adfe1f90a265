"""Which faces are one face of one photo: by pixels, by perceptual hash, mirrored, or by embedding and layout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.identity.gather import codes
from curate.identity.graph import Ints, chain
from curate.identity.hamming import BITS, FINE_BITS, fine_distance, near_hashes
from curate.identity.similar import Floats, Search, similar_pairs
from schemas.columns import hashes

EXACT, NEAR, MIRRORED, EMBEDDING, UNIQUE = range(5)
"""Places in the taxonomy `duplicate-kind`; a lower one is the stronger tie."""

COSINE = 0.90
"""Least cosine of two cuts of one photo."""
LAYOUT = 0.10
"""Most distance between the layouts of the five points: 0 is the same up to place, size and turn, 1 unlike."""
OVERLAP = 0.30
"""Least intersection over union of a face's boxes in two copies of a picture, as shares of its sides."""


@dataclass(frozen=True)
class Ties:
    """Pairs and the kind of each tie.

    Attributes:
        a: First rows.
        b: Second rows.
        kind: `EXACT`, `NEAR`, `MIRRORED` or `EMBEDDING`.
    """

    a: Ints
    b: Ints
    kind: Ints


def picture_ties(table: pa.Table, bits: int = BITS, fine_bits: int = FINE_BITS) -> Ties:
    """Pairs of pictures that are copies of each other.

    Args:
        table: Hashes; rows without them are tied to nothing.
        bits: See `hamming.BITS`.
        fine_bits: See `hamming.FINE_BITS`.
    """
    rows = np.flatnonzero(table.column(hashes.HASH.name).is_valid().to_numpy())
    table = table.take(pa.array(rows)).combine_chunks()
    plain, flipped = (table.column(c.name).to_numpy() for c in (hashes.HASH, hashes.HASH_MIRRORED))
    fine, fine_flipped = (_words(table.column(c.name)) for c in (hashes.FINE, hashes.FINE_MIRRORED))
    digest = table.column(hashes.PIXELS.name).combine_chunks()
    found = [(*chain(codes(digest)), EXACT)]
    for other, fine_other, kind in ((plain, fine, NEAR), (flipped, fine_flipped, MIRRORED)):
        a, b = near_hashes(plain, other, bits)
        close = (a < b) & (fine_distance(fine, fine_other, a, b) <= fine_bits)
        found.append((a[close], b[close], kind))
    return _strongest([(rows[a], rows[b], kind) for a, b, kind in found])


def _words(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    return np.frombuffer(array.buffers()[1], np.uint64).reshape(-1, 4)[array.offset : array.offset + len(array)]


def _strongest(found: list[tuple[Ints, Ints, int]]) -> Ties:
    """All pairs once, a < b, with their strongest tie."""
    a = np.concatenate([np.minimum(x, y) for x, y, _ in found])
    b = np.concatenate([np.maximum(x, y) for x, y, _ in found])
    kind = np.concatenate([np.full(len(x), k, np.int64) for x, _, k in found])
    order = np.lexsort((kind, b, a))
    a, b, kind = a[order], b[order], kind[order]
    head = np.ones(len(a), bool)
    head[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    return Ties(a[head], b[head], kind[head])


def face_ties(pictures: Ties, faces_of: Ints, boxes: NDArray[np.float64]) -> Ties:
    """Faces that lie at the same place in two copies of a picture.

    Args:
        pictures: Ties between pictures.
        faces_of: Number of the picture of each face, -1 for faces of other pictures.
        boxes: Left, top, width and height as shares of the picture's sides, shape (faces, 4).
    """
    order = np.argsort(faces_of, kind="stable")
    count = int(max(pictures.b.max(initial=-1), faces_of.max(initial=-1))) + 1
    starts = np.searchsorted(faces_of[order], np.arange(count + 1))
    found_a, found_b, kinds = [], [], []
    for p, q, kind in zip(pictures.a.tolist(), pictures.b.tolist(), pictures.kind.tolist(), strict=True):
        mine, theirs = order[starts[p] : starts[p + 1]], order[starts[q] : starts[q + 1]]
        other = boxes[theirs]
        if kind == MIRRORED:
            other = np.column_stack([1 - other[:, 0] - other[:, 2], other[:, 1:]])
        for i, j in match(boxes[mine], other):
            found_a.append(mine[i])
            found_b.append(theirs[j])
            kinds.append(kind)
    return Ties(np.array(found_a, np.int64), np.array(found_b, np.int64), np.array(kinds, np.int64))


def match(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs of boxes that overlap by `OVERLAP` or more, the best overlap first, each box once."""
    if not len(boxes) or not len(others):
        return []
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum((boxes[:, :2] + boxes[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = np.prod(boxes[:, 2:], axis=1)[:, None] + np.prod(others[:, 2:], axis=1)[None]
    share = common / np.maximum(areas - common, 1e-12)
    pairs: list[tuple[int, int]] = []
    for flat in np.argsort(-share, axis=None, kind="stable"):
        i, j = divmod(int(flat), share.shape[1])
        if share[i, j] < OVERLAP:
            break
        if all(i != k and j != m for k, m in pairs):
            pairs.append((i, j))
    return pairs


def embedding_ties(vectors: Floats, points: NDArray[np.float64], search: Search, cosine: float = COSINE) -> Ties:
    """Faces with nearly the same embedding and the same layout of the five points.

    Args:
        vectors: Unit vectors, shape (n, d).
        points: The five points, shape (n, 5, 2); NaN where unknown.
        search: How the index is used for many faces.
        cosine: Least cosine.
    """
    pairs = similar_pairs(vectors, cosine, search)
    same = layout_distance(points[pairs.a], points[pairs.b]) <= LAYOUT
    return Ties(pairs.a[same], pairs.b[same], np.full(int(same.sum()), EMBEDDING))


def layout_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Procrustes distance of point sets, 0-1: what remains when place, size and turn are made equal.

    With the points as complex numbers z, centred and of unit norm, it is sqrt(1 - |<z_a, z_b>|^2).
    D. G. Kendall, "Shape manifolds, Procrustean metrics, and complex projective spaces", 1984.

    Args:
        a: Shape (n, points, 2).
        b: The same.
    """
    shapes = []
    for points in (a, b):
        z = points[..., 0] + 1j * points[..., 1]
        z = z - z.mean(axis=1, keepdims=True)
        shapes.append(z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12))
    product = np.abs((shapes[0].conj() * shapes[1]).sum(1))
    distance: NDArray[np.float64] = np.sqrt(np.clip(1 - product**2, 0, 1))
    return distance
