"""A small generator of faces that needs no weights: principal components of a dataset's own aligned crops.

M. Turk and A. Pentland, "Eigenfaces for recognition", 1991. Its pictures are blurred mixtures of the crops; it serves
to build and check latent pairs where no larger generator is at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from schemas import UsageError

Latents = NDArray[np.float64]
FEWEST = 10
"""Crops without which no space is fitted."""


@dataclass(frozen=True)
class FaceSpace:
    """A linear generator: picture = mean + latent * deviations @ components.

    Attributes:
        mean: (side * side * 3,) in 0-255.
        components: (n, side * side * 3) of length 1.
        deviations: (n,) standard deviation of the crops along each; latents are in these units.
        side: Of its pictures in px.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    deviations: Latents
    side: int

    def encode(self, pictures: NDArray[np.uint8]) -> Latents:
        """Latents of crops, (m, side, side, 3) -> (m, n)."""
        flat = pictures.reshape(len(pictures), -1).astype(np.float32) - self.mean
        return np.asarray((flat @ self.components.T) / self.deviations)

    def decode(self, latents: Latents) -> list[Pixels]:
        """Pictures of latents, (m, n)."""
        flat = self.mean + (latents * self.deviations) @ self.components
        pictures = np.clip(np.rint(flat), 0, 255).astype(np.uint8)
        return list(pictures.reshape(-1, self.side, self.side, 3))

    def draw(self, count: int, rng: np.random.Generator) -> Latents:
        """Latents of faces of nobody, standard normal, (count, n)."""
        return rng.standard_normal((count, len(self.deviations)))


def fitted(pictures: NDArray[np.uint8], most: int) -> FaceSpace:
    """Fit the space to crops.

    Args:
        pictures: (m, side, side, 3).
        most: Most components.

    Raises:
        UsageError: for too few crops.
    """
    if len(pictures) < FEWEST:
        raise UsageError(f"{len(pictures)} faces", f"a space of faces needs {FEWEST} or more")
    flat = pictures.reshape(len(pictures), -1).astype(np.float32)
    mean = flat.mean(0)
    centred = flat - mean
    # The Gram matrix is as small as the crops are few.
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    order = np.argsort(values)[::-1][: min(most, len(pictures) - 1)]
    sizes = np.sqrt(np.maximum(values[order], 1e-9))
    components = (vectors[:, order].T / sizes[:, None]).astype(np.float32) @ centred
    # A component's sign is arbitrary: its largest pixel is made positive, so that the same crops give the same space.
    signs = np.sign(components[np.arange(len(components)), np.abs(components).argmax(1)])
    return FaceSpace(mean, components * signs[:, None], sizes / np.sqrt(len(pictures) - 1), pictures.shape[1])


def direction(latents: Latents, scores: NDArray[np.float64], caution: float = 0.3) -> Latents:
    """Unit direction in which a score rises, by ridge regression on standardised scores, (n,).

    Args:
        latents: (m, n).
        scores: (m,).
        caution: Weight of the penalty, as a share of the number of faces.

    Raises:
        UsageError: if the score is the same for all.
    """
    if float(np.std(scores)) < 1e-9:
        raise UsageError("the attribute is the same for all faces", "no direction can be found")
    aim = (scores - scores.mean()) / scores.std()
    found = np.linalg.solve(latents.T @ latents + caution * len(latents) * np.eye(latents.shape[1]), latents.T @ aim)
    return np.asarray(found / max(float(np.linalg.norm(found)), 1e-12))
