"""Styles: the same numbers give the same picture, at any size, and one example is enough to find them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotators.crops import Pixels
from annotators.weights import ModelStore
from curate.generators.base import Request
from curate.generators.edge_flow import edge_flow
from curate.generators.kuwahara import kuwahara
from curate.generators.promise import same_person
from curate.generators.style_fitting import fit_style, style_loss
from curate.generators.style_tools import SKIN_LIGHTNESS, bend_for, lightness
from curate.generators.stylisers import STYLES, Stylise, StyliseConfig, styled
from curate.generators.subject import Subject
from curate.generators.xdog import XDoG, xdog
from schemas import UnknownNameError, UsageError
from schemas.columns import labels
from tests.generator_samples import adult_pictures, astronaut, measured, subjects


def resized(pixels: Pixels, side: int) -> Pixels:
    how = cv2.INTER_AREA if side < pixels.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=how), np.uint8)


PIXELS = resized(astronaut(), 192)
FACE = Subject(PIXELS, None, np.zeros((5, 2)), (0, 0, 1, 1), np.eye(2, 3))


@pytest.mark.parametrize("style", STYLES)
def test_a_style_follows_from_its_json_alone(style: str) -> None:
    worker = Stylise(StyliseConfig(style=style))
    parameters = worker.draw(Request(FACE), np.random.default_rng(8))
    (first,) = worker.make(Request(FACE), parameters)
    (again,) = Stylise().make(Request(FACE), json.loads(json.dumps(parameters)))
    assert np.array_equal(first.pixels, again.pixels) and not np.array_equal(first.pixels, PIXELS)


@pytest.mark.parametrize(("style", "side"), [(s, 2048 if s == "xdog" else 640) for s in STYLES])
def test_a_large_picture_is_drawn_like_the_same_picture_made_small(style: str, side: int) -> None:
    numbers = STYLES[style].at(0.4)
    large = styled(resized(PIXELS, side), style, numbers)
    assert large.shape == (side, side, 3)
    small = styled(PIXELS, style, numbers)
    back = resized(large, PIXELS.shape[0])
    other = styled(np.ascontiguousarray(PIXELS[:, ::-1]), style, numbers)
    near, far = (float(np.abs(p.astype(float) - small).mean()) for p in (back, other))
    assert near < 0.6 * far


@pytest.mark.parametrize("style", STYLES)
def test_stronger_is_farther_from_the_photo(style: str) -> None:
    weak, strong = (style_loss(styled(PIXELS, style, STYLES[style].at(s)), PIXELS) for s in (0.1, 1.0))
    assert strong > weak


def test_xdog_is_white_above_its_level_and_dark_below() -> None:
    numbers = XDoG(level=0.5, slope=10.0)
    light, dark = (np.full((64, 64, 3), v, np.uint8) for v in (200, 20))
    assert (xdog(light, numbers) == 255).all()
    value = float(lightness(dark)[0, 0])
    assert xdog(dark, numbers)[0, 0, 0] == round(255 * (1 + np.tanh(10 * (value - 0.5))))


def test_the_flow_runs_along_stripes_and_smoothing_keeps_them() -> None:
    stripes = np.repeat((np.arange(64) // 4 % 2)[None].astype(np.float32), 64, axis=0)
    flow = edge_flow(stripes, 2.0)
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(flow.x[inner]).max() < 0.05 and flow.coherence[inner].min() > 0.95
    assert np.abs(flow.along(stripes, 4.0) - stripes)[inner].max() < 0.15
    noise = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    assert flow.along(noise, 4.0)[inner].std() < 0.5


def test_kuwahara_flattens_and_keeps_edges() -> None:
    step = np.zeros((64, 64, 3), np.float32)
    step[:, 32:] = 1
    noisy = step + np.random.default_rng(1).normal(0, 0.05, step.shape).astype(np.float32)
    found = kuwahara(noisy, 5.0)
    assert found[8:-8, 8:28].std() < 0.02
    assert found[32, 28, 0] < 0.1 and found[32, 36, 0] > 0.9, "a blur of this size would reach farther"


def test_lines_are_taken_from_dark_skin_as_from_pale() -> None:
    for value in (80, 120, 190):
        face = Subject(np.full((64, 64, 3), value, np.uint8), None, np.zeros((5, 2)), (0, 0, 1, 1), np.eye(2, 3))
        assert lightness(face.pixels, bend_for(face)).mean() == pytest.approx(SKIN_LIGHTNESS, abs=0.04)


@pytest.mark.parametrize("seed", [1, 2])
def test_one_example_of_xdog_gives_its_numbers_back(seed: int) -> None:
    content = resized(PIXELS, 128)
    rng = np.random.default_rng(seed)
    numbers = STYLES["xdog"].at(0.5) | {k: float(rng.uniform(min(e), max(e))) for k, e in STYLES["xdog"].ends.items()}
    found = fit_style(content, styled(content, "xdog", numbers), "xdog", rounds=12)
    assert found.loss < 0.1 * found.typical
    assert found.numbers["slope"] == pytest.approx(numbers["slope"], rel=0.15)
    assert found.loss == style_loss(styled(content, "xdog", found.numbers), styled(content, "xdog", numbers))


@pytest.mark.models
def test_stronger_styles_are_less_like_the_person_on_average(models: ModelStore, shared_data: Path) -> None:
    faces = subjects(adult_pictures(shared_data, 8), models, side=256)
    assert len(faces) >= 6
    name = labels.EMBEDDING.name
    for style in ("xdog", "cartoon"):
        means = []
        for strength in (0.0, 1.0):
            worker = Stylise(StyliseConfig(style=style, strength=strength))
            rng = np.random.default_rng(0)
            made = [next(iter(worker.make(Request(f), worker.draw(Request(f), rng)))).pixels for f in faces]
            rows = measured(made, models)
            cosines = [same_person(f.labels[name], r.get(name)) or 0.0 for f, r in zip(faces, rows, strict=True)]
            means.append(float(np.mean(cosines)))
        assert means[0] > means[1] + 0.05, style


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        Stylise.preflight(StyliseConfig(style="cubism"))
    with pytest.raises(UsageError):
        Stylise.preflight(StyliseConfig(strength=-0.1))
