"""What a recipe kept and dropped, as one self-contained page made from `recipe.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import __version__
from curate.recipes.recipe import Recipe
from curate.recipes.run import plan_steps
from curate.recipes.state import BEGUN, FILE, LEFT_OUT
from curate.recipes.step import shown
from curate.report.style import styled
from curate.store.parts import read_json, replacing

PAGE = "recipe.html"
STYLES = (("curate.report", "page.css"), ("curate.recipes", "summary.css"))


@dataclass(frozen=True)
class StepView:
    """One step on the page.

    Attributes:
        name: Of the step.
        kind: Of the step.
        doc: Why it is there.
        state: In words.
        outcome: How many were kept; empty where it has not run.
        dropped: Reason, number and share of all that the step saw, the most frequent first.
        facts: Name and value of single figures.
        notes: What a reader must know.
        commands: The same as plain commands.
    """

    name: str
    kind: str
    doc: str
    state: str
    outcome: str
    dropped: tuple[tuple[str, int, float], ...]
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    commands: tuple[str, ...]


def write_summary(recipe: Recipe, out: Path) -> Path:
    """Write `recipe.html` from what the folder remembers.

    Args:
        recipe: The recipe.
        out: The recipe's folder.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from curate.recipes.run import RunOptions

    told = read_json(out / FILE)
    given = {n: str(v) for n, v in told["parameters"].items()}
    planned = plan_steps(recipe, told["photos"], out, RunOptions(given))
    entries = {e["name"]: e for e in told["steps"]}
    steps = [
        _view(p.spec, entries.get(p.spec.name), [shown(c) for c in p.step.commands(p.site)] if p.step else [])
        for p in planned
    ]
    environment = Environment(
        loader=PackageLoader("curate.recipes", "template"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    changed = [
        (n, p.doc, told["parameters"][n], told["parameters"][n] != p.default) for n, p in recipe.parameters.items()
    ]
    text = environment.get_template("summary.html").render(
        recipe=recipe, steps=steps, parameters=changed, version=__version__, **styled(STYLES)
    )
    with replacing(out / PAGE) as file:
        file.write(text.encode())
    return out / PAGE


def _view(spec: Any, entry: Mapping[str, Any] | None, commands: list[str]) -> StepView:
    if entry is None or entry["state"] in (BEGUN, LEFT_OUT):
        state = "not run" if entry is None else "stopped on the way" if entry["state"] == BEGUN else entry["state"]
        return StepView(spec.name, spec.kind, spec.doc, state, "", (), (), (), tuple(commands))
    done = entry["done"]
    total = max(done["kept"] + sum(done["dropped"].values()), 1)
    ranked = sorted(((k, n) for k, n in done["dropped"].items() if n), key=lambda kn: -kn[1])
    plain = [(k, v) for k, v in done["facts"].items() if isinstance(v, int | float | str)]
    facts = tuple((k, f"{v:,}" if isinstance(v, int) else f"{v:.4g}" if isinstance(v, float) else v) for k, v in plain)
    outcome = f"{done['kept']:,} {done['unit']}"
    dropped = tuple((k, n, n / total) for k, n in ranked)
    return StepView(spec.name, spec.kind, spec.doc, entry["state"], outcome, dropped, facts, tuple(done["notes"]),
                    tuple(commands))  # fmt: skip
