"""How well the action units work, on faces that no weight was fitted on.

python -m benchmarks.action_units

Labels are emotions standing in for FACS codes by EMFACS, the noise of which lowers every figure; see
`benchmarks/action_unit_data.py`. FairFace has no emotion labels: its rates per group say how often a unit
is given, which mixes how people of a group were photographed with how the method treats them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq

from annotators.au_models import Unit, table
from annotators.au_texture import FrontalCrop
from annotators.base import FaceBatch
from annotators.registry import detector
from annotators.weights import ModelStore
from benchmarks.labelling import arguments, decode, face_table, fairface, label, largest, made
from benchmarks.statistics import Estimate, groups, proportion
from benchmarks.statistics import table as markdown
from schemas.columns import labels

CHAIN = ("mesh", "blendshapes", "action_units")
COMPOSITE = 256
CLOSE_UP = 0.7
SEAM = 4.0
"""Width of the soft seam between two half faces, px of 256."""
FRONTAL = 15.0


def capabilities() -> str:
    """The held-out figures that stand in the capability table."""
    rows: list[list[Any]] = []
    for unit in table().units:
        for row in unit.measured or ({},):
            figures = [Estimate(*row[k], row["positives"]) if k in row else "" for k in ("auc", "auc_neutral")]
            counts = f"{row['positives']} / {row['negatives']}" if row else ""
            rates = [row.get("found", ""), row.get("false_on_neutral", "")]
            given = ("left, right, both" if unit.sided else "both") if unit.supported else "null"
            rows.append([unit.name, given, " + ".join(unit.sources), row.get("set", ""), counts, *figures, *rates])
    header = ["unit", "given", "from", "set", "n + / -", "AUC, all others", "AUC, neutral", "found", "neutral above .5"]
    return markdown(header, rows)


def rates(rows: list[dict[str, Any]], key: str) -> str:
    """Share of faces above the decision point per group."""
    seen = [r for r in rows if r.get(labels.AU_SCORE.name)]
    parts = groups([r[key] for r in seen])
    lines = []
    for unit in table().supported:
        active = np.array([r[labels.AU_SCORE.name][unit.name] > 0.5 for r in seen])
        lines.append([unit.name, proportion(active), *(proportion(active[mask]) for _, mask in parts)])
    return markdown(["unit", f"all (n={len(seen)})", *(f"{name} ({mask.sum()})" for name, mask in parts)], lines)


def press(data: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Press photos with person and emotion."""
    for row in pq.read_table(data / "expressions" / "part-000.parquet").to_pylist():
        yield row["image"], {"person": row["file"].rsplit("_", 1)[0], "emotion": row["emotion"], "image": row["image"]}


def sides(rows: list[dict[str, Any]], emotion: str, models: ModelStore) -> tuple[int, dict[str, Estimate]]:
    """How often the side that shows an emotion wins, in faces made of two halves.

    Every person with a neutral and an emotional photo near frontal gives two composites: the subject's
    left half from one and the right half from the other, and the reverse.

    Returns:
        Number of composites; for each sided unit the share in which the emotional side has more of it.
    """
    frontal = [r for r in rows if r.get(labels.AU_SCORE.name) and abs(r["pose_yaw"]) < FRONTAL]
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for row in frontal:
        first.setdefault((row["person"], row["emotion"]), row)
    pairs = [(first[p, "neutral"], r) for (p, e), r in first.items() if e == emotion and (p, "neutral") in first]
    pictures: list[tuple[bytes, dict[str, Any]]] = []
    for calm, moved in pairs:
        for subjects_left in (True, False):
            image = composite(_close(calm), _close(moved), subjects_left)
            pictures.append((cv2.imencode(".png", image[:, :, ::-1])[1].tobytes(), {"left": subjects_left}))
    wins: dict[str, list[bool]] = {}
    for row in label(pictures, made(*CHAIN), models):
        left, right = row.get(labels.AU_LEFT.name), row.get(labels.AU_RIGHT.name)
        for unit in table().supported:
            if unit.sided and left and left[unit.name] != right[unit.name]:
                wins.setdefault(unit.name, []).append((left[unit.name] > right[unit.name]) == row["left"])
    return len(pictures), {name: proportion(won) for name, won in wins.items()}


