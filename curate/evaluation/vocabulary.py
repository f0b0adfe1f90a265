"""Brings truth and labels to one vocabulary, through the typed maps only, and says what it cost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas import TaxonomyError, UsageError, taxonomies, taxonomy
from schemas.bins import all_bins, bins
from schemas.coding import Coding, coding, codings
from schemas.mapping import LabelMap, MapKind, mapping
from schemas.taxonomy import Taxonomy

_COST = tuple(MapKind)


@dataclass(frozen=True)
class Spoken:
    """Values of one truth column as labels of a taxonomy.

    Attributes:
        labels: One per row; None where nothing is known.
        taxonomy: Name of the taxonomy.
        how: How they were read, in words.
    """

    labels: list[str | None]
    taxonomy: str
    how: str


@dataclass(frozen=True)
class Common:
    """Truth and labels in one vocabulary.

    Attributes:
        taxonomy: Name of the taxonomy both are compared in.
        truth: One label per row; None where nothing is known or the label has no counterpart.
        table: Dataset label -> label of the common vocabulary (None where it has none); None if unchanged.
        kind: The worst way that labels with a counterpart had to go.
        how: In words: what was mapped to what.
        undefined: Truth label without a counterpart -> number of rows left out.
    """

    taxonomy: str
    truth: list[str | None]
    table: Mapping[str, str | None] | None
    kind: MapKind
    how: str
    undefined: Mapping[str, int]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the common vocabulary in order."""
        return taxonomy(self.taxonomy).labels


def plain(value: Any) -> str:
    """A label without case, spaces and marks, for comparing spellings."""
    return re.sub(r"[\s_\-/]+", "", str(value)).lower()


def read_labels(name: str, values: Sequence[Any], target: str, said: str = "") -> Spoken:
    """Read a truth column as labels.

    Args:
        name: Name of the truth's column.
        values: Its values; None where nothing is known.
        target: Taxonomy of the dataset's column.
        said: Taxonomy or coding that the user names for the column; guessed if empty.

    Raises:
        UsageError: for bare numbers that several codings read differently, or words of no vocabulary.
        UnknownNameError: for an unknown taxonomy or coding.
        TaxonomyError: for a value outside the vocabulary that was named.
    """
    values = [None if v is None or v == "" else v for v in values]
    if said:
        return _as_told(name, values, said)
    distinct = list(dict.fromkeys(v for v in values if v is not None))
    if distinct and all(_whole(v) for v in distinct):
        return _read_codes(name, values, distinct, target)
    for candidate in _family(target):
        table = _spellings(taxonomy(candidate), distinct)
        if table is not None:
            return Spoken([None if v is None else table[v] for v in values], candidate, f"labels of {candidate}")
    raise _alien(name, distinct, target)


