"""Two views of one face for networks that average over them."""

from __future__ import annotations

import numpy as np

from annotators.base import Face
from annotators.crops import CropSpec, Pixels
from schemas.columns import labels


def two_views(face: Face, detected: CropSpec, meshed: CropSpec, mirror_detected: bool = False) -> tuple[Pixels, Pixels]:
    """The detector's and the mesh's crop of a face, one of them mirrored.

    Where the face has no mesh, both views are the detector's.

    Args:
        face: The face.
        detected: Crop that needs only the detection.
        meshed: Crop that needs the mesh.
        mirror_detected: Mirror the detector's view; otherwise the mesh's.
    """
    first = face.crop(detected).pixels
    second = first if face[labels.MESH] is None else face.crop(meshed).pixels
    if mirror_detected:
        return np.ascontiguousarray(first[:, ::-1]), second
    return first, np.ascontiguousarray(second[:, ::-1])
