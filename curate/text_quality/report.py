"""All texts judged and counted: over all, by kind of text, and by perceived group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from curate.evaluation.intervals import Estimate, bootstrap, proportion
from curate.evaluation.metrics.captions import micro_precision
from curate.evaluation.metrics.counting import mean
from curate.identity.progress import follow
from curate.measures.summary import members, number, perceived
from curate.text_quality.diversity import Diversity, diversity, skeleton
from curate.text_quality.judge import KINDS, Limits, Verdict, judge
from curate.text_quality.parity import Parity, parity
from curate.text_quality.relevance import relevance
from curate.text_quality.texts import Text, Texts, read_texts
from schemas.columns import labels

FORMAT = 1
ALL = "all"
MIN_GROUP = 20
"""Texts below which a group has figures but takes part in no comparison."""
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class Figures:
    """Figures of some of the texts.

    Attributes:
        by: Column of the grouping; empty for all texts of a kind.
        group: The group.
        kind: Kind of text.
        n: Texts.
        agreement: Confirmed over judged claims, texts resampled; its n is the texts with a judged claim.
        clean: Share of texts without a finding.
        findings: Kind of finding -> texts that have one.
        forbidden: Kind of forbidden claim -> texts that have one.
        words: Quantiles of the length in words, at `QUANTILES`.
        diversity: See there; of groups, on the same number of texts each.
        relevance: Mean cosine by CLIP; None without it.
        reward: Mean reward of reasoned texts; None for others.
    """

    by: str
    group: str
    kind: str
    n: int
    agreement: Estimate
    clean: Estimate
    findings: Mapping[str, int]
    forbidden: Mapping[str, int]
    words: tuple[float, ...]
    diversity: Diversity
    relevance: Estimate | None
    reward: Estimate | None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        told = {**asdict(self), "words": dict(zip(map(str, QUANTILES), self.words, strict=True))}
        for name in ("agreement", "clean", "relevance", "reward"):
            value = getattr(self, name)
            told[name] = None if value is None else value.as_dict()
        told["diversity"] = {k: number(v) if isinstance(v, float) else v for k, v in asdict(self.diversity).items()}
        return told


@dataclass(frozen=True)
class TextReport:
    """What was found.

    Attributes:
        texts: What was judged.
        verdicts: One per text.
        figures: Over all and by group.
        parity: Kind of text -> grouping -> gap of templates between its groups.
        relevance: Row of a text -> cosine.
        no_relevance: Why there are no cosines; empty if there are.
        limits: Of the length.
    """

    texts: Texts
    verdicts: list[Verdict]
    figures: list[Figures]
    parity: dict[str, dict[str, Parity]]
    relevance: dict[int, float]
    no_relevance: str
    limits: Limits = field(default_factory=Limits)

    @property
    def found(self) -> int:
        """Texts with a finding."""
        return sum(bool(v.findings) for v in self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; without the texts."""
        return {
            "format": FORMAT,
            "source": self.texts.name,
            "texts": len(self.verdicts),
            "without a text": self.texts.without,
            "labelled": self.texts.labelled,
            "with a finding": self.found,
            "no relevance because": self.no_relevance,
            "limits": asdict(self.limits),
            "figures": [f.as_dict() for f in self.figures],
            "parity": {k: {by: asdict(p) for by, p in found.items()} for k, found in self.parity.items()},
        }


def check_texts(
    source: Path | str, dataset: Path | str | None = None, limits: Limits | None = None, quiet: bool = True
) -> TextReport:
    """Judge all texts of a dataset, an export or a list.

    Args:
        source: See `read_texts`.
        dataset: Dataset whose labels judge an export that holds none.
        limits: Of the length.
        quiet: No progress bar.

    Raises:
        UsageError: if there are no texts.
    """
    texts = read_texts(Path(source), None if dataset is None else Path(dataset))
    limits = limits or Limits()
    verdicts = [judge(t, limits) for t in follow(texts.rows, len(texts.rows), "texts", quiet)]
    cosines, why = relevance(texts.rows, Path(source))
    groups = perceived([{c.name: v for c, v in t.values.items()} for t in texts.rows])
    figures: list[Figures] = []
    gaps: dict[str, dict[str, Parity]] = {}
    for kind in dict.fromkeys(t.kind for t in texts.rows):
        rows = [i for i, t in enumerate(texts.rows) if t.kind == kind]
        figures.append(_figures("", ALL, kind, rows, texts.rows, verdicts, cosines))
        gaps[kind] = {}
        templates = [skeleton(texts.rows[i].words, texts.rows[i].question) for i in rows]
        for by, names in groups.items():
            figures += _by_group(by, names, kind, rows, texts.rows, verdicts, cosines)
            gaps[kind][by] = parity(templates, _large(names, rows))
    return TextReport(texts, verdicts, figures, gaps, cosines, why, limits)


