"""300-W: a .pts file of 68 points beside each picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.points import convert
from curate.export.base import Exporter, Part, equal
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named
from curate.export.ties import no_place, ties, write_lines, write_listed
from schemas import Column, labels

SUFFIX = ".pts"
FIRST = 1
"""300-W counts pixels from 1, as Matlab does; this project's first pixel begins at 0."""
TOLERANCE = 1e-5


class Pts300W(Exporter):
    """`KEY.jpg` and `KEY.pts` in a folder per split; a face without points has no .pts file."""

    name = "pts_300w"
    doc = "300-W's .pts files: 68 points, counted from 1, beside each picture."
    opened_by = "menpo.io.import_landmark_file and loaders of 300-W"

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but the 68 points; from a mesh without them, the 68 that can be taken from it."""
        found = no_place(columns, [labels.POINTS_68], "a .pts file")
        if labels.MESH in columns and labels.POINTS_68 not in columns:
            found[labels.MESH.name] = "only the 68 points that are taken from the mesh stand in the .pts file"
        return found

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures and points."""
        done: list[Path] = []

        def record(sample: Sample, file: str) -> None:
            points = _points(sample.faces[0])
            if points is not None:
                done.append(write_lines((folder / file).with_suffix(SUFFIX), _lines(points)))

        for path in write_listed(folder, part, samples, _place, record):
            yield path
            yield from done
            done.clear()

    def read(self, folder: Path) -> Iterator[Sample]:
        """From the .pts files."""
        for tie in ties(folder):
            path = (folder / tie.file).with_suffix(SUFFIX)
            yield tie.sample(folder, {labels.POINTS_68.name: read_pts(path) if path.is_file() else None})

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """To the sixth decimal, as 300-W writes."""
        return equal(column, given, found, TOLERANCE)


def read_pts(path: Path) -> NDArray[np.float32]:
    """Points of a .pts file, shape (n, 2), in pixels from 0.

    Raises:
        ValueError: if it has another number of points than it says.
    """
    head, body = path.read_text("ascii").split("{")
    count = next(line for line in head.splitlines() if line.startswith("n_points")).split(":")[1]
    values = np.array(body.split("}")[0].split(), np.float64).reshape(int(count), 2)
    return np.asarray(values - FIRST, np.float32)


def _place(sample: Sample) -> str:
    return f"{named(sample.split)}/{sample.file}"


def _points(face: FaceItem) -> NDArray[Any] | None:
    own, mesh = (face.labels.get(c.name) for c in (labels.POINTS_68, labels.MESH))
    if labels.POINTS_68.name in face.labels:
        return None if own is None else np.asarray(own)
    return None if mesh is None else convert(np.asarray(mesh), labels.MESH.taxonomy, labels.POINTS_68.taxonomy)[:, :2]


def _lines(points: NDArray[Any]) -> Iterator[str]:
    yield f"version: 1\nn_points: {len(points)}\n{{\n"
    yield from (f"{x:.6f} {y:.6f}\n" for x, y in np.asarray(points, np.float64) + FIRST)
    yield "}\n"
