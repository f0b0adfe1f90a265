"""Landmark layouts: named groups, mirror permutations, drawing lines and conversions, as index tables.

Left and right are the subject's own sides, so `right_eye` lies on the image's left in an unmirrored
picture of a face that looks at the camera. Applying the tables to arrays is `annotators.points`' work.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache, cached_property

from schemas.errors import TaxonomyError, UnknownNameError
from schemas.tables import arrow, entries


@dataclass(frozen=True)
class Layout:
    """A numbered set of face points.

    Attributes:
        name: Such as `points-68`; the taxonomy of point columns.
        size: Number of points.
        groups: Name -> point numbers; `left_x` and `right_x` come in pairs.
        mirror: For each point the number of its mirror image; a permutation that undoes itself.
        lines: Name -> point numbers of a line to draw; a closed line ends where it began.
        doc: One sentence.
        source: Where the layout and its mirror were read or computed.
    """

    name: str
    size: int
    groups: dict[str, tuple[int, ...]]
    mirror: tuple[int, ...]
    lines: dict[str, tuple[int, ...]]
    doc: str
    source: str

    def __post_init__(self) -> None:
        every = range(self.size)
        if sorted(self.mirror) != list(every) or any(self.mirror[self.mirror[i]] != i for i in every):
            raise TaxonomyError(f"layout {self.name}", "mirroring twice must give every point back")
        numbers = (i for part in (*self.groups.values(), *self.lines.values()) for i in part)
        if alien := sorted({i for i in numbers if i not in every}):
            raise TaxonomyError(f"layout {self.name}", f"no such points: {alien}")

    def __hash__(self) -> int:
        return hash(self.name)

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Pairs of points to join when drawing, each once, without direction."""
        pairs = ((min(a, b), max(a, b)) for line in self.lines.values() for a, b in itertools.pairwise(line))
        return tuple(dict.fromkeys(pairs))

    def group(self, name: str) -> tuple[int, ...]:
        """Point numbers of a group.

        Raises:
            UnknownNameError: if the layout has no such group.
        """
        try:
            return self.groups[name]
        except KeyError:
            raise UnknownNameError(f"group of {self.name}", name, self.groups) from None


def opposite(group: str) -> str:
    """The name a group has after mirroring: left and right change places."""
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if group.startswith(side):
            return other + group.removeprefix(side)
    return group


def _span(entry: int | str) -> list[int]:
    """A number, or `"a-b"` for all numbers from a to b, rising or falling."""
    if isinstance(entry, int):
        return [entry]
    first, last = (int(x) for x in entry.split("-"))
    step = 1 if last >= first else -1
    return list(range(first, last + step, step))


def _numbers(listing: list[int | str]) -> tuple[int, ...]:
    return tuple(i for entry in listing for i in _span(entry))


def _closed(numbers: tuple[int, ...], close: bool) -> tuple[int, ...]:
    return (*numbers, numbers[0]) if close else numbers


@cache
def _load() -> dict[str, Layout]:
    return {
        name: Layout(
            name=name,
            size=table["size"],
            groups={group: _numbers(listing) for group, listing in table["groups"].items()},
            mirror=_numbers(table["mirror"]),
            lines={line: _numbers(listing) for line, listing in table.get("lines", {}).items()}
            | {line: _closed(_numbers(listing), True) for line, listing in table.get("loops", {}).items()},
            doc=table["doc"],
            source=table["source"],
        )
        for name, table in entries("data", "layout").items()
    }


def layout(name: str) -> Layout:
    """The layout of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    try:
        return _load()[name]
    except KeyError:
        raise UnknownNameError("landmark layout", name, _load()) from None


def layouts() -> tuple[str, ...]:
    """Names of all layouts."""
    return tuple(_load())


@dataclass(frozen=True)
class Conversion:
    """How the points of one layout are had from another's.

    Attributes:
        source_name: Layout that comes in.
        target_name: Layout that goes out.
        parts: For each target point the source points whose mean it is.
        doc: What is approximate about it.
        source: Where the table was read.
    """

    source_name: str
    target_name: str
    parts: tuple[tuple[int, ...], ...]
    doc: str
    source: str

    def __post_init__(self) -> None:
        if len(self.parts) != layout(self.target_name).size:
            raise TaxonomyError(
                f"conversion {arrow(self.source_name, self.target_name)}", f"it gives {len(self.parts)} points"
            )
        if any(i >= layout(self.source_name).size for part in self.parts for i in part):
            raise TaxonomyError(f"conversion {arrow(self.source_name, self.target_name)}", "a point does not exist")


def _parts(listing: list[int | str | list[int]]) -> tuple[tuple[int, ...], ...]:
    parts: list[tuple[int, ...]] = []
    for entry in listing:
        parts += [tuple(entry)] if isinstance(entry, list) else [(i,) for i in _span(entry)]
    return tuple(parts)


@cache
def _conversions() -> dict[str, Conversion]:
    return {
        name: Conversion(table["source"], table["target"], _parts(table["parts"]), table["doc"], table["origin"])
        for name, table in entries("data", "conversion").items()
    }


def conversions() -> tuple[str, ...]:
    """Names of all conversions, as `source -> target`."""
    return tuple(_conversions())


def conversion(source: str, target: str) -> Conversion:
    """The table that gives one layout's points from another's.

    Raises:
        UnknownNameError: if either layout is unknown.
        TaxonomyError: if no table is defined; the message lists those that are.
    """
    try:
        return _conversions()[arrow(layout(source).name, layout(target).name)]
    except KeyError:
        raise TaxonomyError(
            f"no conversion from {source} to {target} is defined", fix=f"Defined: {', '.join(conversions())}"
        ) from None
