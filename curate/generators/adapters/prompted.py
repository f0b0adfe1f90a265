"""What all generators that work from words share: grids, cells of a plan, and what such a picture promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.base import Config
from curate.generators.base import CannotGenerate, Generator, Parameters, Request
from curate.generators.promise import Change, Identity, Move, Promise
from curate.generators.prompts.choose import grid_rows, row_for
from curate.generators.prompts.grid import NEGATIVE, GridRow
from curate.generators.prompts.words import describe
from schemas import UsageError, column

CLIP_READERS = ("clip", "clip_celeba", "clip_emonet", "clip_prompts")
"""Annotators that read pictures through CLIP's words, as the text encoders of these models do."""


@dataclass(frozen=True)
class PromptConfig(Config):
    """What is asked for.

    Attributes:
        grid: `sig`, `emonet` or a TOML file: one row of it per picture.
        prompt: The prompt of every picture, where there is neither a grid nor a plan.
        negative: What pictures shall not show; empty is the grid's own.
    """

    grid: str = ""
    prompt: str = ""
    negative: str = ""


class PromptGenerator(Generator):
    """A generator that makes faces from words. Subclasses make the pictures and say which model they use."""

    takes_subject = False
    embedded = False
    conditioners = CLIP_READERS
    config_type = PromptConfig
    config: PromptConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse a grid that is none, before anything is loaded."""
        assert isinstance(config, PromptConfig)
        if config.grid and config.prompt:
            raise UsageError(f"{cls.name} has both a grid and a prompt", fix="Give one of them")
        if config.grid:
            grid_rows(config.grid, 1, 0)

    def requests(self, count: int, seed: int) -> Sequence[Request]:
        """Rows of the grid, or the one prompt again and again.

        Raises:
            UsageError: if there is neither.
        """
        if self.config.grid:
            return [Request(wanted=r.labels, row=r.as_dict()) for r in grid_rows(self.config.grid, count, seed)]
        if not self.config.prompt:
            fix = f"Set {self.name}.grid=sig|emonet|FILE.toml, {self.name}.prompt=..., or fill a plan"
            raise UsageError(f"{self.name} does not know what to make", "there is no grid and no prompt", fix)
        return [Request()] * count

    def row(self, request: Request, rng: np.random.Generator) -> GridRow:
        """What one request asks for."""
        if request.row:
            return GridRow.from_dict(request.row)
        seed = int(rng.integers(2**31))
        if request.wanted:
            try:
                return row_for(request.wanted, seed)
            except UsageError as error:
                raise CannotGenerate(str(error)) from error
        if not self.config.prompt:
            raise CannotGenerate("nothing says what the picture shall show")
        return GridRow(self.config.prompt, seed=seed)

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """Prompt, labels and seed of the row."""
        row = self.row(request, rng).as_dict()
        negative = self.config.negative or row["negative"] or NEGATIVE
        return {**row, "negative": negative}

    def aim(self, have: Mapping[str, Any], wanted: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Nothing to set: the cell's labels are said; None where one has no words."""
        try:
            describe(wanted)
        except UsageError:
            return None
        return {}


def promise_of(parameters: Parameters, identity: Identity = Identity.NEW) -> Promise:
    """The labels that were asked for become true, and the face is as promised."""
    labels = parameters.get("labels", {})
    changes = (Change(column(name), Move.BECOMES, label=label) for name, label in labels.items())
    return Promise(identity, tuple(changes))
