"""A step that turns photos upright, and takes the turned ones in."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from annotators.registry import detector
from annotators.weights import ModelStore
from curate.identity.progress import follow
from curate.ingest import Limits, SourceReader, list_sources, load
from curate.recipes.layer_steps import write_csv
from curate.recipes.logic.upright import standing, turned
from curate.recipes.start import given_dataset
from curate.recipes.step import Done, Site
from curate.recipes.steps.label import TakeIn
from curate.store.parts import replacing
from schemas.columns import images

TURNS, PICTURES = "turns.csv", "pictures"
HEAD = ("file", "turned", "score")


class RunUpright(TakeIn):
    """Turned photos are saved without loss; the others are taken as they are."""

    name = "run_upright"
    doc = "Turns photos upright by asking the face detector at four turns, then takes them in and labels the faces."

    def leaves(self, site: Site) -> Sequence[str]:
        """The dataset and the turned photos."""
        return (*super().leaves(site), site.step)

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`run` on the turned photos."""
        told = super().commands(replace(site, photos=(str(site.folder / PICTURES),)))
        return [["recipe", site.recipe, *site.photos, str(site.out), "--only", site.step], *told]

    def run(self, site: Site) -> Done:
        """Turns, then takes in; a dataset is taken as it is."""
        if given_dataset(site.photos) is not None:
            return super().run(site)
        rows = self._turn(site)
        done = super().run(replace(site, photos=(str(site.folder / PICTURES),)))
        counts = Counter(int(r["turned"]) for r in rows if r["turned"])
        facts = {**done.facts, "turned": {f"{turn} degrees": n for turn, n in sorted(counts.items())}}
        return replace(done, facts=facts, files=(*done.files, site.folder / TURNS))

    def _turn(self, site: Site) -> list[dict[str, Any]]:
        """Write every readable photo upright below the step's folder."""
        finder = detector(self.options.detector)()
        finder.setup(ModelStore())
        table = list_sources(list(site.photos), self._listing())
        rows: list[dict[str, Any]] = []
        with SourceReader() as reader:
            for row in follow(table.to_pylist(), table.num_rows, "turning upright", site.quiet):
                rows += self._one(row, site, finder, reader)
        write_csv(site.folder / TURNS, rows, HEAD)
        return rows

    def _one(self, row: dict[str, Any], site: Site, finder: Any, reader: SourceReader) -> list[dict[str, Any]]:
        name = str(row[images.NAME.name])
        place = site.folder / PICTURES / name
        try:
            data = reader.read(str(row[images.URI.name]), row[images.MEMBER.name])
        except OSError:
            return []
        loaded = load(row, Limits(), None, reader)
        if loaded.pixels is None:  # it goes to the ledger with its reason, as it would have without this step
            with replacing(place) as file:
                file.write(data)
            return []
        found = standing(loaded.pixels, finder)
        if found.turn:
            place = place.with_name(f"{PurePosixPath(name).stem}.png")
            buffer = io.BytesIO()
            Image.fromarray(np.asarray(turned(loaded.pixels, found.turn))).save(buffer, "PNG")
            data = buffer.getvalue()
        with replacing(place) as file:
            file.write(data)
        return [{"file": name, "turned": found.turn, "score": round(found.score, 4)}]
