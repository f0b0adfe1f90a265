"""Parts drawn from the mesh: how steady they are, and whether the pixels they name look like those parts.

There are no photos with labelled parts at hand, and comparing the map with the landmarks it is drawn from would prove
nothing. So: the overlap of a photo's map with that of the mirrored photo (detection and mesh made anew), and the
picture's own colours, which the mesh does not use: are lips redder than the skin, brows and eyes darker, and do the
colours inside the skin part lie nearer to its median than those around the face? Beside each stands the same with the
map moved up and down by a quarter of the eyes' distance. Adults of FairFace's training faces, as many of each group.

python -m benchmarks.parsing
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from annotators.adapters.parsing_mesh import PARTS
from annotators.base import Annotator, FaceBatch
from annotators.colour import srgb_to_lab
from annotators.crops import Pixels
from annotators.part_maps import NOT_JUDGED, PNG, PartMap, decoded, part_names
from annotators.registry import annotator, detector
from annotators.weights import ModelStore
from benchmarks.detection import central
from benchmarks.labelling import arguments, decode, face_table
from benchmarks.statistics import groups, mean, proportion, table
from curate.evaluation.metrics.probabilistic import roc_auc
from schemas.columns import labels

CHILDREN = ("0-2", "3-9", "10-19")
SIDE = 448
"""FairFace crops are enlarged to this, so that small parts have pixels."""
SWAP = {"l_brow": "r_brow", "r_brow": "l_brow", "l_eye": "r_eye", "r_eye": "l_eye"}
GREY = 4.0
"""Mean distance of the skin's a*b* from grey, below which a photo tells nothing of redness."""
MOVED = 0.25
MOVES = {"moved up": -1.0, "moved down": 1.0}
RING = 0.15
"""Width of the ring around the face, as a share of the eyes' distance times two."""

Values = dict[str, Any]


