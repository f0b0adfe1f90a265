"""What labels say of faces whose truth is known, as chances with their uncertainty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.grouping import BETWEEN
from schemas import UsageError

Floats = NDArray[np.float64]
LEAST = 1e-12
"""Added to every drawn chance, so that no two rows are exactly the same."""


class Rows(Protocol):
    """Chances of the answers for each true label; K true labels, J answers."""

    @property
    def labels(self) -> tuple[str, ...]:
        """True labels, (K,)."""

    @property
    def answers(self) -> tuple[str, ...]:
        """Possible answers, (J,); the labels, and perhaps more, such as an abstention."""

    @property
    def validated(self) -> NDArray[np.int64]:
        """Faces of each true label that the chances were measured on, (K,)."""

    def mean(self) -> Floats:
        """Expected chance of each answer, (K, J), with rows that add up to 1."""

    def draw(self, rng: np.random.Generator, rounds: int) -> Floats:
        """Chances as they may truly be, (rounds, K, J)."""


@dataclass(frozen=True)
class Confusion:
    """Faces by true label and answer.

    How the answers of one true label's faces are distributed is unknown but for these faces: it is drawn from a
    Dirichlet distribution with the counts and 1/J more for each answer, so that a label without a face tells nothing.
    For two answers this is Jeffreys's prior, whose intervals are right on the average (L. Brown, T. Cai, A. DasGupta,
    "Interval estimation for a binomial proportion", 2001); for more, Perks's, which keeps the weight of the prior at
    one face however many answers there are (W. Perks, "Some observations on inverse probability", 1947).

    Attributes:
        labels: True labels, (K,).
        answers: Answers, (J,); the labels first.
        counts: Faces, (K, J).
    """

    labels: tuple[str, ...]
    answers: tuple[str, ...]
    counts: Floats

    @classmethod
    def of(cls, counts: ArrayLike, labels: Sequence[str] = (), answers: Sequence[str] = ()) -> Confusion:
        """A confusion from a matrix of counts, (K, J) with J of K or more.

        Raises:
            UsageError: if the matrix is no confusion of these labels.
        """
        matrix = np.asarray(counts, np.float64)
        what = "these counts are no confusion"
        if matrix.ndim != 2 or min(matrix.shape) < 1 or matrix.shape[1] < matrix.shape[0]:
            raise UsageError(what, f"a table of true labels by answers is needed, not one of {matrix.shape}")
        if not np.isfinite(matrix).all() or (matrix < 0).any():
            raise UsageError(what, "they must be numbers of at least 0")
        size, width = matrix.shape
        names = tuple(labels) or tuple(str(i) for i in range(size))
        said = tuple(answers) or (*names, *(f"other {i + 1}" for i in range(width - size)))
        if len(names) != size or len(said) != width or len(set(said)) < width or said[:size] != names:
            raise UsageError(what, f"{size} labels and {width} answers that begin with them are needed")
        return cls(names, said, matrix)

    @property
    def validated(self) -> NDArray[np.int64]:
        """Faces of each true label, (K,)."""
        return np.asarray(np.round(self.counts.sum(1)), np.int64)

    def mean(self) -> Floats:
        """Expected chances, (K, J)."""
        raised = self.counts + 1 / self.counts.shape[1]
        return np.asarray(raised / raised.sum(1, keepdims=True))

    def draw(self, rng: np.random.Generator, rounds: int) -> Floats:
        """Chances as they may truly be, (rounds, K, J)."""
        shape = np.broadcast_to(self.counts + 1 / self.counts.shape[1], (rounds, *self.counts.shape))
        drawn = rng.standard_gamma(shape) + LEAST * rng.random(shape.shape)
        return np.asarray(drawn / drawn.sum(2, keepdims=True))


@dataclass(frozen=True)
class Crossed:
    """Two columns at once, such as race and gender, from a confusion of each.

    Given the truth, what the one column says is taken as independent of what the other says. Where the second
    column's errors depend on the first one's truth (such as gender, told worse of some races), give a confusion of the
    second for each label of the first.

    Attributes:
        first: Confusion of the first column.
        second: Of the second; one for all, or one for each true label of the first.
    """

    first: Confusion
    second: tuple[Confusion, ...]

    @classmethod
    def of(cls, first: Confusion, second: Confusion | Mapping[str, Confusion]) -> Crossed:
        """Cross two confusions.

        Raises:
            UsageError: if a label of the first has no confusion of the second, or these differ in their labels.
        """
        if isinstance(second, Confusion):
            return cls(first, (second,))
        missing = [label for label in first.labels if label not in second]
        if missing:
            raise UsageError("the confusions cannot be crossed", f"none is given for {', '.join(missing)}")
        chosen = tuple(second[label] for label in first.labels)
        if len({c.answers for c in chosen}) > 1 or len({c.labels for c in chosen}) > 1:
            raise UsageError("the confusions cannot be crossed", "they do not have the same labels")
        return cls(first, chosen)

    @property
    def labels(self) -> tuple[str, ...]:
        """Both true labels, the second's change fastest."""
        return _pairs(self.first.labels, self.second[0].labels)

    @property
    def answers(self) -> tuple[str, ...]:
        """Both answers."""
        return _pairs(self.first.answers, self.second[0].answers)

    @property
    def validated(self) -> NDArray[np.int64]:
        """Faces behind the less validated of the two rows."""
        own = np.stack([c.validated for c in self.second])
        return np.asarray(np.minimum(self.first.validated[:, None], own).reshape(-1), np.int64)

    def mean(self) -> Floats:
        """Expected chances."""
        own = np.stack([c.mean() for c in self.second])
        every: Floats = np.broadcast_to(own, (len(self.first.labels), *own.shape[1:]))
        return np.asarray(_crossed(self.first.mean()[None], every[None])[0])

    def draw(self, rng: np.random.Generator, rounds: int) -> Floats:
        """Chances as they may truly be."""
        first = self.first.draw(rng, rounds)
        own = np.stack([c.draw(rng, rounds) for c in self.second], axis=1)
        return _crossed(first, np.broadcast_to(own, (rounds, len(self.first.labels), *own.shape[2:])))


