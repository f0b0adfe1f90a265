"""py-feat: a CSV of its Fex columns per split."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.export.base import PICTURES, Exporter, Part, Plan, equal
from curate.export.face_tables import (
    GAZE,
    PLACE,
    POSE,
    X_COLUMNS,
    Y_COLUMNS,
    angles_back,
    angles_out,
    number_or_none,
    points_cells,
    points_from,
    read_faces,
    write_faces,
    write_tables,
)
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named
from curate.export.ties import no_place
from schemas import Column, Kind, taxonomy
from schemas.coding import coding
from schemas.columns import faces, labels
from schemas.mapping import mapping

UNITS = "py-feat-20"
POSE_SIGNS, GAZE_SIGNS = "py-feat-pose", "py-feat-gaze"
BOX = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")
POSE_HEAD, GAZE_HEAD = ("Yaw", "Pitch", "Roll"), tuple(f"gaze_{turn}" for turn in ("yaw", "pitch"))
EMOTIONS = coding("py-feat").order
AUS = {f"AU{int(unit.removeprefix('AU')):02d}": unit for unit in taxonomy(UNITS).labels}
"""py-feat's column -> unit."""
HEAD = (
    *BOX, "FaceScore", *X_COLUMNS, *Y_COLUMNS, *POSE_HEAD, *GAZE_HEAD, "gaze_angle", *AUS, *EMOTIONS, "Identity",
    "input", "frame",
)  # fmt: skip
TOLERANCE = 1e-4


class CsvPyFeat(Exporter):
    """`SPLIT.csv` with a row per face, and the pictures in `images/SPLIT/`, which `input` names.

    Angles are radians with py-feat's signs. `AU01` to `AU43` are probabilities, as py-feat's are, so they come from
    `au_score`, never from intensities. `gaze_angle` is the angle between the line of sight and the camera's axis.
    Empty cells are read as NaN.
    """

    name = "csv_pyfeat"
    doc = "A CSV with py-feat's Fex columns: box, 68 points, pose, gaze, action units, emotions, identity."
    unit = PICTURES
    opened_by = "feat.utils.io.read_feat('OUT/train.csv'), pandas.read_csv"

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but points, pose, gaze, emotions and identity; of action-unit scores, py-feat's twenty are told."""
        held = (labels.POINTS_68, *POSE, *GAZE, labels.EMOTION_PROB, labels.IDENTITY_ID)
        found = no_place(columns, held, "a Fex table")
        if labels.AU_SCORE in columns:
            found[labels.AU_SCORE.name] = "only py-feat's 20 units stand in the table (lossy)"
        if labels.AU_INTENSITY in columns:
            found[labels.AU_INTENSITY.name] = "py-feat's action units are probabilities, not intensities"
        return found

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The detector's score."""
        return (faces.SCORE,)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; rows are kept until `finish`."""
        return write_faces(folder, part, samples, _row)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """A table per split."""
        return write_tables(folder, parts, HEAD)

    def read(self, folder: Path) -> Iterator[Sample]:
        """Picture by picture."""
        return read_faces(folder, _face, lambda row, _: folder / row["input"], lambda path: path.stem)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Angles after a turn to radians and back; scores all empty are no scores."""
        if column.kind is Kind.SCORES and given is not None and found is None:
            return all(v is None for v in given.values())
        return equal(column, given, found, TOLERANCE if column in (*POSE, *GAZE) else 0.0)


def _row(sample: Sample, number: int) -> list[Any]:
    face = sample.faces[number]
    scores = face.labels.get(labels.AU_SCORE.name) or {}
    units = mapping(labels.AU_SCORE.taxonomy, UNITS).map_values(scores)
    emotions = face.labels.get(labels.EMOTION_PROB.name) or {}
    yaw, pitch = gaze = angles_out(face, GAZE, GAZE_SIGNS)
    apart = None if yaw is None or pitch is None else math.acos(math.cos(yaw) * math.cos(pitch))
    return [
        *(face.box or [None] * len(BOX)), face.labels.get(faces.SCORE.name), *points_cells(face),
        *angles_out(face, POSE, POSE_SIGNS), *gaze, apart,
        *(units.get(unit) for unit in AUS.values()), *(emotions.get(e) for e in EMOTIONS),
        face.labels.get(labels.IDENTITY_ID.name), f"{PLACE}/{named(sample.split)}/{sample.file}", sample.number,
    ]  # fmt: skip


def _face(row: Mapping[str, str]) -> FaceItem:
    x, y, w, h = (float(row[n]) for n in BOX)
    emotions = {e: number_or_none(row[e]) for e in EMOTIONS}
    values = {
        labels.POINTS_68.name: points_from(row),
        labels.EMOTION_PROB.name: emotions if any(v is not None for v in emotions.values()) else None,
        labels.IDENTITY_ID.name: row["Identity"] or None,
        **angles_back([row[n] for n in POSE_HEAD], POSE, POSE_SIGNS),
        **angles_back([row[n] for n in GAZE_HEAD], GAZE, GAZE_SIGNS),
    }
    return FaceItem("", (x, y, w, h), values)
