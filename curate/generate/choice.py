"""Which generators run, with which settings; checked before anything is written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_type_hints

from annotators.weights import ModelStore
from curate.engine.settings import configure, rebuild
from curate.generators.base import Config, Generator
from curate.generators.registry import generator
from curate.store import Dataset
from schemas import Column, UsageError
from schemas.columns import faces, images, labels


@dataclass(frozen=True)
class Chosen:
    """A generator with its settings.

    Attributes:
        cls: The generator.
        config: Its settings.
    """

    cls: type[Generator]
    config: Config

    @property
    def label(self) -> str:
        """Name and version, as the lineage has them."""
        return f"{self.cls.name}/{self.cls.version}"

    def with_settings(self, changes: Mapping[str, Any]) -> Chosen:
        """The same generator with some settings replaced."""
        return replace(self, config=replace(self.config, **dict(changes))) if changes else self


def choose(names: Sequence[str], settings: Mapping[str, Mapping[str, str]]) -> list[Chosen]:
    """Generators of these names with the settings a user gave.

    Raises:
        UnknownNameError: for an unknown generator or setting.
        UsageError: if none is named, or settings are given for one that is not.
        MissingExtraError: if a library is absent.
        ModelError: if a model file is missing.
    """
    if not names:
        fix = "Name one with --with; facecurate generate --list shows them"
        raise UsageError("no generator is named", fix=fix)
    classes = [generator(name) for name in dict.fromkeys(names)]
    if alien := sorted(set(settings) - {c.name for c in classes}):
        raise UsageError(f"settings for '{alien[0]}'", "it is not one of the generators named with --with")
    found = [Chosen(c, configure(c.config_type, settings.get(c.name, {}), c.name)) for c in classes]
    models = ModelStore()
    for chosen in found:
        chosen.cls.preflight(chosen.config)
        for name in chosen.cls.weights:
            models.path(name)
    return found


def revive(name: str, settings: Mapping[str, Any]) -> Generator:
    """A generator with stored settings, not yet set up; null stands for NaN, which JSON lacks."""
    cls = generator(name)
    hints = get_type_hints(cls.config_type)
    values = {k: math.nan if v is None and hints[k] is float else v for k, v in settings.items()}
    return cls(rebuild(cls.config_type, values))


def columns_for(ds: Dataset, chosen: Iterable[Chosen]) -> list[str]:
    """Columns of a face that generators are given: its place, mesh, scalar labels, and what they ask for.

    Raises:
        UsageError: if a generator reads a column that the dataset does not have.
    """
    known = ds.columns()
    asked: dict[str, None] = {}
    for one in chosen:
        for column in one.cls.requires:
            if column.name not in known:
                why = f"generator '{one.cls.name}' reads it"
                fix = f"Run: facecurate annotate {ds.path} -a {_provider(column)}"
                raise UsageError(f"{ds.path} has no {column.name}", why, fix)
            asked[column.name] = None
    scalar = _scalar(ds)
    mesh = [labels.MESH.name] if labels.MESH.name in known else []
    place = [c.name for c in (faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, faces.POINTS_5)]
    source = [c.name for c in (images.URI, images.MEMBER, images.NAME, images.LICENCE, images.CONSENT)]
    return list(dict.fromkeys([*place, *source, *mesh, *scalar, *asked]))


def _scalar(ds: Dataset) -> list[str]:
    from curate.store.view import FaceView

    return FaceView(ds).default()


def _provider(column: Column) -> str:
    from annotators.registry import annotator, annotator_names

    names = sorted(annotator_names(), key=lambda n: not annotator(n).default)
    return next((n for n in names if column in annotator(n).provides), "ANNOTATOR")
