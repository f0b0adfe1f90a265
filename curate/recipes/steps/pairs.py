"""A step that writes pairs, triplets or sets of faces."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from annotators.base import Config
from curate.export.options import ExportOptions
from curate.pairs.options import COUNT, PairOptions
from curate.pairs.run import MANIFEST, made, pairs
from curate.recipes.step import Done, Site, Step, option, own_drops, settings
from schemas import DatasetError


@dataclass(frozen=True)
class PairStepOptions(Config):
    """Which rows are written, and how.

    Attributes:
        rows: Name of the kind of pair; see `facecurate pair-kinds`.
        count: Most rows; 0 for all.
        per_face: Most rows that a face may stand in; 0 for any number.
        seed: Another number draws other rows.
        where: SQL condition, besides the selection.
        crop: How faces are cut.
        size: Side of the crops in pixels; 0 is the crop's usual one.
        views: Views to write of every face.
        columns: Label columns to write of every face.
        assume_adults: The user's word that faces of unknown age are adults'.
        set: Settings of the kind.
    """

    rows: str
    count: int = COUNT
    per_face: int = 0
    seed: int = 0
    where: str = ""
    crop: str = "margin"
    size: int = 0
    views: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    assume_adults: bool = False
    set: dict[str, Any] = field(default_factory=dict)


class PairStep(Step):
    """Writes rows of faces that keep the rules of their kind."""

    name = "pairs"
    doc = "Writes pairs, triplets or sets of the chosen faces; no row breaks the rules of its kind."
    options_type = PairStepOptions
    options: PairStepOptions

    def check(self, site: Site) -> None:
        """The kind and its settings are known."""
        made(self.options.rows, self._options(site))

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`pairs`."""
        o = self.options
        told = ["pairs", str(site.dataset), o.rows, str(site.folder), "--count", str(o.count)]
        told += [*option("--per-face", o.per_face or None), *option("--seed", o.seed or None)]
        told += [*option("--where", site.condition(o.where)), *option("--crop", o.crop if o.crop != "margin" else "")]
        told += [*option("--size", o.size or None), *option("--views", o.views), *option("--columns", o.columns)]
        return [[*told, *option("--assume-adults", o.assume_adults), *settings(o.set)]]

    def run(self, site: Site) -> Done:
        """Writes, or goes on.

        Raises:
            DatasetError: if the folder does not come back as it was given.
        """
        if (site.folder / MANIFEST).is_file():  # stopped between the last file and the record
            shutil.rmtree(site.folder)
        found = pairs(site.open(), self.options.rows, site.folder, self._options(site))
        if found.check is not None and not found.check.equal:
            raise DatasetError(
                f"{site.folder} does not come back as it was given", next(iter(found.check.examples), "")
            )
        told = found.manifest
        dropped = {f"row refused: {k}": n for k, n in told["refused"].items()}
        dropped |= {f"face left out: {k}": n for k, n in own_drops(told["left_out"], site, self.options.where).items()}
        facts = {"faces": told["faces"], "people": told["people"], "pictures": told["pictures"]}
        return Done(told["rows"], "rows", dropped, facts, (site.folder / MANIFEST,))

    def _options(self, site: Site) -> PairOptions:
        o = self.options
        export = ExportOptions(where=site.condition(o.where) or None, crop=o.crop, size=o.size, quiet=site.quiet)
        given = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in o.set.items()}
        return PairOptions(export, o.count, o.seed, o.per_face, o.views, o.columns, o.assume_adults, given)
