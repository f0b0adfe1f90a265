"""The expression head as a network: how its inputs are prepared, how it is fitted, and how it is written as ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from annotators.expression_features import BLOCKS, SIZE, places

if TYPE_CHECKING:
    import torch

COMPONENTS = 64
"""Principal components of the mesh's shape."""
HIDDEN = 184
CLASSES = 7
CLIP = 5.0
BATCH = 128
Values = NDArray[Any]


@dataclass(frozen=True)
class Preparation:
    """Brings features to zero mean and unit variance, the mesh's shape to principal components.

    Attributes:
        shape_mean: (1404,) mean shape.
        components: (1404, COMPONENTS).
        mean: (inputs,) over all prepared inputs; a missing block counts as its mean.
        scale: (inputs,) one over the standard deviation.
    """

    shape_mean: Values
    components: Values
    mean: Values
    scale: Values

    def __call__(self, values: Values) -> NDArray[np.float32]:
        """Prepared inputs, shape (n, inputs), of features, shape (n, SIZE)."""
        scaled = (self._reduced(np.asarray(values, np.float32)) - self.mean) * self.scale
        return np.nan_to_num(np.clip(scaled, -CLIP, CLIP), nan=0.0).astype(np.float32)

    def _reduced(self, values: Values) -> Values:
        head = (values[:, places("head")] - self.shape_mean) @ self.components
        return np.hstack([values[:, : places("head").start], head, values[:, places("head").stop :]])


