"""A step that lays faces at rest and in pain side by side, with heatmaps of the difference and PSPI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.base import Config
from annotators.pain import UNITS
from curate.evaluation.intervals import proportion
from curate.generators.regions import Regions
from curate.recipes.layer_steps import OwnStep, gathered, write_csv
from curate.recipes.logic.heatmaps import PainHeat, pain_heat
from curate.recipes.made_pairs import MadePair, Skipped, made_pairs, save_picture
from curate.recipes.step import Done, Site
from curate.store.parts import write_json
from schemas.columns import labels

PAIRS, FACTS = "pairs.csv", "facts.json"
OUTSIDE = "what changed lies outside of the regions of pain"
REST, PAIN, HEAT = "rest", "pain", "heat"
REGIONS = ("brow", "eye", "nose", "lip")
READ = (labels.PSPI, labels.AU_SCORE, labels.GENDER, labels.RACE4, labels.AGE_GROUP)


@dataclass(frozen=True)
class PainPairOptions(Config):
    """What is paired.

    Attributes:
        generator: What moved the faces.
        least_inside: Least share of the heat in the regions of pain; a pair with less moved something else too, such
            as the brim of a hat over the brows, and is left out.
    """

    generator: str = "au_editor"
    least_inside: float = 0.8


class PainPairs(OwnStep):
    """Writes the pairs with a heatmap each, and how often the units of pain rose when they were measured again."""

    name = "pain_pairs"
    doc = "Rest and pain of each face in one frame, a heatmap of where they differ, PSPI and units of both."
    options_type = PainPairOptions
    options: PainPairOptions

    def run(self, site: Site) -> Done:
        """Writes pictures, table and figures."""
        found, chosen = gathered(site)
        wanted = frozenset(i for i, c in zip(found.ids.to_pylist(), chosen, strict=True) if c)
        skipped = Skipped({})
        rows: list[dict[str, Any]] = []
        heat: list[tuple[float, float]] = []
        pairs = made_pairs(site.open(), [self.options.generator], READ, skipped, wanted, site.quiet)
        for pair in pairs:
            if pair.before.mesh is None:
                skipped.add("the face has no mesh")
                continue
            told = pain_heat(pair.before.pixels, pair.after, Regions(pair.before.pixels, pair.before.mesh))
            heat.append((told.inside, told.area))
            if told.inside < self.options.least_inside:
                skipped.add(OUTSIDE)
                continue
            rows.append(_row(pair, told, site))
        head = list(rows[0]) if rows else ["key"]
        file = write_csv(site.folder / PAIRS, rows, head)
        facts = {
            "rise of units": rises(rows),
            "rise of PSPI": _rise_of_pspi(rows),
            "heat in the regions of pain": _inside(heat),
        }
        write_json(site.folder / FACTS, facts)
        return Done(len(rows), "pairs", skipped.counts, facts, (file, site.folder / FACTS))


def _row(pair: MadePair, told: PainHeat, site: Site) -> dict[str, Any]:
    """Write the pictures of a pair; its row."""
    grey = np.round(255 * told.heat).astype(np.uint8)
    files = {REST: pair.before.pixels, PAIN: pair.after, HEAT: grey}
    for kind, pixels in files.items():
        save_picture(site.folder / kind / f"{pair.key}.png", pixels)
    after = pair.labels_after or {}
    units = {
        f"{u}_{when}": _unit(values, u) for u in UNITS for when, values in ((REST, pair.labels_before), (PAIN, after))
    }
    return {
        "key": pair.key, **{kind: f"{kind}/{pair.key}.png" for kind in files}, "source_face": pair.before.face_id,
        "pspi_rest": pair.labels_before.get(labels.PSPI.name), "pspi_pain": after.get(labels.PSPI.name),
        **{f"heat_{region}": round(told.mass[region], 4) for region in REGIONS},
        "heat_inside": round(told.inside, 4), "regions_area": round(told.area, 4),
        **units, **{c.name: pair.labels_before.get(c.name) for c in READ[2:]},
    }  # fmt: skip


def _unit(values: Mapping[str, Any], unit: str) -> float | None:
    score = (values.get(labels.AU_SCORE.name) or {}).get(unit)
    return None if score is None else round(float(score), 4)


def rises(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Unit -> share of pairs in which its score, measured again, is higher in pain, with interval and n."""
    found = {}
    for unit in UNITS:
        both = [(r[f"{unit}_{REST}"], r[f"{unit}_{PAIN}"]) for r in rows]
        known = [after > before for before, after in both if before is not None and after is not None]
        if known:
            found[unit] = proportion(known).as_dict()
    return found


def _rise_of_pspi(rows: list[dict[str, Any]]) -> dict[str, Any]:
    both = [(r["pspi_rest"], r["pspi_pain"]) for r in rows]
    known = [after > before for before, after in both if before is not None and after is not None]
    return proportion(known).as_dict() if known else {"n": 0}


def _inside(heat: list[tuple[float, float]]) -> dict[str, Any]:
    """Mean and least share of the heat in the regions, over all pairs, also those that were left out."""
    if not heat:
        return {"n": 0}
    shares, areas = np.array(heat).T
    return {"n": len(heat), "mean": round(float(shares.mean()), 4), "least": round(float(shares.min()), 4),
            "share of the face in these regions": round(float(areas.mean()), 4)}  # fmt: skip
