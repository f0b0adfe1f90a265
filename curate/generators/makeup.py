"""Makeup by pattern: lip colour, eye shadow, liner, blush, filled brows and foundation, each in its own mask.

Pigment is laid in CIELAB over the skin's own light and texture: it covers by its opacity, and is as bright as the
face's light lets it be. Outside the masks every byte stays.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.colour import hex_to_rgb, srgb_to_lab
from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.greying import thinned
from curate.generators.kept_labels import EXPRESSION, POSE, WORN
from curate.generators.makeup_patterns import BLUSHES, LINERS, SHADOWS, Laid
from curate.generators.promise import Identity, Promise
from curate.generators.regions import Regions, regions
from curate.generators.soft_masks import Soft, as_bytes, blend, soften
from schemas import UnknownNameError, UsageError
from schemas.columns import labels

Array = NDArray[np.float32]

TEXTURE = {"matte": 0.85, "gloss": 1.15, "gradient": 0.95}
"""Finish of lip colour -> how much of the lips' own light and shade is left, at the scale of their folds."""
EYE_PARTS = ("shadow", "liner")
PARTS = ("foundation", "blush", "shadow", "liner", "brows", "lips")
"""The order in which makeup is put on."""
STRENGTHS = (0.7, 1.0)
LIT = 66.0
"""L* of skin under the light for which the looks' colours are meant; darker pictures get darker pigment."""
REACH = 0.004
"""Weight below which a mask is cut off."""


@dataclass(frozen=True)
class MakeupConfig(Config):
    """What is put on.

    Attributes:
        look: Name of a look; empty draws one.
        strength: Factor on every opacity, above 0 to 1; 0 draws one.
        lips: Another colour of the lips, `#rrggbb`; empty keeps the look's.
        shadow: Another colour of the eye shadow.
        blush: Another colour of the blush.
    """

    look: str = ""
    strength: float = 0.0
    lips: str = ""
    shadow: str = ""
    blush: str = ""


class Makeup(Generator):
    """Lays a look's patterns over the face by its mesh."""

    name = "makeup"
    version = "1"
    doc = "The face with makeup: one of twelve looks of lips, eyes, cheeks, brows and foundation, inside stored masks."
    config_type = MakeupConfig
    config: MakeupConfig
    shown = (
        {"look": "natural"}, {"look": "classic_red"}, {"look": "smoky"}, {"look": "rose"}, {"look": "plum"},
        {"look": "blue_lid"}, {"look": "gold"}, {"look": "dark"},
    )  # fmt: skip

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse unknown looks and colours that are none."""
        assert isinstance(config, MakeupConfig)
        if config.look and config.look not in looks():
            raise UnknownNameError("look", config.look, looks())
        if not 0 <= config.strength <= 1:
            raise UsageError(f"makeup.strength={config.strength:g} is not between 0 and 1")
        for part in ("lips", "shadow", "blush"):
            code = getattr(config, part)
            if code and not _is_colour(code):
                raise UsageError(f"makeup.{part}={code} is no colour", fix="write it as #rrggbb")

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The look with all its colours and opacities, so that it stays what it was if the look is changed later."""
        if regions(request.face()).colourless:
            raise CannotGenerate("the picture is grey, so makeup would have no colour in it")
        names = sorted(looks())
        name, strength = names[int(rng.integers(len(names)))], round(float(rng.uniform(*STRENGTHS)), 3)
        name, strength = self.config.look or name, self.config.strength or strength
        chosen = {part: dict(values) for part, values in looks()[name].items()}
        for part in ("lips", "shadow", "blush"):
            if (code := getattr(self.config, part)) and part in chosen:
                chosen[part]["colour"] = code
        return {"look": name, "strength": strength, "parts": chosen}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture."""
        parts = regions(request.face())
        hidden = EYE_PARTS if request.face().labels.get(labels.EYEWEAR.name) == "sunglasses" else ()
        chosen = {name: values for name, values in parameters["parts"].items() if name not in hidden}
        lab, masks = made_up(parts, chosen, float(parameters["strength"]))
        if not masks:
            raise CannotGenerate("the face shows no place for makeup")
        worn = np.maximum.reduce(list(masks.values()))
        rgb = np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.float32)
        pixels = blend(parts.pixels, 255 * np.clip(rgb, 0, 1))
        pixels[worn <= REACH] = parts.pixels[worn <= REACH]
        area = {name: round(float((mask > REACH).mean()), 5) for name, mask in masks.items()}
        keeps = (labels.RACE, labels.RACE4, *EXPRESSION, *POSE, *WORN)
        yield Made(pixels, Promise(Identity.KEPT, keeps=keeps), as_bytes(worn, REACH), note={"area": area})


@cache
def looks() -> dict[str, dict[str, dict[str, Any]]]:
    """Name -> part -> settings, of `data/makeup.toml`."""
    file = resources.files("curate.generators").joinpath("data/makeup.toml")
    return tomllib.loads(file.read_text("utf-8"))


def made_up(parts: Regions, chosen: Mapping[str, Mapping[str, Any]], strength: float) -> tuple[Array, dict[str, Soft]]:
    """CIELAB of the face with these parts put on, and the mask of each.

    Args:
        parts: The face.
        chosen: Part -> colour, opacity and pattern or finish.
        strength: Factor on every opacity.
    """
    laid, lab, masks = Laid(parts), parts.lab.copy(), {}
    for part in (p for p in PARTS if p in chosen):
        wanted = chosen[part]
        mask = mask_of(laid, part, wanted)
        mask = np.where(mask > REACH, mask, 0).astype(np.float32)
        if not mask.any():
            continue
        masks[part] = mask
        weight = mask * (float(wanted["opacity"]) * strength)
        if part == "foundation":
            lab = evened(parts, lab, weight)
        elif part == "lips":
            lab = coated(lab, weight, pigment(parts, str(wanted["colour"])), str(wanted["finish"]), parts)
        else:
            lab = pigmented(lab, weight, pigment(parts, str(wanted["colour"])), parts.unit, BODY[part])
    return lab, masks


BODY = {"blush": 0.35, "shadow": 0.75, "liner": 1.0, "brows": 0.9}
"""How far a pigment brings the skin's lightness to its own; blush tints, liner covers."""


