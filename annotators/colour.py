"""sRGB to CIELAB, the angle that classes skin colour, and the CIEDE2000 colour difference, vectorised.

Light is D65 seen by the 2-degree observer (CIE 15:2004); sRGB as in IEC 61966-2-1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SRGB_TO_XYZ: Array = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
"""Linear sRGB to XYZ; rows sum to the white point, so greys have no colour to four decimals."""

WHITE_D65: Array = np.array([0.95047, 1.0, 1.08883])
"""XYZ of the D65 white, 2-degree observer."""


def _linear(values: Array) -> Array:
    return np.asarray(np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92))


_LINEAR_8_BIT: Array = _linear(np.arange(256) / 255)


def linear_rgb(rgb: NDArray[Any]) -> Array:
    """Undo the sRGB transfer curve.

    Args:
        rgb: uint8 in 0-255, or floats in 0-1, any shape.

    Returns:
        Linear light in 0-1, same shape.
    """
    if rgb.dtype == np.uint8:
        return np.asarray(_LINEAR_8_BIT[rgb])
    return np.asarray(_linear(np.asarray(rgb, np.float64)))


def linear_to_lab(linear: ArrayLike) -> Array:
    """CIELAB of linear sRGB, shape (..., 3): L* in 0-100, a* to red, b* to yellow."""
    xyz = np.asarray(linear, np.float64) @ SRGB_TO_XYZ.T / WHITE_D65
    f = np.cbrt(xyz)
    dark = xyz <= (6 / 29) ** 3
    f[dark] = xyz[dark] * (29 / 6) ** 2 / 3 + 4 / 29
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def srgb_to_lab(rgb: NDArray[Any]) -> Array:
    """CIELAB (D65) of sRGB colours, shape (..., 3); see `linear_rgb` for the accepted numbers."""
    return linear_to_lab(linear_rgb(rgb))


def hex_to_rgb(code: str) -> NDArray[np.uint8]:
    """`#rrggbb` as three bytes."""
    return np.frombuffer(bytes.fromhex(code.removeprefix("#")), np.uint8)


def typology_angle(lab: ArrayLike) -> Array:
    """Individual Typology Angle in degrees, `atan2(L* - 50, b*)`.

    Chardin, Hourseau and Hourseau, 1991, who write arctan((L* - 50) / b*) and mean skin, whose b* is positive.

    Args:
        lab: CIELAB, shape (..., 3).

    Returns:
        Angle in -90..90, shape (...); NaN where b* is not positive: a bluish or grey colour has no such angle.
    """
    values = np.asarray(lab, np.float64)
    lightness, yellow = values[..., 0], values[..., 2]
    return np.asarray(np.where(yellow > 0, np.degrees(np.arctan2(lightness - 50, yellow)), np.nan))


def _hue(a: Array, b: Array) -> Array:
    return np.asarray(np.degrees(np.arctan2(b, a)) % 360)


def _chroma_weight(chroma: Array) -> Array:
    return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def ciede2000(first: ArrayLike, second: ArrayLike) -> Array:
    """Colour difference CIEDE2000 with unit weights.

    G. Sharma, W. Wu and E. Dalal, "The CIEDE2000 color-difference formula: implementation notes,
    supplementary test data, and mathematical observations", Color Research and Application 30(1), 2005.

    Args:
        first: CIELAB, shape (..., 3).
        second: CIELAB, of a shape that broadcasts against it.

    Returns:
        Differences, the broadcast shape without the last axis; about 1 is just noticeable.
    """
    lab1, lab2 = np.broadcast_arrays(np.asarray(first, np.float64), np.asarray(second, np.float64))
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(lab, -1, 0) for lab in (lab1, lab2))
    stretch = 1.5 - 0.5 * _chroma_weight((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = _hue(a1, b1), _hue(a2, b2)
    grey = c1 * c2 == 0
    turn = np.where(grey, 0, (h2 - h1 + 180) % 360 - 180)
    # Half a turn apart, the published notes keep the sign of h2 - h1; the remainder above gives -180.
    turn = np.where((turn == -180) & (h2 > h1), 180, turn)
    far = np.abs(h1 - h2) > 180
    middle = (h1 + h2) / 2 + np.where(far, np.where(h1 + h2 < 360, 180, -180), 0)
    middle = np.where(grey, h1 + h2, middle)
    d_light, d_chroma = l2 - l1, c2 - c1
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    return _weighted(d_light, d_chroma, d_hue, (l1 + l2) / 2, (c1 + c2) / 2, middle)


def _weighted(d_light: Array, d_chroma: Array, d_hue: Array, light: Array, chroma: Array, hue: Array) -> Array:
    """The last step of CIEDE2000: differences over their just-noticeable sizes at the mean colour."""
    t = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    s_light = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_chroma, s_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    bend = 30 * np.exp(-(((hue - 275) / 25) ** 2))
    twist = -2 * _chroma_weight(chroma) * np.sin(np.radians(2 * bend))
    l_part, c_part, h_part = d_light / s_light, d_chroma / s_chroma, d_hue / s_hue
    return np.asarray(np.sqrt(l_part**2 + c_part**2 + h_part**2 + twist * c_part * h_part))
