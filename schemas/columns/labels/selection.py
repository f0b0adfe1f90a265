"""What a selection by rules says of each face; `selected` is the condition of the selected view."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind

SELECTION = ColumnGroup("selection", "What rules of a selection say of each face. Nothing is ever deleted.")
SELECTED = SELECTION.add("selected", pa.bool_(), Kind.FLAG, "It meets every rule of the selection.")
SELECTED_RULE = SELECTION.add(
    "selected_rule", pa.string(), Kind.TEXT, "The first rule that it does not meet; null where it is selected."
)
