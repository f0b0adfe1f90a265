"""Asks a vision-language model about one face until its answer is accepted, or a limit is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from annotators.adapters.vlm_checks import Values, check_answer
from annotators.adapters.vlm_questions import Answer, Questionnaire
from annotators.base import NotApplicable
from annotators.crops import Pixels


class VlmError(Exception):
    """A model or endpoint gave no usable answer; the face can be tried again."""


@dataclass(frozen=True)
class Turn:
    """One message of the dialogue; the picture goes with the first."""

    role: Literal["user", "assistant"]
    text: str


class Backend(Protocol):
    """Something that answers: a model on this machine or an endpoint.

    Attributes:
        name: What is written into the column of the model's name.
    """

    name: str

    def answer(self, turns: Sequence[Turn], picture: Pixels) -> str:
        """The model's text to a dialogue about an RGB picture.

        Raises:
            VlmError: if there is none, in one line.
        """


@dataclass(frozen=True)
class Accepted:
    """An answer that was taken.

    Attributes:
        caption: Its sentences.
        claims: What it claims, as `column=label`.
        unverified: Those of the claims that nothing confirms.
        rejections: Why earlier answers were not taken.
    """

    caption: str
    claims: list[str]
    unverified: list[str]
    rejections: list[str]


def describe(backend: Backend, asked: Questionnaire, picture: Pixels, values: Values, max_retries: int) -> Accepted:
    """Ask, check, and ask again with the reasons.

    Args:
        backend: Who is asked.
        asked: The questions.
        picture: The face with some surroundings, RGB.
        values: The face's columns that the answer is checked against.
        max_retries: Further attempts after the first.

    Raises:
        NotApplicable: if the last answer was understood, but the labels contradict it or it speaks of what it must not.
        VlmError: if it was not understood, or the backend gave none.
    """
    turns = [Turn("user", asked.prompt())]
    rejections: list[str] = []
    understood = False
    for _ in range(max_retries + 1):
        text = backend.answer(turns, picture)
        understood, accepted, reasons = _judged(text, asked, values, rejections)
        if accepted is not None:
            return accepted
        rejections = [*rejections, "; ".join(reasons)]
        turns += [Turn("assistant", text), Turn("user", asked.retry(reasons))]
    why = f"{len(rejections)} answers not accepted, the last because {rejections[-1]}"
    raise NotApplicable(why) if understood else VlmError(why)


def _judged(
    text: str, asked: Questionnaire, values: Values, rejections: list[str]
) -> tuple[bool, Accepted | None, list[str]]:
    """Whether the text was understood, the accepted answer if it is one, and else why not."""
    try:
        answer: Answer = asked.read(text)
    except ValueError as error:
        return False, None, [str(error)]
    checked = check_answer(answer, values, asked)
    if checked.reasons:
        return True, None, checked.reasons
    return True, Accepted(answer.caption, checked.claims, checked.unverified, rejections), []
