"""Whether a picture is one that is there already: by perceptual hash, and by pixels among pictures of one face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.identity.hamming import BITS, FINE_BITS
from curate.identity.hashes import hash_picture, picture_hashes
from curate.store import Dataset
from curate.store.checks import as_array
from schemas import ImageStatus
from schemas.columns import hashes, images

SMALL = 128
"""Side at which two pictures of one face are compared."""
UNLIKE = 1.5
"""Least mean difference of two pictures of one face, in levels of 255, over the tenth that differs most."""
PART = 0.1


def small(pixels: Pixels) -> NDArray[np.uint8]:
    """A picture small enough to keep for comparison, shape (128, 128, 3)."""
    return np.asarray(cv2.resize(pixels, (SMALL, SMALL), interpolation=cv2.INTER_AREA), np.uint8)


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """How far two small pictures differ where they differ most, in levels of 255."""
    apart = np.abs(a.astype(np.int16) - b.astype(np.int16)).mean(2).ravel()
    most = max(1, round(PART * apart.size))
    return float(np.partition(apart, -most)[-most:].mean())


class Known:
    """Hashes of pictures, by the photograph that they show.

    A generated picture is near its own photograph by design, so only pictures of other photographs count.
    """

    def __init__(self) -> None:
        self._plain: list[NDArray[np.uint64]] = [np.zeros(0, np.uint64)]
        self._fine: list[NDArray[np.uint64]] = [np.zeros((0, 4), np.uint64)]
        self._photo: list[str] = []
        self._name: list[str] = []

    @classmethod
    def of_dataset(cls, ds: Dataset, quiet: bool = True) -> Known:
        """The pictures of a dataset; generated ones count as their photograph's."""
        found = cls()
        table = picture_hashes(ds, quiet)
        table = table.filter(table.column(hashes.HASH.name).is_valid())
        where = f"{images.STATUS.name} = '{ImageStatus.OK.value}'"
        rows = ds.images([images.IMAGE_ID, images.PARENT], where)
        parents = dict(zip(*(rows.column(c.name).to_pylist() for c in (images.IMAGE_ID, images.PARENT)), strict=True))
        ids = table.column(hashes.IMAGE_ID.name).to_pylist()
        found._plain.append(np.asarray(as_array(table.column(hashes.HASH.name)).to_numpy(), np.uint64))
        words = b"".join(as_array(table.column(hashes.FINE.name)).to_pylist())
        found._fine.append(np.frombuffer(words, np.uint64).reshape(-1, 4))
        found._photo += [parents.get(i) or i for i in ids]
        found._name += ids
        return found

    def add(self, values: Mapping[str, Any], photo: str, name: str) -> None:
        """Remember a picture's hashes."""
        plain, fine = _codes(values, hashes.HASH.name, hashes.FINE.name)
        self._plain.append(plain)
        self._fine.append(fine)
        self._photo.append(photo)
        self._name.append(name)

    def copy_of(self, values: Mapping[str, Any], photo: str) -> str:
        """Name of a picture of another photograph that this one nearly is, mirrored or not; empty if there is none."""
        plain, fine = np.concatenate(self._plain), np.concatenate(self._fine)
        self._plain, self._fine = [plain], [fine]
        for names in ((hashes.HASH.name, hashes.FINE.name), (hashes.HASH_MIRRORED.name, hashes.FINE_MIRRORED.name)):
            own, own_fine = _codes(values, *names)
            near = np.flatnonzero(np.bitwise_count(plain ^ own[0]) <= BITS)
            near = near[np.bitwise_count(fine[near] ^ own_fine[0]).sum(1, dtype=np.int64) <= FINE_BITS]
            others = [self._name[int(row)] for row in near if not photo or self._photo[int(row)] != photo]
            if others:
                return others[0]
        return ""


def _codes(values: Mapping[str, Any], plain: str, fine: str) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    return np.array([values[plain]], np.uint64), np.frombuffer(values[fine], np.uint64).reshape(1, 4)


def hashes_of(pixels: Pixels) -> dict[str, Any]:
    """The perceptual hashes of a picture."""
    return hash_picture(np.ascontiguousarray(pixels))
