"""OpenFace 2.2: a CSV of its columns per split, a frame per picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.export.action_unit_files import occurrences
from curate.export.base import PICTURES, Exporter, Part, Plan, equal
from curate.export.face_tables import (
    GAZE,
    POSE,
    X_COLUMNS,
    Y_COLUMNS,
    angles_back,
    angles_out,
    points_cells,
    points_from,
    read_faces,
    write_faces,
    write_tables,
)
from curate.export.sample import FaceItem, Sample
from curate.export.ties import no_place
from schemas import Column, taxonomy
from schemas.columns import faces, labels
from schemas.mapping import mapping

INTENSITIES, OCCURRENCES = "openface-17", "openface-18"
POSE_SIGNS, GAZE_SIGNS = "openface-pose", "openface-gaze"
POSE_HEAD, GAZE_HEAD = ("pose_Ry", "pose_Rx", "pose_Rz"), ("gaze_angle_x", "gaze_angle_y")
PLACE_HEAD = ("pose_Tx", "pose_Ty", "pose_Tz")
HEAD_OF_FACE = "frame,face_id,timestamp,confidence,success"
EYES = tuple(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz")
TOLERANCE = 1e-4


def _unit(name: str) -> str:
    return f"AU{int(name.removeprefix('AU')):02d}"


HEAD = (
    *HEAD_OF_FACE.split(","), *EYES, *GAZE_HEAD, *PLACE_HEAD,
    "pose_Rx", "pose_Ry", "pose_Rz", *X_COLUMNS, *Y_COLUMNS,
    *(f"{_unit(u)}_r" for u in taxonomy(INTENSITIES).labels), *(f"{_unit(u)}_c" for u in taxonomy(OCCURRENCES).labels),
)  # fmt: skip


class CsvOpenFace(Exporter):
    """`SPLIT.csv` with OpenFace 2.2's columns, and the pictures in `images/SPLIT/`, numbered as OpenFace would.

    `frame` is a picture's place among the files of its folder, from 1; `face_id` its face's, from 0. Gaze and pose are
    radians with OpenFace's signs; both eyes have the one line of sight that is known here. `AUxx_r` are intensities
    0-5, `AUxx_c` occurrences by score where scores are exported, else by an intensity of 1 or more. Distances from
    the camera are not known, so `pose_T` is empty, and so is whatever a face has no value for; OpenFace itself
    writes 0 there. Columns that its options leave out (eye landmarks, 3D points, model parameters) are left out.
    Boxes have no place.
    """

    name = "csv_openface"
    doc = "A CSV with OpenFace 2.2's columns: gaze, pose, 68 points, AUxx_r intensities, AUxx_c occurrences."
    unit = PICTURES
    opened_by = "pandas.read_csv and scripts for OpenFace's output"

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but points, pose and gaze; of the action units, OpenFace's are told."""
        found = no_place(columns, (labels.POINTS_68, *POSE, *GAZE), "OpenFace's table")
        if labels.AU_INTENSITY in columns:
            found[labels.AU_INTENSITY.name] = "only OpenFace's 17 units stand in the table (lossy)"
        if labels.AU_SCORE in columns:
            found[labels.AU_SCORE.name] = "a score becomes 0 or 1, for OpenFace's 18 units (lossy)"
        return found

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The detector's score."""
        return (faces.SCORE,)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures whose names sort in the order of the frames; rows are kept until `finish`."""
        return write_faces(folder, part, samples, _row, lambda sample: f"{sample.number + 1:08d}_{sample.file}")

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """A table per split."""
        return write_tables(folder, parts, HEAD, HEAD.index("frame"))

    def read(self, folder: Path) -> Iterator[Sample]:
        """Picture by picture."""
        return read_faces(
            folder,
            _face,
            lambda row, pictures: pictures[int(row["frame"]) - 1],
            lambda path: path.stem.partition("_")[2],
        )

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Angles after a turn to radians and back."""
        return equal(column, given, found, TOLERANCE if column in (*POSE, *GAZE) else 0.0)


def sight(x: float | None, y: float | None) -> list[float | None]:
    """Unit vector of a line of sight from OpenFace's angles: x right, y down, z away from the camera."""
    if x is None or y is None:
        return [None] * 3
    across, down = math.tan(x), math.tan(y)
    length = math.sqrt(across**2 + down**2 + 1)
    return [across / length, down / length, -1 / length]


def _row(sample: Sample, number: int) -> list[Any]:
    face = sample.faces[number]
    gaze = angles_out(face, GAZE, GAZE_SIGNS)
    yaw, pitch, roll = angles_out(face, POSE, POSE_SIGNS)
    given = face.labels.get(labels.AU_INTENSITY.name) or {}
    intensities = mapping(labels.AU_INTENSITY.taxonomy, INTENSITIES).map_values(given)
    found = occurrences(face, OCCURRENCES)
    success = int(face.labels.get(labels.POINTS_68.name) is not None)
    return [
        None, number, 0, face.labels.get(faces.SCORE.name), success, *(2 * sight(*gaze)), *gaze,
        *[None] * len(PLACE_HEAD), pitch, yaw, roll, *points_cells(face),
        *(intensities.get(u) for u in taxonomy(INTENSITIES).labels),
        *(found.get(u) for u in taxonomy(OCCURRENCES).labels),
    ]  # fmt: skip


def _face(row: Mapping[str, str]) -> FaceItem:
    values = {
        labels.POINTS_68.name: points_from(row),
        **angles_back([row[n] for n in POSE_HEAD], POSE, POSE_SIGNS),
        **angles_back([row[n] for n in GAZE_HEAD], GAZE, GAZE_SIGNS),
    }
    return FaceItem("", None, values)
