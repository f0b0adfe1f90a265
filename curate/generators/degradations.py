"""Worse pictures of the same face: blur, too few pixels, noise, compression, too little light, and the whole chain."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.generators.base import Config, DigitalSource, Generator, Made, Parameters, Request
from curate.generators.degradation_steps import degraded
from curate.generators.kept_labels import SAME_FACE, SKIN
from curate.generators.promise import Change, Identity, Move, Promise
from schemas import UnknownNameError, UsageError
from schemas.columns import labels

Range = tuple[float, float]
"""A number at severity 0 and at severity 1."""

KINDS: Mapping[str, Mapping[str, Range]] = {
    "gaussian_blur": {"sigma": (1.5, 10.0)},
    "motion_blur": {"length": (8.0, 60.0)},
    "defocus_blur": {"radius": (2.5, 14.0)},
    "downsample": {"factor": (3.0, 16.0)},
    "gaussian_noise": {"sigma": (6.0, 40.0)},
    "poisson_noise": {"photons": (400.0, 8.0)},
    "colour_noise": {"sigma": (3.0, 12.0)},
    "low_light": {"stops": (2.0, 5.0)},
    "jpeg": {"quality": (30, 6)},
    "webp": {"quality": (20, 0)},
}
"""Kind -> its number and that number's range, mild to severe."""

CHAINS: Mapping[str, Mapping[str, Range]] = {
    "gfpgan": {"sigma": (0.2, 10.0), "factor": (1.0, 8.0), "noise": (0.0, 15.0), "quality": (100, 60)},
    "codeformer": {"sigma": (1.0, 15.0), "factor": (1.0, 30.0), "noise": (0.0, 20.0), "quality": (90, 30)},
}
"""Blur, downsample, noise, JPEG with the ranges of two papers on blind face restoration at 512 px: X. Wang et al.,
"Towards real-world blind face restoration with generative facial prior", 2021, and S. Zhou et al., "Towards robust
blind face restoration with codebook lookup transformer", 2022. Both draw each number evenly from its range."""

SOFTENS = ("gaussian_blur", "motion_blur", "defocus_blur", "downsample")
"""Kinds after which the face is less sharp; noise and blocks are detail to a measure of sharpness."""
SOFT_CHAIN = (2.5, 3.0)
"""Blur's sigma or downsampling's factor from which a chain without noise is sure to be softer."""
QUIET, COARSE = 3.0, 10.0
"""Noise up to which that holds; or the factor from which noise, enlarged with the picture, is no fine detail."""
WHOLE = 1 << 31


@dataclass(frozen=True)
class DegradeConfig(Config):
    """What goes wrong, and how much.

    Attributes:
        kind: One of `KINDS`, or `gfpgan` or `codeformer` for the whole chain; empty draws one.
        severity: 0 (mild) to 1 (severe); NaN draws. In a chain NaN draws each number by itself, as the papers do.
        sigma: Standard deviation of the chain's blur in px at 512; NaN leaves it to the severity.
        factor: Its downsampling.
        noise: Standard deviation of its noise, of 255.
        quality: Its JPEG quality; 0 leaves it to the severity.
    """

    kind: str = ""
    severity: float = math.nan
    sigma: float = math.nan
    factor: float = math.nan
    noise: float = math.nan
    quality: int = 0