def mask_of(laid: Laid, part: str, wanted: Mapping[str, Any]) -> Soft:
    """Where a part of the makeup goes, (side, side)."""
    if part == "lips":
        return laid.lips(str(wanted["finish"]))
    if part == "liner":
        return laid.liner(LINERS[str(wanted["pattern"])])
    if part == "brows":
        return np.asarray(laid.brows() * (0.45 + 0.55 * thinned(np.ones_like(laid.parts.face), laid.parts.pixels)))
    if part == "foundation":
        return np.asarray(laid.parts.skin * laid.parts.bare_skin, np.float32)
    return laid.mask((SHADOWS if part == "shadow" else BLUSHES)[str(wanted["pattern"])])


def pigment(parts: Regions, code: str) -> NDArray[np.float64]:
    """CIELAB of a pigment under the light on this face, (3,).

    How bright the light is shows in the brighter half of the picture of the face; dark skin alone dims it little.
    """
    lab = srgb_to_lab(hex_to_rgb(code))
    seen = float(np.percentile(parts.lab[..., 0][parts.face > 0.5], 90)) if (parts.face > 0.5).any() else LIT
    light = float(np.clip(seen / LIT, 0.45, 1.0)) ** 0.6
    return np.asarray(lab * [light, *[float(np.clip(light, 0.6, 1.0))] * 2])


def pigmented(lab: Array, weight: Soft, colour: NDArray[np.float64], unit: float, body: float) -> Array:
    """Pigment on skin: the colour covers, light and texture stay."""
    base = soften(lab[..., 0], 0.05 * unit)
    light = lab[..., 0] + weight * body * (colour[0] - base)
    tint = lab[..., 1:] + weight[..., None] * (colour[1:] - lab[..., 1:])
    return np.asarray(np.dstack([np.clip(light, 1, 99), tint]), np.float32)


def coated(lab: Array, weight: Soft, colour: NDArray[np.float64], finish: str, parts: Regions) -> Array:
    """Lip colour: it levels what is below it; matte takes the shine, gloss adds to it."""
    base = soften(lab[..., 0], 0.10 * parts.unit)
    off = lab[..., 0] - base
    rest = TEXTURE[finish] * off
    # Light and shade across the lips stay, about a middle lightness that the colour sets.
    chosen = weight > 0.05
    middle = float(np.median(lab[..., 0][chosen])) if chosen.any() else float(colour[0])
    goal = colour[0] + 0.7 * (base - middle) + rest
    if finish == "gloss":
        shine = np.clip(off / 6, 0, 1) + glint(parts)
        goal = goal + 16 * np.clip(shine, 0, 1.2)
    light = lab[..., 0] + weight * (goal - lab[..., 0])
    tint = lab[..., 1:] + weight[..., None] * (colour[1:] - lab[..., 1:]) * 0.95
    return np.asarray(np.dstack([np.clip(light, 1, 99), tint]), np.float32)


def glint(parts: Regions) -> Soft:
    """Shine of wet lips: short and soft, on the middle of the lower lip, broken by the lips' own texture."""
    mesh, unit = parts.mesh[:, :2], parts.unit
    left, right = 0.65 * mesh[16] + 0.35 * mesh[315], 0.65 * mesh[16] + 0.35 * mesh[85]
    drawn = np.zeros((parts.side, parts.side), np.uint8)
    ends = [np.round((p - 0.5) * 16).astype(int).tolist() for p in (left, 0.6 * mesh[15] + 0.4 * mesh[16], right)]
    for first, second in ((ends[0], ends[1]), (ends[1], ends[2])):
        cv2.line(drawn, first, second, 255, max(round(0.02 * unit), 1), cv2.LINE_AA, 4)
    return np.asarray(soften(drawn.astype(np.float32) / 255, 0.02 * unit) * parts.lips, np.float32)


def evened(parts: Regions, lab: Array, weight: Soft) -> Array:
    """Foundation: colour and lightness of the skin between pores and features are levelled, pores stay."""
    found = lab.copy()
    own = np.maximum(weight, 1e-3)
    for channel, share in ((0, 0.55), (1, 0.9), (2, 0.9)):
        values = lab[..., channel]
        fine, coarse = (soften(values * own, s * parts.unit) / soften(own, s * parts.unit) for s in (0.012, 0.09))
        spot = np.clip(fine - coarse, -8, 8)
        found[..., channel] = values - weight * share * spot
    found[..., 0] += 2.5 * weight * parts.under_eye
    return found


def _is_colour(code: str) -> bool:
    digits = code.removeprefix("#")
    return code.startswith("#") and len(digits) == 6 and all(c in "0123456789abcdefABCDEF" for c in digits)
