"""Cut-outs of faces as WebP in data addresses, within a budget of bytes."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.ingest import Limits, SourceReader, load
from curate.report.overlay import Window
from schemas import ImageStatus
from schemas.columns import images

WEBP_QUALITY = 78
FILL = (128, 128, 128)
_log = logging.getLogger(__name__)

Box = tuple[float, float, float, float]


class Thumbnailer:
    """Cuts faces out of their pictures; use as a context manager, pictures of one source in a row.

    Attributes:
        bytes_left: What is left of the budget.
        unreadable: Faces whose picture could not be read again.
        over_budget: Faces left out for the budget's sake.
    """

    def __init__(self, max_bytes: int) -> None:
        self.bytes_left = max_bytes
        self.unreadable = 0
        self.over_budget = 0
        self._reader = SourceReader()
        self._loaded: tuple[str, NDArray[np.uint8] | None] = ("", None)

    def __enter__(self) -> Thumbnailer:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def picture(self, image: Mapping[str, Any]) -> NDArray[np.uint8] | None:
        """Upright RGB pixels of a row of the images table, or None if they cannot be had any more."""
        image_id = str(image[images.IMAGE_ID.name])
        if self._loaded[0] != image_id:
            loaded = load(image, Limits(), image_id, self._reader)
            if loaded.row[images.STATUS.name] != ImageStatus.OK.value:
                _log.info("%s cannot be shown: %s", image[images.NAME.name], loaded.row[images.DETAIL.name])
            self._loaded = (image_id, loaded.pixels)
        return self._loaded[1]

    def cut(self, image: Mapping[str, Any], view: Window, hidden: Iterable[Box] = ()) -> str | None:
        """A data address of the window, or None; boxes in `hidden` (picture pixels) are painted over."""
        pixels = self.picture(image)
        if pixels is None:
            self.unreadable += 1
            return None
        data = encode(crop(pixels, view, hidden))
        if len(data) > self.bytes_left:
            self.over_budget += 1
            return None
        self.bytes_left -= len(data)
        return "data:image/webp;base64," + base64.b64encode(data).decode()


def crop(pixels: NDArray[np.uint8], view: Window, hidden: Iterable[Box] = ()) -> NDArray[np.uint8]:
    """The window of a picture, shape (size, size, 3); what lies outside is grey."""
    left, top, side = round(view.x), round(view.y), max(round(view.side), 1)
    height, width = pixels.shape[:2]
    canvas = np.full((side, side, 3), FILL, dtype=np.uint8)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x1 > x0 and y1 > y0:
        canvas[y0 - top : y1 - top, x0 - left : x1 - left] = pixels[y0:y1, x0:x1]
    for x, y, w, h in hidden:
        corner = (round(x - 0.15 * w) - left, round(y - 0.25 * h) - top)
        cv2.rectangle(canvas, corner, (round(x + 1.15 * w) - left, round(y + 1.1 * h) - top), FILL, -1)
    how = cv2.INTER_AREA if side > view.size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(canvas, (view.size, view.size), interpolation=how), dtype=np.uint8)


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """WebP bytes of RGB pixels."""
    done, data = cv2.imencode(
        ".webp", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY]
    )
    if not done:
        raise RuntimeError("OpenCV was built without WebP")
    return bytes(data)
