"""WFLW: one line of 98 points, box, attributes and name per face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annotators.points import convert
from curate.export.base import Exporter, Part, Plan
from curate.export.pieces import kept
from curate.export.sample import Sample
from curate.export.splits import named
from curate.export.ties import no_place, ties, write_lines, write_listed
from schemas import Column, labels

LISTS = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_"
PICTURES = "WFLW_images"
LAYOUT = "points-98"
COORDINATES, BOX = 196, 4
ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
UNKNOWN = 0
"""Every attribute is 0, WFLW's value for an ordinary face: nothing here judges them as WFLW does."""


class Wflw(Exporter):
    """A list per split; a face without a mesh has a picture and no line."""

    name = "wflw"
    doc = "WFLW's lists: 98 points taken from the mesh, box, six attributes (all 0), name."
    opened_by = "loaders of WFLW, such as mmpose's converter"
    box_tolerance = 1.0001

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All; of the mesh, the 98 points that are made from it stand in the list."""
        found = no_place(columns, (), "WFLW's list")
        if labels.MESH in columns:
            found[labels.MESH.name] = "only 98 points that are taken from the mesh stand in the list, without depth"
        return found

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their lines are kept until `finish`."""
        return write_listed(folder, part, samples, _place, _line)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One list per split."""
        for split in dict.fromkeys(p.split for p in parts):
            lines = (f"{line}\n" for line in kept(folder, parts, split))
            yield write_lines(folder / f"{LISTS}{named(split)}.txt", lines)

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the lists."""
        boxes = {name: box for path in folder.glob(f"{LISTS}*.txt") for name, _, box in read_list(path)}
        for tie in ties(folder):
            yield tie.sample(folder, {}, boxes.get(tie.file.removeprefix(f"{PICTURES}/")))


def read_list(path: Path) -> Iterator[tuple[str, NDArray[np.float32], tuple[float, float, float, float]]]:
    """Name, points of shape (98, 2), and box (left, top, width, height) of each line of a WFLW list."""
    for line in path.read_text("ascii").splitlines():
        fields = line.split()
        left, top, right, bottom = (float(v) for v in fields[COORDINATES : COORDINATES + BOX])
        points = np.array(fields[:COORDINATES], np.float32).reshape(-1, 2)
        yield fields[-1], points, (left, top, right - left, bottom - top)


def _place(sample: Sample) -> str:
    return f"{PICTURES}/{named(sample.split)}/{sample.file}"


def _line(sample: Sample, file: str) -> str | None:
    face = sample.faces[0]
    mesh = face.labels.get(labels.MESH.name)
    if mesh is None or face.box is None:
        return None
    points = convert(np.asarray(mesh), labels.MESH.taxonomy, LAYOUT)[:, :2]
    x, y, w, h = face.box
    fields = [f"{v:.6f}" for v in points.ravel().tolist()]
    fields += [str(round(v)) for v in (x, y, x + w, y + h)]
    fields += [str(UNKNOWN)] * len(ATTRIBUTES)
    return " ".join([*fields, file.removeprefix(f"{PICTURES}/")])
