"""Contradictions among the labels of one face."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32

CONSISTENCY = ColumnGroup("consistency", "Labels of one face that cannot all be right.")
FINDINGS = CONSISTENCY.add(
    "consistency_findings", pa.list_(pa.string()), Kind.LIST,
    "Names of the rules that the labels break, the worst first; empty where none is broken.",
)  # fmt: skip
CONSISTENCY_SCORE = CONSISTENCY.add(
    "consistency_score", F32, Kind.NUMBER,
    "1 where no rule is broken, else 1 minus the worst finding's rank (confidence of both sides x severity).",
    unit="0-1", low=0, high=1,
)  # fmt: skip
