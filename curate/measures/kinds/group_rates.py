"""False matches and false non-matches by group, from embeddings of named people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.identity.false_matches import independent, wilson
from curate.measures.base import TABLE, Config, Given, Input, Measure, Result
from curate.measures.columns_of_tables import texts
from curate.measures.rows import Floats, filled, vectors
from curate.measures.summary import members
from schemas import UsageError

MOST = 4000
"""Faces of a group that are compared with one another, at most: 8 million pairs."""


@dataclass(frozen=True)
class RatesConfig(Config):
    """Where a match begins.

    Attributes:
        threshold: Least cosine that counts as a match.
        fmr: If above 0, the threshold is instead the least one at which at most this share of all strangers' pairs
            (within groups) match.
    """

    threshold: float = 0.363
    fmr: float = 0.0

    def __post_init__(self) -> None:
        if not -1 <= self.threshold <= 1 or not 0 <= self.fmr < 1:
            raise UsageError("settings of group_rates", "-1 <= threshold <= 1 and 0 <= fmr < 1")


class GroupRates(Measure):
    """All pairs of faces within a group are compared; one threshold for all groups, so that they can be compared.

    The threshold's default is SFace's own for the cosine.
    """

    name = "group_rates"
    doc = "False match and false non-match rates by group of embeddings whose people are known."
    source = "ISO/IEC 19795-1, ISO/IEC 19795-10 (by demographic group)"
    inputs = (
        Input("faces", TABLE, "a row per face: `person`, `embedding` (a list of numbers), `group`",
              ("person", "embedding", "group")),
    )  # fmt: skip
    config_type = RatesConfig
    config: RatesConfig

    def measure(self, given: Given) -> Result:
        """Rates of every group and of all groups together, and the largest ratio between two groups."""
        table, path = given.tables["faces"], given.paths["faces"]
        people, found = filled(table, "person", path), vectors(table, "embedding", path)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        if (lengths == 0).any():
            raise UsageError(f"{path} has an embedding of zeros in row {int(np.argmin(lengths)) + 1}")
        number = np.unique(people, return_inverse=True)[1]
        parts = {group: _pairs(found / lengths, number, rows) for group, rows in members(texts(table, "group"))}
        if not parts:
            raise UsageError(f"{path} names no group")
        threshold = self._threshold(list(parts.values()))
        rows = [{"group": group, **pairs.rates(threshold)} for group, pairs in parts.items()]
        rows.append({"group": "all groups", **_joined(list(parts.values())).rates(threshold)})
        facts = {"threshold": threshold, **_ratios(rows[:-1])}
        return Result(facts, {"rates": rows}, _notes(parts))

    def _threshold(self, parts: list[_Pairs]) -> float:
        if not self.config.fmr:
            return self.config.threshold
        strangers = np.sort(np.concatenate([p.cosine[~p.same] for p in parts]))
        allowed = int(self.config.fmr * len(strangers))
        return float(np.nextafter(strangers[len(strangers) - 1 - allowed], np.inf)) if len(strangers) else 1.0


@dataclass(frozen=True)
class _Pairs:
    """All pairs of faces of a group: both faces, their cosine, whether they are one person; each (pairs,)."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cosine: Floats
    same: NDArray[np.bool_]
    left_out: int = 0

    def rates(self, threshold: float) -> dict[str, Any]:
        """Both rates with intervals that know that pairs share faces."""
        wrong = self.cosine >= threshold
        return {**self._rate("FMR", ~self.same, wrong), **self._rate("FNMR", self.same, ~wrong)}

    def _rate(self, name: str, of: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> dict[str, Any]:
        hits = wrong[of]
        if not len(hits):
            return {f"{name} n": 0, name: None, f"{name} low": None, f"{name} high": None}
        share = float(hits.mean())
        low, high = wilson(share, independent(self.first[of], self.second[of], hits))
        return {f"{name} n": len(hits), name: share, f"{name} low": low, f"{name} high": high}


def _pairs(vectors_: Floats, person: NDArray[np.intp], rows: NDArray[np.intp]) -> _Pairs:
    left_out = max(len(rows) - MOST, 0)
    if left_out:
        rows = rows[np.linspace(0, len(rows) - 1, MOST).astype(np.intp)]
    a, b = np.triu_indices(len(rows), 1)
    chosen = vectors_[rows]
    cosine = (chosen @ chosen.T)[a, b]
    return _Pairs(
        rows[a].astype(np.int64), rows[b].astype(np.int64), cosine, person[rows[a]] == person[rows[b]], left_out
    )


def _joined(parts: list[_Pairs]) -> _Pairs:
    return _Pairs(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("first", "second", "cosine", "same"))
    )


def _ratios(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Greatest over least rate of the groups; None where the least is 0 or a group has none."""
    found = {}
    for name in ("FMR", "FNMR"):
        rates = [r[name] for r in rows if r[name] is not None]
        found[f"{name}, greatest over least"] = max(rates) / min(rates) if len(rates) > 1 and min(rates) else None
    return found


def _notes(parts: dict[str, _Pairs]) -> tuple[str, ...]:
    notes = ["Pairs are of faces of one group; pairs across groups match less often and would flatter every rate."]
    cut = {group: p.left_out for group, p in parts.items() if p.left_out}
    if cut:
        notes.append(f"Of large groups {MOST} faces were compared, evenly taken; left out: {cut}.")
    return tuple(notes)
