"""Light from far away on a surface without shine, as nine numbers; and the colour of a lamp.

R. Ramamoorthi and P. Hanrahan, "An efficient representation for irradiance environment maps", SIGGRAPH 2001: what a
matt surface reflects follows from its normal by real spherical harmonics up to the second order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.colour import SRGB_TO_XYZ

Array = NDArray[np.float64]

TERMS = 9
COSINE: Array = np.pi * np.array([1.0, *[2 / 3] * 3, *[1 / 4] * 5])
"""What a matt surface leaves of each harmonic of the light (equation 8 of the paper: A0, A1, A2)."""
NEUTRAL = 6504.0
"""Kelvin of D65, sRGB's white."""
WARMEST, COOLEST = 1667.0, 25000.0
_COLD = (-3.0258469, 2.1070379, 0.2226347, 0.240390)
_WARM = (-0.2661239, -0.2343589, 0.8776956, 0.179910)
PLANCK = (
    (2222.0, _WARM, (-1.1063814, -1.34811020, 2.18555832, -0.20219683)),
    (4000.0, _WARM, (-0.9549476, -1.37418593, 2.09137015, -0.16748867)),
    (COOLEST, _COLD, (3.0817580, -5.87338670, 3.75112997, -0.37001483)),
)
"""Upper end in K, x as a cubic of 1000 / K, y as a cubic of x."""


def basis(normals: NDArray[Any]) -> NDArray[np.float32]:
    """The nine harmonics at unit vectors, shape (..., 3) -> (..., 9), in the paper's order (its equation 3)."""
    x, y, z = (np.asarray(normals, np.float32)[..., k] for k in range(3))
    return np.stack(
        [
            np.full_like(x, 0.282095),
            0.488603 * y, 0.488603 * z, 0.488603 * x,
            1.092548 * x * y, 1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        axis=-1,
    )  # fmt: skip


def lamp(direction: NDArray[Any]) -> Array:
    """Coefficients of what a lamp in this direction, shape (3,), sheds on matt surfaces, before `basis`."""
    unit = np.asarray(direction, np.float64) / np.linalg.norm(direction)
    return np.asarray(COSINE * basis(unit).astype(np.float64))


def fitted(normals: NDArray[Any], brightness: NDArray[Any], caution: float) -> Array:
    """Coefficients of the light that best explain brightness on a surface of one albedo.

    Least squares with a penalty on all but the constant, so that a face seen from one side alone does not
    invent light behind itself.

    Args:
        normals: (n, 3) unit vectors.
        brightness: (n,) linear light.
        caution: Weight of the penalty, as a share of the number of points.
    """
    terms = basis(normals).astype(np.float64)
    penalty = caution * len(terms) * np.diag([0.0, *[0.3] * 3, *[1.0] * 5])
    return np.asarray(
        np.linalg.solve(terms.T @ terms + penalty + 1e-9 * np.eye(TERMS), terms.T @ np.asarray(brightness))
    )


def main_direction(coefficients: Array) -> Array:
    """Where the light mostly comes from, unit vector, shape (3,); zero for light from everywhere."""
    y, z, x = coefficients[1:4]
    size = float(np.linalg.norm([x, y, z]))
    return np.array([x, y, z]) / size if size else np.zeros(3)


def lamp_colour(kelvin: float) -> Array:
    """Linear sRGB of a black body's light beside one of 6504 K, shape (3,), of luminance 1.

    Args:
        kelvin: Its temperature, 1667 to 25000.
    """
    to_rgb = np.linalg.inv(SRGB_TO_XYZ)
    colour = (to_rgb @ _planck(kelvin)) / (to_rgb @ _planck(NEUTRAL))
    return np.asarray(np.maximum(colour, 0.02) / float(SRGB_TO_XYZ[1] @ np.maximum(colour, 0.02)))


def _planck(kelvin: float) -> Array:
    """XYZ of a black body, Y = 1.

    B. Kim et al., "Design of advanced color temperature control system for HDTV applications", Journal of the Korean
    Physical Society 41(6), 2002: cubics for the Planckian locus, one pair for each of three ranges.
    """
    cubics = next(c for limit, *c in PLANCK if kelvin <= limit)
    x = float(np.polyval(cubics[0], 1e3 / kelvin))
    y = float(np.polyval(cubics[1], x))
    return np.array([x / y, 1.0, (1 - x - y) / y])
