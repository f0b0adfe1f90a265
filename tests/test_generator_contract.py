"""Every generator keeps to the contract on a real portrait; generators are found by scanning."""

from __future__ import annotations

import json

import numpy as np
import pytest

from annotators.weights import ModelStore
from curate.generators.base import Generator, Made, Request
from curate.generators.promise import Promise
from curate.generators.registry import generator, generator_names
from curate.generators.subject import Subject
from tests.generator_samples import astronaut, subjects

EDITS = [n for n in generator_names() if generator(n).takes_subject and generator(n).embedded]


@pytest.fixture(scope="module")
def face(models: ModelStore) -> Subject:
    (found,) = subjects([astronaut()], models, ("mesh", "identity", "demographics", "skin_tone"))
    return found


@pytest.fixture(scope="module")
def other(models: ModelStore) -> Subject:
    """A second face to mix with: the same portrait, mirrored and darker (who it is does not matter here)."""
    (found,) = subjects([(astronaut()[:, ::-1] * 0.8).astype(np.uint8)], models, ("mesh", "identity"))
    return found


@pytest.fixture(scope="module")
def small(models: ModelStore) -> tuple[Subject, Subject]:
    """The same two at half the size."""
    pictures = [astronaut(), (astronaut()[:, ::-1] * 0.8).astype(np.uint8)]
    first, second = subjects(pictures, models, ("mesh", "identity", "demographics", "skin_tone"), side=256)
    return first, second


def made(
    name: str, request: Request, models: ModelStore, seed: int = 3
) -> tuple[Generator, dict[str, object], list[Made]]:
    cls = generator(name)
    cls.preflight(cls.config_type())
    worker = cls()
    worker.setup(models)
    parameters = worker.draw(request, np.random.default_rng(seed))
    return worker, parameters, list(worker.make(request, parameters))


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.models
def test_pictures_follow_from_request_and_parameters(
    name: str, face: Subject, other: Subject, models: ModelStore
) -> None:
    request = Request(face, other if generator(name).takes_partner else None)
    before = face.pixels.copy()
    worker, parameters, pictures = made(name, request, models)
    stored = json.loads(json.dumps(parameters, allow_nan=False))
    again = list(worker.make(request, stored))
    assert len(pictures) == len(again) >= 1
    for one, two in zip(pictures, again, strict=True):
        assert one.pixels.dtype == np.uint8 and one.pixels.shape == face.pixels.shape
        assert np.array_equal(one.pixels, two.pixels), "the same parameters must give the same picture"
        assert one.step == two.step
        json.dumps(one.note, allow_nan=False)
        assert Promise.from_dict(json.loads(json.dumps(one.promise.as_dict()))) == one.promise
    assert [m.step for m in pictures] == list(range(len(pictures)))
    assert any(not np.array_equal(m.pixels, before) for m in pictures), "nothing was changed"
    assert np.array_equal(face.pixels, before), "the subject was written to"


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.models
def test_what_is_outside_the_mask_stays(name: str, face: Subject, other: Subject, models: ModelStore) -> None:
    request = Request(face, other if generator(name).takes_partner else None)
    for picture in made(name, request, models)[2]:
        if picture.changed is None:
            continue
        assert picture.changed.shape == face.pixels.shape[:2] and picture.changed.dtype == np.uint8
        assert np.array_equal(picture.pixels[picture.changed == 0], face.pixels[picture.changed == 0])


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.models
def test_the_seed_alone_decides_what_is_drawn(name: str, face: Subject, other: Subject, models: ModelStore) -> None:
    request = Request(face, other if generator(name).takes_partner else None)
    worker = generator(name)()
    worker.setup(models)
    first, second = (worker.draw(request, np.random.default_rng(7)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.models
def test_another_portrait_size_works(name: str, small: tuple[Subject, Subject], models: ModelStore) -> None:
    request = Request(small[0], small[1] if generator(name).takes_partner else None)
    for picture in made(name, request, models)[2]:
        assert picture.pixels.shape == small[0].pixels.shape
