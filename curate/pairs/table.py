"""The rows as a table: ids, files, carried labels, figures, facts and notes, as Parquet and as JSON lines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.export.plain import to_plain
from curate.pairs.base import Role, Row
from curate.pairs.pool import Pool
from curate.pairs.rules import Rules, figures
from curate.pairs.view import png
from curate.pairs.write import Job, Shots, Written, put, shot_of
from curate.store.parts import replacing, write_table
from schemas.columns import images

PAIR_ID = "pair_id"
PARQUET, LINES = "pairs.parquet", "pairs.jsonl"
DRAWN = "rows"
"""Folder of pictures of whole rows."""


def records(pool: Pool, job: Job, rules: Rules, rows: Sequence[Row], shots: Shots) -> list[dict[str, Any]]:
    """One record per row; pictures of rows are written on the way.

    Args:
        pool: The faces.
        job: What is written.
        rules: Of the kind.
        rows: Accepted rows, all of whose faces were written.
        shots: Their pictures.
    """
    found = []
    for number, row in enumerate(rows):
        record: dict[str, Any] = {PAIR_ID: f"{number:06d}", images.SPLIT.name: _split(pool, row)}
        for role in job.kind.roles:
            faces = row.faces.get(role.name, ())
            record |= _role(pool, job, role, faces, [shots.written[shot_of(pool, job.kind, row, f)] for f in faces])
        record |= computed(pool, rules, row) | to_plain(dict(row.notes))
        record |= _drawn(pool, job, row, record[PAIR_ID], shots)
        found.append(record)
    return found


def computed(pool: Pool, rules: Rules, row: Row) -> dict[str, Any]:
    """What follows from the faces of a row: figures of the rules, and the kind's facts."""
    facts = {**figures(pool, rules, row), **rules.kind.facts(pool, row)}
    return {name: _exact(value) for name, value in facts.items()}


def _exact(value: Any) -> Any:
    """Plain data in double precision: unlike `to_plain`, nothing is shortened."""
    if isinstance(value, Mapping):
        return {k: _exact(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(v) for v in value]
    if hasattr(value, "tolist"):
        return _exact(value.tolist())
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN


def _split(pool: Pool, row: Row) -> str | None:
    return str(pool.split[row.every[0][1]]) or None


def _role(pool: Pool, job: Job, role: Role, faces: Sequence[int], written: Sequence[Written]) -> dict[str, Any]:
    """Columns of a role: lists where it holds many faces, null where it is empty."""
    cells: dict[str, list[Any]] = {
        f"{role.name}_{'faces' if role.many else 'face'}": [pool.face_ids[f] for f in faces],
        f"{role.name}_{'files' if role.many else 'file'}": [w.file for w in written],
    }
    cells |= {f"{role.name}_{view}": [w.views[view] for w in written] for view in job.wanted}
    cells |= {column: [w.views[view] for w in written] for column, view in role.views.items()}
    cells |= {f"{role.name}_{c.name}": [w.record.get(c.name) for w in written] for c in job.columns}
    return {name: values if role.many else next(iter(values), None) for name, values in cells.items()}


def _drawn(pool: Pool, job: Job, row: Row, pair_id: str, shots: Shots) -> dict[str, str | None]:
    if not job.kind.draws:
        return {}
    samples = {
        role: [shots.written[shot_of(pool, job.kind, row, f)].sample(job.folder) for f in found]
        for role, found in row.faces.items()
    }
    found: dict[str, str | None] = dict.fromkeys(job.kind.draws)
    for column, pixels in job.kind.draw(row, samples).items():
        name = f"{DRAWN}/{column}/{pair_id}.png"
        shots.files[name] = put(job.folder, name, png(pixels))
        found[column] = name
    return found


def write(folder: Path, found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Write the table in both forms; gives size and SHA-256 of each file."""
    names = list(dict.fromkeys(name for record in found for name in record))
    table = pa.table({name: pa.array([record.get(name) for record in found]) for name in names})
    write_table(folder / PARQUET, table)
    with replacing(folder / LINES) as file:
        for record in found:
            file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())
    return {name: hashed(folder / name) for name in (PARQUET, LINES)}


def hashed(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
