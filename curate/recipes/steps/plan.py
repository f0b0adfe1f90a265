"""A step that lays out what is to be made, before there is any picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from annotators.base import Config
from curate.generators.prompts.choose import grid_rows
from curate.recipes.grid_plan import plan_grid, write_grid
from curate.recipes.step import Done, Site, Step, option


@dataclass(frozen=True)
class PlanOptions(Config):
    """Which grid, and how much of it.

    Attributes:
        grid: `sig`, `emonet` or the path of a TOML file.
        count: Pictures; 0 is the grid's whole.
        seed: Of the rows.
        control: Style of the control images beside it: `dots`, `mesh`, or empty for none.
        side: Of the control images in pixels.
    """

    grid: str
    count: int = 0
    seed: int = 0
    control: str = ""
    side: int = 512


class PlanStep(Step):
    """Lays out a grid of prompts and counts its cells."""

    name = "plan"
    doc = "Lays out a grid of prompts, writes it as tables, and counts its cells; needs no photos."
    options_type = PlanOptions
    plans = True
    options: PlanOptions

    def check(self, site: Site) -> None:
        """The grid is known."""
        grid_rows(self.options.grid, 1, self.options.seed)

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`grid`."""
        o = self.options
        told = [*option("--count", o.count or None), *option("--seed", o.seed or None), *option("--control", o.control)]
        return [["grid", o.grid, str(site.folder), *told, *option("--side", o.side if o.side != 512 else None)]]

    def run(self, site: Site) -> Done:
        """Lays out and writes."""
        o = self.options
        found = plan_grid(o.grid, o.count, o.seed)
        files = write_grid(found, site.folder, o.control, o.side)
        return Done(len(found.rows), "planned rows", {}, found.counts(), tuple(files))
