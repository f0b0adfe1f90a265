"""Writers of reasoned descriptions: the embedded templates, a program of the user's, or a vision-language model."""

from __future__ import annotations

import json
import random
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from annotators.adapters.vlm_dialogue import Backend, Turn, VlmError
from annotators.crops import Pixels
from curate.export.reasoning import describe, noun, words
from curate.text_quality.regenerate import CannotWrite, Try, Wanted
from schemas import UsageError, taxonomy
from schemas.columns import labels

TAIL = 200
"""Characters of a failing program's last words."""


@cache
def prompts() -> dict[str, Any]:
    """The prompts of `data/prompts.toml`."""
    return tomllib.loads(resources.files("curate.text_quality").joinpath("data/prompts.toml").read_text("utf-8"))


class TemplateWriter:
    """The sentences of `curate/export/data/reasoning.toml`; same seed, face and try, same words.

    Args:
        seed: Of the choice of words.
    """

    name = "template"

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def write(self, wanted: Wanted, rejected: Sequence[Try]) -> str:
        """See `Writer.write`."""
        chance = random.Random(f"{self._seed}:{wanted.key}:{len(rejected)}")
        return describe(wanted.units, wanted.emotion, chance)


class CommandWriter:
    """A program that reads a JSON request and prints the text.

    The request on its standard input has `key`, `units`, `answer`, `prompt`, and `rejected`: a list of `text` and
    `reasons`. No shell takes part. No picture is handed over.

    Args:
        command: Command line.
        seconds: Limit for one text.

    Raises:
        UsageError: if it cannot be split or names a program that is not here.
    """

    def __init__(self, command: str, seconds: float = 60.0) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"the command '{command}' is not understood", str(error)) from error
        if not self._words or shutil.which(self._words[0]) is None:
            raise UsageError(f"there is no program '{command}'", fix="Give its path, or install it")
        self._seconds = seconds
        self.name = Path(self._words[0]).name

    def write(self, wanted: Wanted, rejected: Sequence[Try]) -> str:
        """See `Writer.write`."""
        asked = {
            "key": wanted.key,
            "units": list(wanted.units),
            "answer": wanted.answer,
            "prompt": prompt(wanted),
            "rejected": [{"text": t.text, "reasons": list(t.reasons)} for t in rejected],
        }
        program = self._words[0]
        try:
            done = subprocess.run(
                self._words, input=json.dumps(asked, ensure_ascii=False), capture_output=True, check=False,
                timeout=self._seconds, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise CannotWrite(f"{program} took longer than {self._seconds:g} s") from None
        except OSError as error:
            raise CannotWrite(f"{program} cannot be run: {error.strerror}") from error
        if done.returncode:
            said = " ".join(done.stderr.split())[-TAIL:]
            raise CannotWrite(f"{program} ended with {done.returncode}: {said or 'it said nothing'}")
        return done.stdout


class ModelWriter:
    """A vision-language model: it sees the face, and after a rejection the reasons.

    Args:
        backend: A model of this machine or an endpoint, as `caption_vlm` uses it. Whether pictures may go there is
            the caller's to settle, and no face that may be a minor's may be handed over.
        picture: Key -> the face with some surroundings, RGB.
    """

    def __init__(self, backend: Backend, picture: Callable[[str], Pixels]) -> None:
        self.name = backend.name
        self._backend = backend
        self._picture = picture

    def write(self, wanted: Wanted, rejected: Sequence[Try]) -> str:
        """See `Writer.write`."""
        turns = [Turn("user", prompt(wanted))]
        for one in rejected:
            if one.text:
                again = prompts()["retry"].strip().replace("{reasons}", "; ".join(one.reasons))
                turns += [Turn("assistant", one.text), Turn("user", again)]
        try:
            return self._backend.answer(turns, self._picture(wanted.key))
        except VlmError as error:
            raise CannotWrite(str(error)) from error


def prompt(wanted: Wanted) -> str:
    """What a model is asked: the units with their words, the answer, and the form."""
    named = words()["units"]
    units = "\n".join(f"- {u}: {named.get(u, u)}" for u in wanted.units) or "- none"
    emotions = ", ".join(noun(e) for e in taxonomy(labels.PERCEIVED_EMOTION.taxonomy).labels)
    text: str = prompts()["ask"].strip()
    return text.replace("{units}", units).replace("{answer}", wanted.answer).replace("{emotions}", emotions)
