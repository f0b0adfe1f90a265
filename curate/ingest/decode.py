"""From encoded bytes to upright RGB pixels, or to a reason why not."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from curate.ingest.options import Limits
from curate.ingest.reader import SourceReader, content_id
from schemas.columns import images
from schemas.columns import sources as src
from schemas.status import ImageStatus, Reason

Pixels = NDArray[np.uint8]
CARRIED = (src.URI, src.MEMBER, src.NAME, src.BYTES, src.LICENCE, src.CONSENT, src.SPLIT, src.EXTRA, src.DUPLICATE_OF)


@dataclass(frozen=True)
class Loaded:
    """One source after reading.

    Attributes:
        row: A full row of the images table.
        pixels: (H, W, 3) uint8, RGB, upright, C-contiguous; None unless the row's status is `ok`.
    """

    row: dict[str, object]
    pixels: Pixels | None


def load(
    source: Mapping[str, object],
    limits: Limits | None = None,
    expect_id: str | None = None,
    reader: SourceReader | None = None,
) -> Loaded:
    """Read and decode one source; a bad picture gives a row with its reason, never an exception."""
    row: dict[str, object] = dict.fromkeys(images.IMAGES)
    row.update({c.name: source.get(c.name) for c in CARRIED})
    try:
        with SourceReader() as own:
            data = (reader or own).read(str(source[src.URI.name]), source.get(src.MEMBER.name))  # type: ignore[arg-type]
        row[images.IMAGE_ID.name] = content_id(data)
        with Image.open(io.BytesIO(data)) as picture:
            pixels = np.ascontiguousarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except OSError as error:
        row.update(status=ImageStatus.REJECTED.value, reason=Reason.CORRUPT.value, detail=str(error))
        return Loaded(row, None)
    row.update(status=ImageStatus.OK.value, reason=Reason.NONE.value, width=pixels.shape[1], height=pixels.shape[0])
    return Loaded(row, pixels)
