"""Planners, choices and joins of the recipes: known answers, brute force and properties."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curate.recipes.logic.advert import cross_validated, fit_ridge, search, what_if
from curate.recipes.logic.coded_units import compare_table
from curate.recipes.logic.dates import from_name, taken, years
from curate.recipes.logic.designs import Design, Factor, faces_for
from curate.recipes.logic.distinct import choose, contrasts, distances, mean_distance, most_distinct, motion
from curate.recipes.logic.lifespans import FLAG, errors_by_bin, lifespans, require
from curate.recipes.logic.people import FOREIGN, GUARDED, KEPT, NO_VECTOR, NOBODY, UNDECIDED, own_faces, ranked
from curate.recipes.logic.preferences import (
    Person,
    assumptions,
    bank,
    described,
    left_over,
    parity_gap,
    preferences,
)
from curate.recipes.logic.probe import grouped_folds, identity_probe, overlap, random_folds
from curate.recipes.logic.tables import join
from curate.recipes.logic.triggers import PROMPTS, count, named, prompts, tagged
from schemas import UsageError, labels

RACES, GENDERS, AGES = ("White", "Black", "Asian", "Indian"), ("Male", "Female"), ("20-29", "30-39", "40-49")


@given(st.integers(1, 200), st.integers(1, 4), st.integers(1, 5), st.integers(0, 9))
def test_cells_of_a_design_differ_by_at_most_one(identities: int, genders: int, ages: int, seed: int) -> None:
    design = Design(identities, (Factor("g", tuple(range(genders))), Factor("a", tuple(range(ages)))), (), seed)
    counts = design.cell_counts().values()
    assert len(counts) == genders * ages
    assert sum(counts) == identities
    assert max(counts) - min(counts) <= 1


def test_every_row_of_a_design_comes_once() -> None:
    design = Design(6, (Factor("g", GENDERS),), (Factor("e", ("a", "b", "c")), Factor("v", (1, 2))))
    rows = [tuple(r.values()) for r in design.rows()]
    assert len(rows) == len(set(rows)) == len(design) == 36
    assert {(r["e"], r["v"]) for r in design.rows()} == set(itertools.product(("a", "b", "c"), (1, 2)))
    with pytest.raises(IndexError):
        design.row(36)
    with pytest.raises(UsageError, match="twice"):
        Design(2, (Factor("g", (1,)),), (Factor("g", (1,)),))


def test_faces_for_a_number_of_rows() -> None:
    assert faces_for(324_000, 180) == 1_800
    assert faces_for(324_001, 180) == 1_801
    with pytest.raises(UsageError, match="looks"):
        faces_for(10, 0)


@settings(max_examples=30)
@given(st.integers(4, 9), st.integers(2, 4), st.integers(0, 1000))
def test_most_distinct_is_near_the_best_of_all_sets(n: int, count: int, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(n, 3))
    chosen = most_distinct(points, count)
    best = max(mean_distance(points, np.array(c)) for c in itertools.combinations(range(n), count))
    assert len(set(chosen.tolist())) == count
    assert mean_distance(points, chosen) >= 0.9 * best


def test_short_pools_are_flagged_and_not_padded() -> None:
    chance = np.random.default_rng(0)
    features, people = chance.normal(size=(30, 4)), np.array(["a"] * 20 + ["b"] * 10, object)
    allowed = np.ones(30, bool)
    allowed[:4] = False
    chosen = choose(features, people, allowed, 12)
    assert [(c.person, len(c.rows), c.pool, c.short) for c in chosen] == [("a", 12, 16, False), ("b", 10, 10, True)]
    assert not set(chosen[0].rows.tolist()) & {0, 1, 2, 3}
    pairs = contrasts(features, chosen, 2)
    for kind, first, second, _ in pairs:
        assert first != second
        assert (people[first] == people[second]) == (kind == "same_identity")
    assert len({p[:3] for p in pairs}) == len(pairs)
    nearest = min(d for k, _, _, d in pairs if k == "same_motion")
    rows_a, rows_b = chosen[0].rows, chosen[1].rows
    assert nearest == pytest.approx(distances(features[rows_a], features[rows_b]).min())


def test_motion_leaves_out_units_that_no_face_has() -> None:
    units = np.array([[0.2, np.nan, 1.0], [np.nan, np.nan, 0.0]])
    found = motion(np.array([[15.0, 0, 0], [0, 0, 0]]), units)
    assert found.shape == (2, 5)
    assert found[1, 3] == 0.2
    assert found[0, 0] == 1.0


def people_of(rows: list[tuple[float, float]]) -> np.ndarray:
    vectors = np.zeros((len(rows), 8), np.float32)
    for place, (who, off) in enumerate(rows):
        vectors[place, int(who)] = 1
        vectors[place, 4 + place % 4] = off
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_own_faces_keeps_the_person_of_the_folder() -> None:
    vectors = people_of([(0, 0.3)] * 5 + [(1, 0.3)] * 2 + [(2, 0.1), (3, 0.1)] + [(1, 0.2)] * 2)
    known, guarded = np.ones(11, bool), np.zeros(11, bool)
    known[4] = False
    guarded[3] = True
    folder = ["p"] * 7 + ["q"] * 2 + ["r", None]
    photo = np.arange(11)
    found = own_faces(vectors, known, folder, photo, guarded, 0.6)
    assert found.reason[:7] == (KEPT, KEPT, KEPT, GUARDED, NO_VECTOR, FOREIGN, FOREIGN)
    assert found.reason[7:10] == (NOBODY, NOBODY, KEPT)
    assert not found.kept[10]
    assert found.likeness[0] > 0.6 > found.likeness[5]


def test_two_faces_of_one_photo_are_never_both_kept() -> None:
    vectors = people_of([(0, 0.1)] * 6)
    photo = np.array([0, 0, 1, 2, 3, 4])
    found = own_faces(vectors, np.ones(6, bool), ["p"] * 6, photo, np.zeros(6, bool), 0.5)
    assert found.kept.sum() >= 4
    assert not found.kept[:2].all()
    two = own_faces(people_of([(0, 0.1)] * 2 + [(1, 0.1)] * 2), np.ones(4, bool), ["p"] * 4, np.arange(4),
                    np.zeros(4, bool), 0.5)  # fmt: skip
    assert set(two.reason) == {UNDECIDED}


def test_ranking_goes_by_likeness_then_quality() -> None:
    order = ranked(np.array([0.2, np.nan, 0.9, 0.2]), np.array([0.1, 1, 0.1, 0.8]))
    assert order.tolist() == [2, 3, 0, 1]


@given(st.dates(date(1850, 1, 1), date(2090, 1, 1)), st.integers(0, 40_000))
def test_years_are_days_over_365_and_a_quarter(begin: date, days: int) -> None:
    assert years(begin, begin + timedelta(days)) == days / 365.25
    assert from_name(f"IMG_{begin:%Y%m%d}_120000.jpg").day == begin  # type: ignore[union-attr]
    assert from_name(f"me {begin.isoformat()} at home.png").day == begin  # type: ignore[union-attr]


def test_dates_come_from_exif_before_the_name(tmp_path: Path) -> None:
    image, path = Image.new("RGB", (8, 8)), tmp_path / "2001-02-03.jpg"
    exif = image.getexif()
    exif.get_ifd(0x8769)[0x9003] = "1999:12:31 23:00:00"
    image.save(path, exif=exif)
    assert taken(path) == taken(path, "x.jpg")
    found = taken(path)
    assert found is not None
    assert (found.day, found.source) == (date(1999, 12, 31), "exif")
    assert from_name("holiday_1987.jpg").known == "year"  # type: ignore[union-attr]
    assert from_name("1987-08.jpg").day == date(1987, 8, 15)  # type: ignore[union-attr]
    assert from_name("DSC_0017.jpg") is None
    assert from_name("20241399.jpg") is None


def test_lifespans_drop_with_reasons() -> None:
    row = {"person": "a", "image": "a.jpg", "birth_date": "1900-01-01", "image_date": "1950-01-01",
           "death_date": "1980-01-01", "cause": ""}  # fmt: skip
    changes = [{}, {"cause": "Plane crash"}, {"death_date": "1940-01-01"}, {"image_date": "1890-01-01"},
               {"death_date": ""}, {"birth_date": ""}, {"cause": "heart failure"}]  # fmt: skip
    found = lifespans([row | c for c in changes])
    assert len(found.rows) == 2
    assert sorted(found.dropped.values()) == [1] * 5
    assert found.rows[0]["remaining_years"] == (date(1980, 1, 1) - date(1950, 1, 1)).days / 365.25
    with pytest.raises(UsageError, match="line 2: death_date"):
        lifespans([row | {"death_date": "soon"}])
    with pytest.raises(UsageError, match="ethics"):
        require("")
    require(FLAG)
    bins = errors_by_bin(np.array([10.0, 20, 5]), np.array([12.0, 16, 5]), np.array([31.0, 39, 70]))
    assert bins == [{"ages": "30-40", "n": 2, "mae_years": 3.0}, {"ages": "70-80", "n": 1, "mae_years": 0.0}]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(GENDERS), st.sampled_from(RACES), st.sampled_from(AGES)), max_size=60))
def test_every_group_is_asked_and_answered_the_same(drawn: list[tuple[str, str, str]]) -> None:
    people = [Person(str(i), *traits) for i, traits in enumerate(drawn)]
    pairs = preferences(people, 3)
    assert parity_gap([p.as_dict() for p in pairs]) == 0
    assert parity_gap([p.as_dict() for p in pairs], template="prompt") == 0
    for pair in pairs:
        assert not assumptions(pair.chosen)
        assert assumptions(pair.rejected)
    kept = Counter(p.group for p in people)
    kept.subtract(left_over(people))
    used = {g: {p.face_id for p in pairs if p.group == g} for g in kept}
    assert {g: len(u) for g, u in used.items()} == dict(kept)


def test_the_gap_sees_what_is_uneven_and_words_what_is_assumed() -> None:
    rows = [{"group": "a", "template": 0}, {"group": "a", "template": 1}, {"group": "b", "template": 0}]
    assert parity_gap(rows) == 0.5
    assert assumptions("The shepherd ate an onion.") == []
    assert assumptions("HE is a man; young.") == ["he", "man", "young"]
    told = described(Person("x", "Female", "Asian", "50-59"))
    assert told == {"person": "an older Asian woman", "person_bare": "older Asian woman", "people": "older Asian women"}
    assert len(bank()["chosen"]) == len(bank()["rejected"])


def test_ridge_is_least_squares_with_a_penalty() -> None:
    from sklearn.linear_model import Ridge

    chance = np.random.default_rng(3)
    x, noise = chance.normal(size=(60, 4)), chance.normal(size=60)
    y = 2 * x[:, 0] - x[:, 2] + 0.1 * noise
    standard = (x - x.mean(0)) / x.std(0)
    reference = Ridge(alpha=1.0).fit(standard, y)
    assert np.abs(standard).max() < 4
    mine = fit_ridge(x, y, 1.0)
    assert mine.weight == pytest.approx(reference.coef_, abs=1e-9)
    assert mine.predict(x) == pytest.approx(reference.predict(standard), abs=1e-9)
    holed = x.copy()
    holed[::7, 1] = np.nan
    assert np.isfinite(fit_ridge(holed, y).predict(holed)).all()
    assert cross_validated(x, y).ridge < 0.2 * cross_validated(x, y).mean
    assert cross_validated(x, noise).ridge > 0.9 * cross_validated(x, noise).mean


def test_grid_and_search() -> None:
    grid = list(what_if(["smile", "age"], [-1.0, 0.0, 1.0]))
    assert len({tuple(g.values()) for g in grid}) == len(grid) == 9
    goal = np.array([0.7, -1.3, 2.0])
    found = search(lambda x: -((x - goal) ** 2).sum(1), dict.fromkeys("abc", (-3.0, 3.0)))
    assert np.array(list(found.edit.values())) == pytest.approx(goal, abs=0.01)
    again = search(lambda x: -((x - goal) ** 2).sum(1), dict.fromkeys("abc", (-3.0, 3.0)))
    assert again == found
    edge = search(lambda x: x.sum(1), dict.fromkeys("ab", (0.0, 1.0)))
    assert edge.score == pytest.approx(2.0, abs=1e-3)


def test_lists_join_by_path_or_unique_name() -> None:
    rows = [{"f": "a/1.jpg"}, {"f": "2.jpg"}, {"f": "x.jpg"}, {"f": "./b/1.jpg"}]
    found = join(rows, "f", ["a/1.jpg", "b/1.jpg", "b/2.jpg", "c/3.jpg"])
    assert [p for _, p in found.rows] == ["a/1.jpg", "b/2.jpg", "b/1.jpg"]
    assert (found.unmatched, found.unlisted) == (["x.jpg"], ["c/3.jpg"])
    assert join([{"f": "1.jpg"}], "f", ["a/1.jpg", "b/1.jpg"]).unmatched == ["1.jpg"]
    with pytest.raises(UsageError, match="twice"):
        join([{"f": "a/1.jpg"}, {"f": "1.jpg"}], "f", ["a/1.jpg"])


def test_trigger_stands_first_and_once() -> None:
    values = {labels.PERCEIVED_EMOTION: "happiness", labels.EYEWEAR: "glasses", labels.YAW: 3.0, labels.PITCH: 0.0,
              labels.GENDER: "Female", labels.AGE: 30.0}  # fmt: skip
    assert tagged("sks", values) == "sks, happiness expression, glasses, front view"
    assert named("sks", "person", values).startswith("a photo of sks person, ")
    assert count("sks", named("sks", "person", values)) == 1
    assert len(set(prompts("sks", "person"))) == len(PROMPTS) == 20
    assert all(count("sks", p) == 1 for p in prompts("sks", "person"))
    assert count("sks", "sksy a_sks") == 0
    with pytest.raises(UsageError, match="trigger"):
        tagged("a,b", {})


@given(st.lists(st.sampled_from("abcdefgh"), min_size=20, max_size=60), st.integers(0, 5))
def test_grouped_folds_share_no_subject(subjects: list[str], seed: int) -> None:
    folds = min(4, len(set(subjects)))
    assert overlap(subjects, grouped_folds(subjects, folds, seed)) == 0
    sizes = np.bincount(random_folds(len(subjects), folds, seed))
    assert sizes.max() - sizes.min() <= 1


def test_the_probe_finds_who_is_who_and_nothing_in_noise() -> None:
    chance = np.random.default_rng(1)
    subjects = [f"s{i % 8}" for i in range(80)] + ["alone"]
    centres = chance.normal(size=(9, 16))
    told = centres[[i % 8 for i in range(80)] + [8]] + 0.3 * chance.normal(size=(81, 16))
    found = identity_probe(told, subjects)
    assert found.subjects == 8
    assert found.chance == pytest.approx(1 / 8)
    assert found.accuracy.value > 0.95
    noise = identity_probe(chance.normal(size=(81, 16)), subjects)
    assert noise.accuracy.low < noise.chance < noise.accuracy.high


def test_a_coded_table_is_compared_as_scipy_does() -> None:
    from scipy import stats

    chance = np.random.default_rng(5)
    group = np.repeat([0, 1], 60)
    shown = np.where(group, chance.random(120) < 0.7, chance.random(120) < 0.3).astype(int) * 2
    rating = chance.integers(0, 5, 120)
    table = pa.table({"g": group, "AU12": shown, "AU4": [0] * 120, "r": [str(v) for v in rating]})
    rows = {r.name: r for r in compare_table(table, "g", ["AU12", "AU4"], ["r"])}
    counts = [[int((shown[group == g] > 0).sum()), int((shown[group == g] == 0).sum())] for g in (0, 1)]
    reference = stats.chi2_contingency(counts, correction=False).pvalue
    assert rows["AU12"].p == pytest.approx(reference, abs=1e-9)
    assert rows["r"].p == pytest.approx(stats.mannwhitneyu(rating[group == 0], rating[group == 1]).pvalue, abs=1e-9)
    assert np.isnan(rows["AU4"].p)
    raised = stats.false_discovery_control([rows["AU12"].p, rows["r"].p])
    assert [rows["AU12"].p_adjusted, rows["r"].p_adjusted] == pytest.approx(raised.tolist(), abs=1e-12)
    with pytest.raises(UsageError, match="two"):
        compare_table(table.slice(0, 60), "g", ["AU12"])
