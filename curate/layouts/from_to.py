"""Rows of `pairs` of the kind person_pairs as a CSV of `from,to`, the form of DeepFashion's lists."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

from curate.layouts.tables import rows_of
from curate.store.parts import replacing

COLUMNS = ("from", "to", "split", "person", "from_embed", "to_embed", "from_skeleton", "to_skeleton",
           "from_reason", "to_reason")  # fmt: skip


def write_from_to(pairs: Path, target: Path) -> dict[str, int]:
    """Write the CSV; gives rows per split.

    Args:
        pairs: A folder that `pairs` wrote.
        target: The CSV; file names in it start at the folder of the pairs.

    Raises:
        UsageError: if the folder holds other rows.
    """
    rows: list[dict[str, Any]] = [
        {"from": row["from_file"], "to": row["to_file"], **{c: row.get(c) for c in COLUMNS[2:]}}
        for row in rows_of(pairs, ("from_file", "to_file", "person"))
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with replacing(target) as file:
        file.write(text.getvalue().encode())
    return dict(Counter(str(row["split"] or "none") for row in rows))
