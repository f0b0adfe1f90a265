"""Drawn and painted versions of a portrait, by filters whose every number is a parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from annotators.crops import Pixels
from curate.generators.base import Config, Generator, Made, Parameters, Request
from curate.generators.cartoon import Cartoon, cartoon
from curate.generators.kept_labels import SAME_FACE
from curate.generators.painterly import Oil, Watercolour, oil, watercolour
from curate.generators.pencil import Pencil, pencil
from curate.generators.promise import Identity, Promise
from curate.generators.style_tools import bend_for
from curate.generators.xdog import XDoG, xdog
from schemas import UnknownNameError, UsageError

LEAST_STRENGTH = 0.3
"""Where strengths begin that are drawn."""


@dataclass(frozen=True)
class Style:
    """A way to draw.

    Attributes:
        numbers: Its dataclass of numbers.
        drawn: Function of RGB pixels and such numbers.
        ends: Field -> its value at strength 0 and at strength 1; the others keep their defaults.
    """

    numbers: type[Any]
    drawn: Callable[[Pixels, Any], Pixels]
    ends: Mapping[str, tuple[float, float]]

    def at(self, strength: float) -> dict[str, Any]:
        """Numbers at a strength in 0-1; whole ones are rounded."""
        values = asdict(self.numbers())
        for name, (weak, strong) in self.ends.items():
            value = weak + strength * (strong - weak)
            values[name] = round(value) if isinstance(values[name], int) else value
        return values


STYLES: Mapping[str, Style] = {
    "xdog": Style(
        XDoG,
        xdog,
        {"sigma": (0.8, 2.4), "sharpness": (12.0, 24.0), "slope": (3.0, 12.0), "flow": (2.0, 5.0), "mix": (0.4, 1.0)},
    ),
    "pencil": Style(Pencil, pencil, {"stroke": (8.0, 30.0), "dark": (0.5, 1.0), "grain": (0.2, 1.0)}),
    "watercolour": Style(
        Watercolour,
        watercolour,
        {"radius": (3.0, 10.0), "wobble": (0.5, 4.0), "edges": (0.4, 1.0), "flow": (0.4, 1.0), "grain": (0.3, 0.9)},
    ),
    "oil": Style(Oil, oil, {"radius": (3.0, 11.0), "stroke": (5.0, 16.0), "relief": (0.4, 1.0)}),
    "cartoon": Style(
        Cartoon,
        cartoon,
        {"passes": (1, 8), "levels": (14, 5), "ink": (0.4, 1.0), "line": (0.8, 2.0), "colour": (1.05, 1.3)},
    ),
}
"""Name -> style."""


def styled(pixels: Pixels, style: str, numbers: Mapping[str, Any]) -> Pixels:
    """A picture of any size in a style.

    Args:
        pixels: RGB, shape (height, width, 3).
        style: A name of `STYLES`.
        numbers: Fields of that style's dataclass.
    """
    kind = STYLES[style]
    return kind.drawn(pixels, kind.numbers(**numbers))


@dataclass(frozen=True)
class StyliseConfig(Config):
    """How it is drawn.

    Attributes:
        style: One of `STYLES`; empty draws one.
        strength: 0 (near the photo) to 1 (far from it); NaN draws from 0.3 to 1.
        colour: Share of colour in pencil drawings: 0 graphite, 1 coloured pencils.
    """

    style: str = ""
    strength: float = math.nan
    colour: float = 0.0


class Stylise(Generator):
    """Draws the whole portrait in one style."""

    name = "stylise"
    version = "1"
    doc = "XDoG ink, pencil, watercolour, oil or cartoon, at a chosen strength, with all numbers stored."
    config_type = StyliseConfig
    config: StyliseConfig
    shown = (
        {"style": "xdog", "strength": 0.4},
        {"style": "xdog", "strength": 1.0},
        {"style": "pencil", "strength": 0.6},
        {"style": "pencil", "strength": 0.5, "colour": 0.9},
        {"style": "watercolour", "strength": 0.5},
        {"style": "oil", "strength": 0.5},
        {"style": "cartoon", "strength": 0.4},
        {"style": "cartoon", "strength": 0.9},
    )

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse unknown styles and shares out of range."""
        assert isinstance(config, StyliseConfig)
        if config.style and config.style not in STYLES:
            raise UnknownNameError("style", config.style, tuple(STYLES))
        for field in ("strength", "colour"):
            value = getattr(config, field)
            if not math.isnan(value) and not 0 <= value <= 1:
                raise UsageError(f"{field}={value:g} is not between 0 and 1")

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The style and its numbers for this face."""
        subject = request.face()
        names = tuple(STYLES)
        drawn, place, seed = (
            names[int(rng.integers(len(names)))],
            float(rng.uniform(LEAST_STRENGTH, 1)),
            rng.integers(1 << 31),
        )
        name = self.config.style or drawn
        strength = place if math.isnan(self.config.strength) else self.config.strength
        numbers = STYLES[name].at(strength)
        own = {"bend": bend_for(subject), "seed": int(seed)} | (
            {"colour": self.config.colour} if name == "pencil" else {}
        )
        known = {f.name for f in fields(STYLES[name].numbers)}
        return {"style": name, "strength": strength, "numbers": numbers | {k: v for k, v in own.items() if k in known}}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """The drawing."""
        pixels = styled(request.face().pixels, str(parameters["style"]), parameters["numbers"])
        yield Made(pixels, Promise(Identity.OPEN, keeps=SAME_FACE))


__all__ = ["STYLES", "Style", "Stylise", "StyliseConfig", "styled"]
