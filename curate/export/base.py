"""What an exporter is: it writes parts of samples, closes the export, reads it back, and says what it cannot hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from annotators.base import Config
from curate.export.sample import FaceItem, Sample
from schemas import Column, Kind, SchemaError

FACES, PICTURES = "faces", "pictures"
SINGLE = 1e-6
"""How far numbers of single precision may be apart, as a share and in all."""


@dataclass(frozen=True)
class Part:
    """Samples that are written together, and skipped together when an export goes on.

    Attributes:
        split: Their split; empty if none is assigned.
        number: Of the part within its split, from 0.
        columns: Label columns of the export.
    """

    split: str
    number: int
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Plan:
    """What an exporter knows before it writes.

    Attributes:
        columns: Label columns that it holds, in order.
        splits: Splits that occur, in order.
        name: Of the dataset.
        side: Side of the crops in pixels, 0 for whole pictures.
        parts: Split -> number of its parts.
    """

    columns: tuple[Column, ...]
    splits: tuple[str, ...]
    name: str
    side: int
    parts: Mapping[str, int] = field(default_factory=dict)


class Exporter(ABC):
    """Writes one format.

    Class attributes:
        name: The command line and the docs use it.
        doc: One sentence for the table of formats.
        unit: `faces`, one sample per face, or `pictures`, one per picture with all its faces.
        extra: Extra of the product that brings the library it needs; empty if it needs none.
        opened_by: What opens the result, for the docs.
        needs_crop: It only holds cut faces of one size.
        forms: Picture formats that it can hold.
        config_type: Class of its own settings.
        fixed_bytes: The same samples give the same bytes on every run.
    """

    name: ClassVar[str]
    doc: ClassVar[str]
    unit: ClassVar[str] = FACES
    extra: ClassVar[str] = ""
    opened_by: ClassVar[str] = ""
    needs_crop: ClassVar[bool] = False
    forms: ClassVar[tuple[str, ...]] = ("jpeg", "png", "webp")
    config_type: ClassVar[type[Config]] = Config
    fixed_bytes: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if getattr(cls.write, "__isabstractmethod__", False):
            return
        for attribute in ("name", "doc", "opened_by"):
            if not getattr(cls, attribute, None):
                raise SchemaError(f"exporter {cls.__name__} declares no {attribute}")
        if cls.unit not in (FACES, PICTURES):
            raise SchemaError(f"exporter {cls.__name__} exports {cls.unit}, neither faces nor pictures")

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.config_type()

    @classmethod  # noqa: B027 - most need nothing
    def preflight(cls, config: Config) -> None:
        """Make sure, before anything is written, that it can run here with these settings.

        Raises:
            MissingExtraError: if a library is absent.
            UsageError: if the settings cannot be carried out.
        """

    @abstractmethod
    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Columns that the format cannot hold, each with the reason; the others must come back from `read`."""

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Columns that it gets besides the exported ones, where the dataset has them; they are not compared."""
        return ()

    def begin(self, folder: Path, plan: Plan) -> None:  # noqa: B027 - most need nothing
        """Prepare the folder; called before the first part of every run, also of one that goes on."""

    @abstractmethod
    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Write the samples of a part, taking one at a time; gives each finished file, below the folder.

        A part that was interrupted is written again, over its own files.
        """

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """Write what needs all parts: indices, lists of names. Bounded memory: it may read the parts' files again."""
        return iter(())

    @abstractmethod
    def read(self, folder: Path) -> Iterator[Sample]:
        """Every sample as it stands in the export, in any order; what the format cannot hold is empty or None."""

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Whether a value came back; formats that round say how far by overriding it."""
        return equal(column, given, found)

    def same_box(self, given: FaceItem, found: FaceItem) -> bool:
        """Whether a box came back; a format without boxes gives None."""
        if found.box is None or given.box is None:
            return True
        return bool(np.allclose(found.box, given.box, atol=self.box_tolerance, rtol=0))

    def same_box_in(self, sample: Sample, given: FaceItem, found: FaceItem) -> bool:
        """As `same_box`, for formats that cut boxes at the edge of the sample's picture."""
        return self.same_box(given, found)

    def same_in(self, sample: Sample, column: Column, given: Any, found: Any) -> bool:
        """As `same`, for formats that hold only what lies inside the sample's picture."""
        return self.same(column, given, found)

    box_tolerance: ClassVar[float] = 1e-3
    """Largest error of a box's edge in pixels that the format's own rounding makes."""


def equal(column: Column, given: Any, found: Any, tolerance: float = 0.0) -> bool:
    """Whether two values of a column are the same, numbers to within a tolerance and single precision.

    Null and absent are the same; NaN equals NaN.
    """
    if given is None or found is None:
        return given is None and found is None
    if isinstance(given, Mapping):
        return isinstance(found, Mapping) and all(
            equal(column, value, found.get(name), tolerance) for name, value in given.items()
        )
    if isinstance(given, list) and not column.shape:
        return len(given) == len(found) and all(
            equal(column, *pair, tolerance) for pair in zip(given, found, strict=True)
        )
    if column.kind in (Kind.POINTS, Kind.VECTOR) or column.shape:
        first, second = np.asarray(given, np.float32), np.asarray(found, np.float32)
        return first.shape == second.shape and (
            first.tobytes() == second.tobytes()
            or bool(np.allclose(first, second, rtol=SINGLE, atol=max(tolerance, SINGLE), equal_nan=True))
        )
    if isinstance(given, float) and isinstance(found, float | int):
        near = abs(given - found) <= max(tolerance, SINGLE) + SINGLE * abs(found)
        return bool(given == found or near or (given != given and found != found))  # noqa: PLR0124 - NaN
    return bool(given == found)
