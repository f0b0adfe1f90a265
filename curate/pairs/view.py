"""What a view of a face is: one file beside its picture, made from the picture's pixels and the face's labels."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.export.encode import encode
from curate.export.sample import Sample
from schemas import Column, SchemaError

Drawn = Pixels | NDArray[Any] | bytes | None
SUFFIXES = (".png", ".npy")


class View(ABC):
    """Makes one file per face.

    Class attributes:
        name: The command line, the folder and the column use it.
        doc: One sentence for the docs.
        suffix: `.png` for pictures, `.npy` for arrays; others only for views that give bytes.
        needs: Columns that must be there; the sample's face carries their values, points in its pixels.
        uses: Columns that it gets where they are there.
    """

    name: ClassVar[str]
    doc: ClassVar[str]
    suffix: ClassVar[str] = ".png"
    needs: ClassVar[tuple[Column, ...]] = ()
    uses: ClassVar[tuple[Column, ...]] = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "name"):
            return
        if not getattr(cls, "doc", None):
            raise SchemaError(f"view {cls.__name__} declares no doc")

    @abstractmethod
    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The view of the sample's one face.

        Args:
            sample: The written picture; its face's labels, box and points are in its pixels. Where it was cut,
                `facts["crop_matrix"]` holds the 2 x 3 map from upright picture pixels, row by row.
            pixels: Its RGB pixels, shape (height, width, 3), as they are read back.

        Returns:
            For `.png` grey (height, width) or RGB uint8; for `.npy` any array; bytes are written as they are; None
            where this face has none.
        """


def encoded(view: type[View], drawn: NDArray[Any] | bytes) -> bytes:
    """The bytes of a view's file.

    Raises:
        SchemaError: if a view gives what its suffix cannot hold.
    """
    if isinstance(drawn, bytes):
        return drawn
    if view.suffix == ".npy":
        file = io.BytesIO()
        np.save(file, drawn, allow_pickle=False)
        return file.getvalue()
    if view.suffix != ".png" or drawn.dtype != np.uint8:
        raise SchemaError(f"view {view.name} gives {drawn.dtype} for {view.suffix}", f"known: {SUFFIXES}")
    return png(drawn)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """RGB or grey pixels as PNG."""
    if pixels.ndim == 3:
        return encode(pixels, "png")
    import cv2

    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise RuntimeError("OpenCV was built without png")
    return bytes(data)
