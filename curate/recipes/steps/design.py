"""A step that plans a factorial collection: how many rows, which, and as even as they can be."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from annotators.base import Config
from curate.recipes.layer_steps import OwnStep, write_parquet
from curate.recipes.logic.designs import Design, Factor, faces_for
from curate.recipes.step import Done, Site
from curate.store.parts import write_json
from schemas import UsageError

PLAN, COUNTS = "plan.parquet", "counts.json"


@dataclass(frozen=True)
class DesignOptions(Config):
    """What is planned.

    Attributes:
        identities: Faces to start from; 0 takes as many as `rows` needs.
        rows: Rows to reach where `identities` is 0.
        between: What identities differ in -> its values, evenly spread.
        within: What every identity goes through -> its values.
        seed: Decides where the odd identities go.
    """

    identities: int = 0
    rows: int = 0
    between: dict[str, tuple[str, ...]] = field(default_factory=dict)
    within: dict[str, tuple[str, ...]] = field(default_factory=dict)
    seed: int = 0


class DesignStep(OwnStep):
    """Writes every row of a design as a table, and the counts of its cells."""

    name = "design"
    doc = "Plans a collection: a row per picture to make, cells of identities that differ by at most one."
    options_type = DesignOptions
    plans = True
    options: DesignOptions

    def check(self, site: Site) -> None:
        """The design is one."""
        self.design()

    def design(self) -> Design:
        """The design of these settings.

        Raises:
            UsageError: if both or neither of `identities` and `rows` are given, or a factor is empty.
        """
        o = self.options
        if bool(o.identities) == bool(o.rows):
            raise UsageError("a design by identities and rows", "one of them must be above 0, the other 0")
        between, within = (tuple(Factor(n, v) for n, v in f.items()) for f in (o.between, o.within))
        per_face = len(Design(1, between, within))
        return Design(o.identities or faces_for(o.rows, per_face), between, within, o.seed)

    def run(self, site: Site) -> Done:
        """Writes the rows and the counts."""
        design = self.design()
        names = ["identity", *self.options.between, *self.options.within]
        columns: dict[str, list[object]] = {name: [] for name in names}
        for row in design.rows():
            for name in names:
                columns[name].append(row[name])
        file = write_parquet(site.folder / PLAN, pa.table(columns))
        counts = {" / ".join(map(str, cell)) or "all": n for cell, n in design.cell_counts().items()}
        uneven = max(counts.values()) - min(counts.values())
        facts = {"rows": len(design), "identities": design.identities, "rows of each identity": design.per_identity,
                 "cells": design.cells, "largest difference of two cells": uneven}  # fmt: skip
        write_json(site.folder / COUNTS, {**facts, "identities by cell": counts})
        return Done(len(design), "rows", {}, facts, (file, site.folder / COUNTS))
