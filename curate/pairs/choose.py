"""Takes proposed rows until there are enough: those that keep every rule; the others are counted by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curate.pairs.base import PairKind, Row
from curate.pairs.pool import Pool
from curate.pairs.rules import Rules, Verdict

AGAIN = "it is there already"
OFTEN = "a face is in enough rows already"
LOGGED = 100_000
"""Refused rows that are logged one by one; all are counted."""
PATIENCE = 200
"""Refusals for every row wanted, after which a kind that finds nothing more is not asked any longer."""
LEAST_PATIENCE = 20_000


@dataclass
class Chosen:
    """Rows that stand, and what became of the others.

    Attributes:
        rows: In the order in which they were taken.
        refused: Reason -> rows.
        log: Refused rows: face ids by role, reason, and the value that decided.
        stopped: The kind was not asked for more since too much was refused.
    """

    rows: list[Row] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    log: list[dict[str, Any]] = field(default_factory=list)
    stopped: bool = False


def choose(pool: Pool, kind: PairKind, count: int, seed: int, per_face: int = 0) -> Chosen:
    """Rows of a kind.

    Args:
        pool: The faces.
        kind: Proposes.
        count: Most rows; 0 for all.
        seed: Of the kind's draws.
        per_face: Most rows in which a face may stand; 0 for any number.
    """
    rules, found = Rules(kind), Chosen()
    seen: set[Any] = set()
    used: Counter[int] = Counter()
    patience = max(LEAST_PATIENCE, PATIENCE * count)
    for row in _proposed(kind, pool, seed):
        again = _again(kind, row, seen, used, per_face)
        verdict = rules.judge(pool, row) if again is None else again
        if verdict:
            found.rows.append(row)
            seen.add(_key(kind, row))
            used.update(face for _, face in row.every)
        else:
            refuse(found, pool, row, verdict)
        if count and len(found.rows) == count:
            break
        if count and found.refused.total() > patience:
            found.stopped = True
            break
    return found


def _proposed(kind: PairKind, pool: Pool, seed: int) -> Iterator[Row]:
    return kind.propose(pool, np.random.default_rng(seed))


def _key(kind: PairKind, row: Row) -> Any:
    faces = tuple(sorted((role, tuple(sorted(found))) for role, found in row.faces.items()))
    notes = repr(sorted(row.notes.items()))
    return (faces, notes) if kind.ordered else (frozenset(face for _, face in row.every), notes)


def _again(kind: PairKind, row: Row, seen: set[Any], used: Counter[int], per_face: int) -> Verdict | None:
    if _key(kind, row) in seen:
        return Verdict(AGAIN)
    if per_face and any(used[face] >= per_face for _, face in row.every):
        return Verdict(OFTEN)
    return None


def refuse(found: Chosen, pool: Pool, row: Row, verdict: Verdict) -> None:
    """Count and log a row that does not stand."""
    found.refused[verdict.reason] += 1
    if len(found.log) < LOGGED:
        ids = {role: [pool.face_ids[f] for f in faces] for role, faces in row.faces.items()}
        found.log.append({**ids, "reason": verdict.reason, "value": verdict.value})
