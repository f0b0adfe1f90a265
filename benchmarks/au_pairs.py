"""Action units on drawn pairs: the same adult face with a unit's movement and without.

python -m benchmarks.au_pairs                  figures
python -m benchmarks.au_pairs --look FOLDER    also writes the first ten pairs of every unit, to be looked at

Stated as what it is: the pairs are made here by moving mesh points of photos (`benchmarks/face_warps.py`).
They are no FACS-coded people. They show the geometry of a unit without its wrinkles and shadows, so that a
detector that waits for wrinkles (AU4's weights are mostly those) finds less in them than in a face. On the
other hand a mesh placed the movement and the mesh's own points read it, though from the pixels of the drawn
picture and from scratch.

Sources are faces of adults from FairFace's `train` part: frontal, of neutral look to the `fer` network,
with closed lips and open eyes, so many of each perceived race.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.base import Annotator, FaceBatch
from annotators.canonical_face import angles, fit_pose
from annotators.crops import Pixels
from annotators.registry import detector
from annotators.weights import ModelStore
from benchmarks.action_unit_data import bucket
from benchmarks.face_warps import DRAWN, pair
from benchmarks.labelling import arguments, decode, face_table, fairface, largest, made
from benchmarks.statistics import auc, proportion, table
from schemas.columns import labels

ADULT = ("20-29", "30-39", "40-49", "50-59", "60-69", "70+")
LEVELS = (3, 5)
"""Intensities that are drawn: C and E."""
LEVEL_BY_GROUP = 3
PER_GROUP = 10
FRONTAL = 15.0
"""Greatest yaw and pitch of a source face, degrees."""

Score = dict[str, Any]


class Reader:
    """Finds the face of a picture and labels it, from the pixels alone."""

    def __init__(self, models: ModelStore, *names: str) -> None:
        self._finder = detector("yunet")()
        self._labellers: list[Annotator] = made(*names)
        self._finder.setup(models)
        for labeller in self._labellers:
            labeller.setup(models)

    def __call__(self, picture: Pixels) -> FaceBatch | None:
        """A batch with the largest face and its labels; None where no face is found."""
        face = largest(self._finder.detect(picture))
        if face is None:
            return None
        batch = FaceBatch(face_table({"0": face}), {"0": picture})
        for labeller in self._labellers:
            record = labeller.annotate(batch)
            batch.add({c.name: record.column(c.name) for c in labeller.provides})
        return batch


def sources(data: Path, models: ModelStore, per_group: int) -> Iterator[tuple[str, Pixels, NDArray[Any]]]:
    """Perceived race, picture and mesh of calm frontal adults."""
    look = Reader(models, "mesh", "blendshapes", "face_state", "emotion_fer")
    chosen: Counter[str] = Counter()
    everyone = [(image, row) for image, row in fairface(data, "train") if row["age"] in ADULT]
    for image, row in sorted(everyone, key=lambda pair: bucket(str(len(pair[0])) + pair[1]["race"], 2**32)):
        if chosen[row["race"]] >= per_group:
            continue
        picture = decode(image)
        batch = look(picture)
        if batch is None or not _calm(batch):
            continue
        chosen[row["race"]] += 1
        yield row["race"], picture, batch.value(0, labels.MESH)


def _calm(batch: FaceBatch) -> bool:
    mesh = batch.value(0, labels.MESH)
    if mesh is None:
        return False
    yaw, pitch, _ = angles(fit_pose(mesh).rotation)
    return (
        abs(yaw) < FRONTAL
        and abs(pitch) < FRONTAL
        and batch.value(0, labels.PERCEIVED_EMOTION) == "neutral"
        and batch.value(0, labels.MOUTH_STATE) == "closed"
        and batch.value(0, labels.EYES_STATE) == "open"
    )


def scores(data: Path, models: ModelStore, per_group: int, look: Path | None = None) -> Iterator[Score]:
    """One row per pair: unit, level, race, and the score of the unit with and without the movement."""
    read = Reader(models, "mesh", "blendshapes", "action_units")
    for number, (race, picture, mesh) in enumerate(sources(data, models, per_group)):
        for unit in DRAWN:
            for level in LEVELS:
                drawn = pair(picture, mesh, unit, level)
                if look is not None and number < 10 and level == LEVEL_BY_GROUP:
                    cv2.imwrite(str(look / f"{unit}_{number}.png"), np.hstack(drawn)[:, :, ::-1])
                shown, twin = (None if (b := read(p)) is None else b.value(0, labels.AU_SCORE) for p in drawn)
                if shown and twin and shown[unit] is not None:
                    yield {"unit": unit, "level": level, "race": race, "shown": shown[unit], "twin": twin[unit]}


def area(rows: list[Score]) -> Any:
    """AUC of the unit's score, pictures with the movement against their twins."""
    truth = [True] * len(rows) + [False] * len(rows)
    return auc(truth, [r["shown"] for r in rows] + [r["twin"] for r in rows])


def report(rows: list[Score]) -> str:
    """AUC and share of pairs in the right order, by unit and level."""
    by: dict[tuple[str, int], list[Score]] = defaultdict(list)
    for row in rows:
        by[row["unit"], row["level"]].append(row)
    lines = [
        (unit, level, len(some), area(some), proportion([r["shown"] > r["twin"] for r in some]),
         proportion([r["shown"] >= 0.5 for r in some]), proportion([r["twin"] >= 0.5 for r in some]))
        for (unit, level), some in by.items()
    ]  # fmt: skip
    return table(("unit", "level", "pairs", "AUC", "right order", "called active", "twin called active"), lines)


def by_group(rows: list[Score]) -> str:
    """AUC at the middle level by perceived race."""
    races = sorted({r["race"] for r in rows})
    lines = []
    for unit in dict.fromkeys(r["unit"] for r in rows):
        some = [r for r in rows if r["unit"] == unit and r["level"] == LEVEL_BY_GROUP]
        parts = [[r for r in some if r["race"] == race] for race in races]
        lines.append((unit, *(f"{area(p)} n={len(p)}" if p else "-" for p in parts)))
    return table(("unit", *races), lines)


def main() -> None:
    """Draw, read and print."""
    parser = arguments(__doc__)
    parser.add_argument("--per-group", type=int, default=PER_GROUP, help="faces of each perceived race")
    parser.add_argument("--look", type=Path, help="folder for pictures of the first ten pairs of each unit")
    options = parser.parse_args()
    if options.look:
        options.look.mkdir(parents=True, exist_ok=True)
    rows = list(scores(options.data, ModelStore(), options.per_group, options.look))
    print(report(rows), f"\n\nAUC at level {LEVEL_BY_GROUP} by perceived race\n")
    print(by_group(rows))


if __name__ == "__main__":
    main()
