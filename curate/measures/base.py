"""What a measure is: it names its inputs, takes them opened, and answers with small tables and facts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from annotators.base import Config
from schemas import SchemaError

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.store import Dataset

DATASET, TABLE, PICTURES = "dataset", "table", "pictures"
KINDS = {
    DATASET: "a dataset's folder",
    TABLE: "a CSV, TSV, JSONL or Parquet file, or a folder that `pairs` wrote",
    PICTURES: "a folder of pictures",
}


@dataclass(frozen=True)
class Input:
    """One input of a measure.

    Attributes:
        name: In the docs and in `Given`.
        kind: `dataset`, `table` or `pictures`.
        doc: What it holds; for tables, the columns that must be there.
        columns: Columns without which a table is refused; for tables only.
        optional: It may be left out, if no later one is given.
        empty: A table may be without rows.
    """

    name: str
    kind: str
    doc: str
    columns: tuple[str, ...] = ()
    optional: bool = False
    empty: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SchemaError(f"input '{self.name}' is of the kind '{self.kind}'", f"known are {', '.join(KINDS)}")


@dataclass(frozen=True)
class Given:
    """The opened inputs of a call.

    Attributes:
        datasets: By input name.
        tables: By input name.
        folders: Of pictures, by input name.
        paths: What the user named, by input name, for messages and for files that tables point to.
        out: A folder for pictures and other files of the result; None if the user wants none.
        quiet: No progress bar.
    """

    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    paths: Mapping[str, Path] = field(default_factory=dict)
    out: Path | None = None
    quiet: bool = True

    def has(self, name: str) -> bool:
        """Whether an optional input was given."""
        return name in self.paths


@dataclass(frozen=True)
class Result:
    """What a measure found.

    Attributes:
        facts: Single figures: numbers with their n and interval as numbers, texts; plain JSON data.
        tables: Name -> rows, each plain JSON data with the same keys.
        notes: What a reader must know to read the figures right, a sentence each.
        files: Files written below `Given.out`.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        files = [str(f) for f in self.files]
        return {"facts": dict(self.facts), "tables": dict(self.tables), "notes": list(self.notes), "files": files}


class Measure(ABC):
    """Measures one thing.

    Class attributes:
        name: The command line and the docs use it.
        doc: One sentence for the table of measures.
        source: Where the formula comes from: paper or standard, with the equation or section.
        inputs: In the order of the command line.
        extra: Extra of the product that brings the library it needs; empty if it needs none.
        config_type: Class of its own settings.
    """

    name: ClassVar[str]
    doc: ClassVar[str]
    source: ClassVar[str]
    inputs: ClassVar[tuple[Input, ...]]
    extra: ClassVar[str] = ""
    config_type: ClassVar[type[Config]] = Config

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if getattr(cls.measure, "__isabstractmethod__", False):
            return
        for attribute in ("name", "doc", "source", "inputs"):
            if not getattr(cls, attribute, None):
                raise SchemaError(f"measure {cls.__name__} declares no {attribute}")

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.config_type()

    @abstractmethod
    def measure(self, given: Given) -> Result:
        """The figures.

        Raises:
            FacecurateError: with one clear line, if the inputs do not allow it.
        """


__all__ = ["DATASET", "PICTURES", "TABLE", "Config", "Given", "Input", "Measure", "Result"]
