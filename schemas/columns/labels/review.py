"""What people say when they look at faces one by one."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind

REVIEW = ColumnGroup("review", "What people say when they look at faces one by one.")
REVIEW_TAGS = REVIEW.add(
    "review_tags", pa.list_(pa.string()), Kind.LIST, "Tags that a reviewer set; an empty list where all were removed."
)
REVIEW_REJECTED = REVIEW.add(
    "review_rejected", pa.bool_(), Kind.FLAG, "A reviewer deleted this face: no face, or not wanted."
)
