"""Captions: every claim can be read back from the words, and none goes beyond the columns."""

from __future__ import annotations

import random
import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.base import FaceBatch
from annotators.caption import CaptionConfig, CaptionWriter, claims_of
from annotators.caption_grammar import SLOTS, compose, fact, grammar
from annotators.caption_parser import lexicon, parse
from schemas import SchemaError, taxonomy
from schemas.columns import faces, labels


def choices() -> dict[str, list[str]]:
    """Every slot of the grammar with its labels."""
    found: dict[str, list[str]] = {"gender": ["Male", "Female"], "maturity": ["adult", "child"]}
    words = grammar()
    for slot, label in [*words.forms, *words.leads, *words.ages]:
        found.setdefault(slot, []).append(label)
    return found


claims = st.fixed_dictionaries({}, optional={slot: st.sampled_from(values) for slot, values in choices().items()})


@given(claims, st.integers())
def test_parsing_gives_back_exactly_the_facts(claims: dict[str, str], seed: int) -> None:
    caption = compose(claims, random.Random(seed))
    assert parse(caption.text) == set(caption.facts)
    assert set(caption.facts) <= {fact(slot, label) for slot, label in claims.items()}


@given(claims, st.integers())
def test_sentences_are_well_formed(claims: dict[str, str], seed: int) -> None:
    text = compose(claims, random.Random(seed)).text
    assert re.fullmatch(r"[A-Z][^.{}]*\.( [A-Z][^.{}]*\.)?", text), text
    assert "  " not in text
    assert " ," not in text
    assert not re.search(r"\ba [aeiou]", text), text
    assert not re.search(r"\ban [^aeiou]", text), text
    assert not re.search(rf"\b(he|she) ({PLURAL})\b", text.lower())
    assert not re.search(r"\bthey (is|has|looks|seems|appears|smiles|faces|shows|wears|keeps|holds)\b", text.lower())
    assert not re.search(r",,|, \.|and \.|with \.|and,|with,", text)


PLURAL = "are|have|look|seem|appear|smile|face|show|wear|keep|hold"


@given(claims, st.integers())
def test_a_singular_noun_takes_singular_verbs(claims: dict[str, str], seed: int) -> None:
    nobody = {k: v for k, v in claims.items() if k != "gender"}
    first = compose(nobody, random.Random(seed)).text.lower().partition(". they")[0]
    before = "person|someone|adult|child|male|female|old|(twen|thir|for|fif|six)ties|nine|older|three|nineteen"
    assert not re.search(rf"\b({before}),? ({PLURAL})\b", first)
    assert not re.search(rf"\band ({PLURAL})\b", first), "the second verb agrees too"


def test_every_verb_that_follows_a_noun_without_gender_is_singular() -> None:
    texts = [
        compose({"maturity": "adult", "emotion": "sadness", "nod": "down"}, random.Random(s)).text for s in range(99)
    ]
    fused = [text for text in texts if re.match(r"An adult( person)? (looks|appears|has|holds) ", text)]
    assert fused and not any(re.match(rf"An adult( person)? ({PLURAL})\b", text) for text in texts)
    assert any(re.search(r"They (look|appear|have|hold)\b", text) for text in texts)


@given(claims, st.integers())
def test_pronouns_agree_with_the_person(claims: dict[str, str], seed: int) -> None:
    words = set(re.findall(r"[a-z]+", compose(claims, random.Random(seed)).text.lower()))
    kinds = {"Male": {"he", "his"}, "Female": {"she", "her"}, None: {"they", "their"}}
    wrong = set.union(*(pronouns for kind, pronouns in kinds.items() if kind != claims.get("gender")))
    assert not words & wrong


@given(claims, st.integers())
def test_case_and_spacing_do_not_matter_to_the_parser(claims: dict[str, str], seed: int) -> None:
    caption = compose(claims, random.Random(seed))
    assert parse("  " + caption.text.upper().replace(" ", "\n ")) == set(caption.facts)


@pytest.mark.parametrize("text", ["A handsome man.", "A man, smiling, who is ill.", "A manly person.", "Obama."])
def test_words_outside_the_grammar_are_refused(text: str) -> None:
    with pytest.raises(SchemaError, match="cannot read"):
        parse(text)


def test_contradictions_are_refused() -> None:
    with pytest.raises(SchemaError, match="contradicts"):
        parse("A man with closed lips and an open mouth.")


def test_known_captions() -> None:
    assert parse("A man who appears to be in his thirties, smiling and looking at the camera.") == {
        "perceived_gender=Male",
        "perceived_age=adult",
        "perceived_age_group=30-39",
        "au_score.AU12=active",
        "looks_at_camera=true",
    }
    assert parse("A photo of a person.") == set()


def test_the_grammar_speaks_of_known_labels_only() -> None:
    for slot, values in choices().items():
        column, field = SLOTS[slot]
        if column.kind == "label" and column.taxonomy:
            assert set(values) <= set(taxonomy(column.taxonomy).labels), slot
        if field:
            assert field in taxonomy(column.taxonomy).labels


def test_every_label_of_the_main_columns_can_be_said() -> None:
    said = choices()
    for slot in ("age", "emotion", "mouth", "eyes", "skin", "gender"):
        assert set(said[slot]) == set(taxonomy(SLOTS[slot][0].taxonomy).labels)


def test_no_words_for_what_must_not_be_said() -> None:
    forbidden = {"beautiful", "handsome", "pretty", "attractive", "ugly", "sick", "ill", "healthy", "asian", "white",
                 "black", "indian", "latino", "race", "ethnic", "fat", "thin", "disabled"}  # fmt: skip
    words = {word for phrase in lexicon() for word in re.findall(r"[a-z]+", phrase)}
    assert words & forbidden == {"white", "black"}  # "black-and-white photo"
    assert all("black-and-white" in p for p in lexicon() if re.search(r"\b(white|black)\b", p))


