"""Lists for presentation attack detection over domains: for each domain, all others to train on and it to test on.

A row of the table is a picture: `file`, `label` (live or spoof), `domain` (the dataset or camera it comes from), and
`attack_type` and `subject` where known. A subject of one name is one person in all domains.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curate.layouts.folder import claim, finish, put
from curate.layouts.tables import needed, rows_of
from curate.measures.kinds.spoofing import LIVE, SPOOF
from schemas import UsageError

COLUMNS = ("file", "label", "attack_type", "domain", "subject")
DEVELOPMENT = 5
"""Of the training rows one subject in so many is for setting thresholds."""
Row = dict[str, Any]


def read_presentations(path: Path) -> list[Row]:
    """Rows of a table, labels as `live` and `spoof`.

    Raises:
        UsageError: for an unknown label, a live picture with a type of attack, a file that stands twice, and a domain
            that lacks live or spoof pictures.
    """
    found: list[Row] = []
    for number, row in enumerate(rows_of(path, ("file", "label", "domain"))):
        label = needed(row, "label", path, number).lower()
        if label not in LIVE | SPOOF:
            raise UsageError(f"{path}, row {number + 1}: the label {label!r}", fix="Say live or spoof")
        live, kind = label in LIVE, row.get("attack_type")
        if live and kind is not None:
            raise UsageError(f"{path}, row {number + 1}: a live picture with the attack {kind!r}")
        told = {"file": needed(row, "file", path, number), "label": "live" if live else "spoof", "attack_type": kind,
                "domain": needed(row, "domain", path, number), "subject": row.get("subject")}  # fmt: skip
        found.append(told)
    if twice := [f for f, n in Counter(r["file"] for r in found).items() if n > 1]:
        raise UsageError(f"{path} has {twice[0]} twice")
    for domain in domains(found):
        labels = {r["label"] for r in found if r["domain"] == domain}
        if len(labels) < 2:
            raise UsageError(f"{path}: the domain {domain} has only {labels.pop()} pictures", "it needs both")
    if len(domains(found)) < 2:
        raise UsageError(f"{path} has one domain", "one cannot be left out of it")
    return found


def domains(rows: Sequence[Row]) -> list[str]:
    """Domains, sorted."""
    return sorted({str(r["domain"]) for r in rows})


def leave_one_out(rows: Sequence[Row], held: str) -> dict[str, list[Row]]:
    """`train`, `development` and `test` for a held domain.

    A subject of the held domain is in no other list, though other domains show the same person; subjects do not stand
    in both `train` and `development`.
    """
    test = [r for r in rows if r["domain"] == held]
    tested = {r["subject"] for r in test} - {None}
    others = [r for r in rows if r["domain"] != held and r["subject"] not in tested]
    return {
        "train": [r for r in others if not _develops(r)],
        "development": [r for r in others if _develops(r)],
        "test": test,
    }


def _develops(row: Row) -> bool:
    who = str(row["subject"] or row["file"])
    return int(hashlib.sha256(who.encode()).hexdigest(), 16) % DEVELOPMENT == 0


def write_protocol(table: Path, folder: Path) -> dict[str, Any]:
    """Write three CSV lists for each domain; gives the manifest.

    Raises:
        UsageError: see `read_presentations`.
        DatasetError: if the folder holds something.
    """
    rows = read_presentations(table)
    claim(folder)
    counts: dict[str, Any] = {}
    for held in domains(rows):
        lists = leave_one_out(rows, held)
        counts[held] = {name: len(part) for name, part in lists.items()}
        for name, part in lists.items():
            put(folder, f"leave_out/{held}/{name}.csv", _csv(part))
    return finish(folder, "fas_protocol", rows, {"domains": counts})


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
