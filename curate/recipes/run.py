"""A recipe from start to end: plans its steps, does those that are not done, and remembers each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from curate.recipes.options import bind, fill
from curate.recipes.recipe import Recipe, StepSpec
from curate.recipes.registry import step_kind
from curate.recipes.state import BEGUN, FINISHED, LEFT_OUT, Entry, State, finished, key_of
from curate.recipes.step import PHOTOS, Site, Step, layer_of
from curate.store.layers import now
from curate.store.lock import locked
from schemas import UnknownNameError, UsageError

OUT = "OUT"
"""Stands for the recipe's folder in commands that are only shown, and in keys, since a folder may be moved."""
WAS_FINISHED = "was finished"


@dataclass(frozen=True)
class RunOptions:
    """Choices of a run.

    Attributes:
        parameters: Name -> text.
        only: Do this step alone.
        plan: Do only the steps that need no photos.
        workers: Processes; None is one per usable core.
        quiet: No progress bars.
        command: What the user typed, for run records.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    only: str = ""
    plan: bool = False
    workers: int | None = None
    quiet: bool = True
    command: Sequence[str] = ()


@dataclass(frozen=True)
class Planned:
    """A step ready to run.

    Attributes:
        spec: As it is written.
        step: With its settings; None where its `when` is false.
        site: Where it works.
    """

    spec: StepSpec
    step: Step | None
    site: Site

    @property
    def kind(self) -> str:
        """Its kind."""
        return self.spec.kind


@dataclass(frozen=True)
class Report:
    """What happened to one step of a run.

    Attributes:
        name: Of the step.
        kind: Of the step.
        state: `finished`, `was finished`, `left out`.
        done: What it did, now or earlier.
    """

    name: str
    kind: str
    state: str
    done: Mapping[str, Any]


class Watcher:
    """Is told of every step; the command line prints it."""

    def begins(self, number: int, total: int, planned: Planned) -> None:
        """A step is about to run."""

    def ends(self, report: Report) -> None:
        """A step has been done, or need not be."""


def plan_steps(
    recipe: Recipe, photos: Sequence[str], out: Path | None, options: RunOptions | None = None
) -> list[Planned]:
    """The steps of a recipe with all settings filled in; writes nothing.

    Args:
        recipe: The recipe.
        photos: What the user gave; empty to show the steps only.
        out: The recipe's folder; None to show the steps only.
        options: See `RunOptions`.

    Raises:
        UsageError: naming the file and the key that is wrong.
    """
    options = options or RunOptions()
    values = recipe.values(options.parameters)
    planned, selected = [], ""
    shown = tuple(photos) or ((PHOTOS,) if recipe.photos else ())
    for spec in recipe.steps:
        cls = step_kind(spec.kind, recipe.where(spec))
        site = Site(recipe.call or recipe.name, spec.name, shown, out or Path(OUT), selected, options.workers,
                    options.quiet, tuple(options.command), options.parameters)  # fmt: skip
        known = {**values, **site.names()}
        settings = fill(spec.options, known, recipe.where(spec))
        step = cls(bind(cls.options_type, settings, recipe.where(spec)))
        taken = recipe.taken(spec, known)
        planned.append(Planned(spec, step if taken else None, site))
        if taken and cls.selects:
            selected = layer_of(spec.name)
    return planned


def keys_of(planned: Sequence[Planned]) -> dict[str, str]:
    """Step -> digest of all that decides what it makes."""
    found: dict[str, str] = {}
    previous = ""
    for one in planned:
        parts: list[Any] = [one.spec.name, one.spec.kind, None]
        if one.step is not None:
            parts[2] = [one.step.version, _portable(one.step.options.as_dict(), one.site), one.step.reads(one.site)]
        previous = found[one.spec.name] = key_of(previous, *parts)
    return found


def _portable(value: Any, site: Site) -> Any:
    """Settings without the place of the recipe's folder, which may be moved."""
    if isinstance(value, Mapping):
        return {k: _portable(v, site) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(v, site) for v in value]
    return value.replace(str(site.out), OUT) if isinstance(value, str) else value


