"""Where the parts of a face lie in its portrait: soft masks from the mesh, and from its own colours where no mesh is.

Every mask is float32 in 0-1 of shape (side, side), 1 where the part surely is. Parts of the face follow the mesh;
forehead above it, ears, neck and hair are estimates by colour and place, good enough to blend with and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crop_masks import filled
from annotators.crops import Pixels
from annotators.skin_tone import face_sample, is_grey, mirrored
from curate.generators.skin_colour import SkinColour, grown_hair, grown_skin, skin_colour
from curate.generators.soft_masks import Soft, guided, soften
from curate.generators.subject import Subject
from schemas.landmarks import layout

IRISES = (468, 473)
GREY = 1.0
"""Spread of a*b* below which a picture has no colours, as the skin tone annotator has it."""
NOSTRIL = (98, 240, 99, 97, 2, 94, 141, 242, 20, 60)
"""Mesh points around the subject's right nostril."""
UNDER_EYE = (130, 25, 110, 24, 23, 22, 26, 112, 243, 244, 128, 121, 120, 119, 118, 117, 111, 35)
"""Around the skin between the subject's right lower lid and the cheek bone."""
CHEEK = (117, 118, 119, 100, 142, 36, 206, 216, 214, 192, 213, 147, 123)
"""Around the subject's right cheek: below the under-eye, beside the nose and the mouth, before the jaw."""
FOREHEAD = (54, 103, 67, 109, 10, 338, 297, 332, 284, 301, 300, 293, 334, 296, 336, 9, 107, 66, 105, 63, 70, 71)
"""Around the forehead as far as the mesh goes."""
UPPER_LID = (130, 247, 30, 29, 27, 28, 56, 190, 243, 173, 157, 158, 159, 160, 161, 246)
"""Around the subject's right upper lid, from the crease to the lashes."""


def eye_distance(mesh: NDArray[np.float64]) -> float:
    """Distance of the iris centres in px, depth included, so that a turned head keeps it; the unit of all softness."""
    return max(float(np.linalg.norm(mesh[IRISES[0]] - mesh[IRISES[1]])), 1.0)


def polygon(mesh: NDArray[np.float64], outline: Sequence[int], side: int, feather: float = 0.0) -> Soft:
    """Mask of a closed line of mesh points.

    Args:
        mesh: (478, 2 or 3) px of the portrait.
        outline: Point numbers in order.
        side: Side of the portrait.
        feather: Standard deviation of the soft edge in px.
    """
    fine = filled(mesh[list(outline), :2] * 2, (2 * side, 2 * side)).astype(np.float32)
    return np.clip(soften(cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA), feather), 0, 1)


def both(mesh: NDArray[np.float64], outline: tuple[int, ...], side: int, feather: float = 0.0) -> Soft:
    """Mask of an outline on the subject's right and its mirror image on the left."""
    return np.maximum(polygon(mesh, outline, side, feather), polygon(mesh, mirrored(outline), side, feather))


