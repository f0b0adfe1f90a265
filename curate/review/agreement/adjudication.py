"""Which pictures somebody should settle: those on which reviewers disagree, by what the disagreement may cost.

The cost of a face's item is what its common answer is expected to be wrong by, from 0 to 1: of a choice the chance of
being wrong (in order, the expected steps, at most 1); of a number, a box or points how far the reviewers lie apart,
from a distance that is none to one that is plainly too much. Items weigh 1 unless the user says otherwise; a picture's
cost is the sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curate.evaluation.metrics.counting import Floats, ratio
from curate.review.agreement.closeness import pairs_of
from curate.review.agreement.consensus import Opinion
from curate.review.agreement.items import Ask, Item, present
from curate.review.agreement.words import Words
from curate.review.controls import CANNOT_TELL
from curate.store.names import check_name
from curate.store.parts import write_table
from schemas import UnknownNameError, UsageError
from schemas.columns import images

if TYPE_CHECKING:
    from curate.review.agreement.results import Agreement

PRESENCE = "face"
"""Name of the question whether there is a face at all."""
NARROW, WIDE = 0.1, 0.4
"""Distances in shares of a number's scale: up to where nobody disagrees, and from where on it is plainly too far."""
NEAR_POINTS, FAR_POINTS = 0.04, 0.12
"""The same in shares of the eyes' distance."""
GOOD_BOX = 0.75
REASONS = 6
"""Disagreements of a picture that are told in words."""


@dataclass(frozen=True)
class Case:
    """One picture to settle.

    Attributes:
        image_id: The picture.
        cost: Sum over its disagreements.
        disagreements: Their number.
        why: The dearest in words.
    """

    image_id: str
    cost: float
    disagreements: int
    why: tuple[str, ...]


def adjudicate(
    words: Words, items: Sequence[Item], opinions: Sequence[Opinion], costs: Mapping[str, float]
) -> tuple[Case, ...]:  # fmt: skip
    """Pictures with a disagreement, the dearest first.

    Gold pictures are left out: their answers are known.

    Args:
        words: What reviewers said.
        items: What was asked.
        opinions: The common answers, one per item.
        costs: Item or column -> weight.

    Raises:
        UnknownNameError: for a cost of something that was not asked.
        UsageError: for a negative one.
    """
    _check(items, costs)
    found: dict[str, list[tuple[float, str]]] = {}
    gold = words.gold
    for face, cost, why in _disagreements(words, items, opinions, costs):
        picture = words.pictures[face]
        if picture not in gold and cost > 0:
            found.setdefault(picture, []).append((cost, why))
    cases = []
    for picture, told in found.items():
        told.sort(key=lambda t: (-t[0], t[1]))
        cases.append(Case(picture, sum(c for c, _ in told), len(told), tuple(w for _, w in told[:REASONS])))
    return tuple(sorted(cases, key=lambda c: (-c.cost, c.image_id)))


def write_queue(found: Agreement, folder: Path) -> list[Path]:
    """Write the queue as `NAME-queue.parquet` and `.csv`, which `review push --queue` takes; nothing if it is empty."""
    from pyarrow import csv

    if not found.queue:
        return []
    table = pa.table({
        images.IMAGE_ID.name: pa.array([c.image_id for c in found.queue], pa.string()),
        "cost": [round(c.cost, 4) for c in found.queue],
        "disagreements": [c.disagreements for c in found.queue],
        "why": pa.array(["; ".join(c.why) for c in found.queue], pa.string()),
    })  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    stem = check_name("file", f"{found.name}-queue")
    write_table(folder / f"{stem}.parquet", table)
    csv.write_csv(table, folder / f"{stem}.csv")
    return [folder / f"{stem}.parquet", folder / f"{stem}.csv"]


def _check(items: Sequence[Item], costs: Mapping[str, float]) -> None:
    known = {PRESENCE, *(i.name for i in items), *(i.column.name for i in items if i.column is not None)}
    for name, cost in costs.items():
        if name not in known:
            raise UnknownNameError("item to weigh", name, sorted(known))
        if not 0 <= cost < float("inf"):
            raise UsageError(f"a cost of {cost:g} for {name}", "it must be 0 or more")


