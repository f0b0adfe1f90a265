"""The same face some years older or younger: texture, lines, tone and hair change, no feature moves.

Older: the skin's middle bands of detail are amplified, darker parts more; lines are laid along the mesh; the skin
becomes uneven and sallower, lips pale, hair greys. Younger: the bands are taken back, shade below the eyes is
filled, lips redden. It is a drawing of common signs of age, not a forecast of how the person will look.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.greying import BEARD, beard, greyed, thinned
from curate.generators.kept_labels import EXPRESSION, POSE, SKIN, WORN
from curate.generators.promise import Change, Identity, Move, Promise
from curate.generators.regions import Regions, polygon, regions
from curate.generators.soft_masks import Soft, as_bytes, blend, soften
from curate.generators.wrinkles import wrinkle_map
from schemas import UsageError
from schemas.bins import bins
from schemas.columns import labels

Array = NDArray[np.float32]

OLDEST, YOUNGEST = 40.0, -20.0
DRAWN = ((-20.0, -10.0), (15.0, 40.0))
"""Ranges of years that are drawn from, one as likely as the other."""
BANDS = (0.012, 0.028, 0.06, 0.12)
"""Standard deviations between which detail is taken, in eye distances: pores, fine lines, lines, folds."""
GAINS = (0.8, 1.2, 0.9, 0.25)
"""How much each band, of 0 to the first, the first to the second and so on, grows in 40 years."""
FADES = (0.15, 0.6, 0.55, 0.35)
"""How much of each band goes in 20 years less."""
MOST_DETAIL = 9.0
"""L* at which detail stops growing: hair or an edge, not skin."""
LINES = 0.25
"""Shade of the deepest line as a share of the light."""
BLOTCH, SPOT, SALLOW, EYE_WHITE, UNDER_EYE = (
    (1.4, 1.2, 0.8), (-4.5, 1.5, 3.0), (0.0, -1.0, 2.0), (-4.0, 0.0, 4.0), (-5.0, 0.0, 0.0),
)  # fmt: skip
"""Change of L*, a*, b* in 40 years: in blotches (and the opposite between them), age spots, all skin, the whites of
the eyes, below the eyes."""
PALE_LIPS = 0.25
"""Share of the lips' redness that goes in 40 years."""
FRESH = (3.0, 1.2)
"""Redness that lips and cheeks gain in 20 years less."""
GREY_FROM, GREY_FULL = 5.0, 38.0
"""Years of ageing at which hair begins to grey, and is grey."""
ADULT = 20.0
PERCEIVED = 0.31
"""Years by which a face of 90 adults looked older to the demographic head, in the middle, per year asked for."""
OLDER, YOUNGER, MOST_PROMISED = 0.06, 0.02, 30.0
"""Share of the asked years that is promised, older and younger, and the years from which no more is: four in five of
those faces reached it."""
MOST_SEED = 1 << 31


@dataclass(frozen=True)
class AgeingConfig(Config):
    """How many years.

    Attributes:
        years: -20 (younger) to 40 (older); NaN draws.
        grey: How grey the hair becomes, 0 to 1; NaN follows from the years.
    """

    years: float = math.nan
    grey: float = math.nan