def _whole(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()


def _as_told(name: str, values: Sequence[Any], said: str) -> Spoken:
    if said in taxonomies():
        known = taxonomy(said)
        distinct = list(dict.fromkeys(v for v in values if v is not None))
        table = _spellings(known, distinct)
        if table is None:
            raise _alien(name, distinct, said)
        return Spoken([None if v is None else table[v] for v in values], said, f"labels of {said}, as told")
    if said not in codings():
        raise UsageError(
            f"unknown vocabulary '{said}' for the truth's column {name}",
            fix=f"Taxonomies: {', '.join(taxonomies())}. Codings: {', '.join(codings())}",
        )
    code = coding(said)
    read = [None if v is None else _decode(name, code, v) for v in values]
    return Spoken(read, code.taxonomy_name, f"codes of {said}, as told")


def _decode(name: str, code: Coding, value: Any) -> str:
    try:
        if _whole(value):
            return code.decode(int(value))
        return code.decode(value) if value in code.codes.values() else code.read(str(value))
    except TaxonomyError as error:
        raise UsageError(f"truth column {name}", error.what, error.fix) from error


def _family(target: str) -> list[str]:
    """The target, then vocabularies with a map to or from it, the smallest first."""
    kin = [c for c in taxonomies() if c != target and (_map(c, target) or _map(target, c))]
    return [target, *sorted(kin, key=lambda c: len(taxonomy(c).labels))]


def _map(source: str, target: str) -> LabelMap | None:
    try:
        return mapping(source, target)
    except TaxonomyError:
        return None


def _spellings(known: Taxonomy, values: Iterable[Any]) -> dict[Any, str] | None:
    """Value -> label, or None if a value is no label; words of the codings count as spellings."""
    index = {plain(label): label for label in known.labels}
    index |= {plain(alias): label for alias, label in known.aliases.items()}
    for name in codings():
        code = coding(name)
        if code.taxonomy_name == known.name:
            words = {plain(code.spell(label)): label for label in code.codes}
            words |= {plain(v): label for label, v in code.codes.items() if isinstance(v, str)}
            index = words | index
    table = {value: index.get(plain(value)) for value in values}
    return None if None in table.values() else {v: label for v, label in table.items() if label is not None}


def _read_codes(name: str, values: Sequence[Any], distinct: Sequence[Any], target: str) -> Spoken:
    family = _family(target)
    fits: dict[str, dict[int, str]] = {}
    for candidate in codings():
        code = coding(candidate)
        back = {v: label for label, v in code.codes.items() if isinstance(v, int)}
        if code.taxonomy_name in family and all(int(v) in back for v in distinct):
            fits[candidate] = {int(v): back[int(v)] for v in distinct}
    readings = {tuple(sorted(read.items())) for read in fits.values()}
    if not fits:
        listing = ", ".join(str(v) for v in sorted(distinct)[:12])
        raise UsageError(f"the truth's column {name} holds numbers ({listing})", f"no coding of {target} has them all")
    if len(readings) > 1:
        raise UsageError(
            f"the truth's column {name} holds bare numbers, which {len(fits)} codings read differently",
            fix=f"Say which one wrote them: --map {name}=CODING, one of {', '.join(fits)}",
        )
    chosen = coding(next(iter(fits)))
    read = fits[chosen.name]
    labels = [None if v is None else read[int(v)] for v in values]
    return Spoken(labels, chosen.taxonomy_name, f"codes of {chosen.name}, the only reading of these numbers")


def _alien(name: str, distinct: Sequence[Any], target: str) -> UsageError:
    import difflib

    known = taxonomy(target)
    index = {plain(x): x for x in (*known.labels, *known.aliases)}
    alien = [v for v in distinct if plain(v) not in index]
    near = difflib.get_close_matches(plain(alien[0]), index, n=1, cutoff=0.5) if alien else []
    hint = f"Did you mean '{index[near[0]]}'?" if near else f"Its labels: {', '.join(known.labels)}"
    more = f" (and {len(alien) - 1} more)" if len(alien) > 1 else ""
    said = alien[0] if alien else ""
    return UsageError(f"'{said}'{more} in the truth's column {name} is no label of {target}", fix=hint)


def bring_together(spoken: Spoken, target: str, column: str) -> Common:
    """One vocabulary for the truth and a dataset column.

    The truth is carried to the column's vocabulary where nothing is bent or lost, else the column to the
    truth's, else whichever way bends less. Truth labels that no map gives a place are left out and counted.

    Raises:
        UsageError: if no map is defined either way, or none of the truth's labels has a counterpart.
    """
    occurring = Counter(label for label in spoken.labels if label is not None)
    if spoken.taxonomy == target:
        return Common(target, spoken.labels, None, MapKind.EXACT, f"both are labels of {target}", {})
    there, back = _map(spoken.taxonomy, target), _map(target, spoken.taxonomy)
    forward = _cost(there, occurring)
    backward = _cost(back, taxonomy(target).labels)
    if there is None and back is None:
        raise UsageError(
            f"the truth speaks {spoken.taxonomy} and {column} speaks {target}", "no map between them is defined",
            "Give truth in a vocabulary with a map: docs/taxonomies.md",
        )  # fmt: skip
    if there is not None and (back is None or _COST.index(forward) <= max(_COST.index(backward), 1)):
        return _truth_mapped(spoken, there, occurring, column)
    assert back is not None
    table = {label: back.map_label(label) for label in back.source_taxonomy.labels}
    kind, words = _in_words(back, taxonomy(target).labels)
    how = f"{column} is carried from {target} to {spoken.taxonomy}, the truth's vocabulary ({words})"
    return Common(spoken.taxonomy, spoken.labels, table, kind, how, {})


def _cost(way: LabelMap | None, occurring: Iterable[str]) -> MapKind:
    if way is None:
        return MapKind.UNDEFINED
    return max((way.kind_of(label) for label in occurring), key=_COST.index, default=MapKind.EXACT)


def _truth_mapped(spoken: Spoken, way: LabelMap, occurring: Mapping[str, int], column: str) -> Common:
    undefined = {label: n for label, n in occurring.items() if way.map_label(label) is None}
    if occurring and len(undefined) == len(occurring):
        raise UsageError(
            f"none of the truth's labels has a counterpart in {column}",
            f"{', '.join(undefined)} of {spoken.taxonomy} have no place in {way.target_name}",
        )
    truth = [None if label is None else way.map_label(label) for label in spoken.labels]
    kind, words = _in_words(way, occurring)
    how = f"the truth is carried from {spoken.taxonomy} to {way.target_name}, the column's vocabulary ({words})"
    return Common(way.target_name, truth, None, kind, how, undefined)


def _in_words(way: LabelMap, used: Iterable[str]) -> tuple[MapKind, str]:
    """The worst way of the labels that have one, and how many have none."""
    kinds = [way.kind_of(label) for label in used]
    worst = max((k for k in kinds if k is not MapKind.UNDEFINED), key=_COST.index, default=MapKind.EXACT)
    homeless = kinds.count(MapKind.UNDEFINED)
    return worst, worst.value + (f"; {homeless} labels have no counterpart" if homeless else "")


def bins_of(target: str) -> str:
    """Name of the bins whose labels are the taxonomy's, or an empty text."""
    return next((n for n in all_bins() if bins(n).taxonomy_name == target), "")
