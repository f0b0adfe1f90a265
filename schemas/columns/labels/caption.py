"""Words made from the other columns."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind

CAPTION_GROUP = ColumnGroup("caption", "Words made from the other columns.")
CAPTION = CAPTION_GROUP.add("caption", pa.string(), Kind.TEXT, "One or two sentences that claim only confident labels.")
CAPTION_FACTS = CAPTION_GROUP.add(
    "caption_facts", pa.list_(pa.string()), Kind.LIST, "The claims in the caption, as `column=label`."
)
