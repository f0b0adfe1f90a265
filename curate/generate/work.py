"""The requests of one generator: in which order, which are done already, and what becomes of the others."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from curate.engine.local import usable_cores
from curate.generate.candidates import Candidates
from curate.generate.choice import Chosen, columns_for
from curate.generate.face_rows import FaceRows
from curate.generate.journal import FAILED, MADE, REFUSED, Entry, Journal
from curate.generate.options import Options
from curate.generate.orders import Frame, Order, order_for
from curate.generate.partners import TIES, Partners
from curate.generate.pool import Crashed, Pool
from curate.generate.progress import Bar
from curate.generate.write import entry_of, writer
from curate.store import Dataset
from schemas.columns import labels

WAVE = 512
"""Requests that are prepared together, in the order in which their pictures are cheap to read."""
NO_PARTNER = "no other person in a like pose"


@dataclass
class Tally:
    """What one generator did.

    Attributes:
        requests: Requests looked at, those of earlier runs among them.
        made: Requests with pictures.
        fresh: Of those, made by this run.
        pictures: Pictures of `made`.
        refused: Reason -> requests that faces did not allow.
        failed: Error -> requests.
    """

    requests: int = 0
    made: int = 0
    fresh: int = 0
    pictures: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def count(self, entry: Entry, fresh: bool) -> None:
        """Count an entry."""
        self.requests += 1
        if entry.outcome == MADE:
            self.made += 1
            self.fresh += fresh
            self.pictures += len(entry.files)
        elif entry.outcome == REFUSED:
            self.refused[entry.reason] += 1
        else:
            self.failed[entry.reason] += 1

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**vars(self), "refused": dict(self.refused), "failed": dict(self.failed)}


@dataclass(frozen=True)
class Setting:
    """A run before it begins: everything is checked, nothing is written.

    Attributes:
        chosen: Generators with their settings.
        found: Faces that may be sources.
        others: Faces that may be partners, None if no generator takes one.
    """

    chosen: list[Chosen]
    found: Candidates
    others: Partners | None


class Work:
    """Works off the requests of one generator after the other.

    Args:
        ds: The dataset, locked.
        setting: What to do.
        options: The choices.
        run: Id of the run.
        folder: Where pictures go, in a folder per generator.
    """

    def __init__(self, ds: Dataset, setting: Setting, options: Options, run: str, folder: Path) -> None:
        self.setting, self.options, self.folder = setting, options, folder
        self.frame = Frame(options.side, options.form, options.seed, run)
        columns = columns_for(ds, setting.chosen)
        if setting.others is not None:
            known = ds.columns()
            columns += [c.name for c in (labels.EMBEDDING, *TIES) if c.name in known]
        self.rows = FaceRows(ds, columns)

    def run(self, chosen: Chosen, tally: Tally) -> list[Entry]:
        """Work off the requests of a generator; the entries of those that have pictures."""
        wanted = self._wanted(chosen)
        found: list[Entry] = []
        queue = self._requests(chosen, wanted)
        with (
            Journal(self.folder / chosen.cls.name) as journal,
            Bar(chosen.cls.name, wanted, self.options.quiet) as bar,
            Pool[Order, Entry](writer(self.folder), self.options.workers or usable_cores()) as pool,
        ):
            while wave := list(itertools.islice(queue, min(wanted - tally.made, WAVE))):
                for entry, fresh in self._wave(chosen, wave, journal, pool):
                    tally.count(entry, fresh)
                    bar.step(entry.outcome == MADE, entry.outcome == REFUSED, entry.outcome == FAILED)
                    if entry.outcome == MADE:
                        found.append(entry)
        return found

    def _wanted(self, chosen: Chosen) -> int:
        """Requests that shall succeed, at most."""
        if self.options.per_face and chosen.cls.takes_subject:
            return self.options.per_face * len(self.setting.found)
        return self.options.per_face or self.options.count

    def _requests(self, chosen: Chosen, wanted: int) -> Iterator[Order]:
        """Requests in the order in which they are tried: every face once, then every face again."""
        if not chosen.cls.takes_subject:
            for number, request in enumerate(chosen.cls(chosen.config).requests(wanted, self.options.seed)):
                yield order_for(chosen, self.frame, number, wanted=dict(request.wanted), row=dict(request.row))
            return
        faces_at_hand = self.setting.found.ids
        # Without --per-face each face is asked once more than needed if none refused: then it is time to stop.
        rounds = self.options.per_face or 1 + -(-wanted // max(len(faces_at_hand), 1))
        for number in range(rounds):
            for face in faces_at_hand:
                yield order_for(chosen, self.frame, number, face_id=face)

    def _wave(
        self, chosen: Chosen, wave: Sequence[Order], journal: Journal, pool: Pool[Order, Entry]
    ) -> Iterator[tuple[Entry, bool]]:
        """Entries of a wave and whether they are new; those of earlier runs come first."""
        todo: list[Order] = []
        for order in wave:
            before = journal.done(order.stem)
            if before is not None:
                yield before, False
            else:
                todo.append(order)
        todo.sort(key=lambda order: self.rows.place(order.face_id) if order.face_id else (0, order.number))
        lonely: list[Entry] = []
        for order, result in pool.map(self._filled(chosen, todo, lonely), len(todo)):
            entry = entry_of(order, FAILED, reason=str(result)) if isinstance(result, Crashed) else result
            journal.add(entry)
            yield entry, True
        yield from ((entry, True) for entry in lonely)  # not written down: new photos may bring a partner

    def _filled(self, chosen: Chosen, todo: Sequence[Order], lonely: list[Entry]) -> Iterator[Order]:
        """Orders with the rows of their faces; those for which there is no partner go to `lonely`."""
        for order in todo:
            filled = order
            if order.face_id:
                filled = replace(order, face=self.rows.row(order.face_id))
            if chosen.cls.takes_partner and self.setting.others is not None:
                partner = self.setting.others.choose(filled.face or {}, np.random.default_rng(order.seed))
                if partner is None:
                    lonely.append(entry_of(filled, REFUSED, reason=NO_PARTNER))
                    continue
                filled = replace(filled, partner_id=partner, partner=self.rows.row(partner))
            yield filled
