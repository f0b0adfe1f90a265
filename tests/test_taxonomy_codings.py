"""Codings: every tool's published order, round trips, and the refusal to mix two of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import TaxonomyError, UnknownNameError
from schemas.coding import Code, Coding, coding, codings

AFFECTNET = "Neutral Happiness Sadness Surprise Fear Disgust Anger Contempt None Uncertain No-Face"
PUBLISHED = {
    "affectnet": (0, AFFECTNET.split()),
    "openface3": (0, ["Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger", "Contempt"]),
    "libreface": (0, ["Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger", "Contempt"]),
    "uniface-7": (0, ["Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Angry"]),
    "uniface-8": (0, ["Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Angry", "Contempt"]),
    "hsemotion-8": (0, ["Anger", "Contempt", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise"]),
    "hsemotion-7": (0, ["Anger", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise"]),
    "py-feat": (0, ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]),
    "deepface": (0, ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]),
    "fer": (0, ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]),
    "raf-db": (1, ["Surprise", "Fear", "Disgust", "Happiness", "Sadness", "Anger", "Neutral"]),
    "fer2013": (0, ["Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral"]),
    "ferplus": (
        0,
        ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"],
    ),
    "expw": (0, ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]),
    "fairface-gender": (0, ["Male", "Female"]),
    "utkface-gender": (0, ["male", "female"]),
    "uniface-gender": (0, ["Female", "Male"]),
    "sig-gender": (0, ["Female", "Male"]),
    "fairface-race4": (0, ["White", "Black", "Asian", "Indian"]),
    "utkface-race": (0, ["White", "Black", "Asian", "Indian", "Others"]),
    "sig-race": (0, ["African", "Asian", "Caucasian", "Indian"]),
    "hrm-side": (0, ["absent", "both", "left", "right", "top", "bottom"]),
    "facs-intensity": (0, ["absent", "A", "B", "C", "D", "E"]),
    "fairface-race": (
        0,
        ["White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian", "Middle Eastern"],
    ),
    "fairface-race-hub": (
        0,
        ["East Asian", "Indian", "Black", "White", "Middle Eastern", "Latino_Hispanic", "Southeast Asian"],
    ),
    "fairface-age-hub": (
        0,
        ["0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70"],
    ),
}


@pytest.mark.parametrize(("name", "published"), PUBLISHED.items())
def test_codes_are_the_published_ones(name: str, published: tuple[int, list[str]]) -> None:
    first, words = published
    one = coding(name)
    assert [one.spell(one.decode(first + i)) for i in range(len(words))] == words
    with pytest.raises(TaxonomyError, match="is no code of"):
        one.decode(first - 1)
    with pytest.raises(TaxonomyError, match="is no code of"):
        one.decode(first + len(words))


def test_one_number_means_different_things() -> None:
    assert [coding(x).decode(1) for x in ("fairface-gender", "uniface-gender")] == ["Female", "Male"]
    assert [coding(x).decode(3) for x in ("affectnet", "hsemotion-8", "raf-db")] == ["surprise", "fear", "disgust"]
    assert [coding(x).decode(0) for x in ("fairface-race", "fairface-race-hub")] == ["White", "East Asian"]


def test_words_and_signs_as_codes() -> None:
    assert coding("deepface-gender").decode("Woman") == "Female"
    assert coding("inafaceanalyzer-gender").encode("Male").value == "m"
    assert coding("celeba-flag").decode(-1) == "absent"


@given(st.data())
def test_encoding_and_spelling_come_back(data: st.DataObject) -> None:
    one = coding(data.draw(st.sampled_from(codings())))
    label = data.draw(st.sampled_from(one.order))
    code = one.encode(label)
    assert one.decode(code) == one.decode(code.value) == label
    assert one.read(one.spell(label)) == label
    assert one.encode(one.decode(code)) == code


@given(st.data())
def test_codes_of_two_codings_never_mix(data: st.DataObject) -> None:
    first, second = data.draw(st.lists(st.sampled_from(codings()), min_size=2, max_size=2, unique=True))
    code = coding(first).encode(data.draw(st.sampled_from(coding(first).order)))
    with pytest.raises(TaxonomyError, match=f"a code of {first} was read as one of {second}"):
        coding(second).decode(code)


@given(st.one_of(st.booleans(), st.floats(), st.text(max_size=4)))
def test_a_value_of_another_type_is_no_code(value: object) -> None:
    with pytest.raises(TaxonomyError, match="is no code of affectnet"):
        coding("affectnet").decode(value)  # type: ignore[arg-type]


def test_scores_are_named_in_the_tools_order() -> None:
    named = coding("hsemotion-7").scores([0.1, 0.2, 0.3, 0.4, 0.0, 0.0, 0.0])
    assert named["happiness"] == 0.4
    assert list(named) == ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
    with pytest.raises(TaxonomyError, match="8 classes: found 7 scores"):
        coding("hsemotion-8").scores([0.0] * 7)


def test_refusals_name_the_way_out() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'affectnet'"):
        coding("afectnet")
    with pytest.raises(TaxonomyError, match="no word of fer"):
        coding("fer").read("anger")
    with pytest.raises(TaxonomyError, match="'joy' is not a label"):
        coding("fer").encode("joy")
    partial = Coding("partial", "gender-2", {"Male": 0}, "d", "s")
    with pytest.raises(TaxonomyError, match="partial has no code for 'Female'"):
        partial.encode("Female")


@pytest.mark.parametrize(
    ("codes", "why"),
    [
        ({"Male": 0, "Neither": 1}, "not in gender-2: Neither"),
        ({"Male": 0, "Female": 0}, "share a code"),
        ({"Male": 0, "Female": "f"}, "all numbers or all words"),
    ],
)
def test_a_wrong_coding_cannot_be_built(codes: dict[str, int | str], why: str) -> None:
    with pytest.raises(TaxonomyError, match=why):
        Coding("wrong", "gender-2", codes, "d", "s")


def test_codes_compare_by_coding_and_value() -> None:
    assert coding("fairface-gender").encode("Male") == Code("fairface-gender", 0)
    assert coding("fairface-gender").encode("Male") != coding("uniface-gender").encode("Female")
