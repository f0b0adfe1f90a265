"""Fitting the demographic head: which faces serve for what, the losses, and the loop. Single-threaded: runs repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from annotators.demographics import AGE, GENDER, RACE
from benchmarks.demographic_features import Coding, Faces, Variant
from benchmarks.demographic_network import MOST_DEVIATIONS, TAIL_SHARE, TailNetwork, side_network, used
from schemas.taxonomy import taxonomy

FIT, CHOOSE, CALIBRATE = 0, 1, 2
SHARES = (0.73, 0.88)
"""Where the parts of the training split end: for fitting, for choosing; the rest is for calibration alone."""
GOLDEN = 0.6180339887
BATCH, SIDE_BATCH = 64, 256

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
        side_epochs: Passes of the second network.
        side_rate: Its highest learning rate.
        mixing: Of the second network: faces are mixed in pairs by a share drawn from Beta(mixing, mixing)
            (H. Zhang et al., "mixup: beyond empirical risk minimization", 2018).
        seed: Of weights, order and dropout.
    """

    epochs: int = 6
    rate: float = 1e-3
    tail_rate: float = 2e-4
    decay: float = 0.05
    age_width: float = 0.7
    age_balance: float = 0.3
    side_epochs: int = 14
    side_rate: float = 1.5e-3
    mixing: float = 0.4
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
    """Features of one variant, ready for the networks: the statistics in standard deviations from the mean."""

    trunk: NDArray[np.uint8]
    statistics: Tensor
    coding: Coding

    def batch(self, rows: Indices) -> tuple[Tensor, Tensor]:
        """Trunk maps and statistics of some faces, as the first network takes them."""
        trunk = torch.from_numpy(self.trunk[rows]).float()
        trunk = trunk * torch.from_numpy(self.coding.step) + torch.from_numpy(self.coding.low)
        return trunk, torch.from_numpy(used(self.statistics[rows].numpy()))


@dataclass(frozen=True)
class Trained:
    """A trained head and the mean and standard deviation of its inputs."""

    network: TailNetwork
    side: nn.Sequential
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]

    def inputs(self, variant: Variant, coding: Coding) -> Inputs:
        """A variant's features, ready for the networks."""
        return inputs_of(variant, coding, self.mean, self.deviation)


def inputs_of(variant: Variant, coding: Coding, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> Inputs:
    """A variant's features in standard deviations from a mean."""
    scaled = np.clip((variant.pooled - mean) / deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    return Inputs(variant.trunk, torch.from_numpy(scaled), coding)


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
    mean, deviation = variants[0].pooled[rows].mean(0), variants[0].pooled[rows].std(0) + 1e-6
    inputs = [inputs_of(v, coding, mean, deviation) for v in variants]
    network = _train_tail(sface, inputs, truth, rows, recipe)
    return Trained(network, _train_side(inputs, truth, rows, recipe), mean, deviation)


def _train_tail(sface: Path, inputs: Sequence[Inputs], truth: Truth, rows: Indices, recipe: Recipe) -> TailNetwork:
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    targets, weight = _targets(truth, recipe), _age_weights(truth, recipe)
    network = TailNetwork(sface)
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
            _loss(logits, [t[batch] for t in targets], weight[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network.eval()


def _train_side(inputs: Sequence[Inputs], truth: Truth, rows: Indices, recipe: Recipe) -> nn.Sequential:
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    targets = _targets(truth, recipe)
    network = side_network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.side_rate, weight_decay=recipe.decay)
    steps = len(rows) // SIDE_BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.side_rate, total_steps=recipe.side_epochs * steps, pct_start=0.15
    )
    every = torch.stack([i.statistics for i in inputs])
    for _ in range(recipe.side_epochs):
        network.train()
        order, chosen = rng.permutation(rows), rng.integers(0, len(inputs), len(rows))
        for step in range(steps):
            window = slice(step * SIDE_BATCH, (step + 1) * SIDE_BATCH)
            batch = torch.from_numpy(order[window])
            share = float(rng.beta(recipe.mixing, recipe.mixing))
            other = torch.randperm(SIDE_BATCH)
            x, *mixed = (
                share * t + (1 - share) * t[other]
                for t in (every[torch.from_numpy(chosen[window]), batch], *(t[batch] for t in targets))
            )
            optimizer.zero_grad()
            _loss(network(x), mixed, torch.ones(SIDE_BATCH)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network.eval()


def _targets(truth: Truth, recipe: Recipe) -> list[Tensor]:
    """Gender, age and race as distributions."""
    return [
        torch.from_numpy(np.eye(len(GENDER.classes), dtype=np.float32)[truth.gender]),
        torch.from_numpy(soft_ages(truth.age, recipe.age_width)),
        torch.from_numpy(np.eye(len(RACE.classes), dtype=np.float32)[truth.race]),
    ]


def _age_weights(truth: Truth, recipe: Recipe) -> Tensor:
    counts = np.bincount(truth.age)[truth.age]
    weight = torch.from_numpy(((counts.mean() / counts) ** recipe.age_balance).astype(np.float32))
    return weight / weight.mean()


def _loss(logits: Tensor, targets: Sequence[Tensor], age_weight: Tensor) -> Tensor:
    gender, age, race = targets
    ages = functional.cross_entropy(logits[:, 2:11], age, reduction="none")
    others = functional.cross_entropy(logits[:, :2], gender), functional.cross_entropy(logits[:, 11:], race)
    total: Tensor = others[0] + (ages * age_weight).mean() + others[1]
    return total


def logits_of(trained: Trained, variant: Variant, coding: Coding, rows: Indices) -> NDArray[np.float64]:
    """The head's logits for some faces, shape (n, 18)."""
    inputs = trained.inputs(variant, coding)
    parts = []
    with torch.no_grad():
        for i in range(0, len(rows), BATCH):
            batch = rows[i : i + BATCH]
            main, side = trained.network(*inputs.batch(batch)), trained.side(inputs.statistics[batch])
            parts.append((TAIL_SHARE * main + (1 - TAIL_SHARE) * side).numpy())
    return np.asarray(np.concatenate(parts), np.float64)
