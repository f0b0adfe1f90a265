"""What a kind of step is: it has settings, says which plain commands do the same, and does its work resumably."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from annotators.base import Config
from curate.export.index import LEFT_OUT
from curate.store import Dataset
from curate.store.names import LABELS
from schemas import SchemaError
from schemas.columns import labels

DATASET = "faces"
"""Folder of the dataset below the recipe's."""
PHOTOS = "PHOTOS"
"""Stands for the photos in commands that are only shown."""


@dataclass(frozen=True)
class Site:
    """Where a step works.

    Attributes:
        recipe: Name of the recipe, or its file.
        step: Name of the step.
        photos: What the user gave.
        out: The recipe's folder.
        selected: Name of the selection that holds here; empty before the first.
        workers: Processes; None is one per usable core.
        quiet: No progress bar.
        command: What the user typed, for run records.
        given: Parameters that the user set, name -> text.
    """

    recipe: str
    step: str
    photos: tuple[str, ...]
    out: Path
    selected: str = ""
    workers: int | None = None
    quiet: bool = True
    command: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def dataset(self) -> Path:
        """Folder of the dataset."""
        return self.out / DATASET

    @property
    def folder(self) -> Path:
        """The step's own folder."""
        return self.out / self.step

    def open(self) -> Dataset:
        """The dataset."""
        return Dataset.open(self.dataset)

    def condition(self, where: str) -> str:
        """An SQL condition that also asks for the selection, where there is one; empty if neither is asked."""
        chosen = labels.SELECTED.name if self.selected else ""
        if chosen and where:
            return f"{chosen} and ({where})"
        return chosen or where

    def alone(self) -> list[str]:
        """The command that does this step alone, for steps that no other command does."""
        return ["recipe", self.recipe, *self.photos, str(self.out), "--only", self.step, *settings(self.given)]

    def names(self) -> dict[str, Any]:
        """Names that settings may use besides the parameters."""
        return {"out": str(self.out), "dataset": str(self.dataset), "recipe": self.recipe}


@dataclass(frozen=True)
class Done:
    """What a step did.

    Attributes:
        kept: How many stay, or were written.
        unit: Of what: `faces`, `pictures`, `rows`.
        dropped: Reason -> how many did not stay.
        facts: Other figures, plain data.
        files: What it wrote below the recipe's folder; where one is gone, the step is done again.
        notes: What a reader must know.
    """

    kept: int
    unit: str = "faces"
    dropped: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


class Step(ABC):
    """One kind of step.

    Class attributes:
        name: Recipes name it so, as `kind`.
        doc: One sentence for the docs.
        version: Raised whenever the same input could give another output.
        options_type: Class of its settings.
        selects: Steps after it work on the faces that it selects.
        plans: It needs no data; `--plan` runs it alone.
        stays: Folder below the recipe's with what it made, where that is part of the dataset and cannot be told from
            the rest: once it is there, the step cannot be done again with other settings. Empty for other steps.
    """

    name: ClassVar[str]
    doc: ClassVar[str]
    version: ClassVar[str] = "1"
    options_type: ClassVar[type[Config]] = Config
    selects: ClassVar[bool] = False
    plans: ClassVar[bool] = False
    stays: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if getattr(cls.run, "__isabstractmethod__", False):
            return
        for attribute in ("name", "doc"):
            if not getattr(cls, attribute, None):
                raise SchemaError(f"kind of step {cls.__name__} declares no {attribute}")

    def __init__(self, options: Config) -> None:
        self.options = options

    def check(self, site: Site) -> None:  # noqa: B027 - most need nothing
        """Make sure, before the first step runs, that this one can run here with these settings.

        Raises:
            FacecurateError: for what would stop it later.
        """

    def reads(self, site: Site) -> Any:
        """Plain data that changes when what it reads, besides its settings and earlier steps, changes."""
        return None

    def leaves(self, site: Site) -> Sequence[str]:
        """Files and folders below the recipe's that are its own, to be removed before it is done otherwise."""
        return (site.step,)

    @abstractmethod
    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """The plain `facecurate` commands that do the same, without the program's name."""

    @abstractmethod
    def run(self, site: Site) -> Done:
        """Do it, or go on where it was stopped.

        Raises:
            FacecurateError: with one clear line.
        """


NOT_MET = LEFT_OUT[0]
"""How an export names faces that do not meet its condition."""


def own_drops(left_out: Mapping[str, int], site: Site, where: str) -> dict[str, int]:
    """What a step left out itself: not the faces that an earlier selection had dropped already."""
    known = site.selected and not where
    return {reason: n for reason, n in left_out.items() if not (known and reason == NOT_MET)}


def layer_of(step: str) -> str:
    """Name of the layer of a step that labels faces itself."""
    return f"recipe_{step}"


def layer_folder(layer: str) -> str:
    """Where a layer lies below the recipe's folder; a recipe's dataset has one revision."""
    return f"{DATASET}/{LABELS}/{layer}"


def shown(arguments: Sequence[str]) -> str:
    """A command as one types it; all are facecurate's own but the copying of a dataset."""
    return shlex.join(arguments if arguments[0] == "cp" else ["facecurate", *arguments])


def option(name: str, value: Any) -> list[str]:
    """`--name value`, `--name` for true; nothing where the value is empty, false or None."""
    if value is True:
        return [name]
    if value is None or value is False or value in ("", ()):
        return []
    text = (
        ",".join(map(str, value))
        if isinstance(value, tuple)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
    return [name, text]


def settings(values: Mapping[str, Any]) -> list[str]:
    """`--set key=value` for each."""
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
