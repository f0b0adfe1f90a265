"""Which sources are new, which are known, which repeat another picture byte for byte."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from curate.ingest.reader import SourceReader, content_id
from schemas.columns import sources as src

SHARD_SIZE = 1000
LEAST_SHARD = 32
SHARDS_WANTED = 16

TABLE = "sources"
IMAGES_TABLE = "images"
FILE_COLUMNS = (src.URI, src.MEMBER, src.BYTES, src.MTIME, src.IMAGE_ID)
"""What `File` is made of, in its order."""


class File(NamedTuple):
    """What planning knows of one source."""

    uri: str
    member: int | None
    size: int | None
    mtime: int
    image_id: str | None

    @property
    def place(self) -> tuple[str, int | None]:
        """What stays the same when the content changes."""
        return self.uri, self.member


class SourceStore(Protocol):
    """The part of a dataset that planning needs."""

    def keys(self, table: str, /) -> list[str]:
        """Keys of the shards that exist."""

    def read(self, table: str, key: str, columns: Iterable[Any] | None = None, /) -> pa.Table:
        """One shard, or the named columns of it."""

    def write(self, table: str, key: str, data: pa.Table, /) -> object:
        """Write one shard, whole or not at all."""


@dataclass(frozen=True)
class IngestPlan:
    """What an ingest will add.

    Attributes:
        shards: Key and rows of each new part of the sources table.
        n_new: Rows in them.
        n_known: Listed sources that the dataset has already, unchanged.
        n_changed: New rows whose file the dataset knows with another size or time.
        n_duplicates: New rows that repeat an earlier picture byte for byte.
    """

    shards: list[tuple[str, pa.Table]]
    n_new: int
    n_known: int
    n_changed: int
    n_duplicates: int

    @property
    def keys(self) -> list[str]:
        """Keys of the new shards."""
        return [key for key, _ in self.shards]


def shard_size_for(n: int) -> int:
    """Rows per shard for `n` new sources: 1,000, or fewer so that some 16 shards share a small input."""
    return min(SHARD_SIZE, max(LEAST_SHARD, math.ceil(n / SHARDS_WANTED)))


def plan_shards(ds: SourceStore, sources: pa.Table, shard_size: int | None = None) -> IngestPlan:
    """Compare a listing with what the dataset holds; writes nothing.

    A source is known if the dataset has its `uri` and `member` with the same size and time. Only files
    whose size another file shares are read, to compare their content; the first of equals keeps the
    labels, the others name it in `duplicate_of`. The result depends on the listing and the dataset
    alone, never on the number of workers.

    Args:
        ds: The dataset.
        sources: What `list_sources` returned.
        shard_size: Rows per shard; by default it follows from the number of new rows.
    """
    keys = ds.keys(TABLE)
    known = _known(ds, keys)
    states = {(f.place, f.size, f.mtime) for f in known}
    listed = _files(sources)
    is_new = [(f.place, f.size, f.mtime) not in states for f in listed]
    new = [f for f, fresh in zip(listed, is_new, strict=True) if fresh]
    table = _with_content(sources.filter(pa.array(is_new, pa.bool_())), *find_duplicates(known, new))
    size = shard_size or shard_size_for(len(new))
    first = max((int(key) for key in keys if key.isdecimal()), default=-1) + 1
    shards = [(f"{first + i:05d}", table.slice(at, size)) for i, at in enumerate(range(0, len(new), size))]
    places = {f.place for f in known}
    return IngestPlan(
        shards=shards,
        n_new=len(new),
        n_known=len(listed) - len(new),
        n_changed=sum(f.place in places for f in new),
        n_duplicates=len(new) - table[src.DUPLICATE_OF.name].null_count,
    )


def write_shards(ds: SourceStore, plan: IngestPlan) -> list[str]:
    """Write the plan's parts of the sources table; returns their keys."""
    for key, table in plan.shards:
        ds.write(TABLE, key, table)
    return plan.keys


def find_duplicates(known: Sequence[File], new: Sequence[File]) -> tuple[list[str | None], list[str | None]]:
    """The `image_id` (where bytes had to be read) and `duplicate_of` of each new file.

    Files that share their size with another are read and hashed, and those of unknown size. One that
    cannot be read stays unmarked: its shard will meet the same error and put it in the ledger.
    """
    sizes = Counter(f.size for f in (*known, *new))
    wanted = {f.size for f in new if sizes[f.size] > 1}
    replaced = {f.place for f in new}
    first: dict[str, str] = {}
    ids: list[str | None] = []
    originals: list[str | None] = []
    with SourceReader() as reader:
        for file in known:
            # The bytes now at the place of a changed file are the new row's, not the known one's.
            readable = file.place not in replaced and file.size in wanted
            image_id = file.image_id or (_hash(reader, file) if readable else None)
            if image_id is not None:
                first.setdefault(image_id, file.uri)
        for file in new:
            image_id = _hash(reader, file) if file.size is None or file.size in wanted else None
            ids.append(image_id)
            originals.append(None if image_id is None else first.get(image_id))
            if image_id is not None:
                first.setdefault(image_id, file.uri)
    return ids, originals


def _hash(reader: SourceReader, file: File) -> str | None:
    if not file.uri or file.size == 0:
        return None
    try:
        return content_id(reader.read(file.uri, file.member))
    except OSError:
        return None


def _known(ds: SourceStore, keys: Sequence[str]) -> list[File]:
    """Files of the dataset; those already decoded know their content."""
    files = [file for key in keys for file in _files(ds.read(TABLE, key, FILE_COLUMNS))]
    decoded: dict[tuple[str, int | None], str | None] = {}
    for key in ds.keys(IMAGES_TABLE):
        rows = ds.read(IMAGES_TABLE, key, [src.URI, src.MEMBER, src.IMAGE_ID])
        decoded.update(((uri, member), image_id) for uri, member, image_id in _tuples(rows))
    return [file._replace(image_id=file.image_id or decoded.get(file.place)) for file in files]


def _files(table: pa.Table) -> list[File]:
    return [File(*row) for row in _tuples(table.select([c.name for c in FILE_COLUMNS]))]


def _tuples(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _with_content(table: pa.Table, ids: Sequence[str | None], originals: Sequence[str | None]) -> pa.Table:
    for column, values in ((src.IMAGE_ID, ids), (src.DUPLICATE_OF, originals)):
        index = table.schema.get_field_index(column.name)
        table = table.set_column(index, column.field, pa.array(values, column.type))
    return table
