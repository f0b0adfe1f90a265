"""What a CLIP model says: an embedding of the look, and how well words fit the face."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32, scores

CLIP = ColumnGroup(
    "clip", "Fit of words to the face by a CLIP model without training; the scores are not calibrated probabilities."
)
EMBEDDING_CLIP = CLIP.add(
    "embedding_clip", pa.list_(F32), Kind.VECTOR,
    "Image embedding of a CLIP model, unit length; as wide as the model makes it, compare only within one layer.",
    low=-1, high=1, sensitive=True,
)  # fmt: skip
CELEBA_SCORE = scores(
    CLIP, "celeba_attributes_score", "celeba-40",
    "Fit of the attribute against its opposite; null for Attractive and Chubby, which are judgements.",
)  # fmt: skip
CELEBA_PRESENT = CLIP.add(
    "celeba_attributes", pa.list_(pa.string()), Kind.LIST, "Attributes whose score is high enough.",
    taxonomy="celeba-40",
)  # fmt: skip
CELEBA_ABSTAINED = CLIP.add(
    "celeba_attributes_abstained", pa.list_(pa.string()), Kind.LIST,
    "Attributes whose score is too near the middle to say; all others that are not present are absent.",
    taxonomy="celeba-40",
)  # fmt: skip
EMONET_SCORE = scores(
    CLIP, "emonet_40_score", "emonet-40",
    "Fit of each category against a neutral face, each by itself; Sexual Lust is null where the face may be a minor's.",
)  # fmt: skip
EMONET_TOP = CLIP.add(
    "emonet_40", pa.string(), Kind.LABEL,
    "Category with the highest score; null beside scores means that none stands out.",
    taxonomy="emonet-40", sensitive=True,
)  # fmt: skip
PROMPT_SCORES = CLIP.add(
    "clip_prompt_scores", pa.list_(pa.struct([pa.field("label", pa.string()), pa.field("score", F32)])), Kind.LIST,
    "Fit of the user's own classes, in their order.",
    low=0, high=1, unit="0-1",
)  # fmt: skip
PROMPT_LABEL = CLIP.add(
    "clip_prompt_label", pa.string(), Kind.TEXT,
    "The user's class that fits best; null beside scores means that none fits well enough.",
)  # fmt: skip
