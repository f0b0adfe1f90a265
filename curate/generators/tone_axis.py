"""How skin and lips are coloured at each lightness, as measured on photos, and what colour stands for a Monk tone."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.colour import ciede2000, typology_angle
from annotators.skin_tone import monk_lab
from schemas import taxonomy
from schemas.columns import labels

Array = NDArray[np.float64]

FINE: Array = np.arange(12.0, 95.01, 0.25, dtype=np.float64)
"""L* at which the axis is searched."""
OWN = (0.6, 0.3, 0.0)
"""Shares of a skin's own redness and yellowness that it keeps on its way to a Monk tone, the first that can be."""
MARGIN = 1.5
"""By how much nearer a target must lie to its own tone than to the next one, CIEDE2000, at the least."""
WELL_INSIDE, DEEP = 3.0, 5.0
"""The same from which the axis passes for a tone, and that is aimed at there."""


@dataclass(frozen=True)
class ToneAxis:
    """Columns of `data/skin_tone.toml` over lightness.

    Attributes:
        lightness: L* of the rows.
        skin: a* and b* of skin, (n, 2).
        lips: L*, a* and b* of the lips of faces with such skin, (n, 3).
        reach: Distance in L* from a face's median to its 10 % and 90 % quantiles, (n, 2).
    """

    lightness: Array
    skin: Array
    lips: Array
    reach: Array

    def at(self, table: Array, lightness: float | Array) -> Array:
        """Rows of a table at a lightness; beyond the ends the end's row."""
        columns = [np.interp(lightness, self.lightness, table[:, k]) for k in range(table.shape[1])]
        return np.stack(columns, axis=-1)

    def colour(self, lightness: float | Array) -> Array:
        """CIELAB of skin of that lightness; beyond the table chroma falls to nothing at black and white."""
        light = np.asarray(lightness, np.float64)
        fade = np.clip(light / self.lightness[0], 0, 1) * np.clip((100 - light) / (100 - self.lightness[-1]), 0, 1)
        return np.concatenate([light[..., None], self.at(self.skin, light) * fade[..., None]], axis=-1)


@cache
def tone_axis() -> ToneAxis:
    """The axis of `data/skin_tone.toml`, written by `benchmarks/fit_tone_axis.py`."""
    file = resources.files("curate.generators").joinpath("data/skin_tone.toml")
    rows: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))["axis"]

    def table(*names: str) -> Array:
        return np.stack([np.asarray(rows[n], np.float64) for n in names], axis=1)

    return ToneAxis(
        np.asarray(rows["lightness"], np.float64),
        table("a", "b"),
        table("lips_lightness", "lips_a", "lips_b"),
        table("below", "above"),
    )


def monk_number(tone: str) -> int:
    """Place of a tone on the Monk scale, 0 for the lightest."""
    return taxonomy(labels.MONK.taxonomy).labels.index(tone)


def monk_target(tone: str, skin: Array) -> Array:
    """CIELAB that skin should have to pass for a Monk tone.

    The colour nearest in lightness among those that pass for the tone, along the axis moved towards the skin's own
    redness and yellowness as far as there are such colours. Where there are none, for the swatches at both ends are
    paler or yellower than skin in photos, the axis's best colour is moved towards the swatch, no farther than it takes.

    Args:
        tone: Such as `monk_07`.
        skin: CIELAB of the skin as it is, (3,).
    """
    number = monk_number(tone)
    for share in OWN:
        line = tone_axis().colour(FINE) + share * own_tint(skin)
        gap = _gap(line, number)
        if gap.max() >= WELL_INSIDE:
            inside = np.flatnonzero(gap >= min(DEEP, float(gap.max())))
            return np.asarray(line[inside[np.abs(line[inside, 0] - skin[0]).argmin()]])
    start = line[int(gap.argmax())]
    way = start + np.linspace(0, 1, 41)[:, None] * (monk_lab()[number] - start)
    return np.asarray(way[int((_gap(way, number) >= MARGIN).argmax())])


def own_tint(skin: Array) -> Array:
    """What sets a skin apart from the axis at its lightness: 0, redder by, yellower by."""
    return np.concatenate([[0.0], skin[1:] - tone_axis().colour(float(skin[0]))[1:]])


def angle_target(skin: Array, degrees: float) -> Array:
    """CIELAB whose typology angle lies so many degrees above the skin's (lighter) or below (darker), along the axis.

    What sets the skin apart from the axis, redder or yellower, is kept. It ends where the measured axis does.
    """
    line = tone_axis().colour(FINE) + own_tint(skin)
    line[:, 2] = np.maximum(line[:, 2], 1.0)
    goal = float(typology_angle(skin)) + degrees
    real = max(tone_axis().lightness[-1], float(skin[0])) >= FINE
    return np.asarray(line[int(np.where(real, np.abs(typology_angle(line) - goal), np.inf).argmin())])


def _gap(lab: Array, number: int) -> Array:
    """How much nearer colours, (n, 3), lie to a Monk tone than to the nearest other one."""
    away = ciede2000(lab[:, None], monk_lab()[None])
    others = np.delete(away, number, axis=1).min(1)
    return np.asarray(others - away[:, number])
