"""Pictures and helpers of the engine tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.kills import contents
from curate.api import Options

__all__ = ["contents", "options", "photos"]

ANNOTATORS = ("toy_total",)


def photos(folder: Path, count: int = 40, seed: int = 0) -> Path:
    """Grey pictures with 0 to 3 coloured squares each, one broken file, one duplicate."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        image = np.full((80, 200, 3), 128, np.uint8)
        image[0] = i
        for j in range(i % 4):
            top = int(rng.integers(5, 20))
            colour = rng.permutation([0, int(rng.integers(60, 120)), int(rng.integers(150, 255))])
            image[top : top + 40, 10 + 60 * j : 50 + 60 * j] = colour if (i + j) % 7 else (70, 0, 0)
        cv2.imwrite(str(folder / f"{i:04d}.png"), image)
    (folder / "broken.png").write_bytes((folder / "0001.png").read_bytes()[:90])
    (folder / "copy.png").write_bytes((folder / "0002.png").read_bytes())
    return folder


def options(**changes: object) -> Options:
    """Options that use the toys only."""
    return Options(**{"annotators": ANNOTATORS, "detector": "toy_finder", "workers": 1, "shard_size": 10, **changes})
