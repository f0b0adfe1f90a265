"""`dataset.json`: what the dataset is called, allowed for, made from, and its revision."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.store.parts import read_json, write_json
from schemas import DatasetError

FORMAT_VERSION = 1
INFO_FILE = "dataset.json"


@dataclass(frozen=True)
class DatasetInfo:
    """What `dataset.json` holds.

    Attributes:
        format_version: Version of the folder layout.
        name: For people.
        created: ISO 8601 in UTC.
        revision: Which detection the faces and labels in force come from.
        licence: Default licence of the pictures.
        consent: Default consent statement.
        sources: What was ingested, an entry per call.
        detector: Name, version and config of the detector that owns the face ids of this revision.
        pictures_changed: Some files held another picture once; faces of the old one are left out of views.
    """

    format_version: int = FORMAT_VERSION
    name: str = ""
    created: str = ""
    revision: int = 0
    licence: str = ""
    consent: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)
    detector: dict[str, Any] = field(default_factory=dict)
    pictures_changed: bool = False


def read_info(root: Path) -> DatasetInfo:
    """Read `dataset.json`.

    Raises:
        DatasetError: if it is damaged or a newer version made it.
    """
    data = read_json(root / INFO_FILE)
    version = data.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        reason = f"its format version is {version}, this program knows {FORMAT_VERSION}"
        raise DatasetError(f"{root} cannot be opened", reason, "Update facecurate")
    try:
        return DatasetInfo(**data)
    except TypeError as error:
        raise DatasetError(f"{root / INFO_FILE} is not understood", str(error)) from error


def write_info(root: Path, info: DatasetInfo) -> None:
    """Write `dataset.json`, atomically."""
    write_json(root / INFO_FILE, dataclasses.asdict(info))
