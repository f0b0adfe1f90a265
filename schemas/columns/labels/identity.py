"""Identity embeddings, the people and the duplicate groups found with them: biometric data."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32

IDENTITY = ColumnGroup("identity", "Biometric data.")
EMBEDDING = IDENTITY.add(
    "embedding_sface", pa.list_(F32, 128), Kind.VECTOR, "SFace embedding, unit length; compare by dot product.",
    shape=(128,), low=-1, high=1, sensitive=True,
)  # fmt: skip
IDENTITY_ID = IDENTITY.add(
    "identity", pa.string(), Kind.ID, "Whom the face is taken for; an id, or the name that people gave.", sensitive=True
)
IDENTITY_CONFIDENCE = IDENTITY.add(
    "identity_confidence", F32, Kind.NUMBER,
    "How clear the decisions were: .5 at the threshold, 1 from .1 of cosine away, 0 where none was made.",
    unit="0-1", low=0, high=1,
)  # fmt: skip
IDENTITY_SIZE = IDENTITY.add("identity_size", pa.int32(), Kind.NUMBER, "Faces taken for this person.", low=1)
IDENTITY_REVIEW = IDENTITY.add(
    "identity_review", pa.string(), Kind.LABEL, "Why a person should look at it.", taxonomy="identity-review"
)
IDENTITY_RIVAL = IDENTITY.add(
    "identity_rival", pa.string(), Kind.ID, "The other identity that looks most alike; empty if none comes near.",
    sensitive=True,
)  # fmt: skip

DUPLICATES = ColumnGroup("duplicates", "The same photo more than once. Nothing is ever deleted.")
DUPLICATE_GROUP = DUPLICATES.add("duplicate_group", pa.string(), Kind.ID, "Id shared by all copies of one face.")
DUPLICATE_KIND = DUPLICATES.add(
    "duplicate_kind", pa.string(), Kind.LABEL, "How it is tied to the others of its group.", taxonomy="duplicate-kind"
)
DUPLICATE_SIZE = DUPLICATES.add("duplicate_size", pa.int32(), Kind.NUMBER, "Faces in the group.", low=1)
DUPLICATE_KEEP = DUPLICATES.add(
    "duplicate_keep", pa.bool_(), Kind.FLAG,
    "The best of its group. Always true where the face may be a child's: those are reported, not thinned out.",
)  # fmt: skip
