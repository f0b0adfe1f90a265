"""The same face with lighter or darker skin, along the colours that skin has in photos.

Lightness, redness and yellowness of all visible skin move to those of the wanted tone, light and shade with them: on
darker skin shine stands out more and shadows less, as measured (`data/skin_tone.toml`). Eyes, teeth, hair, brows and
background stay; lips move along an axis of their own. It changes a colour, not a person's descent: no perceived race
is promised.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.colour import srgb_to_lab, typology_angle
from annotators.skin_tone import median_colour, nearest_monk, skin_areas
from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.kept_labels import EXPRESSION, POSE, WORN
from curate.generators.promise import Change, Identity, Move, Promise
from curate.generators.regions import Regions, regions
from curate.generators.soft_masks import Soft, as_bytes, blend, soften
from curate.generators.tone_axis import angle_target, monk_number, monk_target, tone_axis
from schemas import UnknownNameError, UsageError, taxonomy
from schemas.columns import labels

Array = NDArray[np.float64]

DARKER, LIGHTER = 3, 2
"""Steps of the Monk scale that a drawn tone lies from the face's own, at most: light that is not there shows."""
DRAWN = ("monk_05", "monk_06", "monk_07", "monk_08")
"""Tones that well-lit skin in photos has; the others must be asked for, and look pale as paper or black as coal."""
LEAST_SKIN = 0.35
"""Share of the mesh's skin that must be coloured like skin."""
SURE_ANGLE = 0.5
"""Share of the asked change of angle that is promised."""
KEPT = (0.25, 0.85)
"""Quantiles of lightness between which skin pixels count."""
DIM = 40.0
"""L* that shine or the whites of the eyes exceed in enough light, whatever the skin."""
THROWN = 0.35
"""Share of the light on eyes and teeth that the skin around them throws there: darker skin throws less."""


@dataclass(frozen=True)
class SkinToneShiftConfig(Config):
    """Where the tone goes.

    Attributes:
        tone: The Monk tone that the skin should pass for, `monk_01` (lightest) to `monk_10`; empty draws one unless
            `angle` is given.
        angle: Change of the typology angle in degrees, positive is lighter; NaN where a tone is given or drawn.
    """

    tone: str = ""
    angle: float = math.nan


class SkinToneShift(Generator):
    """Moves all visible skin in CIELAB along the measured axis of skin colours."""

    name = "skin_tone_shift"
    version = "1"
    doc = "The face with skin of another tone: one of the Monk scale, or so many degrees of typology angle lighter."
    config_type = SkinToneShiftConfig
    config: SkinToneShiftConfig
    shown = (
        {"tone": "monk_03"}, {"tone": "monk_04"}, {"tone": "monk_05"}, {"tone": "monk_06"}, {"angle": 10.0},
        {"angle": -20.0},
    )  # fmt: skip

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse unknown tones, angles that cannot be, and both at once."""
        assert isinstance(config, SkinToneShiftConfig)
        known = taxonomy(labels.MONK.taxonomy).labels
        if config.tone and config.tone not in known:
            raise UnknownNameError("Monk tone", config.tone, known)
        if math.isnan(config.angle):
            return
        if config.tone:
            raise UsageError("skin_tone_shift takes a tone or an angle, not both", fix="leave one of them out")
        if not 1 <= abs(config.angle) <= 120:
            raise UsageError(f"skin_tone_shift.angle={config.angle:g} is not between 1 and 120 degrees either way")

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The tone or the angle; a drawn tone is another than the face's own, and not far from it."""
        parts = regions(request.face())
        skin = skin_median(parts)
        if light_on(parts) < DIM:
            raise CannotGenerate("the light on the face is too dim to tell its skin's tone")
        if not math.isnan(self.config.angle):
            return {"tone": "", "angle": self.config.angle}
        own = monk_number(nearest_monk(skin))
        near = [t for t in DRAWN if monk_number(t) != own and -LIGHTER <= monk_number(t) - own <= DARKER]
        if not (self.config.tone or near):
            raise CannotGenerate("no other tone of skin in photos is near this one")
        return {"tone": self.config.tone or near[int(rng.integers(len(near)))], "angle": 0.0}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture."""
        parts = regions(request.face())
        skin = skin_median(parts)
        tone, angle = str(parameters["tone"]), float(parameters["angle"])
        target = monk_target(tone, skin) if tone else angle_target(skin, angle)
        if float(np.linalg.norm(target - skin)) < 1:
            raise CannotGenerate("the skin is already as light or dark as that")
        moved, weight = shifted(parts, skin, target)
        pixels = blend(parts.pixels, moved, weight)
        note = {"skin_before": _plain(skin), "skin_after": _plain(target), "skin_share": round(float(weight.mean()), 4)}
        yield Made(pixels, promise(skin, target, tone), as_bytes(weight), note=note)

    def aim(self, have: Mapping[str, Any], wanted: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Faces that lack nothing of the cell but its tone, if theirs is not far from it.

        A cell that names a race takes only faces of that race: the shift makes no one pass for another.
        """
        tone, own = wanted.get(labels.MONK.name), have.get(labels.MONK.name)
        others = {n: v for n, v in wanted.items() if n != labels.MONK.name}
        if tone is None or own is None or labels.ITA_CLASS.name in others or super().aim(have, others) is None:
            return None
        steps = monk_number(tone) - monk_number(str(own))
        return {"tone": tone, "angle": math.nan} if steps and -LIGHTER <= steps <= DARKER else None


