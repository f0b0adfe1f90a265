"""What a caller may choose about listing and decoding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ListOptions:
    """How inputs become source rows.

    Attributes:
        recursive: Look into sub-folders.
        licence: Licence of rows whose list does not name one.
        consent: Consent statement of rows whose list does not name one.
        split: Split of rows whose list does not name one.
        path_column: Column of a list that holds the paths, where the usual names do not fit.
    """

    recursive: bool = True
    licence: str | None = None
    consent: str | None = None
    split: str | None = None
    path_column: str | None = None


@dataclass(frozen=True)
class Limits:
    """What is too large, too small or too suspicious to decode.

    Attributes:
        max_bytes: Largest encoded picture, in bytes.
        max_pixels: Largest decoded picture, width times height.
        min_side: Smallest allowed width and height in pixels. YuNet's least face is about 10 px, and an
            8 px picture cannot hold one.
        bomb_ratio: Pixels per encoded byte from which a picture over `max_pixels` is called a
            decompression bomb instead of too large. A blank JPEG reaches about 500, a blank PNG 8,000.
    """

    max_bytes: int = 512 * 1024 * 1024
    max_pixels: int = 150_000_000
    min_side: int = 9
    bomb_ratio: float = 1000.0
