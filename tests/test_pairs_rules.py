"""The rules of pairs, hammered: whatever a kind proposes, no row breaks a rule, and no row that keeps them is lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.pairs.base import ANY, CHILD, DIFFERENT, NEVER, PARTNER, SAME, Bound, Config, PairKind, Relation, Role, Row
from curate.pairs.choose import AGAIN, OFTEN, choose
from curate.pairs.pool import Pool
from curate.pairs.rules import Rules, figures
from schemas import SchemaError
from schemas.columns import labels
from tests.pair_samples import pool

FACES = 8


@dataclass(frozen=True)
class LimitConfig(Config):
    """A limit.

    Attributes:
        most: Largest age gap.
    """

    most: float = 10.0


def kind_of(relations: tuple[Relation, ...], proposals: list[Row], adults: bool = False) -> PairKind:
    """A kind that proposes just these rows, with one target, any number of refs and a bound on their ages."""

    class Reckless(PairKind):
        doc = "Proposes anything."
        source = "a test"
        roles = (
            Role("target", "one"),
            Role("refs", "several", many=True),
            Role("extra", "may be empty", optional=True),
        )
        bounds = (Bound("age_gap", "refs", "target", most="most"),)
        config_type = LimitConfig

        def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
            yield from proposals

    Reckless.relations, Reckless.adults = relations, adults
    return Reckless()


def relation(first: str, second: str) -> st.SearchStrategy[Relation]:
    identity, picture = st.sampled_from((ANY, SAME, DIFFERENT)), st.sampled_from((DIFFERENT, DIFFERENT, ANY, SAME))
    kin = st.sampled_from((NEVER, NEVER, ANY, CHILD, PARTNER))
    return st.builds(Relation, st.just(first), st.just(second), identity, picture, kin)


@st.composite
def mostly(draw: st.DrawFn, usual: list[object], trouble: st.SearchStrategy[object], most: int = 2) -> list[object]:
    """The usual values, but for few faces."""
    odd = draw(st.lists(st.integers(0, FACES - 1), max_size=most))
    return [draw(trouble) if i in odd else v for i, v in enumerate(usual)]


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """Small pools of faces without trouble, but for a few: most rows break one rule or none."""
    synthetic = draw(mostly([False] * FACES, st.just(True)))
    picture = draw(mostly(list(range(FACES)), st.integers(0, 3)))
    sources = st.sets(st.sampled_from("abcd"), min_size=1, max_size=2)
    roots = [frozenset(draw(sources) if synthetic[i] else "abcdefgh"[p]) for i, p in enumerate(picture)]
    one_person = draw(st.booleans())
    rows = st.integers(-1, FACES - 1)
    # Distances of 0 to 8 bits about the limit of 6, to faces that are far from all others by sixteen bits.
    far = [0x8001 << 4 * i for i in range(FACES)]
    near = st.integers(0, 255).map(lambda low: far[0] ^ low)
    ages = draw(mostly([30.0] * FACES, st.sampled_from((None, 40.0, 40.5))))
    return pool(
        {labels.AGE: ages}, split=draw(mostly(["train"] * FACES, st.sampled_from(("test", "")))), picture=picture,
        identity=draw(mostly([0] * FACES if one_person else list(range(FACES)), st.sampled_from((-1, -1, 0, 1)), 3)),
        copies=draw(mostly([-1] * FACES, st.just(0), 4)),
        hashes=draw(mostly([far[0], *(((1 << 40) - 1) << 2 * i for i in range(1, FACES))], near)),
        mirrored=draw(mostly([(1 << 63) | (0xFFFFF << i) for i in range(FACES)], near)),
        hashed=draw(mostly([True] * FACES, st.just(False))), minor=draw(mostly([False] * FACES, st.just(True))),
        synthetic=synthetic, parent=draw(mostly([-1] * FACES, rows)), partner=draw(mostly([-1] * FACES, rows)),
        roots=roots,
    )  # fmt: skip


@st.composite
def proposals(draw: st.DrawFn) -> list[Row]:
    face = st.integers(0, FACES - 1)
    found = []
    for _ in range(draw(st.integers(1, 25))):
        every = draw(st.lists(face, min_size=2, max_size=4, unique=draw(st.integers(0, 9)) > 0))
        extra = every[2:3] if draw(st.booleans()) else []
        refs = [f for f in every[1:] if f not in extra or len(every) < 3]
        target = every[: draw(st.sampled_from((1, 1, 1, 1, 1, 1, 0, 2)))]
        found.append(Row({"target": tuple(target), "refs": tuple(refs), "extra": tuple(extra)}))
    return [*found, *found[: draw(st.integers(0, 3))]]


def allowed(p: Pool, relations: tuple[Relation, ...], adults: bool, row: Row) -> bool:
    """The rules once more, in other words than the engine's."""
    target, refs, extra = (row.faces[r] for r in ("target", "refs", "extra"))
    every = [*target, *refs, *extra]
    if len(target) != 1 or not refs or len(set(every)) != len(every):
        return False
    if len({str(p.split[f]) for f in every}) != 1:
        return False
    generated = any(p.synthetic[f] for f in every)
    if (adults or generated) and any(p.minor[f] for f in every):
        return False
    ages = p.numbers(labels.AGE)
    if any(not abs(ages[r] - ages[target[0]]) <= 10 for r in refs):
        return False
    declared = {frozenset((r.first, r.second)): r for r in relations}
    named = [(role, f) for role in ("target", "refs", "extra") for f in row.faces[role]]
    for (role, a), (other, b) in itertools.combinations(named, 2):
        rule = declared.get(frozenset((role, other)), Relation(role, other))
        first, second = (a, b) if rule.first == role else (b, a)
        if not pair_allowed(p, rule, first, second):
            return False
    return True


