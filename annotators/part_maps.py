"""Maps of face parts: each pixel of a crop belongs to a part, by position in a taxonomy, or was not judged.

Stored as a palette PNG that names its parts, beside the map from the upright picture to its pixels: it can be opened
by any viewer, and laid back onto the picture.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Matrix
from schemas import SchemaError, taxonomy
from schemas.columns import labels

NOT_JUDGED = 255
"""Value of pixels that a method says nothing about, and of those outside the picture."""

PNG, MATRIX = (field.name for field in labels.FACE_PARSING.type)
NAMES_KEY = "parts"
"""Key of the PNG's text that lists the parts' names in the order of their values."""
GREY = (128, 128, 128)

Parts = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def part_names() -> tuple[str, ...]:
    """Names of the parts in the order of their values."""
    return taxonomy(labels.FACE_PARSING.taxonomy).labels


@dataclass(frozen=True)
class PartMap:
    """Which part each pixel of a crop shows.

    Attributes:
        parts: Positions in `part_names()`, or 255 where nothing was judged; shape (height, width).
        matrix: 2 x 3 map from upright image points to the map's points.
    """

    parts: Parts
    matrix: Matrix

    def mask(self, *names: str) -> Mask:
        """Pixels that show any of these parts, shape (height, width).

        Raises:
            TaxonomyError: if a name is no part.
        """
        known = taxonomy(labels.FACE_PARSING.taxonomy)
        return np.isin(self.parts, [known.labels.index(known.canonical(name)) for name in names])

    def shares(self, seen: Iterable[str] | None = None) -> dict[str, float | None]:
        """Share of the judged area that each part covers; None for parts that were not looked for.

        Args:
            seen: Parts that the method looks for; all by default.
        """
        names = part_names()
        wanted = set(names if seen is None else seen)
        counts = np.bincount(self.parts.ravel(), minlength=NOT_JUDGED + 1)
        total = int(counts[:NOT_JUDGED].sum())
        return {n: counts[i] / total if n in wanted and total else None for i, n in enumerate(names)}

    def on_image(self, height: int, width: int) -> Parts:
        """The map laid onto the upright picture, shape (height, width); 255 outside the crop."""
        return np.asarray(
            cv2.warpAffine(
                self.parts,
                _centred(self.matrix),
                (width, height),
                flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=NOT_JUDGED,
            ),
            np.uint8,
        )

    def encoded(self) -> dict[str, Any]:
        """The value of the column: PNG bytes and the six numbers of the matrix."""
        from PIL import Image, PngImagePlugin

        height, width = self.parts.shape
        picture = Image.frombytes("P", (width, height), np.ascontiguousarray(self.parts).tobytes())
        picture.putpalette(_palette())
        text = PngImagePlugin.PngInfo()
        text.add_text(NAMES_KEY, " ".join(part_names()))
        file = io.BytesIO()
        picture.save(file, "PNG", pnginfo=text)
        return {PNG: file.getvalue(), MATRIX: np.asarray(self.matrix, np.float64).ravel().tolist()}


def decoded(value: Mapping[str, Any]) -> PartMap:
    """The map of a stored value. Parts are read by the names in the file, whatever their order there.

    Raises:
        SchemaError: if the bytes are no such PNG, or name a part that the taxonomy lacks.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(value[PNG]), formats=("PNG",)) as picture:
            picture.load()
            stored = np.array(picture, np.uint8)
            listed = str(getattr(picture, "text", {}).get(NAMES_KEY, "")).split()
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise SchemaError(f"a value of {labels.FACE_PARSING.name} is no PNG", str(error)) from error
    if stored.ndim != 2 or not listed:
        raise SchemaError(f"a value of {labels.FACE_PARSING.name} does not name its parts")
    known = taxonomy(labels.FACE_PARSING.taxonomy)
    values = np.full(NOT_JUDGED + 1, NOT_JUDGED, np.uint8)
    values[: len(listed)] = [known.labels.index(known.canonical(name)) for name in listed]
    return PartMap(values[stored], np.asarray(value[MATRIX], np.float64).reshape(2, 3))


def _centred(matrix: Matrix) -> Matrix:
    """The same map between pixel centres, which OpenCV counts from."""
    linear = matrix[:, :2]
    shift = linear @ np.array([0.5, 0.5]) + matrix[:, 2] - 0.5
    return np.hstack([linear, shift[:, None]])


@cache
def _palette() -> bytes:
    colours = taxonomy(labels.FACE_PARSING.taxonomy).colours
    known = [tuple(bytes.fromhex(colours[name].lstrip("#"))) for name in part_names()]
    return bytes(v for colour in (*known, *[GREY] * (NOT_JUDGED + 1 - len(known))) for v in colour)
