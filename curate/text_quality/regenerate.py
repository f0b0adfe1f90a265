"""Reasoned descriptions are written again until units and answer agree with the labels, within a number of tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from curate.export.reasoning import noun
from curate.text_quality.forbidden import forbidden
from curate.text_quality.reward import Reward, Said, read, reward
from schemas import UsageError

TRIES = 5
"""Facial-R1's limit."""


@dataclass(frozen=True)
class Wanted:
    """What a description must say.

    Attributes:
        key: Of the face, such as its `face_id`; writers seed their words by it or find its picture by it.
        units: Codes of the active action units in FACS's order; may be empty.
        emotion: A label of `emotion-7`.
    """

    key: str
    units: tuple[str, ...]
    emotion: str

    @property
    def answer(self) -> str:
        """The emotion as FEA-20K spells it: `Sadness`."""
        return noun(self.emotion)


@dataclass(frozen=True)
class Try:
    """One text of a writer.

    Attributes:
        number: From 1.
        text: What it wrote; empty where it failed.
        reasons: Why it was not accepted; empty if it was.
        reward: What it earns.
    """

    number: int
    text: str
    reasons: tuple[str, ...]
    reward: Reward

    @property
    def accepted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


@dataclass(frozen=True)
class Regenerated:
    """All tries for one face; the last one is accepted, or none is."""

    wanted: Wanted
    writer: str
    tries: tuple[Try, ...]

    @property
    def text(self) -> str | None:
        """The accepted text; None if none was."""
        return self.tries[-1].text if self.tries[-1].accepted else None

    @property
    def reward(self) -> Reward:
        """Of the accepted text, else of the best try."""
        return self.tries[-1].reward if self.text is not None else max((t.reward for t in self.tries), key=_total)

    @property
    def rejections(self) -> list[str]:
        """`try N: reasons` of every rejected try."""
        return [f"try {t.number}: {'; '.join(t.reasons)}" for t in self.tries if not t.accepted]


class CannotWrite(Exception):  # noqa: N818 - an answer, as in `CannotGenerate`, not a fault of the user's
    """A writer gave no text this time; the reason in one line."""


class Writer(Protocol):
    """Something that writes a reasoned description.

    Attributes:
        name: Stored beside its texts.
    """

    name: str

    def write(self, wanted: Wanted, rejected: Sequence[Try]) -> str:
        """A text.

        Args:
            wanted: What it must say.
            rejected: Earlier tries for this face, with the reasons against them.

        Raises:
            CannotWrite: if there is none; it counts as a try.
        """


def regenerate(
    wanted: Wanted, writer: Writer, tries: int = TRIES, also: Callable[[str], Sequence[str]] = forbidden
) -> Regenerated:
    """Have a description written until it agrees with the labels.

    Args:
        wanted: What it must say.
        writer: Who writes.
        tries: Texts at most.
        also: Further reasons against a text; by default what no text about a face may claim.

    Raises:
        UsageError: for less than one try.
    """
    if tries < 1:
        raise UsageError(f"tries={tries}", fix="At least one text must be written")
    done: list[Try] = []
    while len(done) < tries and not (done and done[-1].accepted):
        done.append(_one(wanted, writer, done, also))
    return Regenerated(wanted, writer.name, tuple(done))


def _one(wanted: Wanted, writer: Writer, done: Sequence[Try], also: Callable[[str], Sequence[str]]) -> Try:
    number = len(done) + 1
    try:
        text = writer.write(wanted, tuple(done)).strip()
    except CannotWrite as error:
        return Try(number, "", (str(error),), Reward(0.0, 0.0, 0.0))
    reasons = (*objections(text, wanted), *also(text))
    return Try(number, text, reasons, reward(text, wanted.units, [wanted.answer]))


def objections(text: str, wanted: Wanted) -> list[str]:
    """Why a description does not say what it must, in words that a writer can act on; empty if it does."""
    said = read(text)
    found = [] if said.formed else ["it is not <think>reasons</think><answer>emotion</answer>"]
    return [*found, *_units(said, wanted), *_answer(said, wanted)]


def _units(said: Said, wanted: Wanted) -> list[str]:
    active = set(wanted.units)
    alien, left_out = sorted(said.units - active, key=_code), [u for u in wanted.units if u not in said.units]
    found = [f"it cites {', '.join(alien)}, which the labels do not have"] if alien else []
    return [*found, *([f"it does not cite {', '.join(left_out)}"] if left_out else [])]


def _answer(said: Said, wanted: Wanted) -> list[str]:
    if said.answer == (wanted.answer,):
        return []
    return [f"its answer is '{', '.join(said.answer)}', the label is {wanted.answer}"]


def _code(unit: str) -> int:
    return int(unit.removeprefix("AU"))


def _total(one: Reward) -> float:
    return one.total
