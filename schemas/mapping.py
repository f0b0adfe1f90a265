"""Typed maps between taxonomies: each label's way is exact, merge, lossy or undefined, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from typing import Any

from schemas.errors import TaxonomyError
from schemas.tables import arrow, entries
from schemas.taxonomy import Taxonomy, taxonomy


class MapKind(StrEnum):
    """How much of a label's meaning survives a map, best first."""

    EXACT = "exact"
    """The target means the same."""
    MERGE = "merge"
    """The target's meaning holds the label's whole meaning, and others' beside it."""
    LOSSY = "lossy"
    """The nearest target; part of the meaning is bent or lost."""
    UNDEFINED = "undefined"
    """No target may stand for it."""


_WORST_LAST = tuple(MapKind)


@dataclass(frozen=True)
class MappedScores:
    """A distribution carried to another taxonomy.

    Attributes:
        scores: Target label -> mass; every label of the target is there.
        undefined: Source label -> mass that has nowhere to go. The two sums add up to the source's mass.
    """

    scores: dict[str, float]
    undefined: dict[str, float]


@dataclass(frozen=True)
class LabelMap:
    """A map from one taxonomy to another.

    Attributes:
        source_name: Taxonomy of the labels that come in.
        target_name: Taxonomy of the labels that go out.
        pairs: Source label -> (target label or None, kind), for every source label.
        doc: What was decided, and why.
        source: Where the map was published or whose it is.
    """

    source_name: str
    target_name: str
    pairs: dict[str, tuple[str | None, MapKind]]
    doc: str
    source: str

    def __post_init__(self) -> None:
        if tuple(self.pairs) != self.source_taxonomy.labels:
            odd = sorted(set(self.pairs) ^ set(self.source_taxonomy.labels))
            raise TaxonomyError(f"map {self.name}", f"not every source label has one way: {', '.join(odd)}")
        for label, (target, kind) in self.pairs.items():
            if (target is None) != (kind is MapKind.UNDEFINED):
                raise TaxonomyError(f"map {self.name}", f"{label}: only an undefined label has no target")
            if target is not None and target not in self.target_taxonomy:
                raise TaxonomyError(f"map {self.name}", f"{target} is no label of {self.target_name}")
        exact = [target for target, kind in self.pairs.values() if kind is MapKind.EXACT]
        if len(set(exact)) != len(exact):
            raise TaxonomyError(f"map {self.name}", "two labels are said to mean exactly the same")

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def name(self) -> str:
        """`source -> target`."""
        return arrow(self.source_name, self.target_name)

    @property
    def source_taxonomy(self) -> Taxonomy:
        """The taxonomy of the labels that come in."""
        return taxonomy(self.source_name)

    @property
    def target_taxonomy(self) -> Taxonomy:
        """The taxonomy of the labels that go out."""
        return taxonomy(self.target_name)

    @cached_property
    def kind(self) -> MapKind:
        """The worst kind among the labels."""
        return max((kind for _, kind in self.pairs.values()), key=_WORST_LAST.index)

    def kind_of(self, label: str) -> MapKind:
        """How this label (or alias) is mapped."""
        return self.pairs[self.source_taxonomy.canonical(label)][1]

    def map_label(self, label: str) -> str | None:
        """The target label for a source label or alias; None where the map is undefined for it.

        Raises:
            TaxonomyError: if the label is not in the source taxonomy.
        """
        return self.pairs[self.source_taxonomy.canonical(label)][0]

    def map_scores(self, scores: Mapping[str, float]) -> MappedScores:
        """Carry a distribution over: masses that meet are added, none is lost unsaid.

        Args:
            scores: Source label -> mass; absent labels count as 0.

        Raises:
            TaxonomyError: if a label is not in the source taxonomy.
        """
        mapped = dict.fromkeys(self.target_taxonomy.labels, 0.0)
        undefined: dict[str, float] = {}
        for label, mass in scores.items():
            target = self.map_label(label)
            if target is None:
                name = self.source_taxonomy.canonical(label)
                undefined[name] = undefined.get(name, 0.0) + mass
            else:
                mapped[target] += mass
        return MappedScores(mapped, undefined)

    def map_values(self, values: Mapping[str, float | None]) -> dict[str, float | None]:
        """Carry independent values (intensities, coefficients) over; where several meet, the greatest stands.

        Targets that no value reaches are None: not measured is not 0.
        """
        mapped: dict[str, float | None] = dict.fromkeys(self.target_taxonomy.labels)
        for label, value in values.items():
            target = self.map_label(label)
            if target is not None and value is not None:
                before = mapped[target]
                mapped[target] = value if before is None else max(before, value)
        return mapped


def _direct(table: dict[str, Any]) -> LabelMap:
    source, target = taxonomy(table["source"]), taxonomy(table["target"])
    pairs: dict[str, tuple[str | None, MapKind]] = {}
    if table.get("same_names_are_exact", False):
        pairs = {x: (x, MapKind.EXACT) if x in target else (None, MapKind.UNDEFINED) for x in source.labels}
    for kind in (MapKind.EXACT, MapKind.MERGE, MapKind.LOSSY):
        pairs |= {label: (goal, kind) for label, goal in table.get(kind.value, {}).items()}
    pairs |= dict.fromkeys(table.get("undefined", []), (None, MapKind.UNDEFINED))
    ordered = {label: pairs.pop(label) for label in source.labels if label in pairs} | pairs
    return LabelMap(source.name, target.name, ordered, table["doc"], table["origin"])


def _composed(first: LabelMap, second: LabelMap) -> LabelMap:
    pairs: dict[str, tuple[str | None, MapKind]] = {}
    for label, (middle, kind) in first.pairs.items():
        goal, further = (None, MapKind.UNDEFINED) if middle is None else second.pairs[middle]
        pairs[label] = (goal, max(kind, further, key=_WORST_LAST.index))
    doc = f"By way of {first.target_name}; a label is mapped as badly as its worse step."
    return LabelMap(first.source_name, second.target_name, pairs, doc, "composition")


@cache
def _load() -> dict[str, LabelMap]:
    found = {name: _direct(table) for name, table in entries("data", "map").items()}
    for name, table in entries("data", "composition").items():
        if name in found:
            raise TaxonomyError(f"map {name} is both given and composed")
        first = found[arrow(table["source"], table["via"])]
        found[name] = _composed(first, found[arrow(table["via"], table["target"])])
    return found


def maps() -> tuple[str, ...]:
    """Names of all maps, as `source -> target`."""
    return tuple(_load())


def mapping(source: str, target: str) -> LabelMap:
    """The map from one taxonomy to another.

    Maps are never chained on the fly: only those that are written down exist.

    Raises:
        UnknownNameError: if either taxonomy is unknown.
        TaxonomyError: if no map is defined; the message lists those from the same source.
    """
    try:
        return _load()[arrow(taxonomy(source).name, taxonomy(target).name)]
    except KeyError:
        offered = [m.target_name for m in _load().values() if m.source_name == source]
        listing = f"Maps from {source} lead to: {', '.join(offered)}" if offered else f"Maps: {', '.join(maps())}"
        raise TaxonomyError(f"no map from {source} to {target} is defined", fix=listing) from None
