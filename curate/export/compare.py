"""Reading an export back and holding it against what was given: what differs, and what the format could not hold."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from curate.export.base import Exporter
from curate.export.encode import decode
from curate.export.sample import FaceItem, Sample
from schemas import Column

MOST = 20
"""Differences that are told one by one."""


@dataclass
class Comparison:
    """What came back.

    Attributes:
        samples: Samples that were given.
        missing: Keys that did not come back.
        alien: Keys that came back and were not given.
        values: Column -> values that were held against each other.
        wrong: What differs (`picture`, `split`, `box`, `faces` or a column) -> how often.
        examples: Some differences in words.
    """

    samples: int = 0
    missing: int = 0
    alien: int = 0
    values: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether everything that the format holds came back."""
        return not (self.missing or self.alien or self.wrong)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the manifest."""
        return {"equal": self.equal, "samples": self.samples, "missing": self.missing, "alien": self.alien,
                "values": dict(self.values), "wrong": dict(self.wrong), "examples": self.examples}  # fmt: skip


def compare(
    exporter: Exporter, folder: Path, given: Iterable[Sample], columns: Sequence[Column], dropped: Mapping[str, str]
) -> Comparison:
    """Read an export and compare it, sample by sample, with what was given.

    The export is kept by key without its pictures, so memory follows the labels. Pictures are compared by their bytes;
    only those whose bytes differ, as where a format encodes anew, are read again and compared pixel by pixel.

    Args:
        exporter: Reads the folder.
        folder: The export.
        given: The samples that were exported, made again.
        columns: Label columns that were given.
        dropped: Those that the format cannot hold.
    """
    found = {sample.key: _light(sample) for sample in exporter.read(folder)}
    result, doubtful = Comparison(), dict[str, bytes]()
    held = [c for c in columns if c.name not in dropped]
    for sample in given:
        result.samples += 1
        other = found.pop(sample.key, None)
        if other is None:
            result.missing += 1
            _tell(result, f"{sample.key} is missing")
            continue
        if other.digest not in (None, _digest(sample.data)):
            doubtful[sample.key] = _pixels(sample.data)
        _compare(exporter, sample, other.sample, held, result)
    result.alien = len(found)
    for key in list(found)[:MOST]:
        _tell(result, f"{key} was never exported")
    if doubtful:
        _compare_pixels(exporter.read(folder), doubtful, result)
    return result


@dataclass(frozen=True)
class _Light:
    """A sample that came back without its picture, and the digest of that; None where the format keeps none."""

    sample: Sample
    digest: bytes | None


def _light(sample: Sample) -> _Light:
    return _Light(replace(sample, data=b""), _digest(sample.data) if sample.data else None)


def _compare_pixels(samples: Iterable[Sample], wanted: Mapping[str, bytes], result: Comparison) -> None:
    for sample in samples:
        if sample.key in wanted and _pixels(sample.data) != wanted[sample.key]:
            _wrong(result, "picture", f"{sample.key}: its picture has other pixels")


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _pixels(data: bytes) -> bytes:
    try:
        picture = decode(data)
    except ValueError:
        return b""
    return _digest(picture.tobytes() + str(picture.shape).encode())


def _compare(exporter: Exporter, given: Sample, found: Sample, held: Sequence[Column], result: Comparison) -> None:
    if found.split != given.split:
        _wrong(result, "split", f"{given.key}: split {found.split!r} instead of {given.split!r}")
    if len(found.faces) != len(given.faces):
        _wrong(result, "faces", f"{given.key}: {len(found.faces)} faces instead of {len(given.faces)}")
        return
    for first, second in zip(given.faces, _ordered(given.faces, found.faces), strict=True):
        if not exporter.same_box_in(given, first, second):
            _wrong(result, "box", f"{given.key}: box {second.box} instead of {first.box}")
        for column in held:
            value, back = first.labels.get(column.name), second.labels.get(column.name)
            result.values[column.name] += 1
            if not exporter.same_in(given, column, value, back):
                _wrong(result, column.name, f"{given.key}: {column.name} is {_short(back)} instead of {_short(value)}")


def _ordered(given: tuple[FaceItem, ...], found: tuple[FaceItem, ...]) -> tuple[FaceItem, ...]:
    """Found faces in the order of the given ones, by id where they have one."""
    by_id = {f.face_id: f for f in found if f.face_id}
    if len(by_id) == len(found) and all(g.face_id in by_id for g in given):
        return tuple(by_id[g.face_id] for g in given)
    return found


def _wrong(result: Comparison, what: str, text: str) -> None:
    result.wrong[what] += 1
    _tell(result, text)


def _tell(result: Comparison, text: str) -> None:
    if len(result.examples) < MOST:
        result.examples.append(text)


def _short(value: Any) -> str:
    text = np.array2string(value, threshold=6) if isinstance(value, np.ndarray) else repr(value)
    return " ".join(text.split())[:80]
