"""How different texts are: distinct n-grams, self-BLEU, templates and repeats.

J. Li et al., "A diversity-promoting objective function for neural conversation models", 2016 (distinct-n); Y. Zhu et
al., "Texygen", 2018 (self-BLEU); K. Papineni et al., "BLEU", 2002, with B. Chen and C. Cherry's smoothing 2, 2014.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from curate.export.questions import VALUE, tasks
from curate.text_quality.judge import task_of

SAMPLE = 200
"""Texts that self-BLEU and distinct-n look at, the same number for every group, since both fall with more texts."""
ORDER = 4
GENDERED = ("man", "woman", "men", "women", "boy", "girl", "he", "she", "him", "her", "his", "hers", "male", "female")
"""Words that vary with the perceived gender and not with the template."""
WORD = re.compile(r"[\w']+|[.,;:!?]")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
UNITS = re.compile(r"\bAU#(?:\s*\(#\))?(?:,? (?:and )?AU#(?:\s*\(#\))?)*")


@dataclass(frozen=True)
class Diversity:
    """Figures of a set of texts.

    Attributes:
        texts: How many.
        sampled: How many distinct-n and self-BLEU looked at.
        distinct_1: Different words over all words of the sample.
        distinct_2: The same of pairs of words.
        self_bleu: Mean BLEU-4 of each text against the others; 1 where all are alike. None for a single text.
        repeats: Share of texts that stand elsewhere word for word.
        templates: Different skeletons.
        top_template: Share of texts with the commonest skeleton.
        skeleton: The commonest one.
    """

    texts: int
    sampled: int
    distinct_1: float
    distinct_2: float
    self_bleu: float | None
    repeats: float
    templates: int
    top_template: float
    skeleton: str


def diversity(texts: Sequence[str], questions: Sequence[str] | None = None, sample: int = SAMPLE) -> Diversity:
    """Measure.

    Args:
        texts: The texts; at least one.
        questions: What each answers, or empty; answers to questions of the bank have its templates.
        sample: See `SAMPLE`; drawn with a fixed seed.
    """
    chosen = random.Random(0).sample(list(texts), min(sample, len(texts)))
    tokens = [words(t) for t in chosen]
    counts = Counter(texts)
    skeletons = Counter(skeleton(t, q) for t, q in zip(texts, questions or [""] * len(texts), strict=True))
    top, n = skeletons.most_common(1)[0]
    return Diversity(
        len(texts), len(chosen), distinct(tokens, 1), distinct(tokens, 2), self_bleu(tokens),
        sum(c for c in counts.values() if c > 1) / len(texts), len(skeletons), n / len(texts), top,
    )  # fmt: skip


def words(text: str) -> list[str]:
    """Words and marks in lower case."""
    return WORD.findall(text.lower())


def distinct(tokens: Iterable[Sequence[str]], n: int) -> float:
    """Different n-grams over all n-grams of all texts; NaN where there are none."""
    grams = [g for text in tokens for g in _grams(text, n)]
    return len(set(grams)) / len(grams) if grams else math.nan


def _grams(text: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]


def self_bleu(tokens: Sequence[Sequence[str]], order: int = ORDER) -> float | None:
    """Mean BLEU of each text with all others as references; None for fewer than two texts."""
    if len(tokens) < 2:
        return None
    counted = [[Counter(_grams(t, n)) for n in range(1, order + 1)] for t in tokens]
    best = [_two_best(c[n] for c in counted) for n in range(order)]
    lengths = Counter(len(t) for t in tokens)
    found = []
    for text, grams in zip(tokens, counted, strict=True):
        lengths[len(text)] -= 1
        found.append(_bleu(grams, best, len(text), lengths))
        lengths[len(text)] += 1
    return sum(found) / len(found)


Gram = tuple[str, ...]
Best = dict[Gram, tuple[int, int]]


def _two_best(counts: Iterable[Counter[Gram]]) -> Best:
    """Greatest and second greatest count of each n-gram in any one text: without a text itself, one of them stays."""
    found: Best = {}
    for counter in counts:
        for gram, n in counter.items():
            first, second = found.get(gram, (0, 0))
            found[gram] = (n, first) if n > first else (first, max(second, n))
    return found


def _bleu(grams: Sequence[Counter[Gram]], best: Sequence[Best], length: int, others: Counter[int]) -> float:
    logs = 0.0
    for n, (counter, top) in enumerate(zip(grams, best, strict=True)):
        total = max(sum(counter.values()), 1)
        hits = sum(min(c, top[g][1] if top[g][0] == c else top[g][0]) for g, c in counter.items())
        add = 1 if n else 0
        if not hits + add:
            return 0.0
        logs += math.log((hits + add) / (total + add)) / len(grams)
    near = min((r for r, c in others.items() if c), key=lambda r: (abs(r - length), r))
    brevity = 1.0 if length >= near else math.exp(1 - near / length) if length else 0.0
    return brevity * math.exp(logs)


@cache
def _label_words() -> re.Pattern[str]:
    """Words of the question bank's labels, the longest first."""
    found = {*GENDERED, *(w for t in tasks().values() for w in t.words.values() if not w.isdigit())}
    longest = sorted(found, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(re.escape(w) for w in longest) + r")\b", re.IGNORECASE)


def skeleton(text: str, question: str = "") -> str:
    """The text without what varies with the face: the bank's own template, else numbers and labels masked."""
    task = task_of(question) if question else None
    if task is not None:
        for template in task.answers:
            before, _, after = template.partition(VALUE)
            if template != VALUE and text.startswith(before) and text.endswith(after):
                return template
    masked = UNITS.sub("AU#", NUMBER.sub("#", text))
    return _label_words().sub("*", masked)
