"""Measure how skin and lips change colour from the darkest skin to the lightest, and write it as the generator's data.

    python -m benchmarks.fit_tone_axis [--count N] [--to FILE]

FairFace training faces of adults (CC BY 4.0) whose light the skin tone annotator finds usable. At each lightness the
table holds medians over the nearest faces, so it says how photographed skin is coloured, under the light of such
photos: it is redder than the swatches of the Monk scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from annotators.colour import srgb_to_lab
from annotators.crops import Pixels
from annotators.weights import ModelStore
from benchmarks.labelling import arguments, decode, fairface, label, made
from benchmarks.toml_text import toml_value
from curate.generators.regions import Regions, regions
from curate.generators.subject import portrait
from schemas.columns import labels

Row = dict[str, Any]
OUT = Path(__file__).resolve().parents[1] / "curate" / "generators" / "data" / "skin_tone.toml"
SIDE = 256
YOUNG = ("0-2", "3-9", "10-19")
SURE = 0.6
"""Least confidence of the skin tone annotator."""
LIGHTNESS = tuple(range(20, 86, 5))
NEAREST = 0.08
"""Share of the faces that a row of the table is the median of."""
QUANTILES = (10, 50, 90)


def adults(data: Path, count: int) -> Iterator[tuple[bytes, Row]]:
    """Training pictures of adults, at most `count` of each group, so that dark skin is not outnumbered."""
    seen: dict[str, int] = {}
    for picture, row in fairface(data, "train"):
        group = str(row["race"])
        if row["age"] in YOUNG or seen.get(group, 0) >= count:
            continue
        seen[group] = seen.get(group, 0) + 1
        yield picture, row


def measured(pixels: Pixels, row: Row) -> Row | None:
    """Skin's median colour, the reach of its lightness to both sides, its chroma, and the lips' colour."""
    parts = regions(portrait(pixels, row, SIDE))
    skin = srgb_to_lab(parts.pixels[chosen(parts)])
    lips = srgb_to_lab(parts.pixels[(parts.lips > 0.9)])
    if len(skin) < 400 or len(lips) < 40:
        return None
    low, middle, high = np.percentile(skin[:, 0], QUANTILES)
    return {
        "light": float(row[labels.SKIN_LAB.name][0]),
        "skin": [float(v) for v in row[labels.SKIN_LAB.name]],
        "lips": [float(v) for v in np.median(lips, axis=0)],
        "below": float(middle - low),
        "above": float(high - middle),
    }


def chosen(parts: Regions) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Pixels of cheeks and forehead that are surely skin."""
    return np.asarray(np.maximum(parts.cheeks, parts.forehead) * parts.face * parts.bare_skin > 0.8)


def axis(rows: list[Row]) -> dict[str, list[float]]:
    """The table: medians over the faces nearest in lightness, at each step within the faces' own range."""
    light = np.array([r["light"] for r in rows])
    low, high = np.quantile(light, (0.01, 0.99))
    steps = [v for v in LIGHTNESS if low - 5 < v < high + 5]
    near = [np.argsort(np.abs(light - v))[: max(round(NEAREST * len(rows)), 20)] for v in steps]

    def column(key: str, part: int | None = None) -> list[float]:
        values = np.array([r[key] if part is None else r[key][part] for r in rows], np.float64)
        # A line through the nearest faces, read at the step: at the ends they all lie to one side.
        fits = [np.polyfit(light[n], values[n], 1) for n in near]
        smooth = np.array([np.polyval(f, v) for f, v in zip(fits, steps, strict=True)])
        padded = np.pad(smooth, 1, mode="edge")
        return [round(float(v), 2) for v in (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4]

    return {
        "lightness": [float(v) for v in steps],
        "a": column("skin", 1),
        "b": column("skin", 2),
        "lips_lightness": column("lips", 0),
        "lips_a": column("lips", 1),
        "lips_b": column("lips", 2),
        "below": column("below"),
        "above": column("above"),
    }


def text(table: dict[str, list[float]], count: int) -> str:
    """The file."""
    head = (
        "# Written by benchmarks/fit_tone_axis.py: colour of skin (CIELAB, D65) in photos against its lightness.\n"
        f"# Medians over {count} adults of FairFace's training split (CC BY 4.0) under usable light.\n"
        "# below, above: from the median to the 10 and 90 % quantile of lightness on a face's cheeks and forehead.\n\n"
    )
    return head + "[axis]\n" + "".join(f"{key} = {toml_value(values)}\n" for key, values in table.items())


def main() -> None:
    """Measure and write."""
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=200, help="pictures of each of the seven groups")
    parser.add_argument("--to", type=Path, default=OUT, help="the file to write")
    options = parser.parse_args()
    models = ModelStore()
    found: list[Row | None] = []
    stream = iter(adults(options.data, options.count))
    while chunk := list(islice(stream, 64)):
        rows = label([(d, {"picture": d}) for d, _ in chunk], made("mesh", "skin_tone"), models)
        sure = [r for r in rows if (r.get(labels.SKIN_CONFIDENCE.name) or 0) >= SURE]
        found += [measured(decode(r["picture"]), r) for r in sure if r[labels.SKIN_LAB.name] is not None]
    kept = [r for r in found if r is not None]
    options.to.write_text(text(axis(kept), len(kept)), encoding="utf-8")
    print(f"{len(kept)} faces; wrote {options.to.name}")


if __name__ == "__main__":
    main()
