"""Networks run from a checkpoint's tensors: equal to torchvision's and to plain reference code; wrong files refused."""

from __future__ import annotations

import builtins
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from annotators.adapters.libreface import unit_heads
from annotators.adapters.torch_runtime import torch_of
from annotators.parsing_network import TRAINING_HEADS, bisenet
from annotators.residual_network import classifier
from annotators.runtime import OnnxModel
from annotators.torch_network import Network, TorchModel, load_network, read_tensors
from annotators.unit_graph_network import SIDED, unit_graph
from annotators.unit_graph_network import TRAINING_HEADS as GRAPH_TRAINING_HEADS
from schemas import MissingExtraError, ModelError
from tests import tiny_adapters

torch = pytest.importorskip("torch")
functional = torch.nn.functional

Floats = NDArray[np.float32]


@pytest.fixture
def picture() -> Floats:
    return np.random.default_rng(9).normal(size=(1, 3, 64, 64)).astype(np.float32)


def torchvision() -> Any:
    """The library, importable beside a PyTorch for the CPU."""
    torch_of("test")
    return pytest.importorskip("torchvision")


def disturbed(module: Any, seed: int = 0) -> Any:
    """The module ready for use, with statistics that are not those of a fresh one."""
    generator = torch.Generator().manual_seed(seed)
    for name, buffer in module.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.1)
        elif name.endswith("running_var"):
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return module.eval()


def run(module: Any, picture: Floats) -> Floats:
    with torch.inference_mode():
        return np.asarray(module(torch.from_numpy(picture)).numpy())


class TestResidual:
    @pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
    def test_equals_torchvision(self, name: str, picture: Floats, tmp_path: Path) -> None:
        torch.manual_seed(1)
        model = disturbed(getattr(torchvision().models, name)(num_classes=18))
        path = tmp_path / "weights.pt"
        torch.save(model.state_dict(), path)
        ours = TorchModel(path, classifier, 64)(picture)[0]
        assert ours.shape == (1, 18)
        np.testing.assert_allclose(ours, run(model, picture), rtol=1e-4, atol=1e-4)

    def test_libreface_is_the_sequence_of_torchvisions_children(self, picture: Floats, tmp_path: Path) -> None:
        torch.manual_seed(2)
        nn = torch.nn
        encoder = nn.Sequential(*list(torchvision().models.resnet18().children())[:-1])
        head = nn.Sequential(
            nn.Linear(512, 128), nn.ReLU(), nn.BatchNorm1d(128), nn.Dropout(0.1), nn.Linear(128, 12), nn.Sigmoid()
        )
        whole = disturbed(nn.ModuleDict({"encoder": encoder, "classifier": head}))
        path = tmp_path / "resnet.pt"
        torch.save({"model": whole.state_dict(), "optimizer": {"lr": 0.1}}, path)
        (ours,) = TorchModel(path, unit_heads, 64)(picture)
        expected = run(nn.Sequential(encoder, nn.Flatten(), head), picture)
        np.testing.assert_allclose(ours, expected, atol=1e-6)

    def test_librefaces_repvgg_is_timms_with_two_layers_for_its_last(self, picture: Floats, tmp_path: Path) -> None:
        torchvision()
        timm = pytest.importorskip("timm")
        torch.manual_seed(3)
        nn = torch.nn
        encoder = timm.create_model("repvgg_a0", pretrained=False)
        encoder.head.fc = nn.Sequential(encoder.head.fc, nn.Linear(1000, 512))
        head = nn.Sequential(nn.Linear(512, 128), nn.ReLU(), nn.BatchNorm1d(128), nn.Dropout(0.1), nn.Linear(128, 12))
        whole = disturbed(nn.ModuleDict({"encoder": encoder, "classifier": head}))
        path = tmp_path / "repvgg.pt"
        torch.save({"model": whole.state_dict()}, path)
        (ours,) = TorchModel(path, unit_heads, 64)(picture)
        np.testing.assert_allclose(ours, run(nn.Sequential(encoder, head), picture), atol=1e-5)


