"""Mouth and eyes as openings between an upper and a lower edge, before and after a movement.

What shows in an opening does not move with its edges: the eyeball and the upper teeth stay where they are and the
edges slide over them. Each pixel is looked at in the frame of its opening: along its corners, and down from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import Array, canonical_face

MOUTH = (
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
"""Mesh points along the upper and the lower edge, from the image's left."""
RIGHT_EYE = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133))
LEFT_EYE = tuple(tuple(int(canonical_face().mirror[i]) for i in reversed(chain)) for chain in RIGHT_EYE)


@dataclass(frozen=True)
class Edges:
    """The edges of an opening as heights over a line through its corners; px, `down` grows from forehead to chin.

    Attributes:
        origin: (2,) the first corner.
        along: (2,) unit vector from the first corner to the last.
        upper: (2, n) places along, and how far down the upper edge is there.
        lower: The same of the lower edge.
    """

    origin: Array
    along: Array
    upper: Array
    lower: Array

    @property
    def down(self) -> Array:
        """Unit vector down."""
        return np.array([-self.along[1], self.along[0]])

    def frame(self, points: NDArray[np.floating[Any]]) -> tuple[Array, Array]:
        """Places along and down of points, shape (n, 2) px."""
        rest = points[:, :2] - self.origin
        return rest @ self.along, rest @ self.down

    def heights(self, along: Array) -> tuple[Array, Array]:
        """How far down the upper and the lower edge are at places along."""
        return np.interp(along, *self.upper), np.interp(along, *self.lower)

    def gap(self) -> float:
        """Largest distance between the edges, px; not below 0."""
        upper, lower = self.heights(self.upper[0])
        return max(float((lower - upper).max()), 0.0)


def edges(mesh: Array, chains: tuple[tuple[int, ...], ...], like: Edges | None = None) -> Edges:
    """An opening's edges.

    Args:
        mesh: (468 or more, 2 or more) px.
        chains: Mesh points along the upper and the lower edge, such as `MOUTH`.
        like: Edges whose frame is used; their own if None.
    """
    first, last = mesh[chains[0][0], :2], mesh[chains[0][-1], :2]
    origin = first if like is None else like.origin
    along = (last - first) / max(float(np.linalg.norm(last - first)), 1e-6) if like is None else like.along
    down = np.array([-along[1], along[0]])
    curves = []
    for chain in chains:
        rest = mesh[list(chain), :2] - origin
        places = np.maximum.accumulate(rest @ along + np.arange(len(chain)) * 1e-6)
        curves.append(np.stack([places, rest @ down]))
    return Edges(origin, along, curves[0], curves[1])


def outline(mesh: Array, chains: tuple[tuple[int, ...], ...]) -> Array:
    """The opening as a polygon, shape (n, 2) px."""
    around = [*chains[0], *reversed(chains[1][1:-1])]
    return np.asarray(mesh[around, :2])


def smooth_step(values: NDArray[np.floating[Any]] | float, low: float, high: float) -> Array:
    """0 at `low`, 1 at `high`, smooth in between."""
    share = np.clip((np.asarray(values, np.float64) - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def stretched(
    down: Array, before: tuple[Array, Array], after: tuple[Array, Array], rest: float,
    hanging: bool = False,
) -> Array:  # fmt: skip
    """Where in the old opening a place of the new one is looked up: its middle stays, what edges uncover is stretched.

    Args:
        down: (n,) places down.
        before: Heights of the old upper and lower edge there, (n,) each.
        after: Heights of the new ones.
        rest: What stays, as a share of the old opening from the upper edge; below it, contents follow the lower edge.
        hanging: Nothing follows the lower edge.
    """
    middle = before[0] + rest * (before[1] - before[0])
    above = (middle - before[0]) / np.maximum(middle - np.minimum(after[0], middle - 1e-3), 1e-3)
    below = (before[1] - middle) / np.maximum(np.maximum(after[1], middle + 1e-3) - middle, 1e-3)
    above, below = np.minimum(above, 1.0), np.ones(len(down)) if hanging else np.minimum(below, 1.0)
    return np.asarray(middle + (down - middle) * np.where(down < middle, above, below))
