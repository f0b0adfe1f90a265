"""The result of an audit: read it, turn it into plain data, save it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.audit.sections import (
    Association,
    Condition,
    ErrorFigure,
    Errors,
    GroupFigure,
    GroupShare,
    Missing,
    MissingGroup,
    OutcomeRates,
    Representation,
    Test,
    Unknown,
)
from curate.audit.structure import (
    Concentration,
    Corrected,
    CorrectedGroup,
    Duplicates,
    FilterImpact,
    FilterSplit,
    GroupedShares,
    Identities,
    Node,
    Pair,
    PairDifference,
    Relations,
    SmallCells,
    SmallGroup,
)
from curate.evaluation.intervals import LEVEL, Estimate, Gap
from curate.evaluation.results import plain
from curate.store.parts import write_forms
from schemas import UnknownNameError, UsageError

if TYPE_CHECKING:
    from curate.audit.page_pictures import Pictures

__all__ = [
    "FOLDER", "FORMAT", "SECTIONS", "VERSION", "Association", "Audit", "Concentration", "Condition", "Corrected",
    "CorrectedGroup", "Duplicates", "ErrorFigure", "Errors", "FilterImpact", "FilterSplit", "Finding", "GroupFigure",
    "GroupShare", "GroupedShares", "Identities", "Missing", "MissingGroup", "Node", "OutcomeRates", "Pair",
    "PairDifference", "Relations", "Representation", "SmallCells", "SmallGroup", "Test", "Unknown", "encode",
    "read_audit",
]  # fmt: skip

FORMAT = "facecurate-audit"
VERSION = 1
FOLDER = "audit"
SECTIONS = (
    "representation", "associations", "conditions", "missing", "errors", "corrected", "small_cells", "filters",
    "duplicates", "identities", "relations",
)  # fmt: skip
"""Sections in the order of the page."""


@dataclass(frozen=True)
class Finding:
    """One thing that a reader should know, in a sentence.

    Attributes:
        section: One of `SECTIONS`.
        by: Grouping.
        subject: Column, filter or group it is about.
        sentence: In plain words, with numbers.
        size: Effect: a share, a distance or an effect size, 0..1.
        interval: Its interval as text; empty if there is none.
        severity: `high`, `medium` or `low`, by the size of the effect.
        n: Faces behind it.
    """

    section: str
    by: str
    subject: str
    sentence: str
    size: float
    interval: str
    severity: str
    n: int


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        name: Of the files.
        created: Time of the audit, UTC, ISO 8601.
        dataset: `name`, `revision`, `detector`, `pictures` (those with a face), `faces`, `licence`, `consent`,
            `layers` (name, kind, annotator, version, weights).
        by: Groupings, the single columns first.
        sources: Column of `by` -> layers that speak for it and for how many faces; `list` for `extra.` columns.
        findings: The worst first.
        representation: One per grouping.
        associations: The strongest first.
        conditions: The largest gap first.
        missing: The largest gap first.
        errors: None where there is no truth.
        corrected: One per column (or columns crossed) of which a confusion is at hand.
        small_cells: One per grouping with small groups.
        filters: Those asked for first.
        duplicates: None where no `duplicates` layer exists.
        identities: None where no `identity` layer exists.
        relations: None where there are no action units.
        absent: Section -> why it is not there and what to run.
        notices: What the labels are, and what they may not be used for.
        options: What was asked for.
        path: The dataset's folder; where `save` writes by default. Not part of the JSON.
    """

    name: str
    created: str
    dataset: Mapping[str, Any]
    by: tuple[str, ...]
    sources: Mapping[str, Mapping[str, int]]
    findings: tuple[Finding, ...]
    representation: tuple[Representation, ...]
    associations: tuple[Association, ...]
    conditions: tuple[Condition, ...]
    missing: tuple[Missing, ...]
    errors: Errors | None
    corrected: tuple[Corrected, ...]
    small_cells: tuple[SmallCells, ...]
    filters: tuple[FilterImpact, ...]
    duplicates: Duplicates | None
    identities: Identities | None
    relations: Relations | None
    absent: Mapping[str, str]
    notices: tuple[str, ...]
    options: Mapping[str, Any]
    path: Path = field(repr=False, compare=False)

    def represented(self, by: str) -> Representation:
        """Representation by a grouping.

        Raises:
            UnknownNameError: if it is none of `by`; offers the nearest.
        """
        for found in self.representation:
            if found.by == by:
                return found
        raise UnknownNameError("grouping", by, self.by)

    def as_dict(self) -> dict[str, Any]:
        """The content of the JSON file."""
        head = {
            "format": FORMAT,
            "version": VERSION,
            "made_by": f"facecurate {metadata.version('facecurate')}",
            "level": LEVEL,
        }
        return {**head, **{f.name: encode(getattr(self, f.name)) for f in dataclasses.fields(self) if f.name != "path"}}

    def save(
        self,
        folder: str | Path | None = None,
        forms: Iterable[str] = ("json", "html"),
        before: Mapping[str, Any] | None = None,
        pictures: Pictures | None = None,
    ) -> list[Path]:
        """Write `NAME.json` and `NAME.html`, each whole or not at all.

        Args:
            folder: Where to; `audit/` in the dataset if None. It is made if it is absent.
            forms: `json`, `html` or both.
            before: An earlier audit (see `read_audit`) that the page holds this one against.
            pictures: Faces for the page (see `curate.audit.page_pictures.pictures_for`); none by default.

        Returns:
            The files.

        Raises:
            DatasetError: if a file cannot be written.
        """
        target = self.path / FOLDER if folder is None else Path(folder)

        def text(form: str) -> str:
            return self._page(before, pictures) if form == "html" else self._json()

        return write_forms(target, self.name, forms, text)

    def _json(self) -> str:
        return json.dumps(self.as_dict(), ensure_ascii=False, allow_nan=False) + "\n"

    def _page(self, before: Mapping[str, Any] | None, pictures: Pictures | None) -> str:
        from curate.audit.page import render

        return render(self, before=before, pictures=pictures)


def encode(value: Any) -> Any:
    """Results as plain JSON data: dataclasses become objects by field name, what is not finite becomes null."""
    if isinstance(value, Estimate):
        return value.as_dict()
    if isinstance(value, Gap):
        return {"best": value.best, "worst": value.worst, "gap": value.size.as_dict(),
                "left_out": list(value.left_out)}  # fmt: skip
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): encode(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [encode(v) for v in value]
    return plain(value)


def read_audit(path: str | Path) -> dict[str, Any]:
    """The JSON of an earlier audit.

    Raises:
        UsageError: if it is missing, no audit, of another version, or lacks a section.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot read the audit {path}", reason, "Give the JSON that an audit wrote") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UsageError(f"{path} is no audit", f"its format is not {FORMAT}", "Give the JSON that an audit wrote")
    if found.get("version") != VERSION:
        reason = f"this reads version {VERSION}"
        raise UsageError(f"{path} is an audit of version {found.get('version')}", reason, "Make it again")
    lacking = sorted({"name", "created", "dataset", *SECTIONS} - set(found))
    if lacking:
        raise UsageError(f"{path} is no whole audit", f"it lacks {', '.join(lacking)}", "Make it again")
    return found
