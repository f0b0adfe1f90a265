"""Which faces stay: every drop with its rule, value and threshold, as a layer and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.balance.options import QUALITY, Options
from curate.balance.plan import CellPlan, Plan
from curate.balance.survey import FULL, IDENTITY, RULES, STAYS, Rows, Survey, draw
from curate.store import Dataset, LayerInfo, config_hash
from curate.store.checks import as_array
from curate.store.names import FACES
from curate.store.parts import replacing
from curate.store.publish import publish_layer
from schemas import Status
from schemas.columns import faces, labels

VERSION = "1"
ANNOTATOR = "balance"
COLUMNS = (
    labels.BALANCE_SELECTED,
    labels.BALANCE_WEIGHT,
    labels.BALANCE_CELL,
    labels.BALANCE_RULE,
    labels.BALANCE_VALUE,
    labels.BALANCE_THRESHOLD,
)


@dataclass(frozen=True)
class Choice:
    """What becomes of each face, in the dataset's order.

    Attributes:
        rule: Place in `RULES` of the rule by which it goes, `STAYS` if it stays.
        value: What the rule looked at: the face's rank in its cell or its person; NaN where there is no number.
        threshold: The limit of the rule; NaN where there is none.
        weight: Sampling weight; 0 for faces that go.
    """

    rule: NDArray[np.int8]
    value: NDArray[np.float32]
    threshold: NDArray[np.float32]
    weight: NDArray[np.float32]


def layer_name(name: str) -> str:
    """Name of the layer of a plan."""
    return f"balance_{name}"


def choose(rows: Rows, cells: list[CellPlan], options: Options) -> Choice:
    """The faces that stay: in each cell as many as planned, the best by quality first, or any.

    Args:
        rows: The faces.
        cells: How many of each cell stay.
        options: How to choose.
    """
    rule, value = rows.rule.copy(), rows.value.copy()
    threshold = np.full(len(rows), np.nan, np.float32)
    threshold[rule == RULES.index(IDENTITY)] = options.per_identity or 0
    worth = np.nan_to_num(rows.quality, nan=-1.0) if options.choose == QUALITY else np.zeros(len(rows), np.float32)
    for synthetic in (False, True):
        keep = np.array([c.keep_synthetic if synthetic else c.keep - c.keep_synthetic for c in cells], np.int64)
        free = np.flatnonzero((rows.rule == STAYS) & (rows.synthetic == synthetic))
        free = free[np.lexsort((draw(len(rows), options.seed)[free], -worth[free], rows.cell[free]))]
        starts = np.flatnonzero(np.diff(rows.cell[free], prepend=-1))
        rank = np.arange(len(free)) - np.repeat(starts, np.diff(starts, append=len(free))) + 1
        over = rank > keep[rows.cell[free]]
        rule[free[over]] = RULES.index(FULL)
        value[free[over]] = rank[over]
        threshold[free[over]] = keep[rows.cell[free[over]]]
    weights = np.array([c.weight for c in cells], np.float32)
    weight = np.where(rule == STAYS, weights[np.maximum(rows.cell, 0)], np.float32(0)).astype(np.float32)
    return Choice(rule, value, threshold, weight)


def publish(ds: Dataset, plan: Plan, survey: Survey, choice: Choice) -> bool:
    """Write the layer `balance_NAME`; the caller holds the dataset's lock.

    Returns:
        False if the same layer was there already.
    """
    rows = survey.rows
    assert rows is not None
    names = pa.array([c.name for c in plan.cells])
    rules = pa.array(RULES)
    config = {"plan": config_hash(plan.as_dict()), "options": plan.options}
    name = layer_name(plan.name)
    info = LayerInfo(name, "model", ANNOTATOR, VERSION, config, columns=tuple(c.name for c in COLUMNS))

    def table(key: str, ids: pa.Array) -> pa.Table:
        part = slice(rows.keys[key], rows.keys[key] + len(ids))
        rule, cell = choice.rule[part], rows.cell[part]
        values = {
            faces.FACE_ID: ids,
            labels.STATUS: pa.array([Status.OK.value]).take(pa.array(np.zeros(len(ids), np.int64))),
            labels.ERROR: pa.nulls(len(ids), pa.string()),
            labels.BALANCE_SELECTED: pa.array(rule == STAYS),
            labels.BALANCE_WEIGHT: pa.array(choice.weight[part]),
            labels.BALANCE_CELL: names.take(pa.array(cell, mask=cell < 0)),
            labels.BALANCE_RULE: rules.take(pa.array(rule, mask=rule == STAYS)),
            labels.BALANCE_VALUE: pa.array(choice.value[part], mask=np.isnan(choice.value[part])),
            labels.BALANCE_THRESHOLD: pa.array(choice.threshold[part], mask=np.isnan(choice.threshold[part])),
        }
        return pa.table([v.cast(c.type) for c, v in values.items()], names=[c.name for c in values])

    return publish_layer(ds, info, table)


def write_drops(ds: Dataset, plan: Plan, path: Path) -> int:
    """Write every face that goes with its cell, rule, value and threshold; returns how many.

    Args:
        ds: The dataset, with the plan's layer.
        plan: The plan.
        path: A Parquet file.
    """
    names = [faces.FACE_ID, *(c for c in COLUMNS if c not in (labels.BALANCE_SELECTED, labels.BALANCE_WEIGHT))]
    return _write(ds, plan, path, [c.name for c in names], stay=False)


def write_weights(ds: Dataset, plan: Plan, path: Path) -> int:
    """Write face id and sampling weight of every face that stays; returns how many."""
    return _write(ds, plan, path, [faces.FACE_ID.name, labels.BALANCE_WEIGHT.name], stay=True)


def _write(ds: Dataset, plan: Plan, path: Path, names: list[str], *, stay: bool) -> int:
    import pyarrow.parquet as pq

    layer = f"labels/{layer_name(plan.name)}"
    tables = []
    for key in ds.keys(FACES):
        table = ds.read(layer, key, [*names, labels.BALANCE_SELECTED.name])
        selected = as_array(table.column(labels.BALANCE_SELECTED.name))
        tables.append(table.filter(selected if stay else pc.invert(selected)).select(names))
    joined = pa.concat_tables(tables)
    with replacing(path) as file:
        pq.write_table(joined, file, compression="zstd")
    return int(joined.num_rows)
