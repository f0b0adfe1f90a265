"""Emotion answers against truth where the two label sets differ, and votes as soft labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.evaluation.intervals import Estimate, bootstrap
from curate.evaluation.metrics.classification import accuracy, balanced_accuracy, class_figures, macro_f1
from curate.measures.base import TABLE, Config, Given, Input, Measure, Result
from curate.measures.columns_of_tables import numbers, texts
from curate.measures.rows import Floats, filled
from curate.measures.summary import members, number
from curate.store.parts import replacing
from schemas import UsageError
from schemas.coding import coding

CODING = "ferplus"
REASONLESS = ("unknown", "not_a_face")
"""FERPlus's votes that are for no emotion, as labels of its taxonomy."""
FILE = "soft_labels.parquet"


@dataclass(frozen=True)
class EmotionConfig(Config):
    """How the figures are taken.

    Attributes:
        labels: All labels that a model may answer; those of truth and answers by default.
        rounds: Resamples of the intervals.
    """

    labels: tuple[str, ...] = ()
    rounds: int = 1000


class EmotionMetrics(Measure):
    """A class that never occurs in the truth has no recall; macro figures that count it as 0 punish the test set.

    `present-only macro-F1` averages over the classes of the truth; answers of other classes are misses all the same.
    """

    name = "emotion_metrics"
    doc = "Present-only macro-F1, balanced accuracy and per-class figures where test set and model know other classes."
    source = "NeuroGaze-Distill 2025 (present-only macro-F1); Brodersen et al. 2010 (balanced accuracy)"
    inputs = (Input("answers", TABLE, "a row per face: `truth`, `answer`, and `group` if known", ("truth", "answer")),)
    config_type = EmotionConfig
    config: EmotionConfig

    def measure(self, given: Given) -> Result:
        """Figures over all rows and by group; per class."""
        table, path = given.tables["answers"], given.paths["answers"]
        truth, answer = (np.array(filled(table, c, path), object) for c in ("truth", "answer"))
        classes = list(dict.fromkeys([*self.config.labels, *sorted({*truth, *answer})]))
        if self.config.labels and (alien := sorted({*truth, *answer} - set(self.config.labels))):
            raise UsageError(f"{path} has the label {alien[0]}", fix=f"Known by labels=: {', '.join(classes)}")
        rows = [{"group": "all", "figure": n, **_row(e)} for n, e in self._figures(truth, answer, classes).items()]
        if "group" in table.column_names:
            for group, chosen in members(texts(table, "group")):
                found = self._figures(truth[chosen], answer[chosen], classes)
                rows += [{"group": group, "figure": n, **_row(e)} for n, e in found.items()]
        figures = class_figures(truth, answer, classes)
        per_class = [
            {"label": c, "n": int(figures.support[i]), "precision": number(figures.precision[i]),
             "recall": number(figures.recall[i]), "f1": number(figures.f1[i])}
            for i, c in enumerate(classes)
        ]  # fmt: skip
        absent = [c for c in classes if c not in set(truth)]
        facts = {"rows": len(truth), "classes": len(classes), "absent from the truth": absent}
        return Result(facts, {"figures": rows, "classes": per_class})

    def _figures(self, truth: Any, answer: Any, classes: list[str]) -> dict[str, Estimate]:
        def zero_filled(t: Any, a: Any, *, weight: Any = None) -> Any:
            return macro_f1(t, a, classes, weight=weight, over="truth") * _present(t, weight) / len(classes)

        def _present(t: Any, weight: Any) -> Any:
            counts = np.ones(len(t)) if weight is None else np.asarray(weight)
            return sum(((counts * (t == c)).sum(-1) > 0).astype(float) for c in classes)

        metrics = {
            "accuracy": accuracy,
            "balanced accuracy": lambda t, a, *, weight=None: balanced_accuracy(t, a, classes, weight=weight),
            "present-only macro-F1": lambda t, a, *, weight=None: macro_f1(t, a, classes, weight=weight, over="truth"),
            "macro-F1 with absent classes as 0": zero_filled,
        }
        return {name: bootstrap(m, truth, answer, rounds=self.config.rounds) for name, m in metrics.items()}


def _row(e: Estimate) -> dict[str, Any]:
    return {"n": e.n, "value": number(e.value), "low": number(e.low), "high": number(e.high)}


class FerPlusVotes(Measure):
    """Votes for `unknown` and `NF` (not a face) are left out before the eight emotions are made to sum to 1."""

    name = "ferplus_votes"
    doc = "FERPlus's votes as soft labels over eight emotions that sum to 1, with their entropy."
    source = "Barsoum et al., Training deep networks for FER with crowd-sourced label distribution, 2016"
    inputs = (
        Input("votes", TABLE, "fer2013new.csv, or a table with FERPlus's vote columns", ("neutral", "happiness")),
    )

    def measure(self, given: Given) -> Result:
        """How clear the votes are; with --files also the soft labels."""
        table, path = given.tables["votes"], given.paths["votes"]
        words = coding(CODING)
        labels = [label for label in words.order if label not in REASONLESS]
        missing = [words.spell(x) for x in labels if words.spell(x) not in table.column_names]
        if missing:
            raise UsageError(f"{path} has no column {', '.join(missing)}", "FERPlus has one for each emotion")
        votes = np.stack([numbers(table, words.spell(x), path) for x in labels], axis=1)
        soft = soft_labels(votes)
        known = np.isfinite(soft).all(1)
        shares = soft[known]
        top = [labels[i] for i in shares.argmax(1)]
        rows = [
            {"label": label, "majority of": top.count(label), "mean share": float(shares[:, i].mean())}
            for i, label in enumerate(labels)
        ]
        entropy = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(1)
        facts = {
            "rows": len(votes), "without a vote for an emotion": int((~known).sum()),
            "mean entropy in bits": number(float(entropy.mean())) if len(entropy) else None,
            "clear majority": float((shares.max(1) > 0.5).mean()) if len(shares) else None,
        }  # fmt: skip
        return Result(facts, {"labels": rows}, (), _written(given.out, soft, labels) if given.out is not None else ())


def soft_labels(votes: Floats) -> Floats:
    """Votes (n, labels) as shares that sum to 1; NaN where nobody voted for any."""
    total = votes.sum(1, keepdims=True)
    return np.asarray(np.divide(votes, total, out=np.full_like(votes, np.nan), where=total > 0))


def _written(out: Path, soft: Floats, labels: list[str]) -> tuple[Path, ...]:
    import pyarrow.parquet as pq

    kept = [[None if np.isnan(v) else float(v) for v in soft[:, i]] for i in range(len(labels))]
    with replacing(out / FILE) as file:
        pq.write_table(pa.table(dict(zip(labels, kept, strict=True))), file)
    return (out / FILE,)
