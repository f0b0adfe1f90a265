"""Layers: what one annotator, reviewer or fusion wrote, and which of them speaks first."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from curate.store.names import RESERVED, check_name
from schemas import DatasetError, UnknownNameError, UsageError

KINDS = ("human", "fused", "model")
"""Kinds of layers; an earlier kind speaks before a later one."""


def now() -> str:
    """The time in UTC, ISO 8601 with microseconds, so that texts sort as times do."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def config_hash(config: Mapping[str, Any]) -> str:
    """Short digest of settings, the same whatever the order of the keys."""
    return hashlib.blake2b(json.dumps(dict(config), sort_keys=True).encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class LayerInfo:
    """What a layer is.

    Attributes:
        name: Folder name below `labels/`.
        kind: `model`, `human` or `fused`.
        annotator: Name of the annotator, reviewer tool or fusion.
        version: Its version.
        config: Its settings, JSON-serialisable.
        config_hash: Digest of the settings; filled in if empty.
        weights: File name -> SHA-256 of the model files used.
        columns: Names of the columns it provides.
        created: ISO 8601 in UTC; filled in if empty.
        author: Who ran or reviewed it, if that is to be recorded.
        extra: Anything else, JSON-serialisable.
    """

    name: str
    kind: str
    annotator: str
    version: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    config_hash: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    created: str = ""
    author: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("layer", self.name)
        if self.name in RESERVED:
            raise UsageError(f"'{self.name}' cannot be a layer name", "SQL has a table of that name")
        if self.kind not in KINDS:
            raise UnknownNameError("kind of layer", self.kind, KINDS)
        object.__setattr__(self, "columns", tuple(self.columns))
        if not self.config_hash:
            object.__setattr__(self, "config_hash", config_hash(self.config))
        if not self.created:
            object.__setattr__(self, "created", now())

    def __hash__(self) -> int:
        return hash(self.name)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as in `_layer.json`."""
        return json.loads(json.dumps(dataclasses.asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LayerInfo:
        """Read what `as_dict` gave.

        Raises:
            DatasetError: if fields are missing or unknown.
        """
        try:
            return cls(**data)
        except TypeError as error:
            raise DatasetError(f"layer '{data.get('name', '?')}' is not understood", str(error)) from error

    def same_content(self, other: LayerInfo) -> bool:
        """Whether both describe the same labels; the time of creation may differ."""
        return dataclasses.replace(self, created=other.created).as_dict() == other.as_dict()


def by_authority(layers: Iterable[LayerInfo]) -> list[LayerInfo]:
    """Layers in the order in which they speak: human, fused, model; the newest first within a kind."""
    newest_first = sorted(layers, key=lambda i: (i.created, _version(i.version), i.name), reverse=True)
    return sorted(newest_first, key=lambda i: KINDS.index(i.kind))


def _version(text: str) -> tuple[tuple[int, str], ...]:
    parts = text.replace("-", ".").split(".")
    return tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts)
