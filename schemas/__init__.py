"""What a record is: columns, tables, taxonomies, statuses and errors.

Imports only the standard library and pyarrow, so everything else may import it.
"""

from schemas.column import REGISTRY, Column, ColumnGroup, Kind, check, column
from schemas.columns import faces, images, labels, sources
from schemas.errors import (
    DatasetError,
    FacecurateError,
    MissingExtraError,
    ModelError,
    SchemaError,
    TaxonomyError,
    UnknownNameError,
    UsageError,
)
from schemas.status import ImageStatus, Reason, Status
from schemas.taxonomy import Taxonomy, labels_of, taxonomies, taxonomy

__all__ = [
    "REGISTRY",
    "Column",
    "ColumnGroup",
    "DatasetError",
    "FacecurateError",
    "ImageStatus",
    "Kind",
    "MissingExtraError",
    "ModelError",
    "Reason",
    "SchemaError",
    "Status",
    "Taxonomy",
    "TaxonomyError",
    "UnknownNameError",
    "UsageError",
    "check",
    "column",
    "faces",
    "images",
    "labels",
    "labels_of",
    "sources",
    "taxonomies",
    "taxonomy",
]
