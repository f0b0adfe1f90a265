"""Portraits changed by any program that reads a picture and writes one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from annotators.base import Config
from curate.generators.adapters.command import called
from curate.generators.adapters.program import IN, OUT, check_command
from curate.generators.base import Generator, Made, Parameters, Request
from curate.generators.promise import Identity, Promise
from schemas import UnknownNameError


@dataclass(frozen=True)
class CommandEditConfig(Config):
    """Which program.

    Attributes:
        command: Its command line with `{in}`, `{out}` and, if it wants them, `{seed}` or `{request}`.
        seconds: Longest time for one picture.
        identity: What the program does to the person: `kept`, `new`, `hidden` or `open`.
    """

    command: str = ""
    seconds: float = 600.0
    identity: str = "kept"


class CommandEdit(Generator):
    """Calls a program for each portrait."""

    name = "command_edit"
    version = "1"
    doc = "The portrait changed by any command line that reads a picture and writes one."
    embedded = False
    config_type = CommandEditConfig
    config: CommandEditConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse a command that cannot be run, and an identity that is none."""
        assert isinstance(config, CommandEditConfig)
        check_command(cls.name, config.command, (IN, OUT))
        promised = [i.value for i in Identity if i is not Identity.PARTNER]
        if config.identity not in promised:
            raise UnknownNameError(f"{cls.name}.identity", config.identity, promised)

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """A seed, and the command itself."""
        side = request.face().side
        return {"seed": int(rng.integers(2**31)), "width": side, "height": side, "command": self.config.command,
                "identity": self.config.identity}  # fmt: skip

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture of the portrait's size."""
        subject = request.face()
        found = called(parameters, self.config.command, self.config.seconds, subject.pixels)
        how = cv2.INTER_AREA if len(found) > subject.side else cv2.INTER_CUBIC
        if found.shape != subject.pixels.shape:
            found = cv2.resize(found, (subject.side, subject.side), interpolation=how)
        yield Made(np.asarray(found, np.uint8), Promise(Identity(parameters["identity"])))
