"""Fuses labels and flags: Dawid and Skene's model, or its ordinal form for ordered labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa

from curate.fuse.agreement import cohen_kappa, joint, krippendorff_alpha
from curate.fuse.dawid_skene import DawidSkene, OrdinalDawidSkene, Priors
from curate.fuse.families import SAME, families, votes
from curate.fuse.method import Codes, Floats, Fused, Method, Said, Source, agreed, normalised, rounded
from curate.fuse.patterns import Patterns
from curate.scores import scores_beside
from schemas import REGISTRY, Column, Kind, taxonomy

ORDERED = frozenset({"age-fairface-9", "monk-10", "ita-6", "fitzpatrick-6", "mouth-state"})
"""Taxonomies whose labels stand in order."""

FLAG = ("false", "true")


def names_of(column: Column) -> tuple[str, ...]:
    """Labels of a column in order; a flag's are false and true."""
    return FLAG if column.kind is Kind.FLAG else taxonomy(column.taxonomy).labels


def is_ordered(column: Column) -> bool:
    """Whether neighbouring labels are nearer than others."""
    return column.taxonomy in ORDERED


class Confusions:
    """Reliabilities of sources of labels, learnt from counted patterns; shared by labels and distributions.

    Args:
        column: The label column, for its taxonomy.
        sources: Who speaks.
        groups: Names of groups.
        priors: Prior beliefs.
    """

    def __init__(self, column: Column, sources: Sequence[Source], groups: Sequence[str], priors: Priors) -> None:
        self.names = names_of(column)
        self.ordered = is_ordered(column)
        kind = OrdinalDawidSkene if self.ordered else DawidSkene
        self.model = kind(len(self.names), sources, len(groups), priors)
        self._sources, self._groups = tuple(sources), tuple(groups)
        self._patterns = Patterns(len(sources) + 2)

    def observe(self, codes: Codes, groups: Codes, truth: Codes | None) -> None:
        """Count a shard's patterns."""
        known = np.full(len(codes), -1) if truth is None else truth
        self._patterns.add(np.column_stack([codes, groups, known]))

    def settle(self) -> None:
        """Fit the model to the counts; faces of which nobody spoke tell nothing."""
        rows, counts = self._heard()
        alike = [pair for pair, kappa in self._kappas(rows[:, :-2], counts).items() if kappa >= SAME]
        self.model.votes = votes(families(self._sources, alike))
        self.model.fit(rows[:, :-2], rows[:, -2], rows[:, -1], counts)

    def _kappas(self, said: Codes, counts: Floats) -> dict[tuple[int, int], float]:
        pairs = combinations(range(len(self._sources)), 2)
        return {(a, b): cohen_kappa(joint(said, counts, a, b, len(self.names)), self.ordered) for a, b in pairs}

    def _heard(self) -> tuple[Codes, Floats]:
        rows = self._patterns.rows
        heard = (rows[:, :-2] >= 0).any(1)
        return rows[heard], self._patterns.counts[heard]

    def facts(self) -> dict[str, Any]:
        """Accuracy, confusion and agreement, by source and by group."""
        rows, counts = self._heard()
        said, layers = rows[:, :-2], [s.layer for s in self._sources]
        accuracy = self.model.accuracy()
        facts: dict[str, Any] = {
            "labels": list(self.names),
            "sources": {
                layer: {
                    "faces": int(counts[said[:, s] >= 0].sum()),
                    "vote": rounded(float(self.model.votes[s])),
                    "accuracy": rounded(float(accuracy[0, s])) if self.model.judged[s] else None,
                    "confusion": rounded(self.model.confusion[0, s], 4),
                    **self._steps(s),
                }
                for s, layer in enumerate(layers)
            },
            "krippendorff_alpha": rounded(krippendorff_alpha(said, counts, len(self.names), self.ordered)),
            "cohen_kappa": {
                f"{layers[a]} / {layers[b]}": rounded(kappa) for (a, b), kappa in self._kappas(said, counts).items()
            },
            "faces_with_truth": int(counts[rows[:, -1] >= 0].sum() + self.model.known.sum((1, 2)).max(initial=0)),
        }
        if self._groups:
            facts["accuracy_by_group"] = {
                group: dict(zip(layers, rounded(accuracy[1 + g]), strict=True)) for g, group in enumerate(self._groups)
            }
        return facts

    def _steps(self, s: int) -> dict[str, Any]:
        if not isinstance(self.model, OrdinalDawidSkene):
            return {}
        return {"bias": rounded(float(self.model.bias[0, s])), "spread": rounded(float(self.model.spread[0, s]))}


