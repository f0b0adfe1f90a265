"""Edits in words: which generator changed a face how, one instruction for each edit, and when two are the same."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from curate.generate.lineage import compact
from curate.pairs.pool import Pool
from schemas.columns import images

SLOT = re.compile(r"\{(\w+)\}")
OTHER = "Change the photo with {generator}."
"""For generators that other packages bring."""


@dataclass(frozen=True)
class Edit:
    """How a generated picture differs from its photograph.

    Attributes:
        generator: Its name.
        version: Its version.
        parameters: All of them.
        seed: That they were drawn with.
        step: Number of the picture among those of its request.
    """

    generator: str
    version: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    step: int = 0

    @property
    def verb(self) -> str:
        """The edit's canonical verb."""
        return str(_words().get(self.generator, {}).get("verb", "change"))

    @property
    def instruction(self) -> str:
        """One sentence that asks for it, the same for the same edit."""
        told = _words().get(self.generator, {"text": OTHER})
        labels = told.get("labels", {})

        def word(match: re.Match[str]) -> str:
            name = match[1]
            value = self.generator if name == "generator" else self.parameters.get(name, "")
            return str(labels.get(name, {}).get(str(value)) or _said(value))

        return re.sub(r"\s+([.:])", r"\1", SLOT.sub(word, str(told["text"])))

    @property
    def key(self) -> str:
        """Equal for pictures with the same edit and parameters, apart from those that are fitted to the face."""
        return compact([self.generator, self.version, self.step, _without(self.parameters)])

    @property
    def text(self) -> str:
        """The parameters as JSON."""
        return compact(dict(self.parameters))


def _said(value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("_", " ")


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without(v) for k, v in value.items() if k not in _fitted()}
    return [_without(v) for v in value] if isinstance(value, list) else value


def edit_of(pool: Pool, face: int) -> Edit | None:
    """The edit that made a face's picture; None for a photograph and where its lineage is not understood."""
    generator = pool.texts(images.GENERATOR)[face]
    text = pool.texts(images.GENERATION)[face]
    try:
        told = json.loads(text or "")
    except ValueError:
        return None
    if not generator or not isinstance(told, dict) or not isinstance(told.get("parameters"), dict):
        return None
    name, _, version = generator.rpartition("/")
    seed = pool.cells(images.GENERATOR_SEED)[face]
    return Edit(name, version, told["parameters"], int(seed or 0), int(told.get("step", 0)))


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("curate.pairs").joinpath("data/edits.toml").read_text("utf-8"))


def _words() -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = _data()["edits"]
    return found


def _fitted() -> frozenset[str]:
    return frozenset(_data()["fitted"])
