"""Group pictures and datasets for the systems' tests of layouts, made from single photographs."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.cli.main import main

HEIGHT, GAP = 300, 20
Pixels = NDArray[np.uint8]


def facecurate(*arguments: object) -> int:
    """Run the command line; gives its exit code."""
    try:
        main([str(a) for a in arguments])
    except SystemExit as left:
        return int(left.code or 0)
    raise AssertionError("main always leaves")


def photo(path: Path) -> Pixels:
    """BGR pixels."""
    found = cv2.imread(str(path))
    assert found is not None
    return np.asarray(found, np.uint8)


def side_by_side(photos: Sequence[Pixels], seed: int, sizes: Sequence[int] = ()) -> Pixels:
    """Photographs in a row on grey, each at a height of its own."""
    rng = np.random.default_rng(seed)
    sizes = sizes or [224] * len(photos)
    width = sum(sizes) + GAP * (len(sizes) + 1)
    canvas = np.full((HEIGHT, width, 3), 128, np.uint8)
    left = GAP
    for pixels, size in zip(photos, sizes, strict=True):
        top = int(rng.integers(0, HEIGHT - size + 1))
        canvas[top : top + size, left : left + size] = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
        left += size + GAP
    return canvas


def lines(folder: Path) -> list[dict[str, Any]]:
    """Rows of a folder that `pairs` wrote."""
    return [json.loads(line) for line in (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]


def manifest(folder: Path) -> dict[str, Any]:
    """What `pairs` says of a folder."""
    found: dict[str, Any] = json.loads((folder / "facecurate-pairs.json").read_text(encoding="utf-8"))
    return found


def picture(path: Path) -> NDArray[Any]:
    """A picture as it is stored: grey or BGR, 8 or 16 bits."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None, path
    return np.asarray(found)


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write a CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
