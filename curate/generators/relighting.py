"""The same face under another light: the light in the photo is estimated, divided out and replaced.

The picture is multiplied by the ratio of two shadings of the head's surface, as in Wen, Liu and Huang, "Face
relighting with radiance environment maps", CVPR 2003: texture, blemishes and shine that the surface does not explain
stay. There are no cast shadows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.colour import SRGB_TO_XYZ, linear_rgb
from annotators.crops import Pixels
from curate.generators.base import Config, Generator, Made, Parameters, Request
from curate.generators.kept_labels import SAME_FACE, SKIN
from curate.generators.promise import Change, Identity, Move, Promise
from curate.generators.regions import Regions, regions
from curate.generators.soft_masks import Soft, as_bytes, soften
from curate.generators.spherical_harmonics import COOLEST, WARMEST, basis, fitted, lamp, lamp_colour
from curate.generators.surface import Surface, surface
from schemas import UnknownNameError, UsageError
from schemas.columns import labels

DIRECTIONS = {
    "front": (0.0, 10.0),
    "left": (75.0, 8.0),
    "right": (-75.0, 8.0),
    "above": (0.0, 62.0),
    "below": (0.0, -50.0),
    "left_above": (45.0, 40.0),
    "right_above": (-45.0, 40.0),
}
"""Name -> degrees to the subject's left and degrees up from the camera."""
STRENGTHS = (0.55, 0.9)
TEMPERATURES = (3500.0, 9500.0)
CAUTION = 0.02
"""Penalty of the light's estimate; see `spherical_harmonics.fitted`."""
DARKEST_OLD, DARKEST_NEW = 0.3, 0.04
"""Least shading as a share of the mean, divided out and painted: noise in the photo's own shade is not blown up."""
RATIO = (0.25, 2.6)
"""Least and greatest factor on linear light."""
ASIDE, STRONG = 60.0, 0.7
"""Degrees to the side and strength from which a lamp surely makes the halves of the face differ more."""
AS_BRIGHT = 0.12
"""Change of mean luma that passes for none."""
FULL_STOP, STEP = 0.5, 0.02
"""Stops from which a change of exposure shows, and by how much luma at least."""
SHOULDER, BRIGHTEST = 0.75, 0.97
"""Linear light from which brightened pixels are bent instead of being cut off, and what they come near to."""


@dataclass(frozen=True)
class RelightingConfig(Config):
    """The new light.

    Attributes:
        direction: Where the lamp stands, by the subject's own left and right; empty draws one.
        strength: Share of the lamp in all light, 0 (from everywhere) to 1 (nothing but the lamp); NaN draws.
        temperature: Kelvin of the lamp: 3000 is warm, 6504 neutral, 10000 cool; NaN draws.
        exposure: How much brighter the face becomes in all, in stops.
        background: How far the background follows the light, 0 to 1.
    """

    direction: str = ""
    strength: float = math.nan
    temperature: float = math.nan
    exposure: float = 0.0
    background: float = 0.5