class TestParsing:
    def test_equals_layer_by_layer_code(self, picture: Floats, tmp_path: Path) -> None:
        tiny = tiny_adapters.bisenet()
        model = TorchModel(tiny.save(tmp_path / "b.pth"), bisenet, 64, TRAINING_HEADS)
        np.testing.assert_allclose(model(picture)[0], reference_bisenet(tiny.tensors, picture), atol=1e-5)


def reference_bisenet(t: dict[str, Any], picture: Floats) -> Floats:
    """BiSeNet as its paper's blocks, written with torch's modules."""

    def conv(name: str, x: Any, stride: int = 1) -> Any:
        weight = t[f"{name}.weight"]
        layer = torch.nn.Conv2d(
            weight.shape[1], weight.shape[0], weight.shape[2], stride, weight.shape[2] // 2, bias=False
        )
        layer.load_state_dict({"weight": weight})
        return layer(x)

    def norm(name: str, x: Any) -> Any:
        layer = torch.nn.BatchNorm2d(x.shape[1]).eval()
        layer.load_state_dict({k[len(name) + 1 :]: v for k, v in t.items() if k.startswith(f"{name}.")})
        return layer(x)

    def block(name: str, x: Any) -> Any:
        return norm(f"{name}.bn", conv(f"{name}.conv", x)).relu()

    def residual(name: str, x: Any, stride: int) -> Any:
        out = norm(f"{name}.bn1", conv(f"{name}.conv1", x, stride)).relu()
        out = norm(f"{name}.bn2", conv(f"{name}.conv2", out))
        if f"{name}.downsample.0.weight" in t:
            x = norm(f"{name}.downsample.1", conv(f"{name}.downsample.0", x, stride))
        return (x + out).relu()

    def mean(x: Any) -> Any:
        return functional.adaptive_avg_pool2d(x, 1)

    def refined(name: str, x: Any) -> Any:
        x = block(f"{name}.conv", x)
        return x * norm(f"{name}.bn_atten", conv(f"{name}.conv_atten", mean(x))).sigmoid()

    def larger(x: Any, like: Any) -> Any:
        return torch.nn.Upsample(like.shape[2:], mode="nearest")(x)

    with torch.inference_mode():
        x = norm("cp.resnet.bn1", conv("cp.resnet.conv1", torch.from_numpy(picture), 2)).relu()
        x = torch.nn.MaxPool2d(3, 2, 1)(x)
        x = residual("cp.resnet.layer1.0", x, 1)
        f8 = residual("cp.resnet.layer2.1", residual("cp.resnet.layer2.0", x, 2), 1)
        f16 = residual("cp.resnet.layer3.0", f8, 2)
        f32 = residual("cp.resnet.layer4.0", f16, 2)
        whole = larger(block("cp.conv_avg", mean(f32)), f32)
        up = block("cp.conv_head32", larger(refined("cp.arm32", f32) + whole, f16))
        up = block("cp.conv_head16", larger(refined("cp.arm16", f16) + up, f8))
        fused = block("ffm.convblk", torch.cat([f8, up], 1))
        weights = conv("ffm.conv2", conv("ffm.conv1", mean(fused)).relu()).sigmoid()
        out = conv("conv_out.conv_out", block("conv_out.conv", fused * weights + fused))
        grown = torch.nn.Upsample(picture.shape[2:], mode="bilinear", align_corners=True)(out)
        return np.asarray(grown.numpy())


class TestUnitGraph:
    @pytest.mark.parametrize(
        ("made", "size"),
        [
            ({"stage": 2}, 41),
            ({"stage": 1}, 41),
            ({"stage": 2, "deep": True}, 41),
            ({"stage": 2, "units": 12, "sides": 0}, 12),
            ({"stage": 1, "units": 8, "sides": 0}, 8),
        ],
    )
    def test_equals_loops_over_pairs_of_units(
        self, made: dict[str, Any], size: int, picture: Floats, tmp_path: Path
    ) -> None:
        tiny = tiny_adapters.graph_au(**made)
        model = TorchModel(tiny.save(tmp_path / "g.pth", "state_dict", "module."), unit_graph, 64, GRAPH_TRAINING_HEADS)
        ours = model(picture)[0]
        assert ours.shape == (1, size)
        np.testing.assert_allclose(ours[0], reference_graph(tiny.tensors, picture), atol=1e-5)

    def test_other_backbones_are_told(self, tmp_path: Path) -> None:
        path = tmp_path / "swin.pth"
        torch.save({"state_dict": {"backbone.patch_embed.proj.weight": torch.zeros(1)}}, path)
        with pytest.raises(ModelError, match=r"no residual backbone.*export it to ONNX"):
            TorchModel(path, unit_graph, 64)


