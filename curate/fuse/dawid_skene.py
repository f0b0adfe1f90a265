"""Dawid and Skene's model: each source confuses labels in its own way, and nobody need know the truth.

A. P. Dawid, A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm",
Journal of the Royal Statistical Society C 28, 1979. Here with Dirichlet priors, and per group with
shrinkage towards the pooled reliabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.fuse.method import POOLED, Codes, Floats, Source

ROUNDS = 300
TOLERANCE = 1e-7
FLOOR = 1e-6


@dataclass(frozen=True)
class Priors:
    """What is believed before any label is seen.

    Attributes:
        human: Chance that a person's label is right.
        model: Chance that a model's is.
        strength: How many faces per class this belief is worth.
        shrink: How many faces per class the pooled reliability is worth in a group.
    """

    human: float = 0.9
    model: float = 0.7
    strength: float = 4.0
    shrink: float = 20.0


class DawidSkene:
    """Confusions of sources over K labels.

    After `fit`, index 0 of `prior` and `confusion` is pooled and 1 + g is group g.

    Args:
        labels: Number of labels.
        sources: Who speaks.
        groups: Number of groups.
        priors: Prior beliefs.

    Attributes:
        prior: (1 + groups, labels) how frequent each true label is.
        confusion: (1 + groups, sources, true, said) probabilities.
        counts: (sources, true, said) expected pooled counts.
        rounds: How many rounds it took.
        known: (sources, true, said) faces of which the truth is known from elsewhere; added to the pooled counts.
        votes: (sources,) share of a vote that each has; below 1 for sources that copy each other.
        anchored: Whether any truth is known.
        judged: (sources,) whether a source could be held against another or the truth on any face.
    """

    def __init__(self, labels: int, sources: Sequence[Source], groups: int = 0, priors: Priors | None = None) -> None:
        self.labels, self.groups = labels, groups
        self.sources = tuple(sources)
        self.priors = priors or Priors()
        self._belief = np.stack([self._believed(s) for s in sources]) if sources else np.zeros((0, labels, labels))
        self.prior = np.full((1 + groups, labels), 1 / labels)
        self.confusion = np.repeat(self._belief[None], 1 + groups, axis=0)
        self.counts = np.zeros_like(self._belief)
        self.rounds = 0
        self.known = np.zeros_like(self._belief)
        self.votes: Floats = np.ones(len(self.sources))
        self.anchored = False
        self.judged: NDArray[np.bool_] = np.zeros(len(self.sources), bool)

    def _believed(self, source: Source) -> Floats:
        right = self.priors.human if source.human else self.priors.model
        wrong = (1 - right) / max(self.labels - 1, 1)
        return np.where(np.eye(self.labels, dtype=bool), right, wrong)

    def fit(self, said: Codes, groups: Codes, truth: Codes, counts: Floats) -> None:
        """Expectation and maximisation until the beliefs stand still.

        Args:
            said: (patterns, sources) labels, -1 for nothing.
            groups: (patterns,) group, `POOLED` where unknown.
            truth: (patterns,) what is known to be true, -1 where it is not.
            counts: (patterns,) how often each pattern was seen.
        """
        telling = ((said >= 0).sum(1) >= 2) | (truth >= 0)
        measured = self.known.any((1, 2))
        self.judged = np.asarray((said[telling] >= 0).any(0)) | measured
        self.anchored = bool((truth >= 0).any() or measured.any())
        if not telling.any() and not measured.any():
            self._unjudged(said, counts)
            return
        before = self._posterior(said, np.full(len(said), POOLED), truth)
        for self.rounds in range(1, ROUNDS + 1):
            self._maximise(said, groups, before * counts[:, None])
            after = self._posterior(said, groups, truth)
            change = float(np.abs(after - before).max(initial=0.0))
            before = after
            if change < TOLERANCE:
                break

    def _unjudged(self, said: Codes, counts: Floats) -> None:
        """No face was labelled twice, so nothing tells who is right: the beliefs stand."""
        seen = np.array([[counts[said[:, s] == x].sum() for x in range(self.labels)] for s in range(len(self.sources))])
        self.prior[:] = _proportions(seen.sum(0) + 1)

    def _maximise(self, said: Codes, groups: Codes, mass: Floats) -> None:
        self.counts = self._tally(said, mass) + self.known
        self.prior[0] = _proportions(mass.sum(0) + 1)
        self.confusion[0] = self.reliability(0, self.counts)
        for group in range(self.groups):
            mine = groups == group
            totals = mass[mine].sum(0) + self.priors.shrink * self.prior[0]
            self.prior[1 + group] = _proportions(totals)
            self.confusion[1 + group] = self.reliability(1 + group, self._tally(said[mine], mass[mine]))

    def reliability(self, place: int, counts: Floats) -> Floats:
        """Confusions (sources, true, said) of the pooled faces (place 0) or of a group, from expected counts."""
        if place == 0:
            return _proportions(counts + self.priors.strength * self._belief)
        return _proportions(counts + self.priors.shrink * self.confusion[0])

    def _tally(self, said: Codes, mass: Floats) -> Floats:
        counts = np.zeros((len(self.sources), self.labels, self.labels))
        for s in range(len(self.sources)):
            spoke = said[:, s] >= 0
            for label in range(self.labels):
                counts[s, :, label] = mass[spoke & (said[:, s] == label)].sum(0)
        return counts

    def _posterior(self, said: Codes, groups: Codes, truth: Codes) -> Floats:
        belief = self.posterior(said, groups)
        known = truth >= 0
        belief[known] = np.eye(self.labels)[truth[known]]
        return belief

    def posterior(self, said: Codes, groups: Codes) -> Floats:
        """Probability of each label given what was said, shape (n, labels); uniform-prior faces get the prior."""
        with np.errstate(divide="ignore"):
            prior, confusion = np.log(self.prior), np.log(np.maximum(self.confusion, FLOOR))
        place = np.where(groups >= 0, groups + 1, 0)
        logs = prior[place]
        for s in range(len(self.sources)):
            heard = confusion[place, s, :, np.maximum(said[:, s], 0)]
            logs = logs + self.votes[s] * np.where((said[:, s] >= 0)[:, None], heard, 0.0)
        logs -= logs.max(1, keepdims=True)
        return _proportions(np.exp(logs))

    def evidence(self, said: Codes, groups: Codes) -> Floats:
        """How strongly each source's label speaks for itself, (n, sources), in nats; 0 where it says nothing.

        The logarithm of how much more often the source says this label where it is right than where it is wrong.
        """
        place = np.where(groups >= 0, groups + 1, 0)
        strength = np.zeros(said.shape)
        for s in range(len(self.sources)):
            label = np.maximum(said[:, s], 0)
            column = np.maximum(self.confusion[place, s, :, label], FLOOR)
            right = column[np.arange(len(said)), label]
            wrong = (column.sum(1) - right) / max(self.labels - 1, 1)
            strength[:, s] = np.where(said[:, s] >= 0, np.maximum(np.log(right / wrong), 0.01), 0.0)
        return strength * self.votes

    def accuracy(self) -> Floats:
        """Chance that each source is right, (1 + groups, sources), over the true labels as frequent as estimated."""
        return np.asarray(np.einsum("gt,gstt->gs", self.prior, self.confusion))


class OrdinalDawidSkene(DawidSkene):
    """The same for ordered labels: a source misses by a bias and a spread in steps, not label by label.

    The confusions are normal densities of the step said less the step true, cut at the ends of the scale,
    with a lapse of 2 %. Without truth biases are taken about people's labels, or else about the consensus.

    Attributes:
        bias: (1 + groups, sources) mean of said less true, in steps.
        spread: (1 + groups, sources) its standard deviation.
    """

    LAPSE = 0.02
    LEAST_SPREAD = 0.2

    def __init__(self, labels: int, sources: Sequence[Source], groups: int = 0, priors: Priors | None = None) -> None:
        super().__init__(labels, sources, groups, priors)
        believed = np.array([0.5 if s.human else 1.0 for s in self.sources])
        self.bias, self.spread = np.zeros((1 + groups, len(believed))), np.repeat(believed[None], 1 + groups, axis=0)
        self._believed_spread = believed
        self.confusion = np.repeat(self._normal(self.bias[0], believed)[None], 1 + groups, axis=0)

    def _normal(self, bias: Floats, spread: Floats) -> Floats:
        step = np.arange(self.labels)
        miss = step[None, None, :] - step[None, :, None] - bias[:, None, None]
        density = np.exp(-0.5 * (miss / spread[:, None, None]) ** 2)
        return (1 - self.LAPSE) * _proportions(density) + self.LAPSE / self.labels

    def _shared(self, bias: Floats) -> float:
        """The part of the biases that only truth could tell from a shift of all labels."""
        if self.anchored or not self.judged.any():
            return 0.0
        people = self.judged & np.array([s.human for s in self.sources])
        anchors = people if people.any() else self.judged
        return float(np.average(bias[anchors], weights=1 / self.spread[0][anchors] ** 2))

    def reliability(self, place: int, counts: Floats) -> Floats:
        """Confusions by bias and spread; see the base."""
        strength = self.priors.shrink if place else self.priors.strength
        bias, spread = (self.bias[0], self.spread[0]) if place else (0.0, self._believed_spread)
        miss = (np.arange(self.labels)[None, :] - np.arange(self.labels)[:, None])[None]
        total = counts.sum((1, 2)) + strength
        found = ((counts * miss).sum((1, 2)) + strength * bias) / total
        square = (counts * (miss - found[:, None, None]) ** 2).sum((1, 2)) + strength * spread**2
        self.spread[place] = np.maximum(np.sqrt(square / total), self.LEAST_SPREAD)
        self.bias[place] = found if place else found - self._shared(found)
        return self._normal(self.bias[place], self.spread[place])


def _proportions(values: Floats) -> Floats:
    total = values.sum(-1, keepdims=True)
    return np.asarray(values / np.where(total > 0, total, 1))
