"""What size a plan may have where it decides itself: which groups hold it down, and what stands in for it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from curate.balance.model import LEAST, Floats, Model, build
from curate.balance.solve import capacity, strict
from curate.balance.targets import Target

MOST_NAMED = 5


def reference_size(model: Model) -> float | None:
    """Size that shares are counted of where no size meets all targets.

    Groups that can have no face at all are left out, the others keep their proportions; the size is that of the
    best plan for these. Where a limit asks for more faces of a group than it would then have, the size grows
    until its share comes to that.

    Returns:
        None where no target is a share: then nothing depends on the size.
    """
    survey, options = model.survey, model.options
    if not options.targets:
        return None
    targets, left = _reachable(model)
    relaxed = dataclasses.replace(options, targets=tuple(targets), least=())
    smaller = build(survey, relaxed)
    found = strict(smaller, options.seconds) if targets else None
    if found is None:
        size = float(survey.real.sum() + survey.synthetic.sum())
    else:
        size = float(smaller.by_cell(found.values).sum()) / left
    wanted = {d.cells.tobytes(): d.low for d in model.demands if d.kind == LEAST and d.low}
    shares = [(d.share, wanted[d.cells.tobytes()]) for d in model.demands if d.share and d.cells.tobytes() in wanted]
    return max([size, *(low / share for share, low in shares)])


def _reachable(model: Model) -> tuple[list[Target], float]:
    """Targets without groups that can have no face, and the least share that is left of any target."""
    empty: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    have = model.survey.real + model.survey.synthetic
    for demand in model.demands:
        if demand.share and not have[demand.cells].sum() and not capacity(model, demand.cells.tolist()):
            empty.setdefault(demand.columns, set()).add(demand.labels)
    targets, left = [], 1.0
    for target in model.options.targets:
        kept = {g: s for g, s in target.shares.items() if g not in empty.get(target.columns, ())}
        whole = math.fsum(kept.values())
        if whole > 0:
            left = min(left, whole)
            targets.append(dataclasses.replace(target, shares={g: s / whole for g, s in kept.items()}))
    return targets, left


def holding_down(model: Model, counts: Floats) -> list[dict[str, Any]]:
    """Groups that give all their faces in a plan that has fewer of others than there are, the scarcest first.

    Args:
        model: The plan's optimisation.
        counts: Planned faces per cell.
    """
    have = (model.survey.real + model.survey.synthetic).astype(float)
    if counts.sum() >= have.sum():
        return []
    found: list[dict[str, Any]] = []
    for demand in model.demands:
        most = float(have[demand.cells].sum())
        if demand.share and 0 < most <= counts[demand.cells].sum() and most < demand.share * have.sum():
            found.append({"labels": dict(zip(demand.columns, demand.labels, strict=True)), "faces": int(most)})
    return sorted(found, key=lambda g: int(g["faces"]))[:MOST_NAMED]
