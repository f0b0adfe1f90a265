"""The result of an evaluation: read it, save it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from curate.evaluation.card import TruthCard
from curate.evaluation.intervals import LEVEL
from curate.evaluation.results import Section, plain
from curate.store.parts import write_forms
from schemas import UnknownNameError

FORMAT = "facecurate-evaluation"
VERSION = 1
FOLDER = "evaluation"


@dataclass(frozen=True)
class Evaluation:
    """How right a dataset's labels are against one truth.

    Attributes:
        name: Of the files.
        dataset: Name, revision, detector and layers of the dataset.
        card: The truth's card.
        matching: How rows of the truth found their faces, and what became of the others.
        sections: One per column and task.
        groupings: How faces were divided: column, source, groups and their sizes.
        refused: Columns that could not be compared -> why.
        options: Rounds, seed, least group.
        path: The dataset's folder; where `save` writes by default.
    """

    name: str
    dataset: Mapping[str, Any]
    card: TruthCard
    matching: Mapping[str, Any]
    sections: tuple[Section, ...]
    groupings: tuple[Mapping[str, Any], ...]
    refused: Mapping[str, str]
    options: Mapping[str, Any]
    path: Path = field(repr=False)

    def section(self, name: str) -> Section:
        """The section of a column or task.

        Raises:
            UnknownNameError: if there is none; offers the nearest name.
        """
        for section in self.sections:
            if section.name == name:
                return section
        raise UnknownNameError("section", name, [s.name for s in self.sections])

    def as_dict(self) -> dict[str, Any]:
        """The content of the JSON file; docs/evaluation.md says what stands where."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "made_by": f"facecurate {metadata.version('facecurate')}",
            "name": self.name,
            "level": LEVEL,
            "dataset": plain(self.dataset),
            "truth": plain(self.card.as_dict()),
            "matching": plain(self.matching),
            "options": plain(self.options),
            "groupings": plain(list(self.groupings)),
            "refused": dict(self.refused),
            "sections": [section.as_dict() for section in self.sections],
        }

    def save(self, folder: str | Path | None = None, forms: Iterable[str] = ("json", "html")) -> list[Path]:
        """Write `NAME.json` and `NAME.html`.

        Args:
            folder: Where to; `evaluation/` in the dataset if None. It is made if it is absent.
            forms: `json`, `html` or both.

        Returns:
            The files.

        Raises:
            DatasetError: if a file cannot be written.
        """
        target = self.path / FOLDER if folder is None else Path(folder)
        return write_forms(target, self.name, forms, self._text)

    def _text(self, form: str) -> str:
        if form == "html":
            from curate.evaluation.page import render

            return render(self)
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
