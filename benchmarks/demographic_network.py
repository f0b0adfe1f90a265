"""The demographic head in PyTorch: two networks over SFace's maps, whose logits are averaged.

The first trains SFace's last two blocks on and reads them pooled, beside statistics of its frozen maps; the second
reads statistics of frozen maps alone. `written` makes one ONNX file of both, whose large weights take 8 bits each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

BLOCKS = (("conv_13_dw", 512, 2), ("conv_13", 1, 1), ("conv_14_dw", 1024, 1), ("conv_14", 1, 1))
"""SFace's layers after the trunk, with groups and stride."""
TAIL_CHANNELS = 1024
HIDDEN = 256
OUTPUTS = 2 + 9 + 7
SPREAD_FLOOR = 1e-5
MOST_DEVIATIONS = 6.0
"""Features are cut off this many standard deviations from their mean."""
STATISTICS = 256 + 512 + 1024
"""Statistics of conv_4, conv_6 and conv_12, which come first among the inputs."""
EMBEDDING = 128
"""The embedding, which comes last; between them are statistics of SFace's own last map."""
POOLED = STATISTICS + 2 * TAIL_CHANNELS + EMBEDDING
TAIL_SHARE = 0.7
"""Weight of the first network's logits; the second has the rest."""
OPSET = 17

Array = NDArray[np.float32]


def used(pooled: Any) -> Any:
    """What the first network reads of `texture` and `pooled` side by side, shape (n, 3968): all but the last map."""
    return np.concatenate([pooled[:, :STATISTICS], pooled[:, -EMBEDDING:]], 1)


class Block(nn.Module):
    """A convolution with its batch normalisation folded in, and its PReLU.

    Args:
        sface: SFace's model.
        name: Of the layer.
        groups: Of the convolution.
        stride: Of the convolution.
    """

    def __init__(self, sface: onnx.ModelProto, name: str, groups: int, stride: int) -> None:
        super().__init__()
        values = {i.name: numpy_helper.to_array(i).astype(np.float64) for i in sface.graph.initializer}
        norm = next(n for n in sface.graph.node if n.name == f"{name}_batchnorm")
        floor = next(a.f for a in norm.attribute if a.name == "epsilon")
        gain, offset, mean, variance = (values[i] for i in norm.input[1:])
        scale = gain / np.sqrt(variance + floor)
        weight = values[f"{name}_conv2d_weight"] * scale[:, None, None, None]
        side = weight.shape[2]
        self.conv = nn.Conv2d(weight.shape[1] * groups, len(weight), side, stride, side // 2, groups=groups)
        self.act = nn.PReLU(len(weight))
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor(weight))
            self.conv.bias.copy_(torch.tensor(offset - mean * scale))  # type: ignore[union-attr]
            self.act.weight.copy_(torch.tensor(values[f"{name}_relu_gamma"].reshape(-1)))

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        out: Tensor = self.act(self.conv(x))
        return out