def pair_allowed(p: Pool, rule: Relation, a: int, b: int) -> bool:
    share = bool((p.synthetic[a] or p.synthetic[b]) and p.roots[a] & p.roots[b])
    one = p.picture[a] == p.picture[b]
    kin = {NEVER: not share, ANY: True, CHILD: p.parent[b] == a, PARTNER: p.partner[b] == a}[rule.kin]
    placed = {ANY: True, SAME: one, DIFFERENT: not one}[rule.picture]
    known = p.identity[a] >= 0 and p.identity[b] >= 0
    same = p.identity[a] == p.identity[b]
    who = {ANY: True, SAME: known and same, DIFFERENT: known and not same}[rule.identity]
    meant = rule.kin in (CHILD, PARTNER) or (rule.kin == ANY and share)
    grouped = p.copies[a] >= 0 and p.copies[a] == p.copies[b]
    (plain, flipped), (other, turned) = ([int(h) for h in p.hashes[f]] for f in (a, b))
    near = any(bin(x ^ y).count("1") <= 6 for x, y in ((plain, other), (plain, turned), (flipped, other)))
    unread = not (p.hashed[a] and p.hashed[b])
    copied = not meant and (grouped or (not one and (unread or near)))
    return bool(kin and placed and who and not copied)


@settings(max_examples=300, deadline=None)
@given(pools(), proposals(), relation("refs", "target"), relation("refs", "refs"), st.booleans(), st.booleans())
def test_the_engine_takes_exactly_the_rows_that_keep_the_rules(
    p: Pool, given_rows: list[Row], first: Relation, within: Relation, bare: bool, adults: bool
) -> None:
    relations = () if bare else (first, within)
    chosen = choose(p, kind_of(relations, given_rows, adults), 0, 0)
    distinct = {}
    for row in given_rows:
        key = tuple(sorted((r, tuple(sorted(f))) for r, f in row.faces.items()))
        if key not in distinct and allowed(p, relations, adults, row):
            distinct[key] = row
    assert chosen.rows == list(distinct.values())
    assert len(chosen.rows) + chosen.refused.total() == len(given_rows)
    assert len(chosen.log) == chosen.refused.total()
    assert all(line["reason"] in chosen.refused for line in chosen.log)


@settings(max_examples=100, deadline=None)
@given(pools(), proposals(), st.integers(1, 3), st.integers(1, 6))
def test_rows_per_face_and_the_count_are_kept(p: Pool, given_rows: list[Row], per_face: int, count: int) -> None:
    chosen = choose(p, kind_of((), given_rows), count, 0, per_face)
    assert len(chosen.rows) <= count
    for face in range(FACES):
        assert sum(face in [f for _, f in row.every] for row in chosen.rows) <= per_face


def two(**facts: object) -> Pool:
    """Two faces without trouble: two pictures of person 0."""
    return pool({labels.AGE: [30.0, 31.0]}, **{"identity": [0, 0], **facts})


ROW = Row({"target": (0,), "refs": (1,), "extra": ()})


