"""From the name of a grid, or a cell of a plan, to rows of prompts."""

from __future__ import annotations

from collections.abc import Mapping

from curate.generators.prompts.emonet import emonet_grid
from curate.generators.prompts.free import free_grid
from curate.generators.prompts.grid import GridRow
from curate.generators.prompts.sig import PUBLISHED_PEOPLE, sig_grid
from curate.generators.prompts.words import describe
from schemas import UnknownNameError

SIG, EMONET = "sig", "emonet"
VIEWS = 3
EMONET_ROWS = 40 * 2 * 7 * 6
TEMPLATE = "portrait photograph of {face}, natural light, plain background, sharp focus"


def grid_rows(name: str, count: int, seed: int) -> list[GridRow]:
    """Rows of a grid.

    Args:
        name: `sig`, `emonet`, or the path of a TOML file.
        count: Pictures wanted; 0 is the grid's whole: SIG's 10,008, one picture per cell of the others.
        seed: Of the rows.

    Raises:
        UnknownNameError: if the name is neither a grid's nor that of a `.toml` file.
        UsageError: if the file is not understood.
    """
    if name == SIG:
        people = -(-count // VIEWS) if count else PUBLISHED_PEOPLE
        return sig_grid(people, seed=seed)[: count or None]
    if name == EMONET:
        return emonet_grid(count or EMONET_ROWS, seed)
    if name.endswith(".toml"):
        return free_grid(name, count, seed)
    raise UnknownNameError("grid", name, (SIG, EMONET, "FILE.toml"))


def row_for(wanted: Mapping[str, str], seed: int, template: str = TEMPLATE) -> GridRow:
    """A row that asks for a cell of a plan.

    Raises:
        UsageError: if a label has no words.
    """
    return GridRow(template.format(face=describe(wanted)), labels=dict(wanted), facts=dict(wanted), seed=seed)