class Tail(nn.Module):
    """SFace's layers after the trunk, as SFace has them, to be trained on."""

    def __init__(self, sface: onnx.ModelProto) -> None:
        super().__init__()
        self.b = nn.Sequential(*(Block(sface, *block) for block in BLOCKS))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 1024, 7, 7) of a trunk map (n, 512, 14, 14)."""
        out: Tensor = self.b(x)
        return out


class TailNetwork(nn.Module):
    """Tail, pooling, and one hidden layer for all attributes.

    Args:
        sface: SFace's model file.
        dropped: Share of the features dropped in training.
        dropped_hidden: Share of the hidden units dropped in training.
    """

    def __init__(self, sface: Path, dropped: float = 0.15, dropped_hidden: float = 0.4) -> None:
        super().__init__()
        self.tail = Tail(onnx.load(sface))
        self.bn = nn.BatchNorm1d(2 * TAIL_CHANNELS, affine=False, momentum=0.02)
        self.din = nn.Dropout(dropped)
        self.l1 = nn.Linear(STATISTICS + EMBEDDING + 2 * TAIL_CHANNELS, HIDDEN)
        self.do = nn.Dropout(dropped_hidden)
        self.l2 = nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, trunk: Tensor, statistics: Tensor) -> Tensor:
        """Logits (n, 18): gender, age, race.

        Args:
            trunk: (n, 512, 14, 14).
            statistics: What `used` gives, in standard deviations from the mean.
        """
        flat = self.tail(trunk).flatten(2)
        spread = (flat.var(2, unbiased=False) + SPREAD_FLOOR).sqrt()
        own = self.bn(torch.cat([flat.mean(2), spread], 1)).clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)
        hidden = functional.gelu(self.l1(self.din(torch.cat([statistics, own], 1))))
        out: Tensor = self.l2(self.do(hidden))
        return out


def side_network(dropped: float = 0.15, dropped_hidden: float = 0.3) -> nn.Sequential:
    """The second network: one hidden layer over all 3,968 statistics.

    Args:
        dropped: Share of the features dropped in training.
        dropped_hidden: Share of the hidden units dropped in training.
    """
    return nn.Sequential(
        nn.Dropout(dropped),
        nn.Linear(POOLED, HIDDEN),
        nn.GELU(),
        nn.Dropout(dropped_hidden),
        nn.Linear(HIDDEN, OUTPUTS),
    )


class _Graph:
    """Nodes and weights of an ONNX graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, value: Any) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def half(self, name: str, value: Any) -> str:
        """A weight kept in 16 bits."""
        stored = self.constant(f"{name}_16", np.asarray(value, np.float16))
        return self.add("Cast", [stored], name, to=TensorProto.FLOAT)

    def byte(self, name: str, value: Any) -> str:
        """A weight kept in 8 bits with a scale for each output."""
        weight = np.asarray(value, np.float32)
        scale = np.abs(weight).reshape(len(weight), -1).max(1).reshape(-1, *[1] * (weight.ndim - 1)) / 127
        stored = self.constant(f"{name}_8", np.rint(weight / scale).astype(np.int8))
        wide = self.add("Cast", [stored], f"{name}_wide", to=TensorProto.FLOAT)
        return self.add("Mul", [wide, self.constant(f"{name}_scale", scale.astype(np.float32))], name)

    def standard(self, x: str, mean: Any, deviation: Any, name: str) -> str:
        """In standard deviations from the mean, cut off."""
        centred = self.add("Sub", [x, self.constant(f"{name}_mean", np.asarray(mean, np.float32)[None])], f"{name}_c")
        scale = self.constant(f"{name}_scale", (1 / np.asarray(deviation, np.float32))[None])
        scaled = self.add("Mul", [centred, scale], f"{name}_s")
        return self.add("Clip", [scaled, "least", "most"], name)


