"""A step that makes pictures, from the faces that are there or from words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from annotators.base import Config
from curate.engine.settings import parse_settings
from curate.generate.candidates import Rules
from curate.generate.choice import choose
from curate.generate.options import COUNT, Options
from curate.generate.run import FOLDER, generate
from curate.generators.registry import generator
from curate.recipes.step import DATASET, Done, Site, Step, option, settings
from curate.store import Dataset
from schemas import UsageError


@dataclass(frozen=True)
class GenerateOptions(Config):
    """What is made, and how much of it.

    Attributes:
        generators: Names.
        where: Which faces may be sources, besides the selection.
        count: Requests that shall succeed, per generator; 0 with `per_face`.
        per_face: Requests for every face instead; 0 goes by `count`.
        order: `best` or `random`.
        seed: Another number gives other parameters.
        side: Side of a picture in pixels.
        assume_adults: The user's word that faces of unknown age are adults'.
        any_split: Faces of validation and test parts may be sources too.
        label: Label the new pictures as the others.
        set: `generator.option` -> value.
    """

    generators: tuple[str, ...]
    where: str = ""
    count: int = COUNT
    per_face: int = 0
    order: str = "best"
    seed: int = 0
    side: int = 512
    assume_adults: bool = False
    any_split: bool = False
    label: bool = True
    set: dict[str, Any] = field(default_factory=dict)


class Generate(Step):
    """Makes pictures and takes them in, with their lineage."""

    name = "generate"
    doc = "Makes pictures from the chosen faces, or from words, and takes them in with their lineage and labels."
    options_type = GenerateOptions
    stays = f"{DATASET}/{FOLDER}"
    options: GenerateOptions

    def check(self, site: Site) -> None:
        """Generators, their settings and their models are there."""
        choose(self.options.generators, parse_settings(_texts(self.options.set)))
        if not any(generator(n).takes_subject for n in self.options.generators):
            return
        if self.options.count and self.options.per_face:
            raise UsageError(f"step {site.step}: count and per_face", "only one of them can say how many to make")

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`generate`."""
        o = self.options
        told = ["generate", str(site.dataset), *(p for n in o.generators for p in ("--with", n))]
        told += [*option("--where", self._where(site)), *option("--count", None if o.per_face else o.count or None)]
        told += [*option("--per-face", o.per_face or None), *option("--order", o.order if o.order != "best" else "")]
        told += [*option("--seed", o.seed or None), *option("--side", o.side if o.side != 512 else None)]
        told += [*option("--assume-adults", o.assume_adults), *option("--any-split", o.any_split)]
        return [[*told, *option("--no-labels", not o.label), *settings(o.set)]]

    def run(self, site: Site) -> Done:
        """Makes what is missing.

        Raises:
            UsageError: if nothing came out.
        """
        o = self.options
        rules = Rules(self._where(site), o.order, o.seed, any_split=o.any_split, assume_adults=o.assume_adults)
        options = Options(
            o.generators, parse_settings(_texts(o.set)), rules, count=o.count or COUNT, per_face=o.per_face,
            seed=o.seed, side=o.side, label=o.label, workers=site.workers, quiet=site.quiet, command=site.command,
        )  # fmt: skip
        words = not any(generator(n).takes_subject for n in o.generators)
        found = generate(Dataset.open_or_create(site.dataset) if words else site.open(), options)
        made = sum(t.pictures for t in found.tallies.values())
        dropped = {f"no source: {k}": n for k, n in found.left_out.items()}
        for name, tally in found.tallies.items():
            dropped |= {f"{name} refused: {k}": n for k, n in tally.refused.items()}
            dropped |= {f"{name} failed: {k}": n for k, n in tally.failed.items()}
        if not made:
            raise UsageError(f"step {site.step} made no picture", "; ".join(f"{n:,} {k}" for k, n in dropped.items()))
        return Done(made, "pictures", dropped, {"new to the dataset": found.ingested}, notes=found.failures[:5])

    def _where(self, site: Site) -> str:
        words = not any(generator(n).takes_subject for n in self.options.generators)
        return self.options.where if words else site.condition(self.options.where)


def _texts(values: dict[str, Any]) -> list[str]:
    return [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in values.items()]
