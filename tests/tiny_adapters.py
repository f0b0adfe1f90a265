"""Networks of the adapters' architectures with few channels and random weights, small enough to be made in a test."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

WIDTHS = (4, 6, 8, 10)
TORCHVISION = {n: n for n in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")}
SEQUENTIAL = dict(zip(TORCHVISION, ("0", "1", "4", "5", "6", "7"), strict=True))


class Tiny:
    """Random tensors under the names that published checkpoints use."""

    def __init__(self, seed: int) -> None:
        self.torch = pytest.importorskip("torch")
        self._random = self.torch.Generator().manual_seed(seed)
        self.tensors: dict[str, Any] = {}

    def normal(self, *shape: int) -> Any:
        return self.torch.randn(*shape, generator=self._random)

    def conv(self, name: str, incoming: int, outgoing: int, kernel: int) -> None:
        scale = (incoming * kernel * kernel) ** -0.5
        self.tensors[f"{name}.weight"] = self.normal(outgoing, incoming, kernel, kernel) * scale

    def linear(self, name: str, incoming: int, outgoing: int, bias: bool = True) -> None:
        self.tensors[f"{name}.weight"] = self.normal(outgoing, incoming) * incoming**-0.5
        if bias:
            self.tensors[f"{name}.bias"] = self.normal(outgoing) * 0.1

    def norm(self, name: str, channels: int) -> None:
        for part in ("weight", "running_var"):
            self.tensors[f"{name}.{part}"] = 0.5 + self.torch.rand(channels, generator=self._random)
        for part in ("bias", "running_mean"):
            self.tensors[f"{name}.{part}"] = self.normal(channels) * 0.1
        self.tensors[f"{name}.num_batches_tracked"] = self.torch.tensor(3)

    def block(self, name: str, incoming: int, outgoing: int, deep: bool, stride: int) -> None:
        kernels = (1, 3, 1) if deep else (3, 3)
        for number, kernel in enumerate(kernels, 1):
            self.conv(f"{name}.conv{number}", incoming if number == 1 else outgoing, outgoing, kernel)
            self.norm(f"{name}.bn{number}", outgoing)
        if stride > 1 or incoming != outgoing:
            self.conv(f"{name}.downsample.0", incoming, outgoing, 1)
            self.norm(f"{name}.downsample.1", outgoing)

    def residual(
        self,
        prefix: str,
        names: Mapping[str, str] = TORCHVISION,
        widths: Sequence[int] = WIDTHS,
        blocks: Sequence[int] = (1, 2, 1, 1),
        deep: bool = False,
    ) -> None:
        self.conv(prefix + names["conv1"], 3, widths[0], 7)
        self.norm(prefix + names["bn1"], widths[0])
        before = widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True), 1):
            for number in range(count):
                stride = 2 if stage > 1 and not number else 1
                self.block(f"{prefix}{names[f'layer{stage}']}.{number}", before, width, deep, stride)
                before = width

    def save(self, path: Path, wrapper: str = "", prefix: str = "") -> Path:
        tensors = {prefix + k: v for k, v in self.tensors.items()}
        if path.suffix == ".safetensors":
            pytest.importorskip("safetensors.torch").save_file(tensors, path)
        else:
            self.torch.save({wrapper: tensors, "epoch": 7} if wrapper else tensors, path)
        return path


def fairface(seed: int = 0) -> Tiny:
    tiny = Tiny(seed)
    tiny.residual("", blocks=(1, 1, 2, 1))
    tiny.linear("fc", WIDTHS[-1], 18)
    return tiny


def libreface(seed: int = 1, heads: Sequence[str] = ("classifier", "classifier_2")) -> Tiny:
    tiny = Tiny(seed)
    tiny.residual("encoder.", SEQUENTIAL)
    for head in heads:
        tiny.linear(f"{head}.0", WIDTHS[-1], 5)
        tiny.norm(f"{head}.2", 5)
        tiny.linear(f"{head}.4", 5, 12)
    return tiny


def bisenet(seed: int = 2, parts: int = 19) -> Tiny:
    tiny = Tiny(seed)
    tiny.residual("cp.resnet.")
    _, eighth, sixteenth, deepest = WIDTHS
    inner = 4

    def conv(name: str, incoming: int, outgoing: int, kernel: int) -> None:
        tiny.conv(f"{name}.conv", incoming, outgoing, kernel)
        tiny.norm(f"{name}.bn", outgoing)

    for name, width in (("cp.arm16", sixteenth), ("cp.arm32", deepest)):
        conv(f"{name}.conv", width, inner, 3)
        tiny.conv(f"{name}.conv_atten", inner, inner, 1)
        tiny.norm(f"{name}.bn_atten", inner)
    conv("cp.conv_head32", inner, inner, 3)
    conv("cp.conv_head16", inner, inner, 3)
    conv("cp.conv_avg", deepest, inner, 1)
    conv("ffm.convblk", eighth + inner, 8, 1)
    tiny.conv("ffm.conv1", 8, 2, 1)
    tiny.conv("ffm.conv2", 2, 8, 1)
    for name, width in (("conv_out", 8), ("conv_out16", inner), ("conv_out32", inner)):
        conv(f"{name}.conv", width, 6, 3)
        tiny.conv(f"{name}.conv_out", 6, parts, 1)
    return tiny


def graph_au(seed: int = 3, stage: int = 2, units: int = 27, sides: int = 14, deep: bool = False) -> Tiny:
    """ME-GraphAU; with `sides` the hybrid release's names, without the first release's."""
    tiny = Tiny(seed)
    tiny.residual("backbone.", blocks=(1, 1, 1, 1), deep=deep)
    width = 6
    names = ("head.main_class_linears", "head.main_sc") if sides else ("head.class_linears", "head.sc")
    for name, incoming in (
        ("global_linear", WIDTHS[-1]),
        *((f"{names[0]}.{unit}", width) for unit in range(units)),
    ):
        tiny.linear(f"{name}.fc", incoming, width)
        tiny.norm(f"{name}.bn", width)
    tiny.tensors[names[1]] = tiny.normal(units, width)
    if sides:
        tiny.tensors["head.sub_sc"] = tiny.normal(sides, width)
    if stage == 1:
        for letter in "UV":
            tiny.linear(f"head.gnn.{letter}", width, width)
        tiny.norm("head.gnn.bnv", units)
        return tiny
    for module in ("FAM", "ARM"):
        for part, out in (("q", width // 2), ("k", width // 2), ("v", width)):
            tiny.linear(f"head.edge_extractor.{module}.linear_{part}", width, out)
    tiny.linear("head.edge_extractor.edge_proj", width, width)
    tiny.norm("head.edge_extractor.bn", units * units)
    for layer in range(2):
        place = f"head.gnn.graph_layers.{layer}.{{}}" if sides else f"head.gnn.{{}}{layer + 1}"
        for letter in "UVABE":
            tiny.linear(place.format(letter), width, width, bias=False)
        tiny.norm(place.format("bnv"), units)
        tiny.norm(place.format("bne"), units * units)
    if not sides:
        tiny.linear("head.edge_fc", width, 4)
    return tiny


def vector_onnx(path: Path, outputs: Sequence[int], size: int, seed: int = 4) -> Path:
    """An ONNX network with one vector per output: a convolution, the mean over space, a linear layer each."""
    onnx = pytest.importorskip("onnx")
    random, helper, floats = np.random.default_rng(seed), onnx.helper, onnx.TensorProto.FLOAT
    weights = {"kernel": random.normal(size=(8, 3, 8, 8)) * 0.1}
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["maps"], strides=[8, 8]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
    ]
    for number, length in enumerate(outputs):
        weights |= {f"w{number}": random.normal(size=(8, length)), f"b{number}": random.normal(size=length) * 0.1}
        nodes.append(helper.make_node("Gemm", ["flat", f"w{number}", f"b{number}"], [f"output{number}"]))
    declared = [helper.make_tensor_value_info(f"output{i}", floats, [1, n]) for i, n in enumerate(outputs)]
    return _saved(onnx, path, nodes, size, declared, weights)


def parsing_onnx(path: Path, parts: int = 19, size: int = 512, seed: int = 5) -> Path:
    """An ONNX network that scores each pixel by its colour."""
    onnx = pytest.importorskip("onnx")
    weights = {"kernel": np.random.default_rng(seed).normal(size=(parts, 3, 1, 1))}
    nodes = [onnx.helper.make_node("Conv", ["input", "kernel"], ["scores"])]
    shape = [1, parts, size, size]
    declared = [onnx.helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, shape)]
    return _saved(onnx, path, nodes, size, declared, weights)


def _saved(
    onnx: Any, path: Path, nodes: list[Any], size: int, outputs: list[Any], weights: Mapping[str, np.ndarray[Any, Any]]
) -> Path:
    entry = onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 3, size, size])
    stored = [onnx.numpy_helper.from_array(v.astype(np.float32), name) for name, v in weights.items()]
    graph = onnx.helper.make_graph(nodes, "tiny", [entry], outputs, stored)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def _clip(folder: Path) -> dict[str, Any]:
    from tests import tiny_clip

    place = folder / "clip"
    if not place.is_dir():
        place.mkdir()
        tiny_clip.make(place)
    checkpoint = str(place / "tiny.safetensors")
    return {"model": tiny_clip.NAME, "checkpoint": checkpoint, "model_configs": str(place)}


@cache
def _endpoint() -> dict[str, Any]:
    """A chat endpoint that lives as long as the process and says the same of every face."""
    from tests.caption_samples import answer
    from tests.chat_server import Reply, chat_server

    server = ExitStack()
    chat = server.enter_context(chat_server([Reply(answer("A person."))]))
    atexit.register(server.close)
    return {"base_url": chat.url, "model": "test"}


SETTINGS: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "hsemotion": lambda folder: {"weights": str(vector_onnx(folder / "enet_b0_8_va_mtl.onnx", [10], 224))},
    "fairface": lambda folder: {
        "weights": str(vector_onnx(folder / "fairface.onnx", [7, 2, 9], 224)),
        "race4_weights": str(fairface().save(folder / "fairface4.pt")),
    },
    "face_parsing": lambda folder: {"weights": str(bisenet().save(folder / "bisenet.pth"))},
    "libreface": lambda folder: {"weights": str(libreface().save(folder / "resnet.pt", wrapper="model"))},
    "graph_au": lambda folder: {
        "weights": str(graph_au().save(folder / "graph.pth", wrapper="state_dict", prefix="module."))
    },
    "clip": _clip,
    "clip_celeba": _clip,
    "clip_emonet": _clip,
    "clip_prompts": lambda folder: {
        **_clip(folder),
        "prompts": "hat: a person with a hat; none: a person without a hat",
    },
    "caption_vlm": lambda _: _endpoint(),
    "vlm_labels": lambda _: _endpoint(),
}
"""Annotator -> the settings that give it tiny weights, made in a folder."""
