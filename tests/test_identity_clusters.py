"""People are found as average link finds them; constraints hold exactly; children are never merged."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_samples import ADULT, CHILD, adults, dataset, people, unit
from store_samples import add
from test_cli import call, mistake

from curate.identity.children import Age, ages
from curate.identity.clustering import Constraints, cluster
from curate.identity.false_matches import independent, wilson
from curate.identity.graph import components, pairs_within
from curate.identity.identities import Settings, find_identities
from curate.identity.similar import Pairs, Search, similar_pairs
from curate.identity.thresholds import choose, false_match_rate
from curate.store import Dataset
from schemas import DatasetError, UsageError
from schemas.columns import faces, labels
from schemas.columns.labels.demographics import AGE_PROB


def rules(images: list[int], named: list[int] | None = None, alone: list[bool] | None = None) -> Constraints:
    count = len(images)
    a, b = pairs_within(np.array(images))
    nobody = np.full(count, -1)
    return Constraints(
        a, b, np.array(named) if named else nobody, nobody, np.array(alone if alone else [False] * count)
    )


def naive(vectors: np.ndarray, threshold: float, rule: Constraints) -> set[frozenset[int]]:
    """Average link, one merge at a time over all pairs of clusters."""
    cosine = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    apart = {frozenset(p) for p in zip(rule.apart_a.tolist(), rule.apart_b.tolist(), strict=True)}
    groups: dict[int, set[int]] = {}
    for face, name in enumerate(rule.named.tolist()):
        groups.setdefault(name if name >= 0 else -face - 2, set()).add(face)
    clusters = list(groups.values())

    def free(x: set[int], y: set[int]) -> bool:
        names = {int(rule.named[i]) for i in x | y} - {-1}
        if len(names) > 1:
            return False
        return not any(frozenset((i, j)) in apart for i in x for j in y)

    while True:
        best = None
        for x, y in itertools.combinations(clusters, 2):
            alone = [[i for i in part if rule.alone[i]] for part in (x, y)]
            if any(len(a) == len(p) for a, p in zip(alone, (x, y), strict=True)) or not free(x, y):
                continue
            average = float(np.mean([cosine[i, j] for i in x for j in y]))
            if average >= threshold and (best is None or average > best[0]):
                best = (average, x, y)
        if best is None:
            return {frozenset(c) for c in clusters}
        clusters = [c for c in clusters if c is not best[1] and c is not best[2]] + [best[1] | best[2]]


def partition(label: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(label == v).tolist()) for v in np.unique(label)}


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, float, Constraints]:
    count = draw(st.integers(2, 18))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    vectors = unit(rng.standard_normal((count, draw(st.integers(2, 5)))))
    images = draw(st.lists(st.integers(0, count // 2), min_size=count, max_size=count))
    named = draw(st.lists(st.sampled_from([-1, -1, -1, 0, 1]), min_size=count, max_size=count))
    return vectors, draw(st.floats(-0.2, 0.9)), rules(images, named)


@given(problems())
@settings(max_examples=150, deadline=None)
def test_same_as_one_merge_at_a_time_and_never_against_a_constraint(
    problem: tuple[np.ndarray, float, Constraints],
) -> None:
    vectors, threshold, rule = problem
    found = cluster(vectors, similar_pairs(vectors, threshold), threshold, rule).label
    assert partition(found) == naive(vectors, threshold, rule)
    for a, b in zip(rule.apart_a.tolist(), rule.apart_b.tolist(), strict=True):
        assert found[a] != found[b] or rule.named[a] == rule.named[b] >= 0, "only people may say so"
    for name in (0, 1):
        members = np.flatnonzero(rule.named == name)
        assert len(set(found[members].tolist())) <= 1


@given(problems(), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_the_order_of_faces_does_not_matter(problem: tuple[np.ndarray, float, Constraints], seed: int) -> None:
    vectors, threshold, rule = problem
    order = np.random.default_rng(seed).permutation(len(vectors))
    place = np.argsort(order)
    moved = Constraints(
        place[rule.apart_a], place[rule.apart_b], rule.named[order], rule.together[order], rule.alone[order]
    )
    once = cluster(vectors, similar_pairs(vectors, threshold), threshold, rule).label
    again = cluster(vectors[order], similar_pairs(vectors[order], threshold), threshold, moved).label
    assert partition(once) == {frozenset(order[list(group)].tolist()) for group in partition(again)}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
@settings(deadline=None)
def test_components_are_scipys(edges: list[tuple[int, int]]) -> None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b = np.array([e[0] for e in edges], np.int64), np.array([e[1] for e in edges], np.int64)
    _, theirs = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(31, 31)), directed=False)
    assert partition(components(31, a, b)) == partition(theirs)


def test_pairs_are_all_pairs_above_the_line() -> None:
    vectors, _ = people(40, 5, seed=3)
    found = similar_pairs(vectors, 0.3)
    cosine = np.triu(vectors.astype(np.float64) @ vectors.T.astype(np.float64), 1)
    a, b = np.nonzero(cosine >= 0.3)
    assert found.a.tolist() == a.tolist()
    assert found.b.tolist() == b.tolist()
    assert found.cosine == pytest.approx(cosine[a, b], abs=1e-12)
    assert found.exact


def test_the_index_finds_what_comparing_all_finds() -> None:
    pytest.importorskip("faiss")
    vectors, _ = people(1500, 4, seed=5, spread=0.35)
    exact = similar_pairs(vectors, 0.8)
    indexed = similar_pairs(vectors, 0.8, Search(exact_limit=0))
    assert not indexed.exact
    keys = exact.a * len(vectors) + exact.b
    found = indexed.a * len(vectors) + indexed.b
    assert len(keys) > 5000
    assert set(found.tolist()) <= set(keys.tolist())
    assert np.isin(keys, found).mean() > 0.995
    again = similar_pairs(vectors, 0.8, Search(exact_limit=0))
    assert np.array_equal(again.cosine, indexed.cosine)


def test_no_pairs_no_people() -> None:
    nothing = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), True)
    assert cluster(np.eye(3, dtype=np.float32), nothing, 0.5, rules([0, 1, 2])).label.tolist() == [0, 1, 2]


def test_the_threshold_rises_with_the_number_of_faces() -> None:
    chosen = [choose(n) for n in (0, 2, 300, 10_000, 10**6, 10**9)]
    assert chosen == sorted(chosen)
    assert chosen[0] == 0.40
    assert chosen[3] >= 0.5
    assert false_match_rate(0.5) < false_match_rate(0.45) < false_match_rate(0.4)


def identities(ds: Dataset) -> dict[str, str]:
    table = ds.faces([faces.FACE_ID, labels.IDENTITY_ID]).to_pydict()
    return dict(zip(table[faces.FACE_ID.name], table[labels.IDENTITY_ID.name], strict=True))


def test_people_of_a_dataset(tmp_path: Path) -> None:
    vectors, who = people(6, 4)
    ds = dataset(tmp_path / "ds", vectors, ages=adults(24))
    found = find_identities(ds, Settings(threshold=0.5))
    assert found.written
    table = ds.faces([labels.IDENTITY_ID, labels.IDENTITY_SIZE, labels.IDENTITY_CONFIDENCE, labels.IDENTITY_REVIEW])
    ids = np.array(table.column(0).to_pylist())
    assert partition(np.unique(ids, return_inverse=True)[1]) == partition(who)
    assert set(table.column(1).to_pylist()) == {4}
    assert set(table.column(3).to_pylist()) == {"clear"}
    assert min(table.column(2).to_pylist()) > 0.75
    assert found.counts["identities"] == 6
    before = {f: f.read_bytes() for f in (ds.path / "labels").rglob("*.parquet")}
    again = find_identities(ds, Settings(threshold=0.5))
    assert (again.layer, again.written) == (found.layer, False)
    assert before == {f: f.read_bytes() for f in (ds.path / "labels").rglob("*.parquet")}


def test_two_faces_of_one_picture_are_two_people(tmp_path: Path) -> None:
    vectors, _ = people(1, 3, spread=0.1)
    ds = dataset(tmp_path / "ds", vectors, images=["a", "a", "b"], ages=adults(3), shards=1)
    found = find_identities(ds, Settings(threshold=0.5))
    who = identities(ds)
    assert who["a.0"] != who["a.1"]
    assert len(set(who.values())) == 2
    assert found.counts["review: conflict"] == 2
    (rate,) = found.rates
    assert (rate.pairs, rate.matches, rate.rate) == (1, 1, 1.0)
    assert rate.low is not None
    assert rate.low < 0.3


@pytest.mark.parametrize("age", [CHILD, "0-2", None])
def test_children_are_never_merged(tmp_path: Path, age: str | None) -> None:
    vectors, _ = people(2, 4, spread=0.05)
    ages = [*adults(4), age, age, age, ADULT]
    ds = dataset(tmp_path / "ds", vectors, ages=ages)
    found = find_identities(ds, Settings(threshold=0.4))
    who = list(identities(ds).values())
    assert len(set(who[:4])) == 1
    assert len(set(who[4:])) == 4
    reason = "unknown_age" if age is None else "child"
    assert found.counts[f"review: {reason}"] == 3
    table = ds.faces([labels.IDENTITY_RIVAL, labels.IDENTITY_CONFIDENCE]).to_pydict()
    assert table[labels.IDENTITY_CONFIDENCE.name][4] == 0
    assert table[labels.IDENTITY_RIVAL.name][4] in who[5:]
    assert len(set(_assumed(ds)[4:])) == 1


def _assumed(ds: Dataset) -> list[str]:
    find_identities(ds, Settings(threshold=0.4, assume_adults=True))
    return list(identities(ds).values())


def test_without_ages_nothing_is_merged_unless_the_user_vouches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors, _ = people(2, 3)
    ds = dataset(tmp_path / "ds", vectors)
    with pytest.raises(UsageError, match="children are never merged"):
        find_identities(ds)
    assert "--assume-adults" in mistake(capsys, "identity", ds.path)
    assert call("identity", ds.path, "--assume-adults", "--json", tmp_path / "out.json") == 0
    assert "threshold" in capsys.readouterr().out
    assert (tmp_path / "out.json").is_file()
    assert len(set(identities(ds).values())) == 2


def test_people_overrule_the_machine(tmp_path: Path) -> None:
    vectors, _ = people(2, 4)
    ds = dataset(tmp_path / "ds", vectors, ages=[*adults(6), CHILD, CHILD], shards=1)
    names = ["Ann", None, "Bea", None, "Cem", None, None, "Cem"]
    add(ds, "people", "human", "2025-02-02", {labels.IDENTITY_ID: names}, "00000")
    found = find_identities(ds, Settings(threshold=0.5))
    table = ds.faces([labels.IDENTITY_ID], layers=[found.layer]).column(0).to_pylist()
    assert (table[0], table[2]) == ("Ann", "Bea")
    assert set(table[:4]) == {"Ann", "Bea"}
    assert table[4] == table[5] == table[7] == "Cem"
    assert table[6] not in names


def test_an_interrupted_call_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curate.store import parts

    vectors, _ = people(3, 4)
    ds = dataset(tmp_path / "ds", vectors, ages=adults(12), shards=3)
    before = sorted(p.relative_to(ds.path) for p in ds.path.rglob("*"))
    real, calls = parts.write_table, []

    def break_at_third(path: Path, table: object) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(path, table)

    monkeypatch.setattr(parts, "write_table", break_at_third)
    with pytest.raises(KeyboardInterrupt):
        find_identities(ds, Settings(threshold=0.5))
    after = sorted(p.relative_to(ds.path) for p in ds.path.rglob("*") if p.name != ".lock")
    assert after == before
    monkeypatch.undo()
    whole = find_identities(ds, Settings(threshold=0.5))
    assert whole.written
    assert len(set(identities(ds).values())) == 3
    folder = ds.path / "labels" / whole.layer
    folder.rename(ds.path / f".{whole.layer}.unfinished")  # as a killed call leaves it
    (ds.path / f".{whole.layer}.unfinished" / "00002.parquet").unlink()
    assert not any(i.name == whole.layer for i in ds.layers())
    assert find_identities(ds, Settings(threshold=0.5)).written
    assert not list(ds.path.glob(".*.unfinished"))


def test_a_name_with_other_content_is_refused(tmp_path: Path) -> None:
    from curate.store import LayerInfo
    from curate.store.publish import publish_layer

    vectors, _ = people(2, 2)
    ds = dataset(tmp_path / "ds", vectors)
    add(ds, "mine", "model", "2025-01-01", {labels.IDENTITY_SIZE: [1] * 2})
    with pytest.raises(DatasetError, match="other content"):
        publish_layer(ds, LayerInfo("mine", "model", "other"), lambda key, ids: pytest.fail("nothing is written"))


def test_ages_that_keep_a_face_from_being_merged() -> None:
    probabilities = {"0-2": [0.0, 0.1, 0.0, 0.0, None], "3-9": [0.0, 0.0, 0.05, 0.0, None]}
    probabilities["10-19"] = [0.3, 0.0, 0.2, 0.9, None]
    table = pa.table({f"{AGE_PROB.name}.{g}": pa.array(v, pa.float32()) for g, v in probabilities.items()})
    assert ages(table, 0.1).tolist() == [Age.ADULT, Age.CHILD, Age.CHILD, Age.CHILD, Age.UNKNOWN]
    said = table.append_column(labels.AGE_GROUP.name, pa.array(["3-9", "30-39", None, None, "30-39"]))
    assert ages(said, 0.1).tolist() == [Age.CHILD, Age.CHILD, Age.CHILD, Age.CHILD, Age.ADULT]
    assert ages(table.select([]), 0.1).tolist() == [Age.UNKNOWN] * 5
    alone = pa.table({labels.AGE_GROUP.name: pa.array(["10-19", "20-29", None, "0-2"])})
    assert ages(alone, 0.1).tolist() == [Age.CHILD, Age.ADULT, Age.UNKNOWN, Age.CHILD]
    assert ages(alone, 0.5).tolist() == [Age.ADULT, Age.ADULT, Age.UNKNOWN, Age.CHILD]


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (1, 4000)])
def test_the_interval_is_wilsons(hits: int, n: int) -> None:
    from scipy.stats import binomtest

    theirs = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(hits / n, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_pairs_that_share_faces_count_for_less() -> None:
    apart = np.arange(0, 40, 2), np.arange(1, 40, 2)
    match = np.arange(20) % 4 == 0
    assert independent(*apart, match) == pytest.approx(20)
    star = np.zeros(20, np.int64), np.arange(1, 21)
    assert independent(*star, match) == pytest.approx(20), "matches that do not depend on the shared face"
    a, b = np.triu_indices(12, 1)
    one_face_matches_all = (a == 0) | (b == 0)
    assert independent(a, b, one_face_matches_all) < len(a) / 8
    assert independent(a, b, np.zeros(len(a), bool)) == 12
