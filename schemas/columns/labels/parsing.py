"""Which part of the face each pixel shows."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import scores

PARSING = ColumnGroup("face parsing", "Parts of the face, pixel by pixel.")
FACE_PARSING = PARSING.add(
    "face_parsing",
    pa.struct([pa.field("png", pa.binary()), pa.field("matrix", pa.list_(pa.float64(), 6))]),
    Kind.MASK,
    "Palette PNG whose values are positions in the taxonomy (255 = not judged), and the 2 x 3 map from upright image "
    "pixels to its pixels, row by row.",
    frame="turned square around the head",
    taxonomy="celebamask-19",
)
PARSING_SHARE = scores(
    PARSING, "parsing_share", "celebamask-19",
    "Share of the judged pixels that show the part; null where the method does not look for it.",
)  # fmt: skip