def preparation(values: Values) -> Preparation:
    """The preparation fitted on features, shape (n, SIZE)."""
    values = np.asarray(values, np.float32)
    shapes = values[:, places("head")]
    shapes = shapes[~np.isnan(shapes[:, 0])]
    mean = shapes.mean(0)
    _, _, axes = np.linalg.svd((shapes - mean)[:: max(1, len(shapes) // 3000)], full_matrices=False)
    plain = Preparation(mean, axes[:COMPONENTS].T, np.zeros(1), np.ones(1))
    reduced = plain._reduced(values)
    deviation = np.nanstd(reduced, 0)
    return Preparation(mean, plain.components, np.nanmean(reduced, 0), 1 / (deviation + 1e-4))


def fitted(
    inputs: NDArray[np.float32], targets: Values, weights: Values, epochs: float, seed: int, hidden: int = HIDDEN
) -> list[NDArray[np.float32]]:
    """Weights of a network with one hidden layer and a linear path from the `fer` network's opinion.

    AdamW under a one-cycle rate; inputs and hidden units are dropped at random, and pairs of faces are mixed (H. Zhang
    et al., "mixup: Beyond empirical risk minimization", 2018).

    Args:
        inputs: Prepared, shape (n, inputs).
        targets: Distributions over the classes, shape (n, 7).
        weights: How often each face is drawn, shape (n,); need not sum to 1.
        epochs: Number of faces seen, in multiples of n.
        seed: Of everything random.
        hidden: Number of hidden units.

    Returns:
        Hidden weights (inputs, hidden) and bias, output weights (hidden, 7) and bias, `fer` weights (21, 7).
    """
    import torch

    torch.manual_seed(seed)
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    first, last = torch.nn.Linear(inputs.shape[1], hidden), torch.nn.Linear(hidden, CLASSES)
    skip = torch.nn.Linear(BLOCKS["fer"], CLASSES, bias=False)
    torch.nn.init.zeros_(skip.weight)
    parameters = [p for layer in (first, last, skip) for p in layer.parameters()]
    optimiser = torch.optim.AdamW(parameters, 1e-3, weight_decay=1e-2)
    steps = int(epochs * len(inputs) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    x_all, y_all = torch.from_numpy(inputs), torch.from_numpy(np.asarray(targets, np.float32))
    chance = torch.from_numpy(np.asarray(weights, np.float64))
    drop = torch.nn.functional.dropout
    for _ in range(steps):
        rows = torch.multinomial(chance, BATCH, replacement=True, generator=generator)
        share, other = float(rng.beta(0.2, 0.2)), torch.randperm(BATCH, generator=generator)
        x = share * x_all[rows] + (1 - share) * x_all[rows][other]
        y = share * y_all[rows] + (1 - share) * y_all[rows][other]
        opinion = x[:, : BLOCKS["fer"]]
        x = _without_blocks(x, rng)
        scores = last(drop(torch.relu(first(drop(x, 0.2))), 0.5)) + skip(opinion)
        loss = -(y * torch.log_softmax(scores, 1)).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    found = (first.weight.T, first.bias, last.weight.T, last.bias, skip.weight.T)
    return [np.ascontiguousarray(part.detach().numpy(), np.float32) for part in found]


def _without_blocks(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Without the mesh's blocks, or SFace's, in some batches' rows: so that the head learns to do without."""
    mesh_start = BLOCKS["fer"] + BLOCKS["inner"]
    maps_start = x.shape[1] - BLOCKS["maps"]
    x = x.clone()
    x[rng.random(len(x)) < 0.06, mesh_start:maps_start] = 0
    x[rng.random(len(x)) < 0.04, maps_start:] = 0
    return x


def scores(network: Sequence[Values], inputs: Values) -> NDArray[np.float64]:
    """Scores of the classes, shape (n, 7), of prepared inputs."""
    first, first_bias, last, last_bias, skip = network
    hidden = np.maximum(inputs @ first + first_bias, 0)
    return np.asarray(hidden @ last + last_bias + inputs[:, : len(skip)] @ skip, np.float64)


def as_onnx(prepare: Preparation, network: Sequence[Values]) -> bytes:
    """Preparation and network as one ONNX model with weights in half precision; input (1, SIZE), output (1, 7)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []

    def constant(name: str, value: Values, half: bool = False) -> str:
        stored = np.asarray(value, np.float16 if half else np.float32)
        constants.append(numpy_helper.from_array(stored, name + ("_half" if half else "")))
        if half:
            nodes.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
        return name

    def node(kind: str, inputs: Sequence[str], output: str, **facts: Any) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [output], **facts))
        return output

    def part(name: str, start: int, stop: int, of: str = "features") -> str:
        for suffix, place in (("_start", start), ("_stop", stop)):
            constants.append(numpy_helper.from_array(np.array([place], np.int64), name + suffix))
        return node("Slice", [of, name + "_start", name + "_stop", "axis"], name)

    constants.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    place = places("head")
    shape = node("Sub", [part("shape", place.start, place.stop), constant("shape_mean", prepare.shape_mean)], "moved")
    reduced = node("MatMul", [shape, constant("components", prepare.components, half=True)], "reduced")
    whole = node("Concat", [part("before", 0, place.start), reduced, part("after", place.stop, SIZE)], "whole", axis=1)
    filled = node("Where", [node("IsNaN", [whole], "missing"), constant("mean", prepare.mean[None]), whole], "filled")
    scaled = node("Mul", [node("Sub", [filled, "mean"], "centred"), constant("scale", prepare.scale[None])], "scaled")
    clipped = node("Clip", [scaled, constant("low", np.array(-CLIP)), constant("high", np.array(CLIP))], "clipped")
    first, first_bias, last, last_bias, skip = network
    hidden = node("MatMul", [clipped, constant("first", first, half=True)], "hidden_raw")
    hidden = node("Relu", [node("Add", [hidden, constant("first_bias", first_bias)], "hidden_sum")], "hidden")
    output = node("MatMul", [hidden, constant("last", last)], "output_raw")
    output = node("Add", [output, constant("last_bias", last_bias)], "output_sum")
    opinion = part("opinion", 0, len(skip), of=clipped)
    node("Add", [output, node("MatMul", [opinion, constant("skip", skip)], "skipped")], "scores")
    graph = helper.make_graph(
        nodes,
        "expression",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, SIZE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, CLASSES])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
