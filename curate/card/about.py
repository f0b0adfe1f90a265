"""What only people can say about a dataset: the questions, a form to fill in, and reading it.

The questions follow T. Gebru et al., "Datasheets for Datasets", Communications of the ACM 64(12), 2021, and
M. Pushkarna et al., "Data Cards", FAccT 2022, as far as a program cannot answer them by measuring.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from schemas import UsageError

TEXT, TEXTS, DATE, PEOPLE = "text", "texts", "date", "people"


@dataclass(frozen=True)
class Question:
    """One question: section and key in the form, its words, and the kind of its answer."""

    section: str
    key: str
    text: str
    kind: str = TEXT

    @property
    def name(self) -> str:
        """`section.key`, as in error messages."""
        return f"{self.section}.{self.key}"


QUESTIONS = (
    Question("dataset", "name", "Name of the dataset; that of the folder if empty."),
    Question("dataset", "description", "What is it, in two or three sentences?"),
    Question("dataset", "version", "Version, such as 1.0.0."),
    Question("dataset", "url", "Page of the dataset."),
    Question("dataset", "licence", "Licence of the dataset as a whole: a URL or an SPDX name."),
    Question("dataset", "citation", "How is it to be cited (BibTeX)?"),
    Question("dataset", "published", "Date of publication (YYYY-MM-DD).", DATE),
    Question("dataset", "keywords", "Keywords.", TEXTS),
    Question("dataset", "creators", "Who made it? People or organisations.", PEOPLE),
    Question("motivation", "purpose", "For what purpose was it made? Which gap does it fill?"),
    Question("motivation", "funding", "Who paid for it?"),
    Question("collection", "process", "How were the pictures acquired, by whom, and how were those people paid?"),
    Question("collection", "type", "What kind of collection was it? Web scraping, secondary data, ...", TEXTS),
    Question("collection", "sampling", "If it is a sample of something larger: how was it drawn?"),
    Question("collection", "timeframe", "From when to when were the pictures taken or gathered? Two dates.", TEXTS),
    Question("collection", "consent", "Did the people shown agree, to what, and how can they withdraw?"),
    Question("collection", "ethics_review", "Was there an ethical review? By whom, with what result?"),
    Question("collection", "children", "Are children shown on purpose? Who agreed for them?"),
    Question("labelling", "people", "If people labelled: who were they, how many saw each face, how were they paid?"),
    Question("labelling", "instructions", "What were they told to do? Which tool did they use?"),
    Question("uses", "intended", "What is it meant to be used for?", TEXTS),
    Question("uses", "past", "What has it been used for already?"),
    Question("uses", "not_for", "What should it not be used for, beyond what this card says?", TEXTS),
    Question("uses", "social_impact", "What good or harm may come of it?"),
    Question("distribution", "how", "How and to whom is it given? Are there fees, terms, export controls?"),
    Question("maintenance", "contact", "Who maintains it, and how are they reached?"),
    Question("maintenance", "updates", "Will it be updated, how often, by whom? Are old versions kept?"),
    Question("maintenance", "errata", "Where do errors and requests for removal go?"),
    Question("maintenance", "retention", "How long may pictures of people be kept?"),
)
"""Every question of the form, in order."""

_BY_NAME = {q.name: q for q in QUESTIONS}
SECTIONS = tuple(dict.fromkeys(q.section for q in QUESTIONS))
_HEAD = """\
# What only people can say about a dataset. Fill in what you know and leave the rest empty:
# an empty answer is shown as "not stated", never guessed. Then:
#   facecurate card DATASET --about THIS_FILE
"""


@dataclass(frozen=True)
class About:
    """Answers to the questions.

    Attributes:
        answers: `section.key` -> text, texts, or {name, kind, url} of people; only what was answered.
    """

    answers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def text(self, name: str) -> str:
        """An answer as text; texts are joined, nothing is the empty text.

        Raises:
            KeyError: if there is no such question.
        """
        value = self.answers.get(_BY_NAME[name].name, "")
        if isinstance(value, tuple):
            return "; ".join(v if isinstance(v, str) else _person(v) for v in value)
        return str(value)

    def texts(self, name: str) -> tuple[Any, ...]:
        """An answer of several parts; empty where there is none.

        Raises:
            KeyError: if there is no such question.
        """
        return tuple(self.answers.get(_BY_NAME[name].name, ()))

    def of(self, section: str) -> Iterator[tuple[Question, str]]:
        """The questions of a section with their answers."""
        return ((q, self.text(q.name)) for q in QUESTIONS if q.section == section)

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Names of the questions without an answer."""
        return tuple(q.name for q in QUESTIONS if not self.text(q.name))