class Relighting(Generator):
    """Estimates nine coefficients of light on the face's skin and paints by the ratio of new to old shading."""

    name = "relighting"
    version = "1"
    doc = "The face under a lamp from another side, of another strength and colour."
    config_type = RelightingConfig
    config: RelightingConfig
    shown = (
        {"direction": "left", "strength": 0.8, "temperature": 6504.0},
        {"direction": "right", "strength": 0.8, "temperature": 6504.0},
        {"direction": "above", "strength": 0.8, "temperature": 6504.0},
        {"direction": "below", "strength": 0.75, "temperature": 5500.0},
        {"direction": "front", "strength": 0.6, "temperature": 6504.0},
        {"direction": "left_above", "strength": 0.8, "temperature": 3800.0},
        {"direction": "right_above", "strength": 0.8, "temperature": 9500.0},
        {"direction": "right", "strength": 0.9, "temperature": 4500.0, "exposure": -0.7, "background": 1.0},
    )

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse lamps that cannot be."""
        assert isinstance(config, RelightingConfig)
        if config.direction and config.direction not in DIRECTIONS:
            raise UnknownNameError("direction of light", config.direction, DIRECTIONS)
        limits = {"strength": (0, 1), "temperature": (WARMEST, COOLEST), "exposure": (-2, 2), "background": (0, 1)}
        for name, (low, high) in limits.items():
            value = getattr(config, name)
            if not (math.isnan(value) or low <= value <= high):
                raise UsageError(f"relighting.{name}={value:g} is not between {low:g} and {high:g}")

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The lamp, with whatever the settings leave open drawn."""
        request.face().need_mesh()
        names = sorted(DIRECTIONS)
        drawn = {
            "direction": names[int(rng.integers(len(names)))],
            "strength": round(float(rng.uniform(*STRENGTHS)), 3),
            "temperature": round(float(np.exp(rng.uniform(*np.log(TEMPERATURES))))),
            "exposure": 0.0,
            "background": 0.5,
        }
        given = {f.name: getattr(self.config, f.name) for f in fields(self.config)}
        return {n: v if given[n] == "" or given[n] != given[n] else given[n] for n, v in drawn.items()}

    def aim(self, have: Mapping[str, Any], wanted: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Any face that is in the cell already, but for cells of skin tone: the tone is measured under the light."""
        return None if {c.name for c in SKIN} & set(wanted) else super().aim(have, wanted)

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture."""
        subject = request.face()
        parts, shape = regions(subject), surface(subject)
        old = estimated_light(parts, shape)
        ratio = light_ratio(parts, shape, old, parameters)
        pixels = exposed(subject.pixels, ratio)
        changed = as_bytes(np.ones(ratio.shape[:2], np.float32))
        yield Made(pixels, promise(parameters), changed, note={"light_before": [round(float(v), 5) for v in old]})


def estimated_light(parts: Regions, shape: Surface) -> NDArray[np.float64]:
    """Nine coefficients of the light on the face, in the portrait's frame, from the luminance of its visible skin."""
    luminance = linear_rgb(parts.pixels) @ SRGB_TO_XYZ[1]
    chosen = (parts.bare_skin * shape.mesh > 0.8) & (luminance < 0.95)
    if chosen.sum() < 200:
        return np.array([float(luminance.mean()) / 0.282095, *[0.0] * 8])
    index = np.flatnonzero(chosen.ravel())
    index = index[:: max(len(index) // 20000, 1)]
    return fitted(shape.normals.reshape(-1, 3)[index], luminance.ravel()[index], CAUTION)


def light_ratio(
    parts: Regions, shape: Surface, old: NDArray[np.float64], parameters: Parameters
) -> NDArray[np.float32]:
    """Factor on linear RGB, (side, side, 3): new shading over old, 1 on average over the face but for the exposure."""
    terms = basis(shape.normals)
    weight = parts.face
    before = _positive(terms @ old.astype(np.float32), weight, DARKEST_OLD)
    direct = _positive(terms @ lamp(towards(str(parameters["direction"]))).astype(np.float32), weight, DARKEST_NEW)
    strength = float(parameters["strength"])
    lit = lamp_colour(float(parameters["temperature"])).astype(np.float32)
    ratio = ((1 - strength) + strength * direct[..., None] * lit) / before[..., None]
    level = float((ratio @ SRGB_TO_XYZ[1].astype(np.float32) * before * weight).sum() / weight.sum())
    ratio = np.maximum(ratio * (2.0 ** float(parameters["exposure"]) / level), 1e-3)
    middle = np.exp(np.log(ratio)[weight > 0.5].mean(0))
    behind = np.log(middle) * float(parameters["background"])
    head = head_mask(parts)[..., None]
    return np.asarray(np.clip(np.exp(np.log(ratio) * head + behind * (1 - head)), *RATIO), np.float32)


def towards(direction: str) -> NDArray[np.float64]:
    """Unit vector to the lamp in the portrait's frame, for a subject who faces the camera."""
    left, up = np.radians(DIRECTIONS[direction])
    return np.array([np.sin(left) * np.cos(up), -np.sin(up), -np.cos(left) * np.cos(up)])


def head_mask(parts: Regions) -> Soft:
    """Where the light falls in full: face, skin and hair."""
    found = np.maximum.reduce([parts.face, parts.bare_skin, parts.hair])
    return np.clip(soften(found, 0.06 * parts.unit), 0, 1)


def exposed(pixels: Pixels, ratio: NDArray[np.float32]) -> Pixels:
    """RGB bytes under a factor on linear light; what is brightened bends towards white and keeps its hue."""
    light = linear_rgb(pixels).astype(np.float32)
    new = light * ratio
    top, was = new.max(2, keepdims=True), light.max(2, keepdims=True)
    room = BRIGHTEST - SHOULDER
    bent = np.where(top > SHOULDER, SHOULDER + room * (1 - np.exp(-(top - SHOULDER) / room)), top)
    bent = np.maximum(bent, np.minimum(top, was))
    new = new * bent / np.maximum(top, 1e-6)
    coded = np.where(new > 0.0031308, 1.055 * np.maximum(new, 1e-9) ** (1 / 2.4) - 0.055, 12.92 * new)
    return np.asarray(np.clip(np.rint(coded * 255), 0, 255), np.uint8)


def promise(parameters: Parameters) -> Promise:
    """Same person; the halves differ more under a lamp at the side; the face is as bright as the exposure says."""
    stops = float(parameters["exposure"])
    changes = []
    if abs(DIRECTIONS[str(parameters["direction"])][0]) >= ASIDE and float(parameters["strength"]) >= STRONG:
        changes.append(Change(labels.SYMMETRY_APPEARANCE, Move.DOWN))
    if abs(stops) < FULL_STOP / 2:
        changes.append(Change(labels.BRIGHTNESS, Move.STAYS, by=AS_BRIGHT))
    elif abs(stops) >= FULL_STOP:
        changes.append(Change(labels.BRIGHTNESS, Move.UP if stops > 0 else Move.DOWN, by=STEP))
    return Promise(Identity.KEPT, tuple(changes), SAME_FACE)


def _positive(shading: NDArray[np.float32], weight: Soft, least: float) -> NDArray[np.float32]:
    """Shading over its mean on the face, above `least`; the bend is smooth."""
    relative = shading / max(float((shading * weight).sum() / weight.sum()), 1e-6)
    softness = 0.15
    return np.asarray(least + softness * np.logaddexp(0, (relative - least) / softness), np.float32)
