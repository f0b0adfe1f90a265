"""Sections of an audit about corrections, small groups, filters, copies, people and action units, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from curate.audit.sections import GroupFigure, Test
from curate.evaluation.intervals import Estimate, Gap


@dataclass(frozen=True)
class CorrectedGroup:
    """A group's share as labelled and as it is likely to be.

    Attributes:
        name: Of the group.
        n: Faces that the labels put into it.
        raw: Share by the labels.
        corrected: Share after the labels' own confusion is taken out.
    """

    name: str
    n: int
    raw: Estimate
    corrected: Estimate


@dataclass(frozen=True)
class Corrected:
    """Counts of groups, corrected for how the labels confuse them.

    Attributes:
        by: Column (or columns crossed).
        method: How.
        source: Where the confusion was measured.
        cases: Faces it was measured on.
        groups: In the taxonomy's order.
        moved: Largest change of a share.
        notes: What a reader must know, such as a confusion that cannot be inverted.
    """

    by: str
    method: str
    source: str
    cases: int
    groups: tuple[CorrectedGroup, ...]
    moved: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SmallGroup:
    """A group with few faces, and what can still be said of it.

    Attributes:
        name: Of the group.
        n: Faces.
        raw: The figure from its own faces alone.
        shrunk: The figure drawn towards all faces' by as much as its size warrants.
    """

    name: str
    n: int
    raw: Estimate
    shrunk: Estimate


@dataclass(frozen=True)
class SmallCells:
    """Groups that are too small to compare by themselves, with shrunken figures and what could have been seen.

    Attributes:
        by: Grouping.
        figure: What is estimated, such as `share with perceived_emotion = happiness`.
        groups: All groups that have faces, the smallest first.
        detectable: Group -> smallest distance from the other faces that its n would have shown with a power of 80 %.
        method: How the figures were shrunk.
    """

    by: str
    figure: str
    groups: tuple[SmallGroup, ...]
    detectable: Mapping[str, float]
    method: str


@dataclass(frozen=True)
class FilterSplit:
    """What a filter removes from each group.

    Attributes:
        by: Grouping.
        groups: Share of the group's faces that is removed.
        gap: `best` is the group that loses least, `worst` the one that loses most.
        ratio: The worst group's share removed over the best's; NaN where the best loses none.
        sentence: In words: "removes 31 % of Y against 9 % of X".
    """

    by: str
    groups: tuple[GroupFigure, ...]
    gap: Gap
    ratio: float
    sentence: str


@dataclass(frozen=True)
class FilterImpact:
    """What keeping only the faces that meet a condition would do.

    Attributes:
        condition: SQL over the faces; faces for which it does not hold are removed.
        usual: It is one of the usual filters, not one that was asked for.
        kept: Faces left.
        removed: Share of all faces that is removed.
        undecided: Faces removed because a value is missing.
        splits: By grouping, the largest gap first.
    """

    condition: str
    usual: bool
    kept: int
    removed: Estimate
    undecided: int
    splits: tuple[FilterSplit, ...]


@dataclass(frozen=True)
class GroupedShares:
    """A share of faces by group.

    Attributes:
        by: Grouping.
        groups: Share of each group.
        gap: Lowest (`best`) and highest (`worst`) group.
    """

    by: str
    groups: tuple[GroupFigure, ...]
    gap: Gap


@dataclass(frozen=True)
class Duplicates:
    """Near-duplicate faces.

    Attributes:
        faces: Faces that were looked at.
        groups: Duplicate groups of two faces or more.
        surplus: Faces beyond the first of their group, over all faces looked at.
        largest: Faces in the largest groups, largest first (at most ten).
        by: Surplus by grouping.
    """

    faces: int
    groups: int
    surplus: Estimate
    largest: tuple[int, ...]
    by: tuple[GroupedShares, ...]


@dataclass(frozen=True)
class Concentration:
    """How faces spread over people.

    Attributes:
        name: Of the group; empty for all faces.
        faces: Faces of known identity.
        people: Identities.
        mean: Faces a person.
        largest: Faces of the person with most.
        top_share: Share of the faces held by the most photographed 1 % of people (at least one person).
        top_people: How many people those are.
        gini: 0 all people have equally many faces .. 1.
        effective: Effective number of people, 1 / sum of squared shares: what the faces are worth in
            independent people.
        small: Fewer than `min_group` faces.
    """

    name: str
    faces: int
    people: int
    mean: float
    largest: int
    top_share: float
    top_people: int
    gini: float
    effective: float
    small: bool = False


@dataclass(frozen=True)
class Identities:
    """Concentration on identities.

    Attributes:
        overall: Of all faces.
        histogram: Faces a person (`1`, `2`, `3-4`, ...) -> people.
        by: Grouping -> its groups.
        unknown: Faces without identity.
    """

    overall: Concentration
    histogram: Mapping[str, int]
    by: Mapping[str, tuple[Concentration, ...]]
    unknown: int


@dataclass(frozen=True)
class Pair:
    """Two marks that do or do not occur together.

    Attributes:
        a: One, such as `AU6`.
        b: The other, such as `AU12` or `happiness`.
        n: Faces of which both are known.
        a_count: Faces with a.
        b_count: Faces with b.
        both: Faces with both.
        lift: p(a, b) / (p(a) p(b)); NaN where one never or always occurs.
        pmi: Its logarithm in nats; NaN where they never occur together.
        phi: Correlation of the two, -1..1.
        test: Chi-squared, or Fisher's exact test where expected counts are below 5; adjusted over all pairs.
        b_given_a: p(b | a) - p(b): how much more frequent b is where a is.
        a_given_b: p(a | b) - p(a).
    """

    a: str
    b: str
    n: int
    a_count: int
    b_count: int
    both: int
    lift: float
    pmi: float
    phi: float
    test: Test
    b_given_a: float
    a_given_b: float


@dataclass(frozen=True)
class Node:
    """An action unit of the relation graph.

    Attributes:
        name: Such as `AU12`.
        title: FACS's name.
        rate: Share of faces with it, of those where it is known.
    """

    name: str
    title: str
    rate: Estimate


@dataclass(frozen=True)
class PairDifference:
    """A pair of action units whose relation differs between groups.

    Attributes:
        by: Grouping.
        a: One unit.
        b: The other.
        groups: Names.
        n: Faces of each group.
        phi: Of each group; NaN where it is not defined.
        test: Whether the log odds ratios could be equal (B. Woolf 1955); adjusted over all of them.
        spread: Largest minus smallest phi.
    """

    by: str
    a: str
    b: str
    groups: tuple[str, ...]
    n: tuple[int, ...]
    phi: tuple[float, ...]
    test: Test
    spread: float


@dataclass(frozen=True)
class Relations:
    """Co-occurrence of action units, and of these with expressions.

    Attributes:
        source: Column that says which units are present, and from which value on.
        emotion: Column of the expressions; empty if there is none.
        faces: Faces with action units.
        nodes: Units with their base rates.
        pairs: All pairs of units, the largest |phi| first.
        edges: The pairs of the graph: significant after adjustment and |phi| of at least `least_phi`.
        with_emotion: Unit and expression, the largest |phi| first.
        differences: Pairs whose relation differs most between groups and significantly so, worst first.
        least_phi: See `edges`.
        notes: What a reader must know.
    """

    source: str
    emotion: str
    faces: int
    nodes: tuple[Node, ...]
    pairs: tuple[Pair, ...]
    edges: tuple[Pair, ...]
    with_emotion: tuple[Pair, ...]
    differences: tuple[PairDifference, ...]
    least_phi: float
    notes: tuple[str, ...] = ()