def adults(data: Path, each: int) -> Iterator[tuple[str, Pixels]]:
    """Perceived race and enlarged picture of so many adults per group."""
    taken: dict[str, int] = defaultdict(int)
    for file in sorted((data / "fairface").glob("*.parquet")):
        for row in pq.read_table(file, columns=["image", "race", "age", "split"]).to_pylist():
            if row["split"] == "train" and row["age"] not in CHILDREN and taken[row["race"]] < each:
                taken[row["race"]] += 1
                picture = cv2.resize(decode(row["image"]), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
                yield row["race"], np.asarray(picture, np.uint8)


class Drawer:
    """Detection, mesh and parts of the face in the middle of a picture."""

    def __init__(self, models: ModelStore) -> None:
        self._finder = detector("yunet")()
        self._finder.setup(models)
        self._labellers: list[Annotator] = [annotator(name)() for name in ("mesh", "parsing_mesh")]
        for labeller in self._labellers:
            labeller.setup(models)

    def __call__(self, picture: Pixels) -> tuple[PartMap, NDArray[np.float64], float, int] | None:
        """The map, the five points, processor time in ms and bytes of the PNG; None without a face or a mesh."""
        found = self._finder.detect(picture)
        row = central(found, picture)
        if row is None:
            return None
        points = found.points[row]
        batch = FaceBatch(face_table({"face": (found.boxes[row], points, 1.0)}), {"face": picture})
        mesh = self._labellers[0].annotate(batch)
        batch.add({c.name: mesh.column(c.name) for c in self._labellers[0].provides})
        start = time.process_time()
        value = self._labellers[1].annotate(batch).column(labels.FACE_PARSING.name)[0].as_py()
        spent = (time.process_time() - start) * 1000
        if value is None:
            return None
        return decoded(value), points.astype(np.float64), spent, len(value[PNG])


def overlap(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> Values:
    """Intersection over union of each part in two maps of one picture; NaN where neither has it."""
    found = {}
    for name in PARTS:
        a, b = one == part_names().index(name), other == part_names().index(name)
        either = (a | b).sum()
        found[name] = float((a & b).sum() / either) if either else float("nan")
    return found


def unmirrored(parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The map of a mirrored picture, as one of the picture."""
    names, values = part_names(), np.arange(NOT_JUDGED + 1, dtype=np.uint8)
    for name, partner in SWAP.items():
        values[names.index(name)] = names.index(partner)
    return values[parts[:, ::-1]]


def colours(picture: Pixels, parts: NDArray[np.uint8], eyes: float) -> Values:
    """Whether lips are redder, brows and eyes darker than the skin (1 or 0), and how well colour tells skin (AUC)."""
    lab = srgb_to_lab(picture.reshape(-1, 3)).reshape(*picture.shape)
    values = {name: lab[np.isin(parts, [part_names().index(p) for p in some])] for name, some in LOOKS.items()}
    if min(len(v) for v in values.values()) < 10:
        return {}
    middle = {name: np.median(v, axis=0) for name, v in values.items()}
    skin = middle["skin"]
    coloured = float(np.hypot(*(values["skin"][:, 1:].mean(0)))) >= GREY
    width = max(int(eyes * 2 * RING), 3)
    inside = (parts != NOT_JUDGED).astype(np.uint8)
    ring = cv2.dilate(inside, np.ones((2 * width + 1, 2 * width + 1), np.uint8)) > inside
    far = {k: np.linalg.norm(v - skin, axis=1) for k, v in (("skin", values["skin"]), ("ring", lab[ring]))}
    truth = np.repeat([True, False], [len(far["skin"]), len(far["ring"])])
    return {
        "lips redder": float(middle["lips"][1] > skin[1]) if coloured else float("nan"),
        "brows darker": float(middle["brows"][0] < skin[0]),
        "eyes darker": float(middle["eyes"][0] < skin[0]),
        "skin colour, AUC": roc_auc(truth, -np.concatenate([far["skin"], far["ring"]])) if ring.any() else float("nan"),
    }


LOOKS = {
    "skin": ("skin", "nose"), "lips": ("u_lip", "l_lip"), "brows": ("l_brow", "r_brow"), "eyes": ("l_eye", "r_eye"),
}  # fmt: skip


def measured(models: ModelStore, data: Path, each: int) -> tuple[list[str], list[Values]]:
    """Race and figures of each face that has a mesh in the photo and in its mirror image."""
    draw = Drawer(models)
    races: list[str] = []
    rows: list[Values] = []
    for race, picture in adults(data, each):
        plain, mirrored = draw(picture), draw(np.ascontiguousarray(picture[:, ::-1]))
        if plain is None or mirrored is None:
            continue
        found, points, spent, size = plain
        eyes = float(np.linalg.norm(points[1] - points[0]))
        parts = found.on_image(SIDE, SIDE)
        row: Values = overlap(parts, unmirrored(mirrored[0].on_image(SIDE, SIDE)))
        row |= colours(picture, parts, eyes)
        for way, sign in MOVES.items():
            shift = found.matrix[:, :2] @ np.array([0.0, sign * MOVED * eyes])
            moved = PartMap(found.parts, np.hstack([found.matrix[:, :2], (found.matrix[:, 2] - shift)[:, None]]))
            row |= {f"{k} {way}": v for k, v in colours(picture, moved.on_image(SIDE, SIDE), eyes).items()}
        rows.append({**row, "ms": spent, "bytes": float(size)})
        races.append(race)
    return races, rows


def figure(rows: Sequence[Values], name: str) -> Any:
    """Mean of a figure over the faces that have it, with its interval; a share for yes-or-no figures."""
    values = np.array([row[name] for row in rows if np.isfinite(row.get(name, np.nan))])
    return proportion(values > 0) if set(np.unique(values)) <= {0.0, 1.0} else mean(values)


def by_group(name: str, rows: Sequence[Values], looks: Sequence[str]) -> list[Any]:
    """A row of the table per group: name, n, overlap of skin, eyes and lips, and the colours."""
    pairs = {"eyes": ("l_eye", "r_eye"), "lips": ("u_lip", "l_lip")}
    both = [{pair: float(np.nanmean([row[p] for p in parts])) for pair, parts in pairs.items()} for row in rows]
    return [name, len(rows), figure(rows, "skin"), *(figure(both, p) for p in pairs), *(figure(rows, n) for n in looks)]


def main(arguments_given: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--each", type=int, default=60, help="adults of each perceived race group")
    options = parser.parse_args(arguments_given)
    races, rows = measured(ModelStore(), options.data, options.each)
    print(table(("part", "overlap with the mirrored photo's map"), [[p, figure(rows, p)] for p in PARTS]))
    print()
    looks = [name for name in rows[0] if f"{name} moved up" in rows[0]]
    compared = [[n, figure(rows, n), *(figure(rows, f"{n} {way}") for way in MOVES)] for n in looks]
    print(table(("colour", "as drawn", *MOVES), compared))
    print()
    everyone = [("all", np.ones(len(rows), bool)), *groups(races)]
    body = [
        by_group(name, [row for row, kept in zip(rows, mask, strict=True) if kept], looks) for name, mask in everyone
    ]
    print(table(("group", "n", "skin overlap", "eyes overlap", "lips overlap", *looks), body))
    print()
    spent = float(np.median([row["ms"] for row in rows]))
    print(f"{spent:.1f} ms of processor time per face (median), {figure(rows, 'bytes'):.0f} bytes per map")


if __name__ == "__main__":
    main()
