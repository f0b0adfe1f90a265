"""Rows of prompts that cover a product of axes as evenly as their number allows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas import UsageError

NEGATIVE = "drawing, painting, cartoon, 3d render, deformed, extra faces, text, watermark, child, teenager"
MOST_ROWS = 10_000_000


@dataclass(frozen=True)
class GridRow:
    """One picture to ask for.

    Attributes:
        prompt: What it shall show.
        negative: What it shall not.
        labels: Dataset column -> label that the picture promises.
        facts: The values of all axes, by name.
        seed: Of the picture; rows of one person share it.
        name: File name without ending that carries the facts, where the grid has such names; else empty.
    """

    prompt: str
    negative: str = NEGATIVE
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    name: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as a request carries it."""
        return {"prompt": self.prompt, "negative": self.negative, "labels": dict(self.labels),
                "facts": dict(self.facts), "seed": self.seed, "name": self.name}  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GridRow:
        """Read what `as_dict` gave."""
        return cls(**{k: data[k] for k in ("prompt", "negative", "labels", "facts", "seed", "name") if k in data})


def cells(axes: Mapping[str, Sequence[Any]], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """`count` cells of the product of axes, each as often as any other, give or take one.

    Cells come in an order drawn from the seed, so the first rows of a large grid are already varied.

    Args:
        axes: Name -> values.
        count: Cells to give.
        seed: Of the order.

    Raises:
        UsageError: for an axis without values, or more rows than a grid may have.
    """
    names = list(axes)
    if empty := [n for n in names if not axes[n]]:
        raise UsageError(f"axis {empty[0]} of the grid has no values")
    if not 0 <= count <= MOST_ROWS:
        raise UsageError(f"{count:,} rows", f"a grid has 0 to {MOST_ROWS:,}")
    sizes = [len(axes[n]) for n in names]
    total = int(np.prod(sizes, dtype=np.int64)) if sizes else 1
    order = np.random.default_rng(seed).permutation(total)
    for number in range(count):
        places = np.unravel_index(order[number % total], sizes) if sizes else ()
        yield {n: axes[n][int(p)] for n, p in zip(names, places, strict=True)}


def cell_count(axes: Mapping[str, Sequence[Any]]) -> int:
    """Number of cells of the product."""
    return int(np.prod([len(v) for v in axes.values()], dtype=np.int64)) if axes else 1


def seed_of(*parts: object) -> int:
    """A seed below 2**31 that follows from what is given."""
    text = "\x1f".join(str(p) for p in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") >> 1
