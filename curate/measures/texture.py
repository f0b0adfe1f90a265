"""Texture codes of grey pictures: local binary patterns, binarised statistical image features, their histograms."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

POINTS = 8
ROUNDS = 200
"""Most rounds of the independent component analysis."""
CLOSE = 1e-6


def lbp(grey: NDArray[np.uint8], radius: float = 1.0, points: int = POINTS) -> Codes:
    """Uniform, rotation-invariant local binary patterns, 0 to points + 1, shape of the picture.

    T. Ojala et al., "Multiresolution gray-scale and rotation invariant texture classification with local binary
    patterns", 2002, equation 9; the same numbers as `skimage.feature.local_binary_pattern(method="uniform")`, border
    included, where what lies outside counts as black.

    Args:
        grey: Shape (height, width).
        radius: Of the circle of points, in pixels.
        points: On that circle.
    """
    values = grey.astype(np.float64)
    edge = math.ceil(radius) + 1
    padded = np.pad(values, edge)
    rows, columns = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in values.shape), indexing="ij")
    signs = []
    for i in range(points):
        turn = 2 * np.pi * i / points
        down, across = np.round(-radius * np.sin(turn), 5), np.round(radius * np.cos(turn), 5)
        signs.append(_between(padded, rows + down, columns + across, edge) - values >= 0)
    changes = np.sum([a != b for a, b in itertools.pairwise(signs)], axis=0)
    return np.asarray(np.where(changes <= 2, np.sum(signs, axis=0), points + 1), np.int64)


def _between(padded: Array, rows: Array, columns: Array, edge: int) -> Array:
    """Bilinear values at places that need not be whole."""
    top, left = np.floor(rows), np.floor(columns)
    down, across = rows - top, columns - left
    low, right = np.ceil(rows).astype(int) + edge, np.ceil(columns).astype(int) + edge
    high, near = top.astype(int) + edge, left.astype(int) + edge
    above = (1 - across) * padded[high, near] + across * padded[high, right]
    below = (1 - across) * padded[low, near] + across * padded[low, right]
    return np.asarray((1 - down) * above + down * below)


def learned_filters(pictures: list[NDArray[np.uint8]], size: int = 7, bits: int = 8, seed: int = 0) -> Array:
    """Filters whose answers on small patches are as independent as can be, shape (bits, size, size).

    J. Kannala and E. Rahtu, "BSIF: binarized statistical image features", 2012: patches lose their mean, are whitened
    by their first `bits` principal components, and independent components are found (FastICA, A. Hyvarinen, 1999).

    Args:
        pictures: Grey pictures, larger than the filters.
        size: Side of a filter in pixels.
        bits: Number of filters, fewer than its pixels.
        seed: Of the patches and of the search.
    """
    rng = np.random.default_rng(seed)
    patches = []
    for grey in pictures:
        height, width = grey.shape
        for _ in range(max(20000 // len(pictures), 50)):
            y, x = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
            patches.append(grey[y : y + size, x : x + size].astype(np.float64).ravel())
    data = np.array(patches)
    data -= data.mean(1, keepdims=True)
    values, vectors = np.linalg.eigh(np.cov(data.T))
    chosen = np.argsort(values)[::-1][:bits]
    whiten = (vectors[:, chosen] / np.sqrt(np.maximum(values[chosen], CLOSE))).T
    mixing = _independent(data @ whiten.T, rng)
    return np.asarray((mixing @ whiten).reshape(bits, size, size))


def _independent(white: Array, rng: np.random.Generator) -> Array:
    """Rotation to independent components by symmetric FastICA with the tanh contrast, (n, n)."""
    count = white.shape[1]
    found = _orthogonal(rng.standard_normal((count, count)))
    for _ in range(ROUNDS):
        sources = white @ found.T
        bent = np.tanh(sources)
        moved = _orthogonal(bent.T @ white / len(white) - np.diag((1 - bent**2).mean(0)) @ found)
        done = float(np.abs(np.abs(np.sum(moved * found, axis=1)) - 1).max()) < CLOSE
        found = moved
        if done:
            break
    return found


def _orthogonal(matrix: Array) -> Array:
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ right)


def bsif(grey: NDArray[np.uint8], filters: Array) -> Codes:
    """Codes of `len(filters)` bits, shape of the picture: bit i is 1 where filter i answers above 0.

    Kannala and Rahtu 2012, equation 2; the border is reflected.

    Args:
        grey: Shape (height, width).
        filters: From `learned_filters`, or the authors' own, (bits, size, size).
    """
    values = grey.astype(np.float64)
    codes = np.zeros(grey.shape, np.int64)
    for bit, kernel in enumerate(filters):
        answer = cv2.filter2D(values, cv2.CV_64F, kernel, borderType=cv2.BORDER_REFLECT)
        codes |= (answer > 0).astype(np.int64) << bit
    return codes


def histograms(codes: Codes, bins: int, cells: int) -> Array:
    """Shares of each code in each of `cells` x `cells` parts of a picture, (cells * cells * bins,)."""
    parts = [part for band in np.array_split(codes, cells, axis=0) for part in np.array_split(band, cells, axis=1)]
    return np.concatenate([np.bincount(p.ravel(), minlength=bins)[:bins] / p.size for p in parts])
