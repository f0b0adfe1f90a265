"""A step that measures, and one that refuses to go on unless something holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotators.base import Config
from curate.engine.settings import configure
from curate.measures.registry import measure
from curate.measures.run import run
from curate.recipes.step import Done, Site, Step, settings
from curate.store.parts import write_json
from schemas import DatasetError

RESULT = "measure.json"


@dataclass(frozen=True)
class MeasureOptions(Config):
    """What is measured.

    Attributes:
        measure: Name; see `facecurate measures`.
        inputs: Datasets, tables or folders; `{dataset}` and `{out}/STEP` name those of the recipe.
        set: Settings of the measure.
    """

    measure: str
    inputs: tuple[str, ...] = ("{dataset}",)
    set: dict[str, Any] = field(default_factory=dict)


class MeasureStep(Step):
    """Measures what published work reports."""

    name = "measure"
    doc = "Measures the result; the figures stand in the step's folder."
    options_type = MeasureOptions
    options: MeasureOptions

    def check(self, site: Site) -> None:
        """The measure and its settings are known."""
        cls = measure(self.options.measure)
        configure(cls.config_type, {k: str(v) for k, v in self.options.set.items()}, cls.name)

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`measure`."""
        o = self.options
        return [["measure", o.measure, *self._inputs(site), *settings(o.set), "--output", str(site.folder / RESULT)]]

    def run(self, site: Site) -> Done:
        """Measures and writes the figures."""
        given = {k: str(v) for k, v in self.options.set.items()}
        found = run(self.options.measure, self._inputs(site), given, site.folder / "files", site.quiet)
        inputs = [
            str(Path(i).relative_to(site.out)) if Path(i).is_relative_to(site.out) else i for i in self._inputs(site)
        ]
        told = {"measure": self.options.measure, "inputs": inputs, **found.as_dict()}
        write_json(site.folder / RESULT, told)
        rows = sum(len(t) for t in found.tables.values())
        return Done(rows, "rows of figures", {}, found.facts, (site.folder / RESULT,), found.notes)

    def _inputs(self, site: Site) -> list[str]:
        return [i.replace("{dataset}", str(site.dataset)) for i in self.options.inputs]


@dataclass(frozen=True)
class CheckOptions(Config):
    """What must hold.

    Attributes:
        none: SQL query over the dataset whose rows break the rule; none may come back.
        because: What is wrong where some do, in a few words.
    """

    none: str
    because: str


class Check(Step):
    """Stops the recipe unless a query finds nothing."""

    name = "check"
    doc = "Stops the recipe where a query over the dataset finds a row that must not be there."
    options_type = CheckOptions
    options: CheckOptions

    def leaves(self, site: Site) -> Sequence[str]:
        """Nothing."""
        return ()

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`query`."""
        return [["query", str(site.dataset), self.options.none]]

    def run(self, site: Site) -> Done:
        """Asks.

        Raises:
            DatasetError: naming the first row found.
        """
        found = site.open().sql(self.options.none)
        if found.num_rows:
            first = ", ".join(f"{k}={v}" for k, v in found.slice(0, 1).to_pylist()[0].items())
            raise DatasetError(f"step {site.step}: {self.options.because}", f"{found.num_rows:,} rows, such as {first}")
        return Done(site.open().counts().faces, "faces")
