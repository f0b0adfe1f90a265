"""Sketches: lines where there are edges, hatching where it is dark, paper elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from annotators.crops import Pixels
from curate.generators.base import Request
from curate.generators.sketch import Sketch, SketchConfig, hatched, outlines, sketch
from curate.generators.stylisers import STYLES, styled
from curate.generators.subject import Subject
from schemas import UsageError
from tests.generator_samples import astronaut

PIXELS = astronaut()


def ink(pixels: Pixels) -> float:
    return float(1 - pixels.mean() / 255)


def test_an_even_light_picture_stays_paper() -> None:
    blank = sketch(np.full((128, 128, 3), 220, np.uint8), 0.8, 1.0, 1.0, 3)
    assert blank.mean() > 235 and blank.std() < 8


def test_lines_follow_dark_lines() -> None:
    values = np.full((128, 128), 0.8, np.float32)
    values[62:66] = 0.2
    drawn = outlines(values, 0.5, 1.0)
    assert drawn[62:66, 20:-20].mean() > 0.8 and drawn[:40].max() < 0.05


def test_darker_tones_get_more_hatching() -> None:
    tones = [hatched(np.full((128, 128), v, np.float32), 1.0, 5).mean() for v in (0.9, 0.55, 0.35, 0.1)]
    assert tones[0] == 0 and tones[0] < tones[1] < tones[2] < tones[3]


def test_more_detail_and_more_hatching_take_more_graphite() -> None:
    assert ink(sketch(PIXELS, 1.0, 0.0, 1.0, 1)) > ink(sketch(PIXELS, 0.2, 0.0, 1.0, 1))
    assert ink(sketch(PIXELS, 0.5, 1.0, 1.0, 1)) > ink(sketch(PIXELS, 0.5, 0.2, 1.0, 1))


def test_it_is_grey_on_warm_paper_and_not_the_pencil_style() -> None:
    drawn = sketch(PIXELS, 0.6, 0.6, 1.0, 1).astype(float)
    assert np.abs(drawn[..., 0] - drawn[..., 2]).max() < 16
    assert np.abs(drawn - styled(PIXELS, "pencil", STYLES["pencil"].at(0.6))).mean() > 15


def test_settings_are_kept_and_open_ones_drawn() -> None:
    face = Subject(PIXELS, None, np.zeros((5, 2)), (0, 0, 1, 1), np.eye(2, 3))
    drawn = Sketch(SketchConfig(detail=0.3)).draw(Request(face), np.random.default_rng(0))
    assert drawn["detail"] == 0.3 and 0 <= drawn["hatching"] <= 1
    with pytest.raises(UsageError):
        Sketch.preflight(SketchConfig(hatching=2.0))
