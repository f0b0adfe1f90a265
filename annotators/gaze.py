"""Where the eyes look, from the irises of the face mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.base import Config, Face, FaceAnnotator, NotApplicable
from annotators.canonical_face import TO_CAMERA, Array, Pose, direction_angles, fit_pose
from annotators.face_state import LEFT_EYE, RIGHT_EYE, Mesh
from schemas import Column
from schemas.columns import labels

LEFT_IRIS, RIGHT_IRIS = 473, 468

EYEBALL = np.array([0.131, 0.185, 0.043])
"""Centre of the left eyeball from the middle of its corners, in cm of the canonical head.

Fitted by a robust regression on 2,400 press photos, whose subjects look at the camera more often than
anywhere else; the right eye is its mirror image.
"""

EYE_RADIUS = 1.1
"""Centre of the eyeball to the iris, in cm of the canonical head (anatomy: 10.5 mm; an iris of 11.7 mm
measures 1.24 cm there)."""


@dataclass(frozen=True)
class GazeConfig(Config):
    """Limits.

    Attributes:
        blink_closed: `eyeBlink` from which an eye gives no gaze.
        far_eye_yaw: Head yaw in degrees from which the eye turned away is left out.
        max_yaw: Head yaw from which no gaze is given.
        camera_cone: Largest angle in degrees to the camera that counts as looking at it.
    """

    blink_closed: float = 0.48
    far_eye_yaw: float = 30.0
    max_yaw: float = 65.0
    camera_cone: float = 10.0


def eye_direction(mesh: Mesh, pose: Pose, left: bool) -> Array:
    """Unit vector, frame of the camera, from the eyeball's centre through the iris.

    Only the iris's place in the picture is used: the mesh model does not measure its depth.

    Args:
        mesh: (478, 3) px.
        pose: Pose of the head, for the size and direction of the eyeball's offset.
        left: The subject's left eye.
    """
    corners, iris = (LEFT_EYE, LEFT_IRIS) if left else (RIGHT_EYE, RIGHT_IRIS)
    offset = EYEBALL if left else EYEBALL * [-1, 1, 1]
    middle = mesh[list(corners)].mean(0) * TO_CAMERA
    centre = middle + pose.scale * pose.rotation @ offset
    side = ((mesh[iris] * TO_CAMERA - centre) / (pose.scale * EYE_RADIUS))[:2]
    reach = np.hypot(*side)
    if reach > 0.95:
        side = side * 0.95 / reach
    return np.array([*side, np.sqrt(1 - side @ side)])


class Gaze(FaceAnnotator):
    """Mean line of sight of the eyes that are open and not turned away.

    A coarse measure: left and right eye differ by 5 degrees sideways and 1.4 up and down (medians over
    press photos), and faces below some 60 px carry no iris to speak of. Gaze past about 60 degrees
    from the camera cannot be seen and is cut there.
    """

    name = "gaze"
    version = "1"
    doc = "Line of sight from iris and eyeball centres; null where the eyes are shut or turned away."
    requires = (labels.MESH, labels.BLENDSHAPES)
    provides = tuple(labels.GAZE.values())
    config_type = GazeConfig
    config: GazeConfig

    def label(self, face: Face) -> Mapping[Column, Any]:
        mesh = face.need(labels.MESH)
        shapes = face.need(labels.BLENDSHAPES)
        try:
            pose = fit_pose(mesh)
        except ValueError as error:
            raise NotApplicable(str(error)) from error
        sight = np.mean([eye_direction(mesh, pose, left) for left in self._eyes(shapes, pose)], axis=0)
        sight /= np.linalg.norm(sight)
        yaw, pitch = direction_angles(sight)
        head_yaw, head_pitch = direction_angles(pose.rotation.T @ sight)
        return {
            labels.GAZE_YAW: yaw,
            labels.GAZE_PITCH: pitch,
            labels.GAZE_IN_HEAD_YAW: float(np.clip(head_yaw, -90, 90)),
            labels.GAZE_IN_HEAD_PITCH: head_pitch,
            labels.LOOKS_AT_CAMERA: bool(sight[2] > np.cos(np.radians(self.config.camera_cone))),
        }

    def _eyes(self, shapes: Mapping[str, float], pose: Pose) -> list[bool]:
        yaw, _ = direction_angles(pose.rotation[:, 2])
        if abs(yaw) > self.config.max_yaw:
            raise NotApplicable("the head is turned too far to see the eyes")
        left_open, right_open = (shapes[name] < self.config.blink_closed for name in ("eyeBlinkLeft", "eyeBlinkRight"))
        # A head turned to the image's right hides the subject's left eye first.
        far = self.config.far_eye_yaw
        seen = [left for left, ok in ((True, left_open and yaw < far), (False, right_open and yaw > -far)) if ok]
        if not seen:
            raise NotApplicable("the eyes are closed" if not (left_open or right_open) else "the near eye is closed")
        return seen
