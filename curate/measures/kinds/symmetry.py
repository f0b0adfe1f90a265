"""How alike the two halves of a face are: in shape, in appearance, and to a network that recognises faces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import angles, fit_pose
from annotators.crops import Pixels
from curate.generate.looking import Looker
from curate.generators.base import CannotGenerate
from curate.generators.mirrored_halves import MOST_YAW, turned_to_front
from curate.generators.subject import portrait
from curate.measures.base import PICTURES, Given, Input, Measure, Result
from curate.measures.pictures import WHO, cosine, files_of, labels_of, looked_at
from curate.measures.summary import averaged, by_group, perceived
from schemas import UsageError
from schemas.columns import labels

FIGURES = ("landmarks", "texture", "disparity")
SIDE = 256
"""Side of the portraits that are compared, in pixels."""


class Symmetry(Measure):
    """Turns each face to the front and mirrors its halves.

    `landmarks` is 1 less the mean distance of the mesh to its mirror image, in eye distances; `texture` the
    correlation of the face's brightness with its mirror image, inside the mesh; `disparity` 1 less the cosine of
    the left-left and the right-right composites. Heads turned too far to be mirrored have no figures.
    """

    name = "symmetry"
    doc = "Symmetry of faces in shape and texture, and disparity of the embeddings of their two mirrored halves."
    source = "SymFace (Prakash et al. 2024), hemifaces; annotator `shape` (symmetry of the mesh)"
    inputs = (Input("faces", PICTURES, "pictures of one face each; the largest counts"),)

    def measure(self, given: Given) -> Result:
        """Figures of all faces, by perceived group, and of each."""
        files = files_of(given.folders["faces"])
        rows: list[dict[str, Any]] = []
        seen, composites = [], []
        for name, (pixels, look) in zip(
            files, looked_at(list(files.values()), given, ("mesh", "shape", *WHO)), strict=True
        ):
            row = labels_of(look)
            found = None if row is None else _front(pixels, row)
            rows.append({"picture": name, "landmarks": None, "texture": None, "disparity": None})
            seen.append(row)
            if found is not None and row is not None:
                rows[-1]["landmarks"] = row[labels.SYMMETRY.name]
                rows[-1]["texture"] = likeness(*found)
                composites.append((len(rows) - 1, mirrored(found[0], "left"), mirrored(found[0], "right")))
        if not composites:
            raise UsageError(f"no face of {given.paths['faces']} looks to the front", "halves cannot be mirrored")
        looker = Looker(("identity",))
        for number, left, right in composites:
            pair = [labels_of(s) for s in looker.look([left, right])]
            alike = cosine(*((p or {}).get(labels.EMBEDDING.name) for p in pair))
            rows[number]["disparity"] = None if alike is None else 1 - alike
        facts: dict[str, Any] = {"faces": len(rows), "turned too far or without a mesh": len(rows) - len(composites)}
        facts |= {figure: averaged([r[figure] for r in rows]).as_dict() for figure in FIGURES}
        groups = [
            {"figure": figure, **row}
            for figure in FIGURES
            for row in by_group([r[figure] for r in rows], perceived(seen))
        ]
        return Result(facts, {"groups": groups, "faces": rows}, ("The mesh leans towards symmetric faces.",))


def _front(pixels: Pixels, row: dict[str, Any]) -> tuple[Pixels, NDArray[np.bool_]] | None:
    """The face turned to the front, and where it is face; None if that cannot be done."""
    subject = portrait(pixels, row, SIDE)
    try:
        mesh = subject.need_mesh()
        if abs(angles(fit_pose(mesh).rotation)[0]) > MOST_YAW:
            return None
        return turned_to_front(subject), _oval(mesh)
    except (CannotGenerate, ValueError):
        return None


def _oval(mesh: NDArray[np.float64]) -> NDArray[np.bool_]:
    """An upright ellipse about the portrait's middle line that lies inside the face, shape (256, 256)."""
    width, height = np.ptp(mesh[:, 0]), np.ptp(mesh[:, 1])
    down, across = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    middle = (mesh[:, 1].min() + mesh[:, 1].max()) / 2
    return np.asarray(
        ((across - SIDE / 2) / (0.42 * width)) ** 2 + ((down - middle) / (0.46 * height)) ** 2 <= 1, np.bool_
    )


def likeness(front: Pixels, face: NDArray[np.bool_]) -> float | None:
    """Correlation of a face's brightness with that of its mirror image; None where it has no contrast."""
    grey = front.astype(np.float64) @ [0.299, 0.587, 0.114]
    both = face & face[:, ::-1]
    a, b = grey[both], grey[:, ::-1][both]
    spread = float(a.std() * b.std())
    return None if spread < 1e-6 else float(((a - a.mean()) * (b - b.mean())).mean() / spread)


def mirrored(front: Pixels, side: str) -> Pixels:
    """One half of a frontal portrait and its mirror image; the subject's right half lies on the picture's left."""
    half = front.shape[1] // 2
    result = front.copy()
    if side == "right":
        result[:, -half:] = front[:, :half][:, ::-1]
    else:
        result[:, :half] = front[:, -half:][:, ::-1]
    return result