def read_about(path: Path) -> About:
    """Read a filled-in form.

    Raises:
        UsageError: if the file cannot be read, is no TOML, or has a name or an answer that is not understood.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read", error.strerror or str(error), "Check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fix = "Write an empty form with: facecurate card --questions about.toml"
        raise UsageError(f"{path} is no TOML", str(error), fix) from error
    answers: dict[str, Any] = {}
    for section, entries in data.items():
        if not isinstance(entries, dict):
            raise UsageError(f"{path}: '{section}' must be a section", fix=f"Sections: {', '.join(SECTIONS)}")
        for key, value in entries.items():
            question = _question(path, f"{section}.{key}")
            answer = _answer(path, question, value)
            if answer:
                answers[question.name] = answer
    return About(MappingProxyType(answers))


def form() -> str:
    """An empty form as TOML, each question as a comment above its key."""
    lines = [_HEAD]
    for section in SECTIONS:
        lines.append(f"[{section}]")
        for question in (q for q in QUESTIONS if q.section == section):
            empty = '""' if question.kind in (TEXT, DATE) else "[]"
            example = '  # [{name = "...", kind = "person", url = "..."}]' if question.kind == PEOPLE else ""
            lines += [f"# {question.text}", f"{question.key} = {empty}{example}"]
        lines.append("")
    return "\n".join(lines)


def _question(path: Path, name: str) -> Question:
    if name in _BY_NAME:
        return _BY_NAME[name]
    near = difflib.get_close_matches(name, _BY_NAME, n=1, cutoff=0.5)
    fix = f"Did you mean {near[0]}?" if near else f"Sections: {', '.join(SECTIONS)}"
    raise UsageError(f"{path}: '{name}' is not asked", fix=fix)


def _answer(path: Path, question: Question, value: Any) -> Any:
    if question.kind == DATE:
        return _date(path, question, value)
    if question.kind == TEXT:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value).strip()
        raise UsageError(f"{path}: {question.name} must be a text")
    if not isinstance(value, list):
        raise UsageError(f"{path}: {question.name} must be a list")
    if question.kind == PEOPLE:
        return tuple(_creator(path, question, entry) for entry in value)
    return tuple(str(v).strip() for v in value if str(v).strip())


def _date(path: Path, question: Question, value: Any) -> str:
    if isinstance(value, datetime):
        value = value.date()
    text = value.isoformat() if isinstance(value, date) else str(value).strip()
    try:
        return text and date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(f"{path}: {question.name} must be a date", f"'{text}' is none", "Write YYYY-MM-DD") from error


def _creator(path: Path, question: Question, value: Any) -> Mapping[str, str]:
    entry = {"name": value} if isinstance(value, str) else value
    if not isinstance(entry, dict) or not str(entry.get("name", "")).strip():
        raise UsageError(f"{path}: {question.name} must be names", fix='Write {name = "...", kind = "person"}')
    unknown = sorted(set(entry) - {"name", "kind", "url"})
    kind = str(entry.get("kind", "person"))
    if unknown or kind not in ("person", "organisation"):
        what = f"'{unknown[0]}'" if unknown else f"kind '{kind}'"
        raise UsageError(f"{path}: {question.name} has {what}", fix="Known: name, url, kind = person or organisation")
    return MappingProxyType({"name": str(entry["name"]).strip(), "kind": kind, "url": str(entry.get("url", ""))})


def _person(value: Mapping[str, str]) -> str:
    return f"{value['name']} ({value['url']})" if value.get("url") else value["name"]
