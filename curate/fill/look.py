"""The work of one process in a fill: make the pictures of a try, write them aside, and label them."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from annotators.crops import Pixels
from curate.fill.likeness import hashes_of, small
from curate.generate.journal import MADE, Entry
from curate.generate.judging import Origin
from curate.generate.looking import Looker, Seen
from curate.generate.orders import Maker, Order
from curate.generate.write import made_entry
from curate.generators.subject import Subject

KEPT = 64
"""Portraits whose labels are kept in memory."""


@dataclass(frozen=True)
class Look:
    """One picture of a try.

    Attributes:
        seen: What annotators say of it, None where they find no face.
        hashes: Its perceptual hashes.
        small: The picture, small.
    """

    seen: Seen | None
    hashes: dict[str, Any]
    small: NDArray[np.uint8]


@dataclass(frozen=True)
class Tried:
    """What became of a try.

    Attributes:
        entry: Files and lineage, or why there are none.
        origin: What annotators say of the portraits it was made from.
        portrait: The subject's portrait, small; None where there is no subject.
        looks: Its pictures, in the order of the files.
    """

    entry: Entry
    origin: Origin
    portrait: NDArray[np.uint8] | None
    looks: tuple[Look, ...]


def tryer(
    folder: Path, names: Sequence[str], settings: Mapping[str, Mapping[str, str]], finder: str
) -> Callable[[], Callable[[Order], Tried]]:
    """A maker of functions that work off tries.

    Args:
        folder: Where pictures are written, in a folder per generator.
        names: Annotators that look at them.
        settings: Of annotators and detector.
        finder: The detector.
    """
    return partial(Tryer, folder, names, settings, finder)


class Tryer:
    """Holds the loaded generators and annotators of one process; see `tryer`."""

    def __init__(
        self, folder: Path, names: Sequence[str], settings: Mapping[str, Mapping[str, str]], finder: str
    ) -> None:
        self._folder = folder
        self._maker = Maker()
        self._looker = Looker(names, settings, finder)
        self._portraits: OrderedDict[tuple[str, int], Seen | None] = OrderedDict()

    def __call__(self, order: Order) -> Tried:
        """Make the pictures of a try and look at them."""
        folder = self._folder / order.generator
        entry = made_entry(self._maker, order, folder)
        if entry.outcome != MADE:
            return Tried(entry, Origin(), None, ())
        request = self._maker.request(order)
        pictures = [_read(folder / name) for name in entry.files]
        seen = self._looker.look(pictures)
        looks = tuple(Look(s, hashes_of(p), small(p)) for s, p in zip(seen, pictures, strict=True))
        origin = Origin(
            order.face_id, self._portrait(request.subject), order.partner_id, self._portrait(request.partner)
        )
        return Tried(entry, origin, None if request.subject is None else small(request.subject.pixels), looks)

    def _portrait(self, subject: Subject | None) -> Seen | None:
        if subject is None:
            return None
        key = (subject.face_id, subject.side)
        if key not in self._portraits:
            self._portraits[key] = self._looker.look([subject.pixels])[0]
            while len(self._portraits) > KEPT:
                self._portraits.popitem(last=False)
        self._portraits.move_to_end(key)
        return self._portraits[key]


def _read(path: Path) -> Pixels:
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        return np.asarray(picture.convert("RGB"), np.uint8)
