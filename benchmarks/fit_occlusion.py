"""Fits the weights of `annotators/data/occlusion.csv` on FairFace training adults with things pasted over them.

Each face is seen once, four fifths of them with one or two occluders of `occluders.FITTING`, and once
mirrored; half of the pictures are blurred, shrunk, compressed or relit besides. Regions that are partly
covered (15-60 % of their points) teach nothing. Usage:

    python -m benchmarks.fit_occlusion [--faces N]
"""

from __future__ import annotations

from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.crops import Crop, warp
from annotators.mesh_crops import MeshCrop
from annotators.occlusion import patch_features, patches, point_colours
from annotators.weights import ModelStore
from benchmarks.labelling import arguments, decode, made
from benchmarks.occluders import FITTING, REGIONS, adults, occluded
from schemas.columns import labels
from schemas.landmarks import opposite

CROP = MeshCrop(128, 1.0)
CLEAR, HIDDEN = 0.15, 0.6
PENALTY = 0.03
"""Inverse strength of the ridge, chosen on half of the training faces."""


def mirrored(colours_of_patches: NDArray[Any]) -> NDArray[Any]:
    """Features, shape (n, 3 kinds x patches x 4), of the mirrored faces."""
    names = list(patches())
    order = [names.index(opposite(n)) for n in names]
    shaped = colours_of_patches.reshape(len(colours_of_patches), 3, len(names), 4)
    return shaped[:, :, order].reshape(len(colours_of_patches), -1)


def features(row: dict[str, Any]) -> NDArray[Any]:
    """Patch features of a labelled picture."""
    mesh = np.asarray(row[labels.MESH.name], np.float32).reshape(-1, 3)
    matrix = CROP.matrix({labels.MESH: mesh})
    crop = Crop(warp(decode(row["picture"]), matrix, CROP.size), matrix)
    return patch_features(point_colours(crop.pixels, crop.to_crop(mesh)))


def fit(seen: NDArray[Any], shares: NDArray[Any]) -> NDArray[Any]:
    """Weights with the bias as last row, shape (f + 1, regions), in the raw features."""
    from sklearn.linear_model import LogisticRegression

    swap = [list(REGIONS).index(opposite(name)) for name in REGIONS]
    both, truth = np.concatenate([seen, mirrored(seen)]), np.concatenate([shares, shares[:, swap]])
    mean, scale = both.mean(0), np.maximum(both.std(0), 1e-6)
    columns = []
    for share in truth.T:
        clear = (share < CLEAR) | (share > HIDDEN)
        model = LogisticRegression(C=PENALTY, max_iter=1000).fit(((both - mean) / scale)[clear], share[clear] > HIDDEN)
        weights = model.coef_[0] / scale
        columns.append(np.append(weights, model.intercept_[0] - weights @ mean))
    return np.stack(columns, axis=1)


def main() -> None:
    """Fit and write the table."""
    parser = arguments(__doc__)
    parser.add_argument("--faces", type=int, default=5000)
    options = parser.parse_args()
    models = ModelStore()
    pictures = islice(adults(options.data, "train"), options.faces)
    rows = occluded(pictures, FITTING, made("mesh"), models, seed=11, worsen=True)
    seen = np.array([features(row) for row in rows])
    shares = np.array([[row["covered"][name] for name in REGIONS] for row in rows])
    print(f"{len(seen)} faces; hidden:", dict(zip(REGIONS, (shares > HIDDEN).sum(0).tolist(), strict=True)))
    target = Path(str(resources.files("annotators").joinpath("data/occlusion.csv")))
    header = (
        f"Log-odds that a region is covered ({', '.join(REGIONS)}), by patch feature: mean, spread and absolute mean\n"
        f"of L*, a*, b*, log gradient over each patch; the last row is the bias. Fitted on {len(seen)} FairFace faces."
    )
    np.savetxt(target, fit(seen, shares), delimiter=",", fmt="%.4f", header=header)


if __name__ == "__main__":
    main()
