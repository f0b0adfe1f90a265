"""What `covers` says of eyewear, masks and covered cells, on FairFace training adults that were held back from its fit.

python -m benchmarks.covers [--faces N]

Eyewear is measured on natural faces judged by eye (`cover_truth`), masks and cells on drawn ones, after a new run of
detector and mesh on the drawn picture. The validation split is not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.cover_cells import LEAST_SHARE, SQUARE
from annotators.weights import ModelStore
from benchmarks.accessories import face_mask, glasses, shades
from benchmarks.cover_features import UNKNOWN, Picture, adults, area_shares
from benchmarks.cover_truth import judgements
from benchmarks.labelling import arguments, decode, fairface, label, made
from benchmarks.occluders import FITTING, HELD_OUT
from benchmarks.statistics import auc, bootstrap, groups, proportion, table
from curate.evaluation.metrics.probabilistic import roc_auc
from schemas.columns import faces, labels
from schemas.taxonomy import taxonomy

Row = dict[str, Any]
NAMES = taxonomy("eyewear").labels
SEEN = {"face mask": face_mask, "glasses": glasses, "shades": shades, **FITTING}
MASKS = {"face mask", "mask"}
MANY = 10
"""Cells called covered from which a clean face counts as falsely covered."""


def answered(rows: Sequence[Row]) -> list[Row]:
    """Rows that got a map and a mask's probability."""
    return [row for row in rows if row.get(labels.OCCLUSION_MAP.name) is not None]


def judged_faces(pictures: Sequence[tuple[bytes, Row]], use: str, models: ModelStore) -> list[Row]:
    """Labelled faces of the judged rows of that use."""
    known = [j for j in judgements() if j.use == use]
    stream = ((pictures[j.row][0], {"truth": j, "race": pictures[j.row][1]["race"]}) for j in known)
    rows = label(stream, made("mesh", "covers"), models)
    found = [row for row in rows if row.get(labels.EYEWEAR_PROB.name) is not None]
    print(f"{use}: {len(rows)} faces, eyewear for {len(found)}, mask and map for {len(answered(rows))}")
    return found


def eyewear_table(rows: Sequence[Row]) -> str:
    """Recall and precision of each label, of the most probable label and of given answers."""
    clear = [r for r in rows if r["truth"].eyewear != UNKNOWN]
    truth = np.array([r["truth"].eyewear for r in clear])
    best = np.array([int(np.argmax([r[labels.EYEWEAR_PROB.name][n] for n in NAMES])) for r in clear])
    given = np.array([r[labels.EYEWEAR.name] is not None for r in clear])
    body = []
    for k, name in enumerate(NAMES):
        body.append(
            [
                name,
                int((truth == k).sum()),
                proportion((best == k)[truth == k]),
                proportion((truth == k)[best == k]),
                proportion((best == k)[(truth == k) & given]),
                proportion((truth == k)[(best == k) & given]),
            ]
        )
    header = ["eyewear", "n", "recall", "precision", "recall where answered", "precision where answered"]
    races = [r["race"] for r in clear]
    worn = (best > 0) == (truth > 0)
    meshless = np.array([r[labels.MESH.name] is None for r in clear])
    by_race = [
        [g, int(k.sum()), int((truth[k] > 0).sum()), proportion((best == truth)[k]), proportion(worn[k]),
         proportion((best > 0)[k & (truth == 0)]), proportion(given[k])]
        for g, k in (("all", np.ones(len(clear), bool)), ("without a mesh", meshless), *groups(races))
    ]  # fmt: skip
    titles = ["race", "n", "worn", "right", "worn or not right", "bare called worn", "answered"]
    return table(header, body) + "\n\n" + table(titles, by_race)


def mask_table(natural: Sequence[Row], real: Sequence[Row], drawn: Sequence[Row]) -> str:
    """Masks found and falsely called: drawn ones, natural faces, other things, and the few real ones."""

    def line(name: str, rows: Sequence[Row]) -> list[Any]:
        called = np.array([r[labels.MASK_PROB.name] > 0.5 for r in rows])
        silent = np.array([r[labels.MASK_ABSTAINED.name] for r in rows])
        wrongly = np.array([r[labels.MASK_WORN.name] is True for r in rows])
        return [name, len(rows), proportion(called), proportion(wrongly), proportion(silent)]

    kinds = [(f"drawn {kind}", [r for r in drawn if r["kind"] == kind]) for kind in sorted({r["kind"] for r in drawn})]
    real = [r for r in answered(real) if r["truth"].mask == 1]
    rows = [line("natural, no mask", answered(natural)), line("real masks", real), *(line(k, r) for k, r in kinds if r)]
    return table(["faces", "n", "more likely mask", "answered mask", "abstained"], rows)


def drawn_faces(pictures: Sequence[Picture], models: ModelStore) -> tuple[list[Row], list[Row]]:
    """Each face as it is, and with one thing drawn on it; the latter with `truth`, the shares of cells covered."""
    rng = np.random.default_rng(21)
    kinds = {**SEEN, **HELD_OUT}
    clean = label(
        ((p.data, {"race": p.known["race"], "data": p.data}) for p in pictures), made("mesh", "covers"), models
    )

    def changed() -> Iterator[tuple[bytes, Row]]:
        for number, row in enumerate(answered(clean)):
            name = list(kinds)[number % len(kinds)]
            mesh = np.asarray(row[labels.MESH.name], np.float32).reshape(-1, 3)
            image, area = kinds[name](decode(row["data"]), mesh, rng)
            bare = row[labels.EYEWEAR.name] == NAMES[0]
            known = {"race": row["race"], "kind": name, "area": area, "bare": bare}
            yield cv2.imencode(".png", image[..., ::-1])[1].tobytes(), known

    drawn = answered(label(changed(), made("mesh", "covers"), models))
    for row in drawn:
        points = np.asarray(row[faces.POINTS_5.name], np.float64).reshape(5, 2)
        row["truth"] = area_shares(row["area"], SQUARE.matrix({faces.POINTS_5: points}))
    return answered(clean), drawn


