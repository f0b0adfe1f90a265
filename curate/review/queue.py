"""Who needs eyes first: pictures ranked so that the worst-served group's expected error falls fastest."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.review.risk import PARTS, Evidence, evidence
from curate.review.shown import chosen
from curate.store import Dataset
from curate.store.parts import write_table
from schemas import UnknownNameError, UsageError
from schemas.columns import images

GOLD = "gold"
RANK, SCORE, REASON, GROUPS = "rank", "score", "reason", "groups"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class QueueOptions:
    """Choices of a queue.

    Attributes:
        columns: Label columns whose errors count.
        by: Columns whose crossing makes the groups; empty for one group of all.
        budget: Pictures; 0 ranks all.
        where: SQL condition on the faces.
        weights: Part of `risk.PARTS` -> its weight; absent parts have the usual one.
        gold_layer: Layer of people's word from which gold pictures are drawn.
        gold: How many.
        minors: Also pictures that may show minors.
        reviewed: Also pictures that somebody has reviewed.
        seed: Draws the gold pictures and breaks ties.
    """

    columns: tuple[str, ...]
    by: tuple[str, ...] = ()
    budget: int = 0
    where: str | None = None
    weights: Mapping[str, float] | None = None
    gold_layer: str | None = None
    gold: int = 0
    minors: bool = False
    reviewed: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for part in self.weights or ():
            if part not in PARTS:
                raise UnknownNameError("part of the risk", part, PARTS)
        if self.budget < 0 or self.gold < 0:
            raise UsageError("a negative number of pictures", fix="Give 0 or more")
        if self.gold and not self.gold_layer:
            raise UsageError("gold pictures without right answers", fix="Add --gold-layer: a layer of people's word")


@dataclass(frozen=True)
class Queue:
    """A ranked list.

    Attributes:
        table: `image_id`, `rank`, `score`, `reason`, `groups`, `gold` (layer, or null), first things first.
        before: Group -> expected share of wrong labels before a review.
        after: Group -> the same once this list is reviewed.
        faces: Group -> faces.
        parts: Parts of the risk that this dataset has.
    """

    table: pa.Table
    before: Mapping[str, float]
    after: Mapping[str, float]
    faces: Mapping[str, int]
    parts: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write the list, as `review push --queue` takes it."""
        write_table(path, self.table)


def queue(ds: Dataset, options: QueueOptions) -> Queue:
    """Rank pictures for review.

    Pictures are taken one by one, always from the group whose faces' remaining expected share of wrong labels is the
    largest, and of that group the one of the highest risk: its expected share of wrong labels, raised by what else
    speaks against it (see `curate.review.risk`). Where nothing else speaks, this minimises the largest group's
    expected error for every budget, since a review only ever lowers the error of its own faces' groups.

    Raises:
        UsageError: if there is nothing to rank, or a column has no evidence.
    """
    wanted = set(chosen(ds, options.where, options.minors))
    found = evidence(ds, options.columns, options.by, options.weights or {})
    inside = np.array([i in wanted for i in found.images], bool)
    open_ = inside & (np.ones(len(inside), bool) if options.reviewed else ~found.reviewed)
    if not open_.any():
        raise UsageError(f"nothing of {ds.path} is left to review", fix="Add --reviewed to see pictures again")
    gold = _gold(found, inside, options)
    rows = np.flatnonzero(inside)
    order, scores = ranked(
        (found.risk * open_)[rows], (found.wrong * open_)[rows], [found.images[i] for i in rows],
        [found.groups[i] for i in rows], options.budget, options.seed,
    )  # fmt: skip
    order = [i for i in order if i not in gold]
    table = _table(found, order, scores, gold, options.gold_layer)
    done = set(order)
    reviewed = np.array([i in done for i in found.images], bool)
    return Queue(
        table,
        _shares(found, inside, np.zeros(len(inside), bool)),
        _shares(found, inside, reviewed),
        dict(Counter(g for g, i in zip(found.groups, inside, strict=True) if i)),
        found.parts,
    )


