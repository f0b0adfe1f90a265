"""Fuses probabilities of exclusive classes: a weighted product of the sources' distributions (log pooling).

C. Genest, J. V. Zidek, "Combining probability distributions", Statistical Science 1, 1986. Without truth the
weights add up to 1 and are in proportion to how much each source's label tells about the true one; with
truth each source gets a temperature and a weight by maximum likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from curate.fuse.dawid_skene import Priors
from curate.fuse.labels import Confusions, as_scores, told_labels
from curate.fuse.method import Floats, Fused, Method, Said, Source, agreed, normalised, rounded
from schemas import Column

FLOOR = 1e-4
"""Least probability of a class before pooling, so that no source alone can rule one out."""

ENOUGH = 50
"""Faces with truth from which weights are fitted."""

MOST_KEPT = 200_000
"""Faces with truth that are kept for fitting."""


class Distributions(Method):
    """Fuses distributions, and labels of sources that give no distribution; writes the label beside them too.

    The label stays null where every source that spoke abstains.

    Args:
        column: The column of probabilities.
        sources: Who speaks.
        groups: Names of groups, for the reliabilities of labels.
        priors: Prior beliefs about labels.
        label: The label column that the distribution stands beside.
        least: A label less probable than this stays null.
    """

    title = "log pooling"

    def __init__(
        self,
        column: Column,
        sources: Sequence[Source],
        groups: Sequence[str] = (),
        priors: Priors | None = None,
        label: Column | None = None,
        least: float = 0.0,
    ) -> None:
        super().__init__(column, sources, groups)
        self.label = label
        self.least = least
        self.confusions = Confusions(label or column, sources, groups, priors or Priors())
        self.weights: Floats = np.full(len(sources), 1 / max(len(sources), 1))
        self.temperatures: Floats | None = None
        self._kept: list[tuple[Said, Any]] = []
        self._kept_faces = 0

    def observe(self, said: Said) -> None:
        """Count what is said."""
        assert said.codes is not None
        self.confusions.observe(said.codes, said.groups, said.truth)
        if said.truth is not None and self._kept_faces < MOST_KEPT:
            known = np.flatnonzero(said.truth >= 0)
            part = Said(said.values[known], said.groups[known], codes=said.codes[known])
            self._kept.append((part, said.truth[known]))
            self._kept_faces += len(known)

    def settle(self) -> None:
        """Estimate the reliabilities."""
        self.confusions.settle()
        self.weights = normalised((self._information() * self.confusions.model.votes)[None])[0]
        if self._kept_faces < ENOUGH:
            return
        logs = np.concatenate([self._logs(part) for part, _ in self._kept])
        truth = np.concatenate([t for _, t in self._kept])
        alone = np.array([fit_exponents(logs[:, [s]], truth, np.ones(1))[0] for s in range(len(self.sources))])
        self.temperatures = 1 / np.maximum(alone, 1e-3)
        self.weights = fit_exponents(logs, truth, self.weights)
        self._kept = []

    def _information(self) -> Floats:
        """Mutual information of what each source says and the true label, in nats, under the fitted model."""
        prior, confusion = self.confusions.model.prior[0], self.confusions.model.confusion[0]
        both = prior[None, :, None] * confusion
        said = both.sum(1, keepdims=True)
        return np.asarray(
            (both * np.log(np.maximum(confusion, 1e-12) / np.maximum(said, 1e-12))).sum((1, 2)).clip(1e-6)
        )

    def _logs(self, said: Said) -> Floats:
        """Logarithm of each source's distribution (n, sources, labels); flat where it says nothing.

        A source with a label but no distribution speaks by how often it says this label of each true one.
        """
        assert said.codes is not None
        probabilities: Floats = said.values
        logs = np.zeros(probabilities.shape)
        confusion = self.confusions.model.confusion
        place = np.where(said.groups >= 0, said.groups + 1, 0)
        for s in range(len(self.sources)):
            given = filled(probabilities[:, s])
            only_label = np.isnan(given).all(1) & (said.codes[:, s] >= 0)
            heard = confusion[place, s, :, np.maximum(said.codes[:, s], 0)]
            spoken = np.where(only_label[:, None], heard, given)
            logs[:, s] = np.where(np.isnan(spoken), 0.0, np.log(np.maximum(spoken, FLOOR)))
        return logs

    def fuse(self, said: Said) -> Fused:
        """Fuse a shard."""
        assert said.codes is not None
        spoke = ~np.isnan(said.values).all(2) | (said.codes >= 0)
        any_spoke = np.asarray(spoke.any(1))
        power = np.where(spoke, self.weights[None], 0.0)
        if self.temperatures is None:
            power = normalised(power)
        logs = np.einsum("ns,nsk->nk", power, self._logs(said))
        belief = np.exp(logs - logs.max(1, keepdims=True))
        belief /= belief.sum(1, keepdims=True)
        chosen = belief.argmax(1)
        columns = {self.column: as_scores(self.column, np.where(any_spoke[:, None], belief, np.nan))}
        silent = np.zeros(len(belief), bool) if said.abstained is None else said.abstained
        if self.label is not None:
            sure = belief[np.arange(len(belief)), chosen] >= self.least
            columns |= told_labels(self.label, chosen, any_spoke & ~silent & sure, any_spoke)
        unsure = np.where(any_spoke, 1 - belief[np.arange(len(belief)), chosen], np.nan)
        tops = np.where(np.isnan(said.values).all(2), said.codes, filled_top(said.values))
        return Fused(columns, normalised(power), agreed(power, np.equal(tops, chosen[:, None]), spoke), unsure)

    def facts(self) -> dict[str, Any]:
        """Reliabilities and agreement."""
        layers = [s.layer for s in self.sources]
        facts = {"method": self.title, "weights": dict(zip(layers, rounded(self.weights), strict=True))}
        if self.temperatures is not None:
            facts["temperatures"] = dict(zip(layers, rounded(self.temperatures), strict=True))
        return {**facts, **self.confusions.facts()}


def filled(probabilities: Floats) -> Floats:
    """Distributions (n, labels) in which classes that a source cannot see get its mean, and rows add up to 1."""
    known = ~np.isnan(probabilities)
    count = known.sum(1, keepdims=True)
    total = np.where(known, probabilities, 0.0).sum(1, keepdims=True)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    whole = np.where(known, probabilities, mean)
    return np.asarray(whole / np.maximum(whole.sum(1, keepdims=True), 1e-12))


def filled_top(probabilities: Floats) -> Any:
    """Most probable class of each source, (n, sources)."""
    return np.where(np.isnan(probabilities), -1.0, probabilities).argmax(2)


def fit_exponents(logs: Floats, truth: Any, start: Floats, ridge: float = 1e-3, rounds: int = 100) -> Floats:
    """Exponents of a product of distributions by maximum likelihood: Newton's method on a concave function.

    Args:
        logs: (n, sources, labels) logarithms of the distributions.
        truth: (n,) true labels.
        start: (sources,) where to begin, and what a weak ridge pulls towards.
        ridge: Strength of the pull.
        rounds: Most steps.

    Returns:
        (sources,) exponents, none negative.
    """
    rows = np.arange(len(truth))
    right = logs[rows, :, truth]
    found = start.astype(np.float64)
    for _ in range(rounds):
        scores = np.einsum("s,nsk->nk", found, logs)
        belief = np.exp(scores - scores.max(1, keepdims=True))
        belief /= belief.sum(1, keepdims=True)
        mean = np.einsum("nk,nsk->ns", belief, logs)
        gradient = (right - mean).mean(0) - ridge * (found - start)
        square = np.einsum("nk,nsk,ntk->st", belief, logs, logs) / len(truth) - mean.T @ mean / len(truth)
        free = (found > 0) | (gradient > 0)
        step = np.zeros_like(found)
        curve = square + ridge * np.eye(len(found))
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], gradient[free])
        after = np.maximum(found + np.clip(step, -1, 1), 0.0)
        if np.abs(after - found).max() < 1e-9:
            return after
        found = after
    return found
