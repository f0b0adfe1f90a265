"""Find the numbers of a style from one example of it, as a designer would by trying.

W. Loetzsch et al., "WISE: Whitebox image stylization by example-based learning", ECCV 2022, fit such numbers by
gradients; here a search without gradients does, since the filters have few numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.generators.style_tools import blurred
from curate.generators.stylisers import STYLES, styled

SEARCH_SIDE = 256
"""Longer side in pixels at which the search looks; lengths of styles grow with the picture."""
POPULATION = 24
KEPT = 6
BLURS = (0.0, 2.0, 8.0)
"""Scales at which pictures are compared, in pixels of the search."""
STAYS = 0.05
"""Least spread of the search, as a share of each number's range, that a round begins with."""


@dataclass(frozen=True)
class Fitted:
    """What was found.

    Attributes:
        style: The style's name.
        numbers: Fields of its dataclass, as `styled` takes them.
        loss: Distance of the picture so made to the example; see `style_loss`.
        typical: Median loss of numbers drawn at random, to compare with.
        tried: How many pictures were made.
    """

    style: str
    numbers: dict[str, Any]
    loss: float
    typical: float
    tried: int


def style_loss(first: Pixels, second: Pixels) -> float:
    """Mean absolute difference of two pictures in 0-1, averaged over three scales from fine to coarse."""
    difference = (first.astype(np.float32) - second.astype(np.float32)) / 255
    return float(np.mean([np.abs(blurred(difference, b) if b else difference).mean() for b in BLURS]))


def fit_style(
    content: Pixels, example: Pixels, style: str, fixed: dict[str, Any] | None = None, rounds: int = 16, seed: int = 0
) -> Fitted:
    """Numbers under which a style turns the content into the example; the same for the same seed.

    A cross-entropy search: R. Rubinstein, "The cross-entropy method for combinatorial and continuous optimization",
    1999. Each round draws around the mean of the best so far, with their spread.

    Args:
        content: RGB photo.
        example: The same photo as drawn by someone, of the same shape.
        style: A name of `stylisers.STYLES`.
        fixed: Numbers that are known, such as the seed of a grain.
        rounds: Rounds of 24 pictures each.
        seed: Of the search.
    """
    rng = np.random.default_rng(seed)
    content, example = (_small(p) for p in (content, example))
    ends = {name: e for name, e in STYLES[style].ends.items() if name not in (fixed or {})}
    known = STYLES[style].at(0.5) | (fixed or {})

    def numbers(place: NDArray[np.float64]) -> dict[str, Any]:
        values = {name: low + p * (high - low) for (name, (low, high)), p in zip(ends.items(), place, strict=True)}
        return known | {k: round(v) if isinstance(known[k], int) else float(v) for k, v in values.items()}

    def loss(place: NDArray[np.float64]) -> float:
        return style_loss(styled(content, style, numbers(place)), example)

    places = rng.uniform(0, 1, (2 * POPULATION, len(ends)))
    losses = np.array([loss(p) for p in places])
    typical = float(np.median(losses))
    for _ in range(rounds):
        best = np.argsort(losses, kind="stable")[:KEPT]
        middle, spread = places[best].mean(0), places[best].std(0)
        places, losses = places[best], losses[best]
        near = rng.normal(middle, np.maximum(1.2 * spread, STAYS * losses[0] / typical), (POPULATION, len(ends)))
        near = np.clip(near, 0, 1)
        places = np.vstack([places, near])
        losses = np.concatenate([losses, [loss(p) for p in near]])
    first = int(losses.argmin())
    return Fitted(style, numbers(places[first]), float(losses[first]), typical, POPULATION * (rounds + 2))


def _small(pixels: Pixels) -> Pixels:
    side = max(pixels.shape[:2])
    if side <= SEARCH_SIDE:
        return pixels
    size = (round(pixels.shape[1] * SEARCH_SIDE / side), round(pixels.shape[0] * SEARCH_SIDE / side))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
