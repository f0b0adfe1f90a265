"""What a caller may choose about an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class EvaluateOptions:
    """Settings of `evaluate`.

    Attributes:
        columns: Dataset columns to score; None is every column that the truth speaks of.
        by: Columns to group by, of the truth or the dataset; `a*b` crosses two. None takes the truth's
            demographic columns, and perceived ones of the dataset where the truth has none.
        layers: Only these layers speak for the dataset; None is all.
        maps: Truth column -> taxonomy or coding that its values are written in.
        names: Truth column -> what it is: a dataset column, or `file`, `face_id`, `image_id`, `box`, `points`,
            `identity`, `faces`.
        pairs: Table of picture pairs with `same_person`, for verification.
        only: Truth column -> value: rows with another value are not read, such as those of another split.
        rounds: Resamples behind each bootstrap interval.
        seed: Of the resampling.
        min_group: Groups with fewer faces are flagged as too small to compare.
        iou: Least overlap at which a detected face is the face of a truth box.
        note: Who says so, and under which licence; `SOURCE.txt` beside the truth is read if empty.
        name: Name of the evaluation and of its files; from the truth's name if empty.
        quiet: Show no progress.
    """

    columns: tuple[str, ...] | None = None
    by: tuple[str, ...] | None = None
    layers: tuple[str, ...] | None = None
    maps: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    pairs: str | Path | None = None
    only: Mapping[str, str] = field(default_factory=dict)
    rounds: int = 1000
    seed: int = 0
    min_group: int = 30
    iou: float = 0.5
    note: str = ""
    name: str = ""
    quiet: bool = True