@pytest.mark.parametrize(
    ("facts", "rule", "reason"),
    [
        ({}, {}, ""),
        ({"split": ["train", "test"]}, {}, "its faces are in different splits"),
        ({"split": ["", "train"]}, {}, "its faces are in different splits"),
        ({"picture": [0, 0]}, {}, "its faces lie in one picture"),
        ({}, {"picture": SAME}, "its faces lie in different pictures"),
        ({"copies": [4, 4]}, {}, "near-duplicates by the layer of duplicates"),
        ({"hashes": [0, 0b111111]}, {}, "near-duplicates by perceptual hash"),
        ({"hashes": [0, 0b1111111]}, {}, ""),
        ({"hashes": [0, 2**40 - 1], "mirrored": [2**50 - 1, 1]}, {}, "near-duplicates by perceptual hash"),
        ({"hashes": [2**40 - 1, 0], "mirrored": [1, 2**50 - 1]}, {}, "near-duplicates by perceptual hash"),
        ({"hashes": [0, 2**40 - 1], "mirrored": [2**50 - 1, 2**20 - 1]}, {}, ""),
        ({"hashed": [True, False]}, {}, "the hash of a picture is unknown"),
        ({"synthetic": [True, False], "roots": [frozenset(["i1"]), frozenset(["i1"])]}, {},
         "one is made from the other's photograph"),
        ({"synthetic": [True, True], "roots": [frozenset(["x", "y"]), frozenset(["y"])]}, {},
         "one is made from the other's photograph"),
        ({"synthetic": [True, False], "roots": [frozenset("x"), frozenset("x")], "copies": [1, 1]}, {"kin": ANY}, ""),
        ({"copies": [1, 1]}, {"kin": ANY}, "near-duplicates by the layer of duplicates"),
        ({"parent": [-1, 0], "hashes": [0, 1], "copies": [1, 1]}, {"kin": CHILD}, ""),
        ({"parent": [-1, -1]}, {"kin": CHILD}, "the second is not made from the first"),
        ({"partner": [-1, -1]}, {"kin": PARTNER}, "the first is not the second's partner"),
        ({"identity": [0, -1]}, {"identity": SAME}, "an identity is unknown"),
        ({"identity": [0, -1]}, {"identity": DIFFERENT}, "an identity is unknown"),
        ({"identity": [0, 1]}, {"identity": SAME}, "its faces are of different people"),
        ({}, {"identity": DIFFERENT}, "its faces are of one person"),
        ({"minor": [True, False]}, {}, ""),
        ({"minor": [True, False], "synthetic": [False, True]}, {}, "a face may be a minor's"),
    ],
)  # fmt: skip
def test_each_rule_has_its_reason(facts: dict[str, object], rule: dict[str, str], reason: str) -> None:
    kind = kind_of((Relation("target", "refs", **rule),), [])
    assert Rules(kind).judge(two(**facts), ROW).reason == reason


def test_two_people_whose_embeddings_pass_for_one_are_no_strangers() -> None:
    unit = np.eye(128, dtype=np.float32)[0]
    other = np.eye(128, dtype=np.float32)[1]
    kind = kind_of((Relation("target", "refs", identity=DIFFERENT),), [])
    for second, reason in ((unit, "its faces pass for one person by their embeddings"), (other, "")):
        p = pool({labels.AGE: [30.0, 31.0], labels.EMBEDDING: [unit.tolist(), second.tolist()]}, identity=[0, 1])
        assert Rules(kind).judge(p, ROW).reason == reason


def test_bounds_name_the_limit_and_the_value() -> None:
    kind = kind_of((), [ROW])
    found = choose(pool({labels.AGE: [30.0, 45.0]}, identity=[0, 0]), kind, 0, 0)
    assert found.log == [
        {"target": ["f0"], "refs": ["f1"], "extra": [], "reason": "age_gap above 10", "value": 15.0}
    ]  # fmt: skip
    assert not choose(pool({labels.AGE: [30.0, None]}, identity=[0, 0]), kind, 0, 0).rows


def test_figures_tell_the_least_hash_distance_and_the_bounds() -> None:
    p = pool({labels.AGE: [30.0, 31.0, 35.0]}, hashes=[0, 2**20 - 1, 2**9 - 1], mirrored=[2**60 - 1] * 3)
    kind = kind_of((), [])
    told = figures(p, Rules(kind), Row({"target": (0,), "refs": (1, 2), "extra": ()}))
    assert told == {"hash_distance": 9, "age_gap": [1.0, 5.0]}


def test_a_row_comes_once_and_a_face_as_often_as_allowed() -> None:
    p = pool({labels.AGE: [30.0] * 3}, identity=[0] * 3)
    rows = [ROW, ROW, Row({"target": (0,), "refs": (2,), "extra": ()})]
    assert choose(p, kind_of((), rows), 0, 0).refused == {AGAIN: 1}
    assert choose(p, kind_of((), rows), 0, 0, per_face=1).refused == {AGAIN: 1, OFTEN: 1}


def test_a_kind_with_a_rule_for_no_role_is_refused() -> None:
    with pytest.raises(SchemaError, match="none of its roles"):

        class Wrong(PairKind):
            name = "wrong"
            doc = "Wrong."
            source = "a test"
            roles = (Role("a", "one"), Role("b", "other"))
            relations = (Relation("a", "c"),)

            def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
                yield from ()

    with pytest.raises(SchemaError, match="known"):
        Relation("a", "b", identity="alike")
