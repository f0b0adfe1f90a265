"""Taxonomies: known label sets, aliases, refusals."""

from __future__ import annotations

import json
import re

import pytest

from schemas import REGISTRY, Kind, TaxonomyError, UnknownNameError, labels_of, taxonomies, taxonomy
from schemas.landmarks import layouts
from schemas.taxonomy import Taxonomy


def units(*numbers: int) -> tuple[str, ...]:
    return tuple(f"AU{n}" for n in numbers)


KNOWN_UNITS = {
    "bp4d-12": units(1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24),
    "disfa-8": units(1, 2, 4, 6, 9, 12, 25, 26),
    "disfa-12": units(1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26),
    "magicface-12": units(1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26),
    "openface-17": units(1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45),
    "openface-18": units(1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45),
    "openface3-8": units(1, 2, 4, 6, 9, 12, 25, 26),
    "py-feat-20": units(1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43),
}


@pytest.mark.parametrize(("name", "labels"), KNOWN_UNITS.items())
def test_action_unit_sets_are_those_of_the_field(name: str, labels: tuple[str, ...]) -> None:
    assert taxonomy(name).labels == labels


def test_facs_names() -> None:
    facs = taxonomy("facs")
    assert facs.docs["AU1"] == "Inner brow raiser"
    assert facs.docs["AU12"] == "Lip corner puller"
    assert facs.docs["AD19"] == "Tongue show"
    assert facs.docs["M51"] == "Head turn left"
    assert facs.docs["E63"] == "Eyes up"
    missing = set(range(47)) - {3, 40} - {int(x[2:]) for x in facs.labels if x[:2] in {"AU", "AD"}}
    assert not missing, "every number up to 46 that FACS uses has a name (3 is unused, 40 is a sniff)"
    assert facs.canonical("AU04") == "AU4"
    assert sum(len(group) for group in facs.groups.values()) == len(facs.labels) - 1


def test_hugging_rain_man_header() -> None:
    header = (
        "AU1, AU2, AU4, AU5, AU6, AU7, AU43, AU8, AU9, AU10, AU12, AU13, AU14, AU15, AU16, AU17, AU18, AD19, AU20, "
        "AU21, AU22, AU23, AU24, AU25, AU2X, AU28, AD29, AD30, AU31, AD32, AD33, AD34, AD35, AD36, AD37, AU0"
    )
    assert taxonomy("hrm-36").labels == tuple(header.split(", "))
    assert len(taxonomy("hrm-22").labels) == 22
    assert labels_of("hrm-22") <= labels_of("hrm-36")
    assert taxonomy("hrm-22").canonical("AU43E") == "AU43"


def test_monk_tones_carry_the_published_colours() -> None:
    published = "#f6ede4 #f3e7db #f7ead0 #eadaba #d7bd96 #a07e56 #825c43 #604134 #3a312a #292420"
    monk = taxonomy("monk-10")
    assert [monk.colours[label] for label in monk.labels] == published.split()


def test_celeba_has_forty_attributes_in_file_order() -> None:
    labels = taxonomy("celeba-40").labels
    assert len(labels) == 40
    assert (labels[0], labels[20], labels[31], labels[39]) == ("5_o_Clock_Shadow", "Male", "Smiling", "Young")


def test_blendshapes() -> None:
    mediapipe, arkit = labels_of("blendshapes-mediapipe"), labels_of("blendshapes-arkit")
    assert len(mediapipe) == len(arkit) == 52
    assert sorted(mediapipe ^ arkit) == ["_neutral", "tongueOut"]
    assert taxonomy("blendshapes-mediapipe").labels.index("jawOpen") == 25


def test_emonet_forty() -> None:
    emonet = taxonomy("emonet-40")
    assert len(emonet.labels) == 40
    assert (emonet.labels[0], emonet.labels[39]) == ("Amusement", "Jealousy & Envy")
    assert sorted(x for group in emonet.groups.values() for x in group) == sorted(emonet.labels)
    assert emonet.canonical("Hopelessness") == "Helplessness"
    assert emonet.canonical("mirth") == "Amusement"
    assert "loathing" not in emonet.aliases, "a synonym of both Contempt and Disgust stands for neither"


def test_fairface_and_others() -> None:
    assert taxonomy("race-fairface-7").labels == (
        "White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian", "Middle Eastern",
    )  # fmt: skip
    assert taxonomy("race-fairface-4").labels == ("White", "Black", "Asian", "Indian")
    assert taxonomy("age-fairface-9").canonical("more than 70") == "70+"
    assert taxonomy("race-sig-4").labels == ("African", "Asian", "Caucasian", "Indian")


@pytest.mark.parametrize("name", taxonomies())
def test_every_taxonomy_is_documented_and_its_aliases_resolve(name: str) -> None:
    one = taxonomy(name)
    assert one.version >= 1
    assert one.doc
    assert one.source
    assert all(one.canonical(alias) in one for alias in one.aliases)
    assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in one.colours.values())
    assert json.loads(json.dumps(one.labels)) == list(one.labels)


def test_columns_name_taxonomies_or_layouts_that_exist() -> None:
    for column in REGISTRY.values():
        known = layouts() if column.kind is Kind.POINTS else taxonomies()
        assert not column.taxonomy or column.taxonomy in known, column.name


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'emotion-7'"):
        taxonomy("emotions-7")
    with pytest.raises(TaxonomyError, match="'joy' is not a label of emotion-7"):
        taxonomy("emotion-7").canonical("joy")


def test_a_wrong_taxonomy_cannot_be_built() -> None:
    with pytest.raises(TaxonomyError, match="stands twice"):
        Taxonomy("x", 1, ("a", "a"), "d", "s")
    with pytest.raises(TaxonomyError, match="unknown labels: b"):
        Taxonomy("x", 1, ("a",), "d", "s", aliases={"c": "b"})
    with pytest.raises(TaxonomyError, match="aliases that are labels"):
        Taxonomy("x", 1, ("a", "b"), "d", "s", aliases={"a": "b"})
