"""Shards of MosaicML's MDS format: bytes of a shard, and an entry of `index.json`.

The layout is that of mosaicml-streaming 0.13, `streaming/base/format/mds`: a shard is the number of samples, where
each begins and ends (uint32, little-endian), the shard's settings as JSON, and the samples; a sample is the sizes of
its columns without a fixed size, and the columns' bytes, in the order of their names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from schemas import DatasetError

VERSION, FORMAT = 2, "mds"
LIMIT = (1 << 32) - 1
"""Most bytes of a shard: places in it are uint32."""
STR, BYTES, JSON, INT, FLOAT32 = "str", "bytes", "json", "int", "float32"
Codec = tuple[int | None, Callable[[Any], bytes], Callable[[bytes], Any]]
"""Fixed size in bytes if there is one, encoder and decoder."""


def ndarray(shape: Sequence[int]) -> str:
    """Encoding of float32 arrays of one shape."""
    return f"ndarray:float32:{','.join(map(str, shape))}"


def codec(encoding: str) -> Codec:
    """Size, encoder and decoder of an encoding.

    Raises:
        DatasetError: for one that is not written here.
    """
    if encoding.startswith("ndarray:float32:"):
        shape = tuple(int(n) for n in encoding.rpartition(":")[2].split(","))
        return (
            4 * int(np.prod(shape)),
            lambda value: np.ascontiguousarray(value, "<f4").tobytes(),
            lambda data: np.frombuffer(data, "<f4").reshape(shape),
        )
    if encoding not in _CODECS:
        raise DatasetError(f"an MDS column is encoded as {encoding}", "this is not read here")
    return _CODECS[encoding]


def _json(text: str) -> bytes:
    """Texts that are JSON already; those of `lines` are made many at a time."""
    return text.encode()


_CODECS: Mapping[str, Codec] = {
    BYTES: (None, bytes, bytes),
    STR: (None, str.encode, bytes.decode),
    JSON: (None, _json, json.loads),
    INT: (8, lambda value: np.array(value, "<i8").tobytes(), lambda data: int(np.frombuffer(data, "<i8")[0])),
    FLOAT32: (4, lambda value: np.array(value, "<f4").tobytes(), lambda data: float(np.frombuffer(data, "<f4")[0])),
    "jpeg": (None, bytes, bytes),
    "png": (None, bytes, bytes),
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Columns of a shard: name -> encoding."""

    columns: Mapping[str, str]

    @cached_property
    def names(self) -> list[str]:
        """Names in their order."""
        return sorted(self.columns)

    @cached_property
    def _codecs(self) -> list[Codec]:
        return [codec(self.columns[name]) for name in self.names]

    @cached_property
    def config(self) -> dict[str, Any]:
        """Settings, as `index.json` and each shard hold them."""
        return {
            "column_encodings": [self.columns[name] for name in self.names],
            "column_names": self.names,
            "column_sizes": [size for size, _, _ in self._codecs],
            "compression": None, "format": FORMAT, "hashes": [], "size_limit": None, "version": VERSION,
        }  # fmt: skip

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """One sample."""
        parts = [write(values[name]) for name, (_, write, _) in zip(self.names, self._codecs, strict=True)]
        sizes = [len(part) for part, (size, _, _) in zip(parts, self._codecs, strict=True) if size is None]
        return b"".join([np.array(sizes, "<u4").tobytes(), *parts])

    def decode(self, sample: memoryview) -> dict[str, Any]:
        """The reverse of `encode`."""
        free = sum(size is None for size, _, _ in self._codecs)
        sizes = iter(np.frombuffer(sample[: 4 * free], "<u4").tolist())
        at, found = 4 * free, {}
        for name, (size, _, read) in zip(self.names, self._codecs, strict=True):
            length = next(sizes) if size is None else size
            found[name] = read(bytes(sample[at : at + length]))
            at += length
        return found

    def overhead(self, samples: int) -> int:
        """Bytes of a shard before its samples."""
        return 8 + 4 * samples + len(self._text)

    @cached_property
    def _text(self) -> bytes:
        return json.dumps(self.config, sort_keys=True).encode()

    def shard(self, samples: Sequence[bytes]) -> Iterator[bytes]:
        """Pieces of a shard's file."""
        ends = np.cumsum([self.overhead(len(samples)), *map(len, samples)])
        yield np.array([len(samples)], "<u4").tobytes()
        yield ends.astype("<u4").tobytes()
        yield self._text
        yield from samples

    def entry(self, basename: str, size: int, samples: int) -> dict[str, Any]:
        """What `index.json` says of a shard."""
        raw = {"basename": basename, "bytes": size, "hashes": {}}
        return {**self.config, "raw_data": raw, "samples": samples, "zip_data": None}


def samples(shard: bytes) -> Iterator[memoryview]:
    """Bytes of a shard's samples.

    Raises:
        DatasetError: if it is cut short.
    """
    view = memoryview(shard)
    count = int(np.frombuffer(view[:4], "<u4")[0])
    ends = np.frombuffer(view[4 : 8 + 4 * count], "<u4").tolist()
    if ends[-1] != len(view):
        raise DatasetError("an MDS shard is cut short", fix="Export it again")
    for begin, end in pairwise(ends):
        yield view[begin:end]
