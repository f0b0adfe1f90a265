"""Quality on FairFace's validation adults: what covers a face, what degrades it, and whether groups are judged alike.

python -m benchmarks.quality [--faces N]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import cv2
import numpy as np

from annotators.weights import ModelStore
from benchmarks.labelling import arguments, decode, label, made
from benchmarks.occluders import FITTING, HELD_OUT, REGIONS, adults, occluded
from benchmarks.statistics import auc, groups, mean, proportion, table
from schemas.columns import labels

Row = dict[str, Any]
PARTS = (labels.QUALITY_SCORE, labels.SHARPNESS, labels.EXPOSURE, labels.SIZE, labels.POSE_PART, labels.VISIBILITY)
CLEAR, HIDDEN = 0.15, 0.6


def judged(rows: list[Row], region: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Whether the region is hidden, and the score for it, where it is clearly hidden or clear and has a value."""
    cases = [
        (r["covered"][region], r[labels.REGION_VISIBLE.name][region]) for r in rows if r[labels.REGION_VISIBLE.name]
    ]
    known = [(c > HIDDEN, 1 - v) for c, v in cases if v is not None and (c < CLEAR or c > HIDDEN)]
    return np.array([c for c, _ in known]), np.array([v for _, v in known])


def area(rows: list[Row], region: str) -> str:
    """AUC and the number of hidden and clear cases, or a dash below ten of either."""
    truth, score = judged(rows, region)
    if min(truth.sum(), (~truth).sum()) < 10:
        return "-"
    return f"{auc(truth, score):.3f}, {int(truth.sum())}/{int((~truth).sum())}"


def occlusion(rows: list[Row]) -> str:
    """AUC per region: all kinds of occluder, the kinds never seen in fitting, and each race group."""
    races = sorted({r["race"] for r in rows})
    unseen = [r for r in rows if r["kind"] in {*HELD_OUT, "none"}]
    header = ["region", "all kinds (hidden/clear)", "unseen kinds", *races]
    body = [
        [
            region,
            area(rows, region),
            area(unseen, region),
            *(area([r for r in rows if r["race"] == g], region) for g in races),
        ]
        for region in REGIONS
    ]
    return table(header, body)


def false_alarms(rows: list[Row]) -> str:
    """Share of clean faces on which some region is called more likely covered than not, per race group."""
    clean = [r for r in rows if r["kind"] == "none" and r[labels.REGION_VISIBLE.name]]
    alarm = np.array([any(v is not None and v < 0.5 for v in r[labels.REGION_VISIBLE.name].values()) for r in clean])
    race = [r["race"] for r in clean]
    return table(["race", "n", "clean faces with a region called covered"],
                 [[g, int(k.sum()), proportion(alarm[k])] for g, k in groups(race)])  # fmt: skip


def parts_by_group(rows: list[Row]) -> str:
    """Mean of every part per race group."""
    race = [r["race"] for r in rows]
    values = {c: np.array([np.nan if r[c.name] is None else r[c.name] for r in rows], float) for c in PARTS}
    return table(["race", "n", *(c.name for c in PARTS)],
                 [[g, int(k.sum()), *(mean(values[c][k][~np.isnan(values[c][k])]) for c in PARTS)]
                  for g, k in groups(race)])  # fmt: skip


DEGRADED: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda p: p,
    "blur 1 px": lambda p: cv2.GaussianBlur(p, (0, 0), 1),
    "blur 2 px": lambda p: cv2.GaussianBlur(p, (0, 0), 2),
    "blur 4 px": lambda p: cv2.GaussianBlur(p, (0, 0), 4),
    "light x 1/4": lambda p: (p.astype(float) * 0.25**0.45).astype(np.uint8),
    "light x 1/16": lambda p: (p.astype(float) * 0.0625**0.45).astype(np.uint8),
    "light x 4": lambda p: np.clip(p.astype(float) * 4**0.45, 0, 255).astype(np.uint8),
    "half size": lambda p: cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "quarter size": lambda p: cv2.resize(p, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA),
}


def degraded(pictures: list[tuple[bytes, Row]], change: Callable[[Any], Any]) -> Iterator[tuple[bytes, Row]]:
    """The same pictures, degraded."""
    for picture, known in pictures:
        yield cv2.imencode(".png", change(decode(picture))[..., ::-1])[1].tobytes(), known


def degradation(pictures: list[tuple[bytes, Row]], models: ModelStore) -> str:
    """Mean of every part for each way of degrading the same faces."""
    body = []
    for name, change in DEGRADED.items():
        rows = label(degraded(pictures, change), made("mesh", "head_pose", "quality"), models)
        found = [r for r in rows if r.get(labels.QUALITY_SCORE.name) is not None]
        body.append([name, len(found), *(mean([r[c.name] for r in found if r[c.name] is not None]) for c in PARTS)])
    return table(["", "n", *(c.name for c in PARTS)], body)


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--faces", type=int, default=1500)
    options = parser.parse_args()
    models = ModelStore()
    pictures = list(islice(adults(options.data, "validation"), options.faces))
    labellers = made("mesh", "head_pose", "quality")
    rows = [
        r
        for r in occluded(pictures, FITTING | HELD_OUT, labellers, models, seed=12)
        if r.get(labels.QUALITY_SCORE.name)
    ]
    print("Regions hidden by pasted things, AUC\n", occlusion(rows), sep="\n")
    print("\nFalse alarms on clean faces\n", false_alarms(rows), sep="\n")
    print("\nParts on clean faces\n", parts_by_group([r for r in rows if r["kind"] == "none"]), sep="\n")
    print("\nDegraded on purpose (150 faces)\n", degradation(pictures[:150], models), sep="\n")


if __name__ == "__main__":
    main()