def skin_median(parts: Regions) -> Array:
    """Median CIELAB of the cheeks and the lower forehead, shape (3,), where skin tone is commonly read.

    Raises:
        CannotGenerate: if the picture has no colours or little skin is seen.
    """
    if parts.colourless:
        raise CannotGenerate("the picture is grey or toned, so skin has no colour in it")
    if float((parts.bare_skin * parts.skin).sum()) < LEAST_SKIN * float(parts.skin.sum()):
        raise CannotGenerate("too little of the face's skin is seen")
    areas = skin_areas(parts.pixels, parts.mesh[:, :2], np.ones(parts.pixels.shape[:2], np.uint8))
    if not areas:
        raise CannotGenerate("neither cheek nor forehead is seen")
    return median_colour(srgb_to_lab(np.concatenate(list(areas.values()))), KEPT)


def light_on(parts: Regions) -> float:
    """L* of what is brightest on the face, its shine or the whites of its eyes: they tell the light, not the skin."""
    light = parts.lab[..., 0]
    places = ((parts.face > 0.5, 98), (parts.sclera > 0.5, 90))
    return max((float(np.percentile(light[mask], share)) for mask, share in places if mask.any()), default=0.0)


def shifted(parts: Regions, skin: Array, target: Array) -> tuple[NDArray[np.float32], Soft]:
    """RGB (0-255) with skin and lips moved from one colour to another, and where that counts.

    Args:
        parts: The face.
        skin: Its skin's CIELAB.
        target: The CIELAB that it should have.
    """
    weight = skin_weight(parts, darker=bool(target[0] < skin[0]))
    lips = parts.lips
    moved = _mapped(parts.lab, skin, target)
    axis = tone_axis()
    step = axis.at(axis.lips, float(target[0])) - axis.at(axis.lips, float(skin[0]))
    middle = np.median(parts.lab[lips > 0.8], axis=0).astype(np.float64) if (lips > 0.8).any() else skin
    red = _mapped(parts.lab, middle, np.maximum(middle + step, (4.0, 2.0, 0.0)))
    mixed = moved * (1 - lips[..., None]) + red * lips[..., None]
    weight = np.maximum(weight, lips)
    if target[0] < skin[0]:
        open_parts = np.maximum(parts.eyes, parts.mouth)
        dimmed = parts.lab * (1 - THROWN * (1 - (float(target[0]) + 16) / (float(skin[0]) + 16)))
        mixed = mixed + (dimmed - mixed) * (open_parts * (1 - lips))[..., None]
        weight = np.maximum(weight, open_parts)
    rgb = np.asarray(cv2.cvtColor(mixed.astype(np.float32), cv2.COLOR_LAB2RGB), np.float32)
    return 255 * np.clip(rgb, 0, 1), weight


def skin_weight(parts: Regions, darker: bool) -> Soft:
    """Where skin changes. Shade on the face is skin too if the face is made darker; hair in it then does no harm."""
    like = np.clip(1.6 * parts.likeness, 0, 1)
    if darker:
        shade = np.clip((parts.colour.middle[0] - parts.lab[..., 0]) / 6, 0, 1)
        warm = np.clip((parts.lab[..., 1] - 1) / 4, 0, 1)
        like = np.maximum(like, 0.9 * shade * warm)
    like = soften(like, 0.012 * parts.unit)
    inner = parts.face * (1 - np.maximum.reduce([parts.eyes, parts.mouth]))
    return np.asarray(np.clip(inner * like + parts.grown, 0, 1), np.float32)


def _mapped(lab: NDArray[np.float32], old: Array, new: Array) -> NDArray[np.float32]:
    """Colours about `old` laid about `new`, their distances in lightness scaled as measured at both."""
    axis = tone_axis()
    below, above = axis.at(axis.reach, float(new[0])) / axis.at(axis.reach, float(old[0]))
    off = lab.astype(np.float64) - old
    # Below the darkest skin, shade scales as light does (L* + 16 goes with its cube root), so black stays black.
    below = min(below, (float(new[0]) + 16) / (float(old[0]) + 16)) if new[0] < old[0] else below
    light = new[0] + np.where(off[..., 0] < 0, below, above) * off[..., 0]
    chroma = float(np.clip(np.hypot(*new[1:]) / max(np.hypot(*old[1:]), 1), 0.5, 1.5))
    tint = new[1:] + chroma * off[..., 1:]
    # Deep shade and bright shine have little colour of their own.
    pale = np.clip(light / 12, 0, 1) * np.clip((104 - light) / 14, 0, 1)
    return np.asarray(np.concatenate([_bent(light)[..., None], tint * pale[..., None]], axis=-1), np.float32)


def _bent(light: Array) -> Array:
    """Lightness bent to stay within 1.5 and 99.5 instead of being cut off."""
    high = np.where(light > 88, 88 + 11.5 * (1 - np.exp(-np.maximum(light - 88, 0) / 11.5)), light)
    return np.where(high < 8, 1.5 + 6.5 * np.exp(np.minimum(high - 8, 0) / 6.5), high)


def promise(skin: Array, target: Array, tone: str) -> Promise:
    """The tone, and half of the change of angle; all that is not colour stays, race is left open."""
    changes = [Change(labels.MONK, Move.BECOMES, label=tone)] if tone and nearest_monk(skin) != tone else []
    rise = float(typology_angle(target)) - float(typology_angle(skin))
    if math.isfinite(rise) and abs(rise) >= 5:
        changes.append(Change(labels.ITA, Move.UP if rise > 0 else Move.DOWN, by=round(SURE_ANGLE * abs(rise), 1)))
    keeps = (labels.AGE, labels.AGE_GROUP, labels.GENDER, *EXPRESSION, *POSE, *WORN)
    return Promise(Identity.KEPT, tuple(changes), keeps)


def _plain(colour: Array) -> list[float]:
    return [round(float(v), 2) for v in colour]
