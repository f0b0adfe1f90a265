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
    """Two columns at once, such as race and gender, from confusions of each.

    Given both truths, what the one column says is taken as independent of what the other says. Where a column's errors
    depend on the other's truth (gender is told worse of some races, race of one gender), give its confusion for each
    true label of the other.

    Attributes:
        first: Confusion of the first column; one for all, or one for each true label of the second.
        second: Of the second column; one for all, or one for each true label of the first.
    """

    first: tuple[Confusion, ...]
    second: tuple[Confusion, ...]

    @classmethod
    def of(cls, first: Confusion | Mapping[str, Confusion], second: Confusion | Mapping[str, Confusion]) -> Crossed:
        """Cross two columns.

        Raises:
            UsageError: if a label of the one has no confusion of the other, or these differ in their labels.
        """
        heads = [c if isinstance(c, Confusion) else next(iter(c.values())) for c in (first, second)]
        return cls(_one_or_each(first, heads[1].labels), _one_or_each(second, heads[0].labels))

    @property
    def labels(self) -> tuple[str, ...]:
        """Both true labels, the second's change fastest."""
        return _pairs(self.first[0].labels, self.second[0].labels)

    @property
    def answers(self) -> tuple[str, ...]:
        """Both answers."""
        return _pairs(self.first[0].answers, self.second[0].answers)

    @property
    def validated(self) -> NDArray[np.int64]:
        """Faces behind the less validated of the two rows."""
        own, other = (np.stack([c.validated for c in side]) for side in (self.first, self.second))
        return np.asarray(np.minimum(own.T, other).reshape(-1), np.int64)

    def mean(self) -> Floats:
        """Expected chances."""
        first, second = (np.stack([c.mean() for c in side])[None] for side in (self.first, self.second))
        return np.asarray(self._product(first, second)[0])

    def draw(self, rng: np.random.Generator, rounds: int) -> Floats:
        """Chances as they may truly be."""
        first, second = (
            np.stack([c.draw(rng, rounds) for c in side], axis=1) for side in (self.first, self.second)
        )  # fmt: skip
        return self._product(first, second)

    def _product(self, first: Floats, second: Floats) -> Floats:
        """Chances of both from those of each, (R, L or 1, K, J) and (R, K or 1, L, M), as (R, K L, J M)."""
        rounds, (k, j), (size, m) = len(first), first.shape[2:], second.shape[2:]
        one = np.broadcast_to(first, (rounds, size, k, j))
        other = np.broadcast_to(second, (rounds, k, size, m))
        both = np.einsum("rlkj,rklm->rkljm", one, other)
        return np.asarray(both.reshape(rounds, k * size, j * m))


def _one_or_each(side: Confusion | Mapping[str, Confusion], labels: Sequence[str]) -> tuple[Confusion, ...]:
    """The one confusion, or that of each label of the other column."""
    if isinstance(side, Confusion):
        return (side,)
    missing = [label for label in labels if label not in side]
    if missing:
        raise UsageError("the confusions cannot be crossed", f"none is given for {', '.join(missing)}")
    chosen = tuple(side[label] for label in labels)
    if len({c.answers for c in chosen}) > 1 or len({c.labels for c in chosen}) > 1:
        raise UsageError("the confusions cannot be crossed", "they do not have the same labels")
    return chosen


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


def _blocks(parts: Sequence[Floats]) -> Floats:
    """Matrices (R, K, J) along the diagonal of a larger one."""
    height, width = sum(p.shape[1] for p in parts), sum(p.shape[2] for p in parts)
    found = np.zeros((len(parts[0]), height, width))
    row = column = 0
    for part in parts:
        found[:, row : row + part.shape[1], column : column + part.shape[2]] = part
        row, column = row + part.shape[1], column + part.shape[2]
    return found
