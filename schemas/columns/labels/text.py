"""Text about a face, judged against the other columns: a reasoned description with its reward, and verdicts."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32

REASONED_TEXT = ColumnGroup(
    "reasoned text", "A description that argues from action units to the perceived emotion, with Facial-R1's reward."
)
REASONED = REASONED_TEXT.add(
    "reasoned_description", pa.string(), Kind.TEXT,
    "`<think>REASONS</think><answer>Emotion</answer>`; it cites the active units and no other. Null if no try agreed.",
)  # fmt: skip
REWARD = REASONED_TEXT.add(
    "reasoned_reward", F32, Kind.NUMBER, "Sum of the three rewards of the best try; 3 if all agrees.",
    unit="0-3", low=0, high=3,
)  # fmt: skip
REWARD_UNITS = REASONED_TEXT.add(
    "reasoned_reward_units", F32, Kind.NUMBER, "F1 of the cited against the active units.", unit="0-1", low=0, high=1
)
REWARD_ANSWER = REASONED_TEXT.add(
    "reasoned_reward_answer", F32, Kind.NUMBER, "1 if the answer is the perceived emotion, else 0.",
    unit="0-1", low=0, high=1,
)  # fmt: skip
REWARD_FORM = REASONED_TEXT.add(
    "reasoned_reward_form", F32, Kind.NUMBER, "1 if both tags are there and hold words, else 0.",
    unit="0-1", low=0, high=1,
)  # fmt: skip
REASONED_REJECTIONS = REASONED_TEXT.add(
    "reasoned_rejections", pa.list_(pa.string()), Kind.LIST,
    "Why tries were not accepted, in their order; empty where the first one was.",
)  # fmt: skip
REASONED_WRITER = REASONED_TEXT.add("reasoned_writer", pa.string(), Kind.TEXT, "Who wrote it: template or a model.")

TEXT_QUALITY = ColumnGroup("text quality", "What is wrong with a face's caption.")
TEXT_FINDINGS = TEXT_QUALITY.add(
    "text_findings", pa.list_(pa.string()), Kind.LIST,
    "What is wrong, as `kind: words`; empty where nothing was found.",
)  # fmt: skip
TEXT_AGREEMENT = TEXT_QUALITY.add(
    "text_agreement", F32, Kind.NUMBER,
    "Share of the caption's claims that the labels confirm, of those they can judge; null where they judge none.",
    unit="0-1", low=0, high=1,
)  # fmt: skip
TEXT_RELEVANCE = TEXT_QUALITY.add(
    "text_relevance", F32, Kind.NUMBER, "Cosine of the caption's and the picture's CLIP embeddings; null without them.",
    unit="cosine", low=-1, high=1,
)  # fmt: skip
