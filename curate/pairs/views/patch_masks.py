"""Random masks of patches for masked pre-training: one region of the face fully covered, the rest in proportion.

G. Wang et al., "FSFM: a generalizable face security foundation model via self-supervised facial representation
learning", CVPR 2025, CRFR-P: covering a random facial region, followed by proportional masking.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annotators.part_maps import PartMap
from curate.export.sample import Sample
from curate.generators.regions import Regions
from curate.generators.subject import Subject
from curate.pairs.views.base import WHITE, ArrayView, MeshView, chance_of
from curate.pairs.views.face_masks import part_mask
from schemas import UsageError

Cells = NDArray[np.int64]

REGIONS = ("background", "skin", "hair", "brows", "eyes", "nose", "mouth")
"""Regions of the face in the order of their numbers."""
SMALL = ("brows", "eyes", "nose", "mouth")
IN_MAPS = {
    "skin": ("skin", "l_ear", "r_ear"), "hair": ("hair", "hat"), "brows": ("l_brow", "r_brow"),
    "eyes": ("l_eye", "r_eye", "eye_g"), "nose": ("nose",), "mouth": ("mouth", "u_lip", "l_lip"),
}  # fmt: skip
"""Region -> parts of a parsing map; all else is background."""
CELLS, RATIO = 14, 0.75
"""Of the view: patches of 16 px at 224 px, and the share that is hidden."""
ENOUGH = 0.12
"""Share of a patch from which it belongs to a small part, though most of it is skin."""


def region_map(parts: Regions, nose: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Number of the region at each pixel, from the mesh and the colours of skin and hair.

    Args:
        parts: Masks of the face.
        nose: Mask of the nose.
    """
    found = np.zeros((parts.side, parts.side), np.uint8)
    found[parts.hair > 0.5] = REGIONS.index("hair")
    found[(parts.face > 0.5) | (parts.grown > 0.5)] = REGIONS.index("skin")
    masks = {"nose": nose, "mouth": np.maximum(parts.lips, parts.mouth) > 0.5, "brows": parts.brows > 0.5}
    for name, mask in {**masks, "eyes": parts.eyes > 0.5}.items():
        found[mask] = REGIONS.index(name)
    return found


def region_map_of(parts: PartMap) -> NDArray[np.uint8]:
    """Number of the region at each pixel of a parsing map; what was not judged is background."""
    found = np.zeros(parts.parts.shape, np.uint8)
    for name, names in IN_MAPS.items():
        found[parts.mask(*names)] = REGIONS.index(name)
    return found


def region_cells(regions: NDArray[np.uint8], cells: int = 14) -> Cells:
    """Region of each patch, (cells, cells): a small part that fills enough of it, else the one that fills most.

    Args:
        regions: (side, side) numbers of `REGIONS`.
        cells: Patches along a side.

    Raises:
        UsageError: for more patches than pixels.
    """
    side = regions.shape[0]
    if not 1 <= cells <= side:
        raise UsageError(f"{cells} patches do not fit a side of {side} px", fix=f"Give 1 to {side}")
    edges = np.round(np.linspace(0, side, cells + 1)).astype(int)
    shares = np.zeros((cells, cells, len(REGIONS)))
    for row in range(cells):
        for column in range(cells):
            patch = regions[edges[row] : edges[row + 1], edges[column] : edges[column + 1]]
            shares[row, column] = np.bincount(patch.ravel(), minlength=len(REGIONS)) / patch.size
    small = [REGIONS.index(name) for name in SMALL]
    weighted = shares.copy()
    weighted[..., small] += np.where(shares[..., small] >= ENOUGH, 1.0, 0.0)
    return np.asarray(weighted.argmax(2), np.int64)


def covered(cells: Cells, ratio: float, rng: np.random.Generator) -> tuple[NDArray[np.bool_], int]:
    """Cover patches: all of one region, of every other the same share, together `ratio` of all patches.

    Only a region that leaves room for the others is chosen, and no other is covered in full, so that exactly one is.
    Background is never the one.

    Args:
        cells: Region of each patch.
        ratio: Share of patches to cover.
        rng: Chooses the region and the patches.

    Returns:
        Mask of covered patches, and the region that is covered in full.

    Raises:
        UsageError: if no region can be covered so.
    """
    counts = np.bincount(cells.ravel(), minlength=len(REGIONS))
    wanted = round(ratio * cells.size)
    others = np.maximum(counts - 1, 0)
    fitting = [
        region
        for region in np.flatnonzero(counts).tolist()
        if region != 0 and counts[region] <= wanted <= counts[region] + others.sum() - others[region]
    ]
    if not fitting:
        raise UsageError(f"no region of the face can be covered in full at a ratio of {ratio:g}")
    chosen = int(rng.choice(fitting))
    takes = _shares(counts, chosen, wanted)
    mask = np.zeros(cells.size, bool)
    for region, take in enumerate(takes):
        mask[rng.permutation(np.flatnonzero(cells.ravel() == region))[:take]] = True
    return mask.reshape(cells.shape), chosen


def _shares(counts: NDArray[np.int64], chosen: int, wanted: int) -> NDArray[np.int64]:
    """Patches to cover per region, summing to `wanted`.

    All regions but the chosen one get one share, less than all of it; the largest remainders are rounded up.
    """
    rest = counts.copy()
    rest[chosen] = 0
    most = np.maximum(rest - 1, 0)
    aims = np.minimum(_common_share(rest, most, wanted - int(counts[chosen])) * rest, most)
    takes = np.floor(aims + 1e-9).astype(np.int64)
    missing = wanted - int(counts[chosen]) - int(takes.sum())
    open_ones = np.flatnonzero(takes < most)
    takes[open_ones[np.argsort(-(aims - takes)[open_ones], kind="stable")][:missing]] += 1
    takes[chosen] = counts[chosen]
    return np.asarray(takes)


def _common_share(rest: NDArray[np.int64], most: NDArray[np.int64], wanted: int) -> float:
    """The share s for which `sum(min(s * rest, most))` is `wanted`, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(middle * rest, most).sum() < wanted else (low, middle)
    return high


class RegionMap(MeshView):
    """Which region each pixel shows."""

    name = "region_map"
    doc = "Number of the region at each pixel: 0 background, 1 skin, 2 hair, 3 brows, 4 eyes, 5 nose, 6 mouth."

    def made(self, subject: Subject, sample: Sample) -> NDArray[np.uint8]:
        """The numbers."""
        return regions_of(subject)


class PatchMask(ArrayView):
    """FSFM's mask."""

    name = "patch_mask"
    doc = "14 x 14 patches, white where hidden: one region of the face in full, the others in proportion, 147 of 196."

    def made(self, subject: Subject, sample: Sample) -> NDArray[np.uint8] | None:
        """The mask; None where no region can be hidden so."""
        try:
            hidden, _ = covered(region_cells(regions_of(subject), CELLS), RATIO, chance_of(sample, self.name))
        except UsageError:
            return None
        return np.where(hidden, WHITE, 0).astype(np.uint8)


def regions_of(subject: Subject) -> NDArray[np.uint8]:
    """Number of the region at each pixel of a portrait, (side, side)."""
    mesh = subject.need_mesh()
    return region_map(Regions(subject.pixels, mesh), part_mask(mesh, "nose", subject.side))
