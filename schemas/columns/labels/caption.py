"""Words made from the other columns, or from the picture by a model that the other columns check."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind

CAPTION_GROUP = ColumnGroup("caption", "Words made from the other columns.")
CAPTION = CAPTION_GROUP.add("caption", pa.string(), Kind.TEXT, "One or two sentences that claim only confident labels.")
CAPTION_FACTS = CAPTION_GROUP.add(
    "caption_facts", pa.list_(pa.string()), Kind.LIST, "The claims in the caption, as `column=label`."
)

MODEL_CAPTION_GROUP = ColumnGroup(
    "caption by a model",
    "What stands beside a caption that a vision-language model wrote and the other columns checked.",
)
CAPTION_UNVERIFIED = MODEL_CAPTION_GROUP.add(
    "caption_unverified", pa.list_(pa.string()), Kind.LIST,
    "Those of the claims that no confident label confirms; none of them is contradicted.",
)  # fmt: skip
CAPTION_MODEL = MODEL_CAPTION_GROUP.add("caption_model", pa.string(), Kind.TEXT, "The model that wrote the caption.")
CAPTION_REJECTIONS = MODEL_CAPTION_GROUP.add(
    "caption_rejections", pa.list_(pa.string()), Kind.LIST,
    "Why earlier answers for this face were not accepted; empty where the first one was.",
)  # fmt: skip