@dataclass(frozen=True)
class Stratified:
    """A column whose errors depend on something that is known of every face, such as its source.

    Attributes:
        strata: Names of the strata.
        confusions: Of each.
    """

    strata: tuple[str, ...]
    confusions: tuple[Confusion, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Stratum and true label."""
        return tuple(BETWEEN.join((s, x)) for s, c in zip(self.strata, self.confusions, strict=True) for x in c.labels)

    @property
    def answers(self) -> tuple[str, ...]:
        """Stratum and answer."""
        return tuple(BETWEEN.join((s, x)) for s, c in zip(self.strata, self.confusions, strict=True) for x in c.answers)

    @property
    def validated(self) -> NDArray[np.int64]:
        """Faces of each stratum and true label."""
        return np.concatenate([c.validated for c in self.confusions])

    def mean(self) -> Floats:
        """Expected chances; a stratum is never mistaken for another."""
        return np.asarray(_blocks([c.mean()[None] for c in self.confusions])[0])

    def draw(self, rng: np.random.Generator, rounds: int) -> Floats:
        """Chances as they may truly be."""
        return _blocks([c.draw(rng, rounds) for c in self.confusions])


def _pairs(first: Iterable[str], second: Sequence[str]) -> tuple[str, ...]:
    return tuple(BETWEEN.join((a, b)) for a in first for b in second)


def _crossed(first: Floats, second: Floats) -> Floats:
    """Products of the chances (R, K, J) and (R, K, L, M), as (R, K L, J M)."""
    both = np.einsum("rkj,rklm->rkljm", first, second)
    rounds, k, size, j, m = both.shape
    return np.asarray(both.reshape(rounds, k * size, j * m))


def _blocks(parts: Sequence[Floats]) -> Floats:
    """Matrices (R, K, J) along the diagonal of a larger one."""
    height, width = sum(p.shape[1] for p in parts), sum(p.shape[2] for p in parts)
    found = np.zeros((len(parts[0]), height, width))
    row = column = 0
    for part in parts:
        found[:, row : row + part.shape[1], column : column + part.shape[2]] = part
        row, column = row + part.shape[1], column + part.shape[2]
    return found
