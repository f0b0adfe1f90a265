"""Valence and arousal: a mixture with known moments."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.affect import Affect, affect, coordinates
from annotators.base import FaceBatch
from schemas.columns import faces, labels
from schemas.taxonomy import taxonomy

CLASSES = taxonomy("emotion-7").labels
WEIGHTS = st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(lambda p: sum(p) > 0.01)


def pure(emotion: str) -> dict[str, float]:
    return {c: float(c == emotion) for c in CLASSES}


@pytest.mark.parametrize("emotion", CLASSES)
def test_a_pure_expression_lies_at_its_coordinates(emotion: str) -> None:
    estimate, point = affect(pure(emotion)), coordinates()[emotion]
    assert estimate.valence == pytest.approx(point["valence"])
    assert estimate.valence_sd == pytest.approx(point["valence_sd"])
    assert estimate.arousal == pytest.approx(point["arousal"])
    assert estimate.arousal_sd == pytest.approx(point["arousal_sd"])


def test_order_of_expressions() -> None:
    """Happiness is the only pleasant one, neutral the calmest."""
    valence = {c: affect(pure(c)).valence for c in CLASSES}
    arousal = {c: affect(pure(c)).arousal for c in CLASSES}
    assert max(valence, key=lambda c: valence[c]) == "happiness"
    assert all(valence[c] < 0 for c in ("anger", "disgust", "fear", "sadness"))
    assert min(arousal, key=lambda c: arousal[c]) == "neutral"


@given(WEIGHTS, st.floats(0.1, 10))
def test_bounds_and_scale(values: list[float], scale: float) -> None:
    weights = dict(zip(CLASSES, values, strict=True))
    estimate = affect(weights)
    for mean, sd in ((estimate.valence, estimate.valence_sd), (estimate.arousal, estimate.arousal_sd)):
        assert -1 <= mean <= 1
        assert 0 < sd <= 1
    scaled = affect({c: w * scale for c, w in weights.items()})
    assert scaled.valence == pytest.approx(estimate.valence)
    assert scaled.arousal_sd == pytest.approx(estimate.arousal_sd)


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_happiness_is_more_valence(low: float, high: float) -> None:
    low, high = sorted((low, high))

    def of(share: float) -> float:
        return affect({**dict.fromkeys(CLASSES, 0.0), "happiness": share, "sadness": 1 - share}).valence

    assert of(high) >= of(low)


@given(st.sampled_from(CLASSES), st.sampled_from(CLASSES), st.floats(0, 1))
def test_mixture_of_two_by_hand(a: str, b: str, share: float) -> None:
    """Law of total variance, and the order of the two does not matter."""
    weights = {c: share * (c == a) + (1 - share) * (c == b) for c in CLASSES}
    pa_, pb = coordinates()[a], coordinates()[b]
    mean = share * pa_["valence"] + (1 - share) * pb["valence"]
    within = share * pa_["valence_sd"] ** 2 + (1 - share) * pb["valence_sd"] ** 2
    between = share * (1 - share) * (pa_["valence"] - pb["valence"]) ** 2
    estimate = affect(weights)
    assert estimate.valence == pytest.approx(mean, abs=1e-9)
    assert estimate.valence_sd == pytest.approx(np.sqrt(within + between), abs=1e-9)
    turned = {c: weights[c] for c in reversed(CLASSES)}
    assert affect(turned).valence == pytest.approx(mean, abs=1e-9)


def test_a_face_without_an_expression_is_not_applicable() -> None:
    values = pa.array([pure("happiness"), None], labels.EMOTION_PROB.type)
    table = pa.table({faces.FACE_ID.name: ["a.0", "a.1"], labels.EMOTION_PROB.name: values})
    rows = Affect().annotate(FaceBatch(table, {})).to_pylist()
    assert [r["label_status"] for r in rows] == ["ok", "not_applicable"]
    assert rows[0][labels.VALENCE.name] == pytest.approx(coordinates()["happiness"]["valence"])
    assert rows[1][labels.VALENCE.name] is None
