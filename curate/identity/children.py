"""Which faces may be children's: those are never merged or thinned out by machine.

Embeddings tell small children badly apart: at a cosine of .40, 35 % of pairs of two children below 3 pass for
one person, against .03-.25 % of adults (benchmarks/identity.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.columns import labels
from schemas.columns.labels.demographics import AGE_PROB

CHILD_CHANCE = 0.10
"""Least chance of being under 13 that counts as a child; measured in benchmarks/identity.py."""
UNDER_13 = {"0-2": 1.0, "3-9": 1.0, "10-19": 0.3}
"""Share of each FairFace age bin that is under 13, ages taken as evenly spread within a bin."""
YOUNG_GROUPS = ("0-2", "3-9")


class Age(IntEnum):
    """What the age labels say about merging a face by machine."""

    ADULT = 0
    CHILD = 1
    UNKNOWN = 2


def columns(known: list[str]) -> list[str]:
    """The columns that `ages` reads, of those at hand."""
    wanted = [f"{AGE_PROB.name}.{group}" for group in UNDER_13] if AGE_PROB.name in known else []
    return wanted + [labels.AGE_GROUP.name for _ in range(labels.AGE_GROUP.name in known)]


def ages(table: pa.Table, chance: float = CHILD_CHANCE) -> NDArray[np.int8]:
    """`Age` of every row.

    A face is a child's where the chance of being under 13 reaches the limit, or where its age group (a
    person's word, where people gave one) is one of the two youngest, or without probabilities any of which
    that share is under 13; unknown where neither is given.

    Args:
        table: Rows with `columns`.
        chance: The limit.

    Returns:
        Shape (rows,), values of `Age`.
    """
    found = np.full(table.num_rows, Age.UNKNOWN, np.int8)
    names = [f"{AGE_PROB.name}.{group}" for group in UNDER_13]
    if all(name in table.column_names for name in names):
        parts = [table.column(name).to_numpy().astype(np.float64) for name in names]
        under = sum(share * part for share, part in zip(UNDER_13.values(), parts, strict=True))
        found[under >= chance] = Age.CHILD
        found[under < chance] = Age.ADULT
    if labels.AGE_GROUP.name in table.column_names:
        groups = table.column(labels.AGE_GROUP.name)
        maybe = [group for group, share in UNDER_13.items() if share >= chance]
        alone = np.where(_within(groups, maybe), Age.CHILD, Age.ADULT)
        found = np.where((found == Age.UNKNOWN) & groups.is_valid().to_numpy(), alone, found).astype(np.int8)
        found[_within(groups, YOUNG_GROUPS)] = Age.CHILD
    return found


def _within(groups: pa.ChunkedArray, names: Sequence[str]) -> NDArray[np.bool_]:
    found = pc.is_in(groups, value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(found, False).to_numpy(), bool)
