"""Columns that stand in every layer, and the helper that declares a struct of scores."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import Column, ColumnGroup, Kind
from schemas.columns.faces import FACE_ID
from schemas.taxonomy import taxonomy

F32 = pa.float32()

LAYER = ColumnGroup("layer", "Columns that stand in every layer.")
LAYER.share(FACE_ID)
STATUS = LAYER.add("label_status", pa.string(), Kind.LABEL, "ok, not_applicable or failed.")
ERROR = LAYER.add("label_error", pa.string(), Kind.TEXT, "Why, where the status is not ok.")


def scores(
    group: ColumnGroup,
    name: str,
    taxonomy_name: str,
    doc: str,
    low: float = 0,
    high: float = 1,
    unit: str = "0-1",
    sensitive: bool = False,
) -> Column:
    """Declare a struct column with one float32 per label of a taxonomy."""
    type_ = pa.struct([pa.field(label, F32) for label in taxonomy(taxonomy_name).labels])
    facts = {"low": low, "high": high, "unit": unit, "taxonomy": taxonomy_name, "sensitive": sensitive}
    return group.add(name, type_, Kind.SCORES, doc, **facts)
