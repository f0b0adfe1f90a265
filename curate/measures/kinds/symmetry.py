"""How alike the two halves of a face are: in shape, in appearance, and to a network that recognises faces."""

from __future__ import annotations

from typing import Any

import numpy as np

from annotators.crops import Pixels
from curate.generate.looking import Looker
from curate.generators.base import CannotGenerate
from curate.generators.subject import portrait
from curate.measures.base import PICTURES, Given, Input, Measure, Result
from curate.measures.halves import Centred, centred, halves, mesh_symmetry
from curate.measures.pictures import WHO, cosine, files_of, labels_of, looked_at
from curate.measures.summary import averaged, by_group, perceived
from schemas import UsageError
from schemas.columns import labels

FIGURES = ("landmarks", "texture", "disparity")
SIDE = 256
"""Side of the portraits that are compared, in pixels."""
VIEWS = ("front", "flipped", "left", "right")


class Symmetry(Measure):
    """Finds the line about which the face is most like its mirror image, near its mesh's middle line, and compares.

    `texture` is the correlation of the face's brightness with its mirror image; `landmarks` 1 less the mean distance
    of the mesh to its mirror image, in eye distances, the mesh being the mean of those of the picture and of the
    flipped picture; `disparity` 1 less the cosine of the left-left and the right-right composites. A turned head has
    less symmetric pictures: those beyond 22 degrees of yaw have no figures.
    """

    name = "symmetry"
    doc = "Symmetry of faces in shape and texture, and disparity of the embeddings of their two mirrored halves."
    source = "SymFace (Prakash et al. 2024), hemifaces; annotator `shape` (symmetry of the mesh)"
    inputs = (Input("faces", PICTURES, "pictures of one face each; the largest counts"),)

    def measure(self, given: Given) -> Result:
        """Figures of all faces, by perceived group, and of each."""
        files = files_of(given.folders["faces"])
        looked = looked_at(list(files.values()), given, ("mesh", *WHO))
        looker = Looker(("mesh", "identity"))
        rows: list[dict[str, Any]] = []
        seen = []
        for name, (pixels, look) in zip(files, looked, strict=True):
            seen.append(labels_of(look))
            front = None if seen[-1] is None else _front(pixels, seen[-1])
            rows.append({"picture": name, **dict.fromkeys(FIGURES)})
            if front is not None:
                rows[-1] |= {"texture": front.likeness, **_looks(front, looker)}
        known = [row for row in rows if row["texture"] is not None]
        if not known:
            raise UsageError(f"no face of {given.paths['faces']} looks to the front", "halves cannot be mirrored")
        facts: dict[str, Any] = {"faces": len(rows), "turned too far or without a mesh": len(rows) - len(known)}
        facts |= {figure: averaged([r[figure] for r in rows]).as_dict() for figure in FIGURES}
        groups = [
            {"figure": figure, **row}
            for figure in FIGURES
            for row in by_group([r[figure] for r in rows], perceived(seen))
        ]
        return Result(facts, {"groups": groups, "faces": rows}, ("Groups are perceived.",))


def _front(pixels: Pixels, row: dict[str, Any]) -> Centred | None:
    try:
        return centred(portrait(pixels, row, SIDE))
    except (CannotGenerate, ValueError):
        return None


def _looks(front: Centred, looker: Looker) -> dict[str, Any]:
    """What mesh and network make of the two halves; None where no face is found in one of the pictures."""
    left, right = halves(front.pixels)
    flipped = np.ascontiguousarray(front.pixels[:, ::-1])
    views = dict(zip(VIEWS, map(labels_of, looker.look([front.pixels, flipped, left, right])), strict=True))
    mesh, other = ((views[v] or {}).get(labels.MESH.name) for v in ("front", "flipped"))
    alike = cosine(*((views[v] or {}).get(labels.EMBEDDING.name) for v in ("left", "right")))
    return {
        "landmarks": None if mesh is None or other is None else mesh_symmetry(mesh, other, front.pixels.shape[1]),
        "disparity": None if alike is None else 1 - alike,
    }
