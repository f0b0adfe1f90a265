"""Steps that plan a balanced dataset, and that fill its gaps with generated faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from annotators.base import Config
from curate.balance.census import read_faces
from curate.balance.generators import read_generators
from curate.balance.make import make_plan
from curate.balance.options import ADD, DROP, Options, parse_size
from curate.balance.plan import read_plan
from curate.balance.save import plan_path, save_plan
from curate.balance.select import layer_name
from curate.balance.targets import read_limit, read_target
from curate.engine.settings import parse_settings
from curate.fill.options import FillOptions
from curate.fill.run import fill
from curate.generate.candidates import Rules
from curate.generate.run import FOLDER
from curate.recipes.state import remove
from curate.recipes.step import DATASET, Done, Site, Step, layer_folder, option, settings
from schemas import UsageError


@dataclass(frozen=True)
class BalanceOptions(Config):
    """What a balanced dataset shall look like.

    Attributes:
        by: Columns whose crossed labels are the cells.
        target: `uniform`, a CSV of cells, `COLUMN=even` or `COLUMN=A:.6,B:.4`; several may hold together.
        least: Fewest faces of groups, such as `50` or `COLUMN=50`.
        size: Faces in all: a number, `free` or `most`.
        tolerance: Most by which a group may miss its target, as a share of it.
        generators: File with yield and cost of each generator, where faces may be added.
        where: SQL condition, besides the selection.
        seed: Decides between faces that are equally good.
    """

    by: tuple[str, ...]
    target: tuple[str, ...] = ()
    least: tuple[str, ...] = ()
    size: str = "free"
    tolerance: float = 0.02
    generators: str = ""
    where: str = ""
    seed: int = 0


class Balance(Step):
    """Plans which faces to keep, drop and add; plan and layer are named after it.

    Later steps ask for the faces that stay with `where = "balance_selected"`.
    """

    name = "balance"
    doc = (
        "Plans a balanced dataset: which faces stay, which go, and how many are to be made; the layer is the selection."
    )
    options_type = BalanceOptions
    options: BalanceOptions

    def check(self, site: Site) -> None:
        """Columns, size and generators are understood."""
        self._options(site)

    def reads(self, site: Site) -> Any:
        """Files of targets and generators."""
        files = [t for t in (*self.options.target, self.options.generators) if t and Path(t).is_file()]
        return [Path(f).read_text("utf-8", errors="replace") for f in files]

    def leaves(self, site: Site) -> Sequence[str]:
        """Plan, table of drops and layer."""
        plan = f"{DATASET}/plans/{site.step}"
        return (layer_folder(layer_name(site.step)), f"{plan}.json", f"{plan}.drops.parquet")

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`balance`."""
        o = self.options
        told = ["balance", str(site.dataset), "--name", site.step, *option("--by", o.by)]
        told += [p for t in o.target for p in ("--target", t)] + [p for t in o.least for p in ("--least", t)]
        told += [*option("--size", o.size if o.size != "free" else ""), "--tolerance", f"{o.tolerance:g}"]
        told += [*option("--generators", o.generators), *option("--where", site.condition(o.where))]
        return [[*told, *option("--seed", o.seed or None)]]

    def run(self, site: Site) -> Done:
        """Plans, and writes plan, layer and drops."""
        ds, options = site.open(), self._options(site)
        remove(site.out / layer_folder(layer_name(site.step)))
        layers = [i.name for i in ds.layers()]
        census = read_faces(ds, options, layers)
        world = census.world()
        options = replace(
            options, targets=tuple(read_target(t, world) for t in self.options.target),
            least=tuple(read_limit(t, world, "--least") for t in self.options.least),
        )  # fmt: skip
        survey = census.survey(options.targets, [*options.least, *options.most])
        about = {"name": ds.info.name, "revision": ds.info.revision, "layers": layers}
        plan = make_plan(survey, options, about, site.step)
        path = plan_path(ds, site.step)
        save_plan(ds, plan, survey, path)
        totals = plan.totals
        facts = {"faces now": totals["now"], "to add": totals["add"], "groups out of reach": len(plan.unreachable)}
        return Done(totals["keep"], "faces", {"the plan": totals["drop"]}, facts, (path,))

    def _options(self, site: Site) -> Options:
        o = self.options
        generators = read_generators(Path(o.generators), o.by) if o.generators else ()
        return Options(
            o.by, size=parse_size(o.size), tolerance=o.tolerance, allow=(DROP, *((ADD,) if generators else ())),
            generators=generators, where=site.condition(o.where), seed=o.seed,
        )  # fmt: skip


