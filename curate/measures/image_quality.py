"""How like a picture is to the one it should be: PSNR, SSIM and sharpness, as scikit-image and OpenCV count them."""

from __future__ import annotations

import math
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels

Array = NDArray[np.float64]
Window = Literal["uniform", "gaussian"]

RANGE = 255.0
K1, K2 = 0.01, 0.03
UNIFORM = 7
"""Side of the uniform window."""
SIGMA, RADIUS = 1.5, 5
"""Of the Gaussian window: 11 pixels wide, as Wang et al. have it."""


def psnr(first: Pixels, second: Pixels) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal pictures.

    10 log10(255^2 / MSE), over all channels together, as `skimage.metrics.peak_signal_noise_ratio`.

    Args:
        first: Shape (height, width) or (height, width, 3).
        second: The same shape.
    """
    _alike(first, second)
    error = float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2))
    return math.inf if error == 0 else 10 * math.log10(RANGE**2 / error)


def ssim(first: Pixels, second: Pixels, window: Window = "uniform") -> float:
    """Structural similarity, -1..1; 1 for equal pictures.

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004, equation 13.
    Channels are averaged. `uniform` is `skimage.metrics.structural_similarity` with its defaults (7 x 7, unbiased
    variances); `gaussian` is the paper's: sigma 1.5, 11 x 11, variances divided by n.

    Args:
        first: Shape (height, width) or (height, width, 3), at least as large as the window.
        second: The same shape.
        window: The weights of the neighbourhood.
    """
    _alike(first, second)
    a, b = (p.astype(np.float64).reshape(*p.shape[:2], -1) for p in (first, second))
    return float(np.mean([_ssim(a[..., c], b[..., c], window) for c in range(a.shape[2])]))


def _ssim(a: Array, b: Array, window: Window) -> float:
    unbiased = UNIFORM**2 / (UNIFORM**2 - 1) if window == "uniform" else 1.0
    mean_a, mean_b = _local(a, window), _local(b, window)
    var_a = unbiased * (_local(a * a, window) - mean_a**2)
    var_b = unbiased * (_local(b * b, window) - mean_b**2)
    both = unbiased * (_local(a * b, window) - mean_a * mean_b)
    c1, c2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2
    found = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    edge = UNIFORM // 2 if window == "uniform" else RADIUS
    return float(found[edge:-edge, edge:-edge].mean())


def _local(values: Array, window: Window) -> Array:
    if window == "uniform":
        size = (UNIFORM, UNIFORM)
        return np.asarray(cv2.blur(values, size, borderType=cv2.BORDER_REFLECT), np.float64)
    kernel = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    kernel /= kernel.sum()
    return np.asarray(cv2.sepFilter2D(values, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REFLECT), np.float64)


def sharpness(pixels: Pixels) -> float:
    """Variance of the Laplacian of the grey picture; it falls with blur, and rises with noise.

    J. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", 2000.

    Args:
        pixels: RGB, shape (height, width, 3).
    """
    return float(cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def _alike(first: NDArray[Any], second: NDArray[Any]) -> None:
    if first.shape != second.shape:
        raise ValueError(f"pictures of shape {first.shape} and {second.shape} cannot be compared pixel by pixel")
    if min(first.shape[:2]) < 2 * RADIUS + 1:
        raise ValueError(f"a picture of shape {first.shape} is smaller than the window of {2 * RADIUS + 1} pixels")
