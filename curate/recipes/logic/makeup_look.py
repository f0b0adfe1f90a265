"""How alike the makeup on two faces is, whoever wears it: the change of colour at each point of the face's mesh.

A made-up picture is held against its bare one at the points of the mesh, which lie at the same spot on every face; two
looks are as far apart as these changes point in different ways. So neither skin nor shape counts, only the makeup.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import COUNT
from annotators.crops import Pixels
from curate.generators.regions import eye_distance

Floats = NDArray[np.float64]

BLUR = 0.02
"""Standard deviation of the smoothing before points are read, in distances of the eyes."""


def look(bare: Pixels, made_up: Pixels, mesh: Floats) -> Floats:
    """What was put on, as CIELAB differences at the points of the mesh.

    Args:
        bare: RGB portrait, (side, side, 3).
        made_up: The same portrait with makeup.
        mesh: (478, 3) points in px of the portrait.

    Returns:
        (468, 3) differences of L*, a*, b*; points outside the picture are NaN.
    """
    change = _lab(made_up) - _lab(bare)
    smooth = cv2.GaussianBlur(change, (0, 0), max(BLUR * eye_distance(mesh), 0.5))
    side = bare.shape[0]
    place = np.round(mesh[:COUNT, :2] - 0.5).astype(int)
    inside = ((place >= 0) & (place < side)).all(1)
    found = np.full((COUNT, 3), np.nan)
    found[inside] = smooth[place[inside, 1], place[inside, 0]]
    return found


def _lab(pixels: Pixels) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def look_distance(first: Floats, second: Floats) -> float:
    """One minus the cosine of two looks' changes, 0-2, over the points that both show; NaN if a look changes nothing.

    How strongly a look is put on does not count. Chosen on five adults with ten looks each; on eleven others one look
    on two faces was nearer than another look in .953 (.921-.984) of 9,900 cases.

    Args:
        first: Of `look`.
        second: Of `look`.
    """
    known = np.isfinite(first).all(1) & np.isfinite(second).all(1)
    a, b = first[known].ravel(), second[known].ravel()
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return 1 - float(a @ b) / lengths if lengths > 0 else float("nan")
