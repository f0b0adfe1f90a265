"""Views that rows of the pair engine need: what stays when an expression changes, and mirrored halves."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np

from annotators.crops import Pixels
from curate.export.sample import Sample
from curate.generators.base import CannotGenerate
from curate.generators.mirrored_halves import turned_to_front
from curate.pairs.view import Drawn, View
from curate.pairs.views.base import subject_of
from curate.pairs.views.face_masks import face_mask
from schemas.columns import labels

JAW = slice(0, 17)
"""Points of the jaw among the 68, ear to ear."""
LINE = 1 / 128
"""Width of the line, in sides of the picture."""


class Attributes(View):
    """The picture with the face taken out, black, and the line of the jaw in white: background and pose alone."""

    name = "attributes"
    doc = "The picture with the face blacked out and the line of the jaw in white, as MagicFace is conditioned."
    needs = (labels.MESH, labels.POINTS_68)

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The view; None where the face has no mesh that lies on it."""
        jaw = sample.faces[0].labels.get(labels.POINTS_68.name)
        try:
            mesh = subject_of(sample, pixels).need_mesh()
        except CannotGenerate:
            return None
        if jaw is None or not np.isfinite(jaw).all():
            return None
        height, width = pixels.shape[:2]
        mask = face_mask(mesh, max(height, width))[:height, :width]
        found = np.where(mask[..., None], 0, pixels).astype(np.uint8)
        line = np.rint(np.asarray(jaw, np.float64)[JAW] * 16 - 8).astype(np.int32)
        thickness = max(round(LINE * max(height, width)), 1)
        cv2.polylines(found, [line[:, None]], False, (255, 255, 255), thickness, cv2.LINE_AA, shift=4)
        return found


class Composite(View):
    """A face made of one half and its mirror image."""

    needs = (labels.MESH,)
    half: ClassVar[str]

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The composite; None where the face has no mesh that lies on it."""
        if pixels.shape[0] != pixels.shape[1]:
            return None
        try:
            front = turned_to_front(subject_of(sample, pixels))
        except CannotGenerate:
            return None
        middle = front.shape[1] // 2
        if self.half == "right":
            own = front[:, :middle]
            return np.concatenate([own, own[:, ::-1]], axis=1)
        own = front[:, -middle:]
        return np.concatenate([own[:, ::-1], own], axis=1)


class RightComposite(Composite):
    """The subject's right half, which is the picture's left, and its mirror image."""

    name = "right_composite"
    doc = "The face turned to the front, made of its right half and that half's mirror image."
    half = "right"


class LeftComposite(Composite):
    """The subject's left half and its mirror image."""

    name = "left_composite"
    doc = "The face turned to the front, made of its left half and that half's mirror image."
    half = "left"
