"""What an audit is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.columns import labels

DEFAULT_BY = (labels.RACE.name, labels.GENDER.name, labels.AGE_GROUP.name, labels.MONK.name)
INTERVALS = ("exact", "wilson", "multinomial")


@dataclass(frozen=True)
class AuditOptions:
    """What to audit, and how.

    Attributes:
        by: Columns to group by; `a*b` crosses two. None takes the demographic ones that are there.
        depth: Columns are also crossed with one another, up to this many at once.
        target: What shares are held against: `uniform`, a CSV with the columns of `by` and `share` or `count`, or
            another dataset's folder. Several tables may be given; a column that none of them knows is held against
            a uniform share.
        columns: Label columns to compare between groups; all by default.
        layers: Only these layers speak; all by default.
        truth: A table, `layer:NAME` or `extra`, as `evaluate` takes it.
        truth_map: Column of the truth -> what it is, as `evaluate` takes it.
        maps: Column of the truth -> vocabulary it is written in.
        evaluation: JSON of an earlier `evaluate`, read in place of a truth.
        outcomes: `COLUMN=VALUE` whose selection rate and error rates are compared; needs truth.
        filters: SQL conditions that faces would have to meet; the usual ones are always looked at.
        interval: Of shares: `exact` (Clopper-Pearson), `wilson`, or `multinomial` (Goodman: all groups at once).
        min_group: Groups with fewer faces are shown but not compared.
        permutations: Where expected counts are too small for chi-squared.
        rounds: Resamples of an interval that needs them.
        seed: Of permutations and resamples.
        name: Of the files.
        quiet: Show no progress.
    """

    by: tuple[str, ...] | None = None
    depth: int = 2
    target: tuple[str | Path, ...] = ("uniform",)
    columns: tuple[str, ...] | None = None
    layers: tuple[str, ...] | None = None
    truth: str | Path | None = None
    truth_map: Mapping[str, str] = field(default_factory=dict)
    maps: Mapping[str, str] = field(default_factory=dict)
    evaluation: str | Path | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    interval: str = "exact"
    min_group: int = 30
    permutations: int = 1999
    rounds: int = 1000
    seed: int = 0
    name: str = "audit"
    quiet: bool = True
