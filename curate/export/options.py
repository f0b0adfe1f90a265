"""What a user may choose about an export."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from curate.export.crops import NONE, SIZES
from curate.export.encode import SUFFIXES
from schemas import UnknownNameError, UsageError

COPY = "copy"
FORMS = (COPY, *SUFFIXES)
SHARD = 1000


@dataclass(frozen=True)
class ExportOptions:
    """Choices of an export that every format understands.

    Attributes:
        columns: Label columns to export; None is all but embeddings, masks and lists of sources.
        where: SQL condition over the faces.
        splits: Only these parts; empty takes all, also what is in none.
        crop: How faces are cut, a key of `crops.SIZES`; `none` keeps whole pictures.
        size: Side of the crops in pixels; 0 is the crop's usual one.
        form: `copy` keeps a picture's own bytes where it is not cut and stands upright; else `jpeg`, `png`, `webp`.
        quality: Of JPEG and WebP.
        shard: Samples in a part of the export.
        commercial: Only pictures whose licence allows commercial use.
        consent: Only pictures that carry a consent statement.
        synthetic: `with`, `without` or `only` generated pictures.
        empty: In exports of whole pictures, also those without a face.
        minors: Also pictures that may show minors; a face of unknown age may be one's.
        layers: Only these layers speak.
        keep_metadata: Leave EXIF and the like in copied pictures, positions too.
        verify: Read the export back and compare.
        card: Write a card and a Croissant file beside the data.
        quiet: No progress bar.
    """

    columns: tuple[str, ...] | None = None
    where: str | None = None
    splits: tuple[str, ...] = ()
    crop: str = NONE
    size: int = 0
    form: str = COPY
    quality: int = 95
    shard: int = SHARD
    commercial: bool = False
    consent: bool = False
    synthetic: str = "with"
    empty: bool = False
    minors: bool = True
    layers: tuple[str, ...] | None = None
    keep_metadata: bool = False
    verify: bool = True
    card: bool = True
    quiet: bool = True
    format_settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, value, known in (("crop", self.crop, SIZES), ("picture format", self.form, FORMS),
                                   ("choice of synthetic", self.synthetic, ("with", "without", "only"))):  # fmt: skip
            if value not in known:
                raise UnknownNameError(what, value, known)
        if self.shard < 1:
            raise UsageError(f"{self.shard} samples in a shard", "it must be 1 or more")
        if self.crop == NONE and self.size:
            raise UsageError(
                "a size without a crop", "whole pictures keep their own", "Add --crop, or leave --size out"
            )
        if self.size < 0 or self.size > 4096:
            raise UsageError(f"crops of {self.size} px", "from 16 to 4096 px are possible")

    @property
    def side(self) -> int:
        """Side of the crops in pixels; 0 for whole pictures."""
        return self.size or SIZES[self.crop]

    def as_dict(self) -> dict[str, Any]:
        """What decides the content of an export, for its manifest."""
        left_out = {"quiet", "verify", "card"}
        lists = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self).items()}
        return {k: v for k, v in lists.items() if k not in left_out}
