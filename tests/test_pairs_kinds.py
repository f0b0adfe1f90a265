"""Kinds of pairs one by one: what they choose, say and refuse, against known answers."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.export.sample import Sample
from curate.generators.registry import generator_names
from curate.pairs.base import Row
from curate.pairs.choose import choose
from curate.pairs.differences import DIFFERENCES, difference
from curate.pairs.dispersion import most_apart, spread
from curate.pairs.edits import Edit, _words, edit_of
from curate.pairs.kinds.edits import changed
from curate.pairs.options import PairOptions
from curate.pairs.pool import Pool
from curate.pairs.registry import kind_names, pair_kind
from curate.pairs.run import made
from curate.pairs.view import View, encoded
from curate.recipes.logic.preferences import assumptions
from schemas import SchemaError, UnknownNameError, UsageError
from schemas.columns import images, labels
from tests.pair_samples import pool


def lineage(parameters: dict[str, object], step: int = 0) -> str:
    return json.dumps({"parameters": parameters, "step": step})


def edited(*parameters: dict[str, object], name: str = "makeup/1", **facts: object) -> Pool:
    """Photographs, and after them a picture made from each."""
    n = len(parameters)
    columns = {
        images.GENERATOR: [None] * n + [name] * n, images.GENERATION: [None] * n + [lineage(p) for p in parameters],
        images.GENERATOR_SEED: [None] * n + [2**62 + i for i in range(n)], images.WIDTH: [256] * 2 * n,
    }  # fmt: skip
    roots = [frozenset([f"i{i % n}"]) for i in range(2 * n)]
    given_facts = {"synthetic": [False] * n + [True] * n, "parent": [-1] * n + list(range(n)), "roots": roots, **facts}
    return pool(columns, **given_facts)


def test_edit_pairs_tell_generator_parameters_and_the_whole_seed() -> None:
    p = edited({"look": "ruby"}, {"look": "emerald"})
    kind = made("edit_pairs", PairOptions())
    found = choose(p, kind, 0, 0)
    assert {r.faces["after"][0] - 2 for r in found.rows} == {r.faces["before"][0] for r in found.rows} == {0, 1}
    told = {kind.facts(p, r)["instruction"]: kind.facts(p, r) for r in found.rows}
    assert set(told) == {"Apply ruby makeup to the face.", "Apply emerald makeup to the face."}
    assert told["Apply emerald makeup to the face."]["seed"] == 2**62 + 1
    none = made("edit_pairs", PairOptions(settings={"generators": "sketch,degrade"}))
    assert not choose(p, none, 0, 0).rows


def test_quadruples_need_the_same_edit_but_for_what_is_fitted_to_the_face() -> None:
    oil = [{"style": "oil", "numbers": {"radius": 5.0, "seed": seed}} for seed in (1, 2)]
    alike = edited(*oil, name="stylise/1")
    other = edited({"style": "oil", "numbers": {"radius": 5.0}}, {"style": "oil", "numbers": {"radius": 5.1}})
    kind = made("edit_quadruples", PairOptions())
    rows = choose(alike, kind, 0, 0).rows
    assert {(r.faces["example_after"][0], r.faces["query_after"][0]) for r in rows} == {(2, 3), (3, 2)}
    assert not choose(other, kind, 0, 0).rows
    faces = {"example_before": (0,), "example_after": (2,), "query_before": (1,), "query_after": (3,)}
    assert kind.refuses(other, Row(faces)) == "the edits differ"


def test_every_generator_that_changes_a_face_has_one_instruction() -> None:
    from curate.generators.registry import generator

    ours = [
        n for n in generator_names() if generator(n).takes_subject and not generator(n).__module__.count("adapters")
    ]
    assert set(ours) <= set(_words())
    assert Edit("of_others", "1").instruction == "Change the photo with of others."
    assert (
        Edit("part_swap", "1", {"parts": ["eyes", "nose"]}).instruction
        == "Exchange eyes and nose for the other person's."
    )
    assert Edit("ageing", "1", {"years": 30.0}).instruction == "Age the person by 30 years."
    assert edit_of(edited({}), 0) is None


def test_the_mask_of_a_change_is_where_any_channel_differs() -> None:
    before = np.zeros((3, 3, 3), np.uint8)
    after = before.copy()
    after[0, 1, 2], after[2, 2, 0] = 1, 9
    assert changed(before, after).tolist() == [[0, 255, 0], [0, 0, 0], [0, 0, 255]]
    assert changed(before, after, 5).sum() == 255


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 8), st.integers(2, 4), st.integers(0, 10_000))
def test_the_most_distinct_items_are_nearly_the_best_and_never_worse_than_any_exchange(
    n: int, k: int, seed: int
) -> None:
    points = np.random.default_rng(seed).normal(size=(n, 3))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    chosen = most_apart(distances, k)
    if k >= n:
        assert chosen.tolist() == list(range(n))
        return
    best = max(spread(distances, np.array(c)) for c in itertools.combinations(range(n), k))
    assert len(set(chosen.tolist())) == k and spread(distances, chosen) >= 0.9 * best
    for out, into in itertools.product(chosen.tolist(), set(range(n)) - set(chosen.tolist())):
        swapped = np.array([into if c == out else c for c in chosen.tolist()])
        assert spread(distances, swapped) <= spread(distances, chosen) + 1e-9


def test_differences_have_known_values() -> None:
    units = [f.name for f in labels.AU_INTENSITY.type]
    au = [dict.fromkeys(units, 0.0), {**dict.fromkeys(units, 0.0), "AU12": 3.0, "AU6": None, "AU1": 4.0}, None]
    p = pool({
        labels.YAW: [0.0, 30.0, None], labels.PITCH: [0.0] * 3, labels.ROLL: [0.0] * 3, labels.AU_INTENSITY: au,
        labels.AGE: [30.0, 42.0, None], labels.QUALITY_SCORE: [0.9, 0.4, None], labels.VALENCE: [0.0, 0.3, None],
        labels.AROUSAL: [0.0, 0.4, None], labels.EMBEDDING: [[1.0, *[0.0] * 127], [0.6, 0.8, *[0.0] * 126], None],
    })  # fmt: skip
    told = {"pose": 30, "yaw_gap": 30, "au": 5, "au12": 5, "age_rise": 12, "age_gap": 12, "quality": 0.4, "affect": 0.5,
            "cosine": 0.6, "motion": 1 + 5 / 3}  # fmt: skip
    first, second = np.array([0, 0]), np.array([1, 2])
    for name, value in told.items():
        found = difference(name).between(p, first, second)
        assert found[0] == pytest.approx(value, abs=1e-5), name
        assert np.isnan(found[1]), name
    with pytest.raises(UnknownNameError):
        difference("posse")
    assert all(d.needs and d.doc for d in DIFFERENCES.values())


def test_triplets_keep_the_margin_and_every_type_comes() -> None:
    rng = np.random.default_rng(3)
    units = [f.name for f in labels.AU_INTENSITY.type]
    emotions = [str(rng.choice(["happiness", "sadness", "neutral", "anger"])) for _ in range(40)]
    p = pool({
        labels.AU_INTENSITY: [{u: float(rng.uniform(0, 5)) for u in units} for _ in range(40)],
        labels.PERCEIVED_EMOTION: emotions,
    })  # fmt: skip
    kind = made("expression_triplets", PairOptions(settings={"margin": "0.8"}))
    found = choose(p, kind, 90, 0)
    counts = Counter(kind.facts(p, r)["type"] for r in found.rows)
    assert len(found.rows) == 90 and set(counts) == {"one_class", "two_class", "three_class"}
    for row in found.rows:
        told = kind.facts(p, row)
        assert told["anchor_positive"] + 0.8 < min(told["anchor_negative"], told["positive_negative"])
    with pytest.raises(UnknownNameError, match="au"):
        made("expression_triplets", PairOptions(settings={"distance": "aus"}))


def test_preferences_assume_nothing_and_treat_groups_alike() -> None:
    genders, races = ["Female", "Male"] * 12, [*["Black"] * 12, *["White"] * 12]
    p = pool({labels.GENDER: genders, labels.RACE: races, labels.AGE_GROUP: ["30-39"] * 24},
             minor=[True, *[False] * 23])  # fmt: skip
    rows = choose(p, made("preference", PairOptions()), 0, 0).rows
    assert all(not assumptions(r.notes["chosen"]) and assumptions(r.notes["rejected"]) for r in rows)
    assert 0 not in {r.faces["face"][0] for r in rows}
    by_group: dict[str, Counter[str]] = {}
    for row in rows:
        by_group.setdefault(row.notes["group"], Counter())[row.notes["chosen"]] += 1
    assert len(by_group) == 4 and len({tuple(sorted(c.items())) for c in by_group.values()}) == 1
    wrong = Row(rows[0].faces, {**rows[0].notes, "chosen": "As a woman, you will like it."})
    assert made("preference", PairOptions()).refuses(p, wrong) == "the chosen answer assumes something"


def test_swaps_take_the_faces_of_the_lineage_and_refuse_one_person() -> None:
    units = np.eye(128)[:4]
    columns = {
        images.GENERATOR: [None, None, "face_swap/1", "face_swap/1"],
        images.GENERATION: [None, None, lineage({}), lineage({})], images.WIDTH: [64] * 4,
        labels.EMBEDDING: [u.tolist() for u in units],
    }  # fmt: skip
    both = frozenset(["i0", "i1"])
    facts = {"synthetic": [False, False, True, True], "parent": [-1, -1, 0, 1], "partner": [-1, -1, 1, 0],
             "roots": [frozenset(["i0"]), frozenset(["i1"]), both, both]}  # fmt: skip
    kind = made("swap_triplets", PairOptions(settings={"results": "only"}))
    rows = choose(pool(columns, identity=[0, 1, 0, 1], **facts), kind, 0, 0).rows
    told = {tuple(r.faces[n][0] for n in ("source", "target", "result")) for r in rows}
    assert told == {(1, 0, 2), (0, 1, 3)}
    one = choose(pool(columns, identity=[0, 0, 0, 0], **facts), kind, 0, 0)
    assert not one.rows and one.refused == {"its faces are of one person": 2}
    with pytest.raises(UsageError, match="with, only or none"):
        made("swap_triplets", PairOptions(settings={"results": "maybe"}))


@pytest.mark.parametrize("name", kind_names())
def test_every_kind_is_declared_in_full(name: str) -> None:
    cls = pair_kind(name)
    assert cls.doc.endswith(".") and cls.source and cls.__doc__
    assert len({r.name for r in cls.roles}) == len(cls.roles)
    columns = [b.name for b in cls.bounds] + list(cls.figures) + list(cls.draws)
    assert len(set(columns)) == len(columns), "two values of one name"
    assert cls.config_type().as_dict() is not None


def test_a_view_gives_what_its_file_can_hold() -> None:
    class Half(View):
        name = "half_of_a_test"
        doc = "A test."

        def draw(self, sample: Sample, pixels: np.ndarray) -> np.ndarray:
            return pixels

    assert encoded(Half, np.zeros((2, 2), np.uint8))[:4] == b"\x89PNG"
    with pytest.raises(SchemaError, match="float32"):
        encoded(Half, np.zeros((2, 2), np.float32))
    Half.suffix = ".npy"
    assert encoded(Half, np.zeros((2, 2), np.float32))[:6] == b"\x93NUMPY"
    assert encoded(Half, b"as it is") == b"as it is"