class Ageing(Generator):
    """Amplifies or takes back detail of the skin, and draws lines and grey hair."""

    name = "ageing"
    version = "1"
    doc = "The face some years older (lines, uneven skin, grey hair) or younger (smoother skin); nothing moves."
    config_type = AgeingConfig
    config: AgeingConfig
    shown = (
        {"years": -20.0}, {"years": -10.0}, {"years": 10.0}, {"years": 20.0}, {"years": 30.0}, {"years": 40.0},
        {"years": 40.0, "grey": 0.0},
    )  # fmt: skip

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse years and greyness out of range."""
        assert isinstance(config, AgeingConfig)
        for name, low, high in (("years", YOUNGEST, OLDEST), ("grey", 0.0, 1.0)):
            value = getattr(config, name)
            if not (math.isnan(value) or low <= value <= high):
                raise UsageError(f"ageing.{name}={value:g} is not between {low:g} and {high:g}")

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The years and how grey; a seed for the course of the lines."""
        request.face().need_mesh()
        span = DRAWN[int(rng.integers(2))]
        years = round(float(rng.uniform(*span)), 1)
        seed = int(rng.integers(MOST_SEED))
        years = years if math.isnan(self.config.years) else self.config.years
        grey = float(np.clip((years - GREY_FROM) / (GREY_FULL - GREY_FROM), 0, 1))
        return {"years": years, "grey": grey if math.isnan(self.config.grey) else self.config.grey, "seed": seed}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture."""
        parts = regions(request.face())
        years, rng = float(parameters["years"]), np.random.default_rng(int(parameters["seed"]))
        if years == 0:
            raise CannotGenerate("no year's difference was asked for")
        skin = visible(parts)
        lab = older(parts, skin, years, rng) if years > 0 else younger(parts, skin, -years)
        lab, hair = hair_greyed(parts, lab, float(parameters["grey"]), rng)
        weight = np.clip(np.maximum.reduce([skin, parts.lips, parts.sclera, hair]), 0, 1)
        rgb = np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.float32)
        note = {"hair_share": round(float(hair.mean()), 4)}
        yield Made(blend(parts.pixels, 255 * np.clip(rgb, 0, 1), weight), promise(years), as_bytes(weight), note=note)

    def aim(self, have: Mapping[str, Any], wanted: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Adults' faces of the cell that lack nothing but years; no one is brought below 20."""
        group, own = wanted.get(labels.AGE_GROUP.name), have.get(labels.AGE_GROUP.name)
        others = {n: v for n, v in wanted.items() if n != labels.AGE_GROUP.name}
        if group is None or own is None or super().aim(have, others) is None:
            return None
        low, high = bins("age-fairface").interval(group)
        own_low, own_high = bins("age-fairface").interval(str(own))
        if own_low < ADULT or low < ADULT:
            return None
        years = (middle(low, high) - middle(own_low, own_high)) / PERCEIVED
        return {"years": round(years, 1)} if 0 < years <= OLDEST else None


def visible(parts: Regions) -> Soft:
    """Skin that may change: of the face where it is seen, and what goes on from it."""
    like = np.clip(1.5 * parts.likeness, 0, 1)
    inner = soften(
        parts.face * (1 - np.maximum.reduce([parts.eyes, parts.mouth, parts.lips, 0.8 * parts.brows])) * like,
        0.015 * parts.unit,
    )
    return np.asarray(np.clip(inner + 0.6 * parts.grown, 0, 1), np.float32)


def bands(values: Array, skin: Soft, unit: float) -> list[Array]:
    """Detail of the skin from the finest band to the coarsest; what lies beside the skin leaves no halo in it.

    Args:
        values: One channel, (side, side).
        skin: Mask of skin; blurs take values from there alone.
        unit: Distance of the eyes in px.
    """
    own = np.maximum(skin, 1e-3)
    levels = [values, *[soften(values * own, s * unit) / soften(own, s * unit) for s in BANDS]]
    return [a - b for a, b in itertools.pairwise(levels)]


def older(parts: Regions, skin: Soft, years: float, rng: np.random.Generator) -> Array:
    """CIELAB of the face so many years older."""
    t = years / OLDEST
    lab = parts.lab.copy()
    light = lab[..., 0]
    added = np.zeros_like(light)
    for band, gain in zip(bands(light, skin, parts.unit), GAINS, strict=True):
        limited = MOST_DETAIL * np.tanh(band / MOST_DETAIL)
        added += gain * t * limited * np.where(limited < 0, 1.25, 0.75)
    light = lab[..., 0] + added * np.clip(2 * soften(skin, 0.05 * parts.unit) - 1, 0, 1)
    shade = wrinkle_map(parts.mesh, parts.side, years, rng)
    lab[..., 0] = light * (1 + LINES * np.clip(shade, -1.6, 0.8) * skin)
    blotch, spots = unevenness(parts, rng)
    coloured = np.array([1, *[colourful(parts)] * 2])
    for mask, change in ((blotch, BLOTCH), (spots, SPOT), (skin, SALLOW), (parts.sclera, EYE_WHITE),
                         (parts.under_eye * skin, UNDER_EYE)):  # fmt: skip
        lab += (t * np.array(change) * coloured * mask[..., None]).astype(np.float32)
    lab[..., 1] *= 1 - PALE_LIPS * t * parts.lips
    lab[..., 0] = np.clip(lab[..., 0], 1, 99)
    return lab