@dataclass(frozen=True)
class FillStepOptions(Config):
    """How gaps are filled.

    Attributes:
        plan: Name of the step that planned.
        generators: Names; empty takes those that the plan names for each cell.
        set: `generator.option` -> value.
        budget: Most tries; 0 is ten for each missing face.
        rounds: Most rounds over all cells.
        allow_single: Trust a column that only one annotator can judge.
        least_quality: Least quality score.
        seed: Another number gives other parameters.
        assume_adults: The user's word that faces of unknown age are adults'.
    """

    plan: str
    generators: tuple[str, ...] = ()
    set: dict[str, Any] = field(default_factory=dict)
    budget: int = 0
    rounds: int = 20
    allow_single: bool = False
    least_quality: float = 0.3
    seed: int = 0
    assume_adults: bool = False


class Fill(Step):
    """Fills the gaps of a plan with generated faces that independent annotators accept."""

    name = "fill"
    doc = "Fills the gaps of a plan with generated faces that at least two independent annotators accept."
    options_type = FillStepOptions
    stays = f"{DATASET}/{FOLDER}"
    options: FillStepOptions

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`fill`."""
        o = self.options
        told = ["fill", str(site.dataset), "--plan", str(self._plan(site)), "--name", site.step]
        told += [*(p for n in o.generators for p in ("--with", n)), *option("--budget", o.budget or None)]
        told += [
            "--rounds",
            str(o.rounds),
            *option("--allow-single", o.allow_single),
            *option("--seed", o.seed or None),
        ]
        told += ["--least-quality", f"{o.least_quality:g}", *option("--assume-adults", o.assume_adults)]
        return [[*told, "--no-audit", *settings(o.set)]]

    def run(self, site: Site) -> Done:
        """Fills, or goes on.

        Raises:
            UsageError: if no picture was accepted.
        """
        o = self.options
        if not o.generators and not read_plan(self._plan(site)).totals["add"]:
            return Done(0, "pictures", notes=("the plan lacks no face",))
        told = [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in o.set.items()]
        options = FillOptions(
            self._plan(site), site.step, o.generators, parse_settings(told),
            Rules(seed=o.seed, assume_adults=o.assume_adults), o.budget, o.rounds, allow_single=o.allow_single,
            least_quality=o.least_quality, seed=o.seed, audit=False, workers=site.workers, quiet=site.quiet,
            command=site.command,
        )  # fmt: skip
        found = fill(site.open(), options)
        accepted = sum(c.accepted for c in found.cells)
        if not accepted and any(c.need for c in found.cells):
            raise UsageError(f"step {site.step}: no picture was accepted", next(iter(found.reasons), "none was made"))
        facts = {"missing before": sum(c.need for c in found.cells), "tries": sum(c.tries for c in found.cells)}
        notes = tuple(f"{asked} was judged by {who} alone" for asked, who in found.single.items())
        return Done(accepted, "pictures", {f"not accepted: {k}": n for k, n in found.reasons.items()}, facts,
                    notes=(*notes, *found.failures[:5]))  # fmt: skip

    def _plan(self, site: Site) -> Path:
        return site.dataset / "plans" / f"{self.options.plan}.json"