def _disagreements(
    words: Words, items: Sequence[Item], opinions: Sequence[Opinion], costs: Mapping[str, float]
) -> Iterator[tuple[int, float, str]]:
    """Face, weighted cost and words of every disagreement."""
    there = present(words)
    for face in np.flatnonzero((np.nanmin(there, axis=1, initial=1) == 0) & (np.nansum(there, axis=1) > 0)):
        share = float(np.nanmean(there[face]))
        yes, no = int(np.nansum(there[face])), int((there[face] == 0).sum())
        why = f"{_number(words, face)}: is it one? {yes} say yes, {no} no"
        yield int(face), costs.get(PRESENCE, 1.0) * 2 * min(share, 1 - share), why
    for item, common in zip(items, opinions, strict=True):
        weight = costs.get(item.name, costs.get(item.column.name, 1.0) if item.column is not None else 1.0)
        spread = _spread(item)
        cost = _expected(item, common, spread)
        for face in np.flatnonzero(cost > 0):
            why = f"{_number(words, face)}: {item.title}: {_told(words, item, face, spread[face])}"
            yield int(face), weight * float(cost[face]), why


def _expected(item: Item, common: Opinion, spread: Floats) -> Floats:
    """(faces,) expected cost of the common answer; 0 where nobody disagrees.

    Args:
        item: What was asked.
        common: The common answer.
        spread: As `_spread` gives it.
    """
    answered, unsure = item.answered.sum(1), item.abstained.sum(1)
    torn = np.where((answered > 0) & (unsure > 0), np.minimum(answered, unsure) / np.maximum(answered + unsure, 1), 0.0)
    if item.ask is Ask.CHOICE:
        return np.asarray(np.maximum(np.where(_differ(item.answers), _of_choice(item, common), 0.0), torn))
    if item.ask is Ask.AMOUNT:
        low, high = NARROW * item.span, WIDE * item.span
    elif item.ask is Ask.POINTS:
        low, high = NEAR_POINTS, FAR_POINTS
    else:
        low, high, spread = 1 - GOOD_BOX, 1.0, 1 - spread
    if not high > low:  # a scale without a width
        return torn
    over = (np.nan_to_num(spread, nan=low) - low) / (high - low)
    return np.asarray(np.maximum(np.clip(over, 0.0, 1.0), torn))


def _of_choice(item: Item, common: Opinion) -> Floats:
    best = np.nan_to_num(common.belief).argmax(1)
    if item.ordered:
        place = np.where(np.isnan(common.values), best, common.values)
        steps = np.abs(np.arange(len(item.labels))[None] - place[:, None])
        return np.asarray(np.minimum((np.nan_to_num(common.belief) * steps).sum(1), 1.0))
    return np.asarray(1 - np.nan_to_num(common.belief).max(1, initial=0.0))


def _differ(answers: Floats) -> Floats:
    """(faces,) whether two answers are not the same."""
    low = np.min(answers, axis=1, initial=np.inf, where=~np.isnan(answers))
    high = np.max(answers, axis=1, initial=-np.inf, where=~np.isnan(answers))
    return np.asarray(low < high)


def _spread(item: Item) -> Floats:
    """(faces,) mean nearness of every two reviewers; NaN where there are no two."""
    pairs = pairs_of(item.answers.shape[1])
    if not pairs:
        return np.full(len(item.answers), np.nan)
    table = np.stack([item.near(item.answers[:, a], item.answers[:, b]) for a, b in pairs], axis=1)
    known = ~np.isnan(table)
    count = known.sum(1)
    return np.asarray(ratio(np.nansum(table, axis=1), count))


def _number(words: Words, face: int) -> str:
    """A face by its number in the picture."""
    return f"face {words.faces[face].rpartition('.')[2]}"


def _told(words: Words, item: Item, face: int, far: float) -> str:
    """Who says what, or how far they lie apart."""
    if item.geometric:
        return f"overlap {far:.2f}" if item.ask is Ask.BOX else f"{100 * far:.1f} % of the eyes' distance apart"
    said = []
    for r, name in enumerate(words.raters):
        value = item.answers[face, r]
        if item.abstained[face, r]:
            said.append(f"{CANNOT_TELL} ({name})")
        elif not np.isnan(value):
            said.append(f"{item.labels[int(value)] if item.labels else f'{value:g}'} ({name})")
    return ", ".join(said)
