"""FiftyOne: look at a dataset in its App, and bring home what was changed there."""

from curate.bridges.fiftyone_export import to_fiftyone
from curate.bridges.fiftyone_import import from_fiftyone
from curate.bridges.fiftyone_view import bring_home, prepare, view

__all__ = ["bring_home", "from_fiftyone", "prepare", "to_fiftyone", "view"]
