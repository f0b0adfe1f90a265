"""Pairs from start to end: rows that keep the rules, pictures written once, a manifest, and the folder read back."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import __version__
from curate.engine.settings import configure
from curate.export.gather import Lost
from curate.export.index import Index
from curate.export.permission import label_blockers, picture_blockers
from curate.export.pieces import WORK, claim
from curate.pairs.base import PairKind, Row
from curate.pairs.check import Check, check
from curate.pairs.choose import Chosen, choose, refuse
from curate.pairs.options import PairOptions
from curate.pairs.pool import UNKNOWN, Pool
from curate.pairs.read import check_columns, read_pool
from curate.pairs.registry import pair_kind, view
from curate.pairs.rules import Rules, Verdict
from curate.pairs.table import hashed, records, write
from curate.pairs.view import View
from curate.pairs.write import Job, Shot, Shots, shot_of, shots_of, write_shots
from curate.store import Dataset
from curate.store.parts import replacing, write_json
from curate.store.view import FaceView
from schemas import REGISTRY, Column, Kind, UnknownNameError, UsageError

MANIFEST = "facecurate-pairs.json"
REFUSED = "refused.jsonl"
CLAIMED = ("finished pairs", "unfinished pairs of another call", "they were")


@dataclass(frozen=True)
class Pairs:
    """What a call left.

    Attributes:
        folder: Where it is.
        manifest: What `facecurate-pairs.json` says.
        check: How it came back; None if that was not asked for.
        lost: Faces whose picture could not be read any more.
    """

    folder: Path
    manifest: dict[str, Any]
    check: Check | None
    lost: tuple[Lost, ...]


def pairs(ds: Dataset, name: str, folder: str | Path, options: PairOptions | None = None) -> Pairs:
    """Write pairs of a kind, or go on with a call that was stopped, and read them back.

    Args:
        ds: The dataset.
        name: Of the kind.
        folder: A new or empty folder, or one with an unfinished call of the same data and settings.
        options: See `PairOptions`.

    Raises:
        UsageError: if the settings cannot be carried out, or no row keeps the rules.
        DatasetError: if the folder holds something else.
    """
    options, folder = options or PairOptions(), Path(folder)
    kind = made(name, options)
    job = _job(ds, kind, folder, options)
    identity = _identity(ds, kind, options)
    claim(folder, MANIFEST, "pairs.json", identity, CLAIMED)
    pool, found = read_pool(ds, options, kind.required(), kind.read())
    chosen = choose(pool, kind, options.count, options.seed, options.per_face)
    if not chosen.rows:
        shutil.rmtree(folder / WORK, ignore_errors=True)
        raise UsageError(f"no pair of the kind {name} in {ds.path}", _why(pool, chosen))
    shots = write_shots(pool, job, shots_of(pool, job, chosen.rows), options.quiet)
    rows = _whole(pool, kind, chosen, shots)
    _tidy(folder, shots, {shot_of(pool, kind, row, face) for row in rows for _, face in row.every})
    if not rows:
        raise UsageError(f"no pair of the kind {name} in {ds.path}", _why(pool, chosen))
    told = records(pool, job, Rules(kind), rows, shots)
    shots.files |= write(folder, told) | _log(folder, chosen)
    manifest = _manifest(ds, identity, pool, found, chosen, rows, shots, job)
    back = None
    if options.export.verify:
        again, _ = read_pool(ds, options, kind.required(), kind.read())
        back = check(folder, again, kind, rows, told, shots)
        manifest["comparison"] = back.as_dict()
    write_json(folder / MANIFEST, manifest)
    shutil.rmtree(folder / WORK, ignore_errors=True)
    return Pairs(folder, manifest, back, tuple(shots.lost))


def made(name: str, options: PairOptions) -> PairKind:
    """The kind with its settings.

    Raises:
        UnknownNameError: for a kind or setting that is none.
        UsageError: if its settings cannot be carried out.
    """
    cls = pair_kind(name)
    config = configure(cls.config_type, options.settings, cls.name)
    cls.preflight(config)
    return cls(config)


def _job(ds: Dataset, kind: PairKind, folder: Path, options: PairOptions) -> Job:
    """What is to be written, checked beforehand.

    Raises:
        UsageError: if a view or column is not to be had.
    """
    known = FaceView(ds, options.export.layers).columns()
    by_roles = [v for role in kind.roles for v in role.views.values()]
    views: dict[str, View] = {name: view(name)() for name in dict.fromkeys([*options.views, *by_roles])}
    for one in views.values():
        check_columns(ds, one.needs, known)
    return Job(ds, folder, options.export, kind, views, options.views, _columns(kind, options, known))


def _columns(kind: PairKind, options: PairOptions, known: Sequence[str]) -> tuple[Column, ...]:
    for name in options.columns:
        if name not in known or name not in REGISTRY:
            raise UnknownNameError("column", name, [n for n in known if n in REGISTRY])
        if REGISTRY[name].kind is Kind.MASK:
            raise UsageError(f"column {name} holds masks", "a table of pairs cannot", "Add a view of it: --views")
    asked = [REGISTRY[n] for n in options.columns]
    return tuple(dict.fromkeys([*(c for c in kind.carries if c.name in known), *asked]))


def _identity(ds: Dataset, kind: PairKind, options: PairOptions) -> dict[str, Any]:
    """What decides the content: another identity must not go on in the same folder."""
    return {
        "format": "facecurate-pairs", "version": 1, "kind": kind.name, "made_by": f"facecurate {__version__}",
        "dataset": ds.info.name, "revision": ds.info.revision, "layers": [i.name for i in ds.layers()],
        "settings": json.loads(json.dumps(kind.config.as_dict())), "options": json.loads(json.dumps(options.as_dict())),
    }  # fmt: skip


def _why(pool: Pool, chosen: Chosen) -> str:
    if not chosen.refused:
        return f"none of its {len(pool):,} faces fit together"
    return "; ".join(f"{n:,} rows refused: {reason}" for reason, n in chosen.refused.most_common())


def _whole(pool: Pool, kind: PairKind, chosen: Chosen, shots: Shots) -> list[Row]:
    """Rows whose pictures could be read and whose roles have their views; the others are counted as refused."""
    rows = []
    for row in chosen.rows:
        reason = _lacks(pool, kind, row, shots)
        if reason:
            refuse(chosen, pool, row, Verdict(reason))
        else:
            rows.append(row)
    return rows


def _lacks(pool: Pool, kind: PairKind, row: Row, shots: Shots) -> str:
    for role in kind.roles:
        for face in row.faces.get(role.name, ()):
            written = shots.written.get(shot_of(pool, kind, row, face))
            if written is None:
                return "a picture cannot be read any more"
            missing = [v for v in role.views.values() if written.views[v] is None]
            if missing and role.complete:
                return f"a face has no {missing[0]}"
    return ""


def _tidy(folder: Path, shots: Shots, used: set[Shot]) -> None:
    """Remove pictures and views that no row needs after all."""
    shots.written = {shot: written for shot, written in shots.written.items() if shot in used}
    needed = {name for w in shots.written.values() for name in (w.file, *w.views.values())}
    for name in [n for n in shots.files if n not in needed]:
        del shots.files[name]
        (folder / name).unlink(missing_ok=True)


def _log(folder: Path, chosen: Chosen) -> dict[str, dict[str, Any]]:
    if not chosen.log:
        return {}
    with replacing(folder / REFUSED) as file:
        for line in chosen.log:
            file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
    return {REFUSED: hashed(folder / REFUSED)}


def _manifest(
    ds: Dataset, identity: dict[str, Any], pool: Pool, found: Index, chosen: Chosen, rows: Sequence[Row],
    shots: Shots, job: Job,
) -> dict[str, Any]:  # fmt: skip
    used = {f for row in rows for _, f in row.every}
    pictures = {w.file: w.licence for w in shots.written.values()}
    blockers = [*picture_blockers(pictures.values()), *label_blockers(ds, job.columns, job.options.layers)]
    return {
        **identity,
        "rows": len(rows),
        "splits": dict(Counter(str(pool.split[r.every[0][1]]) or "none" for r in rows)),
        "faces": len(used),
        "people": len({int(pool.identity[f]) for f in used} - {UNKNOWN}),
        "people_in_several_splits": _across(pool, used),
        "pictures": len(pictures),
        "refused": dict(chosen.refused.most_common()),
        "stopped_early": chosen.stopped,
        "left_out": dict(found.left_out),
        "lost": [vars(x) for x in shots.lost],
        "commercial": {"allowed": not blockers, "blockers": [vars(b) for b in blockers]},
        "files": shots.files,
        "comparison": None,
    }


def _across(pool: Pool, used: set[int]) -> int:
    """People whose faces are in rows of more than one split: each row keeps to one, but the split itself may not."""
    splits: dict[int, set[str]] = {}
    for face in used:
        if pool.identity[face] != UNKNOWN:
            splits.setdefault(int(pool.identity[face]), set()).add(str(pool.split[face]))
    return sum(len(s) > 1 for s in splits.values())


__all__ = ["MANIFEST", "REFUSED", "Pairs", "made", "pairs"]
