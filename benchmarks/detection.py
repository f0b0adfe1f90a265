"""Recall of the detectors, and what the second opinion flags: shared photos, FairFace crops, turned pictures.

FairFace's files `part-003` and `part-007` helped to choose settings and are left out. A FairFace crop counts as
found when a box covers its centre; a collage's faces when as many are found as it has tiles.

python -m benchmarks.detection
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageOps

from annotators.base import Detections, Detector, FaceBatch
from annotators.crops import Pixels
from annotators.registry import annotator, detector
from annotators.second_opinion import SecondOpinion
from annotators.weights import ModelStore
from benchmarks.labelling import arguments, decode, face_table
from benchmarks.statistics import groups, proportion, table
from schemas.columns import labels

TUNED_ON = ("part-003", "part-007")
QUARTERS = {0: "upright", 1: "90 degrees", 2: "180 degrees", 3: "270 degrees"}
ANGLE_TOLERANCE = 30.0


def photos(data: Path, *tasks: str) -> Iterator[tuple[dict[str, Any], Pixels]]:
    """Labelled shared photos of these tasks, turned upright by EXIF."""
    with (data / "photos" / "labels.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["task"] in tasks]
    for row in rows:
        with Image.open(data / "photos" / row["file"]) as picture:
            upright = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        yield {"file": row["file"], "task": row["task"], **json.loads(row["label_json"])}, upright


def fairface_crops(data: Path, step: int) -> Iterator[tuple[str, Pixels]]:
    """Perceived race and picture of every `step`-th crop."""
    for file in sorted((data / "fairface").glob("*.parquet")):
        if file.stem not in TUNED_ON:
            rows = pq.read_table(file, columns=["image", "race"]).to_pylist()[::step]
            yield from ((row["race"], decode(row["image"])) for row in rows)


def central(found: Detections, image: Pixels) -> int | None:
    """Number of the best face whose box covers the picture's centre, or None."""
    centre = np.array([image.shape[1], image.shape[0]]) / 2
    inside = (found.boxes[:, :2] <= centre) & (found.boxes[:, :2] + found.boxes[:, 2:] >= centre)
    rows = np.flatnonzero(inside.all(axis=1))
    return int(rows[0]) if len(rows) else None


def doubtful(second: SecondOpinion, image: Pixels, found: Detections) -> list[bool]:
    """The flag of the second opinion for each face."""
    if not len(found):
        return []
    faces = {str(i): (found.boxes[i], found.points[i], float(found.scores[i])) for i in range(len(found))}
    batch = FaceBatch(face_table(faces), dict.fromkeys(faces, image))
    return [bool(v) for v in second.annotate(batch).column(labels.FACE_DOUBTFUL.name).to_pylist()]


def counted_photos(finder: Detector, data: Path) -> list[list[Any]]:
    """Rows for the exactly counted photos, the group photo and the collages."""
    exact: list[bool] = []
    tiles: list[bool] = []
    group: list[bool] = []
    extra = 0
    for known, image in photos(data, "face_count"):
        count = len(finder.detect(image))
        truth = known["exact"] or known["tiles"]
        hits = [i < count for i in range(truth)]
        if not known["exact"]:
            tiles += hits
        elif truth > 10:
            group += hits
        else:
            exact += hits
            extra += max(0, count - truth)
    return [
        ["portraits with an exact count", len(exact), proportion(exact), f"{extra} too many"],
        ["group photo of 1927", len(group), proportion(group), ""],
        ["collages", len(tiles), proportion(tiles), ""],
    ]


def non_faces(finder: Detector, second: SecondOpinion, data: Path) -> list[Any]:
    """Row for the pictures without a face: hits, and hits that are not flagged."""
    hits, flags, count = 0, 0, 0
    for known, image in photos(data, "non_face", "exif_orientation"):
        if known.get("human_faces") == 0:
            found = finder.detect(image)
            count, hits, flags = count + 1, hits + len(found), flags + sum(doubtful(second, image, found))
    return ["pictures without a face", count, f"{hits} hits", f"{hits - flags} of them not flagged"]


def turned(finder: Detector, data: Path) -> list[list[Any]]:
    """Rows for FairFace photos turned by quarters: found, and found with the right roll."""
    images = [image for known, image in photos(data, "age_gender_race")]
    rolls = [roll(finder.detect(image), image) for image in images]
    rows = []
    for quarter, name in QUARTERS.items():
        pictures = [np.ascontiguousarray(np.rot90(image, quarter)) for image in images]
        seen = [roll(finder.detect(picture), picture) for picture in pictures]
        right = [
            a is not None and b is not None and abs((a - b - 90 * quarter + 180) % 360 - 180) <= ANGLE_TOLERANCE
            for a, b in zip(rolls, seen, strict=True)
        ]
        found = proportion([b is not None for b in seen])
        rows.append([f"FairFace photos, {name}", len(images), found, f"right way up {proportion(right):.3f}"])
    return rows


def roll(found: Detections, image: Pixels) -> float | None:
    """Direction of the eyes of the central face in degrees, clockwise as seen."""
    row = central(found, image)
    if row is None:
        return None
    x, y = found.points[row, 1] - found.points[row, 0]
    return float(np.degrees(np.arctan2(y, x)))


def crops(finder: Detector, second: SecondOpinion, data: Path, step: int) -> list[list[Any]]:
    """Rows per race group: found, and of the found those that the second opinion flags."""
    races, hits, flags = [], [], []
    for race, image in fairface_crops(data, step):
        found = finder.detect(image)
        row = central(found, image)
        races.append(race)
        hits.append(row is not None)
        flags.append(row is not None and doubtful(second, image, found)[row])
    hit, flag = np.array(hits), np.array(flags)
    parts = [("all", np.ones(len(hit), bool)), *groups(races)]
    return [[name, int(m.sum()), proportion(hit[m]), proportion(flag[m & hit])] for name, m in parts]


def main(arguments_given: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--detector", default="yunet")
    parser.add_argument("--step", type=int, default=8, help="every n-th FairFace crop")
    options = parser.parse_args(arguments_given)
    models = ModelStore()
    finder, second = detector(options.detector)(), annotator("second_opinion")()
    finder.setup(models)
    second.setup(models)
    assert isinstance(second, SecondOpinion)
    begin = perf_counter()
    rows = [*counted_photos(finder, options.data), non_faces(finder, second, options.data)]
    print(table(("pictures", "n", "recall (95 % interval)", ""), rows + turned(finder, options.data)))
    print()
    by_group = crops(finder, second, options.data, options.step)
    print(table(("FairFace crops", "n", "recall (95 % interval)", "flagged by the second opinion"), by_group))
    print(f"\n{finder.name} {finder.version}, {perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
