"""Occluded faces whose covers are known: how well cells and points are told to be covered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.base import Config
from annotators.cover_cells import GRID, SQUARE
from annotators.crops import Matrix
from curate.evaluation.intervals import bootstrap
from curate.evaluation.metrics.counting import mean
from curate.evaluation.metrics.probabilistic import roc_auc
from curate.generate.again import Origins, Stored, pixels_of, stored
from curate.generate.looking import Looker
from curate.generate.orders import Maker
from curate.generate.progress import Bar
from curate.generators.base import CannotGenerate, Made
from curate.generators.subject import Subject
from curate.ingest import SourceReader
from curate.measures.base import DATASET, Given, Input, Measure, Result
from curate.measures.patch_novelty import Novelty, Patches, PatchReader, covered_cells
from curate.measures.pictures import labels_of
from curate.measures.summary import by_group, number, perceived
from schemas import UsageError
from schemas.columns import faces, labels

GENERATOR = "occlude"
FEWEST = 6
"""Faces that the one-class model needs on either side."""


@dataclass(frozen=True)
class Occluded:
    """One occluded portrait.

    Attributes:
        lineage: Kind of cover and the face.
        before: The clean portrait.
        made: The occluded one, made again, with the mask of what was drawn.
    """

    picture: Stored
    before: Subject
    made: Made

    @property
    def kind(self) -> str:
        """What covers the face."""
        return str(self.picture.lineage.parameters.get("kind", ""))


def occluded(given: Given) -> Iterator[Occluded]:
    """Every occluded portrait of a dataset that comes out the same when it is made again.

    Raises:
        UsageError: if there are none.
    """
    ds = given.datasets["dataset"]
    pictures = stored(ds, [GENERATOR])
    origins, maker, number_made = Origins(ds, pictures), Maker(), 0
    with SourceReader() as reader, Bar("looking at covers", len(pictures), given.quiet) as bar:
        for picture in pictures:
            bar.step(1)
            try:
                request = origins.request(picture.lineage)
                made = next(iter(maker.generator(GENERATOR, picture.lineage.settings).make(
                    request, picture.lineage.parameters)))  # fmt: skip
                request.face().need_mesh()
            except CannotGenerate:
                continue
            seen = pixels_of(picture, reader)
            if seen is not None and made.changed is not None and np.array_equal(seen, made.pixels):
                number_made += 1
                yield Occluded(picture, request.face(), made)
    if not number_made:
        raise UsageError(f"no occluded picture of {ds.path} comes out the same when it is made again")


class PatchNovelty(Measure):
    """Fits clean cells of half of the people, and scores the cells of the other half's occluded portraits.

    Halves are drawn by face id. Cells are those of the face on a 14 x 14 grid; a cell is covered where the generator's
    mask fills half of it. Resamples draw faces.
    """

    name = "patch_novelty"
    doc = "A one-class model of clean 14 x 14 patches: AUC of telling occluded ones on people it has not seen."
    source = "Latent-OFER (Lee et al. 2023): one-class detector of occluded patches, here by reconstruction"
    inputs = (Input("dataset", DATASET, "a dataset with pictures by `generate --with occlude`"),)

    def measure(self, given: Given) -> Result:
        """AUC of all cells, by kind of cover and perceived group."""
        reader = PatchReader()
        clean: dict[str, Patches] = {}
        rows: list[dict[str, Any]] = []
        for one in occluded(given):
            face, mesh = one.before.face_id, one.before.need_mesh()
            clean[face] = reader.read(one.before.pixels, one.before.points, mesh)
            assert one.made.changed is not None
            covered = covered_cells(one.made.changed, one.before.points)
            dirty = reader.read(one.made.pixels, one.before.points, mesh)
            rows.append({"face": face, "kind": one.kind, "cells": dirty, "covered": covered, "row": one.before.labels})
        fitted = [p for face, p in clean.items() if _first_half(face)]
        held = [row for row in rows if not _first_half(row["face"])]
        if min(len(fitted), len({row["face"] for row in held})) < FEWEST:
            raise UsageError(f"{len(clean)} faces with covers", f"{2 * FEWEST} or more are needed for two halves")
        model = Novelty(fitted)
        truth, scores, whose = [], [], []
        for number_of, row in enumerate(held):
            inside = row["cells"].face
            truth.append(row["covered"][inside])
            scores.append(model.scores(row["cells"])[inside])
            whose.append(np.full(int(inside.sum()), number_of))
        found = _Cells(np.concatenate(truth), np.concatenate(scores), np.concatenate(whose), held)
        facts = {"clean faces": len(fitted), "occluded pictures": len(held), "cells": len(found.truth),
                 "covered cells": int(found.truth.sum()), "AUC": found.auc(range(len(held))).as_dict()}  # fmt: skip
        kinds = sorted({row["kind"] for row in held})
        tables = {
            "kinds": [
                {"kind": kind, **_row(found.auc([i for i, row in enumerate(held) if row["kind"] == kind]))}
                for kind in kinds
            ],
            "groups": found.by_group(),
        }
        return Result(facts, tables, ("Covers are drawn; real ones are of more kinds.",))


@dataclass(frozen=True)
class _Cells:
    """Cells of all held-out pictures, one after another."""

    truth: NDArray[np.bool_]
    scores: NDArray[np.float64]
    whose: NDArray[np.intp]
    held: Sequence[dict[str, Any]]

    def auc(self, pictures: Any) -> Any:
        """AUC over the cells of these pictures; people are drawn."""
        chosen = np.isin(self.whose, list(pictures))
        people = np.array([self.held[i]["face"] for i in self.whose[chosen]])
        return bootstrap(roc_auc, self.truth[chosen], self.scores[chosen], clusters=people, rounds=300)

    def by_group(self) -> list[dict[str, Any]]:
        """AUC in each perceived group."""
        found = []
        for by, names in perceived([row["row"] for row in self.held]).items():
            for group in sorted({n for n in names if n is not None}):
                pictures = [i for i, n in enumerate(names) if n == group]
                found.append({"by": by, "group": group, "pictures": len(pictures), **_row(self.auc(pictures))})
        return found


def _row(found: Any) -> dict[str, Any]:
    return {"n": found.n, "AUC": number(found.value), "low": number(found.low), "high": number(found.high)}


def _first_half(face: str) -> bool:
    return hashlib.blake2b(face.encode(), digest_size=1).digest()[0] % 2 == 0


@dataclass(frozen=True)
class PointVisibilityConfig(Config):
    """What counts as covered.

    Attributes:
        limit: Chance of the occlusion map from which a point counts as covered.
    """

    limit: float = 0.5


class PointVisibility(Measure):
    """A point is visible if it lies in the picture, faces the camera, and its cell of `occlusion_map` is not covered.

    The truth is what the generator drew. Cells without an answer, at the face's rim, take the nearest cell's that has
    one. The mesh is the clean portrait's: an occluder should not move the points that are asked about.
    """

    name = "point_visibility"
    doc = "Share of the points under a drawn cover that are told to be invisible, and of the others told to be visible."
    source = "visibility flags as in COFW (Burgos-Artizzu et al. 2013) and ORFormer (Chiang et al. 2025)"
    inputs = (Input("dataset", DATASET, "a dataset with pictures by `generate --with occlude`"),)
    config_type = PointVisibilityConfig
    config: PointVisibilityConfig

    def measure(self, given: Given) -> Result:
        """Both shares, by kind of cover and perceived group; resamples draw faces."""
        every = list(occluded(given))
        looker = Looker(("covers", "mesh"))
        rows: list[dict[str, Any]] = []
        for one in every:
            row = self._looked(one, looker)
            if row is not None:
                rows.append(row)
        if not rows:
            raise UsageError("no face was found in the occluded pictures")
        people = [row["face"] for row in rows]
        facts: dict[str, Any] = {"pictures": len(rows), "no map or no covered point": len(every) - len(rows)}
        tables: dict[str, list[dict[str, Any]]] = {"kinds": [], "groups": []}
        groups = perceived([row["labels"] for row in rows])
        for figure in ("covered told invisible", "open told visible"):
            values = np.array([row[figure] for row in rows])
            facts[figure] = bootstrap(mean, values, clusters=people).as_dict()
            kinds = by_group(values, {"kind": [row["kind"] for row in rows]}, people)
            tables["kinds"] += [{"figure": figure, **row} for row in kinds]
            tables["groups"] += [{"figure": figure, **row} for row in by_group(values, groups, people)]
        return Result(facts, tables, ("A picture's share is of its own points; then pictures are averaged.",))

    def _looked(self, one: Occluded, looker: Looker) -> dict[str, Any] | None:
        """Shares of one picture; None without a map, or where no point is covered or none open."""
        from annotators.points import convert

        seen = labels_of(looker.look([one.made.pixels])[0])
        if seen is None or seen.get(labels.OCCLUSION_MAP.name) is None:
            return None
        points = convert(one.before.need_mesh(), "points-478", "points-68")[:, :2].astype(np.float64)
        side = one.before.side
        assert one.made.changed is not None
        at = np.clip(points.astype(int), 0, side - 1)
        covered = one.made.changed[at[:, 1], at[:, 0]] > 127
        if not covered.any() or covered.all():
            return None
        told = visible(points, seen, (side, side), self.config.limit)
        return {
            "face": one.before.face_id, "kind": one.kind, "labels": one.before.labels,
            "covered told invisible": float((~told[covered]).mean()), "open told visible": float(told[~covered].mean()),
        }  # fmt: skip


def visible(points: Any, row: dict[str, Any], shape: tuple[int, int], limit: float = 0.5) -> NDArray[np.bool_]:
    """Which of a face's points can be seen: inside the picture, and in a cell that is not covered.

    Args:
        points: (n, 2), pixels.
        row: The face's labels: five points and `occlusion_map`.
        shape: Height and width of the picture.
        limit: Chance from which a cell counts as covered.
    """
    matrix: Matrix = SQUARE.matrix({faces.POINTS_5: np.asarray(row[faces.POINTS_5.name], np.float64).reshape(5, 2)})
    chances = np.array([np.nan if v is None else v for v in row[labels.OCCLUSION_MAP.name]]).reshape(GRID, GRID)
    where = (np.asarray(points) @ matrix[:, :2].T + matrix[:, 2]) / (SQUARE.size / GRID)
    known = np.argwhere(np.isfinite(chances))
    inside = (points[:, 0] >= 0) & (points[:, 1] >= 0) & (points[:, 0] <= shape[1]) & (points[:, 1] <= shape[0])
    told = []
    for x, y in where:
        nearest = known[int(np.argmin(((known + 0.5 - (y, x)) ** 2).sum(1)))]
        told.append(chances[tuple(nearest)] < limit)
    return np.asarray(np.array(told) & inside)


__all__ = ["Occluded", "PatchNovelty", "PointVisibility", "occluded", "visible"]