def colourful(parts: Regions) -> float:
    """1 for a picture in colour, 0 for a grey one, which must not be tinted."""
    return 0.0 if parts.colourless else 1.0


def younger(parts: Regions, skin: Soft, years: float) -> Array:
    """CIELAB of the face so many years younger."""
    t = years / -YOUNGEST
    lab = parts.lab.copy()
    for channel, share in ((0, 1.0), (1, 0.8), (2, 0.8)):
        for band, fade in zip(bands(lab[..., channel].copy(), skin, parts.unit), FADES, strict=True):
            edge = np.exp(-((np.abs(band) / MOST_DETAIL) ** 2))
            lab[..., channel] -= share * fade * t * band * edge
    under = parts.under_eye * skin
    gap = np.clip(soften(lab[..., 0], 0.5 * parts.unit) - soften(lab[..., 0], 0.08 * parts.unit), 0, 8)
    lab[..., 0] += 0.6 * t * under * gap
    lab[..., 1] += t * colourful(parts) * (FRESH[0] * parts.lips + FRESH[1] * parts.cheeks * skin)
    return lab


def unevenness(parts: Regions, rng: np.random.Generator) -> tuple[Array, Array]:
    """Blotches (about -1 to 1) and age spots (0-1) of ageing skin."""
    size = (parts.side, parts.side)
    noise = rng.standard_normal(size).astype(np.float32)
    blotch = soften(noise, 0.16 * parts.unit)
    blotch = blotch / max(float(blotch.std()), 1e-6)
    spots = np.zeros(size, np.float32)
    low, high = parts.mesh[:, :2].min(0), parts.mesh[:, :2].max(0)
    for _ in range(18):
        centre, radius = rng.uniform(low, high), float(rng.uniform(0.012, 0.035)) * parts.unit
        strength, turn = float(rng.uniform(0.3, 1.0)), float(rng.uniform(0, 180))
        x, y = np.round((centre - 0.5) * 16).astype(int).tolist()
        axes = (round(radius * 16), round(radius * 11))
        cv2.ellipse(spots, (x, y), axes, turn, 0, 360, strength, -1, cv2.LINE_8, 4)
    return np.clip(blotch, -2, 2), soften(spots, 0.012 * parts.unit)


def hair_greyed(parts: Regions, lab: Array, share: float, rng: np.random.Generator) -> tuple[Array, Soft]:
    """CIELAB with hair, brows and beard greyed, and where that is."""
    if share <= 0:
        return lab, np.zeros(lab.shape[:2], np.float32)
    lower = polygon(parts.mesh, BEARD, parts.side, 0.06 * parts.unit) * (1 - np.maximum(parts.lips, parts.mouth))
    brows = 0.6 * thinned(parts.brows, parts.pixels)
    hair = np.maximum.reduce([parts.hair, brows, 0.8 * beard(parts, lower)])
    return greyed(lab, hair, share, rng, parts.unit), np.asarray((hair > 0.003) * np.ones_like(hair), np.float32)


def promise(years: float) -> Promise:
    """Who it is, what the face does and the skin's tone stay; the age moves the asked way."""
    keeps = (labels.GENDER, labels.RACE, labels.RACE4, *EXPRESSION, *POSE, *WORN, *SKIN)
    change = (
        Change(labels.AGE, Move.UP, by=OLDER * min(years, MOST_PROMISED))
        if years > 0
        else Change(labels.AGE, Move.DOWN, by=-YOUNGER * years)
    )
    return Promise(Identity.KEPT, (change,), keeps)


def middle(low: float, high: float) -> float:
    """Middle of an age bin; the open one is taken as ten years wide."""
    return (low + min(high, low + 10)) / 2
