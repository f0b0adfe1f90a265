"""The face that a generator starts from: a square portrait with the face's mesh and labels laid onto it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Matrix, Pixels
from schemas.columns import faces, labels
from schemas.landmarks import layout

SIDE = 512
"""Side of a portrait in pixels, unless a run says otherwise."""
WIDTH = 2.6
"""Side of the window over the longer side of the face's box: head, hair and some shoulder."""
MISFIT = 0.15
"""Largest distance of the detector's points from the mesh's, in sides of the box. Chosen by eye on 152 adults of
the photo collection: of the five above it two meshes lie beside the face and two heads are near-profiles."""
TURN = 0.6
"""Largest way of the nose from the eyes' middle, in distances of the eyes: about 50 degrees of yaw."""
NOSE_TIP, MOUTH_CORNERS = 4, (61, 291)
UP = 0.06
"""The window's centre lies so far above the box's, in sides of the box, since hair is above and neck below."""


@dataclass(frozen=True)
class Subject:
    """A face in its portrait. All geometry is in portrait pixels: origin at the top-left corner, x right, y down.

    Attributes:
        pixels: RGB, shape (side, side, 3); never to be written to.
        mesh: (478, 3) points of MediaPipe's mesh, z in pixels away from the camera; None where there is none.
        points: (5, 2) eye centres, nose tip, mouth corners, the subject's right first.
        box: x, y, width, height of the face.
        matrix: 2 x 3 map from upright picture pixels to portrait pixels.
        labels: Column name -> the face's labels, as the dataset has them.
        face_id: The face.
        image_id: Its picture.
    """

    pixels: Pixels
    mesh: NDArray[np.float64] | None
    points: NDArray[np.float64]
    box: tuple[float, float, float, float]
    matrix: Matrix
    labels: Mapping[str, Any] = field(default_factory=dict)
    face_id: str = ""
    image_id: str = ""

    @property
    def side(self) -> int:
        """Side of the portrait in pixels."""
        return int(self.pixels.shape[0])

    def need_mesh(self) -> NDArray[np.float64]:
        """The mesh, where it lies on the face: on true profiles it can look the wrong way.

        Raises:
            CannotGenerate: if the face has none, or one that the detector's points contradict.
        """
        from curate.generators.base import CannotGenerate

        if self.mesh is None:
            raise CannotGenerate("the face has no mesh")
        if self._misfit() > MISFIT:
            raise CannotGenerate("the mesh does not lie on the face")
        if self._turn() > TURN:
            raise CannotGenerate("the head is turned too far for its mesh to be right")
        return self.mesh

    def _misfit(self) -> float:
        """Largest distance between the detector's five points and the mesh's, over the longer side of the box."""
        assert self.mesh is not None
        parts, mesh = layout("points-478"), self.mesh[:, :2]
        eyes = [mesh[list(parts.group(name))].mean(0) for name in ("right_eye", "left_eye")]
        five = np.array([*eyes, mesh[NOSE_TIP], *mesh[list(MOUTH_CORNERS)]])
        return float(np.linalg.norm(five - self.points, axis=1).max() / max(*self.box[2:], 1e-6))

    def _turn(self) -> float:
        """How far the nose tip lies to the side of the eyes' middle, in distances of the eyes, by the detector."""
        right, left, nose = self.points[:3]
        across = left - right
        size = float(np.hypot(*across))
        return abs(float((nose - (right + left) / 2) @ across)) / max(size * size, 1e-6)


def portrait(image: Pixels, values: Mapping[str, Any], side: int = SIDE) -> Subject:
    """Cut a face's portrait out of its upright picture.

    The window is a square around the head that lies inside the picture: moved, and made smaller, where the
    picture ends. Small pictures are enlarged, so that every generator works at one scale.

    Args:
        image: Upright RGB, shape (height, width, 3).
        values: The face's columns by name: box, five points, `landmarks_478` if there is one, and any labels.
        side: Side of the portrait in pixels.
    """
    x, y, width, height = (float(values[c.name]) for c in faces.BOX)
    window = _window(image.shape[1], image.shape[0], x + width / 2, y + height / 2 - UP * height, max(width, height))
    left, top, size = window
    scale = side / size
    matrix = np.array([[scale, 0, -scale * left], [0, scale, -scale * top]], np.float64)
    cut = image[round(top) : round(top + size), round(left) : round(left + size)]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4
    pixels = np.asarray(cv2.resize(cut, (side, side), interpolation=how), np.uint8)
    pixels.flags.writeable = False
    mesh = values.get(labels.MESH.name)
    points = np.asarray(values[faces.POINTS_5.name], np.float64).reshape(5, 2)
    return Subject(
        pixels=pixels,
        mesh=None if mesh is None else _moved(np.asarray(mesh, np.float64).reshape(-1, 3), left, top, scale),
        points=(points - (left, top)) * scale,
        box=((x - left) * scale, (y - top) * scale, width * scale, height * scale),
        matrix=matrix,
        labels=values,
        face_id=str(values.get(faces.FACE_ID.name) or ""),
        image_id=str(values.get(faces.IMAGE_ID.name) or ""),
    )


def _window(width: int, height: int, x: float, y: float, face: float) -> tuple[float, float, float]:
    """Left, top and side of the square, whole pixels."""
    size = float(max(round(min(WIDTH * face, width, height)), 1))
    left = min(max(round(x - size / 2), 0), width - size)
    top = min(max(round(y - size / 2), 0), height - size)
    return float(left), float(top), size


def _moved(mesh: NDArray[np.float64], left: float, top: float, scale: float) -> NDArray[np.float64]:
    return (mesh - (left, top, 0.0)) * scale