def _close(row: dict[str, Any]) -> np.ndarray:
    mesh = np.reshape(row[labels.MESH.name], (478, 3))
    matrix = FrontalCrop(COMPOSITE).matrix({labels.MESH: mesh}) * CLOSE_UP
    matrix[:, 2] += COMPOSITE * (1 - CLOSE_UP) / 2
    return cv2.warpAffine(decode(row["image"]), matrix, (COMPOSITE, COMPOSITE))


def composite(calm: np.ndarray, moved: np.ndarray, subjects_left: bool) -> np.ndarray:
    """A face whose left half (image right) or right half is from `moved`, evened in brightness."""
    middle = (slice(80, 180), slice(90, 166))
    lit = moved * (calm[middle].mean() / max(moved[middle].mean(), 1.0))
    share = 1 / (1 + np.exp(-(np.arange(COMPOSITE) - COMPOSITE / 2) / SEAM))[None, :, None]
    share = share if subjects_left else 1 - share
    return np.clip(calm * (1 - share) + lit * share, 0, 255).astype(np.uint8)


def milliseconds(data: Path, models: ModelStore, count: int = 200) -> dict[str, float]:
    """Mean time per face of each annotator of this family, one thread, crops included."""
    names = ("head_pose", "blendshapes", "gaze", "face_state", "action_units")
    finder, chain, spent = detector("yunet")(), made("mesh", *names), dict.fromkeys(names, 0.0)
    for part in (finder, *chain):
        part.setup(models)
    done = 0
    for content, _ in islice(press(data), count):
        image = decode(content)
        face = largest(finder.detect(image))
        if face is None:
            continue
        batch = FaceBatch(face_table({"0": face}), {"0": image})
        done += 1
        for annotator in chain:
            start = time.perf_counter()
            record = annotator.annotate(batch)
            if annotator.name in spent:
                spent[annotator.name] += time.perf_counter() - start
            batch.add({c.name: record.column(c.name) for c in annotator.provides})
    return {name: 1000 * seconds / done for name, seconds in spent.items()}


def unit_notes(units: tuple[Unit, ...]) -> str:
    """What to know about each unit."""
    return "\n".join(f"- {u.name}: {u.note}" for u in units)


def main() -> None:
    """Print everything."""
    parser = arguments(__doc__)
    parser.add_argument("--faces", type=int, default=2051, help="FairFace validation faces to use")
    chosen = parser.parse_args()
    models = ModelStore()
    print("## Held-out figures\n", capabilities(), "\n", unit_notes(table().units), sep="\n")
    rows = label(islice(fairface(chosen.data, "validation"), chosen.faces), made(*CHAIN), models)
    for key in ("race", "gender", "age"):
        print(f"\n## Faces above the decision point, FairFace validation, by perceived {key}\n")
        print(rates(rows, key))
    shots = label(press(chosen.data), made("mesh", "head_pose", "blendshapes", "action_units"), models)
    calm = [{**r, "all": "neutral"} for r in shots if r["emotion"] == "neutral"]
    print("\n## Press photos labelled neutral (half of them set the decision points)\n", rates(calm, "all"), sep="\n")
    print("\n## The side that shows it wins, in composites of two half faces\n")
    for emotion in ("happiness", "anger"):
        count, won = sides(shots, emotion, models)
        print(f"{emotion}, {count} composites:", ", ".join(f"{n} {e} of {e.n}" for n, e in won.items()))
    print("\n## Milliseconds per face\n", milliseconds(chosen.data, models), sep="\n")


if __name__ == "__main__":
    main()
