"""Two views of one face for networks that average over them."""

from __future__ import annotations

import numpy as np

from annotators.base import Face
from annotators.crops import CropSpec, Pixels
from schemas.columns import labels


def two_views(face: Face, detected: CropSpec, meshed: CropSpec) -> tuple[Pixels, Pixels]:
    """The detector's crop of a face and the mesh's, mirrored.

    Where the face has no mesh, both views are the detector's.

    Args:
        face: The face.
        detected: Crop that needs only the detection.
        meshed: Crop that needs the mesh.
    """
    spec = detected if face[labels.MESH] is None else meshed
    return face.crop(detected).pixels, mirrored(face.crop(spec).pixels)


def mirrored(pixels: Pixels) -> Pixels:
    """The picture with left and right exchanged."""
    return np.ascontiguousarray(pixels[:, ::-1])
