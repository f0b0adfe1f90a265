"""Where the tries for a cell come from: faces that a generator can take there, each with the settings for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curate.fill.goals import Cells
from curate.generate.candidates import Candidates
from curate.generate.choice import Chosen
from curate.generate.orders import Frame, Order, order_for
from schemas.columns import faces

TRIES = 2
"""Tries of a face by a generator, for each picture of it that may be accepted."""
BATCH = 512


@dataclass(frozen=True)
class Source:
    """A face and the settings that take it to the cell."""

    face: str
    chosen: Chosen


class Supply:
    """The tries of one generator for one cell, one after the other.

    Args:
        chosen: The generator with the user's settings.
        wanted: Labels of the cell.
        found: Faces that may be sources, the best first, with their labels.
        cells: Reads labels.
        frame: What all pictures have in common.
        rounds: Most tries of one face.

    Attributes:
        faces: Faces that the generator can take there, as far as they were looked for.
    """

    def __init__(
        self, chosen: Chosen, wanted: Mapping[str, str], found: Candidates, cells: Cells, frame: Frame, rounds: int
    ) -> None:
        self.chosen, self.wanted, self.frame = chosen, wanted, frame
        self.faces = 0
        self.ended = False
        self._cells, self._found, self._rounds = cells, found, rounds
        self._orders = self._from_faces() if chosen.cls.takes_subject else self._from_words()

    def __iter__(self) -> Iterator[Order]:
        return self

    def __next__(self) -> Order:
        try:
            return next(self._orders)
        except StopIteration:
            self.ended = True
            raise

    def _from_words(self) -> Iterator[Order]:
        """Tries without a face: as many as are asked for."""
        settings = self.chosen.cls(self.chosen.config).aim({}, self.wanted)
        if settings is None:
            return
        ready = self.chosen.with_settings(settings)
        number = 0
        while True:
            yield order_for(ready, self.frame, number, wanted=dict(self.wanted))
            number += 1

    def _from_faces(self) -> Iterator[Order]:
        """Every suitable face once, then every one again, with other parameters each time."""
        sources: list[Source] = []
        for source in self._sources():
            sources.append(source)
            self.faces += 1
            yield self._order(source, 0)
        for number in range(1, self._rounds):
            for source in sources:
                yield self._order(source, number)

    def _order(self, source: Source, number: int) -> Order:
        return order_for(source.chosen, self.frame, number, face_id=source.face, wanted=dict(self.wanted))

    def _sources(self) -> Iterator[Source]:
        worker = self.chosen.cls(self.chosen.config)
        table = self._found.table
        for start in range(0, table.num_rows, BATCH):
            part = table.slice(start, BATCH)
            groups = self._cells.of_table(part)
            for row, group in zip(part.to_pylist(), groups, strict=True):
                have: dict[str, Any] = {**row, **group}
                have |= {name: None for name in self._cells.columns if name not in group}
                settings = worker.aim(have, self.wanted)
                if settings is not None:
                    yield Source(str(row[faces.FACE_ID.name]), self.chosen.with_settings(settings))
