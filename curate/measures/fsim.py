"""FSIM: how alike two pictures are where the eye finds structure, by phase congruency and gradients.

L. Zhang et al., "FSIM: a feature similarity index for image quality assessment", 2011, equations 4 to 8 and the
numbers of its section IV; phase congruency after P. Kovesi, "Image features from phase congruency", 1999.
"""

from __future__ import annotations

import functools
import itertools
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels

Array = NDArray[np.float64]

SCALES, DIRECTIONS = 4, 4
SHORTEST, STEP = 6.0, 2.0
"""Shortest wavelength in pixels and the factor from one scale to the next."""
BANDWIDTH, SPREAD = 0.55, 1.2
"""Of the log-Gabor filters, and spacing of their directions over the spread of each."""
NOISE = 2.0
"""Standard deviations above the mean noise that count as noise."""
T1, T2 = 0.85, 160.0
"""Constants of the similarities of phase congruency and of gradients."""
VIEWED = 256
"""Shorter side in pixels to which larger pictures are shrunk."""
TINY = 1e-4


def fsim(first: Pixels, second: Pixels) -> float:
    """Feature similarity of two pictures' luma, 0-1; 1 for equal pictures.

    Args:
        first: RGB, shape (height, width, 3).
        second: The same shape.
    """
    a, b = (_shrunk(_luma(p)) for p in (first, second))
    phase_a, phase_b = phase_congruency(a), phase_congruency(b)
    grad_a, grad_b = _gradient(a), _gradient(b)
    of_phase = (2 * phase_a * phase_b + T1) / (phase_a**2 + phase_b**2 + T1)
    of_gradient = (2 * grad_a * grad_b + T2) / (grad_a**2 + grad_b**2 + T2)
    weight = np.maximum(phase_a, phase_b)
    total = float(weight.sum())
    return float((of_phase * of_gradient * weight).sum() / total) if total > 0 else 1.0


def _luma(pixels: Pixels) -> Array:
    return np.asarray(pixels.astype(np.float64) @ [0.299, 0.587, 0.114])


def _shrunk(values: Array) -> Array:
    factor = max(1, round(min(values.shape) / VIEWED))
    return values if factor == 1 else np.asarray(cv2.blur(values, (factor, factor))[::factor, ::factor], np.float64)


def _gradient(values: Array) -> Array:
    """Magnitude of Scharr's gradient."""
    across, down = (cv2.Scharr(values, cv2.CV_64F, *xy) / 16 for xy in ((1, 0), (0, 1)))
    return np.asarray(np.hypot(across, down))


def phase_congruency(values: Array) -> Array:
    """How far the waves of all scales are in phase at each pixel, 0-1, shape of the picture."""
    spectrum = np.fft.fft2(values)
    energies, amplitudes = np.zeros(values.shape), np.zeros(values.shape)
    for filters in _filters(values.shape):
        answers = [np.fft.ifft2(spectrum * f) for f in filters]
        total: NDArray[np.complex128] = np.sum(answers, axis=0)
        along = total / (np.abs(total) + TINY)
        energy = np.zeros(values.shape)
        for answer in answers:
            turned = answer * np.conj(along)
            energy += turned.real - np.abs(turned.imag)
        energies += np.maximum(energy - _noise(answers[0], filters) / 1.7, 0)
        amplitudes += np.sum([np.abs(a) for a in answers], axis=0)
    return np.asarray(energies / np.maximum(amplitudes, TINY))


def _noise(finest: NDArray[np.complex128], filters: tuple[Array, ...]) -> float:
    """Energy that noise alone is likely to reach, estimated from the finest scale (Kovesi 1999, section 4)."""
    power = -float(np.median(np.abs(finest) ** 2)) / math.log(0.5) / float((filters[0] ** 2).sum())
    shapes = [np.real(np.fft.ifft2(f)) * math.sqrt(f.size) for f in filters]
    squares = sum(float((s**2).sum()) for s in shapes)
    products = sum(float((s * t).sum()) for s, t in itertools.combinations(shapes, 2))
    spread = math.sqrt(max(power * (squares + 2 * products), 0.0))
    return spread * math.sqrt(math.pi / 2) + NOISE * spread * math.sqrt(2 - math.pi / 2)


@functools.lru_cache(maxsize=4)
def _filters(shape: tuple[int, int]) -> tuple[tuple[Array, ...], ...]:
    """Log-Gabor filters of each direction and scale, in the order of `fft2`."""
    down, across = np.meshgrid(np.fft.fftfreq(shape[0]), np.fft.fftfreq(shape[1]), indexing="ij")
    radius, angle = np.hypot(across, down), np.arctan2(-down, across)
    low = 1 / (1 + (radius / 0.45) ** 30)
    radius[0, 0] = 1
    bands = []
    for scale in range(SCALES):
        frequency = 1 / (SHORTEST * STEP**scale)
        band = np.exp(-(np.log(radius / frequency) ** 2) / (2 * math.log(BANDWIDTH) ** 2)) * low
        band[0, 0] = 0
        bands.append(band)
    found = []
    for direction in range(DIRECTIONS):
        turn = angle - direction * math.pi / DIRECTIONS
        away = np.abs(np.arctan2(np.sin(turn), np.cos(turn)))
        fan = np.exp(-(away**2) / (2 * (math.pi / DIRECTIONS / SPREAD) ** 2))
        found.append(tuple(band * fan for band in bands))
    return tuple(found)
