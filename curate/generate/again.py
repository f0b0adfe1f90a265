"""Generated pictures of a dataset: their lineage, what they were made from, and making them again to the bit."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from annotators.crops import Pixels
from curate.generate.choice import Chosen, columns_for
from curate.generate.face_rows import FaceRows, Portraits
from curate.generate.lineage import Lineage
from curate.generate.metadata import FORMATS, encode
from curate.generate.orders import Maker
from curate.generators.base import CannotGenerate, Request
from curate.generators.registry import generator, generator_names
from curate.ingest import Limits, SourceReader, load
from curate.store import Dataset
from schemas import ImageStatus, UsageError
from schemas.columns import images


@dataclass(frozen=True)
class Stored:
    """A generated picture of a dataset.

    Attributes:
        row: Its row of the images table.
        lineage: Where it comes from.
    """

    row: Mapping[str, Any]
    lineage: Lineage

    @property
    def image_id(self) -> str:
        """Its id."""
        return str(self.row[images.IMAGE_ID.name])


def stored(ds: Dataset, names: Sequence[str] | None = None) -> list[Stored]:
    """The generated pictures of a dataset that have a lineage, in its order.

    Args:
        ds: The dataset.
        names: Only of these generators.

    Raises:
        UsageError: if there are none.
    """
    condition = f"{images.STATUS.name} = '{ImageStatus.OK.value}' and {images.GENERATION.name} is not null"
    rows = ds.images(where=condition).to_pylist()
    found = [Stored(row, Lineage.of_row(row)) for row in rows]
    found = [s for s in found if names is None or s.lineage.name in names]
    if not found:
        of = f" of {', '.join(names)}" if names else ""
        raise UsageError(f"{ds.path} holds no generated pictures{of}", fix="Make some: facecurate generate DATASET")
    return found


class Origins:
    """Gives the request that a picture was made from.

    Args:
        ds: The dataset.
        pictures: Pictures that will be asked for.
    """

    def __init__(self, ds: Dataset, pictures: Sequence[Stored]) -> None:
        known = [n for n in dict.fromkeys(p.lineage.name for p in pictures) if n in generator_names()]
        classes = [generator(n) for n in known]
        self._rows = FaceRows(ds, columns_for(ds, [Chosen(c, c.config_type()) for c in classes]))
        self._portraits = Portraits()

    def request(self, lineage: Lineage) -> Request:
        """The portraits and labels that a picture was made from.

        Raises:
            CannotGenerate: if a face is not in the dataset any more or its picture cannot be read.
        """
        return Request(
            subject=self._subject(lineage.parent_face, lineage.side),
            partner=self._subject(lineage.partner_face, lineage.side),
            wanted=dict(lineage.wanted),
            row=dict(lineage.row),
        )

    def _subject(self, face: str, side: int) -> Any:
        if not face:
            return None
        if face not in self._rows:
            raise CannotGenerate(f"face {face} is not in the dataset any more")
        return self._portraits.subject(self._rows.row(face), side)


def pixels_of(picture: Stored, reader: SourceReader) -> Pixels | None:
    """Upright RGB pixels of a stored picture, None if it cannot be read any more."""
    return load(picture.row, Limits(), picture.image_id, reader).pixels


def recheck(ds: Dataset, count: int, names: Sequence[str] | None = None) -> Iterator[tuple[Stored, str]]:
    """Make stored pictures again and compare them pixel by pixel.

    Args:
        ds: The dataset.
        count: How many, drawn over all; the same for the same pictures.
        names: Only of these generators.

    Yields:
        Each picture, and what is wrong; empty if it came out the same to the bit.
    """
    every = sorted(stored(ds, names), key=lambda s: hashlib.blake2b(s.image_id.encode()).digest())[:count]
    origins, maker = Origins(ds, every), Maker()
    with SourceReader() as reader:
        for picture in every:
            yield picture, _difference(picture, origins, maker, reader)


def _difference(picture: Stored, origins: Origins, maker: Maker, reader: SourceReader) -> str:
    lineage = picture.lineage
    if lineage.name not in generator_names():
        return f"there is no generator '{lineage.name}' any more"
    if generator(lineage.name).version != lineage.version:
        return f"version {lineage.version} made it, this is version {generator(lineage.name).version}"
    before = pixels_of(picture, reader)
    if before is None:
        return "its file cannot be read any more"
    try:
        pixels = made_again(lineage, origins.request(lineage), maker)
    except CannotGenerate as answer:
        return str(answer)
    form = str(picture.row[images.FORMAT.name]).lower()
    after = _decoded(encode(pixels, lineage, form)) if form in FORMATS else pixels
    if after.shape != before.shape:
        return f"it has {before.shape[:2]} pixels, made again {after.shape[:2]}"
    unlike = int((after != before).any(axis=2).sum())
    return f"{unlike:,} pixels differ" if unlike else ""


def made_again(lineage: Lineage, request: Request, maker: Maker) -> Pixels:
    """The picture that stored parameters give."""
    made = list(maker.generator(lineage.name, lineage.settings).make(request, lineage.parameters))
    return next(one.pixels for one in made if one.step == lineage.step)


def _decoded(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"), np.uint8)