def written(network: TailNetwork, side: nn.Sequential, mean: Array, deviation: Array) -> bytes:
    """The head as an ONNX file with the inputs `trunk` (1, 512, 14, 14) and `pooled` (1, 3968) and 18 logits.

    Args:
        network: The first trained network.
        side: The second.
        mean: Mean of each of the 3,968 statistics.
        deviation: Their standard deviation.
    """
    g = _Graph()
    weights = {k: v.detach().numpy() for k, v in network.state_dict().items()}
    weights |= {f"side.{k}": v.detach().numpy() for k, v in side.state_dict().items()}
    g.constant("least", np.float32(-MOST_DEVIATIONS))
    g.constant("most", np.float32(MOST_DEVIATIONS))
    x = "trunk"
    for i, (name, groups, stride) in enumerate(BLOCKS):
        kernel = weights[f"tail.b.{i}.conv.weight"]
        side_length = kernel.shape[2]
        weight = g.half(f"{name}_w", kernel) if groups > 1 else g.byte(f"{name}_w", kernel)
        bias = g.constant(f"{name}_b", weights[f"tail.b.{i}.conv.bias"])
        x = g.add("Conv", [x, weight, bias], name, group=groups, strides=[stride] * 2, pads=[side_length // 2] * 4)
        slope = g.constant(f"{name}_slope", weights[f"tail.b.{i}.act.weight"][:, None, None])
        x = g.add("PRelu", [x, slope], f"{name}_act")
    own = g.standard(_pooled(g, x), weights["bn.running_mean"], np.sqrt(weights["bn.running_var"] + 1e-5), "own")
    given = g.standard("pooled", mean, deviation, "given")
    first = g.add("Slice", [given, *_ends(g, "first", 0, STATISTICS)], "first")
    last = g.add("Slice", [given, *_ends(g, "last", POOLED - EMBEDDING, POOLED)], "last")
    features = g.add("Concat", [first, last, own], "features", axis=1)
    main = _layers(g, features, "tail", weights, ("l1", "l2"), TAIL_SHARE)
    other = _layers(g, given, "side", weights, ("side.1", "side.4"), 1 - TAIL_SHARE)
    g.add("Add", [main, other], "logits")
    return _model(g)


def _layers(g: _Graph, x: str, name: str, weights: Mapping[str, Any], layers: tuple[str, str], share: float) -> str:
    """The hidden layer and the last one, whose weights are scaled by the network's share of the logits."""
    first, last = layers
    wide = [g.byte(f"{name}_w1", weights[f"{first}.weight"]), g.constant(f"{name}_b1", weights[f"{first}.bias"])]
    hidden = _gelu(g, g.add("Gemm", [x, *wide], f"{name}_hidden", transB=1), name)
    thin = [
        g.half(f"{name}_w2", weights[f"{last}.weight"] * share),
        g.constant(f"{name}_b2", weights[f"{last}.bias"] * np.float32(share)),
    ]
    return g.add("Gemm", [hidden, *thin], f"{name}_logits", transB=1)


def _pooled(g: _Graph, x: str) -> str:
    mean = g.add("ReduceMean", [x], "own_average", axes=[2, 3], keepdims=0)
    square = g.add("ReduceMean", [g.add("Mul", [x, x], "own_squares")], "own_power", axes=[2, 3], keepdims=0)
    variance = g.add("Sub", [square, g.add("Mul", [mean, mean], "own_average_2")], "own_variance")
    floor = g.constant("spread_floor", np.float32(SPREAD_FLOOR))
    safe = g.add("Add", [g.add("Relu", [variance], "own_variance_0"), floor], "own_variance_1")
    return g.add("Concat", [mean, g.add("Sqrt", [safe], "own_spread")], "own_raw", axis=1)


def _ends(g: _Graph, name: str, start: int, end: int) -> list[str]:
    numbers = {"start": start, "end": end, "axis": 1}
    return [g.constant(f"{name}_{k}", np.array([v], np.int64)) for k, v in numbers.items()]


def _gelu(g: _Graph, x: str, name: str) -> str:
    root = g.constant(f"{name}_root", np.float32(1 / np.sqrt(2)))
    erf = g.add("Erf", [g.add("Mul", [x, root], f"{name}_scaled")], f"{name}_erf")
    weight = g.add("Add", [erf, g.constant(f"{name}_one", np.float32(1))], f"{name}_weight")
    twice = g.add("Mul", [x, weight], f"{name}_twice")
    return g.add("Mul", [twice, g.constant(f"{name}_half", np.float32(0.5))], f"{name}_gelu")


def _model(g: _Graph) -> bytes:
    trunk = helper.make_tensor_value_info("trunk", TensorProto.FLOAT, [1, 512, 14, 14])
    pooled = helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [1, POOLED])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, OUTPUTS])
    graph = helper.make_graph(g.nodes, "demographics", [trunk, pooled], [logits], g.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