def ranked(
    risk: Floats, wrong: Floats, pictures: Sequence[str], groups: Sequence[str], budget: int, seed: int
) -> tuple[list[str], dict[str, float]]:
    """Pictures in the order in which they should be seen.

    Args:
        risk: Of each face, >= 0; faces of risk 0 need no eyes.
        wrong: Of each face, the expected share of wrong labels.
        pictures: Of each face.
        groups: Of each face.
        budget: Pictures; 0 takes all that have a risk.
        seed: Breaks ties.

    Returns:
        The pictures, and the risk of each: the sum over its faces.
    """
    total: dict[str, float] = {}
    inside: dict[str, dict[str, float]] = {}
    errors: dict[str, dict[str, float]] = {}
    for face, picture in enumerate(pictures):
        total[picture] = total.get(picture, 0.0) + float(risk[face])
        for table, values in ((inside, risk), (errors, wrong)):
            own = table.setdefault(picture, {})
            own[groups[face]] = own.get(groups[face], 0.0) + float(values[face])
    size = Counter(groups)
    left: dict[str, float] = dict.fromkeys(size, 0.0)
    for own in errors.values():
        for group, value in own.items():
            left[group] += value
    ties = np.random.default_rng(seed).permutation(len(inside)).tolist()
    heaps: dict[str, list[tuple[float, int, str]]] = {g: [] for g in size}
    for tie, (picture, own) in zip(ties, inside.items(), strict=True):
        for group, value in own.items():
            if value > 0:
                heaps[group].append((-value, tie, picture))
    for heap in heaps.values():
        heapq.heapify(heap)
    order: dict[str, None] = {}
    while heaps and (not budget or len(order) < budget):
        worst = max(heaps, key=lambda g: (left[g] / size[g], g))
        heap = heaps[worst]
        while heap and heap[0][2] in order:
            heapq.heappop(heap)
        if not heap:
            del heaps[worst]
            continue
        picture = heapq.heappop(heap)[2]
        order[picture] = None
        for group, value in errors[picture].items():
            left[group] -= value
    return list(order), {p: total[p] for p in order}


def _gold(found: Evidence, inside: NDArray[np.bool_], options: QueueOptions) -> set[str]:
    """Gold pictures, drawn evenly over the groups."""
    if not options.gold:
        return set()
    known = found.told_by(options.gold_layer or "")
    pool: dict[str, list[str]] = {}
    for picture, group, there in zip(found.images, found.groups, inside, strict=True):
        if there and picture in known:
            pool.setdefault(group, []).append(picture)
    if not pool:
        raise UsageError(
            f"layer '{options.gold_layer}' says nothing of these pictures", fix="Give another --gold-layer"
        )
    rng = np.random.default_rng(options.seed)
    shuffled = {g: [str(p) for p in rng.permutation(list(dict.fromkeys(own)))] for g, own in sorted(pool.items())}
    drawn: dict[str, None] = {}
    longest = max(map(len, shuffled.values()))
    for turn in range(longest):
        for own in shuffled.values():
            if turn < len(own) and len(drawn) < options.gold:
                drawn[own[turn]] = None
    return set(drawn)


def _table(
    found: Evidence, order: Sequence[str], scores: Mapping[str, float], gold: set[str], layer: str | None
) -> pa.Table:
    reasons, groups = found.reasons(set(order)), found.groups_of(set(order) | gold)
    rows: list[dict[str, Any]] = [
        {images.IMAGE_ID.name: p, SCORE: scores[p], REASON: reasons[p], GROUPS: groups[p], GOLD: None} for p in order
    ]
    step = max(1, len(rows) // (len(gold) + 1))
    for number, picture in enumerate(sorted(gold)):
        row = {images.IMAGE_ID.name: picture, SCORE: None, REASON: "gold", GROUPS: groups[picture], GOLD: layer}
        rows.insert(min(len(rows), (number + 1) * step + number), row)
    schema = pa.schema([
        (images.IMAGE_ID.name, pa.string()), (RANK, pa.int64()), (SCORE, pa.float64()), (REASON, pa.string()),
        (GROUPS, pa.list_(pa.string())), (GOLD, pa.string()),
    ])  # fmt: skip
    return pa.Table.from_pylist([{**row, RANK: n} for n, row in enumerate(rows, 1)], schema=schema)


def _shares(found: Evidence, inside: NDArray[np.bool_], reviewed: NDArray[np.bool_]) -> dict[str, float]:
    """Group -> mean expected share of wrong labels over its faces; what is or was reviewed counts as right."""
    left = np.where(reviewed | found.reviewed, 0.0, found.wrong)
    shares: dict[str, float] = {}
    for group in sorted(set(found.groups)):
        own = np.array([g == group for g in found.groups], bool) & inside
        if own.any():
            shares[group] = float(left[own].mean())
    return shares


__all__ = ["GOLD", "Queue", "QueueOptions", "queue", "ranked"]
