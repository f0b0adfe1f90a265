"""Generators around the user's own ONNX networks and programs."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from annotators.weights import ModelStore
from curate.generators.adapters.command import Command, CommandConfig
from curate.generators.adapters.command_edit import CommandEdit, CommandEditConfig
from curate.generators.adapters.onnx_edit import OnnxEdit, OnnxEditConfig
from curate.generators.adapters.onnx_latent import OnnxLatent, OnnxLatentConfig
from curate.generators.base import CannotGenerate, Generator, Request
from curate.generators.promise import Identity
from curate.generators.subject import Subject
from schemas import ModelError, UnknownNameError, UsageError

SIDE, DEPTH = 32, 6
RNG = np.random.default_rng(0)
MIX = RNG.standard_normal((DEPTH, 3 * SIDE * SIDE)).astype(np.float32) * 0.3
PAINT = """
import json, sys
from PIL import Image
request = json.load(open(sys.argv[1]))
assert request["prompt"] == sys.argv[3], request
print("painting")
Image.new("RGB", (request["width"], request["height"]), (request["seed"] % 256, 7, 9)).save(sys.argv[2])
"""
NEGATE = """
import sys
from PIL import Image, ImageOps
ImageOps.invert(Image.open(sys.argv[1]).convert("RGB")).save(sys.argv[2])
"""


def ready(cls: type[Generator], config: Any) -> Any:
    cls.preflight(config)
    made = cls(config)
    made.setup(ModelStore())
    return made


def graph(path: Path, nodes: list[Any], shapes: dict[str, list[Any]], *constants: Any) -> str:
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]
    made = helper.make_graph(nodes, "g", ends[:-1], ends[-1:], list(constants))
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return str(path)


@pytest.fixture
def latent(tmp_path: Path) -> str:
    nodes = [
        helper.make_node("MatMul", ["z", "mix"], ["flat"]),
        helper.make_node("Tanh", ["flat"], ["bent"]),
        helper.make_node("Reshape", ["bent", "shape"], ["planes"]),
    ]
    constants = numpy_helper.from_array(MIX, "mix"), numpy_helper.from_array(np.array([1, 3, SIDE, SIDE]), "shape")
    return graph(tmp_path / "g.onnx", nodes, {"z": [1, DEPTH], "planes": [1, 3, SIDE, SIDE]}, *constants)


@pytest.fixture
def negative(tmp_path: Path) -> str:
    nodes = [helper.make_node("Neg", ["x"], ["y"])]
    return graph(tmp_path / "n.onnx", nodes, {"x": [1, 3, "h", "w"], "y": [1, 3, "h", "w"]})


@pytest.fixture
def face() -> Subject:
    pixels = np.random.default_rng(1).integers(0, 256, (48, 48, 3), np.uint8)
    return Subject(pixels, None, np.zeros((5, 2)), (5, 5, 30, 30), np.eye(2, 3), {}, "i.0", "i")


def program(tmp_path: Path, text: str) -> str:
    file = tmp_path / "program of mine.py"
    file.write_text(text)
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(file))}"


def test_noise_from_the_seed_becomes_a_picture(latent: str) -> None:
    made = ready(OnnxLatent, OnnxLatentConfig(model=latent, truncation=0.5))
    parameters = made.draw(Request(), np.random.default_rng(3))
    (picture,) = made.make(Request(), json.loads(json.dumps(parameters)))
    noise = np.random.default_rng(parameters["seed"]).standard_normal((1, DEPTH)).astype(np.float32) * np.float32(0.5)
    planes = np.tanh(noise @ MIX).reshape(3, SIDE, SIDE)
    assert np.abs(picture.pixels.astype(int) - np.rint(planes.transpose(1, 2, 0) * 127.5 + 127.5)).max() <= 1
    assert picture.promise.identity is Identity.NEW
    other = made.draw(Request(), np.random.default_rng(4))
    assert not np.array_equal(next(iter(made.make(Request(), other))).pixels, picture.pixels)
    with pytest.raises(CannotGenerate, match="another network"):
        list(made.make(Request(), {**parameters, "model": "0"}))


def test_a_network_changes_the_portrait(negative: str, face: Subject) -> None:
    made = ready(OnnxEdit, OnnxEditConfig(model=negative, identity="open"))
    parameters = made.draw(Request(face), np.random.default_rng(0))
    (picture,) = made.make(Request(face), parameters)
    assert np.array_equal(picture.pixels, 255 - face.pixels) and picture.promise.identity is Identity.OPEN


def test_output_that_is_no_picture_is_a_reason(tmp_path: Path, face: Subject) -> None:
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["y"])]
    path = graph(tmp_path / "p.onnx", nodes, {"x": [1, 1, "h", "w"], "y": [1, 1, 1, 1]})
    made = ready(OnnxLatent, OnnxLatentConfig(model=path))
    with pytest.raises(CannotGenerate, match="is no RGB picture"):
        list(made.make(Request(), made.draw(Request(), np.random.default_rng(0))))


def test_wrong_networks_are_told(tmp_path: Path, negative: str) -> None:
    with pytest.raises(UsageError, match="onnx_edit needs a model"):
        OnnxEdit.preflight(OnnxEditConfig())
    with pytest.raises(ModelError, match=r"there is no .*missing\.onnx"):
        OnnxLatent.preflight(OnnxLatentConfig(model=str(tmp_path / "missing.onnx")))
    with pytest.raises(UnknownNameError, match="'-1 to 1'"):
        OnnxEdit.preflight(OnnxEditConfig(model=negative, values="-1 to 1"))
    with pytest.raises(UnknownNameError, match="Did you mean 'kept'"):
        OnnxEdit.preflight(OnnxEditConfig(model=negative, identity="keep"))
    (tmp_path / "no.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"no\.onnx cannot be loaded"):
        OnnxEdit(OnnxEditConfig(model=str(tmp_path / "no.onnx"))).setup(ModelStore())


def test_a_program_paints_what_it_is_asked_for(tmp_path: Path) -> None:
    line = program(tmp_path, PAINT) + " {request} {out} {prompt}"
    made = ready(Command, CommandConfig(command=line, prompt="a 'quoted' woman; rm -rf $HOME", width=40, height=24))
    parameters = made.draw(made.requests(1, 0)[0], np.random.default_rng(0))
    (picture,) = made.make(Request(), parameters)
    assert picture.pixels.shape == (24, 40, 3)
    assert picture.pixels[0, 0].tolist() == [parameters["seed"] % 256, 7, 9]
    with pytest.raises(CannotGenerate, match="another command"):
        list(made.make(Request(), {**parameters, "command": "rm {out}"}))


def test_a_program_changes_the_portrait(tmp_path: Path, face: Subject) -> None:
    made = ready(CommandEdit, CommandEditConfig(command=program(tmp_path, NEGATE) + " {in} {out}"))
    (picture,) = made.make(Request(face), made.draw(Request(face), np.random.default_rng(0)))
    assert np.array_equal(picture.pixels, 255 - face.pixels) and picture.promise.identity is Identity.KEPT


@pytest.mark.parametrize(
    ("text", "seconds", "message"),
    [
        ("import sys; print('no GPU here', file=sys.stderr); sys.exit(3)", 60, "ended with 3: no GPU here"),
        ("import time; time.sleep(30)", 0.3, r"took longer than 0\.3 s"),
        ("pass", 60, "wrote no picture"),
        ("import sys; open(sys.argv[1], 'w').write('text')", 60, "wrote no picture"),
    ],
)
def test_a_program_that_fails_gives_its_reason(tmp_path: Path, text: str, seconds: float, message: str) -> None:
    made = ready(Command, CommandConfig(command=program(tmp_path, text) + " {out}", prompt="x", seconds=seconds))
    with pytest.raises(CannotGenerate, match=message):
        list(made.make(Request(), made.draw(Request(), np.random.default_rng(0))))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "needs a command"),
        ("no-such-program {out}", "there is no program 'no-such-program'"),
        ("ls {output}", "names {output}"),
        ("ls -l", "does not name {out}"),
        ("ls '{out}", "not understood"),
    ],
)
def test_wrong_commands_are_told_before_anything_runs(command: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Command.preflight(CommandConfig(command=command))
