"""The dataset on disk: shards x layers of Parquet parts, and views over them."""

from curate.store.counts import Counts
from curate.store.dataset import Dataset
from curate.store.info import DatasetInfo
from curate.store.layers import LayerInfo, config_hash
from curate.store.runs import RunRecord, host_facts, run_id

__all__ = ["Counts", "Dataset", "DatasetInfo", "LayerInfo", "RunRecord", "config_hash", "host_facts", "run_id"]
