"""Reliabilities measured elsewhere: the confusions in the JSON of `facecurate evaluate`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.fuse.labels import names_of
from curate.fuse.method import Floats, Source
from schemas import Column, UsageError

SUFFIX = ".json"


class Evaluations:
    """Confusions by column and layer.

    Args:
        paths: JSON files of `facecurate evaluate DATASET --layers LAYER`; only sections in which a single
            layer speaks say how reliable that layer is.

    Raises:
        UsageError: if a file is missing, is no evaluation, or holds no confusion of a single layer.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._confusions: dict[tuple[str, str], tuple[list[str], Floats]] = {}
        for path in paths:
            found = dict(_confusions(path))
            if not found:
                why = "no section holds the confusion of a single layer"
                raise UsageError(f"{path} tells no reliabilities", why, "Evaluate with --layers LAYER")
            self._confusions |= found

    def __contains__(self, column: Column) -> bool:
        return any(name == column.name for name, _ in self._confusions)

    def counts(self, column: Column, sources: Sequence[Source]) -> Floats:
        """Faces by source, true and said label; 0 for sources that were not evaluated."""
        names = names_of(column)
        counts = np.zeros((len(sources), len(names), len(names)))
        for s, source in enumerate(sources):
            labels, found = self._confusions.get((column.name, source.layer), ([], np.zeros((0, 0))))
            places = [names.index(label) for label in labels if label in names]
            kept = [i for i, label in enumerate(labels) if label in names]
            counts[s][np.ix_(places, places)] = found[np.ix_(kept, kept)]
        return counts


def _confusions(path: str) -> Mapping[tuple[str, str], tuple[list[str], Floats]]:
    try:
        data = json.loads(Path(path).read_text("utf-8"))
        sections: list[dict[str, Any]] = data["sections"]
        return {
            (section["column"], next(iter(section["speakers"]))): (
                [str(x) for x in section["details"]["confusion"]["labels"]],
                np.array(section["details"]["confusion"]["counts"], np.float64),
            )
            for section in sections
            if len(section["speakers"]) == 1 and "confusion" in section["details"]
        }
    except OSError as error:
        raise UsageError(f"{path} cannot be read", error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no evaluation", str(error), "Give the JSON of 'facecurate evaluate'") from error
