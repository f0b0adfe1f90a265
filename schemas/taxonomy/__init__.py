"""Closed, versioned label sets, kept as data in the TOML files beside this module."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from schemas.errors import TaxonomyError, UnknownNameError
from schemas.tables import entries


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
        colours: Label -> sRGB colour as `#rrggbb`, where the set defines one.
        dead: Outputs of the model whose set this is that never move: their values mean nothing.
    """

    name: str
    version: int
    labels: tuple[str, ...]
    doc: str
    source: str
    aliases: dict[str, str] = field(default_factory=dict)
    docs: dict[str, str] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    colours: dict[str, str] = field(default_factory=dict)
    dead: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = set(self.labels)
        if len(known) != len(self.labels):
            raise TaxonomyError(f"taxonomy {self.name}", "a label stands twice")
        grouped = (x for g in self.groups.values() for x in g)
        mentioned = {*self.aliases.values(), *self.docs, *self.colours, *self.dead, *grouped}
        if alien := sorted(mentioned - known):
            raise TaxonomyError(f"taxonomy {self.name}", f"speaks of unknown labels: {', '.join(alien)}")
        if clash := sorted(known & set(self.aliases)):
            raise TaxonomyError(f"taxonomy {self.name}", f"aliases that are labels: {', '.join(clash)}")

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
    return {
        name: Taxonomy(
            name=name,
            version=table["version"],
            labels=tuple(table["labels"]),
            doc=table["doc"],
            source=table["source"],
            aliases=table.get("aliases", {}),
            docs=table.get("docs", {}),
            groups={heading: tuple(labels) for heading, labels in table.get("groups", {}).items()},
            colours=table.get("colours", {}),
            dead=tuple(table.get("dead", ())),
        )
        for name, table in entries("taxonomy", "taxonomy").items()
    }


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