def reference_graph(t: dict[str, Any], picture: Floats) -> NDArray[np.float64]:
    """ME-GraphAU in float64 with a loop over units and pairs, after the paper's equations."""
    from annotators.residual_network import stages
    from annotators.torch_network import Tensors

    with torch.inference_mode():
        maps = stages(Tensors(t, "reference"), torch.from_numpy(picture), "backbone.")[-1]
    x = maps[0].flatten(1).T.double().numpy()
    w = {k: v.double().numpy() for k, v in t.items()}

    def linear(name: str, value: Any) -> Any:
        return value @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)

    def norm(name: str, value: Any, axis: int) -> Any:
        shape = [1] * value.ndim
        shape[axis] = -1
        mean, variance, scale, shift = (
            w[f"{name}.{part}"].reshape(shape) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (value - mean) / np.sqrt(variance + 1e-5) * scale + shift

    def relu(value: Any) -> Any:
        return np.maximum(value, 0)

    def softmax(value: Any, axis: int) -> Any:
        e = np.exp(value - value.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)

    def attention(name: str, asking: Any, asked: Any) -> Any:
        q, k, v = (
            linear(f"{name}.linear_q", asking),
            linear(f"{name}.linear_k", asked),
            linear(f"{name}.linear_v", asked),
        )
        return softmax(q @ k.T / np.sqrt(q.shape[1]), 1) @ v

    hybrid = "head.main_sc" in w
    linears, vectors = ("head.main_class_linears", "head.main_sc") if hybrid else ("head.class_linears", "head.sc")
    count = len(w[vectors])
    x = relu(norm("global_linear.bn", linear("global_linear.fc", x), 1))
    u = [relu(norm(f"{linears}.{i}.bn", linear(f"{linears}.{i}.fc", x), 1)) for i in range(count)]
    v = np.stack([each.mean(0) for each in u])
    if "head.edge_extractor.bn.weight" in w:
        name = "head.edge_extractor"
        seen = [attention(f"{name}.FAM", each, x) for each in u]
        pairs = np.stack(
            [
                linear(f"{name}.edge_proj", attention(f"{name}.ARM", seen[j], seen[i]))
                for i in range(count)
                for j in range(count)
            ]
        )
        e = norm(f"{name}.bn", pairs, 0).mean(1)
        for layer in range(2):

            def place(letter: str, layer: int = layer) -> str:
                return f"head.gnn.graph_layers.{layer}.{letter}" if hybrid else f"head.gnn.{letter}{layer + 1}"

            a, b, told = (linear(place(letter), v) for letter in "ABV")
            sums = np.stack([a[i] + b[j] for i in range(count) for j in range(count)]) + linear(place("E"), e)
            e = e + relu(norm(place("bne"), sums, 0))
            gates = softmax((1 / (1 + np.exp(-e))).reshape(count, count, -1), 1)
            heard = np.stack([sum(gates[i, j] * told[j] for j in range(count)) / count for i in range(count)])
            change = norm(place("bnv"), linear(place("U"), v) + heard, 0)
            v = v + relu(change) if hybrid else relu(v + change)
    else:
        likeness = v @ v.T
        near = 3 if count == 8 else 4
        joined = (likeness >= np.sort(likeness, 1)[:, [-near]]).astype(float)
        degrees = joined.sum(1)
        weights = joined / np.sqrt(degrees[:, None] * degrees[None])
        v = relu(v + norm("head.gnn.bnv", weights @ linear("head.gnn.V", v) + linear("head.gnn.U", v), 0))

    def cosine(one: Any, other: Any) -> float:
        return float(one @ other / max(np.linalg.norm(one), 1e-12) / max(np.linalg.norm(other), 1e-12))

    scores = [cosine(v[i], relu(w[vectors][i])) for i in range(count)]
    if hybrid:
        scores += [cosine(v[unit], relu(w["head.sub_sc"][2 * k + s])) for k, unit in enumerate(SIDED) for s in (0, 1)]
    return np.array(scores)


class Harmful:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return os.putenv, ("FACECURATE_TEST_OWNED", "yes")


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "wrapper", "prefix"),
        [("a.pt", "", ""), ("a.pth", "state_dict", "module."), ("a.pt", "model", ""), ("a.safetensors", "", "")],
    )
    def test_formats_and_wrappings_give_one_result(
        self, name: str, wrapper: str, prefix: str, picture: Floats, tmp_path: Path
    ) -> None:
        tiny = tiny_adapters.fairface()
        plain = load_network(tiny.save(tmp_path / "plain.pt"), classifier, 64)
        wrapped = load_network(tiny.save(tmp_path / f"other-{name}", wrapper, prefix), classifier, 64)
        np.testing.assert_array_equal(plain(picture)[0], wrapped(picture)[0])

    def test_half_precision_is_widened(self, tmp_path: Path) -> None:
        torch.save({"x": torch.ones(2, dtype=torch.float16), "n": torch.tensor(3)}, tmp_path / "h.pt")
        found = read_tensors(tmp_path / "h.pt")
        assert found["x"].dtype == torch.float32
        assert found["n"].dtype == torch.int64

    @pytest.mark.parametrize("protocol", [2, 5])
    def test_pickled_objects_are_refused_unread(self, protocol: int, tmp_path: Path) -> None:
        path = tmp_path / "model.pt"
        path.write_bytes(pickle.dumps({"fc.weight": Harmful()}, protocol))
        with pytest.raises(ModelError, match=r"model\.pt is refused: .*could run code\. Save the weights alone"):
            read_tensors(path)

    def test_a_whole_pickled_model_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "model.pt"
        torch.save(torch.nn.Linear(2, 2), path)
        with pytest.raises(ModelError, match="refused"):
            read_tensors(path)

    @pytest.mark.parametrize("name", ["noise.pt", "noise.safetensors", "noise.onnx"])
    @pytest.mark.parametrize("content", [b"", b"<html>not found</html>", bytes(range(256)) * 8])
    def test_other_files_are_told_by_name(self, name: str, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ModelError, match="noise"):
            load_network(path, classifier, 64)

    @pytest.mark.parametrize("stored", [[1, 2], {"epoch": 3}, torch.ones(3)])
    def test_a_file_without_named_tensors(self, stored: Any, tmp_path: Path) -> None:
        torch.save(stored, tmp_path / "x.pt")
        with pytest.raises(ModelError, match="holds no tensors by name"):
            read_tensors(tmp_path / "x.pt")

    @pytest.mark.parametrize(
        ("network", "change", "words"),
        [
            (classifier, lambda t: t.pop("fc.weight"), "has no 'fc.weight'"),
            (classifier, lambda t: t.update(extra=torch.ones(1)), "1 tensors are left over: extra"),
            (classifier, lambda t: t.update({"fc.weight": torch.ones(18, 99)}), "does not fit"),
            (bisenet, lambda _: None, "has no 'cp.resnet"),
        ],
    )
    def test_another_architecture_is_told(
        self, network: Network, change: Callable[[dict[str, Any]], Any], words: str, tmp_path: Path
    ) -> None:
        tiny = tiny_adapters.fairface()
        change(tiny.tensors)
        with pytest.raises(ModelError, match=words):
            TorchModel(tiny.save(tmp_path / "t.pt"), network, 64)

    def test_onnx_files_run_in_onnx_runtime(self, tmp_path: Path) -> None:
        model = load_network(tiny_adapters.vector_onnx(tmp_path / "v.onnx", [18], 64), classifier, 64)
        assert isinstance(model, OnnxModel)

    def test_without_torch_the_extra_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tiny_adapters.fairface().save(tmp_path / "t.pt")
        real = builtins.__import__

        def refused(name: str, *rest: Any) -> Any:
            if name.partition(".")[0] == "torch":
                raise ImportError(name)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", refused)
        with pytest.raises(MissingExtraError, match=r"facecurate\[adapters\]"):
            load_network(path, classifier, 64)