class Degrade(Generator):
    """Takes the portrait through steps whose every number, noise seeds included, is a parameter."""

    name = "degrade"
    version = "1"
    doc = "Blur, few pixels, noise, JPEG, little light, or the blind-restoration chain, each step's numbers stored."
    config_type = DegradeConfig
    digital_source = DigitalSource.ALGORITHMICALLY_ENHANCED
    config: DegradeConfig
    shown = (
        {"kind": "motion_blur", "severity": 0.5},
        {"kind": "defocus_blur", "severity": 0.6},
        {"kind": "downsample", "severity": 0.7},
        {"kind": "poisson_noise", "severity": 0.8},
        {"kind": "colour_noise", "severity": 0.8},
        {"kind": "low_light", "severity": 0.5},
        {"kind": "gfpgan", "severity": 0.6},
        {"kind": "codeformer", "severity": 0.7},
    )

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse unknown kinds and numbers that no step can take."""
        assert isinstance(config, DegradeConfig)
        if config.kind and config.kind not in (*KINDS, *CHAINS):
            raise UnknownNameError("kind", config.kind, (*KINDS, *CHAINS))
        limits = {"severity": (0.0, 1.0), "sigma": (0.0, 100.0), "factor": (1.0, 64.0), "noise": (0.0, 255.0)}
        for field, (low, high) in limits.items():
            value = getattr(config, field)
            if not math.isnan(value) and not low <= value <= high:
                raise UsageError(f"{field}={value:g} is not between {low:g} and {high:g}")
        if not 0 <= config.quality <= 100:
            raise UsageError(f"quality={config.quality} is not between 1 and 100", fix="Give 0 to have it drawn")
        own = [f for f in ("sigma", "factor", "noise") if not math.isnan(getattr(config, f))]
        own += ["quality"] * bool(config.quality)
        if own and config.kind not in CHAINS:
            raise UsageError(f"{own[0]} belongs to the chain", fix=f"Give kind={next(iter(CHAINS))}, or severity")

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The kind and its steps."""
        side = request.face().side
        names = (*KINDS, *CHAINS)
        drawn = names[int(rng.integers(len(names)))]
        kind = self.config.kind or drawn
        steps = self._chain(CHAINS[kind], side, rng) if kind in CHAINS else [self._single(kind, rng)]
        return {"kind": kind, "steps": steps}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """The worse picture."""
        pixels = degraded(request.face().pixels, parameters["steps"])
        yield Made(pixels, promised(str(parameters["kind"]), parameters["steps"]))

    def _number(self, within: Range, rng: np.random.Generator) -> float:
        """Where in its range a number lies; an open severity is drawn for each."""
        place = float(rng.uniform())
        place = place if math.isnan(self.config.severity) else self.config.severity
        return within[0] + place * (within[1] - within[0])

    def _single(self, kind: str, rng: np.random.Generator) -> dict[str, Any]:
        ((name, within),) = KINDS[kind].items()
        value, turn, seed = self._number(within, rng), float(rng.uniform(0, 180)), int(rng.integers(WHOLE))
        more: dict[str, dict[str, Any]] = {
            "motion_blur": {"angle": turn},
            "downsample": {"how": "area", "back": "linear"},
            "gaussian_noise": {"seed": seed, "grey": False},
            "poisson_noise": {"seed": seed},
            "colour_noise": {"seed": seed, "grain": 2.0},
            "low_light": {"seed": seed, "photons": 4000.0, "read": 4.0},
        }
        known = round(value) if name == "quality" else value
        return {"step": kind, name: known, **more.get(kind, {})}

    def _chain(self, ranges: Mapping[str, Range], side: int, rng: np.random.Generator) -> list[dict[str, Any]]:
        """Blur, downsample, noise and JPEG of the small picture, which is then enlarged again."""
        own = {name: getattr(self.config, name) for name in ranges}
        own["quality"] = self.config.quality or math.nan
        drawn = {name: self._number(within, rng) for name, within in ranges.items()}
        number = {name: drawn[name] if math.isnan(own[name]) else own[name] for name in ranges}
        ratio, turn = float(rng.uniform(0.5, 1.0)), float(rng.uniform(0, 180))
        how = ("area", "linear", "cubic")[int(rng.integers(3))]
        return [
            {"step": "gaussian_blur", "sigma": number["sigma"], "ratio": ratio, "angle": turn},
            {"step": "shrink", "factor": number["factor"], "how": how},
            {"step": "gaussian_noise", "sigma": number["noise"], "seed": int(rng.integers(WHOLE)), "grey": False},
            {"step": "jpeg", "quality": round(number["quality"])},
            {"step": "resize", "width": side, "height": side, "how": "linear"},
        ]


def promised(kind: str, steps: Iterable[Mapping[str, Any]]) -> Promise:
    """What a degraded picture promises: less of the part of quality that this kind takes away."""
    changes: tuple[Change, ...] = ()
    if kind in SOFTENS or _soft_chain(kind, steps):
        changes = (Change(labels.SHARPNESS, Move.DOWN), Change(labels.QUALITY_SCORE, Move.DOWN))
    if kind == "low_light":
        changes = (Change(labels.BRIGHTNESS, Move.DOWN), Change(labels.QUALITY_SCORE, Move.DOWN))
    return Promise(Identity.OPEN, changes, keeps=SAME_FACE if kind == "low_light" else (*SAME_FACE, *SKIN))


def _soft_chain(kind: str, steps: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a chain blurs or shrinks enough, and adds too little noise, for the loss of detail to be sure."""
    if kind not in CHAINS:
        return False
    numbers = {str(step["step"]): step for step in steps}
    sigma = float(numbers.get("gaussian_blur", {}).get("sigma", 0))
    factor = float(numbers.get("shrink", {}).get("factor", 1))
    noise = float(numbers.get("gaussian_noise", {}).get("sigma", 0))
    return (sigma >= SOFT_CHAIN[0] or factor >= SOFT_CHAIN[1]) and (noise <= QUIET or factor >= COARSE)


__all__ = ["CHAINS", "KINDS", "SOFTENS", "Degrade", "DegradeConfig", "promised"]
