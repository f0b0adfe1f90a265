"""Checks a Croissant file with mlcroissant, MLCommons' own library."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotators.extras import require_libraries
from schemas import DatasetError

EXTRA = "croissant"


@dataclass(frozen=True)
class Verdict:
    """What mlcroissant says of a file that has no errors: its warnings, sorted."""

    warnings: tuple[str, ...]


def require() -> None:
    """Check that mlcroissant is installed.

    Raises:
        MissingExtraError: if it is not.
    """
    require_libraries(EXTRA, "mlcroissant")


def validate(source: Path | Mapping[str, Any]) -> Verdict:
    """Load a file, or a document that is not written yet, as its readers would.

    Raises:
        MissingExtraError: if mlcroissant is not installed.
        DatasetError: if mlcroissant finds errors; all are named.
    """
    require()
    mlcroissant: Any = importlib.import_module("mlcroissant")
    name = str(source) if isinstance(source, Path) else "the Croissant document"
    try:
        with warnings.catch_warnings(), _quietly():
            warnings.simplefilter("ignore", DeprecationWarning)  # of rdflib, which mlcroissant uses in an older way
            found = mlcroissant.Dataset(jsonld=str(source) if isinstance(source, Path) else deepcopy(dict(source)))
    except (mlcroissant.ValidationError, ValueError) as error:
        raise DatasetError(f"{name} is not valid Croissant", str(error), "Please report this") from error
    return Verdict(tuple(sorted(found.metadata.ctx.issues.warnings)))


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep mlcroissant from logging the warnings that are given back."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
