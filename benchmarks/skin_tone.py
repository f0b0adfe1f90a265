"""Skin tone on FairFace's validation faces: order of the groups, trust per group, and what tinted light does.

    python -m benchmarks.skin_tone [--faces N]

The groups are crowd workers' perception of race, not of skin colour: only their order can be judged.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import cv2
import numpy as np

from annotators.colour import linear_rgb
from annotators.weights import ModelStore
from benchmarks.labelling import arguments, decode, fairface, label, made
from benchmarks.statistics import auc, bootstrap, groups, proportion, table
from schemas import taxonomy
from schemas.columns import labels

Row = dict[str, Any]
LIGHTS = {
    "half": (0.5, 0.5, 0.5),
    "a tenth": (0.1, 0.1, 0.1),
    "triple": (3.0, 3.0, 3.0),
    "warm": (1.25, 1.0, 0.7),
    "very warm": (1.6, 1.0, 0.45),
    "cool": (0.75, 1.0, 1.35),
    "very cool": (0.55, 1.0, 1.8),
    "green": (0.8, 1.2, 0.8),
}
"""Linear gains of red, green and blue."""


def median(values: Any) -> float:
    """Median as a plain number."""
    return float(np.median(values))


def by_group(rows: list[Row]) -> str:
    """Median angle and lightness, median Monk tone, and share of low confidence per group."""
    tones = taxonomy("monk-10").labels
    body = []
    for group, mask in groups([r["race"] for r in rows]):
        mine = [r for r, m in zip(rows, mask, strict=True) if m]
        confidence = np.array([r[labels.SKIN_CONFIDENCE.name] for r in mine])
        with_tone = [r for r in mine if r[labels.ITA.name] is not None]
        trusted = [r for r in with_tone if r[labels.SKIN_CONFIDENCE.name] >= 0.5]
        angle, trusted_angle = ([r[labels.ITA.name] for r in some] for some in (with_tone, trusted))
        monk = [1 + tones.index(r[labels.MONK.name]) for r in trusted]
        body.append(
            [group, len(mine), f"{bootstrap(median, angle):.1f}", f"{bootstrap(median, trusted_angle):.1f}",
             f"{bootstrap(median, monk):.0f}", proportion(confidence < 0.5)]
        )  # fmt: skip
    body.sort(key=lambda r: -float(str(r[3]).split()[0]))
    header = ["race", "n", "median ITA, all", "median ITA, confidence >= .5", "median Monk tone", "confidence < .5"]
    return table(header, body)


def lighting(rows: list[Row]) -> str:
    """How often each doubt about the light is the main one."""
    found = [r[labels.SKIN_LIGHTING.name] for r in rows]
    names = taxonomy("skin-lighting").labels
    return table(["lighting", "share"], [[name, proportion([f == name for f in found])] for name in names])


def relit(picture: bytes, gains: tuple[float, float, float]) -> bytes:
    """The picture with linear gains of its channels, as PNG."""
    light = np.clip(linear_rgb(decode(picture)) * gains, 0, 1)
    curve = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    return cv2.imencode(".png", (curve * 255).round().astype(np.uint8)[..., ::-1])[1].tobytes()


def under_light(pictures: list[tuple[bytes, Row]], models: ModelStore) -> str:
    """What each light does to the same faces: shift of the angle, and whether the confidence notices."""
    plain = {r["file"]: r for r in label(pictures, made("mesh", "skin_tone"), models)}
    body = []
    for name, gains in LIGHTS.items():
        changed = label(((relit(p, gains), r) for p, r in pictures), made("mesh", "skin_tone"), models)
        pairs = [(plain[r["file"]], r) for r in changed]
        pairs = [p for p in pairs if all(r.get(labels.ITA.name) is not None for r in p)]
        before, after = (np.array([p[i][labels.SKIN_CONFIDENCE.name] for p in pairs]) for i in (0, 1))
        shift = [b[labels.ITA.name] - a[labels.ITA.name] for a, b in pairs]
        truth = np.repeat([False, True], len(pairs))
        body.append(
            [name, len(pairs), f"{bootstrap(median, shift):.1f}", f"{before.mean():.2f}", f"{after.mean():.2f}",
             auc(truth, -np.concatenate([before, after]))]
        )  # fmt: skip
    header = ["light", "n", "median shift of ITA", "confidence before", "after", "AUC of low confidence for this light"]
    return table(header, body)


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--faces", type=int, default=2051)
    options = parser.parse_args()
    models = ModelStore()
    pictures = list(islice(fairface(options.data, "validation"), options.faces))
    rows = [r for r in label(pictures, made("mesh", "skin_tone"), models) if r.get(labels.SKIN_LIGHTING.name)]
    print(f"{len(rows)} of {len(pictures)} faces have an answer\n")
    coloured = [r for r in rows if r[labels.SKIN_LIGHTING.name] != "grey_image"]
    print(by_group(coloured), "", lighting(rows), "", under_light(pictures[:300], models), sep="\n")


if __name__ == "__main__":
    main()
