"""Choosing faces by rules, each an SQL condition: who stays, and by which rule each other one goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.identity.layers import publish
from curate.store import Dataset, LayerInfo
from curate.store.condition import Condition
from curate.store.parts import replacing
from curate.store.view import FaceView
from schemas import REGISTRY, Column, Kind, UsageError
from schemas.columns import faces, images, labels

ANNOTATOR, VERSION = "selection", "1"
COLUMNS = (labels.SELECTED, labels.SELECTED_RULE)
EARLIER = "earlier selection"
PER = "at least {n} of one {column}"
DROPS = "drops.parquet"


@dataclass(frozen=True)
class Rules:
    """What a face must meet.

    Attributes:
        conditions: Name of a rule -> SQL condition; null counts as not met. They are asked in this order.
        per: Column whose values must keep at least `least` faces after all conditions, such as identities.
        least: How many.
    """

    conditions: Mapping[str, str]
    per: str = ""
    least: int = 0

    def __post_init__(self) -> None:
        if not self.conditions and not self.per:
            raise UsageError("a selection without rules", fix="Give at least one rule")
        if bool(self.per) != (self.least > 0):
            raise UsageError("a selection by groups", "it needs both the column and the least number of faces")


@dataclass(frozen=True)
class Selection:
    """The outcome.

    Attributes:
        layer: Name of the layer.
        kept: Faces that stay.
        dropped: Rule -> faces that go by it.
        file: Table of all drops.
    """

    layer: str
    kept: int
    dropped: Mapping[str, int]
    file: Path | None = None


def select(ds: Dataset, rules: Rules, layer: str, after: str = "", drops: Path | None = None) -> Selection:
    """Choose faces, write the layer and the table of drops.

    Args:
        ds: The dataset.
        rules: What a face must meet.
        layer: Name of the layer to write.
        after: Layer of an earlier selection whose faces alone are asked.
        drops: Parquet file for every face that goes: face, picture, name, rule and its condition.

    Raises:
        UsageError: if a condition is not understood or names a column that is not here.
        DatasetError: if the layer exists with other content.
    """
    conditions = {EARLIER: labels.SELECTED.name, **rules.conditions} if after else dict(rules.conditions)
    others = [i.name for i in ds.layers() if i.annotator != ANNOTATOR or i.name == after]
    table, reason = _asked(ds, conditions, rules, others)
    names = list(conditions)
    if rules.per:
        names.append(PER.format(n=rules.least, column=rules.per))
        reason = _few(table.column(rules.per), reason, len(names), rules.least)
    stays = reason == 0
    told = pa.array(names).take(pa.array(np.maximum(reason - 1, 0), mask=stays))
    ids = table.column(faces.FACE_ID.name).combine_chunks()
    config = {"conditions": conditions, "per": rules.per, "least": rules.least, "after": after}
    info = LayerInfo(layer, "model", ANNOTATOR, VERSION, config, columns=tuple(c.name for c in COLUMNS))
    values = {labels.SELECTED: pa.array(stays), labels.SELECTED_RULE: told}
    with ds.lock():
        publish(ds, info, ids, values, np.ones(len(stays), bool), "")
    if drops is not None:
        _write(drops, table.append_column(labels.SELECTED_RULE.name, told).filter(pa.array(~stays)), conditions)
    counts = np.bincount(reason, minlength=len(names) + 1)[1:]
    return Selection(layer, int(stays.sum()), {n: int(c) for n, c in zip(names, counts, strict=True)}, drops)


def _asked(
    ds: Dataset, conditions: Mapping[str, str], rules: Rules, layers: list[str]
) -> tuple[pa.Table, NDArray[np.int64]]:
    """All faces, and for each the number of the first condition that it does not meet, from 1; 0 if it meets all."""
    view = FaceView(ds, layers)
    asked = [Condition(c, view.names()) for c in conditions.values()]
    shown = [faces.FACE_ID.name, faces.IMAGE_ID.name, images.NAME.name, *([rules.per] if rules.per else [])]
    wanted = list(dict.fromkeys([*shown, *(n for c in asked for n in c.names)]))
    tables, reasons = [], []
    for piece in view.stream(wanted):
        reason = np.zeros(piece.num_rows, np.int64)
        for number, condition in enumerate(asked, 1):
            met = np.zeros(piece.num_rows, bool)
            met[np.asarray(condition.rows(piece), np.int64)] = True
            reason[(reason == 0) & ~met] = number
        tables.append(piece.select(shown))
        reasons.append(reason)
    if not tables:
        raise UsageError(f"{ds.path} has no faces to select from")
    return pa.concat_tables(tables), np.concatenate(reasons)


def _few(values: pa.ChunkedArray, reason: NDArray[np.int64], number: int, least: int) -> NDArray[np.int64]:
    """Faces of groups that kept fewer than `least`, and those of no group, go by the rule of that number."""
    group = pc.dictionary_encode(values.combine_chunks()).indices
    place = pc.fill_null(group, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    size = np.bincount(place[(reason == 0) & (place >= 0)], minlength=int(place.max(initial=0)) + 1)
    return np.where((reason == 0) & ((place < 0) | (size[place] < least)), number, reason)


def _write(path: Path, table: pa.Table, conditions: Mapping[str, str]) -> None:
    import pyarrow.parquet as pq

    rules = table.column(labels.SELECTED_RULE.name).to_pylist()
    with replacing(path) as file:
        pq.write_table(table.append_column("condition", pa.array([conditions.get(r, r) for r in rules])), file)


def group_column(name: str) -> Column:
    """The column of that name, if faces can be grouped by it.

    Raises:
        UsageError: if its values are not names.
    """
    from schemas import column

    found = column(name)
    if found.kind not in (Kind.ID, Kind.LABEL, Kind.TEXT):
        raise UsageError(f"faces cannot be grouped by {name}", f"it is a {found.kind.value}")
    return REGISTRY[name]