def run_recipe(
    recipe: Recipe, photos: Sequence[str], out: Path, options: RunOptions | None = None, watcher: Watcher | None = None
) -> list[Report]:
    """Make a recipe's dataset, or go on with one that was stopped.

    Args:
        recipe: The recipe.
        photos: Folders, lists, ... as `ingest` takes them; empty for recipes that take none.
        out: The recipe's own folder.
        options: See `RunOptions`.
        watcher: Is told of every step.

    Raises:
        FacecurateError: with one clear line; what is finished stays, and the same call goes on.
    """
    options, watcher = options or RunOptions(), watcher or Watcher()
    planned = chosen(recipe, photos, out, options)
    state = State(out, recipe.name)
    for one in planned:
        if one.step is not None and options.only in ("", one.spec.name):
            one.step.check(one.site)
    out.mkdir(parents=True, exist_ok=True)
    facts = {"parameters": recipe.values(options.parameters), "photos": list(photos)}
    with locked(out):
        return _carried_out(planned, state, options, watcher, facts)


def chosen(recipe: Recipe, photos: Sequence[str], out: Path, options: RunOptions) -> list[Planned]:
    """The steps that a call is about; with `only`, those before it too, since it stands on them.

    Raises:
        UsageError: if photos are missing or not taken, or no step can be done alone.
    """
    if photos and not recipe.photos:
        raise UsageError(f"recipe {recipe.name} takes no photos", fix=f"Write: facecurate recipe {recipe.name} OUT")
    if recipe.photos and not photos and not options.plan:
        raise UsageError(f"recipe {recipe.name} needs photos", fix=f"Write: facecurate recipe {recipe.name} PHOTOS OUT")
    planned = plan_steps(recipe, photos, out, options)
    names = [p.spec.name for p in planned]
    if options.only and options.only not in names:
        raise UnknownNameError(f"step of {recipe.name}", options.only, names)
    if options.plan:
        planned = list(takewhile(lambda p: p.step is None or p.step.plans, planned))
        if not any(p.step is not None for p in planned):
            raise UsageError(
                f"recipe {recipe.name} has no plan to make without photos", fix="--dry-run shows its steps"
            )
    return planned


def outlook(
    recipe: Recipe, photos: Sequence[str], out: Path, options: RunOptions | None = None
) -> list[tuple[Planned, str]]:
    """What a run would do with each step, in words; checks all settings and writes nothing.

    Raises:
        FacecurateError: for what would stop the run.
    """
    options = options or RunOptions()
    planned = chosen(recipe, photos, out, options)
    state, keys, found = State(out, recipe.name), keys_of(planned), []
    for one in planned:
        if one.step is not None:
            one.step.check(one.site)
        entry = state.entries.get(one.spec.name)
        if one.step is None:
            words = LEFT_OUT
        elif entry is None:
            words = "to do"
        elif entry.holds(keys[one.spec.name], out):
            words = "finished"
        elif entry.key == keys[one.spec.name]:
            words = "to go on with" if entry.state == BEGUN else "to do again: a file is missing"
        else:
            words = "to do again: settings, photos or an earlier step have changed"
        found.append((one, words))
    return found


def _carried_out(
    planned: Sequence[Planned], state: State, options: RunOptions, watcher: Watcher, facts: Mapping[str, Any]
) -> list[Report]:
    keys, reports = keys_of(planned), []
    if options.only:
        _need_earlier(planned, keys, state, options.only)
    state.forget(keys, alone=options.plan)
    for number, one in enumerate(planned, 1):
        if options.only in ("", one.spec.name):
            begins = partial(watcher.begins, number, len(planned), one)
            report = _step(one, keys[one.spec.name], state, facts, begins)
            watcher.ends(report)
            reports.append(report)
    return reports


def _step(one: Planned, key: str, state: State, facts: Mapping[str, Any], begins: Callable[[], None]) -> Report:
    """Do a step, if it is not done."""
    name, known = one.spec.name, state.entries.get(one.spec.name)
    if known is not None and known.holds(key, state.out):
        return Report(name, one.kind, LEFT_OUT if known.state == LEFT_OUT else WAS_FINISHED, known.done)
    if one.step is None:
        state.put(Entry(name, one.kind, key, LEFT_OUT), facts)
        return Report(name, one.kind, LEFT_OUT, {})
    begins()
    begun = Entry(name, one.kind, key, BEGUN, tuple(one.step.leaves(one.site)), one.step.stays, now())
    state.put(begun, facts)
    entry = finished(begun, one.step.run(one.site), state.out)
    state.put(entry, facts)
    return Report(name, one.kind, FINISHED, entry.done)


def _need_earlier(planned: Sequence[Planned], keys: Mapping[str, str], state: State, only: str) -> None:
    for one in planned:
        if one.spec.name == only:
            return
        entry = state.entries.get(one.spec.name)
        if entry is None or not entry.holds(keys[one.spec.name], state.out):
            fix = "Run the recipe without --only first"
            raise UsageError(f"step {only} cannot be done alone", f"step {one.spec.name} before it is not done", fix)
