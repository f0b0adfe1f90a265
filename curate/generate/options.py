"""Choices of a run of generators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from curate.generate.candidates import Rules
from curate.generate.metadata import check_format
from curate.generators.subject import SIDE
from schemas import UsageError

COUNT = 100
SMALLEST, LARGEST = 64, 2048


@dataclass(frozen=True)
class Options:
    """Choices of a run.

    Attributes:
        generators: Names.
        settings: Generator -> setting -> text.
        rules: Which faces may be sources.
        partner_where: SQL condition on second faces; the rules hold for them too.
        count: Requests that shall succeed per generator, each with another face while there are any.
        per_face: Requests for each face instead.
        seed: Another number gives other parameters and partners.
        side: Side of a picture in pixels.
        form: `png`, `jpeg` or `webp`.
        annotators: Names for the labels of the new pictures; None is those that labelled the dataset.
        label: Label the new pictures.
        workers: Processes; None is one per usable core.
        quiet: No progress bar.
        command: What the user typed, for the run record.
    """

    generators: Sequence[str]
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    partner_where: str = ""
    count: int = COUNT
    per_face: int = 0
    seed: int = 0
    side: int = SIDE
    form: str = "png"
    annotators: Sequence[str] | None = None
    label: bool = True
    workers: int | None = None
    quiet: bool = True
    command: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_format(self.form)
        if not SMALLEST <= self.side <= LARGEST:
            raise UsageError(f"a side of {self.side} pixels", f"it must lie between {SMALLEST} and {LARGEST}")
