"""Fits the head of `annotators/covers.py` and writes it to `annotators/data/heads`.

python -m benchmarks.fit_covers [--shards N] [--faces N] [--folder FOLDER] [--cache FOLDER]

Cells and masks are taught by things drawn on FairFace training adults (`cover_features`), eyewear by drawn glasses and
by natural faces that were judged by eye (`cover_truth`). A tenth of the rows sets temperatures and thresholds; three
tenths are kept for `benchmarks.covers`. About 45 s of one core per shard, kept in build/benchmarks, and three minutes
for the fit; it uses the features that `benchmarks.fit_demographics` keeps, or makes them. `--faces 1000` tries it;
that head is worth nothing and needs a `--folder` of its own.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from annotators.cover_cells import LEAST_SHARE
from annotators.weights import ModelStore
from benchmarks.cover_features import HELD_BACK, SHARD, UNKNOWN, adults, fold, shard
from benchmarks.cover_network import CoverNetwork, export
from benchmarks.cover_truth import VARIANTS, Judgement, Natural, first_guess, judgements, plain_rows
from benchmarks.demographic_features import CACHE as NATURAL_CACHE
from benchmarks.labelling import arguments, fit_options, subset_of
from benchmarks.toml_text import toml_value

NAME = "covers"
DIRECTIONS = 96
PLAIN = 1500
EPOCHS, BATCH, RATE = 14, 64, 3e-3
CALIBRATE = HELD_BACK
"""The fold of rows that nothing but temperatures and thresholds is taken from."""
SUNGLASSES = 2
WORTH = 0.98
"""Share of right answers that the thresholds are to give."""
LEAST = {"eyewear": 0.6, "mask": 0.6}
"""No answer below this probability, however good the answers of the calibrating faces are."""


@dataclass
class Teaching:
    """Samples of one kind; `cells`, `covered` are None for natural faces, whose covers nobody drew.

    Attributes:
        rows: (n,) rows of the split.
        main: (n, k, 14, 14) the trunk's directions.
        pooled: (n, 3968).
        eyewear: (n,) position or UNKNOWN.
        mask: (n,) 0, 1 or UNKNOWN; of natural faces nobody asks.
        cells: (n, 7, 14, 14) or None.
        covered: (n, 14, 14) or None.
    """

    rows: NDArray[Any]
    main: Any
    pooled: Any
    eyewear: Any
    mask: Any
    cells: Any = None
    covered: Any = None

    def part(self, chosen: NDArray[Any]) -> Teaching:
        """Some of the samples."""
        index = torch.from_numpy(np.flatnonzero(chosen))
        rest = (None if v is None else v[index] for v in (self.cells, self.covered))
        return Teaching(
            self.rows[chosen],
            self.main[index],
            self.pooled[index],
            self.eyewear[index],
            self.mask[index],
            *rest,
        )


def directions(trunk: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Principal directions of the trunk's channels, (k, 512), and their means, (512,)."""
    every = trunk.astype(np.float32).transpose(0, 2, 3, 1).reshape(-1, trunk.shape[1])
    flat = every[:: max(1, len(every) // 60000)].astype(np.float64)
    middle = flat.mean(0)
    values, vectors = np.linalg.eigh(np.cov((flat - middle).T))
    order = np.argsort(-values)[:DIRECTIONS]
    scale = 1 / np.sqrt(values[order] + 1e-2 * values[order[0]])
    return (vectors[:, order] * scale).T, middle


def projected(trunk: NDArray[Any], basis: NDArray[Any], middle: NDArray[Any]) -> Any:
    """Directions of trunk maps, a tensor (n, k, 14, 14), in parts so that memory suffices."""
    parts = []
    for part in np.array_split(trunk, max(1, len(trunk) // 200)):
        flat = torch.from_numpy(part.astype(np.float32) - middle.astype(np.float32)[:, None, None]).flatten(2)
        turned = torch.matmul(torch.from_numpy(basis.astype(np.float32)), flat)
        parts.append(turned.reshape(len(part), -1, *part.shape[2:]))
    return torch.cat(parts)


def eyewear_of(drawn: NDArray[Any], base: NDArray[Any]) -> NDArray[Any]:
    """Eyewear of drawn faces: what was drawn, unless the face may have worn something already.

    Args:
        drawn: (n,) what was drawn, or UNKNOWN.
        base: (n, 3) probabilities of the faces as they were.
    """
    bare, worn = base[:, 0] > 0.9, base[:, 0] < 0.1
    natural = np.where(bare, 0, np.where(worn, base.argmax(1), UNKNOWN))
    return np.where(drawn == 0, natural, np.where(bare | (drawn == SUNGLASSES), drawn, UNKNOWN))


def natural_teaching(natural: Natural, judged: list[Judgement], plain: list[int], space: Any) -> Teaching:
    """Judged and surely plain faces, as they are and mirrored."""
    fitted = [j for j in judged if j.use == "fit"]
    rows = [j.row for j in fitted] + plain
    eyewear = [j.eyewear for j in fitted] + [0] * len(plain)
    mask = [j.mask for j in fitted] + [0] * len(plain)
    mains = [projected(natural.trunk(rows, name), *space) for name in VARIANTS]
    pooled = np.concatenate([natural.pooled(rows, name) for name in VARIANTS])
    twice = len(VARIANTS)
    return Teaching(
        np.tile(rows, twice),
        torch.cat(mains),
        torch.from_numpy(pooled),
        torch.tensor(eyewear * twice),
        torch.tensor(mask * twice),
    )


def eyewear_loss(whole: Any, taught: Teaching) -> Any:
    """Cross-entropy of eyewear over the samples that know it."""
    known = taught.eyewear != UNKNOWN
    return functional.cross_entropy(whole[known, :3], taught.eyewear[known])


def mask_loss(logits: Any, taught: Teaching) -> Any:
    """Cross-entropy of masks over the samples that know them."""
    known = taught.mask != UNKNOWN
    return functional.binary_cross_entropy_with_logits(logits[known], taught.mask[known].to(logits.dtype))


def cell_loss(logits: Any, taught: Teaching) -> Any:
    """Cross-entropy of the face's cells; half covered ones weigh nothing."""
    weight = (2 * taught.covered - 1).abs() * (taught.cells[:, 6] >= LEAST_SHARE)
    truth = (taught.covered > LEAST_SHARE).float()
    loss = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (loss * weight).sum() / weight.sum()


def fit(network: CoverNetwork, drawn: Teaching, natural: Teaching) -> None:
    """Train on both kinds in turn; the rates fall to nothing along a cosine."""
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    heavy = [network.from_pooled.weight, network.from_map.weight]
    rest = [p for p in network.parameters() if all(p is not h for h in heavy)]
    groups = [{"params": rest, "weight_decay": 1e-4}, {"params": heavy, "weight_decay": 0.3, "lr": RATE / 10}]
    optimizer = torch.optim.AdamW(groups, lr=RATE)
    steps = len(drawn.rows) // BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * steps)
    network.train()
    for epoch in range(EPOCHS):
        total = np.zeros(4)
        for chosen in np.array_split(rng.permutation(len(drawn.rows)), steps):
            taught = drawn.part(np.isin(np.arange(len(drawn.rows)), chosen))
            beside = natural.part(np.isin(np.arange(len(natural.rows)), rng.integers(len(natural.rows), size=BATCH)))
            covered, whole = network.cells_of(taught.main, taught.cells), network.whole(taught.main, taught.pooled)
            losses = (
                cell_loss(covered, taught),
                eyewear_loss(whole, taught),
                mask_loss(network.mask_of(covered.detach(), taught.cells, whole), taught),
                eyewear_loss(network.whole(beside.main, beside.pooled), beside),
            )
            optimizer.zero_grad()
            torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += [float(loss.detach()) for loss in losses]
        print(f"epoch {epoch}: cells, drawn eyewear, mask, natural eyewear {(total / steps).round(4)}", flush=True)
    network.eval()


def temperature(logits: NDArray[Any], loss: Any) -> float:
    """The divisor of logits that makes a loss least."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda t: float(loss(torch.from_numpy(logits / np.exp(t)))), bounds=(-1.5, 2.5))
    return float(np.exp(found.x))


def threshold(chance: NDArray[Any], right: NDArray[np.bool_], least: float) -> float:
    """The lowest probability from which `WORTH` of the answers are right, not under `least`."""
    order = np.argsort(-chance)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(share >= WORTH)
    return max(float(chance[order][good[-1]]) if len(good) else 1.0, least)


@torch.no_grad()
def rules(network: CoverNetwork, drawn: Teaching, natural: Teaching) -> dict[str, float]:
    """Temperatures and thresholds on the calibrating fold."""
    whole = network.whole(drawn.main, drawn.pooled)
    covered = network.cells_of(drawn.main, drawn.cells)
    masks = drawn.mask != UNKNOWN
    mask = network.mask_of(covered, drawn.cells, whole)[masks].double().numpy()
    masked = drawn.mask[masks].numpy()
    worn = torch.cat([drawn.eyewear, natural.eyewear]).numpy()
    known = worn != UNKNOWN
    worn = worn[known]
    eyewear = torch.cat([whole, network.whole(natural.main, natural.pooled)]).double().numpy()[known, :3]
    found = {
        "eyewear_temperature": temperature(eyewear, lambda z: functional.cross_entropy(z, torch.from_numpy(worn))),
        "mask_temperature": temperature(mask, lambda z: mask_loss(z, drawn.part(masks.numpy()))),
        "cell_temperature": temperature(covered.double().numpy(), lambda z: cell_loss(z, drawn)),
    }
    chances = torch.softmax(torch.from_numpy(eyewear / found["eyewear_temperature"]), 1).numpy()
    found["eyewear_threshold"] = threshold(chances.max(1), chances.argmax(1) == worn, LEAST["eyewear"])
    yes = 1 / (1 + np.exp(-mask / found["mask_temperature"]))
    found["mask_threshold"] = threshold(np.maximum(yes, 1 - yes), (yes > 0.5) == (masked == 1), LEAST["mask"])
    print(f"{len(masked)} calibrating faces: mask {((yes > 0.5) == (masked == 1)).mean():.4f}")
    print(f"{known.sum()} calibrating faces: eyewear {(chances.argmax(1) == worn).mean():.4f}")
    return found


def write(network: CoverNetwork, facts: dict[str, Any], folder: Path) -> None:
    """The network and its facts, as `annotators.heads` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{NAME}.onnx"
    export(network, target)
    lines = ["# Fitted by `python -m benchmarks.fit_covers`; more in the card beside it."]
    lines.append(f"sha256 = {toml_value(hashlib.sha256(target.read_bytes()).hexdigest())}")
    text = "\n".join([*lines, *(f"{key} = {toml_value(value)}" for key, value in facts.items())]) + "\n"
    tomllib.loads(text)
    (folder / f"{NAME}.toml").write_text(text, "utf-8")


def main() -> None:
    """Fit and write."""
    parser = arguments(__doc__)
    fit_options(parser)
    parser.add_argument("--shards", type=int, default=8, help=f"how many times {SHARD} faces are drawn on")
    options = subset_of(parser)
    models = ModelStore()
    natural = Natural(options.data, models, options.cache / NATURAL_CACHE.name, options.faces)
    judged = [j for j in judgements() if j.row in natural]
    guess = first_guess(natural, judged)
    pictures = adults(options.data, held_back=False, count=options.faces)
    cache = options.cache / NAME / (f"first-{options.faces}" if options.faces else "")
    shards = [shard(pictures, n, models, cache) for n in range(min(options.shards, -(-len(pictures) // SHARD)))]
    rows = np.concatenate([s["row"] for s in shards])
    base = guess[np.searchsorted(natural.rows, rows)]
    # What natural sunglasses cover is not in the drawn area.
    kept = base[:, SUNGLASSES] < 0.3
    space = directions(np.concatenate([s["trunk"][::8] for s in shards]))
    mains = torch.cat([projected(s.pop("trunk"), *space) for s in shards])
    table = {name: np.concatenate([s[name] for s in shards]) for name in ("inputs", "pooled", "covered", "mask")}
    eyewear = eyewear_of(np.concatenate([s["eyewear"] for s in shards]).astype(int), base)
    drawn = Teaching(
        rows, mains, torch.from_numpy(table["pooled"]), torch.from_numpy(eyewear),
        torch.from_numpy(table["mask"].astype(int)), torch.from_numpy(table["inputs"]),
        torch.from_numpy(table["covered"]),
    ).part(kept)  # fmt: skip
    plain = natural_teaching(natural, judged, plain_rows(natural, guess, judged, PLAIN), space)
    both = np.concatenate([drawn.pooled.numpy(), plain.pooled.numpy()])
    network = CoverNetwork(*space, (both.mean(0), both.std(0)))
    print(f"{len(drawn.rows)} drawn samples of {len(set(drawn.rows))} faces, {len(plain.rows)} natural ones")
    drawn_apart, plain_apart = fold(drawn.rows) == CALIBRATE, fold(plain.rows) == CALIBRATE
    fit(network, drawn.part(~drawn_apart), plain.part(~plain_apart))
    facts = rules(network, drawn.part(drawn_apart), plain.part(plain_apart))
    faces = {"drawn_faces": len(set(drawn.rows)), "natural_faces": len(set(plain.rows))}
    write(network, {**facts, **faces, "data": "FairFace, CC BY 4.0", "network": "SFace, Apache-2.0"}, options.folder)


if __name__ == "__main__":
    main()
