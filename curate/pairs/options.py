"""What a user may choose about pairs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from curate.export.options import ExportOptions
from schemas import UsageError

COUNT = 1000


@dataclass(frozen=True)
class PairOptions:
    """Choices that every kind of pair understands.

    Attributes:
        export: Which faces may be in rows and how their pictures are written; see `ExportOptions`.
        count: Most rows; 0 for all that there are.
        seed: Same dataset, settings and seed: same rows.
        per_face: Most rows that a face may stand in; 0 for any number.
        views: Views that are written for every face.
        columns: Label columns whose values are written for every face, besides those of the kind.
        assume_adults: The user's word that faces of unknown age are adults'; labels stand above it.
        settings: Of the kind, as texts.
    """

    export: ExportOptions = field(default_factory=lambda: ExportOptions(crop="crop512"))
    count: int = COUNT
    seed: int = 0
    per_face: int = 0
    views: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    assume_adults: bool = False
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, value in (("rows", self.count), ("rows per face", self.per_face)):
            if value < 0:
                raise UsageError(f"{value} {what}", "0 or more are possible")

    @property
    def quiet(self) -> bool:
        """No progress bar."""
        return self.export.quiet

    def as_dict(self) -> dict[str, Any]:
        """What decides the content, for the manifest."""
        own = {k: v for k, v in vars(self).items() if k != "export"}
        lists = {k: list(v) if isinstance(v, tuple) else v for k, v in own.items()}
        return {**lists, "export": self.export.as_dict()}
