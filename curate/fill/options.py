"""Choices of a fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate.generate.candidates import Rules
from curate.generate.metadata import check_format
from curate.generate.options import LARGEST, SMALLEST
from curate.generators.subject import SIDE
from schemas import UsageError

TRIES_PER_FACE = 10
"""Tries for each missing face that a fill makes unless a budget is given."""


@dataclass(frozen=True)
class FillOptions:
    """Choices of a fill.

    Attributes:
        plan: File of the plan.
        name: Of the fill; the plan's by default.
        generators: Names; empty takes those that the plan names for each cell.
        settings: Generator -> setting -> text.
        rules: Which faces may be sources.
        budget: Most tries in all; 0 is `TRIES_PER_FACE` for each missing face.
        rounds: Most rounds over all cells.
        verifiers: Annotators that judge; None is the usual ones.
        allow_single: A column that only one independent annotator can judge is filled on its word alone.
        per_face: Most accepted pictures of one face by one generator.
        least_quality: Least quality score.
        seed: Another number gives other parameters.
        side: Side of a picture in pixels.
        form: `png`, `jpeg` or `webp`.
        keep_rejected: Keep the pictures that were rejected, outside the dataset.
        audit: Audit before and after.
        workers: Processes; None is one per usable core.
        quiet: No progress bar.
        command: What the user typed, for the run record.
    """

    plan: Path
    name: str = ""
    generators: Sequence[str] = ()
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    budget: int = 0
    rounds: int = 20
    verifiers: Sequence[str] | None = None
    allow_single: bool = False
    per_face: int = 3
    least_quality: float = 0.3
    seed: int = 0
    side: int = SIDE
    form: str = "png"
    keep_rejected: bool = False
    audit: bool = True
    workers: int | None = None
    quiet: bool = True
    command: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_format(self.form)
        if not SMALLEST <= self.side <= LARGEST:
            raise UsageError(f"a side of {self.side} pixels", f"it must lie between {SMALLEST} and {LARGEST}")