@dataclass(frozen=True)
class Regions:
    """Soft masks of one face; each is made when it is first asked for.

    Attributes:
        pixels: The portrait, RGB, (side, side, 3).
        mesh: (478, 3) px of the portrait.
    """

    pixels: Pixels
    mesh: NDArray[np.float64]

    @property
    def side(self) -> int:
        """Side of the portrait in px."""
        return int(self.pixels.shape[0])

    @cached_property
    def unit(self) -> float:
        """Distance of the eyes in px."""
        return eye_distance(self.mesh)

    @cached_property
    def lab(self) -> NDArray[np.float32]:
        """CIELAB of the portrait, (side, side, 3)."""
        return np.asarray(cv2.cvtColor(self.pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))

    @cached_property
    def face(self) -> Soft:
        """All within the mesh's outline."""
        return self._shape("oval", 0.02)

    @cached_property
    def eyes(self) -> Soft:
        """Openings of both eyes."""
        return np.maximum(self._shape("right_eye", 0.008), self._shape("left_eye", 0.008))

    @cached_property
    def iris(self) -> Soft:
        """Irises and pupils, where the lids do not cover them."""
        discs = np.zeros((self.side, self.side), np.uint8)
        for name in ("right_iris", "left_iris"):
            centre, *rim = self.mesh[list(layout("points-478").group(name)), :2]
            radius = float(np.linalg.norm(np.asarray(rim) - centre, axis=1).mean())
            x, y = np.round((centre - 0.5) * 16).astype(int).tolist()
            cv2.circle(discs, (x, y), round(radius * 16), 255, -1, cv2.LINE_AA, 4)
        return np.asarray(np.clip(soften(discs.astype(np.float32) / 255, 0.008 * self.unit), 0, 1) * self.eyes)

    @cached_property
    def sclera(self) -> Soft:
        """Whites of the eyes."""
        return np.asarray(np.maximum(self.eyes - self.iris, 0))

    @cached_property
    def mouth(self) -> Soft:
        """What lies between the lips."""
        return self._shape("inner_lip", 0.008)

    @cached_property
    def lips(self) -> Soft:
        """Both lips without what lies between them."""
        return np.asarray(self._shape("outer_lip", 0.012) * (1 - self.mouth))

    @cached_property
    def brows(self) -> Soft:
        """Both brows, a little wider than the mesh has them."""
        return np.asarray(np.minimum(1, 1.6 * both(self.mesh, _brow(), self.side, 0.035 * self.unit)), np.float32)

    @cached_property
    def nostrils(self) -> Soft:
        """Both nostrils."""
        return both(self.mesh, NOSTRIL, self.side, 0.02 * self.unit)

    @cached_property
    def under_eye(self) -> Soft:
        """Skin between lower lids and cheek bones."""
        return np.asarray(both(self.mesh, UNDER_EYE, self.side, 0.04 * self.unit) * (1 - self.eyes))

    @cached_property
    def upper_lids(self) -> Soft:
        """Upper lids from lashes to crease."""
        return np.asarray(both(self.mesh, UPPER_LID, self.side, 0.02 * self.unit) * (1 - self.eyes))

    @cached_property
    def cheeks(self) -> Soft:
        """Both cheeks."""
        return both(self.mesh, CHEEK, self.side, 0.08 * self.unit)

    @cached_property
    def forehead(self) -> Soft:
        """Forehead above the brows, to the mesh's end and as far beyond it as skin goes on."""
        above = self._below(np.asarray(self.mesh[10, :2]), up=True) * self.grown
        return np.asarray(np.maximum(polygon(self.mesh, FOREHEAD, self.side, 0.05 * self.unit), above), np.float32)

    @cached_property
    def features(self) -> Soft:
        """What within the mesh is not skin: eyes, brows, lips, mouth, nostrils."""
        parts = (self.eyes, self.brows, self.lips, self.mouth, self.nostrils)
        return np.asarray(np.maximum.reduce(parts))

    @cached_property
    def skin(self) -> Soft:
        """Skin within the mesh by its shape alone: hair, glasses or a hand before it are not seen."""
        return np.asarray(self.face * (1 - self.features))

    @cached_property
    def colour(self) -> SkinColour:
        """How the face's own skin is coloured."""
        return skin_colour(self.lab, self.skin)

    @cached_property
    def colourless(self) -> bool:
        """Whether the picture of the face is grey or toned in one hue, however dark or light its skin is."""
        x, y, width, height = cv2.boundingRect(np.round(self.mesh[:, :2]).astype(np.int32))
        cut = self.pixels[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
        return cut.size == 0 or is_grey(face_sample(cut, np.ones(cut.shape[:2], np.uint8)), GREY)

    @cached_property
    def likeness(self) -> Soft:
        """How like the face's own skin each pixel is coloured, whatever its place."""
        return self.colour.likeness(self.lab)

    @cached_property
    def grown(self) -> Soft:
        """Skin beyond the mesh: upper forehead, ears, neck and shoulders, by colour and joined to the face."""
        found = grown_skin(self.mesh, self.lab, self.colour, self.face)
        return np.asarray(np.clip(guided(self.pixels, found, 0.04 * self.unit), 0, 1) * (1 - self.face))

    @cached_property
    def bare_skin(self) -> Soft:
        """All skin that is seen: within the mesh where it is coloured like skin, and beyond it."""
        like = np.clip(guided(self.pixels, self.likeness, 0.05 * self.unit) * 1.25, 0, 1)
        return np.asarray(np.clip(self.skin * like + self.grown, 0, 1))

    @cached_property
    def hair(self) -> Soft:
        """Hair of the head; empty where none is seen above the forehead. Hats of a hair's colour pass for hair."""
        found = grown_hair(self.mesh, self.lab, np.maximum(self.bare_skin, self.face), self.likeness)
        return np.asarray(np.clip(guided(self.pixels, found, 0.05 * self.unit), 0, 1) * (1 - self.bare_skin))

    def _shape(self, group: str, feather: float) -> Soft:
        return polygon(self.mesh, layout("points-478").group(group), self.side, feather * self.unit)

    def _below(self, point: NDArray[np.float64], up: bool = False) -> Soft:
        """1 on the chin's side of a line across the face through a point, or on the other side."""
        down = self.mesh[152, :2] - self.mesh[10, :2]
        down = down / max(float(np.linalg.norm(down)), 1.0)
        y, x = np.mgrid[0 : self.side, 0 : self.side] + 0.5
        way = (x - point[0]) * down[0] + (y - point[1]) * down[1]
        return np.asarray(np.clip(0.5 + (-way if up else way) / (0.1 * self.unit), 0, 1), np.float32)


def regions(subject: Subject) -> Regions:
    """The parts of a subject's face.

    Raises:
        CannotGenerate: if the face has no mesh.
    """
    return Regions(subject.pixels, subject.need_mesh())


def _brow() -> tuple[int, ...]:
    brow = layout("points-478").group("right_brow")
    return brow[:5] + brow[:4:-1]
