"""The small head of the proof that balance helps: perceived gender from statistics of SFace's maps.

It is the second network of the shipped head (`benchmarks.demographic_network.side_network`) with that head's
settings. Every arm trains for the same number of steps on batches of the same size, drawn by the sampling weights, so
that arms differ in nothing but the faces and weights that they were given.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks.demographic_network import MOST_DEVIATIONS, side_network
from benchmarks.demographic_training import Recipe

BATCH = 128
STEPS = 400
"""About 13 passes over 4,000 faces: those of the shipped head's second network."""
Floats = NDArray[np.float32]


def gender_answers(
    features: Floats,
    gender: NDArray[np.int64],
    weight: NDArray[np.float64],
    test: Floats,
    seed: int,
    steps: int = STEPS,
) -> NDArray[np.int64]:
    """Train on some faces and answer for others.

    Args:
        features: (n, 3968) of the training faces.
        gender: (n,) class indices.
        weight: (n,) sampling weights.
        test: (m, 3968) of the faces to answer for.
        seed: Of weights, batches and dropout.
        steps: Batches.

    Returns:
        Class indices, shape (m,).
    """
    recipe = Recipe(seed=seed)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    mean, deviation = features.mean(0), features.std(0) + 1e-6

    def ready(x: Floats) -> torch.Tensor:
        return torch.from_numpy(np.clip((x - mean) / deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS))

    inputs, truth = ready(features), torch.from_numpy(gender)
    network = side_network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.side_rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.side_rate, total_steps=steps, pct_start=0.15)
    network.train()
    for batch in _batches(weight, steps, rng):
        loss = functional.cross_entropy(network(inputs[batch])[:, :2], truth[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.no_grad():
        return np.asarray(network(ready(test))[:, :2].argmax(1).numpy(), np.int64)


def _batches(weight: NDArray[np.float64], steps: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row numbers, shape (steps, BATCH), in random order: each face as often as its weight says, to within one."""
    share = np.cumsum(weight / weight.sum())
    count = steps * BATCH
    rows = np.searchsorted(share, (np.arange(count) + rng.random()) / count)
    return rng.permutation(np.minimum(rows, len(weight) - 1)).reshape(steps, BATCH)
