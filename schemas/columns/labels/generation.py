"""Whether a generated picture shows what its generator promised, as other annotators see it."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32

GENERATION_CHECK = ColumnGroup("generation check", "Whether a generated picture shows what was promised of it.")
PROMISE_KEPT = GENERATION_CHECK.add(
    "promise_kept", pa.bool_(), Kind.FLAG,
    "All of the promise that a verifier could judge is held; null where none could judge anything.",
)  # fmt: skip
PROMISE_BROKEN = GENERATION_CHECK.add(
    "promise_broken", pa.list_(pa.string()), Kind.LIST, "What was promised and is not there, with the verifier."
)
PROMISE_UNCHECKED = GENERATION_CHECK.add(
    "promise_unchecked", pa.list_(pa.string()), Kind.LIST, "What was promised and no verifier could judge."
)
MADE_COSINE = GENERATION_CHECK.add(
    "identity_cosine", F32, Kind.NUMBER, "SFace's cosine with the face it was made from.", unit="-1..1", low=-1, high=1
)
PARTNER_COSINE = GENERATION_CHECK.add(
    "partner_cosine", F32, Kind.NUMBER, "SFace's cosine with the second face.", unit="-1..1", low=-1, high=1
)
NEAREST_COSINE = GENERATION_CHECK.add(
    "nearest_cosine", F32, Kind.NUMBER, "Highest cosine with a photographed face of anyone else here.",
    unit="-1..1", low=-1, high=1,
)  # fmt: skip
