"""Puts pictures that could not be read into a shard of their own, to be tried again."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from curate.store import Dataset
from schemas import ImageStatus
from schemas.columns import images
from schemas.columns import sources as src


def retry_sources(ds: Dataset) -> int:
    """Write a new shard with every picture whose latest status is `failed`; returns how many.

    The old rows stay; a later row of the same picture speaks for it. What is rejected stays rejected:
    the same bytes would be rejected again.
    """
    ledger = ds.ledger()
    failed = ledger.filter(pc.equal(ledger.column(images.STATUS.name), ImageStatus.FAILED.value))
    places = set(zip(*(failed.column(c.name).to_pylist() for c in (src.URI, src.MEMBER)), strict=True))
    if not places:
        return 0
    found: dict[object, pa.Table] = {}
    for key in ds.keys("sources"):
        part = ds.read("sources", key)
        rows = zip(*(part.column(c.name).to_pylist() for c in (src.URI, src.MEMBER)), strict=True)
        for row, place in enumerate(rows):
            if place in places:
                found[place] = part.slice(row, 1)
    table = pa.concat_tables(found.values(), promote_options="default").combine_chunks()
    following = max(int(key) for key in ds.keys("sources") if key.isdigit()) + 1
    ds.write("sources", f"{following:05d}", table)
    return len(places)
