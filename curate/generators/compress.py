"""JPEG and WebP at a chosen quality, and what they cost in bits per pixel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from annotators.crops import Pixels
from curate.generators.base import Config, DigitalSource, Generator, Made, Parameters, Request
from curate.generators.kept_labels import SAME_FACE, SKIN
from curate.generators.promise import Identity, Promise
from schemas import UnknownNameError, UsageError

FORMATS = {"jpeg": (".jpg", cv2.IMWRITE_JPEG_QUALITY), "webp": (".webp", cv2.IMWRITE_WEBP_QUALITY)}
"""Format -> file ending and OpenCV's name of its quality."""
QUALITY = (5, 95)
"""Range that an open quality is drawn from."""
SWEEP = (90, 80, 70, 60, 50, 40, 30, 20, 10)
"""Qualities of a rate-distortion sweep."""


@dataclass(frozen=True)
class Compressed:
    """A picture that went through a lossy format.

    Attributes:
        pixels: RGB as decoded, same shape as before.
        data: The file's bytes.
    """

    pixels: Pixels
    data: bytes

    @property
    def bits_per_pixel(self) -> float:
        """Size of the file in bits over the number of pixels."""
        return len(self.data) * 8 / (self.pixels.shape[0] * self.pixels.shape[1])


def compressed(pixels: Pixels, kind: str, quality: int) -> Compressed:
    """Encode and decode a picture.

    Args:
        pixels: RGB, shape (height, width, 3).
        kind: `jpeg` or `webp`.
        quality: 1 to 100. WebP is lossy throughout.
    """
    ending, flag = FORMATS[kind]
    code = cv2.imencode(ending, np.ascontiguousarray(pixels[..., ::-1]), [flag, int(quality)])[1]
    back = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
    return Compressed(np.ascontiguousarray(back[..., ::-1]), code.tobytes())


def sweep(pixels: Pixels, kind: str, qualities: Sequence[int] = SWEEP) -> Iterator[tuple[int, Compressed]]:
    """A picture at several qualities, for curves of rate against any measure; qualities and results in pairs."""
    yield from ((quality, compressed(pixels, kind, quality)) for quality in qualities)


@dataclass(frozen=True)
class CompressConfig(Config):
    """How the picture is compressed.

    Attributes:
        format: `jpeg` or `webp`; empty draws one.
        quality: 1 to 100 as the encoder counts it; 0 draws one from 5 to 95.
    """

    format: str = ""
    quality: int = 0


class Compress(Generator):
    """Encodes the portrait and decodes it; the note says how many bytes it took."""

    name = "compress"
    version = "1"
    doc = "JPEG or WebP at a chosen quality, with the file's size in bits per pixel."
    config_type = CompressConfig
    digital_source = DigitalSource.ALGORITHMICALLY_ENHANCED
    config: CompressConfig
    shown = (
        *({"format": "jpeg", "quality": q} for q in (60, 20, 10, 5)),
        *({"format": "webp", "quality": q} for q in (60, 20, 10, 5)),
    )

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse unknown formats and qualities out of range."""
        assert isinstance(config, CompressConfig)
        if config.format and config.format not in FORMATS:
            raise UnknownNameError("format", config.format, tuple(FORMATS))
        if not 0 <= config.quality <= 100:
            raise UsageError(f"quality={config.quality} is not between 1 and 100", fix="Give 0 to have it drawn")

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """Format and quality."""
        request.face()
        kinds = tuple(FORMATS)
        kind, quality = kinds[int(rng.integers(len(kinds)))], int(rng.integers(QUALITY[0], QUALITY[1] + 1))
        return {"format": self.config.format or kind, "quality": self.config.quality or quality}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """The decoded picture."""
        found = compressed(request.face().pixels, str(parameters["format"]), int(parameters["quality"]))
        note = {"bytes": len(found.data), "bits_per_pixel": found.bits_per_pixel}
        yield Made(found.pixels, Promise(Identity.OPEN, keeps=(*SAME_FACE, *SKIN)), note=note)
