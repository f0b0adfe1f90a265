"""Presentation attack detection from scores: error rates of ISO/IEC 30107-3 and those of the literature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.base import Config
from curate.evaluation.intervals import bootstrap, proportion
from curate.evaluation.metrics.probabilistic import roc_auc
from curate.measures.base import TABLE, Given, Input, Measure, Result
from curate.measures.columns_of_tables import numbers
from schemas import UsageError

LIVE = {"live", "bona fide", "bona_fide", "bonafide", "real", "genuine", "1", "true"}
SPOOF = {"spoof", "attack", "fake", "0", "false"}
UNKNOWN_TYPE = "not told"
LABEL, SCORE, TYPE, DOMAIN = "label", "score", "attack_type", "domain"
AT_APCER = 0.05
"""APCER at which the standard's BPCER20 is read."""


@dataclass(frozen=True)
class SpoofingConfig(Config):
    """Where the decision is made.

    Attributes:
        threshold: Score from which a presentation passes for live; NaN takes that of the equal error rate.
    """

    threshold: float = math.nan


@dataclass(frozen=True)
class Presentations:
    """Scored presentations.

    Attributes:
        live: (n,) whether it is bona fide.
        score: (n,) higher is more likely live.
        kind: (n,) type of the attack instrument; empty for bona fide ones.
        domain: (n,) where it comes from.
    """

    live: NDArray[np.bool_]
    score: NDArray[np.float64]
    kind: NDArray[np.str_]
    domain: NDArray[np.str_]


class Spoofing(Measure):
    """A presentation passes for live if its score is at least the threshold.

    APCER is the share of attacks of one type that pass, and the worst type's is the figure (ISO/IEC 30107-3, 13.2.2);
    BPCER is the share of bona fide presentations that do not pass (13.2.3). ACER is the mean of both. HTER is the mean
    of false acceptance over all attacks and false rejection. The threshold is the equal error rate's on
    `development`, or, without that, on the presentations themselves, which flatters them.
    """

    name = "spoofing"
    doc = "APCER per attack type, BPCER, ACER, HTER, EER, AUC and BPCER20 of liveness scores."
    source = "ISO/IEC 30107-3:2023, 13.2; HTER as in Bengio and Mariethoz 2004"
    inputs = (
        Input("presentations", TABLE, "a row each: `label` (live or spoof) and `score` (higher is live); "
              "`attack_type` and `domain` if known", (LABEL, SCORE)),
        Input("development", TABLE, "the same of other presentations, to set the threshold on", (LABEL, SCORE), True),
    )  # fmt: skip
    config_type = SpoofingConfig
    config: SpoofingConfig

    def measure(self, given: Given) -> Result:
        """All figures."""
        found = presentations(given.tables["presentations"], given.paths["presentations"])
        threshold, notes = self.config.threshold, []
        if math.isnan(threshold):
            own = not given.has("development")
            told = found if own else presentations(given.tables["development"], given.paths["development"])
            threshold = eer_threshold(told.live, told.score)[0]
            if own:
                notes.append("The threshold was set on these very presentations: HTER and ACER are flattered.")
        kinds = per_type(found, threshold)
        worst = max(kinds, key=lambda row: float(row["APCER"]))
        bpcer = proportion(found.score[found.live] < threshold)
        far = proportion(found.score[~found.live] >= threshold)
        auc = bootstrap(roc_auc, found.live, found.score)
        facts: dict[str, Any] = {
            "threshold": float(threshold),
            "APCER": float(worst["APCER"]),
            "worst attack type": worst["attack_type"],
            "BPCER": bpcer.as_dict(),
            "ACER": (float(worst["APCER"]) + bpcer.value) / 2,
            "FAR over all attacks": far.as_dict(),
            "HTER": (far.value + bpcer.value) / 2,
            "EER": eer_threshold(found.live, found.score)[1],
            "AUC": auc.as_dict(),
            "BPCER20": bpcer_at(found, AT_APCER),
        }
        return Result(facts, {"attack types": kinds, "domains": per_domain(found, threshold)}, tuple(notes))


def presentations(table: pa.Table, path: Path) -> Presentations:
    """Read a table.

    Raises:
        UsageError: for labels and scores that are none, and where bona fide or attacks are missing.
    """
    said = [str(v).strip().lower() for v in table.column(LABEL).to_pylist()]
    if alien := sorted(set(said) - LIVE - SPOOF):
        raise UsageError(f"{path} has the label {alien[0]!r}", fix="Say live or spoof")
    live = np.array([s in LIVE for s in said], bool)
    if not live.any() or live.all():
        raise UsageError(f"{path} cannot be measured", "it needs live and spoof presentations")
    kind = _texts(table, TYPE, UNKNOWN_TYPE)
    return Presentations(live, numbers(table, SCORE, path), np.where(live, "", kind), _texts(table, DOMAIN, ""))


def _texts(table: pa.Table, column: str, default: str) -> NDArray[np.str_]:
    if column not in table.column_names:
        return np.full(table.num_rows, default, f"<U{max(len(default), 1)}")
    return np.array([str(v) if v not in (None, "") else default for v in table.column(column).to_pylist()], np.str_)


def eer_threshold(live: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[float, float]:
    """Threshold among the scores where false acceptance and rejection are nearest, and the mean of both there."""
    tried = np.unique(score)
    tried = np.append(tried, np.nextafter(tried[-1], np.inf))
    attacks, genuine = np.sort(score[~live]), np.sort(score[live])
    accepted = 1 - np.searchsorted(attacks, tried) / len(attacks)
    rejected = np.searchsorted(genuine, tried) / len(genuine)
    best = int(np.abs(accepted - rejected).argmin())
    return float(tried[best]), float((accepted[best] + rejected[best]) / 2)


def per_type(found: Presentations, threshold: float) -> list[dict[str, Any]]:
    """APCER of each type of attack with its interval."""
    rows = []
    for kind in np.unique(found.kind[~found.live]).tolist():
        passed = found.score[~found.live & (found.kind == kind)] >= threshold
        share = proportion(passed)
        rows.append({"attack_type": kind, "n": share.n, "APCER": share.value, "low": share.low, "high": share.high})
    return rows


def per_domain(found: Presentations, threshold: float) -> list[dict[str, Any]]:
    """HTER of each domain that has both kinds; nothing where domains are not told."""
    rows = []
    for domain in np.unique(found.domain).tolist():
        mine = found.domain == domain
        live, score = found.live[mine], found.score[mine]
        if domain and live.any() and not live.all():
            far, frr = float((score[~live] >= threshold).mean()), float((score[live] < threshold).mean())
            rows.append({"domain": domain, "n": int(mine.sum()), "FAR": far, "FRR": frr, "HTER": (far + frr) / 2})
    return rows


def bpcer_at(found: Presentations, apcer: float) -> float:
    """Least BPCER of a threshold at which no type's APCER is above a limit."""
    tried = np.append(np.unique(found.score), np.nextafter(found.score.max(), np.inf))
    for threshold in tried:
        if max(float(row["APCER"]) for row in per_type(found, float(threshold))) <= apcer:
            return float((found.score[found.live] < threshold).mean())
    raise AssertionError("above all scores nothing passes")
