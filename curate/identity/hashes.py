"""Perceptual hashes of pictures, computed once and kept in the dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.engine.local import usable_cores
from curate.identity.progress import follow
from curate.ingest import Limits, SourceReader, load
from curate.store import Dataset
from curate.store.checks import check_group, with_fields
from curate.store.parts import SUFFIX, read_table, write_table
from schemas import DatasetError, ImageStatus
from schemas.columns import hashes, images

FOLDER = "hashes"
VERSION = {b"facecurate.hashes": b"1"}
GENEROUS = Limits(max_pixels=10**9, max_bytes=2**40)
"""Pictures that a run took in are not refused here."""
LUMA = (0.299, 0.587, 0.114)

Pixels = NDArray[np.uint8]


def perceptual_hash(grey: NDArray[np.float32], side: int) -> Pixels:
    """Signs of the lowest `side` x `side` frequencies about their median, packed to bytes.

    The DCT hash of C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010.

    Args:
        grey: Luma, shape (4 * side, 4 * side).
        side: Frequencies per axis; the one of 0 (the mean) is left out of the median.

    Returns:
        `side * side / 8` bytes.
    """
    low = np.asarray(cv2.dct(grey), np.float32)[:side, :side].ravel()
    return np.packbits(low > np.median(low[1:]))


def hash_picture(pixels: Pixels) -> dict[str, Any]:
    """All hashes of an upright RGB picture, shape (height, width, 3), by column."""
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (64, 64), interpolation=cv2.INTER_AREA)
    fine = grey.astype(np.float32)
    coarse = cv2.resize(fine, (32, 32), interpolation=cv2.INTER_AREA)
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    values: dict[str, Any] = {hashes.PIXELS.name: digest.digest()}
    for small, column in ((coarse, hashes.HASH), (coarse[:, ::-1], hashes.HASH_MIRRORED)):
        values[column.name] = int.from_bytes(perceptual_hash(np.ascontiguousarray(small), 8).tobytes(), "little")
    for small, column in ((fine, hashes.FINE), (fine[:, ::-1], hashes.FINE_MIRRORED)):
        values[column.name] = perceptual_hash(np.ascontiguousarray(small), 16).tobytes()
    return values


def picture_hashes(ds: Dataset, quiet: bool = True) -> pa.Table:
    """The hashes of all usable pictures; those that are not kept yet are computed, shard by shard.

    A shard's hashes appear whole or not at all, so a stopped call goes on where it stopped. Pictures that
    cannot be read have null hashes; the next call tries them again.

    Args:
        ds: The dataset.
        quiet: Show no progress.
    """
    keys = ds.keys("images")
    tables = {key: _kept(ds, key) for key in keys}
    stale = [key for key, table in tables.items() if table is None or table.column(hashes.HASH.name).null_count]
    pool = ThreadPoolExecutor(usable_cores())
    try:
        made = pool.map(lambda key: _hash_shard(ds, key, tables[key]), stale)
        tables |= dict(zip(stale, follow(made, len(stale), "hashing shards", quiet), strict=True))
    finally:
        pool.shutdown(cancel_futures=True)
    schema = hashes.HASHES.schema
    return pa.concat_tables([schema.empty_table(), *(t.cast(schema) for t in tables.values() if t is not None)])


def _path(ds: Dataset, key: str) -> Any:
    return ds.path / FOLDER / f"{key}{SUFFIX}"


def _kept(ds: Dataset, key: str) -> pa.Table | None:
    """The stored hashes of a shard if they are complete and of its present pictures."""
    path = _path(ds, key)
    if not path.is_file():
        return None
    try:
        table = read_table(path)
    except DatasetError:
        return None  # made anew: nothing but time is lost
    current = (table.schema.metadata or {}).items() >= VERSION.items()
    ids = [row[images.IMAGE_ID.name] for row, _ in _usable(ds, key)]
    if not current or table.column(hashes.IMAGE_ID.name).to_pylist() != ids:
        return None
    return table


def _usable(ds: Dataset, key: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    stored = ds.read("images", key, [images.IMAGE_ID, images.STATUS]).to_pylist()
    for row, source in zip(stored, ds.read("sources", key).to_pylist(), strict=True):
        if row[images.STATUS.name] == ImageStatus.OK:
            yield row, source


def _hash_shard(ds: Dataset, key: str, kept: pa.Table | None) -> pa.Table:
    before = [] if kept is None else kept.filter(kept.column(hashes.HASH.name).is_valid()).to_pylist()
    known = {row[hashes.IMAGE_ID.name]: row for row in before}
    rows = []
    with SourceReader() as reader:
        for row, source in _usable(ds, key):
            image_id = row[images.IMAGE_ID.name]
            if image_id in known:
                rows.append(known[image_id])
                continue
            pixels = load(source, GENEROUS, image_id, reader).pixels
            rows.append({hashes.IMAGE_ID.name: image_id, **(hash_picture(pixels) if pixels is not None else {})})
    schema = hashes.HASHES.schema
    table = pa.table({f.name: pa.array([r.get(f.name) for r in rows], f.type) for f in schema}, schema=schema)
    check_group(table, hashes.HASHES, [hashes.IMAGE_ID.name])
    write_table(_path(ds, key), with_fields(table, VERSION))
    return table
