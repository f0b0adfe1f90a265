"""Generated faces for the proof that balance helps: the same adults turned and relit, checked by detector and identity.

Both generators leave the labels of a face as they are, so its copies lie in its own cell. A copy is accepted if the
detector finds a face in it that is still the same person by SFace's embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels, warp
from annotators.registry import detector
from annotators.sface import CROP, SFace
from annotators.weights import ModelStore
from benchmarks.balance_helps_faces import People, embeddings
from benchmarks.labelling import decode, label, largest, made
from curate.balance.generators import Generator as Entry
from curate.generators.base import CannotGenerate, Generator, Request
from curate.generators.registry import generator
from curate.generators.subject import Subject, portrait
from schemas.columns import faces, labels

NAMES = ("head_turn", "relighting")
SAME_PERSON = 0.5
MOST_TRIES = 10
PILOT = 40
"""Adults outside the draw on whom the yield is measured."""
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Copies:
    """Accepted faces.

    Attributes:
        features: (n, 3968).
        source: Row of the face that each was made from.
        tries: Pictures made or refused for them.
    """

    features: NDArray[np.float32]
    source: Ints
    tries: int


class Studio:
    """Makes and checks copies.

    Args:
        pool: The faces.
        models: The model store.
    """

    def __init__(self, pool: People, models: ModelStore) -> None:
        self.pool, self.models = pool, models
        self.makers: list[Generator] = [generator(name)() for name in NAMES]
        for maker in self.makers:
            maker.setup(models)
        self.network = SFace(models)
        self.finder = detector("yunet")()
        self.finder.setup(models)
        self.meshes = made("mesh")
        self._subjects: dict[int, Subject | None] = {}

    def entry(self, rows: Ints, most_per_source: int, seed: int) -> Entry:
        """What the plan is told of these generators: their yield, measured on other faces, at a cost of 1 per try."""
        tried = accepted = 0
        for row in rows[:PILOT].tolist():
            for number in range(len(NAMES)):
                tried += 1
                accepted += self._copy(row, number, seed) is not None
        rate = max(accepted, 1) / max(tried, 1)
        return Entry("+".join(NAMES), cost=1.0, rate=rate, most_per_source=most_per_source)

    def fill(self, sources: Ints, wanted: Ints, seed: int) -> Copies:
        """Accepted copies, as many as wanted in each cell or as `MOST_TRIES` from each source give.

        Args:
            sources: Rows of adults.
            wanted: Faces per cell.
            seed: Of the generators' parameters.
        """
        found: list[NDArray[np.float32]] = []
        origin: list[int] = []
        tries = 0
        for cell in np.flatnonzero(wanted).tolist():
            mine, left = sources[self.pool.cell[sources] == cell], int(wanted[cell])
            for number in range(MOST_TRIES):
                for row in mine.tolist():
                    if not left:
                        break
                    tries += 1
                    copy = self._copy(row, number, seed)
                    if copy is not None:
                        found.append(copy)
                        origin.append(row)
                        left -= 1
        width = self.pool.features.shape[1]
        return Copies(np.array(found, np.float32).reshape(-1, width), np.array(origin, np.int64), tries)

    def _copy(self, row: int, number: int, seed: int) -> NDArray[np.float32] | None:
        """Features of one accepted copy of a face, None if it was refused."""
        subject = self._subject(row)
        if subject is None:
            return None
        maker, rng = self.makers[number % len(self.makers)], np.random.default_rng([seed, row, number])
        try:
            request = Request(subject)
            picture = next(iter(maker.make(request, maker.draw(request, rng)))).pixels
        except CannotGenerate:
            return None
        features = self._features(picture)
        if features is None:
            return None
        copy, source = embeddings(np.stack([features, self.pool.features[row]]))
        return features if float(copy @ source) >= SAME_PERSON else None

    def _subject(self, row: int) -> Subject | None:
        if row not in self._subjects:
            data = self.pool.found.images[row]
            (said,) = label([(data, {})], self.meshes, self.models)
            usable = said.get(labels.MESH.name) is not None
            self._subjects[row] = portrait(decode(data), said) if usable else None
        return self._subjects[row]

    def _features(self, picture: Pixels) -> NDArray[np.float32] | None:
        small = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
        face = largest(self.finder.detect(np.asarray(small, np.uint8)))
        if face is None:
            return None
        crop = warp(np.asarray(small, np.uint8), CROP.matrix({faces.POINTS_5: face[1]}), CROP.size)
        features = self.network.features(crop)
        return np.concatenate([features.texture, features.pooled])
