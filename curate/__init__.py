"""Everything a person does with a dataset of faces.

import curate
dataset = curate.run("photos/", "faces/")
table = dataset.faces().to_pandas()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curate.api import annotate, ingest, run
    from curate.evaluation import evaluate
    from curate.store import Dataset

__version__ = "0.1.0"
__all__ = ["Dataset", "annotate", "evaluate", "ingest", "run"]


def __getattr__(name: str) -> Any:
    """Load the parts when they are first used, so that `facecurate --help` stays quick."""
    if name == "Dataset":
        from curate.store import Dataset

        return Dataset
    if name == "evaluate":
        from curate.evaluation import evaluate

        return evaluate
    if name in __all__:
        from curate import api

        return getattr(api, name)
    raise AttributeError(f"module 'curate' has no attribute '{name}'")
