"""Which faces may be sources and partners, and how a promise is judged: known answers, no models."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity_samples import ADULT, CHILD, adults, dataset, people
from store_samples import add

from curate.generate.candidates import (
    COPY,
    GENERATED,
    HELD_OUT,
    MINOR,
    UNMATCHED,
    Rules,
    candidates,
    held_out,
    may_be_minors,
)
from curate.generate.crowd import Crowd, crowd
from curate.generate.intake import annotators_of
from curate.generate.judging import Origin, judge
from curate.generate.partners import FARTHEST, partners
from curate.generators.promise import SAME_PERSON, Change, Identity, Move, Promise
from curate.store import Dataset
from schemas import UnknownNameError, UsageError, faces, images, labels
from tests.generate_samples import seen, unit


def ids(ds: Dataset, rules: Rules) -> list[str]:
    return sorted(candidates(ds, rules).ids)


def test_minors_and_those_beside_them_are_left_out_and_unknown_ages_count_as_maybe(tmp_path: Path) -> None:
    vectors, _ = people(6, 1)
    pictures = ["a", "b", "b", "c", "d", "e"]
    ds = dataset(tmp_path / "ds", vectors, pictures, [ADULT, ADULT, CHILD, None, "10-19", "70+"], shards=2)
    assert ids(ds, Rules()) == ["a.0", "e.0"]
    assert ids(ds, Rules(assume_adults=True)) == ["a.0", "c.0", "e.0"], "no word stands against a label"
    found = candidates(ds, Rules())
    assert found.left_out == {MINOR: 4}
    assert "4 may be a minor's" in found.why_none()


def test_a_persons_word_that_someone_is_a_minor_counts(tmp_path: Path) -> None:
    vectors, _ = people(2, 1)
    ds = dataset(tmp_path / "ds", vectors, ["a", "b"], adults(2), shards=1)
    add(ds, "review", "human", "2025-02-02", {labels.AGE_GROUP: ["3-9", None]}, "00000")
    assert ids(ds, Rules()) == ["b.0"]


@given(st.lists(st.floats(0, 1), min_size=9, max_size=9), st.one_of(st.none(), st.sampled_from([CHILD, ADULT])))
def test_doubt_is_enough(chances: list[float], group: str | None) -> None:
    bins = [f.name for f in labels.AGE_PROB.type]
    table = pa.table([
        pa.array([dict(zip(bins, chances, strict=True))], labels.AGE_PROB.type),
        pa.array([group], pa.string()),
    ], names=[labels.AGE_PROB.name, labels.AGE_GROUP.name])  # fmt: skip
    (flag,) = may_be_minors(table)
    assert flag or (sum(chances[:3]) < 0.15 and group != CHILD)


def test_rules_say_who_is_left_out_and_why(tmp_path: Path) -> None:
    vectors, _ = people(8, 1)
    splits = ["train", "Training", "", None, "test", "validation", None, None]
    made = [None, False, None, None, None, None, True, None]
    extra: dict[str, list[Any]] = {images.SPLIT.name: splits, images.IS_SYNTHETIC.name: made}
    ds = dataset(tmp_path / "ds", vectors, list("abcdefgh"), adults(8), shards=1, **extra)
    add(ds, "copies", "model", "2025-01-02", {labels.DUPLICATE_KEEP: [True] * 7 + [False]}, "00000")
    found = candidates(ds, Rules())
    assert sorted(found.ids) == ["a.0", "b.0", "c.0", "d.0"]
    assert found.left_out == {HELD_OUT: 2, GENERATED: 1, COPY: 1}
    assert "--any-split" in found.ways_out()
    assert len(candidates(ds, Rules(any_split=True))) == 6
    assert len(candidates(ds, Rules(from_synthetic=True))) == 5
    only = candidates(ds, Rules(where="image_id < 'c'"))
    assert (sorted(only.ids), only.left_out) == (["a.0", "b.0"], {UNMATCHED: 6})
    with pytest.raises(UnknownNameError, match="imag_id"):
        candidates(ds, Rules(where="imag_id = 'a'"))


def test_parts_for_training_are_known_by_their_names() -> None:
    names = ["train", "TRAIN ", "training_set", "test", "val", "dev", "", None]
    table = pa.table({images.SPLIT.name: pa.array(names, pa.string())})
    assert held_out(table).tolist() == [False] * 3 + [True] * 3 + [False] * 2


def test_the_best_come_first_or_a_draw_that_the_seed_decides(tmp_path: Path) -> None:
    vectors, _ = people(12, 1)
    ds = dataset(tmp_path / "ds", vectors, ages=adults(12), shards=1)
    quality = [0.5, None, 0.9, 0.1, 0.7, 0.7, *([0.2] * 6)]
    add(ds, "q", "model", "2025-01-02", {labels.QUALITY_SCORE: quality}, "00000")
    found = candidates(ds, Rules()).ids
    assert found[0] == "i0002.0"
    assert set(found[1:3]) == {"i0004.0", "i0005.0"}
    assert found[-1] == "i0001.0", "without a score comes last"
    draws = [candidates(ds, Rules(order="random", seed=s)).ids for s in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert sorted(draws[0]) == sorted(found)


def pose(yaw: list[float | None]) -> dict[Any, list[float | None]]:
    return {labels.YAW: yaw, labels.PITCH: [0.0] * len(yaw), labels.ROLL: [0.0] * len(yaw)}


def row_of(ds: Dataset, face: str) -> dict[str, Any]:
    columns = [faces.FACE_ID, faces.IMAGE_ID, labels.EMBEDDING, labels.YAW, labels.PITCH, labels.ROLL]
    known = ds.columns()
    columns += [c for c in (labels.IDENTITY_ID, labels.DUPLICATE_GROUP) if c.name in known]
    return dict(ds.faces(columns, f"face_id = '{face}'").to_pylist()[0])


def test_partners_are_other_people_in_a_like_pose(tmp_path: Path) -> None:
    vectors, who = people(6, 2, spread=0.3)
    vectors[11] = vectors[0]  # another id, the same face
    yaw: list[float | None] = [0.0, 1.0, 2.0, 3.0, 40.0, 41.0, -2.0, -3.0, None, 5.0, 1.0, 0.0]
    ds = dataset(tmp_path / "ds", vectors, ages=adults(12), shards=2)
    for key, part in (("00000", slice(0, 6)), ("00001", slice(6, 12))):
        add(ds, "pose.v1", "model", "2025-01-01", pose(yaw[part]), key)
        named = [f"p{n}" if n != 1 else "p0" for n in who[part]]
        add(ds, "people", "human", "2025-01-01", {labels.IDENTITY_ID: named}, key)
    others = partners(ds, candidates(ds, Rules()))
    own = row_of(ds, "i0000.0")
    found = {others.choose(own, np.random.default_rng(s)) for s in range(60)}
    assert found == {"i0006.0", "i0007.0", "i0009.0", "i0010.0"}
    assert others.choose(own, np.random.default_rng(5)) == others.choose(own, np.random.default_rng(5))
    assert others.choose({**own, labels.YAW.name: 40.0 + FARTHEST + 2}, np.random.default_rng(0)) is None
    assert others.choose({**own, labels.EMBEDDING.name: None}, np.random.default_rng(0)) is None


def test_partners_need_embeddings(tmp_path: Path) -> None:
    vectors, _ = people(2, 1)
    ds = dataset(tmp_path / "ds", vectors, ages=adults(2), shards=1)
    with pytest.raises(UsageError, match=r"annotate .* -a head_pose"):
        partners(ds, candidates(ds, Rules()))


def test_the_crowd_holds_photographed_faces_and_knows_who_is_one_person(tmp_path: Path) -> None:
    vectors, _ = people(4, 1)
    made: list[Any] = [None, None, None, True]
    ds = dataset(tmp_path / "ds", vectors, list("abcd"), adults(4), shards=1, is_synthetic=made)
    add(ds, "people", "human", "2025-01-01", {labels.IDENTITY_ID: ["p", "p", None, None]}, "00000")
    found = crowd(ds)
    assert found.ids == ("a.0", "b.0", "c.0")
    assert found.nearest(vectors[0]) == (pytest.approx(1.0), "a.0")
    nearest = found.nearest(vectors[0], "a.0")
    assert nearest is not None and nearest[1] == "c.0", "b is the same person as a"
    assert found.nearest(vectors[3], "") != (pytest.approx(1.0), "d.0")
    assert found.limit >= SAME_PERSON


CROWD = Crowd(("x.0", "y.0"), np.array([unit(0, 1), unit(0, 0, 1)], np.float32), {})
SELF = seen({"identity": {labels.EMBEDDING: unit(1)}})
OTHER = seen({"identity": {labels.EMBEDDING: unit(0, 0, 0, 1)}})
ORIGIN = Origin("s.0", SELF, "t.0", OTHER)


def like(*values: float, **said: Mapping[Any, Any]) -> Any:
    return seen({"identity": {labels.EMBEDDING: unit(*values)}, **said})


@pytest.mark.parametrize(
    ("promised", "after", "kept"),
    [
        (Identity.KEPT, like(0.9, 0, 0, 0, 0.4), True),
        (Identity.KEPT, like(0.3, 0, 0, 0, 1), False),
        (Identity.KEPT, None, False),
        (Identity.PARTNER, like(0, 0, 0, 1), True),
        (Identity.PARTNER, like(1), False),
        (Identity.NEW, like(0, 0, 0, 0, 1), True),
        (Identity.NEW, like(0, 1), False),
        (Identity.NEW, like(1), False),
        (Identity.NEW, like(0, 0, 0, 1), False),
        (Identity.HIDDEN, like(0, 0, 0, 0, 1), True),
        (Identity.HIDDEN, like(1, 0, 0, 0, 0.2), False),
        (Identity.HIDDEN, like(0, 0, 1), False),
        (Identity.HIDDEN, None, True),
        (Identity.OPEN, like(1), None),
        (Identity.KEPT, seen({"quality": {labels.QUALITY_SCORE: 1.0}}), None),
    ],
)  # fmt: skip
def test_whose_face_it_is(promised: Identity, after: Any, kept: bool | None) -> None:
    verdict = judge(Promise(promised), after, ORIGIN, CROWD, ())
    assert verdict.kept is kept
    assert bool(verdict.broken) is (kept is False)


def test_who_is_hidden_must_not_be_found_by_another_photo_of_the_same_person() -> None:
    photos = np.array([unit(1), unit(0.2, 0, 1)], np.float32)
    ties = {labels.IDENTITY_ID.name: np.array(["p", "p"], object)}
    people_here = Crowd(("s.0", "s.1"), photos, ties)
    after = like(0.3, 0, 1)
    verdict = judge(Promise(Identity.HIDDEN), after, ORIGIN, people_here, ())
    assert (verdict.kept, verdict.nearest) == (False, None)
    assert verdict.own == pytest.approx(0.287, abs=0.001), "unlike the photo it was made from"
    assert verdict.broken == ("identity hidden: cosine 1.00",)
    alone = dataclasses.replace(people_here, ties={})
    assert judge(Promise(Identity.HIDDEN), like(0.3, 0, 0, 0, 1), ORIGIN, alone, ()).kept


def test_changes_are_held_where_all_verifiers_but_the_conditioners_see_them() -> None:
    change = Change(labels.AGE, Move.UP, by=5)
    before = seen({"a": {labels.AGE: 30.0}, "b": {labels.AGE: 40.0}, "c": {labels.AGE: None}})
    origin = Origin("s.0", before)
    after = seen({"a": {labels.AGE: 36.0}, "b": {labels.AGE: 41.0}, "c": {labels.AGE: 60.0}})
    promise = Promise(Identity.OPEN, (change,))
    verdict = judge(promise, after, origin, CROWD, ())
    assert (verdict.kept, verdict.broken) == (False, ("perceived_age up: not seen by b",))
    assert judge(promise, after, origin, CROWD, ("b",)).kept is True
    nobody = judge(promise, after, origin, CROWD, ("a", "b"))
    assert (nobody.kept, nobody.unchecked) == (None, ("perceived_age up",))
    assert judge(promise, None, origin, CROWD, ()).unchecked == ("perceived_age up",)


def test_new_pictures_are_labelled_as_the_others_were(tmp_path: Path) -> None:
    vectors, _ = people(2, 1)
    ds = dataset(tmp_path / "ds", vectors, ages=adults(2), shards=1)
    names, settings = annotators_of(ds, None)
    assert "identity" in names
    assert settings == {}
    assert annotators_of(ds, ["age"])[0] == ["age"]
    with pytest.raises(UnknownNameError, match="agee"):
        annotators_of(ds, ["agee"])
