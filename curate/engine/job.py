"""What a run is made of, as plain data that can be sent to any worker on any machine."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from curate.ingest import Limits


@dataclass(frozen=True)
class Step:
    """One annotator of a run.

    Attributes:
        annotator: Its registered name.
        config: Its settings as plain data; empty means the defaults.
        layer: Layer it writes.
        inputs: Required label column -> layer it is read from.
    """

    annotator: str
    layer: str
    config: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What every worker of a run needs to know.

    Attributes:
        dataset: Folder of the dataset.
        detector: Registered name of the detector.
        detector_config: Its settings as plain data.
        steps: Annotators, each after those it reads from.
        limits: What counts as a usable picture.
        chunk_images: Pictures held decoded at the same time, at most.
        chunk_pixels: Their pixels, at most (a single larger picture still passes).
    """

    dataset: str
    detector: str
    detector_config: dict[str, Any]
    steps: tuple[Step, ...]
    limits: Limits = field(default_factory=Limits)
    chunk_images: int = 16
    chunk_pixels: int = 32_000_000


@dataclass(frozen=True)
class ShardTask:
    """What is missing of one shard.

    Attributes:
        key: The shard.
        images: Pictures in it, for the progress bar.
        detect: Decode every picture and write the images and faces parts.
        layers: Layers whose part is missing.
        retry: Layers whose part exists but holds failed rows that are to be tried again.
    """

    key: str
    images: int
    detect: bool
    layers: tuple[str, ...]
    retry: tuple[str, ...] = ()


@dataclass
class ShardResult:
    """What became of one shard task; two results add up.

    Attributes:
        key: The shard, or empty for a sum.
        images: Pictures by status.
        reasons: Pictures in the ledger by reason.
        faces: Faces found.
        labels: Layer -> status -> faces.
        seconds: Stage or annotator -> seconds spent.
        error: Why the shard could not be finished; empty if it was.
    """

    key: str = ""
    images: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    faces: int = 0
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    error: str = ""

    def __iadd__(self, other: ShardResult) -> ShardResult:
        for name in ("images", "reasons", "seconds"):
            _add(getattr(self, name), getattr(other, name))
        for layer, counts in other.labels.items():
            _add(self.labels.setdefault(layer, {}), counts)
        self.faces += other.faces
        self.error = self.error or other.error
        return self

    def as_dict(self) -> dict[str, Any]:
        """Fields as plain data."""
        return dataclasses.asdict(self)


def _add(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        into[key] = into.get(key, 0) + value


@dataclass(frozen=True)
class Tick:
    """Progress since the last tick of the same worker."""

    images: int
    faces: int
    failures: int
