"""What splits are called in file and folder names, where samples without a split need a name too."""

from __future__ import annotations

from collections.abc import Sequence

UNASSIGNED = "unassigned"
"""Samples that are in no split, where a format keeps splits apart by name alone."""
TRAIN = "train"


def named(split: str) -> str:
    """The split's name for a file or folder."""
    return split or UNASSIGNED


def split_of(name: str) -> str:
    """The reverse of `named`."""
    return "" if name == UNASSIGNED else name


def shown(split: str, splits: Sequence[str]) -> str:
    """The name for formats that note the split beside each sample: `train` where no sample has a split."""
    return TRAIN if not any(splits) else named(split)