class Labels(Method):
    """Fuses a label or flag; writes the probabilities beside it where such a column is declared.

    Args:
        column: The label.
        sources: Who speaks.
        groups: Names of groups.
        priors: Prior beliefs.
        least: A label less probable than this stays null.
    """

    title = "Dawid-Skene"

    def __init__(
        self,
        column: Column,
        sources: Sequence[Source],
        groups: Sequence[str] = (),
        priors: Priors | None = None,
        least: float = 0.0,
    ) -> None:
        super().__init__(column, sources, groups)
        self.least = least
        self.confusions = Confusions(column, sources, groups, priors or Priors())
        if self.confusions.ordered:
            self.title = "ordinal Dawid-Skene"

    def observe(self, said: Said) -> None:
        """Count what is said."""
        self.confusions.observe(said.values, said.groups, said.truth)

    def settle(self) -> None:
        """Estimate the reliabilities."""
        self.confusions.settle()

    def fuse(self, said: Said) -> Fused:
        """Fuse a shard."""
        codes: Codes = said.values
        spoke = codes >= 0
        any_spoke = np.asarray(spoke.any(1))
        belief = self.confusions.model.posterior(codes, said.groups)
        if not self.confusions.ordered:
            belief = among_said(belief, codes)
        beside = scores_beside(self.column)
        chosen = decided(belief, self.confusions.ordered and beside is None)
        weights = normalised(self.confusions.model.evidence(codes, said.groups))
        unsure = np.where(any_spoke, 1 - belief[np.arange(len(codes)), chosen], np.nan)
        told = any_spoke & (np.nan_to_num(1 - unsure) >= self.least)
        columns = told_labels(self.column, chosen, told, any_spoke)
        if beside is not None:
            columns[beside] = as_scores(beside, np.where(any_spoke[:, None], belief, np.nan))
        return Fused(columns, weights, agreed(weights, np.equal(codes, chosen[:, None]), spoke), unsure)

    def facts(self) -> dict[str, Any]:
        """Reliabilities and agreement."""
        return {"method": self.title, **self.confusions.facts()}


def among_said(belief: Floats, codes: Codes) -> Floats:
    """Beliefs in which no label that nobody said stands above those that someone did."""
    rows, sources = np.nonzero(codes >= 0)
    said = np.zeros(belief.shape, bool)
    said[rows, codes[rows, sources]] = True
    best = np.where(said, belief, 0.0).max(1, keepdims=True)
    capped = np.where(said | ~said.any(1, keepdims=True), belief, np.minimum(belief, 0.999 * best))
    return np.asarray(capped / capped.sum(1, keepdims=True))


def decided(belief: Floats, median: bool) -> Codes:
    """The label of each row: the most probable, or the median.

    The median misses ordered labels by the fewest steps; beside declared probabilities the most probable stands.
    """
    if median:
        return np.asarray((np.cumsum(belief, axis=1) < 0.5 - 1e-12).sum(1).clip(max=belief.shape[1] - 1))
    return np.asarray(belief.argmax(1))


def abstention_of(label: Column) -> Column | None:
    """The flag that says that no label was given beside probabilities, if one is declared."""
    found = REGISTRY.get(f"{label.name}_abstained")
    return found if found is not None and found.kind is Kind.FLAG else None


def told_labels(label: Column, chosen: Codes, told: Any, spoke: Any) -> dict[Column, pa.Array]:
    """Labels, null where they are not told, and the flag of abstention where one is declared."""
    columns = {label: as_labels(label, np.where(told, chosen, -1))}
    flag = abstention_of(label)
    if flag is not None:
        columns[flag] = pa.array(~told, pa.bool_(), mask=~spoke)
    return columns


def as_labels(column: Column, codes: Codes) -> pa.Array:
    """Codes as the column's own values, null where negative."""
    names: list[Any] = [False, True] if column.kind is Kind.FLAG else list(names_of(column))
    return pa.array([None if c < 0 else names[c] for c in codes.tolist()], column.type)


def as_scores(column: Column, values: Floats) -> pa.Array:
    """Numbers (n, fields) as a struct of scores; null where all of a row are NaN, and fields that are NaN."""
    known = ~np.isnan(values)
    parts = [pa.array(values[:, i].astype(np.float32), pa.float32(), mask=~known[:, i]) for i in range(values.shape[1])]
    return pa.StructArray.from_arrays(parts, fields=list(column.type), mask=pa.array(~known.any(1)))
