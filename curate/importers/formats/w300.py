"""300-W: a .pts file of 68 points beside each picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.importers.base import PICTURES, Found, Importer, Record
from schemas import UsageError
from schemas.columns import labels

POINTS, FIRST = 68, 1
"""300-W counts pixels from 1, as Matlab does; this project's first pixel begins at 0."""


class W300(Importer):
    """`NAME.pts` and `NAME.jpg` or `NAME.png` in one folder; several faces of a photo have several pictures."""

    name = "w300"
    doc = "300-W's .pts files: 68 points beside each picture."
    files = "NAME.pts beside NAME.jpg or NAME.png, in the folder or below it"
    licence = "non-commercial research only, see the terms of 300-W"
    labelled_by = "annotators of 300-W"
    crops = False

    def read(self, folder: Path, found: Found) -> None:
        """Every .pts file that has a picture."""
        for path in sorted(folder.rglob("*.pts")):
            place = next((p for e in sorted(PICTURES) if (p := path.with_suffix(e)).exists()), None)
            if place is None:
                found.left_out["a .pts file without a picture beside it"] += 1
                continue
            points = read_points(path)
            values = {labels.POINTS_68.name: points.ravel().tolist()}
            found.records.append(Record(place, values, points=points, layout="points-68"))


def read_points(path: Path) -> NDArray[np.float32]:
    """The 68 points of a .pts file, shape (68, 2), in pixels from 0.

    Raises:
        UsageError: if it is no .pts file or has another number of points.
    """
    text = path.read_text("ascii", errors="replace")
    _, brace, body = text.partition("{")
    inside, end, _ = body.partition("}")
    try:
        values = np.array(inside.split(), np.float64)
    except ValueError as error:
        raise UsageError(f"'{path}' is no .pts file", str(error)) from None
    if not brace or not end or values.size != 2 * POINTS or not np.isfinite(values).all():
        raise UsageError(f"'{path}' is no .pts file of {POINTS} points", f"it has {values.size} numbers in braces")
    return np.asarray(values.reshape(-1, 2) - FIRST, np.float32)
