"""The judged texts as one self-contained page, for people who decide whether to train on them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from curate.evaluation.intervals import Estimate
from curate.report.charts import Bar, Bins, bars, histogram
from curate.report.style import styled
from curate.store.parts import replacing
from curate.text_quality.forbidden import bans
from curate.text_quality.judge import KINDS
from curate.text_quality.report import ALL, MIN_GROUP, Figures, TextReport

EXAMPLES = 12
"""Texts that are shown for each kind of finding, each finding's wording once."""
TITLES = {"caption": "Captions", "answer": "Answers", "reasoned": "Reasoned descriptions"}
WORDS = {
    "contradicted": "the labels say something else",
    "forbidden": "it claims what no text about a face may claim",
    "unreadable": "it does not keep the form or does not answer its question",
    "facts": "it contradicts itself or its own list of facts",
    "length": "it is too short or too long",
}


@dataclass(frozen=True)
class Part:
    """One kind of text on the page."""

    kind: str
    title: str
    figures: Figures
    rows: list[tuple[str, str, int, str]]
    findings: Markup
    lengths: Markup
    groups: list[tuple[str, list[tuple[str, ...]]]]
    parity: list[tuple[str, ...]]
    examples: list[tuple[str, str, int, list[tuple[str, str]]]]


def write_page(report: TextReport, path: Path) -> None:
    """Write the page, atomically."""
    with replacing(path) as file:
        file.write(render(report).encode("utf-8"))


def render(report: TextReport) -> str:
    """The page as text. The same report gives the same bytes; nothing in it refers to anything outside."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("curate.text_quality", "template"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["n"] = "{:,}".format
    kinds = [f.kind for f in report.figures if f.group == ALL and not f.by]
    return environment.get_template("texts.html").render(
        report=report, parts=[_part(report, k) for k in kinds], version=metadata.version("facecurate"), bans=bans(),
        least_group=MIN_GROUP, **styled([("curate.report", "page.css"), ("curate.text_quality", "texts.css")]),
    )  # fmt: skip


def _part(report: TextReport, kind: str) -> Part:
    figures = next(f for f in report.figures if f.kind == kind and not f.by)
    rows = [i for i, t in enumerate(report.texts.rows) if t.kind == kind]
    found = [Bar(k, n, f"{n:,}", f"{k}: {WORDS[k]}") for k, n in figures.findings.items()]
    lengths = np.array([report.verdicts[i].length for i in rows])
    return Part(
        kind, TITLES[kind], figures, list(_summary(figures)), bars(found, f"Findings of {kind}s", figures.n),
        histogram(_bins(lengths), f"Length of {kind}s", "words"), _groups(report, kind), _parity(report, kind),
        _examples(report, rows),
    )  # fmt: skip


def _bins(values: np.ndarray[Any, Any]) -> Bins:
    top = max(int(values.max(initial=1)), 1)
    step = max(math.ceil(top / 30), 1)
    edges = np.arange(0, top + step + 1, step)
    counts, _ = np.histogram(values, edges)
    return Bins(tuple(map(float, edges)), tuple(counts.tolist()))


def _summary(f: Figures) -> list[tuple[str, str, int, str]]:
    d = f.diversity
    rows = [
        ("claims that the labels confirm", _share(f.agreement), f.agreement.n,
         "of those that they can judge; texts with at least one such claim"),
        ("texts without a finding", _share(f.clean), f.n, "of any kind below"),
        ("median length", f"{f.words[3]:g} words", f.n, f"from {f.words[1]:g} to {f.words[5]:g} for 90 % of the texts"),
        ("distinct-1, distinct-2", f"{d.distinct_1:.3f}, {d.distinct_2:.3f}", d.sampled,
         "different words, and pairs of words, over all; higher is more varied"),
        ("self-BLEU", "none" if d.self_bleu is None else f"{d.self_bleu:.3f}", d.sampled,
         "how alike a text is to the others; lower is more varied"),
        ("word-for-word repeats", f"{100 * d.repeats:.1f} %", d.texts, "texts that stand elsewhere in the same words"),
        ("templates", f"{d.templates:,}", d.texts,
         f"texts with labels and numbers masked; the commonest has {100 * d.top_template:.1f} %: {_cut(d.skeleton)}"),
    ]  # fmt: skip
    if f.reward is not None:
        rows.insert(1, ("mean reward", f"{f.reward:.3f}", f.reward.n, "Facial-R1's, of at most 3"))
    if f.relevance is not None:
        rows.append(("CLIP cosine", f"{f.relevance:.3f}", f.relevance.n, "of caption and picture"))
    return rows


def _share(e: Estimate) -> str:
    if math.isnan(e.value):
        return "none was judged"
    if e.method == "constant":
        return f"{100 * e.value:.1f} % (the same in all)"
    if math.isnan(e.low):
        return f"{100 * e.value:.1f} %"
    return f"{100 * e.value:.1f} % ({100 * e.low:.1f}-{100 * e.high:.1f})"


def _groups(report: TextReport, kind: str) -> list[tuple[str, list[tuple[str, ...]]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for f in report.figures:
        if f.kind == kind and f.by:
            bleu = f.diversity.self_bleu
            found.setdefault(f.by, []).append(
                (f.group, f"{f.n:,}", _share(f.agreement), _share(f.clean), f"{f.words[3]:g}",
                 f"{f.diversity.distinct_2:.3f}", "none" if bleu is None else f"{bleu:.3f}")
            )  # fmt: skip
    return list(found.items())


def _parity(report: TextReport, kind: str) -> list[tuple[str, ...]]:
    return [
        (by, " and ".join(p.groups), f"{p.gap:.3f}", f"{p.expected:.3f}", f"{p.p:.3f}")
        for by, p in report.parity[kind].items()
        if p.groups
    ]


def _examples(report: TextReport, rows: list[int]) -> list[tuple[str, str, int, list[tuple[str, str]]]]:
    """Kind of finding, what it means, how many, and some texts with the words of the finding."""
    found: dict[str, dict[str, str]] = {k: {} for k in KINDS}
    counts: Counter[str] = Counter()
    for i in rows:
        for kind, words in report.verdicts[i].findings:
            counts[kind] += 1
            if len(found[kind]) < EXAMPLES:
                found[kind].setdefault(words, report.texts.rows[i].words)
    return [(k, WORDS[k], counts[k], [(t, w) for w, t in some.items()]) for k, some in found.items() if some]


def _cut(text: str, most: int = 90) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
