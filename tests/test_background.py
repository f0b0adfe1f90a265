"""New backgrounds: the face keeps its bytes, the user's own pictures are used, and runs repeat to the bit."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from annotators.weights import ModelStore
from curate.generators.background import Background, BackgroundConfig, pictures
from curate.generators.base import CannotGenerate, Request
from curate.generators.matting import person_matte
from curate.generators.promise import Identity
from curate.generators.regions import regions
from curate.generators.scenery import SCENES
from curate.generators.subject import Subject
from schemas import UnknownNameError, UsageError
from schemas.columns import labels
from tests.generator_samples import astronaut, encoded, subjects

SIDE = 256


@pytest.fixture(scope="module")
def face(models: ModelStore) -> Subject:
    (found,) = subjects([astronaut()], models, side=SIDE)
    return found


@pytest.mark.models
def test_the_face_keeps_its_bytes_and_the_corners_do_not(face: Subject) -> None:
    worker = Background(BackgroundConfig(kind="night"))
    (made,) = worker.make(Request(face), worker.draw(Request(face), np.random.default_rng(1)))
    inside = regions(face).face > 0
    assert inside.sum() > 1000 and np.array_equal(made.pixels[inside], face.pixels[inside])
    assert made.changed is not None and not made.changed[inside].any()
    assert made.changed[4, 4] == made.changed[4, -5] == 255
    assert made.promise.identity is Identity.KEPT and labels.PERCEIVED_EMOTION in made.promise.keeps
    assert 0.2 < made.note["background_share"] < 0.8


@pytest.mark.models
def test_a_cut_does_not_depend_on_what_ran_before(face: Subject) -> None:
    first = person_matte(face)
    cv2.setRNGSeed(99)
    second = person_matte(face)
    assert first is not None and second is not None
    assert np.array_equal(first.alpha, second.alpha) and np.array_equal(first.colour, second.colour)


@pytest.mark.models
def test_the_matte_holds_the_head_and_leaves_the_wall(face: Subject) -> None:
    matte = person_matte(face)
    assert matte is not None
    assert matte.alpha[regions(face).face > 0.5].min() == 1
    assert matte.alpha[: SIDE // 8, : SIDE // 8].max() == 0
    assert 0 < ((matte.alpha > 0.05) & (matte.alpha < 0.95)).mean() < 0.15, "the edge is soft and narrow"


@pytest.mark.models
def test_pictures_of_a_folder_are_used_and_found_again(face: Subject, tmp_path: Path) -> None:
    blue = np.zeros((300, 400, 3), np.uint8)
    blue[..., 2] = 230
    (tmp_path / "sky.png").write_bytes(encoded(blue))
    (tmp_path / "note.txt").write_text("no picture")
    config = BackgroundConfig(kind="folder", folder=str(tmp_path))
    Background.preflight(config)
    assert pictures(str(tmp_path)) == ["sky.png"]
    worker = Background(config)
    parameters = worker.draw(Request(face), np.random.default_rng(1))
    (made,) = worker.make(Request(face), parameters)
    corner = made.pixels[:20, :20].reshape(-1, 3).mean(0)
    assert corner[2] > 60 and corner[0] < 10
    (tmp_path / "sky.png").unlink()
    with pytest.raises(CannotGenerate, match=r"sky\.png"):
        list(worker.make(Request(face), parameters))


@pytest.mark.parametrize("scene", SCENES)
def test_scenes_are_light_and_follow_from_their_seed(scene: str) -> None:
    first, again, other = (SCENES[scene](96, np.random.default_rng(s)) for s in (3, 3, 4))
    assert first.shape == (96, 96, 3) and first.min() >= 0 and 0.01 < first.mean() < 1.5
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        Background.preflight(BackgroundConfig(kind="beach"))
    for config in (BackgroundConfig(kind="folder"), BackgroundConfig(folder=str(tmp_path)), BackgroundConfig(blur=-1)):
        with pytest.raises(UsageError):
            Background.preflight(config)
