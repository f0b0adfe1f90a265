"""A text of headings, paragraphs, lists and tables, written as Markdown; `page` writes the same as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

NOT_STATED = "not stated"
"""What stands where a person would have to answer and did not."""

_MARKUP = re.compile(r"[\\`*\[\]<>|#~!$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^(?=[-+>]\s|\d+[.)]\s)")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Paragraph:
    """Running text; `kind` is empty, `note` (small) or `warn`."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Bullets:
    """Points of a list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """A question that a person answers; an empty answer is shown as not stated."""

    question: str
    answer: str


@dataclass(frozen=True)
class Grid:
    """A table: `head` names the columns, `numbers` the columns that are aligned to the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()


Block = Paragraph | Bullets | Answer | Grid


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """The title as the name of a place on the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Document:
    """A title, a sentence below it, and sections."""

    title: str
    lead: str
    sections: tuple[Section, ...]
    foot: str = ""
    unanswered: tuple[str, ...] = field(default=())
    """Questions without an answer."""


def markdown(document: Document) -> str:
    """The document as Markdown (GitHub's dialect); any text of the dataset is escaped."""
    lines = [f"# {escape(document.title)}", "", escape(document.lead), ""]
    for section in document.sections:
        lines += [f"## {escape(section.title)}", ""]
        for block in section.blocks:
            lines += [*_lines(block), ""]
    lines += ["---", "", escape(document.foot), ""]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, on one line."""
    return _MARKUP.sub(r"\\\g<0>", _SPACE.sub(" ", str(text)).strip())


def _lines(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield f"> {escape(block.text)}" if block.kind == "warn" else escape(block.text)
    elif isinstance(block, Bullets):
        yield from (f"- {escape(item)}" for item in block.items)
    elif isinstance(block, Answer):
        yield f"**{escape(block.question)}**"
        yield ""
        yield escape(block.answer) if block.answer else f"_{NOT_STATED}_"
    else:
        yield from _table(block)


def _table(grid: Grid) -> Iterator[str]:
    yield _row([escape(h) for h in grid.head])
    yield _row(["---:" if i in grid.numbers else "---" for i in range(len(grid.head))])
    yield from (_row([escape(cell) for cell in row]) for row in grid.rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