def cells_of(row: Row) -> tuple[NDArray[Any], NDArray[Any]]:
    """Whether each of the face's cells is covered, and the chance that was given."""
    chance = np.array([np.nan if c is None else c for c in row[labels.OCCLUSION_MAP.name]])
    on = np.isfinite(chance)
    return row["truth"].ravel()[on] > LEAST_SHARE, chance[on]


def over_faces(rows: Sequence[Row], statistic: Callable[[NDArray[Any], NDArray[Any]], float]) -> Any:
    """A statistic of all cells of some faces, with the interval of resampled faces."""
    parts = [cells_of(row) for row in rows]
    if not parts or not any(t.any() for t, _ in parts):
        return "-"

    def pooled(index: NDArray[Any]) -> float:
        chosen = [parts[int(i)] for i in index]
        return statistic(np.concatenate([t for t, _ in chosen]), np.concatenate([c for _, c in chosen]))

    return bootstrap(pooled, np.arange(len(parts)), rounds=200)


def area_under(truth: NDArray[Any], chance: NDArray[Any]) -> float:
    """AUC of cells."""
    return float(roc_auc(truth, chance))


def overlap(truth: NDArray[Any], chance: NDArray[Any]) -> float:
    """Intersection over union of covered cells at .5, over all faces together."""
    called = chance > 0.5
    return float((called & truth).sum() / max((called | truth).sum(), 1))


def map_table(drawn: Sequence[Row]) -> str:
    """AUC and IoU of cells: kinds of the fit, kinds it never saw, each kind, each race group."""
    parts = [
        ("kinds of the fit", [r for r in drawn if r["kind"] in SEEN]),
        ("unseen kinds", [r for r in drawn if r["kind"] in HELD_OUT]),
        *((f"kind {kind}", [r for r in drawn if r["kind"] == kind]) for kind in sorted({r["kind"] for r in drawn})),
        *((race, [r for r in drawn if r["race"] == race]) for race in sorted({r["race"] for r in drawn})),
    ]
    body = [[name, len(rows), over_faces(rows, area_under), over_faces(rows, overlap)] for name, rows in parts]
    return table(["faces", "n", "AUC of cells", "IoU at .5"], body)


def false_covers(clean: Sequence[Row]) -> str:
    """What is called covered on faces with nothing drawn on them; some hold things before their faces by nature."""
    shares, many, races = [], [], [r["race"] for r in clean]
    for row in clean:
        chance = np.array([c for c in row[labels.OCCLUSION_MAP.name] if c is not None])
        shares.append(float((chance > 0.5).mean()))
        many.append(bool((chance > 0.5).sum() >= MANY))
    share, flag = np.array(shares), np.array(many)
    parts = (("all", np.ones(len(clean), bool)), *groups(races))
    return table(["race", "n", "cells called covered", f"faces with {MANY} or more such cells"],
                 [[g, int(k.sum()), bootstrap(np.mean, share[k]), proportion(flag[k])] for g, k in parts])  # fmt: skip


def eyewear_drawn(drawn: Sequence[Row]) -> str:
    """Drawn eyewear on faces that were answered to be bare."""
    body = []
    for kind in ("glasses", "shades", "sunglasses", "fingers", "scarf"):
        rows = [r for r in drawn if r["kind"] == kind and r["bare"]]
        names = [max(NAMES, key=lambda n: r[labels.EYEWEAR_PROB.name][n]) for r in rows]
        body.append([kind, len(rows), *(proportion(np.array([n == name for n in names])) for name in NAMES)])
    return table(["drawn", "n", *(f"called {n}" for n in NAMES)], body)


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--faces", type=int, default=420)
    options = parser.parse_args()
    models = ModelStore()
    pictures = list(fairface(options.data, "train"))
    natural = judged_faces(pictures, "test", models)
    real = judged_faces(pictures, "mask", models)
    print("\nEyewear, natural faces judged by eye\n", eyewear_table(natural), sep="\n")
    worn = np.array([r["truth"].eyewear > 0 for r in natural if r["truth"].eyewear != UNKNOWN])
    chance = [1 - r[labels.EYEWEAR_PROB.name][NAMES[0]] for r in natural if r["truth"].eyewear != UNKNOWN]
    print(f"\nworn or not: AUC {auc(worn, chance):.4f}")
    clean, drawn = drawn_faces(adults(options.data, held_back=True)[: options.faces], models)
    print("\nDrawn eyewear\n", eyewear_drawn(drawn), sep="\n")
    print("\nMasks\n", mask_table(natural, real, drawn), sep="\n")
    print("\nCovered cells\n", map_table(drawn), sep="\n")
    print("\nClean faces\n", false_covers(clean), sep="\n")


if __name__ == "__main__":
    main()
