"""What stands beside a fused column: who said what, how far they agree, how unsure the result is.

These columns follow from the column they stand beside, so they are made by rule and not declared one by one.
"""

from __future__ import annotations

import pyarrow as pa

from schemas.column import Column, Kind
from schemas.columns.labels.layer import F32

FUSION_GROUP = "fusion"


def agreement_of(column: Column) -> Column:
    """`COLUMN_agreement`: share of the weight of those who spoke that is behind the fused value."""
    doc = f"Share of the sources' weight behind the fused {column.name}; null where fewer than two spoke."
    return Column(f"{column.name}_agreement", F32, Kind.NUMBER, doc, unit="0-1", low=0, high=1, group=FUSION_GROUP)


def uncertainty_of(column: Column) -> Column:
    """`COLUMN_uncertainty`: chance that a fused label is wrong, or standard error of a fused number."""
    wrong = column.kind in (Kind.LABEL, Kind.FLAG, Kind.LIST) or column.name.endswith("_prob")
    doc = "Chance that the fused label is wrong." if wrong else "Standard error of the fused value."
    unit, high = ("0-1", 1.0) if wrong else (column.unit, None)
    name = f"{column.name}_uncertainty"
    return Column(name, F32, Kind.NUMBER, doc, unit=unit, low=0, high=high, group=FUSION_GROUP)


def sources_of(column: Column) -> Column:
    """`COLUMN_sources`: every layer that spoke, its value and the weight it was given.

    The value of points is their root-mean-square distance to the fused points; the layer itself holds them.
    """
    value = F32 if column.kind in (Kind.POINTS, Kind.VECTOR) else column.type
    said = pa.struct([pa.field("layer", pa.string()), pa.field("value", value), pa.field("weight", F32)])
    doc = f"Who said what about {column.name}, and with what weight; the weights of a face add up to 1."
    return Column(
        f"{column.name}_sources", pa.list_(said), Kind.LIST, doc, group=FUSION_GROUP, sensitive=column.sensitive
    )
