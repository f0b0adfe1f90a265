"""The sections of an audit as frozen data: what was counted, how sure it is, and what a reader must know.

Groups are named by their label, `a · b` where columns are crossed. Shares and figures are `Estimate`s with 95 %
intervals; a figure that is not defined is NaN, which JSON shows as null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from curate.evaluation.intervals import Estimate, Gap


@dataclass(frozen=True)
class Unknown:
    """Faces without a value in a column, by reason.

    Attributes:
        abstained: The annotator looked and did not decide.
        not_applicable: It cannot be said of the face.
        failed: The annotator broke on it.
        absent: No layer has written anything for the face.
    """

    abstained: int = 0
    not_applicable: int = 0
    failed: int = 0
    absent: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.abstained + self.not_applicable + self.failed + self.absent


@dataclass(frozen=True)
class Test:
    """A test of a null hypothesis.

    Attributes:
        name: `chi2`, `permutation`, `kruskal`, `fisher`, `homogeneity` or `goodness of fit`.
        statistic: Its statistic; NaN where the test has none.
        freedom: Degrees of freedom; 0 where the test has none.
        p: p-value; NaN where there was nothing to test.
        p_adjusted: The same by Benjamini and Hochberg over all tests of its section; NaN where p is.
    """

    name: str
    statistic: float
    freedom: int
    p: float
    p_adjusted: float = math.nan

    __test__ = False  # not a test class for pytest


@dataclass(frozen=True)
class GroupShare:
    """How many faces a group has, against how many it should have.

    Attributes:
        name: Of the group.
        labels: Its label in each column, in the order of `Representation.columns`.
        n: Faces.
        small: Fewer than `min_group`.
        share: Of the faces whose group is known, with an interval for the population they were drawn from.
        target: Share wanted; NaN without a target.
        ratio: Share over target: 1 as wanted, .5 half of it; NaN where the target is 0 or none.
        short: Faces below the target at the dataset's present size; 0 if none.
        to_add: Faces to add to reach the target if no face of any group is dropped; None where the target cannot be
            reached by adding, because faces stand in a group whose target is 0.
    """

    name: str
    labels: tuple[str, ...]
    n: int
    small: bool
    share: Estimate
    target: float
    ratio: Estimate
    short: int
    to_add: int | None


@dataclass(frozen=True)
class Representation:
    """Who is in the dataset, by one column or several crossed.

    Attributes:
        by: Column, `a*b` where several are crossed.
        columns: Each of them.
        n: Faces whose group is known.
        unknown: Faces whose group is not, by reason (of the first column that does not know it).
        target: What it is held against: `uniform`, or the name of a table or dataset.
        groups: All groups, those of the taxonomy that have no face included, in the taxonomy's order.
        evenness: Entropy over its greatest value, 0..1 (Pielou's J): 1 if all groups are equally large.
        effective: Effective number of groups, the exponential of the entropy (Hill number of order 1).
        imbalance: Largest over smallest group that has faces.
        distance: Total variation distance to the target, 0..1: the share of faces that would have to change groups.
        test: Whether the shares could be the target's; None without target or faces.
        notes: What a reader must know.
    """

    by: str
    columns: tuple[str, ...]
    n: int
    unknown: Unknown
    target: str
    groups: tuple[GroupShare, ...]
    evenness: Estimate
    effective: Estimate
    imbalance: float
    distance: Estimate
    test: Test | None
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> tuple[str, ...]:
        """Groups without a face."""
        return tuple(g.name for g in self.groups if not g.n)


@dataclass(frozen=True)
class Association:
    """How a label's values differ between groups.

    Attributes:
        by: Grouping.
        label: Label column or field, such as `perceived_emotion` or `au_score.AU12`.
        kind: `labels` (a table of counts), or `numbers`.
        n: Faces that have both.
        measure: `cramers_v` (bias-corrected, W. Bergsma 2013) or `epsilon_squared` (of ranks, Kruskal-Wallis).
        effect: 0 none .. 1 full, with an interval for the population's.
        strength: `negligible`, `small`, `medium` or `large`, by the usual conventions.
        mutual_information: In nats; NaN for numbers.
        test: The test; its p is adjusted over all associations.
        groups: Rows of the table.
        values: Columns of the table; empty for numbers.
        counts: Faces, (groups, values); empty for numbers.
        pmi: Pointwise mutual information ln(p(g, v) / p(g) p(v)), (groups, values); None where the cell is empty.
        npmi: The same over -ln p(g, v), -1..1: above 0 the value is more frequent in the group than overall.
        figures: For numbers, the group's mean.
        medians: For numbers, the group's median.
        sparse: Expected counts are too small for chi-squared (Cochran's rule), so p comes from permutations.
        top: The cell that departs most from independence among those compared: (group, value).
        left_out: Groups with fewer than `min_group` faces and values with fewer than 5: shown in the table, but no
            part of effect, information and test.
    """

    by: str
    label: str
    kind: str
    n: int
    measure: str
    effect: Estimate
    strength: str
    mutual_information: float
    test: Test
    groups: tuple[str, ...]
    values: tuple[str, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()
    pmi: tuple[tuple[float | None, ...], ...] = ()
    npmi: tuple[tuple[float | None, ...], ...] = ()
    figures: tuple[Estimate, ...] = ()
    medians: tuple[float, ...] = ()
    sparse: bool = False
    top: tuple[str, str] | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupFigure:
    """One figure of one group.

    Attributes:
        name: Of the group.
        n: Faces behind it.
        small: Fewer than `min_group`: shown, but not compared.
        figure: With its interval.
    """

    name: str
    n: int
    small: bool
    figure: Estimate


@dataclass(frozen=True)
class Condition:
    """Quality, pose, occlusion or detection of the faces, by group.

    Attributes:
        by: Grouping.
        column: Such as `quality`, `covered_share` or `abs(pose_yaw)`.
        title: In words.
        unit: Of the figure; `share` for a share of faces.
        better: `higher`, `lower` or empty where neither is better.
        overall: Over all faces that have a value.
        groups: Mean of each group (or share of faces, for flags).
        gap: Highest and lowest group among those that are not small, and their distance.
        spread: The gap over the standard deviation of all faces, so that columns can be ranked; NaN if none.
    """

    by: str
    column: str
    title: str
    unit: str
    better: str
    overall: Estimate
    groups: tuple[GroupFigure, ...]
    gap: Gap
    spread: float


@dataclass(frozen=True)
class MissingGroup:
    """Faces of one group without a value.

    Attributes:
        name: Of the group.
        n: Faces in it.
        small: Fewer than `min_group`.
        unknown: By reason.
        share: Of its faces without a value.
    """

    name: str
    n: int
    small: bool
    unknown: Unknown
    share: Estimate


@dataclass(frozen=True)
class Missing:
    """Faces without a label, by group.

    Attributes:
        by: Grouping.
        column: The label column.
        overall: Share of all faces without a value.
        unknown: By reason, all faces.
        groups: The same in each group.
        gap: Best (fewest missing) and worst group.
        also: Columns that are missing for exactly the same faces and reasons, such as others of the same layer.
    """

    by: str
    column: str
    overall: Estimate
    unknown: Unknown
    groups: tuple[MissingGroup, ...]
    gap: Gap
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class ErrorFigure:
    """One measure of how right a column is, by group, against truth.

    Attributes:
        by: Grouping.
        column: Column that is held against the truth.
        measure: Key, such as `accuracy`.
        title: In words.
        better: `higher` or `lower`.
        share: It is a share between 0 and 1.
        source: Whose groups: `truth` or `dataset`.
        overall: Over all faces.
        groups: In each group.
        gap: Best and worst group and their distance.
        headline: It is the first measure of its column.
    """

    by: str
    column: str
    measure: str
    title: str
    better: str
    share: bool
    source: str
    overall: Estimate
    groups: tuple[GroupFigure, ...]
    gap: Gap
    headline: bool = False


@dataclass(frozen=True)
class OutcomeRates:
    """Whether a yes/no outcome is given equally often, and equally rightly, to all groups.

    Attributes:
        by: Grouping.
        column: Label column.
        value: The label (or `yes`) that counts as the outcome.
        groups: Names.
        n: Faces of each group.
        selection: Share that is given the outcome; demographic parity compares it.
        true_positive: Share given it of those to whom it belongs; equal opportunity compares it.
        false_positive: Share given it of those to whom it does not; with the former, equalised odds.
        gaps: `selection`, `true_positive`, `false_positive` -> the distance between groups.
    """

    by: str
    column: str
    value: str
    groups: tuple[str, ...]
    n: tuple[int, ...]
    selection: tuple[Estimate, ...]
    true_positive: tuple[Estimate, ...]
    false_positive: tuple[Estimate, ...]
    gaps: Mapping[str, Gap]


@dataclass(frozen=True)
class Errors:
    """How right the labels are, by group.

    Attributes:
        truth: Name of the truth.
        source: File, `layer:NAME`, `extra`, or the evaluation that was read.
        n: Faces compared.
        figures: The largest gaps first.
        outcomes: One per outcome asked for and grouping.
        refused: Columns that could not be compared -> why.
        notes: What a reader must know.
    """

    truth: str
    source: str
    n: int
    figures: tuple[ErrorFigure, ...]
    outcomes: tuple[OutcomeRates, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
