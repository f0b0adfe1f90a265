"""Degradations: every number is stored, steps do what their names say, and worse is worse."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from annotators.crops import Pixels
from annotators.weights import ModelStore
from curate.generators.base import Request
from curate.generators.compress import Compress, CompressConfig, compressed, sweep
from curate.generators.degradation_steps import (
    defocus_blur,
    degraded,
    disc_kernel,
    downsample,
    gaussian_blur,
    gaussian_kernel,
    gaussian_noise,
    line_kernel,
    low_light,
    poisson_noise,
)
from curate.generators.degradations import CHAINS, KINDS, Degrade, DegradeConfig, promised
from curate.generators.promise import Move
from curate.generators.subject import Subject
from schemas import UnknownNameError, UsageError
from schemas.columns import labels
from tests.generator_samples import astronaut, measured

PIXELS = astronaut()
FACE = Subject(PIXELS, None, np.zeros((5, 2)), (0, 0, 1, 1), np.eye(2, 3))
GREY = np.full((256, 256, 3), 120, np.uint8)


def psnr(first: Pixels, second: Pixels) -> float:
    return float(10 * np.log10(255**2 / np.mean((first.astype(float) - second.astype(float)) ** 2)))


@pytest.mark.parametrize("kind", [*KINDS, *CHAINS])
def test_each_kind_regenerates_from_its_json_alone(kind: str) -> None:
    worker = Degrade(DegradeConfig(kind=kind))
    parameters = worker.draw(Request(FACE), np.random.default_rng(5))
    (first,) = worker.make(Request(FACE), parameters)
    (again,) = Degrade().make(Request(FACE), json.loads(json.dumps(parameters)))
    assert np.array_equal(first.pixels, again.pixels)
    assert first.pixels.shape == PIXELS.shape and not np.array_equal(first.pixels, PIXELS)


@pytest.mark.parametrize("kind", [*KINDS, *CHAINS])
def test_severe_is_farther_from_the_photo_than_mild(kind: str) -> None:
    distances = []
    for severity in (0.0, 0.5, 1.0):
        worker = Degrade(DegradeConfig(kind=kind, severity=severity))
        (made,) = worker.make(Request(FACE), worker.draw(Request(FACE), np.random.default_rng(2)))
        distances.append(psnr(made.pixels, PIXELS))
    assert distances[0] > distances[1] > distances[2]


def test_a_chain_blurs_shrinks_adds_noise_compresses_and_returns_to_size() -> None:
    worker = Degrade(DegradeConfig(kind="gfpgan", sigma=2.0, factor=4.0, noise=5.0, quality=70))
    steps = worker.draw(Request(FACE), np.random.default_rng(0))["steps"]
    assert [s["step"] for s in steps] == ["gaussian_blur", "shrink", "gaussian_noise", "jpeg", "resize"]
    assert (steps[0]["sigma"], steps[1]["factor"], steps[2]["sigma"], steps[3]["quality"]) == (2.0, 4.0, 5.0, 70)
    small = degraded(PIXELS, steps[:2])
    assert small.shape == (128, 128, 3)


@pytest.mark.parametrize("chain", CHAINS)
def test_numbers_of_a_chain_are_drawn_each_from_its_papers_range(chain: str) -> None:
    worker, rng = Degrade(DegradeConfig(kind=chain)), np.random.default_rng(1)
    drawn = [worker.draw(Request(FACE), rng)["steps"] for _ in range(200)]
    columns = {"sigma": (0, "sigma"), "factor": (1, "factor"), "noise": (2, "sigma"), "quality": (3, "quality")}
    values = {name: np.array([steps[i][key] for steps in drawn]) for name, (i, key) in columns.items()}
    for name, ends in CHAINS[chain].items():
        low, high = sorted(ends)
        assert values[name].min() >= low and values[name].max() <= high
        assert values[name].max() - values[name].min() > 0.9 * (high - low)
    assert abs(np.corrcoef(values["sigma"], values["factor"])[0, 1]) < 0.25


def test_kernels_sum_to_one_and_have_their_size() -> None:
    for kernel in (disc_kernel(5.0), line_kernel(21.0, 30.0), gaussian_kernel(3.0, 1.0, 40.0)):
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert 1 / disc_kernel(5.0).max() == pytest.approx(np.pi * 25, rel=0.01), "a disc's height is one over its area"
    assert line_kernel(21.0, 0.0).any(0).sum() == 21
    assert np.array_equal(line_kernel(9.0, 0.0), line_kernel(9.0, 90.0).T)
    x = np.arange(-9, 10)
    round_one = gaussian_kernel(3.0, 3.0, 0.0)
    assert float((round_one.sum(0) * x**2).sum()) == pytest.approx(9, rel=0.05)


def test_a_lens_blurs_light_not_code_values() -> None:
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[:, 64:] = 255
    edge = defocus_blur(picture, 40.0)[64, 63:65, 0].astype(float).mean()
    assert edge == pytest.approx(188, abs=2), "half the light of white is code value 188"
    assert float(gaussian_blur(picture, 40.0)[64, 64, 0]) == pytest.approx(128, abs=6)


def test_noise_has_the_strength_it_says() -> None:
    noisy = gaussian_noise(GREY, 10.0, seed=3).astype(float)
    assert (noisy - 120).std() == pytest.approx(10, rel=0.03) and abs((noisy - 120).mean()) < 0.2
    one = gaussian_noise(GREY, 10.0, seed=3, grey=True)
    assert np.array_equal(one[..., 0], one[..., 2])
    light = ((120 / 255 + 0.055) / 1.055) ** 2.4
    back = ((poisson_noise(GREY, 200.0, seed=1) / 255 + 0.055) / 1.055) ** 2.4
    assert back.std() == pytest.approx(np.sqrt(light / 200), rel=0.05), "shot noise goes with the root of light"


def test_two_stops_less_is_a_quarter_of_the_light() -> None:
    white = np.full((128, 128, 3), 255, np.uint8)
    dark = ((low_light(white, 2.0, 4000.0, 0.0, seed=1) / 255 + 0.055) / 1.055) ** 2.4
    assert dark.mean() == pytest.approx(0.25, rel=0.01)


def test_shrinking_by_one_changes_nothing() -> None:
    assert np.array_equal(downsample(PIXELS, 1.0), PIXELS)


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_lower_quality_takes_fewer_bits_and_they_are_the_files_own(kind: str) -> None:
    rates = []
    for _, found in sweep(PIXELS, kind):
        assert found.bits_per_pixel == len(found.data) * 8 / PIXELS[..., 0].size
        rates.append(found.bits_per_pixel)
    assert all(a > b for a, b in itertools.pairwise(rates))
    made = next(
        iter(Compress(CompressConfig(format=kind, quality=40)).make(Request(FACE), {"format": kind, "quality": 40}))
    )
    again = compressed(PIXELS, kind, 40)
    assert np.array_equal(made.pixels, again.pixels)
    assert made.note == {"bytes": len(again.data), "bits_per_pixel": again.bits_per_pixel}


def test_only_what_softens_promises_less_sharpness() -> None:
    assert [c.column for c in promised("defocus_blur", []).changes] == [labels.SHARPNESS, labels.QUALITY_SCORE]
    assert promised("gaussian_noise", []).changes == ()
    mild = [{"step": "gaussian_blur", "sigma": 0.3}, {"step": "shrink", "factor": 1.2}]
    assert promised("gfpgan", mild).changes == ()
    assert promised("gfpgan", [{"step": "shrink", "factor": 5.0}]).changes


@pytest.mark.models
def test_the_verifier_sees_what_blur_and_darkness_promise(models: ModelStore) -> None:
    names = ("mesh", "head_pose", "quality")
    settings = [
        ("gaussian_blur", 0.4),
        ("motion_blur", 0.3),
        ("defocus_blur", 0.5),
        ("downsample", 0.2),
        ("low_light", 0.5),
    ]
    pictures, promises = [PIXELS], []
    for kind, severity in settings:
        worker = Degrade(DegradeConfig(kind=kind, severity=severity))
        (made,) = worker.make(Request(FACE), worker.draw(Request(FACE), np.random.default_rng(4)))
        pictures.append(made.pixels)
        promises.append(made.promise)
    before, *after = measured(pictures, models, names)
    for (kind, _), promise, row in zip(settings, promises, after, strict=True):
        assert promise.changes and all(c.move is Move.DOWN for c in promise.changes)
        assert all(c.held(before, row) for c in promise.changes), kind


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (DegradeConfig(kind="blurr"), UnknownNameError),
        (DegradeConfig(severity=1.5), UsageError),
        (DegradeConfig(kind="jpeg", sigma=2.0), UsageError),
        (DegradeConfig(kind="gfpgan", quality=101), UsageError),
        (DegradeConfig(kind="gfpgan", factor=0.5), UsageError),
    ],
)
def test_settings_that_cannot_be_are_refused(config: DegradeConfig, error: type[Exception]) -> None:
    with pytest.raises(error):
        Degrade.preflight(config)


def test_compression_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        Compress.preflight(CompressConfig(format="gif"))
    with pytest.raises(UsageError):
        Compress.preflight(CompressConfig(quality=200))
