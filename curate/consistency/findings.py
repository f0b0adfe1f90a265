"""What a check found: findings in rank order, rules with their counts, and rates per group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.consistency.across import AcrossRule
from curate.consistency.rule import Rule, Verdict
from schemas.columns import faces, images

LEAST = 0.25
"""A contradiction of which both sides are less sure than this is no finding."""

RULE, RANK, CONFIDENCE, SEVERITY, SENTENCE = "rule", "rank", "confidence", "severity", "sentence"
SCHEMA = pa.schema([
    faces.FACE_ID.field,
    images.NAME.field,
    pa.field(RULE, pa.string()),
    pa.field(RANK, pa.float32()),
    pa.field(CONFIDENCE, pa.float32()),
    pa.field(SEVERITY, pa.float32()),
    pa.field(SENTENCE, pa.string()),
])  # fmt: skip

_FACE = faces.FACE_ID.name

AnyRule = Rule | AcrossRule


@dataclass(frozen=True)
class RuleCount:
    """How often a rule was checked and found broken.

    Attributes:
        rule: The rule.
        checked: Faces that had all it needs.
        found: Faces that break it.
        missing: Columns that the dataset lacks; the rule was then not checked at all.
    """

    rule: AnyRule
    checked: int
    found: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupRate:
    """How many faces of a perceived group have a finding.

    Attributes:
        column: The grouping column.
        group: Its label.
        n: Faces.
        found: Those with a finding.
        low: Lower end of the 95 % interval of their share (Wilson).
        high: Upper end.
    """

    column: str
    group: str
    n: int
    found: int
    low: float
    high: float


@dataclass(frozen=True)
class Findings:
    """All contradictions of a dataset.

    Attributes:
        table: One row per finding, worst first: face, picture, rule, rank, confidence, severity, sentence.
        rules: A count per rule, also of those that could not be checked.
        groups: Rates per perceived group.
        ids: Face ids that were looked at.
    """

    table: pa.Table
    rules: tuple[RuleCount, ...]
    groups: tuple[GroupRate, ...]
    ids: tuple[str, ...]

    @property
    def faces(self) -> int:
        """Number of faces that were looked at."""
        return len(self.ids)

    @property
    def contradicted(self) -> int:
        """Faces with at least one finding."""
        return len(pc.unique(self.table.column(_FACE)))


def rows_of(rule: AnyRule, verdict: Verdict, ids: Sequence[str], names: Sequence[str]) -> pa.Table:
    """Findings of one rule on some faces, as a table."""
    found = np.flatnonzero(verdict.confidence >= LEAST)
    confidence = verdict.confidence[found]
    return pa.table(
        [
            [ids[i] for i in found],
            [names[i] for i in found],
            [rule.name] * len(found),
            (confidence * rule.severity).astype(np.float32),
            confidence.astype(np.float32),
            np.full(len(found), rule.severity, np.float32),
            [rule.sentence({name: _plain(v[i]) for name, v in verdict.facts.items()}) for i in found],
        ],
        schema=SCHEMA,
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def ranked(tables: Sequence[pa.Table]) -> pa.Table:
    """All findings, the highest rank first; ties by rule and face, so that the order is always the same."""
    table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    order = [(RANK, "descending"), (RULE, "ascending"), (_FACE, "ascending")]
    return table.take(pc.sort_indices(table, sort_keys=order))
