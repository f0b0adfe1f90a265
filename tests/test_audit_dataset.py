"""Audits of small datasets whose answers are known."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from curate.audit import Audit, read_audit
from curate.store import Dataset
from schemas import FacecurateError, UnknownNameError, UsageError
from schemas.columns import labels
from tests import store_samples
from tests.audit_samples import BLACK, INDIAN, RACES, WHITE, quick, sample
from tests.evaluation_samples import add, chances, dataset, write_csv

FORTY = {(WHITE, "Female"): 10, (WHITE, "Male"): 10, (BLACK, "Female"): 5, (BLACK, "Male"): 10, (None, "Male"): 5}


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    smile = [True] * 18 + [False] * 22
    quality = [0.9] * 20 + [0.4] * 15 + [None] * 5
    yaw = [0.0, 40.0] * 10 + [-40.0] * 15 + [None] * 5
    layers = {
        "quality.v1": {labels.QUALITY_SCORE: quality},
        "pose.v1": {labels.YAW: yaw},
        "covers.v1": {labels.MASK_WORN: smile},
    }
    states = {"quality.v1": ["ok"] * 35 + ["failed"] * 2 + ["not_applicable"] * 3}
    ds = sample(tmp_path_factory.mktemp("audit") / "ds", FORTY, layers=layers, status=states)
    return quick(ds, by=("race", "gender"), filters=("quality >= 0.5",))


def test_groups_are_counted_and_those_without_faces_are_listed(forty: Audit) -> None:
    found = forty.represented(labels.RACE.name)
    assert {g.name: g.n for g in found.groups if g.n} == {WHITE: 20, BLACK: 15}
    assert found.empty == tuple(r for r in RACES if r not in (WHITE, BLACK))
    assert (found.n, found.unknown.abstained, found.unknown.total) == (35, 5, 5)
    white = found.groups[RACES.index(WHITE)]
    reference = stats.binomtest(20, 35).proportion_ci(0.95)
    assert (white.share.low, white.share.high) == pytest.approx((reference.low, reference.high), abs=1e-9)
    assert white.ratio.value == pytest.approx(20 / 35 * 7)
    assert (white.short, white.to_add) == (0, 0)
    assert found.groups[RACES.index(INDIAN)].short == 5
    assert found.groups[RACES.index(INDIAN)].to_add == 20


def test_overall_measures_follow_from_the_counts(forty: Audit) -> None:
    found = forty.represented(labels.RACE.name)
    entropy = stats.entropy([20, 15])
    assert found.evenness.value == pytest.approx(entropy / math.log(7), abs=1e-9)
    assert found.effective.value == pytest.approx(math.exp(entropy), abs=1e-9)
    assert found.imbalance == pytest.approx(20 / 15)
    assert found.distance.value == pytest.approx(5 / 7)
    assert found.distance.low <= found.distance.value <= found.distance.high


def test_columns_are_crossed(forty: Audit) -> None:
    assert forty.by == (labels.RACE.name, labels.GENDER.name, f"{labels.RACE.name}*{labels.GENDER.name}")
    found = forty.represented(forty.by[2])
    assert {g.name: g.n for g in found.groups if g.n} == {
        f"{r} · {s}": n for (r, s), n in FORTY.items() if r is not None
    }  # fmt: skip
    assert len(found.groups) == 14
    assert found.groups[1].labels == (WHITE, "Male")
    assert found.unknown.abstained == 5


def test_a_filter_is_told_by_group_and_undecided_faces_are_removed(forty: Audit) -> None:
    found = forty.filters[0]
    assert (found.condition, found.usual, found.kept, found.undecided) == ("quality >= 0.5", False, 20, 5)
    assert found.removed.value == 0.5
    split = next(s for s in found.splits if s.by == labels.RACE.name)
    assert {g.name: g.figure.value for g in split.groups if g.n} == {WHITE: 0.0, BLACK: 1.0}
    assert split.sentence == "removes 100 % of Black against 0 % of White"
    assert math.isnan(split.ratio)
    assert [f.condition for f in forty.filters[1:]] == [f"abs({labels.YAW.name}) <= 30", "detection_score >= 0.8"]
    assert forty.filters[1].kept == 10


def test_missing_values_are_told_apart_by_reason(forty: Audit) -> None:
    found = next(m for m in forty.missing if m.column == labels.QUALITY_SCORE.name and m.by == labels.GENDER.name)
    assert (found.unknown.failed, found.unknown.not_applicable, found.unknown.abstained) == (2, 3, 0)
    male = next(g for g in found.groups if g.name == "Male")
    assert (male.n, male.unknown.total, male.share.value) == (25, 5, 0.2)
    race = next(m for m in forty.missing if m.column == labels.RACE.name)
    assert race.by == labels.GENDER.name
    assert race.unknown.abstained == 5


def test_angles_are_compared_without_sign(forty: Audit) -> None:
    found = next(c for c in forty.conditions if c.column.startswith("abs") and c.by == labels.RACE.name)
    assert {g.name: g.figure.value for g in found.groups if g.n} == {WHITE: 20.0, BLACK: 40.0}
    assert (found.gap.best, found.gap.worst) == (WHITE, BLACK)


def test_labels_are_compared_by_scipys_test(forty: Audit) -> None:
    found = next(a for a in forty.associations if a.label == labels.MASK_WORN.name and a.by == labels.RACE.name)
    counts = [[2, 18], [15, 0]]
    assert [list(row) for row in found.counts[:2]] == counts
    assert found.test.statistic == pytest.approx(stats.chi2_contingency(counts, correction=False)[0], rel=1e-9)
    assert found.top is not None
    assert set(found.values) == {"no", "yes"}
    assert found.test.p_adjusted >= found.test.p


def test_what_is_not_there_says_what_to_run(forty: Audit) -> None:
    assert (forty.duplicates, forty.identities, forty.relations, forty.errors) == (None, None, None, None)
    assert set(forty.absent) >= {"duplicates", "identities", "relations", "errors", "corrected"}
    assert "facecurate duplicates" in forty.absent["duplicates"]


def test_the_page_and_the_notices_name_the_law(forty: Audit) -> None:
    text = " ".join(forty.notices)
    assert "Annex III" in text
    assert "not legal advice" in text
    assert "perception" in text


def test_json_round_trip_holds_only_plain_finite_numbers(forty: Audit, tmp_path: Path) -> None:
    (file,) = forty.save(tmp_path / "deep" / "folder", forms=("json",))
    stored = read_audit(file)
    assert stored["format"] == "facecurate-audit"
    assert stored == json.loads(json.dumps(forty.as_dict(), allow_nan=False))
    assert str(forty.path) not in file.read_text()


def test_every_key_of_the_json_is_documented(forty: Audit) -> None:
    told = (Path(__file__).parents[1] / "docs" / "audit.md").read_text("utf-8")
    assert [key for key in forty.as_dict() if f"`{key}`" not in told] == []


def test_the_same_dataset_gives_the_same_audit(forty: Audit) -> None:
    again = quick(Dataset.open(forty.path), by=("race", "gender"), filters=("quality >= 0.5",))
    assert {k: v for k, v in again.as_dict().items() if k != "created"} == {
        k: v for k, v in forty.as_dict().items() if k != "created"
    }  # fmt: skip


@pytest.mark.parametrize(
    "counts",
    [{}, {(WHITE, "Female"): 1}, {(None, None): 3}, {(WHITE, None): 12}, {(WHITE, "Male"): 2, (BLACK, "Male"): 2}],
    ids=["empty", "one face", "all null", "one column null", "tiny"],
)
def test_datasets_that_say_next_to_nothing_are_audited(
    tmp_path: Path, counts: dict[tuple[str | None, str | None], int]
) -> None:
    n = sum(counts.values())
    units = {labels.AU_SCORE: chances(labels.AU_SCORE, [{"AU12": 0.9}] * n)}
    layers = {"action_units.v1": units, "identity.v1": {labels.IDENTITY_ID: ["a"] * n},
              "duplicates.v1": {labels.DUPLICATE_GROUP: ["g"] * n},
              "affect.v1": {labels.VALENCE: [0.5] * n}}  # fmt: skip
    found = quick(sample(tmp_path / "ds", counts, layers=layers), min_group=2)
    assert found.dataset["faces"] == n
    assert len(found.represented(labels.RACE.name).groups) == 7
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_withheld_label_is_no_label_but_a_reviewers_stays(tmp_path: Path) -> None:
    n = 6
    ds = dataset(tmp_path / "ds", [1] * n, {"demographics.v1": {
        labels.GENDER: ["Male"] * n, labels.GENDER_ABSTAINED: [True, True, False, False, False, False],
    }})  # fmt: skip
    add(ds, "human.a", {labels.GENDER: ["Female", *[None] * (n - 1)]}, kind="human")
    found = quick(ds, by=("gender",), min_group=2).represented(labels.GENDER.name)
    assert {g.name: g.n for g in found.groups} == {"Female": 1, "Male": 4}
    assert found.unknown.abstained == 1


def test_columns_of_the_users_list_are_read_in_their_own_vocabulary(tmp_path: Path) -> None:
    rows = [{"race": "black", "site": "a"}] * 3 + [{"race": "East Asian", "site": "b"}] * 2 + [{"site": "a"}]
    ds = sample(tmp_path / "ds", {(WHITE, "Male"): 6}, extra=[json.dumps(r) for r in rows])
    found = quick(ds, by=("extra.race", "site"), min_group=2)
    race = found.represented("extra.race")
    assert {g.name: g.n for g in race.groups if g.n} == {BLACK: 3, "East Asian": 2}
    assert len(race.groups) == 7
    site = found.represented("extra.site")
    assert [(g.name, g.n) for g in site.groups] == [("a", 4), ("b", 2)]
    assert race.unknown.absent == 1


def test_numbers_are_grouped_into_bins_or_quarters(tmp_path: Path) -> None:
    ages = [1.0, 5.0, 25.0, 25.5, 71.0, 99.0]
    ds = dataset(tmp_path / "ds", [1] * 6, {"age.v1": {labels.AGE: ages, labels.VALENCE: [0.1] * 3 + [0.2] * 3}})
    found = quick(ds, by=("age", "valence"), min_group=2)
    age = found.represented(labels.AGE.name)
    assert {g.name: g.n for g in age.groups if g.n} == {"0-2": 1, "3-9": 1, "20-29": 2, "70+": 2}
    assert [(g.name, g.n) for g in found.represented(labels.VALENCE.name).groups] == [("0.1", 3), ("0.2", 3)]


def test_a_target_table_is_read_in_any_spelling_and_scale(tmp_path: Path, forty: Audit) -> None:
    table = write_csv(tmp_path / "census.csv", [
        {"race": "white", "share": 60}, {"race": "Black", "share": 30}, {"race": "indian", "share": 10},
    ])  # fmt: skip
    found = quick(Dataset.open(forty.path), by=("race", "gender"), target=(table,))
    race = found.represented(labels.RACE.name)
    assert race.target == "census.csv"
    assert {g.name: g.target for g in race.groups if g.target} == {WHITE: 0.6, BLACK: 0.3, INDIAN: 0.1}
    assert race.distance.value == pytest.approx((abs(20 / 35 - 0.6) + abs(15 / 35 - 0.3) + 0.1) / 2)
    assert found.represented(labels.GENDER.name).target == "uniform"
    crossed = found.represented(found.by[2])
    assert crossed.groups[0].target == pytest.approx(0.3)  # White of 60 %, times a half
    told = quick(Dataset.open(forty.path), by=("race",), target=(write_csv(tmp_path / "one.csv", [
        {"race": "Black", "share": 1.0},
    ]),))  # fmt: skip
    assert told.represented(labels.RACE.name).test is None  # nothing can be expected of White faces
    assert "57 % away from its target (one.csv)" in " ".join(f.sentence for f in told.findings)
    assert "multiplied" in crossed.notes[0]


def test_another_dataset_is_a_target(tmp_path: Path, forty: Audit) -> None:
    other = sample(tmp_path / "other", {(WHITE, "Female"): 3, (BLACK, "Male"): 1})
    found = quick(Dataset.open(forty.path), by=("race", "gender"), target=(other.path,))
    race = found.represented(labels.RACE.name)
    assert {g.name: g.target for g in race.groups if g.target} == {WHITE: 0.75, BLACK: 0.25}
    assert found.represented(found.by[2]).groups[0].target == 0.75


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"race": WHITE, "share": 0.4}, {"race": BLACK, "share": 0.4}], "add up to 0.8"),
        ([{"race": "Martian", "share": 1}], "unknown label"),
        ([{"race": WHITE, "weight": 1}], "no column share or count"),
        ([{"planet": "Mars", "share": 1}], "none of the columns"),
        ([{"race": WHITE, "share": "many"}], "row 1"),
    ],
)
def test_targets_that_make_no_sense_are_refused(
    tmp_path: Path, forty: Audit, rows: Sequence[dict[str, Any]], words: str
) -> None:
    with pytest.raises(FacecurateError, match=words):
        quick(Dataset.open(forty.path), by=("race",), target=(write_csv(tmp_path / "t.csv", rows),))


def test_wrong_names_offer_the_nearest(forty: Audit) -> None:
    ds = Dataset.open(forty.path)
    with pytest.raises(UnknownNameError, match="Did you mean 'gender'"):
        quick(ds, by=("gendr",))
    with pytest.raises(UnknownNameError, match="Did you mean 'quality'"):
        quick(ds, filters=("qualty > 0",))
    with pytest.raises(UsageError, match="no layer provides it yet"):
        quick(ds, by=("skin_tone",))
    with pytest.raises(UsageError, match="one stands for the other"):
        quick(ds, by=("race",), truth="extra", evaluation="x.json")


def test_people_and_copies_are_counted_by_group(tmp_path: Path) -> None:
    layers = {
        "identity.v1": {labels.IDENTITY_ID: ["a"] * 6 + ["b", "c", "d", None]},
        "duplicates.v1": {labels.DUPLICATE_GROUP: ["x", "x", "x", *"ABCDEF", "x"]},
    }
    ds = sample(tmp_path / "ds", {(WHITE, "Male"): 6, (BLACK, "Male"): 4}, layers=layers)
    found = quick(ds, by=("race",), min_group=2)
    assert found.identities is not None
    assert found.duplicates is not None
    whole = found.identities.overall
    assert (whole.faces, whole.people, whole.largest, found.identities.unknown) == (9, 4, 6, 1)
    assert found.identities.histogram == {"1": 3, "5-9": 1}
    white, black = found.identities.by[labels.RACE.name][:2]
    assert (white.people, white.effective, black.people, black.effective) == (1, 1.0, 3, 3.0)
    assert (found.duplicates.groups, found.duplicates.largest, found.duplicates.surplus.value) == (1, (4,), 0.3)
    shares = {g.name: g.figure.value for g in found.duplicates.by[0].groups if g.n}
    assert shares == {WHITE: 2 / 6, BLACK: 1 / 4}


def test_units_that_occur_together_are_joined_and_told_by_group(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    n = 400
    first = rng.random(n) < 0.4
    second = np.where(rng.random(n) < 0.9, first, rng.random(n) < 0.4)
    second[n // 2 :] = ~first[n // 2 :]  # the second half of the faces, another group, moves them apart
    scores = [{"AU6": float(a), "AU12": float(b), "AU4": 0.2} for a, b in zip(first, second, strict=True)]
    emotion = np.where(first, "happiness", "neutral").tolist()
    ds = sample(tmp_path / "ds", {(WHITE, "Male"): n // 2, (BLACK, "Male"): n // 2}, layers={
        "action_units.v1": {labels.AU_SCORE: chances(labels.AU_SCORE, scores)},
        "emotion.v1": {labels.PERCEIVED_EMOTION: emotion},
    })  # fmt: skip
    found = quick(ds, by=("race",)).relations
    assert found is not None
    pair = next(p for p in found.pairs if {p.a, p.b} == {"AU6", "AU12"})
    assert pair.phi == pytest.approx(np.corrcoef(first, second)[0, 1], abs=1e-9)
    assert pair.lift == pytest.approx((first & second).mean() / (first.mean() * second.mean()))
    assert pair.b_given_a == pytest.approx(second[first].mean() - second.mean())
    difference = found.differences[0]
    assert (difference.a, difference.b, difference.groups) == ("AU6", "AU12", (WHITE, BLACK))
    assert difference.phi[0] > 0.7
    assert difference.phi[1] == pytest.approx(-1.0)
    happy = next(p for p in found.with_emotion if (p.a, p.b) == ("AU6", "happiness"))
    assert happy.phi == pytest.approx(1.0)
    assert next(node for node in found.nodes if node.name == "AU4").rate.value == 0.0


def test_small_groups_have_shrunken_figures_and_what_they_could_have_shown(tmp_path: Path) -> None:
    masks = [True] * 10 + [False] * 90 + [True] * 40 + [False] * 60 + [True] * 3
    ds = sample(
        tmp_path / "ds", {(WHITE, "Male"): 100, (BLACK, "Male"): 100, (INDIAN, "Male"): 3},
        layers={"covers.v1": {labels.MASK_WORN: masks}},
    )  # fmt: skip
    found = quick(ds, by=("race",), min_group=10)
    cells = next(c for c in found.small_cells if "mask" in c.figure)
    smallest = cells.groups[0]
    assert (smallest.name, smallest.n, smallest.raw.value) == (INDIAN, 3, 1.0)
    assert 0.2 < smallest.shrunk.value < 1.0
    assert cells.detectable[INDIAN] > 0.5
    assert cells.detectable[BLACK] < 0.3


def test_chance_alone_gives_few_findings(tmp_path: Path) -> None:
    """Labels drawn without regard to the group: nothing may be told of them but by chance."""
    rng = np.random.default_rng(11)
    n = 600
    race = [RACES[i % 7] for i in range(n)]
    layers = {
        "demographics.v1": {labels.RACE: race},
        "covers.v1": {labels.MASK_WORN: (rng.random(n) < 0.3).tolist()},
        "affect.v1": {labels.VALENCE: rng.normal(0, 0.2, n).clip(-1, 1).tolist()},
        "quality.v1": {labels.QUALITY_SCORE: rng.random(n).tolist()},
    }
    found = quick(dataset(tmp_path / "ds", [1] * n, layers), by=("race",), min_group=30)
    assert found.findings == ()


def test_several_labels_a_face_are_compared_one_by_one(tmp_path: Path) -> None:
    marks = [["Smiling", "Eyeglasses"]] * 10 + [["Smiling"]] * 10 + [[]] * 19 + [None]
    layers = {"clip_celeba.v1": {labels.CELEBA_PRESENT: marks}}
    ds = sample(tmp_path / "ds", {(WHITE, "Male"): 20, (BLACK, "Male"): 20}, layers=layers)
    found = {a.label: a for a in quick(ds, by=("race",)).associations}
    smiling = found[f"{labels.CELEBA_PRESENT.name}.Smiling"]
    assert [list(row) for row in smiling.counts[:2]] == [[0, 20], [19, 0]]
    assert found[f"{labels.CELEBA_PRESENT.name}.Eyeglasses"].counts[0] == (10, 10)


def test_a_column_of_names_is_no_column_of_groups(tmp_path: Path) -> None:
    extra = [json.dumps({"who": f"person {i}", "tall": i / 7}) for i in range(80)]
    ds = sample(tmp_path / "ds", {(WHITE, "Male"): 80}, extra=extra)
    with pytest.raises(UsageError, match="too many to be groups"):
        quick(ds, by=("who",))
    assert [g.n for g in quick(ds, by=("tall",)).represented("extra.tall").groups] == [20, 20, 20, 20]


def test_shards_are_joined_and_those_that_a_layer_lacks_are_absent(tmp_path: Path) -> None:
    ds = store_samples.sample(tmp_path / "ds")
    for key, site in zip(store_samples.KEYS, ("a", "b"), strict=True):
        extra = [json.dumps({"site": site}), json.dumps({"site": 1}), None]
        ds.write("images", key, store_samples.image_table(store_samples.ids(key), extra=extra,
                                                          is_synthetic=[None, False, True]))  # fmt: skip
    store_samples.add(ds, "demographics.v1", "model", "2026-01-01", {labels.GENDER: ["Male", "Female", None]})
    found = quick(ds, by=("gender", "extra.site", "is_synthetic"), min_group=2)
    gender, site, made = (found.represented(by) for by in found.by[:3])
    assert [g.n for g in gender.groups] == [1, 1]
    assert (gender.unknown.not_applicable, gender.unknown.absent) == (1, 3)
    assert {g.name: g.n for g in site.groups} == {"1": 2, "a": 1, "b": 1}
    assert {g.name: g.n for g in made.groups} == {"no": 4, "yes": 2}
    assert found.sources == {labels.GENDER.name: {"demographics.v1": 2}}
    assert found.dataset["pictures"] == 6
