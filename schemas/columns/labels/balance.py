"""What a balance plan says of each face; `balance_selected` is the condition of the selected view."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32

BALANCE = ColumnGroup("balance", "What a balance plan says of each face. Nothing is ever deleted.")
BALANCE_SELECTED = BALANCE.add("balance_selected", pa.bool_(), Kind.FLAG, "It stays in the balanced selection.")
BALANCE_WEIGHT = BALANCE.add(
    "balance_weight", F32, Kind.NUMBER,
    "Sampling weight for training, 1 on average over the plan; 0 for faces that do not stay.", low=0,
)  # fmt: skip
BALANCE_CELL = BALANCE.add(
    "balance_cell", pa.string(), Kind.TEXT, "Labels of its cell; null where a label is unknown.", sensitive=True
)
BALANCE_RULE = BALANCE.add(
    "balance_rule", pa.string(), Kind.TEXT,
    "Rule by which it goes: replaced, outside, no label, duplicate, identity or full; null where it stays.",
)  # fmt: skip
BALANCE_VALUE = BALANCE.add(
    "balance_value", F32, Kind.NUMBER, "What the rule looked at: its rank within its person or its cell.", low=0
)
BALANCE_THRESHOLD = BALANCE.add(
    "balance_threshold", F32, Kind.NUMBER, "The rule's limit: faces that a person or a cell may keep.", low=0
)
