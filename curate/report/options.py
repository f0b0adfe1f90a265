"""What a caller may choose about the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReportOptions:
    """Settings of `write_report`.

    Attributes:
        title: Heading; the dataset's name if empty.
        faces: Most faces in the gallery.
        extremes: How many of the worst and of the best faces by quality are shown.
        thumbnail: Side of a thumbnail in pixels.
        max_bytes: Most bytes of all thumbnails together, before base64; pictures beyond it are left out and counted.
        hide_minors: Show no picture of a face that may be a child's or is of unknown age, not even behind another face.
        thumbnails: Embed pictures at all; without them the page holds numbers only.
        ledger_examples: Most example names per reason in the ledger.
    """

    title: str = ""
    faces: int = 48
    extremes: int = 8
    thumbnail: int = 224
    max_bytes: int = 3_000_000
    hide_minors: bool = True
    thumbnails: bool = True
    ledger_examples: int = 5
