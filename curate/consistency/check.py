"""Runs the rules over a dataset, shard by shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from curate.consistency.across import AcrossRule, Gathered
from curate.consistency.findings import AnyRule, Findings, GroupRate, RuleCount, ranked, rows_of
from curate.consistency.rule import Rule
from curate.consistency.rules import across_rules, all_rules
from curate.consistency.values import Values
from curate.evaluation.progress import steps
from curate.evaluation.quantiles import wilson
from curate.store import Dataset
from curate.store.names import FACES
from curate.store.view import PROVENANCE, FaceView
from schemas import REGISTRY, Column, Kind, UnknownNameError
from schemas.columns import faces, images, labels

GROUPED_BY = (
    labels.GENDER,
    labels.AGE_GROUP,
    *(c for c in REGISTRY.values() if c.kind is Kind.LABEL and c.taxonomy == "race-fairface-7"),
)
"""Perceived groups whose rates are told, where the dataset has them."""

_ALWAYS = (faces.FACE_ID, images.NAME)


def choose(names: Sequence[str] | None) -> list[AnyRule]:
    """Rules by name; all of them if no names are given.

    Raises:
        UnknownNameError: for a name that no rule has; offers the nearest.
    """
    rules: list[AnyRule] = [*all_rules(), *across_rules()]
    known = {r.name: r for r in rules}
    for name in names or ():
        if name not in known:
            raise UnknownNameError("rule", name, known)
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())


def check(
    dataset: Dataset,
    rules: Sequence[str] | None = None,
    by: Sequence[Column] | None = None,
    layers: Sequence[str] | None = None,
    quiet: bool = True,
) -> Findings:
    """Find labels that cannot all be right.

    Reads only the columns that the rules name, one shard at a time; of rules over several faces it keeps a
    few bytes per face.

    Args:
        dataset: The dataset.
        rules: Names of rules; all by default.
        by: Columns whose groups get rates of their own; perceived gender, age group and race by default.
        layers: Only these layers speak.
        quiet: No progress bar.

    Raises:
        UnknownNameError: for an unknown rule or layer.
    """
    run = _Run(dataset, choose(rules), GROUPED_BY if by is None else tuple(by), layers)
    with steps(len(dataset.keys(FACES)), quiet) as announce:
        for values in run.shards():
            announce(f"{len(values)} faces")
            run.look(values)
    return run.finish()


class _Run:
    def __init__(
        self, dataset: Dataset, rules: Sequence[AnyRule], by: Sequence[Column], layers: Sequence[str] | None
    ) -> None:
        self._view = FaceView(dataset, layers)
        self._here = set(self._view.columns())
        self._rules = rules
        self._missing = {r: tuple(c.name for c in r.reads if c.name not in self._here) for r in rules}
        self._by = [c for c in by if c.name in self._here]
        active = [r for r in rules if not self._missing[r]]
        self._single = [r for r in active if isinstance(r, Rule)]
        self._gathered = [Gathered(r) for r in active if isinstance(r, AcrossRule)]
        self._columns = self._needed(active)
        self._checked: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._tables: list[pa.Table] = []
        self._ids: list[str] = []
        self._names: list[str] = []
        self._groups: dict[Column, list[str | None]] = {c: [] for c in self._by}

    def _needed(self, active: Sequence[AnyRule]) -> list[str]:
        read = [c for r in active for c in (*r.reads, *r.also)]
        return list(dict.fromkeys(c.name for c in (*_ALWAYS, *self._by, *read) if c.name in self._here))

    def shards(self) -> Iterator[Values]:
        """Rows shard by shard, and beside statements of several columns the layers that made them."""
        joint = list(dict.fromkeys(c.name for r in self._single if r.together for c in r.reads))
        tables = self._view.stream(self._columns)
        if not joint:
            yield from map(Values, tables)
            return
        for table, spoken in zip(tables, self._view.stream(joint, provenance=True), strict=True):
            layers = {name: np.array(spoken.column(name + PROVENANCE).to_pylist(), dtype=object) for name in joint}
            yield Values(table, layers)

    def look(self, values: Values) -> None:
        ids, names = values.label(faces.FACE_ID).tolist(), values.label(images.NAME).tolist()
        self._ids += ids
        self._names += names
        for column in self._by:
            self._groups[column] += values.label(column).tolist()
        for rule in self._single:
            verdict = rule.test(values)
            if rule.together:
                verdict = verdict.where(values.of_one_layer(rule.reads))
            self._note(rule, int(verdict.checked.sum()), rows_of(rule, verdict, ids, names))
        for gathered in self._gathered:
            gathered.add(values)

    def _note(self, rule: AnyRule, checked: int, found: pa.Table) -> None:
        self._checked[rule.name] += checked
        self._found[rule.name] += found.num_rows
        if found.num_rows:
            self._tables.append(found)

    def finish(self) -> Findings:
        for gathered in self._gathered:
            verdict = gathered.verdict()
            rows = rows_of(gathered.rule, verdict, self._ids, self._names)
            self._note(gathered.rule, int(verdict.checked.sum()), rows)
        table = ranked(self._tables)
        counts = [RuleCount(r, self._checked[r.name], self._found[r.name], self._missing[r]) for r in self._rules]
        return Findings(table, tuple(counts), tuple(self._rates(table)), tuple(self._ids))

    def _rates(self, table: pa.Table) -> Iterator[GroupRate]:
        broken = set(table.column(faces.FACE_ID.name).to_pylist())
        hit = np.array([face in broken for face in self._ids], dtype=bool)
        for column, groups in self._groups.items():
            values = np.array(groups, dtype=object)
            for group in sorted({g for g in groups if g is not None}):
                mine = values == group
                n, found = int(mine.sum()), int((mine & hit).sum())
                yield GroupRate(column.name, group, n, found, *wilson(found / n, n))
