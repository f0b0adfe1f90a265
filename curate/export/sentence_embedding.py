"""Texts as vectors without a model: hashed words and pairs of words."""

from __future__ import annotations

import hashlib
import itertools
import re

import numpy as np
from numpy.typing import NDArray

WIDTH = 256
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def embed(text: str, width: int = WIDTH) -> NDArray[np.float32]:
    """A text as a vector of unit length, shape (width,); zeros for a text without words.

    Every word and every pair of neighbouring words adds +1 or -1 to one place, both drawn by its hash (K. Weinberger et
    al., "Feature hashing for large scale multitask learning", 2009). Texts with words in common are alike; texts that
    mean the same in other words are not.

    Args:
        text: The text.
        width: Numbers of the vector.
    """
    words = [w.lower() for w in WORD.findall(text)]
    found = np.zeros(width, np.float64)
    for token in [*words, *(" ".join(pair) for pair in itertools.pairwise(words))]:
        digest = int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "big")
        found[digest % width] += 1.0 if digest >> 63 else -1.0
    length = float(np.linalg.norm(found))
    return (found / length if length else found).astype(np.float32)
