"""Run records: what ran, on what, with what outcome."""

from __future__ import annotations

import dataclasses
import os
import platform
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from curate.store.layers import now
from schemas import DatasetError

_LIBRARIES = (
    "facecurate", "numpy", "pyarrow", "opencv-python-headless", "onnxruntime", "ai-edge-litert", "pillow",
    "torch", "open_clip_torch", "transformers",
)  # fmt: skip


def run_id() -> str:
    """A fresh id that sorts by time, such as `20250131T120000-1a2b3c4d`."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def host_facts() -> dict[str, Any]:
    """System, processor count and library versions; nothing that names the machine or its user."""
    versions: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # a library that is not installed has no version to record
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "libraries": versions,
    }


@dataclass
class RunRecord:
    """One run of a command over the dataset.

    Attributes:
        id: File name below `runs/`.
        started: ISO 8601 in UTC.
        finished: The same; empty while running or if the run was killed.
        command: What was asked, as a list of words.
        version: Version of facecurate.
        outcome: `finished`, `finished with errors`, `interrupted` or `failed`.
        annotators: One entry per annotator: name, version, layer, config, config_hash, weights.
        counts: What happened to how many (images, faces, failures by reason).
        seconds: Wall time by part of the work; `total` for all.
        errors: Messages of what went wrong without stopping the run.
        host: Facts about the machine; see `host_facts`.
    """

    id: str = field(default_factory=run_id)
    started: str = field(default_factory=now)
    finished: str = ""
    command: list[str] = field(default_factory=list)
    version: str = ""
    outcome: str = ""
    annotators: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    errors: list[Any] = field(default_factory=list)
    host: dict[str, Any] = field(default_factory=host_facts)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as in `runs/ID.json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunRecord:
        """Read what `as_dict` gave.

        Raises:
            DatasetError: if fields are unknown.
        """
        try:
            return cls(**data)
        except TypeError as error:
            raise DatasetError(f"run record {data.get('id', '?')} is not understood", str(error)) from error
