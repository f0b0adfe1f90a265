"""`fill`: the loop, the taking in of what was accepted, the yields, and the audits before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import __version__
from curate.fill.accept import ACCEPTED, Memory
from curate.fill.goals import Cells, counts
from curate.fill.likeness import Known
from curate.fill.loop import Filling, Loop
from curate.fill.options import FillOptions
from curate.fill.setting import Setting, prepare
from curate.fill.tries import Ledger, Try
from curate.fill.yields import Yield, write_generators, yields
from curate.generate.intake import take_in
from curate.generate.journal import MADE, Entry
from curate.generate.options import Options
from curate.generate.run import FOLDER
from curate.store import Dataset, RunRecord
from curate.store.layers import now
from curate.store.names import check_name
from curate.store.parts import read_json, write_json
from schemas import DatasetError, MissingExtraError

FILLS = "fills"
SUMMARY, GENERATORS, BEGUN = "fill.json", "generators.json", "begun.json"


@dataclass(frozen=True)
class CellOutcome:
    """What became of one cell.

    Attributes:
        cell: Its name.
        need: Faces that it lacked.
        accepted: Faces that were accepted.
        tries: Tries that were judged.
        before: Faces of the cell before.
        after: Faces of the cell now, by the dataset's own labels.
        why: Why it ended.
    """

    cell: str
    need: int
    accepted: int
    tries: int
    before: int
    after: int
    why: str


@dataclass(frozen=True)
class Filled:
    """The outcome of a fill.

    Attributes:
        name: Of the fill.
        folder: Where its ledger lies.
        cells: Of each cell that was to be filled.
        yields: Of each generator in each cell.
        reasons: Why pictures were not accepted, how often.
        single: Columns that one annotator alone judged.
        pages: Files of the audits.
        failures: Errors of labelling.
    """

    name: str
    folder: Path
    cells: list[CellOutcome]
    yields: list[Yield]
    reasons: dict[str, int]
    single: dict[str, str]
    pages: list[Path]
    failures: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.name,
            "cells": [vars(c) for c in self.cells],
            "yields": [y.as_dict() for y in self.yields],
            "reasons": self.reasons,
            "single": self.single,
            "pages": [p.name for p in self.pages],
        }


def fill(ds: Dataset, options: FillOptions) -> Filled:
    """Fill the gaps of a plan; a call that was stopped goes on where it stopped.

    Raises:
        FacecurateError: with one clear line, for anything a user can mend.
    """
    setting = prepare(ds, options)
    name = options.name or setting.plan.name
    folder = ds.path / FILLS / check_name("fill", name)
    record = RunRecord(command=list(options.command), version=__version__, outcome="interrupted")
    record.annotators = [
        {"generator": c.cls.name, "version": c.cls.version, "config": c.config.as_dict()}
        for c in setting.chosen.values()
    ]
    where = str(setting.plan.options.get("where") or "")
    before = _begin(ds, folder, setting, options, where)
    with ds.lock():
        ledger = Ledger(folder)
        loop = Loop(ds, setting, options, ledger, Memory(Known.of_dataset(ds, options.quiet)), record.id)
        try:
            with ledger:
                loop.run()
            record.outcome = "finished"
        finally:
            record.finished = now()
            record.counts = {"filled": {c: f.accepted for c, f in loop.fillings.items()}, "tries": loop.spent}
            ds.write_run(record)
    _, failures = take_in(ds, ds.path / FOLDER, entries(ledger.tries), _labelling(options))
    after = counts(ds, Cells(setting.plan), where)
    found = yields(loop.fillings)
    write_generators(folder / GENERATORS, found, setting.plan, setting.chosen, options.per_face)
    outcome = Filled(
        name,
        folder,
        [_outcome(cell, filling, before, after, loop, setting) for cell, filling in loop.fillings.items()],
        found,
        _reasons(ledger.tries),
        setting.single,
        _audit(ds, folder, setting, options, first=False),
        failures,
    )
    write_json(folder / SUMMARY, outcome.as_dict())
    return outcome


def _begin(ds: Dataset, folder: Path, setting: Setting, options: FillOptions, where: str) -> dict[str, int]:
    """Note what the fill starts from, once; a later call must go on with the same plan.

    Raises:
        DatasetError: if a fill of that name was begun with another plan or other generators.
    """
    wanted = {
        "plan": {g.name: [g.need, dict(g.quotas)] for g in setting.goals},
        "seed": options.seed,
        "side": options.side,
        "format": options.form,
    }
    path = folder / BEGUN
    if path.is_file():
        data = read_json(path)
        if {k: data.get(k) for k in wanted} != json.loads(json.dumps(wanted)):
            why = "the plan, the generators, the seed or the pictures' size were others"
            raise DatasetError(f"fill '{folder.name}' was begun otherwise", why, "Give another name: --name")
        return {str(k): int(v) for k, v in data["before"].items()}
    _audit(ds, folder, setting, options, first=True)
    found = counts(ds, Cells(setting.plan), where)
    write_json(path, {**wanted, "before": found, "version": __version__})
    return found


def entries(tries: list[Try]) -> dict[str, list[Entry]]:
    """Generator -> what was accepted of it, as the taking in wants it."""
    found: dict[str, list[Entry]] = {}
    for one in tries:
        if one.outcome == ACCEPTED:
            file = one.file.rpartition("/")[2]
            row = json.loads(one.lineage)
            entry = Entry(
                one.stem, MADE, one.face, one.partner, one.repeat, (file,), "", one.licence, one.consent, (row,)
            )  # fmt: skip
            found.setdefault(one.maker, []).append(entry)
    return found


def _labelling(options: FillOptions) -> Options:
    return Options((), workers=options.workers, quiet=options.quiet, command=options.command)


def _outcome(
    cell: str, filling: Filling, before: Mapping[str, int], after: Mapping[str, int], loop: Loop, setting: Setting
) -> CellOutcome:
    goal = filling.goal
    return CellOutcome(
        cell, goal.need, filling.accepted, filling.tries, before.get(cell, 0), after.get(cell, 0),
        why_ended(filling, loop, setting),
    )  # fmt: skip


def why_ended(filling: Filling, loop: Loop, setting: Setting) -> str:
    """Why work on a cell ended, in words."""
    if not filling.lack:
        return "reached"
    worst = "; ".join(f"{n} x {reason}" for reason, n in filling.reasons.most_common(3))
    also = f" (of {filling.tries} tries: {worst})" if worst else ""
    if all(s.supply.ended for s in filling.sources.values()):
        return _exhausted(filling, setting) + also
    if loop.spent >= loop.budget:
        return "budget" + also
    return "rounds" + also


def _exhausted(filling: Filling, setting: Setting) -> str:
    """Why no generator has anything left to try."""
    if filling.tries:
        return "every source face was tried"
    if all(s.supply.chosen.cls.takes_subject for s in filling.sources.values()) and not len(setting.found):
        return f"no source faces: {setting.found.why_none()}"
    return "generator cannot: no face that it could take there"


def _reasons(tries: list[Try]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in tries:
        if one.outcome != ACCEPTED:
            found[one.reason] = found.get(one.reason, 0) + 1
    return dict(sorted(found.items(), key=lambda kv: -kv[1]))


def _audit(ds: Dataset, folder: Path, setting: Setting, options: FillOptions, first: bool) -> list[Path]:
    """Audit by the plan's columns, before or after; the page after shows both."""
    if not options.audit:
        return []
    from curate.audit import AuditOptions, audit, read_audit

    names = ("before", "after")
    asked = AuditOptions(by=tuple(setting.plan.columns), name=names[0 if first else 1], quiet=True)
    try:
        found = audit(Dataset.open(ds.path), asked)
    except MissingExtraError:
        return []  # counts before and after are told all the same
    earlier = folder / f"{names[0]}.json"
    before = read_audit(earlier) if not first and earlier.is_file() else None
    return [Path(p) for p in found.save(folder, before=before)]
