"""Head pose in degrees from the face mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annotators.base import Face, FaceAnnotator, NotApplicable
from annotators.canonical_face import angles, fit_pose
from schemas import Column
from schemas.columns import labels


class HeadPose(FaceAnnotator):
    """Yaw, pitch and roll of the canonical face laid onto the mesh.

    Yaw and pitch are the direction the nose points in, so a turned photo of a turned head changes
    them too; roll is about that direction. The angles are to the line from the camera to the face:
    a face at the edge of a wide-angle picture is seen, and measured, from the side. The mesh flattens
    faces that are turned far: past 40 degrees yaw reads too small (fits to the picture plane alone read
    15 % larger), and true profiles mostly have no mesh.
    """

    name = "head_pose"
    version = "1"
    doc = "Yaw, pitch and roll from a weighted fit of the canonical face to the mesh."
    requires = (labels.MESH,)
    provides = tuple(labels.POSE.values())

    def label(self, face: Face) -> Mapping[Column, Any]:
        try:
            pose = fit_pose(face.need(labels.MESH))
        except ValueError as error:
            raise NotApplicable(str(error)) from error
        return dict(zip(self.provides, angles(pose.rotation), strict=True))
