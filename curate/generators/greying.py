"""Hair, brows and beard that turn grey with age, strand by strand."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.generators.regions import Regions
from curate.generators.soft_masks import Soft, soften

WHITE = 74.0
"""L* that grey hair tends to under good light."""
LIFT, STRANDS = 0.42, 0.7
"""How far hair is brought there, and how much more its strands then differ: grey hair has light and dark ones."""
LEAST_BEARD = 0.1
"""Share of the place of beards that one covers; less is a shadow of the chin or the folds of the mouth."""
BEARD = (205, 187, 147, 177, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 401,
         376, 411, 425, 423, 391, 164, 165, 203)  # fmt: skip
"""Around where beards grow: cheeks below the bone, upper lip, chin, jaw."""


def beard(parts: Regions, place: Soft) -> Soft:
    """Hair of the lower face: what is darker than the skin there, and less coloured than a shadow on it."""
    light, middle = parts.lab[..., 0], parts.colour.middle
    darker = np.clip((middle[0] - light) / max(0.35 * middle[0], 8) - 0.45, 0, 1)
    unlike = np.clip(parts.colour.distance(parts.lab) / 2.2 - 0.7, 0, 1)
    found = soften(place * darker * np.maximum(unlike, 0.3 * darker), 0.01 * parts.unit)
    return found if found.sum() > LEAST_BEARD * place.sum() else np.zeros_like(found)


def greyed(
    lab: NDArray[np.float32], hair: Soft, share: float, rng: np.random.Generator, unit: float
) -> NDArray[np.float32]:
    """CIELAB with hair greyed where the mask is.

    Hair loses its colour and gains light; dark strands of it stay, more of them while the share is low.

    Args:
        lab: CIELAB, (side, side, 3).
        hair: Mask of hair.
        share: How grey, 0 to 1.
        rng: Where the first grey strands grow.
        unit: Distance of the eyes in px.
    """
    if hair.sum() < 1 or share <= 0:
        return lab
    light = lab[..., 0]
    middle = soften(light, 0.12 * unit)
    strand = light - soften(light, 0.025 * unit)
    patches = soften(rng.standard_normal(light.shape).astype(np.float32), 0.10 * unit)
    patches = patches / max(float(patches.std()), 1e-6)
    ready = np.clip(share + 0.12 * patches + 0.03 * strand * (1 - share), 0, 1) * hair
    room = np.clip(WHITE - middle, 0, None)
    lifted = light + ready * (LIFT * room + STRANDS * strand)
    colour = lab[..., 1:] * (1 - 0.85 * ready)[..., None]
    return np.asarray(np.dstack([np.clip(lifted, 0, 97), colour]), np.float32)


def thinned(mask: Soft, pixels: NDArray[np.uint8]) -> Soft:
    """A mask of brows cut down to their hairs: what is darker than its surroundings."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)
    around = soften(grey, 0.04 * mask.shape[0])
    return np.asarray(mask * np.clip((around - grey) / 25, 0, 1), np.float32)
