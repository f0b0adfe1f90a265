"""Settings given as texts become typed values, or one clear line."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.base import Config
from annotators.registry import annotator, annotator_names, detector, detector_names
from curate.engine.settings import configure, parse_settings, rebuild
from schemas import UnknownNameError, UsageError


@dataclass(frozen=True)
class Sample(Config):
    share: float = 0.5
    passes: int = 2
    strict: bool = False
    name: str = "plain"
    limits: tuple[float, ...] = (0.1, 0.9)


def test_texts_are_split_by_annotator_and_option() -> None:
    assert parse_settings(["a.x=1", "a.y=b=c", "b.x="]) == {"a": {"x": "1", "y": "b=c"}, "b": {"x": ""}}


@pytest.mark.parametrize("text", ["x", "x=1", ".x=1", "a.=1", "a.x"])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected annotator\.option=value"):
        parse_settings([text])


@given(
    st.floats(-1e6, 1e6),
    st.integers(-(10**6), 10**6),
    st.booleans(),
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=4),
)
def test_values_survive_the_way_through_text(share: float, passes: int, strict: bool, limits: list[float]) -> None:
    texts = {"share": repr(share), "passes": str(passes), "strict": str(strict), "limits": ",".join(map(repr, limits))}
    assert configure(Sample, texts, "sample") == Sample(share, passes, strict, "plain", tuple(limits))


@pytest.mark.parametrize(
    ("option", "text"), [("share", "much"), ("passes", "1.5"), ("strict", "perhaps"), ("limits", "a,b")]
)
def test_values_of_another_type_are_refused(option: str, text: str) -> None:
    with pytest.raises(UsageError, match=rf"sample\.{option}="):
        configure(Sample, {option: text}, "sample")


def test_unknown_options_are_met_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'strict'"):
        configure(Sample, {"strickt": "yes"}, "sample")


@pytest.mark.parametrize(
    "cls", [*map(annotator, annotator_names()), *map(detector, detector_names())], ids=lambda c: c.name
)
def test_every_config_survives_the_way_through_plain_data(cls: type) -> None:
    config = cls.config_type()
    assert rebuild(cls.config_type, config.as_dict()) == config
    assert config.hash == rebuild(cls.config_type, config.as_dict()).hash
