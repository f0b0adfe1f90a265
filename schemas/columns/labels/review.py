"""What people say when they look at faces one by one."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32

REVIEW = ColumnGroup("review", "What people say when they look at faces one by one.")
REVIEW_TAGS = REVIEW.add(
    "review_tags", pa.list_(pa.string()), Kind.LIST, "Tags that a reviewer set; an empty list where all were removed."
)
REVIEW_REJECTED = REVIEW.add(
    "review_rejected", pa.bool_(), Kind.FLAG, "A reviewer deleted this face: no face, or not wanted."
)
REVIEW_FLAGS = REVIEW.add(
    "review_flags", pa.list_(pa.string()), Kind.LIST, "What a reviewer notes of the picture of the face.",
    taxonomy="review-flag",
)  # fmt: skip
REVIEW_CHANGED = REVIEW.add(
    "review_changed", pa.list_(pa.string()), Kind.LIST,
    "What a reviewer changed of what was shown: columns, or `face_box`; empty where they confirmed all.",
)  # fmt: skip
REVIEW_BLIND = REVIEW.add(
    "review_blind", pa.bool_(), Kind.FLAG, "The reviewer was shown the picture alone, without a model's answers."
)
REVIEW_SKIPPED = REVIEW.add("review_skipped", pa.bool_(), Kind.FLAG, "The reviewer skipped the picture.")
REVIEW_SECONDS = REVIEW.add(
    "review_seconds", F32, Kind.NUMBER, "How long the picture was before the reviewer, all faces together.",
    unit="s", low=0,
)  # fmt: skip
REVIEW_AT = REVIEW.add("review_at", pa.string(), Kind.TEXT, "When the reviewer last saved it, ISO 8601 in UTC.")
REVIEW_COMMENTS = REVIEW.add("review_comments", pa.string(), Kind.TEXT, "What the reviewer noted on the picture.")
REVIEW_SOURCE = REVIEW.add(
    "review_source", pa.string(), Kind.TEXT, "Where it was said: `label-studio:PROJECT:TASK:ANNOTATION`."
)
