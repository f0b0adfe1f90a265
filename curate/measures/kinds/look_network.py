"""Who looks at whom in a group, from places and lines of sight, and who is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.measures.base import TABLE, Config, Given, Input, Measure, Result
from curate.measures.columns_of_tables import numbers
from curate.measures.rows import Floats, filled
from schemas import UsageError

DAMPING = 0.85
STEPS = 200


@dataclass(frozen=True)
class LookConfig(Config):
    """How sure a look is.

    Attributes:
        spread: Degrees by which a line of sight may miss; looks at somebody that far off weigh 0.6 of a straight one.
        damping: Of the ranking; 1 minus the chance to start anew at anybody.
    """

    spread: float = 12.0
    damping: float = DAMPING

    def __post_init__(self) -> None:
        if self.spread <= 0 or not 0 < self.damping < 1:
            raise UsageError("settings of look_network", "spread is above 0 and damping between 0 and 1")


def looks(places: Floats, yaw: Floats, pitch: Floats, spread: float) -> Floats:
    """Share of each person's look that goes to each other, (n, n): rows sum to 1, the diagonal is 0.

    Weights fall as exp(-(angle / spread)^2 / 2), with the angle between line of sight and direction to the other.

    Args:
        places: (n, 3): x to the image's right, y up, z away from the camera, in any unit.
        yaw: Line of sight in degrees, (n,): 0 towards the camera, positive to the image's right.
        pitch: Positive up, (n,).
        spread: Degrees.
    """
    n = len(places)
    a, b = np.radians(yaw), np.radians(pitch)
    sight = np.stack([np.sin(a) * np.cos(b), np.sin(b), -np.cos(a) * np.cos(b)], axis=1)
    way = places[None] - places[:, None]
    length = np.linalg.norm(way, axis=2)
    np.fill_diagonal(length, 1.0)
    if (length == 0).any():
        raise UsageError("two people stand in one place", "a direction from one to the other is needed")
    angle = np.degrees(np.arccos(np.clip(np.einsum("ik,ijk->ij", sight, way / length[..., None]), -1, 1)))
    logs = -0.5 * (angle / spread) ** 2
    np.fill_diagonal(logs, -np.inf)
    weights = np.exp(logs - logs.max(1, keepdims=True))
    return np.asarray(weights / weights.sum(1, keepdims=True)).reshape(n, n)


def negative(network: Floats) -> Floats:
    """The network of not looking: 1 minus each share off the diagonal, rows brought to sum 1 again."""
    found = 1 - network
    np.fill_diagonal(found, 0)
    return np.asarray(found / found.sum(1, keepdims=True))


def rank(network: Floats, damping: float = DAMPING) -> Floats:
    """PageRank of a row-stochastic network, (n,), summing to 1: who gets most of the weight.

    On the negative network this is DeceptionRank's idea: those whom the others avoid, above all each other, rank first.
    """
    n = len(network)
    found: Floats = np.full(n, 1 / n)
    for _ in range(STEPS):
        found = (1 - damping) / n + damping * found @ network
    return np.asarray(found / found.sum())


class LookNetwork(Measure):
    """One row per person and frame; networks are made per frame and averaged over frames."""

    name = "look_network"
    doc = "Who looks at whom in a group, the network of not looking, and a ranking of those who are avoided."
    source = (
        "S. Kumar et al., Deception detection in group video conversations using dynamic interaction networks, 2021"
    )
    inputs = (
        Input("people", TABLE, "a row per person and frame: `frame`, `person`, `x` (to the image's right), `y` (up), "
              "`z` (away from the camera), `yaw`, `pitch` (line of sight; 0 is towards the camera)",
              ("frame", "person", "x", "y", "z", "yaw", "pitch")),
    )  # fmt: skip
    config_type = LookConfig
    config: LookConfig

    def measure(self, given: Given) -> Result:
        """Mean look-at matrix, each frame's targets, and the ranking."""
        table, path = given.tables["people"], given.paths["people"]
        frames, who = filled(table, "frame", path), filled(table, "person", path)
        read = {c: numbers(table, c, path) for c in ("x", "y", "z", "yaw", "pitch")}
        names = list(dict.fromkeys(who))
        total, seen, targets = np.zeros((len(names), len(names))), np.zeros((len(names), len(names))), []
        for frame in dict.fromkeys(frames):
            rows = [i for i, f in enumerate(frames) if f == frame]
            index = [names.index(who[i]) for i in rows]
            if len(set(index)) != len(index):
                raise UsageError(f"{path} has a person twice in frame {frame}")
            if len(rows) < 2:
                continue
            found = self._of_frame(read, rows)
            total[np.ix_(index, index)] += found
            seen[np.ix_(index, index)] += 1
            targets += [
                {"frame": frame, "person": names[p], "looks at": names[index[int(k)]], "share": float(found[j, k])}
                for j, (p, k) in enumerate(zip(index, found.argmax(1), strict=True))
            ]
        if not targets:
            raise UsageError(f"{path} has no frame with two people")
        network = _averaged(total, seen)
        return Result(
            {"frames": len(set(frames)), "people": len(names)},
            {"looks": _pairs(names, network), "not looking": _pairs(names, negative(network)),
             "ranking": _ranking(names, network, self.config.damping), "targets": targets},
            ("A ranking says who is looked at least; it is no evidence of deception.",),
        )  # fmt: skip

    def _of_frame(self, read: dict[str, Floats], rows: list[int]) -> Floats:
        places = np.stack([read[c][rows] for c in ("x", "y", "z")], axis=1)
        return looks(places, read["yaw"][rows], read["pitch"][rows], self.config.spread)


def _averaged(total: Floats, seen: Floats) -> Floats:
    mean = np.divide(total, seen, out=np.zeros_like(total), where=seen > 0)
    sums = mean.sum(1, keepdims=True)
    even = (1 - np.eye(len(mean))) / max(len(mean) - 1, 1)
    return np.asarray(np.where(sums > 0, mean / np.where(sums > 0, sums, 1), even))


def _pairs(names: list[str], network: Floats) -> list[dict[str, Any]]:
    return [
        {"person": a, "other": b, "share": float(network[i, j])}
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i != j
    ]


def _ranking(names: list[str], network: Floats, damping: float) -> list[dict[str, Any]]:
    looked, avoided = rank(network, damping), rank(negative(network), damping)
    order = np.argsort(-avoided, kind="stable")
    return [
        {"rank": place, "person": names[i], "avoided": float(avoided[i]), "looked at": float(looked[i])}
        for place, i in enumerate(order, start=1)
    ]
