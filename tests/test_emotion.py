"""Expression by the fer network alone and by prototypes: calibration, made-up action units, a known face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.base import Annotator, NotApplicable
from annotators.emotion_fer import Calibration, EmotionFer, EmotionFerConfig, calibration
from annotators.emotion_prototype import EmotionPrototype, PrototypeConfig, fits, prototypes, reading
from annotators.fer import network_input
from annotators.weights import ModelStore
from benchmarks.labelling import label, made
from schemas.columns import labels
from schemas.taxonomy import taxonomy

CLASSES = taxonomy("emotion-7").labels
UNITS = taxonomy("au-columns").labels
CONFIG = PrototypeConfig()
PROBABILITIES = st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(lambda p: sum(p) > 0.01)


def units(*active: str, missing: tuple[str, ...] = ()) -> dict[str, float | None]:
    return {u: None if u in missing else 1.0 if u in active else 0.0 for u in UNITS}


@given(PROBABILITIES)
def test_calibrated_probabilities_are_a_distribution(values: list[float]) -> None:
    total = sum(values)
    result = calibration()({c: v / total for c, v in zip(CLASSES, values, strict=True)})
    assert list(result) == list(CLASSES)
    assert sum(result.values()) == pytest.approx(1)
    assert all(0 <= p <= 1 for p in result.values())


@given(PROBABILITIES, st.sampled_from(CLASSES), st.floats(0.1, 3))
def test_bias_raises_its_class_only(values: list[float], favoured: str, bias: float) -> None:
    raw = dict(zip(CLASSES, values, strict=True))
    plain = Calibration(1.0, dict.fromkeys(CLASSES, 0.0))(raw)
    shifted = Calibration(1.0, {c: bias if c == favoured else 0.0 for c in CLASSES})(raw)
    assert shifted[favoured] >= plain[favoured]
    others = [c for c in CLASSES if c != favoured]
    assert all(shifted[c] <= plain[c] + 1e-12 for c in others)


def test_network_input_is_grey_from_minus_one_to_one() -> None:
    crop = np.zeros((64, 64, 3), np.uint8)
    crop[:, 32:] = 255
    values = network_input(crop)
    assert values.shape == (1, 64, 64, 1)
    assert values.dtype == np.float32
    assert values[0, 0, 0, 0] == -1
    assert values[0, 0, -1, 0] == 1


@pytest.mark.parametrize(
    ("active", "emotion"),
    [
        (("AU6", "AU12"), "happiness"),
        (("AU6", "AU12", "AU25"), "happiness"),
        (("AU1", "AU4", "AU15"), "sadness"),
        (("AU1", "AU2", "AU5", "AU26"), "surprise"),
        (("AU1", "AU2", "AU4", "AU5", "AU7", "AU20", "AU26"), "fear"),
        (("AU4", "AU5", "AU7", "AU23"), "anger"),
        (("AU9", "AU15", "AU16"), "disgust"),
        (("AU4", "AU10", "AU17"), "disgust"),
        ((), "neutral"),
        (("AU45", "AU28"), "neutral"),
    ],
)
def test_prototypes_read_their_own_units(active: tuple[str, ...], emotion: str) -> None:
    result = reading(units(*active), CONFIG)
    assert max(CLASSES, key=lambda c: result[c] or 0) == emotion
    assert result[emotion] == max(p for p in result.values() if p is not None)
    assert sum(p for p in result.values() if p is not None) == pytest.approx(1)
    assert (result[emotion] or 0) > 0.6


def test_unseen_units_are_left_out_and_the_rest_counts_in_full() -> None:
    scores = units("AU12", missing=("AU6", "AU9", "AU16"))
    assert fits(scores, CONFIG)["happiness"] == 1.0
    assert fits(units("AU12"), CONFIG)["happiness"] == 0.5


def test_an_emotion_without_known_units_has_no_probability() -> None:
    result = reading(units("AU6", "AU12", missing=("AU1", "AU4", "AU15")), CONFIG)
    assert result["sadness"] is None
    assert (result["happiness"] or 0) > 0.6
    with pytest.raises(NotApplicable):
        reading(dict.fromkeys(UNITS), CONFIG)


@given(st.lists(st.floats(0, 1), min_size=len(UNITS), max_size=len(UNITS)))
def test_reading_is_a_distribution_for_any_scores(values: list[float]) -> None:
    result = reading(dict(zip(UNITS, values, strict=True)), CONFIG)
    assert sum(p or 0 for p in result.values()) == pytest.approx(1)


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_of_a_unit_never_fits_its_own_prototype_worse(low: float, high: float) -> None:
    low, high = sorted((low, high))
    weak, strong = ({**units("AU6"), "AU12": s} for s in (low, high))
    assert (fits(strong, CONFIG)["happiness"] or 0) >= (fits(weak, CONFIG)["happiness"] or 0)


def test_prototypes_name_known_units_and_emotions() -> None:
    assert set(prototypes()) == set(CLASSES) - {"neutral"}
    assert all(combination <= set(UNITS) for sets in prototypes().values() for combination in sets)


@pytest.mark.models
@pytest.mark.data
def test_the_network_alone_on_a_known_face(models: ModelStore, shared_data: Path) -> None:
    """A strict threshold turns the label into null but keeps the probabilities."""
    photo = (shared_data / "photos/skimage/astronaut.png").read_bytes()
    (row,) = label([(photo, {})], made("emotion_fer"), models)
    assert row[labels.PERCEIVED_EMOTION.name] == "happiness"
    assert row[labels.EMOTION_PROB.name]["happiness"] > 0.7
    strict: list[Annotator] = [EmotionFer(EmotionFerConfig(threshold=1.0))]
    (row,) = label([(photo, {})], strict, models)
    assert row[labels.PERCEIVED_EMOTION.name] is None
    assert row[labels.EMOTION_PROB.name]["happiness"] > 0.7


@pytest.mark.models
@pytest.mark.data
def test_prototype_of_a_smile(models: ModelStore, shared_data: Path) -> None:
    photo = (shared_data / "photos/skimage/astronaut.png").read_bytes()
    chain = [*made("mesh", "blendshapes", "action_units"), EmotionPrototype()]
    (row,) = label([(photo, {})], chain, models)
    assert row[labels.PROTOTYPE.name] == "happiness"
