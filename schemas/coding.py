"""Code systems: how one tool or data set writes the labels of a taxonomy.

Seven emotion orders and two opposite gender codes are in use at once, so a bare 3 means nothing. A
code is read only through the coding it was written in, and a `Code` remembers which one that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from schemas.errors import TaxonomyError, UnknownNameError
from schemas.tables import entries
from schemas.taxonomy import Taxonomy, taxonomy


@dataclass(frozen=True)
class Code:
    """A value together with the coding it belongs to.

    Attributes:
        coding: Name of the coding.
        value: The code itself: a number, or a word where the tool writes words.
    """

    coding: str
    value: int | str


@dataclass(frozen=True)
class Coding:
    """One tool's or data set's way to write the labels of a taxonomy.

    Attributes:
        name: Such as `affectnet` or `uniface-gender`.
        taxonomy_name: The taxonomy whose labels it writes.
        codes: Label -> code, in the tool's order.
        spellings: Label -> the tool's own word, where it differs from the label.
        doc: One sentence.
        source: Where it was read.
    """

    name: str
    taxonomy_name: str
    codes: dict[str, int | str]
    doc: str
    source: str
    spellings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = self.taxonomy
        if alien := [label for label in (*self.codes, *self.spellings) if label not in known]:
            raise TaxonomyError(f"coding {self.name}", f"not in {known.name}: {', '.join(alien)}")
        if len(set(self.codes.values())) != len(self.codes):
            raise TaxonomyError(f"coding {self.name}", "two labels share a code")
        if len({type(value) for value in self.codes.values()}) != 1:
            raise TaxonomyError(f"coding {self.name}", "codes must be all numbers or all words")

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def taxonomy(self) -> Taxonomy:
        """The taxonomy whose labels it writes."""
        return taxonomy(self.taxonomy_name)

    @property
    def order(self) -> tuple[str, ...]:
        """Labels in the tool's order, which is also the order of its score vectors."""
        return tuple(self.codes)

    def encode(self, label: str) -> Code:
        """The tool's code for a label or alias of the taxonomy.

        Raises:
            TaxonomyError: if the label is unknown or the tool has no code for it.
        """
        canonical = self.taxonomy.canonical(label)
        if canonical not in self.codes:
            raise TaxonomyError(f"{self.name} has no code for '{canonical}'", fix=f"It has: {', '.join(self.codes)}")
        return Code(self.name, self.codes[canonical])

    def decode(self, code: Code | int | str) -> str:
        """The label behind a code of this coding.

        Args:
            code: A typed code, or a bare value that the caller knows to be of this coding.

        Raises:
            TaxonomyError: if the code is another coding's, of another type, or not in the list.
        """
        if isinstance(code, Code):
            if code.coding != self.name:
                raise TaxonomyError(
                    f"a code of {code.coding} was read as one of {self.name}",
                    fix=f"Decode it with coding('{code.coding}') and map the label",
                )
            code = code.value
        for label, value in self.codes.items():
            if type(value) is type(code) and value == code:
                return label
        raise TaxonomyError(f"{code!r} is no code of {self.name}", fix=f"Codes: {self._listing()}")

    def spell(self, label: str) -> str:
        """The tool's own word for a label or alias of the taxonomy."""
        canonical = self.taxonomy.canonical(label)
        return self.spellings.get(canonical, canonical)

    def read(self, word: str) -> str:
        """The label that the tool's word stands for.

        Raises:
            TaxonomyError: if the tool has no such word.
        """
        for label in self.codes:
            if self.spell(label) == word:
                return label
        words = ", ".join(self.spell(label) for label in self.codes)
        raise TaxonomyError(f"'{word}' is no word of {self.name}", fix=f"Words: {words}")

    def scores(self, values: Sequence[float]) -> dict[str, float]:
        """Name the entries of a score vector that stands in the tool's order.

        Args:
            values: One number per code.

        Raises:
            TaxonomyError: if there are more or fewer numbers than codes.
        """
        if len(values) != len(self.codes):
            raise TaxonomyError(f"{self.name} has {len(self.codes)} classes", f"found {len(values)} scores")
        return {label: float(value) for label, value in zip(self.codes, values, strict=True)}

    def _listing(self) -> str:
        return ", ".join(f"{value!r} {label}" for label, value in self.codes.items())


def _build(name: str, table: dict[str, object]) -> Coding:
    labels = table["order"]
    assert isinstance(labels, list)
    given = table.get("codes")
    first = table.get("first", 0)
    assert isinstance(first, int)
    codes = given if isinstance(given, list) else list(range(first, first + len(labels)))
    return Coding(
        name=name,
        taxonomy_name=str(table["taxonomy"]),
        codes=dict(zip(labels, codes, strict=True)),
        doc=str(table["doc"]),
        source=str(table["source"]),
        spellings=dict(zip(labels, table.get("words", labels), strict=True)),  # type: ignore[call-overload]
    )


@cache
def _load() -> dict[str, Coding]:
    return {name: _build(name, table) for name, table in entries("data", "coding").items()}


def coding(name: str) -> Coding:
    """The coding of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    try:
        return _load()[name]
    except KeyError:
        raise UnknownNameError("coding", name, _load()) from None


def codings() -> tuple[str, ...]:
    """Names of all codings."""
    return tuple(_load())
