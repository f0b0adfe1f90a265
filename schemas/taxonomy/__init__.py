"""Closed, versioned label sets, kept as data in the TOML files beside this module."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from schemas.errors import TaxonomyError, UnknownNameError


@dataclass(frozen=True)
class Taxonomy:
    """A closed set of labels in a fixed order.

    Attributes:
        name: The name used in columns and maps, such as `emotion-7`.
        version: Raised when a label is added, dropped or renamed.
        labels: Canonical names in order.
        doc: One sentence.
        source: Where the set was published or read.
        aliases: Other spellings -> canonical name.
        docs: Label -> a sentence about it.
        groups: Heading -> labels.
    """

    name: str
    version: int
    labels: tuple[str, ...]
    doc: str
    source: str
    aliases: dict[str, str] = field(default_factory=dict)
    docs: dict[str, str] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __contains__(self, label: object) -> bool:
        return label in self.labels

    def canonical(self, label: str) -> str:
        """The canonical spelling of a label or alias.

        Raises:
            TaxonomyError: if it is neither.
        """
        if label in self.labels:
            return label
        if label in self.aliases:
            return self.aliases[label]
        raise TaxonomyError(f"'{label}' is not a label of {self.name}", fix=f"Labels: {', '.join(self.labels)}")


@cache
def _load() -> dict[str, Taxonomy]:
    found: dict[str, Taxonomy] = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".toml"):
            continue
        for entry in tomllib.loads(file.read_text("utf-8")).get("taxonomy", []):
            taxonomy = Taxonomy(
                name=entry["name"],
                version=entry["version"],
                labels=tuple(entry["labels"]),
                doc=entry["doc"],
                source=entry["source"],
                aliases=entry.get("aliases", {}),
                docs=entry.get("docs", {}),
                groups={k: tuple(v) for k, v in entry.get("groups", {}).items()},
            )
            if taxonomy.name in found:
                raise TaxonomyError(f"taxonomy {taxonomy.name} is defined twice", file.name)
            found[taxonomy.name] = taxonomy
    return found


def taxonomy(name: str) -> Taxonomy:
    """The taxonomy of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    try:
        return _load()[name]
    except KeyError:
        raise UnknownNameError("taxonomy", name, _load()) from None


def taxonomies() -> tuple[str, ...]:
    """Names of all taxonomies."""
    return tuple(_load())


def labels_of(name: str) -> frozenset[str]:
    """The labels of a taxonomy as a set, for checking columns."""
    return frozenset(taxonomy(name).labels)
