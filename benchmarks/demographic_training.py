"""Fitting the demographic head: which faces serve for what, the losses, and the loop. Single-threaded: runs repeat."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from annotators.demographics import AGE, GENDER, RACE
from benchmarks.demographic_features import Coding, Faces, Variant
from benchmarks.demographic_network import MOST_DEVIATIONS, HeadNetwork, used
from schemas.taxonomy import taxonomy

FIT, CHOOSE, CALIBRATE = 0, 1, 2
SHARES = (0.73, 0.88)
"""Where the parts of the training split end: for fitting, for choosing; the rest is for calibration alone."""
GOLDEN = 0.6180339887
BATCH = 64

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Attributes:
        epochs: Passes over the faces; each batch of one variant, drawn by chance.
        rate: Highest learning rate of the new layers; it rises for 15 % of the steps, then falls.
        tail_rate: The same of SFace's layers that are trained on.
        decay: Weight decay.
        age_width: Standard deviation of the soft age labels, in bins.
        age_balance: Exponent of the weight that rare ages get; 0 is none, 1 makes all bins count alike.
        seed: Of weights, order and dropout.
    """

    epochs: int = 6
    rate: float = 1e-3
    tail_rate: float = 2e-4
    decay: float = 0.05
    age_width: float = 0.7
    age_balance: float = 0.3
    seed: int = 0


@dataclass(frozen=True)
class Truth:
    """Class indices of each face, shape (n,) each."""

    age: Indices
    gender: Indices
    race: Indices


def truth_of(found: Faces) -> Truth:
    """Labels as indices in the order of the taxonomies."""

    def indices(key: str, taxonomy_name: str) -> Indices:
        names = taxonomy(taxonomy_name)
        return np.array([names.labels.index(names.canonical(value)) for value in found.truth[key]], np.int64)

    return Truth(
        indices("age", AGE.label.taxonomy),
        indices("gender", GENDER.label.taxonomy),
        indices("race", RACE.label.taxonomy),
    )


def parts_of(truth: Truth, seed: int = 0) -> Indices:
    """`FIT`, `CHOOSE` or `CALIBRATE` for each face, in equal shares of every cell of age, gender and race."""
    rng = np.random.default_rng(seed)
    n = len(truth.age)
    order = np.lexsort((rng.random(n), truth.age * 100 + truth.gender * 10 + truth.race))
    spread = ((np.arange(n) + rng.random()) * GOLDEN) % 1
    parts = np.empty(n, np.int64)
    parts[order] = np.searchsorted(SHARES, spread, side="right")
    return parts


def soft_ages(age: Indices, width: float) -> NDArray[np.float32]:
    """Gaussian labels over the nine bins, shape (n, 9)."""
    weight = np.exp(-0.5 * ((np.arange(len(AGE.classes)) - age[:, None]) / width) ** 2)
    return np.asarray(weight / weight.sum(1, keepdims=True), np.float32)


@dataclass(frozen=True)
class Inputs:
    """Features of one variant, ready for the network."""

    trunk: NDArray[np.uint8]
    statistics: Tensor
    coding: Coding

    def batch(self, rows: Indices) -> tuple[Tensor, Tensor]:
        """Trunk maps and statistics of some faces."""
        trunk = torch.from_numpy(self.trunk[rows]).float()
        return trunk * torch.from_numpy(self.coding.step) + torch.from_numpy(self.coding.low), self.statistics[rows]


@dataclass(frozen=True)
class Trained:
    """A trained head and the mean and standard deviation of its inputs."""

    network: HeadNetwork
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


def train(
    sface: Path, variants: Sequence[Variant], coding: Coding, truth: Truth, rows: Indices, recipe: Recipe
) -> Trained:
    """Fit the head on some faces.

    Args:
        sface: SFace's model file.
        variants: The first is the plain one.
        coding: Of the trunk maps.
        truth: Labels of all faces.
        rows: The faces to fit on.
        recipe: Settings.
    """
    random.seed(recipe.seed)
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    statistics = [used(v.pooled) for v in variants]
    mean, deviation = statistics[0][rows].mean(0), statistics[0][rows].std(0) + 1e-6
    inputs = [
        Inputs(v.trunk, torch.from_numpy(np.clip((s - mean) / deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS)), coding)
        for v, s in zip(variants, statistics, strict=True)
    ]
    targets = _targets(truth, recipe)
    network = HeadNetwork(sface)
    optimizer = torch.optim.AdamW(
        [
            {"params": network.tail.parameters(), "lr": recipe.tail_rate},
            {"params": [*network.l1.parameters(), *network.l2.parameters()], "lr": recipe.rate},
        ],
        weight_decay=recipe.decay,
    )
    steps = len(rows) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [recipe.tail_rate, recipe.rate], total_steps=recipe.epochs * steps, pct_start=0.15
    )
    for _ in range(recipe.epochs):
        network.train()
        order, chosen = rng.permutation(rows), rng.integers(0, len(inputs), len(rows))
        for step in range(steps):
            batch = np.sort(order[step * BATCH : (step + 1) * BATCH])
            logits = network(*inputs[int(chosen[step])].batch(batch))
            optimizer.zero_grad()
            _loss(logits, [t[batch] for t in targets]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    network.eval()
    return Trained(network, mean, deviation)


def _targets(truth: Truth, recipe: Recipe) -> list[Tensor]:
    """Gender, age and race as distributions, and the weight of each face's age."""
    counts = np.bincount(truth.age)[truth.age]
    weight = torch.from_numpy(((counts.mean() / counts) ** recipe.age_balance).astype(np.float32))
    return [
        torch.from_numpy(np.eye(len(GENDER.classes), dtype=np.float32)[truth.gender]),
        torch.from_numpy(soft_ages(truth.age, recipe.age_width)),
        torch.from_numpy(np.eye(len(RACE.classes), dtype=np.float32)[truth.race]),
        weight / weight.mean(),
    ]


def _loss(logits: Tensor, targets: Sequence[Any]) -> Tensor:
    gender, age, race, weight = targets
    ages = functional.cross_entropy(logits[:, 2:11], age, reduction="none")
    others = functional.cross_entropy(logits[:, :2], gender), functional.cross_entropy(logits[:, 11:], race)
    total: Tensor = others[0] + (ages * weight).mean() + others[1]
    return total


def logits_of(trained: Trained, variant: Variant, coding: Coding, rows: Indices) -> NDArray[np.float64]:
    """The network's logits for some faces, shape (n, 18)."""
    scaled = np.clip((used(variant.pooled) - trained.mean) / trained.deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    inputs = Inputs(variant.trunk, torch.from_numpy(scaled), coding)
    with torch.no_grad():
        parts = [trained.network(*inputs.batch(rows[i : i + BATCH])).numpy() for i in range(0, len(rows), BATCH)]
    return np.asarray(np.concatenate(parts), np.float64)
