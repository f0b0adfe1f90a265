"""What is wrong with one text: claims that the labels deny, forbidden claims, an answer beside the question, length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotators.adapters.vlm_checks import check_answer
from annotators.adapters.vlm_questions import Answer, questionnaire
from annotators.caption import CaptionConfig, claims_of
from annotators.caption_grammar import fact
from annotators.caption_parser import parse
from curate.export.questions import Task, tasks
from curate.text_quality.forbidden import claims_in
from curate.text_quality.regenerate import Wanted, objections
from curate.text_quality.reward import Reward, reward
from curate.text_quality.texts import ANSWER, REASONED, Text
from schemas import Column, SchemaError
from schemas.columns import labels

CONTRADICTED, FORBIDDEN, UNREADABLE, LENGTH, FACTS = "contradicted", "forbidden", "unreadable", "length", "facts"
KINDS = (CONTRADICTED, FORBIDDEN, UNREADABLE, FACTS, LENGTH)
DENIED = " is denied: "


@dataclass(frozen=True)
class Limits:
    """Words of a text.

    Attributes:
        least: Of a caption or a reasoned text.
        most: Of any text; CLIP reads 77 tokens, some 60 words.
    """

    least: int = 4
    most: int = 120


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        confirmed: Claims that the labels confirm.
        denied: Claims that they deny.
        open: Claims that they do not judge.
        findings: What is wrong, as (kind, words).
        length: Words.
        reward: Of a reasoned text.
    """

    confirmed: int
    denied: int
    open: int
    findings: tuple[tuple[str, str], ...]
    length: int
    reward: Reward | None = None

    @property
    def agreement(self) -> float | None:
        """Share of the judged claims that are confirmed; None where none was judged."""
        judged = self.confirmed + self.denied
        return self.confirmed / judged if judged else None

    @property
    def lines(self) -> list[str]:
        """The findings as `kind: words`."""
        return [f"{kind}: {words}" for kind, words in self.findings]


@dataclass(frozen=True)
class _Claims:
    confirmed: int = 0
    denied: tuple[str, ...] = ()
    open: int = 0
    other: tuple[tuple[str, str], ...] = ()


def judge(text: Text, limits: Limits | None = None) -> Verdict:
    """Judge one text by the labels of its face and by the lexicon."""
    limits = limits or Limits()
    earned = None
    if text.kind == REASONED:
        earned = reward(text.words, text.units, [text.emotion])
        claims = _reasoned(text)
    elif text.kind == ANSWER:
        claims = _answer(text)
    else:
        claims = _caption(text.words, text.values)
    length = len(text.words.split())
    findings = [(CONTRADICTED, words) for words in claims.denied] + list(claims.other)
    findings += [(FORBIDDEN, f"{c.ban.what} ('{c.words}')") for c in claims_in(text.words)]
    if length > limits.most or (length < limits.least and text.kind != ANSWER):
        findings.append((LENGTH, f"{length} word{'' if length == 1 else 's'}"))
    return Verdict(claims.confirmed, len(claims.denied), claims.open, tuple(findings), length, earned)


def _caption(words: str, values: Mapping[Column, Any]) -> _Claims:
    """Claims of a description: exactly those of the grammar if it is one of ours, else those that its words make."""
    try:
        said = parse(words)
    except SchemaError as error:
        if not error.what.startswith("not a caption"):
            return _Claims(other=((FACTS, error.why),))
        return _free(words, values)
    return _grammar(said, values)


def _grammar(said: set[str], values: Mapping[Column, Any]) -> _Claims:
    told = values.get(labels.CAPTION_FACTS)
    difference = sorted(said ^ set(told)) if told is not None else []
    other = ((FACTS, f"words and facts differ in {', '.join(difference)}"),) if difference else ()
    if not values:
        return _Claims(open=len(said), other=other)
    known = {fact(slot, label).partition("=")[0]: label for slot, label in claims_of(values, CaptionConfig()).items()}
    confirmed, open_, denied = 0, 0, []
    for claim in sorted(said):
        name, _, label = claim.partition("=")
        if known.get(name) == label:
            confirmed += 1
        elif name in known:
            denied.append(f"it says {claim}, the labels say {known[name]}")
        else:
            open_ += 1
    return _Claims(confirmed, tuple(denied), open_, other)


def _free(words: str, values: Mapping[Column, Any]) -> _Claims:
    if not values:
        return _Claims(open=len(questionnaire().spoken(words)))
    checked = check_answer(Answer(words, {}), values, questionnaire())
    denied = tuple(r for r in checked.reasons if DENIED in r)
    confirmed = len(checked.claims) - len(checked.unverified) - len(denied)
    quarrels = tuple((FACTS, r) for r in checked.reasons if "contradicts itself" in r)
    return _Claims(max(confirmed, 0), denied, len(checked.unverified), quarrels)


def _answer(text: Text) -> _Claims:
    task = task_of(text.question)
    if task is None or task.column is labels.CAPTION:
        return _caption(text.words, text.values)
    try:
        found = task.parse(text.words)
    except (SchemaError, ValueError):
        return _Claims(other=((UNREADABLE, f"no answer to the question of {task.name}"),))
    given = text.values.get(task.column)
    if not task.applies(given):
        return _Claims(open=1)
    if task.same(given, found):
        return _Claims(confirmed=1)
    return _Claims(denied=(f"it answers '{text.words}', the label of {task.name} is {_short(given)}",))


def task_of(question: str) -> Task | None:
    """The task of the bank that a question belongs to."""
    return next((t for t in tasks().values() if question in t.questions), None)


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        named = [n for n, v in value.items() if v is not None and v >= 0.5]
        return ", ".join(named) or "none"
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def _reasoned(text: Text) -> _Claims:
    wanted = Wanted(text.key, text.units, text.emotion.lower())
    wrong = objections(text.words, wanted)
    malformed = tuple((UNREADABLE, w) for w in wrong if w.startswith("it is not <think>"))
    denied = tuple(w for w in wrong if not w.startswith("it is not <think>"))
    return _Claims(2 - len(denied) if len(denied) < 2 else 0, denied, 0, malformed)
