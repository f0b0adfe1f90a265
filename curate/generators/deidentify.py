"""Faces that cannot be told: blurred, pixelated, covered, or replaced by the painted face of nobody.

Hiding faces serves every picture, those with children too: whether a picture may be published remains the user's
decision, since clothes, place and company stay in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.colour import linear_rgb
from annotators.crops import Pixels
from curate.generators.base import Config, Generator, Made, Parameters, Request
from curate.generators.kept_labels import EXPRESSION, POSE
from curate.generators.promise import Identity, Promise
from curate.generators.regions import Regions, regions
from curate.generators.soft_masks import Soft, as_bytes, blend, soften
from curate.generators.style_tools import wide_blur
from curate.generators.synthetic_face import drawn_nobody, painted
from schemas import UnknownNameError, UsageError

METHODS = ("blur", "pixelate", "mask", "swap")
BLUR = (0.12, 0.60)
"""Standard deviation of the blur at strength 0 and 1, in distances of the eyes."""
CELLS = (16.0, 4.0)
"""Cells across the face at strength 0 and 1."""
FACE_WIDTH = 2.3
"""Width of a face in distances of the eyes."""
GROWN, EDGE = 0.20, 0.05
"""How far the hidden area reaches beyond the mesh, and how soft its edge is, in distances of the eyes."""
BLACK = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class DeidentifyConfig(Config):
    """How the face is hidden.

    Attributes:
        method: `blur`, `pixelate`, `mask` or `swap`; empty draws one.
        strength: 0 to 1, for blur and cells; at the default SFace matched none of the development faces.
        skin: Masks have the colour of the skin; black if not.
    """

    method: str = ""
    strength: float = 0.5
    skin: bool = True


class Deidentify(Generator):
    """Hides the whole face inside the mesh and a little beyond; what is around it stays to the bit.

    `swap` paints a face of nobody with the same pose, expression and light: it still reads as a face, so that emotion
    and pose labels keep their use. A recogniser other than the one that checked may see more; see `reidentification`.
    """

    name = "deidentify"
    version = "1"
    doc = "The face blurred, pixelated, covered, or replaced by a painted face of nobody."
    config_type = DeidentifyConfig
    config: DeidentifyConfig
    shown = (
        {"method": "blur"},
        {"method": "pixelate"},
        {"method": "mask", "skin": True},
        {"method": "mask", "skin": False},
        *({"method": "swap"} for _ in range(4)),
    )

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse unknown methods and strengths out of range."""
        assert isinstance(config, DeidentifyConfig)
        if config.method and config.method not in METHODS:
            raise UnknownNameError("method", config.method, METHODS)
        if math.isnan(config.strength) or not 0 <= config.strength <= 1:
            raise UsageError(f"deidentify.strength={config.strength:g} is not between 0 and 1")

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The method and its numbers."""
        request.face().need_mesh()
        drawn = METHODS[int(rng.integers(len(METHODS)))]
        method = self.config.method or drawn
        if method == "swap":
            return {"method": method, "face": drawn_nobody(rng)}
        if method == "mask":
            return {"method": method, "skin": self.config.skin}
        return {"method": method, "strength": self.config.strength}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture without the person's face."""
        subject, method = request.face(), str(parameters["method"])
        keeps = (*EXPRESSION, *POSE) if method == "swap" else ()
        if method == "swap":
            pixels, region = painted(subject, parameters["face"])
        else:
            parts = regions(subject)
            region = hidden_area(parts, EDGE if method != "pixelate" else 0.0)
            pixels = blend(subject.pixels, _hidden(parts, method, parameters), region)
        yield Made(pixels, Promise(Identity.HIDDEN, keeps=keeps), as_bytes(region))


def hidden_area(parts: Regions, edge: float) -> Soft:
    """The face and a little more, 1 inside; `edge` is the softness of its rim in distances of the eyes."""
    grown = (soften(parts.face, GROWN * parts.unit) > 0.14).astype(np.float32)
    if not edge:
        return grown
    soft = soften(grown, edge * parts.unit)
    return np.asarray(np.where(soft < 0.01, 0, np.where(parts.face > 0.5, 1, soft)), np.float32)


def _hidden(parts: Regions, method: str, parameters: Parameters) -> NDArray[np.float32]:
    """What stands in the hidden area, sRGB values in 0-255."""
    pixels = parts.pixels.astype(np.float32)
    if method == "blur":
        low, high = BLUR
        return wide_blur(pixels, (low + float(parameters["strength"]) * (high - low)) * parts.unit)
    if method == "pixelate":
        low, high = CELLS
        return pixelated(parts.pixels, FACE_WIDTH * parts.unit / (low + float(parameters["strength"]) * (high - low)))
    colour = np.array(BLACK)
    if parameters["skin"]:
        inside = parts.pixels[parts.face > 0.5]
        found = inside if len(inside) else parts.pixels.reshape(-1, 3)
        colour = np.median(found, axis=0)
    return np.broadcast_to(np.asarray(colour, np.float32), pixels.shape)


def pixelated(pixels: Pixels, cell: float) -> NDArray[np.float32]:
    """Squares of `cell` px in the mean of their light, aligned with the picture's centre."""
    side = pixels.shape[0]
    cell = max(cell, 1.0)
    index = np.floor((np.arange(side) + 0.5 - side / 2) / cell).astype(np.int64)
    index -= index.min()
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    cells = np.add.reduceat(np.add.reduceat(linear_rgb(pixels), starts, axis=0), starts, axis=1)
    size = np.bincount(index).astype(np.float64)
    mean = cells / (size[:, None] * size[None])[..., None]
    coded = np.where(mean > 0.0031308, 1.055 * np.maximum(mean, 1e-9) ** (1 / 2.4) - 0.055, 12.92 * mean)
    return np.asarray(255 * coded[index][:, index], np.float32)


__all__ = ["METHODS", "Deidentify", "DeidentifyConfig", "hidden_area", "pixelated"]
