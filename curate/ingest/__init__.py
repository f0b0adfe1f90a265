"""From inputs to decoded pictures: list sources, plan shards, read bytes, decode."""

from curate.ingest.decode import Loaded, load
from curate.ingest.listing import list_sources
from curate.ingest.options import Limits, ListOptions
from curate.ingest.plan import IngestPlan, plan_shards, shard_size_for, write_shards
from curate.ingest.reader import SourceReader, content_id
from curate.ingest.retry import retry_sources

__all__ = [
    "IngestPlan",
    "Limits",
    "ListOptions",
    "Loaded",
    "SourceReader",
    "content_id",
    "list_sources",
    "load",
    "plan_shards",
    "retry_sources",
    "shard_size_for",
    "write_shards",
]
