"""What a filter would remove from each group."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from curate.audit.conditions import distance
from curate.audit.exact import rate, rates
from curate.audit.faces import UNKNOWN, Faces
from curate.audit.groups import Cube, Grouping
from curate.audit.options import AuditOptions
from curate.audit.sections import GroupFigure
from curate.audit.structure import FilterImpact, FilterSplit
from curate.store.view import FaceView
from schemas.columns import faces as face_columns
from schemas.columns import labels

_USUAL = (
    (labels.QUALITY_SCORE.name, "{0} >= 0.5"),
    (labels.INTER_OCULAR.name, "{0} >= 40"),
    (labels.YAW.name, "abs({0}) <= 30"),
    (face_columns.SCORE.name, "{0} >= 0.8"),
    (labels.FACE_DOUBTFUL.name, "NOT {0}"),
    (labels.COVERED_SHARE.name, "{0} <= 0.2"),
)
"""Filters that are often applied to faces before training, and the column each needs."""


def usual(view: FaceView) -> list[str]:
    """The usual filters whose columns this dataset has."""
    here = set(view.columns())
    return [form.format(name) for name, form in _USUAL if name in here]


def impacts(
    faces: Faces, cube: Cube, asked: Sequence[str], usual_ones: Sequence[str], options: AuditOptions
) -> list[FilterImpact]:
    """What each filter removes, those asked for first."""
    others = [text for text in usual_ones if text not in asked]
    return [
        *(_impact(faces, cube, text, False, options) for text in dict.fromkeys(asked)),
        *(_impact(faces, cube, text, True, options) for text in others),
    ]


def _impact(faces: Faces, cube: Cube, condition: str, is_usual: bool, options: AuditOptions) -> FilterImpact:
    kept = faces.kept.get(condition, np.zeros(0, np.int8))
    table = cube.table((kept == 1).astype(np.int8), 2)
    splits = [_split(grouping, cube.by(grouping, table), options) for grouping in cube.groupings]
    stay = int((kept == 1).sum())
    ranked = sorted(splits, key=lambda s: -s.gap.size.value if math.isfinite(s.gap.size.value) else 1.0)
    return FilterImpact(
        condition, is_usual, stay, rate(faces.n - stay, faces.n), int((kept == UNKNOWN).sum()), tuple(ranked)
    )


def _split(grouping: Grouping, counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
           options: AuditOptions) -> FilterSplit:  # fmt: skip
    removed = rates(counts[:, 0], counts.sum(1))
    groups = tuple(
        GroupFigure(name, e.n, e.n < options.min_group, e) for name, e in zip(grouping.names, removed, strict=True)
    )
    apart = distance(groups, options, higher_is_better=False)
    figures = {g.name: g.figure.value for g in groups}
    if apart.best is None or apart.best == apart.worst:
        return FilterSplit(grouping.by, groups, apart, math.nan, "Fewer than two groups are large enough to compare.")
    least, most = figures[apart.best], figures[apart.worst]
    sentence = f"removes {percent(most)} of {apart.worst} against {percent(least)} of {apart.best}"
    return FilterSplit(grouping.by, groups, apart, most / least if least > 0 else math.nan, sentence)


def percent(share: float) -> str:
    """A share in per cent, with a decimal below ten."""
    if math.isnan(share):
        return "-"
    text = f"{100 * share:.1f}" if 0 < share < 0.0995 else f"{100 * share:.0f}"
    return f"{text} %"
