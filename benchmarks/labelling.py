"""Runs annotators over labelled pictures of one face each, for the benchmarks of single labels."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from annotators.base import Annotator, Detections, FaceBatch
from annotators.crops import Pixels
from annotators.heads import heads_folder
from annotators.registry import annotator, detector
from annotators.weights import ModelStore
from schemas.columns import faces

BATCH = 64
CACHE = Path(__file__).resolve().parents[1] / "build" / "benchmarks"
FEWEST = 600
"""Faces with which the scripts that fit a head can be tried."""


def decode(data: bytes) -> Pixels:
    """Encoded picture to RGB, shape (height, width, 3)."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("these bytes are no picture")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def made(*names: str) -> list[Annotator]:
    """Annotators of these names with their default settings."""
    return [annotator(name)() for name in names]


def label(
    pictures: Iterable[tuple[bytes, dict[str, Any]]], labellers: Sequence[Annotator], models: ModelStore
) -> list[dict[str, Any]]:
    """Label the largest face of every picture.

    Args:
        pictures: Encoded bytes and what is known about the picture.
        labellers: Annotators, in the order they must run.
        models: The model store.

    Returns:
        A row per picture: what was known, and, if a face was found, every column by name.
    """
    finder = detector("yunet")()
    finder.setup(models)
    for labeller in labellers:
        labeller.setup(models)
    rows: list[dict[str, Any]] = []
    stream = iter(pictures)
    while chunk := list(islice(stream, BATCH)):
        images = {str(i): decode(data) for i, (data, _) in enumerate(chunk)}
        found = {key: largest(finder.detect(image)) for key, image in images.items()}
        present = [key for key, face in found.items() if face is not None]
        batch = FaceBatch(face_table({key: face for key, face in found.items() if face is not None}), images)
        for labeller in labellers:
            record = labeller.annotate(batch)
            batch.add({c.name: record.column(c.name) for c in labeller.provides})
        values = dict(zip(present, batch.table.to_pylist(), strict=True))
        rows.extend({**known, **values.get(str(i), {})} for i, (_, known) in enumerate(chunk))
    return rows


def largest(detections: Detections) -> tuple[Any, Any, float] | None:
    """Box, points and score of the face with the largest box, or None."""
    if not len(detections):
        return None
    best = int(np.argmax(detections.boxes[:, 2] * detections.boxes[:, 3]))
    return detections.boxes[best], detections.points[best], float(detections.scores[best])


def face_table(found: dict[str, tuple[Any, Any, float]]) -> pa.Table:
    """Faces table of one face per picture, keyed by `image_id`."""
    columns: dict[str, list[Any]] = {c.name: [] for c in (*faces.BOX, faces.POINTS_5)}
    for box, points, _ in found.values():
        for column, value in zip(faces.BOX, box, strict=True):
            columns[column.name].append(float(value))
        columns[faces.POINTS_5.name].append(np.asarray(points, np.float32).ravel())
    data: dict[str, Any] = {
        faces.FACE_ID.name: [f"{key}.0" for key in found],
        faces.IMAGE_ID.name: list(found),
        faces.SCORE.name: [score for _, _, score in found.values()],
        **columns,
    }
    used = (faces.FACE_ID, faces.IMAGE_ID, faces.SCORE, *faces.BOX, faces.POINTS_5)
    return pa.table({c.name: pa.array(data[c.name], c.type) for c in used})


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """Parser with the option every benchmark has."""
    parser = argparse.ArgumentParser(description=doc)
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default, help="the shared photo collection")
    return parser


def fit_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a script that fits a head: how many faces, where the head goes, where features are kept."""
    parser.add_argument("--faces", type=int, help="only so many faces, to try the script; needs --folder")
    parser.add_argument("--folder", type=Path, default=heads_folder(), help="where the head is written")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where features are kept")


def subset_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parsed options of a fitting script; a head of few faces may not take the shipped one's place."""
    options = parser.parse_args()
    if options.faces is not None and options.faces < FEWEST:
        parser.error(f"--faces {options.faces}: fewer than {FEWEST} faces cannot be cut into parts; give more")
    if options.faces is not None and options.folder.resolve() == heads_folder().resolve():
        parser.error("--faces would put a head of few faces in the shipped one's place; give another --folder")
    return options


def fairface(data: Path, split: str) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Pictures of a FairFace split with their perceived age bin, gender and race."""
    import pyarrow.parquet as pq

    for file in sorted((data / "fairface").glob("*.parquet")):
        for row in pq.read_table(file, filters=[("split", "=", split)]).to_pylist():
            image = row.pop("image")
            yield (image["bytes"] if isinstance(image, dict) else image), row
