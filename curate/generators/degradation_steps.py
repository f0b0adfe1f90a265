"""Ways in which pictures get worse: each a function of RGB pixels and plain numbers, the same for the same numbers.

Lengths are in pixels of a picture of 512 px and grow with the picture, so that a setting looks the same at any size.
Blurs of a lens, shake and light itself work on linear light, where a highlight outshines what is around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.colour import linear_rgb
from annotators.crops import Pixels
from curate.generators.compress import compressed

Array = NDArray[np.float32]
REFERENCE = 512
"""Side in pixels that lengths refer to."""
FINE = 8
"""Samples per pixel and axis when a blur's kernel is drawn."""
RESIZERS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


def degraded(pixels: Pixels, steps: Sequence[Mapping[str, Any]]) -> Pixels:
    """Apply steps in order.

    Args:
        pixels: RGB, shape (height, width, 3).
        steps: Objects with `step`, a name of `STEPS`, and that step's numbers.
    """
    for step in steps:
        numbers = {key: value for key, value in step.items() if key != "step"}
        pixels = STEPS[step["step"]](pixels, **numbers)
    return pixels


def gaussian_blur(pixels: Pixels, sigma: float, ratio: float = 1.0, angle: float = 0.0) -> Pixels:
    """A Gaussian of `sigma` along `angle` (degrees) and `sigma * ratio` across it, on the encoded values."""
    sigma = _scaled(pixels, sigma)
    if ratio == 1.0:
        return _bytes(cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), max(sigma, 1e-3)))
    return _bytes(cv2.filter2D(pixels.astype(np.float32), -1, gaussian_kernel(sigma, sigma * ratio, angle)))


def motion_blur(pixels: Pixels, length: float, angle: float) -> Pixels:
    """The camera, or the head, moved by `length` pixels at `angle` degrees while the shutter was open."""
    length = max(_scaled(pixels, length), 1.0)
    return _in_light(pixels, lambda light: cv2.filter2D(light, -1, line_kernel(length, angle)))


def defocus_blur(pixels: Pixels, radius: float) -> Pixels:
    """Out of focus: every point becomes a disc of this radius."""
    kernel = disc_kernel(max(_scaled(pixels, radius), 0.5))
    return _in_light(pixels, lambda light: cv2.filter2D(light, -1, kernel))


def downsample(pixels: Pixels, factor: float, how: str = "area", back: str = "linear") -> Pixels:
    """Shrink by a factor and enlarge again to the size it had."""
    return resized(shrunk(pixels, factor, how), pixels.shape[1], pixels.shape[0], back)


def shrunk(pixels: Pixels, factor: float, how: str = "area") -> Pixels:
    """A picture with `factor` times fewer pixels each way; the steps that follow see the small picture."""
    height, width = pixels.shape[:2]
    return resized(pixels, max(round(width / factor), 1), max(round(height / factor), 1), how)


def resized(pixels: Pixels, width: int, height: int, how: str = "linear") -> Pixels:
    """The picture at another size; `how` is a name of `RESIZERS`."""
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=RESIZERS[how]), np.uint8)


def gaussian_noise(pixels: Pixels, sigma: float, seed: int, grey: bool = False) -> Pixels:
    """White noise of this standard deviation in steps of 255, one layer for all channels where `grey`."""
    shape = (*pixels.shape[:2], 1 if grey else 3)
    return _bytes(pixels + np.random.default_rng(seed).normal(0, sigma, shape))


def poisson_noise(pixels: Pixels, photons: float, seed: int) -> Pixels:
    """Shot noise: white is this many photons, and their count in each channel is left to chance."""
    rng = np.random.default_rng(seed)
    return _in_light(pixels, lambda light: np.asarray(rng.poisson(light.astype(np.float64) * photons) / photons))


