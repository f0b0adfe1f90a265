"""How well labels survive small changes of the picture that change nothing about the face."""

from __future__ import annotations

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32, scores

STABILITY_GROUP = ColumnGroup("stability", "Agreement of labels with themselves under small changes of the picture.")
STABILITY = scores(
    STABILITY_GROUP, "stability", "probed-label",
    "Mean agreement over the probes: share of equal labels, or 1 less the change in units of what matters.",
)  # fmt: skip
STABILITY_BY_PROBE = scores(STABILITY_GROUP, "stability_by_probe", "probe", "Mean agreement over the labels.")
STABILITY_LEAST = STABILITY_GROUP.add(
    "stability_least", F32, Kind.NUMBER, "Stability of the least stable label.", unit="0-1", low=0, high=1
)
