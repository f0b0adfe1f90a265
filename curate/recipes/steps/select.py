"""A step that chooses faces by rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from annotators.base import Config
from curate.recipes.select import DROPS, Rules, select
from curate.recipes.state import remove
from curate.recipes.step import Done, Site, Step, layer_folder, layer_of, option


@dataclass(frozen=True)
class SelectOptions(Config):
    """Which faces stay.

    Attributes:
        rules: Name of a rule -> SQL condition that a face must meet; asked in this order, null is not met.
        per: Column whose values must keep at least `least` faces, such as `identity`.
        least: How many; 0 asks nothing.
    """

    rules: dict[str, str] = field(default_factory=dict)
    per: str = ""
    least: int = 0


class Select(Step):
    """Chooses faces by rules; later steps work on these alone."""

    name = "select"
    doc = "Chooses faces by rules; every face that goes is listed with its rule. Later steps see the others only."
    options_type = SelectOptions
    selects = True
    options: SelectOptions

    def check(self, site: Site) -> None:
        """There is at least one rule."""
        self._rules()

    def leaves(self, site: Site) -> Sequence[str]:
        """The layer and the table of drops."""
        return (layer_folder(layer_of(site.step)), site.step)

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`select`."""
        rules = [part for name, text in self.options.rules.items() for part in ("--rule", f"{name}: {text}")]
        groups = [*option("--per", self.options.per), *option("--least", self.options.least or None)]
        after = option("--after", site.selected)
        drops = ["--drops", str(site.folder / DROPS)]
        return [["select", str(site.dataset), "--name", layer_of(site.step), *rules, *groups, *after, *drops]]

    def run(self, site: Site) -> Done:
        """Chooses."""
        ds, layer = site.open(), layer_of(site.step)
        remove(site.out / layer_folder(layer))  # a stopped call may have left it, made from other labels
        found = select(ds, self._rules(), layer, site.selected, site.folder / DROPS)
        notes = () if found.kept else ("no face meets all rules",)
        return Done(found.kept, "faces", found.dropped, files=(site.folder / DROPS,), notes=notes)

    def _rules(self) -> Rules:
        least = self.options.least
        return Rules(self.options.rules, self.options.per if least else "", least)
