"""Identity embeddings: biometric data."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32

IDENTITY = ColumnGroup("identity", "Biometric data.")
EMBEDDING = IDENTITY.add(
    "embedding_sface", pa.list_(F32, 128), Kind.VECTOR, "SFace embedding, unit length; compare by dot product.",
    shape=(128,), low=-1, high=1, sensitive=True,
)  # fmt: skip