def _large(names: Sequence[Any], rows: Sequence[int]) -> list[Any]:
    """Group of each row, None where it is too small to be compared."""
    counts = Counter(names[i] for i in rows)
    return [names[i] if counts[names[i]] >= MIN_GROUP else None for i in rows]


def _by_group(
    by: str, names: Sequence[Any], kind: str, rows: list[int], texts: Sequence[Text], verdicts: Sequence[Verdict],
    cosines: Mapping[int, float],
) -> list[Figures]:  # fmt: skip
    parts = [(group, [rows[i] for i in chosen]) for group, chosen in members([names[i] for i in rows])]
    large = [len(part) for _, part in parts if len(part) >= MIN_GROUP]
    sample = min(large, default=MIN_GROUP)
    return [_figures(by, group, kind, part, texts, verdicts, cosines, sample) for group, part in parts]


def _figures(
    by: str, group: str, kind: str, rows: list[int], texts: Sequence[Text], verdicts: Sequence[Verdict],
    cosines: Mapping[int, float], sample: int = 200,
) -> Figures:  # fmt: skip
    mine = [verdicts[i] for i in rows]
    confirmed = np.array([v.confirmed for v in mine], np.float64)
    judged = confirmed + np.array([v.denied for v in mine], np.float64)
    told = judged > 0
    who = np.array([texts[i].key for i in rows])
    agreement = bootstrap(micro_precision, confirmed[told], judged[told], clusters=who[told], rounds=400)
    lengths = np.array([v.length for v in mine], np.float64)
    fits = [cosines[i] for i in rows if i in cosines]
    rewards = [v.reward.total for v in mine if v.reward is not None]
    return Figures(
        by, group, kind, len(rows), agreement, proportion([not v.findings for v in mine]),
        {k: sum(any(f == k for f, _ in v.findings) for v in mine) for k in KINDS},
        dict(Counter(kind for i in rows for kind in _forbidden(texts[i]))),
        tuple(float(q) for q in np.quantile(lengths, QUANTILES)),
        diversity([texts[i].words for i in rows], [texts[i].question for i in rows], min(sample, 200)),
        bootstrap(mean, np.array(fits)) if fits else None, bootstrap(mean, np.array(rewards)) if rewards else None,
    )  # fmt: skip


def _forbidden(text: Text) -> set[str]:
    from curate.text_quality.forbidden import claims_in

    return {c.ban.kind for c in claims_in(text.words)}


def table_of(report: TextReport) -> Any:
    """One row per text as an Arrow table: text, verdict, agreement, relevance, reward."""
    import pyarrow as pa

    rows = report.texts.rows
    rewards = [v.reward for v in report.verdicts]
    return pa.table({
        "key": [t.key for t in rows], "kind": [t.kind for t in rows], "question": [t.question for t in rows],
        "text": [t.words for t in rows], "words": [v.length for v in report.verdicts],
        labels.TEXT_FINDINGS.name: pa.array([v.lines for v in report.verdicts], labels.TEXT_FINDINGS.type),
        labels.TEXT_AGREEMENT.name: pa.array([v.agreement for v in report.verdicts], labels.TEXT_AGREEMENT.type),
        labels.TEXT_RELEVANCE.name: pa.array(
            [report.relevance.get(i) for i in range(len(rows))], labels.TEXT_RELEVANCE.type
        ),
        labels.REWARD.name: pa.array([None if r is None else r.total for r in rewards], labels.REWARD.type),
    })  # fmt: skip


def write_table(report: TextReport, path: Path) -> None:
    """Write `table_of` as Parquet, atomically."""
    import pyarrow.parquet as pq

    from curate.store.parts import replacing

    with replacing(path) as file:
        pq.write_table(table_of(report), file)


__all__ = ["ALL", "Figures", "TextReport", "check_texts", "table_of", "write_table"]
