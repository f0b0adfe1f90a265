"""Pictures from words by any program that can be called with a prompt and a seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.generators.adapters.program import OUT, check_command, run
from curate.generators.adapters.prompted import PromptConfig, PromptGenerator, promise_of
from curate.generators.base import CannotGenerate, Config, Made, Parameters, Request


@dataclass(frozen=True)
class CommandConfig(PromptConfig):
    """Which program.

    Attributes:
        command: Its command line with fields such as `{prompt}`, `{seed}` and `{out}`.
        seconds: Longest time for one picture.
        width: Asked for, px.
        height: Likewise.
    """

    command: str = ""
    seconds: float = 600.0
    width: int = 512
    height: int = 512


class Command(PromptGenerator):
    """Calls a program for each picture."""

    name = "command"
    version = "1"
    doc = "Faces from words by any command line, along a grid or for the cells of a plan."
    config_type = CommandConfig
    config: CommandConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse a command that cannot be run."""
        assert isinstance(config, CommandConfig)
        super().preflight(config)
        check_command(cls.name, config.command, (OUT,))

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The row, and the command itself."""
        size = {"width": self.config.width, "height": self.config.height}
        return {**super().draw(request, rng), **size, "command": self.config.command}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture."""
        pixels = called(parameters, self.config.command, self.config.seconds, None)
        yield Made(pixels, promise_of(parameters), note={"name": parameters["name"]})


def called(parameters: Parameters, command: str, seconds: float, portrait: Any) -> Any:
    """The program's picture; only the command of the settings is ever run, never one that was merely stored.

    Raises:
        CannotGenerate: if the parameters were drawn for another command, or the program fails.
    """
    if parameters["command"] != command:
        raise CannotGenerate("these parameters are for another command")
    return run(check_command("command", command, (OUT,)), parameters, portrait, seconds)
