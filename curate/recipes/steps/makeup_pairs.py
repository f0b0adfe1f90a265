"""A step that lays bare and made-up faces side by side, each with the mask outside of which no byte differs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.base import Config
from curate.evaluation.intervals import bootstrap
from curate.evaluation.metrics.counting import mean
from curate.generate.again import Origins
from curate.generate.orders import Maker
from curate.generators.base import CannotGenerate, Made
from curate.recipes.layer_steps import OwnStep, gathered, write_csv
from curate.recipes.logic.makeup_look import look, look_distance
from curate.recipes.made_pairs import MadePair, Skipped, made_pairs, save_picture
from curate.recipes.step import Done, Site
from curate.store.parts import write_json
from schemas.columns import labels

GENERATOR = "makeup"
PAIRS, FACTS = "pairs.csv", "facts.json"
BARE, WORN, MASK = "bare", "makeup", "mask"
READ = (labels.GENDER, labels.RACE4, labels.AGE_GROUP)
MOST_LOOKS = 400
"""Pictures over which distances are compared: all pairs of them, and so a table of 160,000."""
NOT_SAME = "made again it comes out otherwise"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MakeupPairOptions(Config):
    """What is written.

    Attributes:
        distances: Also measure how far apart the looks are, over all faces.
    """

    distances: bool = True


@dataclass
class Looks:
    """Descriptions of the looks that were put on, as they come."""

    name: list[str] = field(default_factory=list)
    face: list[str] = field(default_factory=list)
    change: list[Floats] = field(default_factory=list)


class MakeupPairs(OwnStep):
    """Makes every picture again from its stored parameters, and writes the pair only if no byte differs."""

    name = "makeup_pairs"
    doc = (
        "Bare face, made-up face and the mask of the makeup; every picture is made again, bit by bit, from its record."
    )
    options_type = MakeupPairOptions
    options: MakeupPairOptions

    def run(self, site: Site) -> Done:
        """Writes pictures, table and figures."""
        found, chosen = gathered(site)
        wanted = frozenset(i for i, c in zip(found.ids.to_pylist(), chosen, strict=True) if c)
        skipped, rows, worn = Skipped({}), [], Looks()
        ds, maker = site.open(), Maker()
        for pair in made_pairs(ds, [GENERATOR], READ, skipped, wanted, site.quiet):
            made = again(pair, Origins(ds, [pair.picture]), maker)
            if made is None or not np.array_equal(made.pixels, pair.after):
                skipped.add(NOT_SAME)
                continue
            rows.append(_row(pair, made, site))
            if self.options.distances and pair.before.mesh is not None and len(worn.name) < MOST_LOOKS:
                worn.name.append(str(rows[-1]["look"]))
                worn.face.append(pair.before.face_id)
                worn.change.append(look(pair.before.pixels, pair.after, pair.before.mesh))
        file = write_csv(site.folder / PAIRS, rows, list(rows[0]) if rows else ["key"])
        facts: dict[str, Any] = {
            "looks": len({r["look"] for r in rows}),
            "faces": len({r["source_face"] for r in rows}),
        }
        facts["pixels that differ outside the mask"] = sum(r["outside"] for r in rows)
        if self.options.distances:
            facts["same look nearer than another"] = nearer(worn)
        write_json(site.folder / FACTS, facts)
        return Done(len(rows), "pairs", skipped.counts, facts, (file, site.folder / FACTS))


def again(pair: MadePair, origins: Origins, maker: Maker) -> Made | None:
    """The picture made again with its mask; None if it cannot be."""
    lineage = pair.picture.lineage
    try:
        made = maker.generator(lineage.name, lineage.settings).make(origins.request(lineage), lineage.parameters)
        return next(one for one in made if one.step == lineage.step)
    except CannotGenerate:
        return None


def _row(pair: MadePair, made: Made, site: Site) -> dict[str, Any]:
    """Write the pictures of a pair; its row."""
    assert made.changed is not None
    files = {BARE: pair.before.pixels, WORN: pair.after, MASK: made.changed}
    for kind, pixels in files.items():
        save_picture(site.folder / kind / f"{pair.key}.png", pixels)
    unlike = (pair.after != pair.before.pixels).any(axis=2)
    drawn = pair.picture.lineage.parameters
    return {
        "key": pair.key, **{kind: f"{kind}/{pair.key}.png" for kind in files}, "source_face": pair.before.face_id,
        "look": drawn["look"], "strength": drawn["strength"], "parts": json.dumps(drawn["parts"], sort_keys=True),
        "masked": round(float((made.changed > 0).mean()), 5), "outside": int((unlike & (made.changed == 0)).sum()),
        **{c.name: pair.labels_before.get(c.name) for c in READ},
    }  # fmt: skip


def nearer(worn: Looks) -> dict[str, Any]:
    """How often one look on two faces is nearer than another look on the second face, with its interval over people.

    Every triple counts: a face with a look, another face with the same look, that other face with another look.
    """
    hits: list[bool] = []
    people: list[tuple[str, str]] = []
    places = range(len(worn.name))
    apart = {(i, j): look_distance(worn.change[i], worn.change[j]) for i in places for j in places if i < j}
    for first in places:
        others = [j for j in places if worn.face[j] != worn.face[first]]
        same = {worn.face[j]: j for j in others if worn.name[j] == worn.name[first]}
        for other in others:
            twin = same.get(worn.face[other])
            if twin is not None and worn.name[other] != worn.name[first]:
                hits.append(apart[min(first, twin), max(first, twin)] < apart[min(first, other), max(first, other)])
                people.append((worn.face[first], worn.face[other]))
    if not hits:
        return {"n": 0}
    share = bootstrap(mean, np.array(hits, float), clusters=np.array(people), proportion=True)
    return {**share.as_dict(), "faces": len(set(worn.face))}