SURE = {
    labels.FACE_DOUBTFUL: False,
    labels.GENDER: "Female",
    labels.GENDER_PROB: {"Female": 0.99, "Male": 0.01},
    labels.AGE_PROB: {"40-49": 0.8, "30-39": 0.2},
    labels.PERCEIVED_EMOTION: "happiness",
    labels.EMOTION_PROB: {"happiness": 0.9, "neutral": 0.1},
    labels.AU_SCORE: {"AU12": 0.95},
    labels.MOUTH_STATE: "parted",
    labels.EYES_STATE: "open",
    labels.REGION_VISIBLE: dict.fromkeys(taxonomy("face-region").labels, 0.95),
    labels.SHARPNESS: 0.9,
    labels.YAW: -30.0,
    labels.PITCH: 0.0,
    labels.ROLL: 2.0,
    labels.GAZE_YAW: 3.0,
    labels.GAZE_PITCH: 2.0,
    labels.LOOKS_AT_CAMERA: True,
    labels.ITA_CLASS: "brown",
    labels.SKIN_CONFIDENCE: 0.9,
    labels.SKIN_LIGHTING: "usable",
}


def test_sure_columns_become_claims() -> None:
    assert claims_of(SURE, CaptionConfig()) == {
        "gender": "Female",
        "age": "40-49",
        "maturity": "adult",
        "emotion": "happiness",
        "smile": "active",
        "mouth": "parted",
        "eyes": "open",
        "turn": "image_left",
        "camera": "true",
    }
    assert claims_of(SURE, CaptionConfig(include_skin_tone=True))["skin"] == "brown"


@pytest.mark.parametrize(
    ("column", "value", "gone"),
    [
        (labels.GENDER, None, {"gender"}),
        (labels.GENDER_PROB, {"Female": 0.7, "Male": 0.3}, {"gender"}),
        (labels.AGE_PROB, {"10-19": 0.5, "20-29": 0.5}, {"age", "maturity"}),
        (labels.AGE_PROB, {"10-19": 0.9, "20-29": 0.1}, {"maturity"}),
        (labels.AGE_PROB, None, {"age", "maturity"}),
        (labels.EMOTION_PROB, {"happiness": 0.4, "neutral": 0.3}, {"emotion"}),
        (labels.AU_SCORE, {"AU12": 0.6}, {"smile"}),
        (labels.AU_SCORE, {"AU12": None}, {"smile"}),
        (labels.EYES_STATE, "closed", {"camera"}),
        (labels.REGION_VISIBLE, None, {"emotion", "smile", "mouth", "eyes", "camera"}),
        (labels.YAW, None, {"turn"}),
        (labels.YAW, -12.0, {"turn"}),
        (labels.GAZE_YAW, None, {"camera"}),
        (labels.LOOKS_AT_CAMERA, False, {"camera"}),
    ],
)
def test_unsure_columns_are_not_told(column: object, value: object, gone: set[str]) -> None:
    before, after = (claims_of(v, CaptionConfig()) for v in (SURE, {**SURE, column: value}))
    assert before.keys() - after.keys() == gone


def test_a_teenager_gets_no_noun_for_adults_or_children() -> None:
    said = claims_of({**SURE, labels.AGE_PROB: {"10-19": 0.9, "20-29": 0.1}}, CaptionConfig())
    assert said["age"] == "10-19"
    texts = [compose(said, random.Random(seed)).text for seed in range(50)]
    assert not any(re.search(r"\b(man|woman|girl|boy|child|adult)\b", text) for text in texts)


def test_a_covered_mouth_is_told_and_nothing_is_read_from_it() -> None:
    covered = {**SURE, labels.REGION_VISIBLE: {**SURE[labels.REGION_VISIBLE], "mouth": 0.01}}
    said = claims_of(covered, CaptionConfig())
    assert said["mouth_covered"] == "covered"
    assert not said.keys() & {"mouth", "smile", "emotion"}


def batch_of(**changes: object) -> FaceBatch:
    values = {c.name: v for c, v in SURE.items()} | changes
    table = {faces.FACE_ID.name: pa.array(["picture.0"]), faces.IMAGE_ID.name: pa.array(["picture"])}
    table |= {c.name: pa.array([values[c.name]], c.type) for c in CaptionWriter.requires}
    return FaceBatch(pa.table(table), {})


def label_one(annotator: CaptionWriter, batch: FaceBatch) -> dict[str, object]:
    return dict(annotator.annotate(batch).to_pylist()[0])


def test_a_face_and_a_seed_make_one_caption() -> None:
    first, again = (label_one(CaptionWriter(), batch_of()) for _ in range(2))
    assert first == again
    assert first[labels.STATUS.name] == "ok"
    assert parse(str(first[labels.CAPTION.name])) == set(first[labels.CAPTION_FACTS.name])
    others = {label_one(CaptionWriter(CaptionConfig(seed=s)), batch_of())[labels.CAPTION.name] for s in range(60)}
    assert len(others) >= 55


def test_doubtful_and_unknown_faces_get_no_caption() -> None:
    doubtful = label_one(CaptionWriter(), batch_of(**{labels.FACE_DOUBTFUL.name: True}))
    assert doubtful[labels.STATUS.name] == "not_applicable"
    assert doubtful[labels.CAPTION.name] is None
    unknown = label_one(CaptionWriter(), batch_of(**{c.name: None for c in SURE}))
    assert (unknown[labels.STATUS.name], unknown[labels.CAPTION.name]) == ("not_applicable", None)
    assert "sure" in str(unknown[labels.ERROR.name])
