"""The closed loop: make, look, decide, until every cell is full, the budget is spent or nothing is left to try."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from curate.engine.local import usable_cores
from curate.fill.accept import ACCEPTED, FULL, REJECTED, Decision, Memory, decide
from curate.fill.goals import Goal
from curate.fill.look import Look, Tried, tryer
from curate.fill.options import TRIES_PER_FACE, FillOptions
from curate.fill.setting import Setting
from curate.fill.supply import TRIES, Supply
from curate.fill.tries import Ledger, Try, packed, unpacked
from curate.generate.choice import columns_for
from curate.generate.face_rows import FaceRows
from curate.generate.journal import FAILED, MADE, REFUSED
from curate.generate.lineage import Lineage, compact
from curate.generate.orders import Frame, Order
from curate.generate.partners import TIES
from curate.generate.pool import Crashed, Pool
from curate.generate.progress import Bar
from curate.generate.work import NO_PARTNER
from curate.store import Dataset
from schemas.columns import labels

MOST_AT_ONCE = 48
"""Most tries of one generator for one cell in a round."""
WORK = "work"
REJECTS = "rejected"


@dataclass
class Source:
    """One generator at work for one cell.

    Attributes:
        supply: Its tries.
        quota: Pictures to be accepted from it.
        tries: Tries so far.
        good: Tries of which a picture was accepted.
        accepted: Pictures accepted.
    """

    supply: Supply
    quota: int
    tries: int = 0
    good: int = 0
    accepted: int = 0

    @property
    def rate(self) -> float:
        """Guess of the share of tries that succeed, never 0."""
        return (self.good + 1) / (self.tries + 2)


@dataclass
class Filling:
    """One cell at work.

    Attributes:
        goal: What it lacks.
        sources: Generator -> its state.
        accepted: Pictures accepted.
        reasons: Why tries failed, how often.
    """

    goal: Goal
    sources: dict[str, Source]
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def lack(self) -> int:
        """Faces that are still missing."""
        return max(0, self.goal.need - self.accepted)

    @property
    def tries(self) -> int:
        """Tries so far."""
        return sum(s.tries for s in self.sources.values())


class Loop:
    """Works off a fill.

    Args:
        ds: The dataset, locked.
        setting: What to do.
        options: The choices.
        ledger: The tries, those of an earlier call among them.
        memory: What is in the dataset already.
        run: Id of the run.

    Attributes:
        fillings: The cells.
        spent: Tries so far.
        budget: Most tries.
    """

    def __init__(
        self, ds: Dataset, setting: Setting, options: FillOptions, ledger: Ledger, memory: Memory, run: str
    ) -> None:
        self.ds, self.setting, self.options, self.ledger, self.memory = ds, setting, options, ledger, memory
        self.budget = options.budget or TRIES_PER_FACE * sum(g.need for g in setting.goals)
        self._run = run
        self.fillings = {g.name: Filling(g, self._sources(g)) for g in setting.goals}
        self._tried: set[tuple[str, str]] = set()
        self.spent = 0
        self._next_round = 0
        self._replay()
        columns = columns_for(ds, setting.chosen.values())
        if setting.others is not None:
            known = ds.columns()
            columns += [c.name for c in (labels.EMBEDDING, *TIES) if c.name in known]
        self._rows = FaceRows(ds, columns)

    def _sources(self, goal: Goal) -> dict[str, Source]:
        extra = {"fill": self.ledger.folder.name, "cell": goal.name}
        frame = Frame(self.options.side, self.options.form, self.options.seed, self._run, extra)
        found = {}
        for name, quota in goal.quotas.items():
            chosen = self.setting.chosen[name]
            rounds = TRIES * self.options.per_face
            supply = Supply(chosen, goal.labels, self.setting.found, self.setting.court.cells, frame, rounds)
            found[name] = Source(supply, quota)
        return found

    def _replay(self) -> None:
        """Take up what an earlier call did."""
        for _, group in itertools.groupby(self.ledger.tries, key=lambda t: t.number):
            rows = list(group)
            for row in rows:
                if row.parameters:
                    self.memory.parameters[row.maker, row.face].add(row.parameters)
                if row.outcome == ACCEPTED:
                    hashes, small, embedding = unpacked(row.memory)
                    self.memory.add(Lineage.of_row(json.loads(row.lineage)), hashes, small, embedding)
            self._count(rows)
            self._next_round = rows[0].round + 1

    def _count(self, rows: Sequence[Try]) -> None:
        first = rows[0]
        self._tried.add((first.cell, first.stem))
        self.spent += 1
        filling = self.fillings.get(first.cell)
        if filling is None or first.maker not in filling.sources:
            return
        if all(r.reason == FULL for r in rows):
            return
        good = sum(r.outcome == ACCEPTED for r in rows)
        source = filling.sources[first.maker]
        source.tries += 1
        source.good += good > 0
        source.accepted += good
        filling.accepted += good
        if not good:
            filling.reasons[rows[-1].reason] += 1

    def run(self) -> None:
        """Go round the cells until the end."""
        folder = self.ledger.folder / WORK
        shutil.rmtree(folder, ignore_errors=True)
        names, settings = self.setting.looking
        make = tryer(folder, names, settings, self.setting.finder)
        need = sum(f.goal.need for f in self.fillings.values())
        with (
            Bar("accepted", need, self.options.quiet) as bar,
            Pool[Order, Tried](make, self.options.workers or usable_cores()) as pool,
        ):
            bar.step(sum(f.accepted for f in self.fillings.values()))
            for number in range(self._next_round, self._next_round + self.options.rounds):
                todo = self._round()
                if not todo:
                    break
                self._work_off(todo, number, pool, bar)
                self.ledger.save()
        self.ledger.save()
        shutil.rmtree(folder, ignore_errors=True)

    def _work_off(self, todo: list[tuple[str, Order]], number: int, pool: Pool[Order, Tried], bar: Bar) -> None:
        cell_of = {order.stem: cell for cell, order in todo}
        lonely: list[Order] = []
        for order, tried in pool.map(self._filled([o for _, o in todo], lonely), len(todo)):
            rows = self._decide(cell_of[order.stem], order, tried, number)
            self._note(rows, bar)
        for order in lonely:
            self._note([self._row(cell_of[order.stem], order, number, REFUSED, NO_PARTNER)], bar)

    def _note(self, rows: list[Try], bar: Bar) -> None:
        self.ledger.add(rows)
        self._count(rows)
        good = sum(r.outcome == ACCEPTED for r in rows)
        outcome = rows[-1].outcome
        bar.step(good, 0 if good or outcome == FAILED else 1, outcome == FAILED)

    def _round(self) -> list[tuple[str, Order]]:
        """The tries of the next round: for each cell that lacks faces about as many as it takes.

        No cell gets more than an even share of the budget that is left; what one does not use is there in the next
        round.
        """
        open_cells = {
            cell: live
            for cell, filling in self.fillings.items()
            if filling.lack and (live := [s for s in filling.sources.values() if not s.supply.ended])
        }
        left = self.budget - self.spent
        even = max(1, left // len(open_cells)) if open_cells else 0
        todo: list[tuple[str, Order]] = []
        for cell, live in open_cells.items():
            mine = min(even, left - len(todo))
            for source in live:
                lack = self._share(self.fillings[cell], source, len(live))
                wanted = min(math.ceil(lack / source.rate), MOST_AT_ONCE, mine)
                taken = list(self._take(cell, source, wanted))
                mine -= len(taken)
                todo += ((cell, order) for order in taken)
        return todo

    @staticmethod
    def _share(filling: Filling, source: Source, live: int) -> int:
        """Pictures that one of the generators still at work shall add: its quota, and what ended ones left over."""
        own = max(0, source.quota - source.accepted)
        if live < len(filling.sources):
            own = math.ceil(filling.lack / live)
        return min(filling.lack, own)

    def _take(self, cell: str, source: Source, count: int) -> Iterator[Order]:
        """The next tries that were not made yet, of faces that may still be used."""
        name = source.supply.chosen.cls.name
        while count > 0:
            order = next(source.supply, None)
            if order is None:
                return
            used = self.memory.used[name, order.face_id] if order.face_id else 0
            if used >= self.options.per_face or (cell, order.stem) in self._tried:
                continue
            count -= 1
            yield order

    def _filled(self, orders: Sequence[Order], lonely: list[Order]) -> Iterator[Order]:
        for order in orders:
            if not order.face_id:
                yield order
                continue
            filled = replace(order, face=self._rows.row(order.face_id))
            chosen = self.setting.chosen[order.generator]
            if chosen.cls.takes_partner and self.setting.others is not None:
                partner = self.setting.others.choose(filled.face or {}, np.random.default_rng(order.seed))
                if partner is None:
                    lonely.append(order)
                    continue
                filled = replace(filled, partner_id=partner, partner=self._rows.row(partner))
            yield filled

    def _decide(self, cell: str, order: Order, tried: Tried | Crashed, number: int) -> list[Try]:
        if isinstance(tried, Crashed):
            return [self._row(cell, order, number, FAILED, str(tried))]
        entry = tried.entry
        if entry.outcome != MADE:
            return [self._row(cell, order, number, entry.outcome, entry.reason)]
        rows: list[Try] = []
        for file, columns, look in zip(entry.files, entry.rows, tried.looks, strict=True):
            lineage = Lineage.of_row(columns)
            if self.fillings[cell].lack - sum(r.outcome == ACCEPTED for r in rows) <= 0:
                decision = Decision(False, FULL)
            else:
                decision = decide(lineage, look, tried.origin, tried.portrait, self.setting.court, self.memory)
            rows.append(self._judged(cell, order, number, decision, lineage, look, file, entry.licence, entry.consent))
        return rows

    def _judged(
        self, cell: str, order: Order, number: int, decision: Decision, lineage: Lineage, look: Look, file: str,
        licence: str | None, consent: str | None,
    ) -> Try:  # fmt: skip
        """Keep or throw away a picture, and the row that says so."""
        row = self._row(
            cell, order, number, ACCEPTED if decision.accepted else REJECTED, decision.reason, decision.detail
        )  # fmt: skip
        verdict = decision.verdict
        row = replace(
            row,
            step=lineage.step,
            partner=lineage.partner_face,
            quality=decision.quality,
            own=None if verdict is None else verdict.own,
            nearest=None if verdict is None else verdict.nearest,
            parameters=compact([lineage.parameters, lineage.partner_face, lineage.step]),
        )
        kept = self._move(order.generator, file, decision.accepted)
        if not decision.accepted:
            return replace(row, file=kept)
        embedding = None if look.seen is None else look.seen.embedding
        self.memory.add(lineage, look.hashes, look.small, embedding)
        return replace(
            row,
            file=kept,
            lineage=compact(lineage.columns()),
            licence=licence,
            consent=consent,
            memory=packed(look.hashes, look.small, embedding),
        )

    def _move(self, maker: str, file: str, accepted: bool) -> str:
        """Put a picture where it belongs; its place below the dataset's folder, empty if it was deleted."""
        from curate.generate.run import FOLDER

        here = self.ledger.folder / WORK / maker / file
        if not accepted and not self.options.keep_rejected:
            here.unlink()
            return ""
        root = self.ds.path / FOLDER if accepted else self.ledger.folder / REJECTS
        there: Path = root / maker / file
        there.parent.mkdir(parents=True, exist_ok=True)
        here.replace(there)
        return there.relative_to(self.ds.path).as_posix()

    def _row(
        self, cell: str, order: Order, number: int, outcome: str, reason: str, detail: str = ""
    ) -> Try:  # fmt: skip
        return Try(
            self.spent, number, cell, order.generator, order.stem, order.face_id, order.partner_id, order.number, -1,
            outcome, reason, detail,
        )  # fmt: skip
