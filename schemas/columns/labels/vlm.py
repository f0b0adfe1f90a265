"""What stands beside labels that a vision-language model gave."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind

VLM_GROUP = ColumnGroup("labels by a model", "What stands beside labels that a vision-language model gave.")
VLM_REPLY = VLM_GROUP.add(
    "vlm_reply", pa.string(), Kind.TEXT,
    "The model's words where a label could not be read from them; null where all could.", sensitive=True,
)  # fmt: skip
