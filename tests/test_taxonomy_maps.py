"""Maps between taxonomies: known answers, conservation of mass, and refusals."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import TaxonomyError, UnknownNameError, taxonomy
from schemas.bins import all_bins, bins
from schemas.mapping import LabelMap, MapKind, mapping, maps

ALL = tuple(mapping(*name.split(" -> ")) for name in maps())


def test_contempt_has_no_place_among_the_seven() -> None:
    down = mapping("emotion-8", "emotion-7")
    assert down.map_label("contempt") is None
    assert down.kind is MapKind.UNDEFINED
    carried = down.map_scores({"contempt": 0.25, "anger": 0.5, "neutral": 0.25})
    assert carried.undefined == {"contempt": 0.25}
    assert (carried.scores["anger"], carried.scores["neutral"], carried.scores["fear"]) == (0.5, 0.25, 0.0)


@pytest.mark.parametrize(
    ("label", "target", "kind"),
    [
        ("Anger", "anger", "exact"),
        ("Astonishment/Surprise", "surprise", "exact"),
        ("Amusement", "happiness", "merge"),
        ("Relief", "happiness", "merge"),
        ("Disappointment", "sadness", "merge"),
        ("Awe", "surprise", "lossy"),
        ("Hopelessness", "sadness", "lossy"),
        ("Concentration", "neutral", "lossy"),
        ("Pain", None, "undefined"),
        ("Jealousy & Envy", None, "undefined"),
    ],
)
def test_emonet_to_eight(label: str, target: str | None, kind: str) -> None:
    theory = mapping("emonet-40", "emotion-8")
    assert (theory.map_label(label), theory.kind_of(label).value) == (target, kind)


def test_emonet_to_seven_goes_by_way_of_eight() -> None:
    both = mapping("emonet-40", "emotion-7")
    assert both.map_label("Contempt") is None
    assert both.map_label("Elation") == "happiness"
    assert both.kind_of("Awe") is MapKind.LOSSY
    assert "By way of emotion-8" in both.doc


def test_race_maps() -> None:
    four = mapping("race-fairface-7", "race-fairface-4")
    assert four.map_scores({"East Asian": 0.5, "Southeast Asian": 0.25, "Middle Eastern": 0.25}).scores["Asian"] == 0.75
    assert (four.kind_of("East Asian"), four.kind_of("Middle Eastern")) == (MapKind.MERGE, MapKind.UNDEFINED)
    assert mapping("race-fairface-7", "race-utkface-5").map_label("Latino_Hispanic") == "Others"
    assert mapping("race-utkface-5", "race-fairface-7").map_label("Asian") is None
    assert mapping("race-sig-4", "race-fairface-4").kind_of("Caucasian") is MapKind.LOSSY


def test_action_unit_sets_and_columns() -> None:
    from_hrm = mapping("hrm-36", "au-columns")
    assert (from_hrm.map_label("AU12"), from_hrm.map_label("AU2X"), from_hrm.map_label("AD19")) == ("AU12", None, None)
    to_hrm = mapping("au-columns", "hrm-22").map_values({"AU26": 1.0, "AU27": 3.0, "AU45": 5.0, "AU1": None})
    assert to_hrm["AU2X"] == 3.0, "where two units meet the stronger stands"
    assert to_hrm["AU1"] is None, "not measured is not zero"
    assert mapping("openface-18", "au-columns").kind is MapKind.EXACT


def test_blendshapes_both_ways() -> None:
    out, back = (
        mapping("blendshapes-mediapipe", "blendshapes-arkit"),
        mapping("blendshapes-arkit", "blendshapes-mediapipe"),
    )
    assert [x for x in out.pairs if out.map_label(x) is None] == ["_neutral"]
    assert [x for x in back.pairs if back.map_label(x) is None] == ["tongueOut"]
    assert out.map_values({"jawOpen": 0.5})["tongueOut"] is None


@pytest.mark.parametrize(
    ("angle", "skin", "estimate"),
    [(56, "very_light", "I"), (55, "light", "II"), (41, "intermediate", "III"), (28, "tan", "IV"), (10, "brown", "V"),
     (-29.9, "brown", "V"), (-30, "dark", "VI"), (90, "very_light", "I")],
)  # fmt: skip
def test_typology_angle_to_class_to_fitzpatrick_estimate(angle: float, skin: str, estimate: str) -> None:
    assert bins("ita").label(angle) == skin
    assert mapping("ita-6", "fitzpatrick-6").map_label(skin) == estimate
    assert mapping("ita-6", "fitzpatrick-6").kind is MapKind.LOSSY


@pytest.mark.parametrize(
    ("years", "label"),
    [(0, "0-2"), (2.99, "0-2"), (3, "3-9"), (10, "10-19"), (19.5, "10-19"), (69.9, "60-69"), (70, "70+"), (116, "70+")],
)
def test_years_to_bins(years: float, label: str) -> None:
    assert bins("age-fairface").label(years) == label


@given(st.sampled_from(all_bins()), st.floats(0, 1))
def test_a_number_lies_in_its_labels_interval(name: str, share: float) -> None:
    one = bins(name)
    value = one.low + share * (one.high - one.low)
    low, high = one.interval(one.label(value))
    assert low <= value <= high


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 121])
def test_numbers_without_a_bin_are_refused(value: float) -> None:
    with pytest.raises(TaxonomyError, match="has no place in age-fairface"):
        bins("age-fairface").label(value)


@given(st.sampled_from(ALL), st.data())
def test_mass_is_conserved_or_said_to_be_undefined(one: LabelMap, data: st.DataObject) -> None:
    labels = one.source_taxonomy.labels
    scores = data.draw(st.dictionaries(st.sampled_from(labels), st.floats(0, 1), min_size=1))
    carried = one.map_scores(scores)
    total = math.fsum(carried.scores.values()) + math.fsum(carried.undefined.values())
    assert total == pytest.approx(math.fsum(scores.values()))
    assert set(carried.scores) == set(one.target_taxonomy.labels)
    assert all(one.map_label(label) is None for label in carried.undefined)


@pytest.mark.parametrize("one", ALL, ids=maps())
def test_kinds_are_consistent(one: LabelMap) -> None:
    reached = Counter(target for target, _ in one.pairs.values() if target)
    for label, (target, kind) in one.pairs.items():
        assert (target is None) == (kind is MapKind.UNDEFINED)
        if kind is MapKind.MERGE:
            assert reached[target or ""] > 1, f"{label} merges with nothing"
    assert one.doc
    assert one.source


@pytest.mark.parametrize(
    "one", [m for m in ALL if f"{m.target_name} -> {m.source_name}" in maps()], ids=lambda m: m.name
)
def test_exact_labels_come_back(one: LabelMap) -> None:
    back = mapping(one.target_name, one.source_name)
    for label, (target, kind) in one.pairs.items():
        if kind is MapKind.EXACT and target is not None and back.kind_of(target) is MapKind.EXACT:
            assert back.map_label(target) == label


def test_undefined_maps_are_refused_with_those_that_exist() -> None:
    with pytest.raises(TaxonomyError, match=r"no map from emotion-7 to emonet-40.*lead to: emotion-8"):
        mapping("emotion-7", "emonet-40")
    with pytest.raises(TaxonomyError, match="no map from raf-db-7 to fer2013-7"):
        mapping("raf-db-7", "fer2013-7")
    with pytest.raises(UnknownNameError, match="unknown taxonomy 'emotion-9'"):
        mapping("emotion-9", "emotion-7")
    with pytest.raises(TaxonomyError, match="'joy' is not a label of emotion-8"):
        mapping("emotion-8", "emotion-7").map_scores({"joy": 1.0})


@pytest.mark.parametrize(
    ("pairs", "why"),
    [
        ({"Female": ("Female", MapKind.EXACT)}, "not every source label"),
        ({"Female": (None, MapKind.EXACT), "Male": ("Male", MapKind.EXACT)}, "only an undefined label"),
        ({"Female": ("Woman", MapKind.EXACT), "Male": ("Male", MapKind.EXACT)}, "Woman is no label"),
        ({"Female": ("Male", MapKind.EXACT), "Male": ("Male", MapKind.EXACT)}, "exactly the same"),
    ],
)
def test_a_wrong_map_cannot_be_built(pairs: dict[str, tuple[str | None, MapKind]], why: str) -> None:
    assert taxonomy("gender-2").labels == ("Female", "Male")
    with pytest.raises(TaxonomyError, match=why):
        LabelMap("gender-2", "gender-2", pairs, "d", "s")
