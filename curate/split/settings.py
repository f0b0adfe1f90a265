"""Choices of a split, and what it may ask of a dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas import UnknownNameError, UsageError

IDENTITY, DUPLICATES = "identity", "duplicates"
CHILDREN = ("tie", "train", "free")
TRAIN = "train"
RATIOS = {"train": 0.8, "validation": 0.1, "test": 0.1}


@dataclass(frozen=True)
class Settings:
    """Choices of a split.

    Attributes:
        name: Of the layer (`split_NAME`) and the certificate (`splits/NAME.json`).
        ratios: Part -> its share; the shares add up to 1.
        stratify: Columns whose values should have the same shares in all parts.
        disjoint: `identity`, `duplicates`, or columns whose equal values stay in one part.
        seed: Draws another of the equally good divisions.
        tolerance: Most by which a group's share of a part may miss the part's ratio.
        children: What to do with faces whose identity is not settled by machine because they may be a
            child's: `tie` look-alikes to one part, put them all in the training part (`train`), or leave
            them `free`, which lets one child stand in two parts.
        alike: Cosine from which two faces stay in one part; the threshold of the newest clustering, if
            there is one.
        child_chance: Chance of being under 13 from which a face counts as a child's.
        assume_adults: The user's word that the dataset shows adults only.
        allow_synthetic: Let generated pictures into parts other than the training part.
    """

    name: str = "default"
    ratios: Mapping[str, float] = field(default_factory=lambda: dict(RATIOS))
    stratify: tuple[str, ...] = ()
    disjoint: tuple[str, ...] = (IDENTITY, DUPLICATES)
    seed: int = 0
    tolerance: float = 0.02
    children: str = "tie"
    alike: float = 0.5
    child_chance: float = 0.1
    assume_adults: bool = False
    allow_synthetic: bool = False

    def __post_init__(self) -> None:
        if len(self.ratios) < 2 or not all(r > 0 for r in self.ratios.values()):
            raise UsageError(f"ratios {dict(self.ratios)}", "a split needs two or more parts with shares above 0")
        if not math.isclose(sum(self.ratios.values()), 1, abs_tol=1e-6):
            raise UsageError(f"ratios {dict(self.ratios)}", f"they add up to {sum(self.ratios.values()):g}, not to 1")
        if self.children not in CHILDREN:
            raise UnknownNameError("way with children", self.children, CHILDREN)

    @property
    def parts(self) -> list[str]:
        """Names of the parts, in order."""
        return list(self.ratios)

    @property
    def training(self) -> int:
        """Number of the training part: the one named `train`, else the largest."""
        return self.parts.index(TRAIN) if TRAIN in self.ratios else self.parts.index(max(self.ratios, key=self._share))

    def _share(self, part: str) -> float:
        return self.ratios[part]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        lists = {"stratify": list(self.stratify), "disjoint": list(self.disjoint)}
        return {**vars(self), "ratios": dict(self.ratios), **lists}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Settings:
        """Read what `as_dict` gave.

        Raises:
            UsageError: if fields are missing or unknown.
        """
        try:
            return cls(**{**data, "stratify": tuple(data["stratify"]), "disjoint": tuple(data["disjoint"])})
        except (KeyError, TypeError) as error:
            raise UsageError("these settings of a split are not understood", str(error)) from error


def parse_ratios(text: str) -> dict[str, float]:
    """Read `train=.8,validation=.1,test=.1`.

    Raises:
        UsageError: naming the piece that is not understood.
    """
    found: dict[str, float] = {}
    for piece in text.split(","):
        name, _, number = piece.strip().partition("=")
        try:
            share = float(number)
        except ValueError:
            share = math.nan
        if not name or math.isnan(share) or name in found:
            raise UsageError(f"'{piece}' in the ratios is not understood", fix="Write: train=.8,validation=.1,test=.1")
        found[name] = share
    return found
