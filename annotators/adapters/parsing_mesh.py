"""Parts of a face picture drawn from the mesh: what a face without a parsing network can have.

It draws where the parts of the face lie, not what the pixels show: glasses, hair over the brow, a hand or a mask are
not seen, and hair, neck, ears, hat and clothes are not looked for. Their shares are null, not 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.base import Config, Face, FaceAnnotator
from annotators.canonical_face import canonical_face
from annotators.crop_masks import FAR, filled
from annotators.crops import Matrix
from annotators.head_crops import HeadCrop
from annotators.part_maps import NOT_JUDGED, PartMap, Parts, part_names
from annotators.visibility import triangles
from schemas import Column, UsageError
from schemas.columns import faces, labels
from schemas.landmarks import layout

if TYPE_CHECKING:
    from annotators.weights import ModelStore

PARTS = ("skin", "l_brow", "r_brow", "l_eye", "r_eye", "nose", "mouth", "u_lip", "l_lip")
"""Parts that the mesh knows; later ones lie on earlier ones."""

NOSE_RIGHT = (168, 193, 122, 188, 174, 217, 126, 209, 49, 129, 64, 98, 97, 2)
"""Outline of the nose from between the eyes down the subject's right side to its base, chosen on the average head."""
HALF_RING = 11
"""Points of a ring of the lips from one corner by the lower lip to the other."""
SHIFT = 4
"""Bits behind the point in OpenCV's fixed-point coordinates."""


@dataclass(frozen=True)
class ParsingMeshConfig(Config):
    """How fine the map is.

    Attributes:
        side: Side of the map in pixels.
    """

    side: int = 256


class ParsingMesh(FaceAnnotator):
    """Draws the triangles of the mesh that face the camera, far ones first, each in the colour of its part."""

    name = "parsing_mesh"
    version = "1"
    doc = "Nine parts of the face, drawn from the mesh; blind to what covers the face, and to all outside of it."
    requires = (labels.MESH, faces.POINTS_5)
    provides = (labels.FACE_PARSING, labels.PARSING_SHARE)
    default = False
    config_type = ParsingMeshConfig
    config: ParsingMeshConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        assert isinstance(config, ParsingMeshConfig)
        if not 16 <= config.side <= 2048:
            raise UsageError(f"parsing_mesh.side={config.side} is not between 16 and 2048")

    def setup(self, models: ModelStore) -> None:
        """Prepare the table of triangles; no model file is needed."""
        self.preflight(self.config)
        triangle_parts()

    def label(self, face: Face) -> Mapping[Column, Any]:
        mesh = face.need(labels.MESH)
        face.need(faces.POINTS_5)
        matrix = HeadCrop(self.config.side).matrix(face)
        found = PartMap(drawn(mesh, matrix, self.config.side, face.image.shape), matrix)
        return {labels.FACE_PARSING: found.encoded(), labels.PARSING_SHARE: found.shares(PARTS)}


def drawn(mesh: NDArray[np.floating[Any]], matrix: Matrix, side: int, picture: tuple[int, ...]) -> Parts:
    """The parts of a mesh in a square crop, shape (side, side).

    Args:
        mesh: (478, 3) px.
        matrix: 2 x 3 map from image points to the crop's.
        side: Side of the crop in pixels.
        picture: Shape of the upright picture; outside of it nothing is judged.
    """
    points = mesh[:, :2].astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
    corners = points[triangles()]
    depth = np.asarray(mesh, np.float64)[triangles(), 2].mean(1)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    facing = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) * _orientation() > 0
    order = np.flatnonzero(facing)
    order = order[np.argsort(-depth[order], kind="stable")]
    fixed = np.round((np.clip(corners, -FAR, FAR) - 0.5) * (1 << SHIFT)).astype(np.int32)
    parts = np.full((side, side), NOT_JUDGED, np.uint8)
    values = triangle_parts()
    for index in order.tolist():
        cv2.fillConvexPoly(parts, fixed[index], int(values[index]), shift=SHIFT)
    height, width = picture[:2]
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    parts[filled(frame @ matrix[:, :2].T + matrix[:, 2], parts.shape) == 0] = NOT_JUDGED
    return parts


@cache
def triangle_parts() -> NDArray[np.uint8]:
    """Position in `part_names()` of each triangle of the mesh, shape (898,).

    By outlines on the average head, the later ones over the earlier. Its mouth is shut, so what lies between the inner
    lips is told by the triangles' corners.
    """
    mesh, names = layout("points-478"), part_names()
    brow = mesh.group("right_brow")
    right_brow = brow[:5] + brow[:4:-1]
    lower_lip = (*mesh.group("outer_lip")[:HALF_RING], *reversed(mesh.group("inner_lip")[:HALF_RING]))
    outlines = {
        "r_brow": right_brow,
        "l_brow": _other_side(right_brow),
        "r_eye": mesh.group("right_eye"),
        "l_eye": mesh.group("left_eye"),
        "nose": NOSE_RIGHT + _other_side(NOSE_RIGHT[-2:0:-1]),
        "u_lip": mesh.group("outer_lip"),
        "l_lip": lower_lip,
    }
    centres = canonical_face().points[triangles(), :2].mean(1)
    found = np.full(len(centres), names.index("skin"), np.uint8)
    for name, outline in outlines.items():
        polygon = canonical_face().points[list(outline), :2].astype(np.float32)
        inside = [cv2.pointPolygonTest(polygon, (float(x), float(y)), False) > 0 for x, y in centres]
        found[np.array(inside)] = names.index(name)
    found[np.isin(triangles(), mesh.group("inner_lip")).all(1)] = names.index("mouth")
    return found


def _other_side(points: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(layout("points-478").mirror[i] for i in points)


@cache
def _orientation() -> float:
    """Sign of the area of triangles that face the camera, in pixels (y down)."""
    corners = canonical_face().points[triangles(), :2] * [1, -1]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return float(np.sign((first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum()))