def colour_noise(pixels: Pixels, sigma: float, grain: float, seed: int) -> Pixels:
    """Blotches of colour and a little grain of light, as small sensors make them at high gain.

    Args:
        pixels: RGB.
        sigma: Standard deviation of the colour channels of YCrCb, in steps of 255.
        grain: Size of the blotches in pixels.
        seed: Of the noise.
    """
    rng = np.random.default_rng(seed)
    size = max(_scaled(pixels, grain), 0.3)
    noise = rng.standard_normal(pixels.shape).astype(np.float32)
    noise[..., 1:] = cv2.GaussianBlur(noise[..., 1:], (0, 0), size)
    noise /= noise.std((0, 1))
    values = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    values += noise * np.array([0.4 * sigma, sigma, sigma], np.float32)
    return np.asarray(cv2.cvtColor(_bytes(values), cv2.COLOR_YCrCb2RGB), np.uint8)


def low_light(pixels: Pixels, stops: float, photons: float, read: float, seed: int) -> Pixels:
    """A picture taken with too little light: darker, with shot and read noise, and the darkest tones lost.

    Args:
        pixels: RGB.
        stops: Exposure lost, in powers of two.
        photons: Photons that white was worth before.
        read: Standard deviation of the read noise, in photons.
        seed: Of the noise.
    """
    rng = np.random.default_rng(seed)

    def taken(light: Array) -> NDArray[np.float64]:
        mean = light.astype(np.float64) * 2.0**-stops * photons
        return np.asarray((rng.poisson(mean) + rng.normal(0, read, mean.shape)) / photons)

    return _in_light(pixels, taken)


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    """JPEG and back."""
    return compressed(pixels, "jpeg", quality).pixels


def webp(pixels: Pixels, quality: int) -> Pixels:
    """WebP and back."""
    return compressed(pixels, "webp", quality).pixels


STEPS: dict[str, Callable[..., Pixels]] = {
    "gaussian_blur": gaussian_blur,
    "motion_blur": motion_blur,
    "defocus_blur": defocus_blur,
    "downsample": downsample,
    "shrink": shrunk,
    "resize": resized,
    "gaussian_noise": gaussian_noise,
    "poisson_noise": poisson_noise,
    "colour_noise": colour_noise,
    "low_light": low_light,
    "jpeg": jpeg,
    "webp": webp,
}
"""Name -> step."""


def gaussian_kernel(along: float, across: float, angle: float) -> Array:
    """A Gaussian of two widths, its first axis turned by `angle` degrees; sums to 1."""
    x, y = _grid(int(np.ceil(3 * max(along, across))), 1)
    turn = np.radians(angle)
    u, v = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    return _unit(np.exp(-0.5 * ((u / max(along, 1e-3)) ** 2 + (v / max(across, 1e-3)) ** 2)))


def disc_kernel(radius: float) -> Array:
    """A disc of this radius in pixels, its rim drawn with partial pixels; sums to 1."""
    reach = int(np.ceil(radius))
    x, y = _grid(reach, FINE)
    return _unit(_pooled(np.hypot(x, y) <= radius))


def line_kernel(length: float, angle: float) -> Array:
    """A line of one pixel's width, this long in pixels, at `angle` degrees; sums to 1."""
    reach = int(np.ceil(length / 2 + 1))
    x, y = _grid(reach, FINE)
    turn = np.radians(angle)
    along, across = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    return _unit(_pooled((np.abs(along) <= length / 2) & (np.abs(across) <= 0.5)))


def _grid(reach: int, fine: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates of samples over 2 * reach + 1 pixels, `fine` samples each, from the middle pixel's centre."""
    line = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    x, y = np.meshgrid(line, line)
    return x, y


def _pooled(samples: NDArray[Any]) -> NDArray[np.float64]:
    side = samples.shape[0] // FINE
    return np.asarray(samples.reshape(side, FINE, side, FINE).mean((1, 3), dtype=np.float64))


def _unit(kernel: NDArray[Any]) -> Array:
    return np.asarray(kernel / kernel.sum(), np.float32)


def _scaled(pixels: Pixels, length: float) -> float:
    return length * max(pixels.shape[:2]) / REFERENCE


def _in_light(pixels: Pixels, change: Callable[[Array], NDArray[Any]]) -> Pixels:
    """Apply a change to linear light and encode the result as sRGB again."""
    light = np.clip(change(linear_rgb(pixels).astype(np.float32)), 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return _bytes(255 * encoded)


def _bytes(values: NDArray[Any]) -> Pixels:
    return np.asarray(np.rint(np.clip(values, 0, 255)), np.uint8)
