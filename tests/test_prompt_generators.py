"""Diffusers pipelines: the generator's picture is the library's own, from a tiny pipeline made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotators.weights import ModelStore
from curate.generators.adapters.diffusion import Diffusion, DiffusionConfig
from curate.generators.adapters.diffusion_identity import DiffusionIdentity, DiffusionIdentityConfig, embedding
from curate.generators.base import CannotGenerate, Generator, Request
from curate.generators.promise import Identity, Move
from curate.generators.prompts.control import control_image
from curate.generators.subject import Subject
from schemas import MissingExtraError, ModelError, UnknownNameError, UsageError
from schemas.columns import labels
from tests import tiny_diffusion as tiny

pytest.importorskip("diffusers")
SMALL: dict[str, Any] = {"steps": 2, "guidance": 5.0, "width": 64, "height": 64, "device": "cpu"}
CALL: dict[str, Any] = {"num_inference_steps": 2, "guidance_scale": 5.0, "width": 64, "height": 64}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("diffusion")
    tiny.make(place / "sd", place / "work")
    tiny.controlnet(place / "control")
    tiny.face_adapter(place / "face.safetensors")
    tiny.face_network(place / "arcface.onnx")
    tiny.look_adapter(place / "look.safetensors", place / "encoder")
    return place


@pytest.fixture(scope="module")
def face() -> Subject:
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (128, 128, 3), np.uint8)
    points = np.array([[44, 50], [84, 50], [64, 75], [48, 95], [80, 95]], float)
    held = {labels.GENDER.name: "Female", labels.RACE.name: "Black", labels.AGE_GROUP.name: "30-39"}
    return Subject(pixels, None, points, (30, 30, 70, 80), np.eye(2, 3), held, "i.0", "i")


def ready(cls: type[Generator], config: Any) -> Any:
    cls.preflight(config)
    made = cls(config)
    made.setup(ModelStore())
    return made


def as_bytes(picture: Any) -> Any:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def test_the_picture_is_the_librarys_own(folder: Path) -> None:
    made = ready(Diffusion, DiffusionConfig(model=str(folder / "sd"), grid="sig", **SMALL))
    requests = made.requests(4, seed=9)
    parameters = made.draw(requests[1], np.random.default_rng(0))
    (picture,) = made.make(requests[1], json.loads(json.dumps(parameters)))
    own = tiny.painted(
        tiny.loaded(folder / "sd"), parameters["seed"], prompt=parameters["prompt"],
        negative_prompt=parameters["negative"], **CALL,
    )  # fmt: skip
    assert np.array_equal(picture.pixels, as_bytes(own))
    assert picture.promise.identity is Identity.NEW and picture.note["name"] == requests[1].row["name"]
    assert {(c.column.name, c.label) for c in picture.promise.changes} == set(requests[1].wanted.items())
    assert all(c.move is Move.BECOMES for c in picture.promise.changes)


def test_another_seed_gives_another_picture(folder: Path) -> None:
    made = ready(Diffusion, DiffusionConfig(model=str(folder / "sd"), prompt="a woman", **SMALL))
    request = made.requests(1, 0)[0]
    first, second = (made.draw(request, np.random.default_rng(s)) for s in (1, 2))
    assert first["seed"] != second["seed"]
    pictures = [next(iter(made.make(request, p))).pixels for p in (first, second, first)]
    assert np.array_equal(pictures[0], pictures[2]) and not np.array_equal(pictures[0], pictures[1])


def test_a_controlnet_follows_the_landmarks_of_the_view(folder: Path) -> None:
    config = DiffusionConfig(model=str(folder / "sd"), controlnet=str(folder / "control"), grid="sig", **SMALL)
    made = ready(Diffusion, config)
    request = made.requests(3, 0)[1]
    assert request.row["facts"]["view"] == "view_1"
    parameters = made.draw(request, np.random.default_rng(0))
    (picture,) = made.make(request, parameters)
    own = tiny.painted(
        tiny.loaded(folder / "sd", folder / "control"), parameters["seed"], prompt=parameters["prompt"],
        negative_prompt=parameters["negative"], image=tiny.pil(control_image(35.0, side=64)),
        controlnet_conditioning_scale=1.0, **CALL,
    )  # fmt: skip
    assert np.array_equal(picture.pixels, as_bytes(own))


def test_a_face_adapter_is_given_the_faces_embedding(folder: Path, face: Subject) -> None:
    config = DiffusionIdentityConfig(
        model=str(folder / "sd"),
        adapter=str(folder / "face.safetensors"),
        embedder=str(folder / "arcface.onnx"),
        **SMALL,
    )
    made = ready(DiffusionIdentity, config)
    request = Request(face, wanted={labels.PERCEIVED_EMOTION.name: "surprise"})
    parameters = made.draw(request, np.random.default_rng(0))
    assert "Black African woman" in parameters["prompt"] and "raised brows" in parameters["prompt"]
    (picture,) = made.make(request, parameters)
    vector = embedding(face, made._embedder)
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5 and vector.shape == (tiny.FACE,)
    own = tiny.painted(
        tiny.with_face(tiny.loaded(folder / "sd"), folder / "face.safetensors", config.adapter_scale),
        parameters["seed"], prompt=parameters["prompt"], negative_prompt=parameters["negative"],
        ip_adapter_image_embeds=[tiny.both(vector)], **CALL,
    )  # fmt: skip
    assert np.array_equal(picture.pixels, as_bytes(own))
    assert picture.promise.identity is Identity.KEPT
    plain = tiny.painted(tiny.loaded(folder / "sd"), parameters["seed"], prompt=parameters["prompt"],
                         negative_prompt=parameters["negative"], **CALL)  # fmt: skip
    assert not np.array_equal(picture.pixels, as_bytes(plain)), "the face has no say"


def test_a_plain_adapter_is_given_the_portrait(folder: Path, face: Subject) -> None:
    parts = {"adapter": str(folder / "look.safetensors"), "encoder": str(folder / "encoder")}
    config = DiffusionIdentityConfig(model=str(folder / "sd"), prompt="a woman", **parts, **SMALL)
    made = ready(DiffusionIdentity, config)
    parameters = made.draw(Request(face), np.random.default_rng(0))
    (picture,) = made.make(Request(face), parameters)
    pipe = tiny.with_face(tiny.loaded(folder / "sd"), folder / "look.safetensors", 0.7, folder / "encoder")
    own = tiny.painted(pipe, parameters["seed"], prompt="a woman", negative_prompt=parameters["negative"],
                       ip_adapter_image=tiny.pil(face.pixels), **CALL)  # fmt: skip
    assert np.array_equal(picture.pixels, as_bytes(own))


def test_an_adapter_that_does_not_fit_is_told(folder: Path) -> None:
    parts = {"adapter": str(folder / "sd" / "vae" / "diffusion_pytorch_model.safetensors")}
    config = DiffusionIdentityConfig(model=str(folder / "sd"), embedder=str(folder / "arcface.onnx"), **parts, **SMALL)
    with pytest.raises(ModelError, match="does not fit"):
        ready(DiffusionIdentity, config)


def test_faces_already_in_the_cell_can_be_taken_there(folder: Path) -> None:
    aim = DiffusionIdentity().aim
    have = {labels.GENDER.name: "Female"}
    assert aim(have, {labels.GENDER.name: "Female", labels.PERCEIVED_EMOTION.name: "fear"}) == {}
    assert aim(have, {labels.GENDER.name: "Male"}) is None
    assert Diffusion().aim({}, {labels.AGE_GROUP.name: "70+"}) == {}
    assert Diffusion().aim({}, {labels.AGE_GROUP.name: "3-9"}) is None


def test_parameters_of_another_model_are_refused(folder: Path) -> None:
    made = ready(Diffusion, DiffusionConfig(model=str(folder / "sd"), prompt="x", **SMALL))
    parameters = made.draw(Request(), np.random.default_rng(0))
    other = {**parameters, "model": {**parameters["model"], "digest": "0"}}
    with pytest.raises(CannotGenerate, match="are for sd"):
        list(made.make(Request(), other))


@pytest.mark.parametrize(
    ("config", "kind", "message"),
    [
        ({}, UsageError, "diffusion needs a model"),
        ({"model": "nowhere"}, ModelError, "there is no folder nowhere"),
        ({"width": 63}, UsageError, "must be a multiple of 8"),
        ({"precision": "int4"}, UnknownNameError, "int4"),
        ({"grid": "sig", "prompt": "x"}, UsageError, "both a grid and a prompt"),
        ({"steps": 0}, UsageError, "1 or more"),
    ],
)
def test_wrong_settings_are_told_before_anything_is_loaded(
    folder: Path, config: dict[str, Any], kind: type[Exception], message: str
) -> None:
    base = {"model": str(folder / "sd")} if config else {}
    with pytest.raises(kind, match=message):
        Diffusion.preflight(DiffusionConfig(**{**base, **config}))


def test_nothing_to_make_is_told(folder: Path) -> None:
    made = ready(Diffusion, DiffusionConfig(model=str(folder / "sd"), **SMALL))
    with pytest.raises(UsageError, match="no grid and no prompt"):
        made.requests(3, 0)


def test_a_folder_with_code_or_pickles_is_refused(folder: Path, tmp_path: Path) -> None:
    index = json.loads((folder / "sd" / "model_index.json").read_text())
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"holds no \.safetensors"):
        Diffusion.preflight(DiffusionConfig(model=str(tmp_path)))
    index["unet"] = ["my_unet", "MyUNet"]
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="program code of the model's own"):
        Diffusion.preflight(DiffusionConfig(model=str(tmp_path)))
    (tmp_path / "model_index.json").unlink()
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        Diffusion.preflight(DiffusionConfig(model=str(tmp_path)))


def test_a_missing_library_names_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "diffusers.utils", None)
    with pytest.raises(MissingExtraError, match=r"facecurate\[generate\]"):
        Diffusion.preflight(DiffusionConfig(model=str(folder / "sd")))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "needs an adapter"),
        ({"adapter": "face.bin"}, r"is no \.safetensors file"),
        ({"adapter": "face.safetensors"}, "either an encoder or an embedder"),
        ({"adapter": "face.safetensors", "embedder": "missing.onnx"}, "there is no"),
    ],
)
def test_wrong_adapters_are_told(folder: Path, more: dict[str, str], message: str) -> None:
    paths = {k: str(folder / v) for k, v in more.items()}
    with pytest.raises((UsageError, ModelError), match=message):
        DiffusionIdentity.preflight(DiffusionIdentityConfig(model=str(folder / "sd"), **paths))
