"""The network of the `covers` head in PyTorch, for fitting it, and its ONNX file.

Two parts read SFace's maps: cells go through small convolutions together with their colours; eyewear and mask are
linear in the pooled features and in a coarse map of the trunk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from annotators.cover_cells import CHANNELS, GRID
from annotators.sface import POOLED

TRUNK = 512
TEXTURE = 256
CLASSES = 4
"""None, glasses, sunglasses; mask."""


class CoverNetwork(nn.Module):
    """Trunk (n, 512, 14, 14), cells (n, 7, 14, 14) and pooled (n, 3968) to logits of cells, eyewear and mask.

    Args:
        basis: Principal directions of the trunk's channels, (k, 512); the first layers see only these.
        middle: Mean of each channel, (512,).
        pooled: Mean and standard deviation of the pooled features, two arrays (3968,).
        width: Channels of the cells' maps.
    """

    basis: Tensor
    middle: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self, basis: NDArray[Any], middle: NDArray[Any], pooled: tuple[NDArray[Any], NDArray[Any]], width: int = 24
    ) -> None:
        super().__init__()
        spread = 1 / np.maximum(pooled[1], 1e-4)
        for name, value in (("basis", basis), ("middle", middle), ("mean", pooled[0]), ("scale", spread)):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))
        self.reduce = nn.Conv2d(len(basis), width, 1)
        self.place = nn.Parameter(torch.zeros(1, 4, GRID, GRID))
        self.near = nn.Conv2d(width + CHANNELS + 4, width, 3, padding=1)
        self.far = nn.Conv2d(width, width, 3, padding=2, dilation=2)
        self.cell = nn.Conv2d(2 * width, 1, 1)
        self.coarse = nn.Conv2d(len(basis), 12, 1)
        self.from_map = nn.Linear(12 * (GRID // 2) ** 2, CLASSES)
        self.from_pooled = nn.Linear(POOLED + TEXTURE, CLASSES)
        self.mask_cells, self.mask = nn.Linear(GRID * GRID, 16), nn.Linear(16, 1)
        self.drop, self.drop_map = nn.Dropout(0.3), nn.Dropout2d(0.2)

    def directions(self, trunk: Tensor) -> Tensor:
        """The trunk in its principal directions, (n, k, 14, 14)."""
        flat = (trunk - self.middle[None, :, None, None]).flatten(2)
        return torch.matmul(self.basis, flat).reshape(*flat.shape[:1], -1, GRID, GRID)

    def cells_of(self, main: Tensor, cells: Tensor) -> Tensor:
        """Logits that cells are covered, (n, 14, 14), from the trunk's directions and the cells' colours."""
        seen = self.drop_map(torch.relu(self.reduce(main)))
        place = self.place.expand(len(main), -1, -1, -1)
        near = torch.relu(self.near(torch.cat([seen, cells, place], 1)))
        far = torch.relu(self.far(near))
        logits: Tensor = self.cell(torch.cat([near, far], 1))[:, 0]
        return logits

    def whole(self, main: Tensor, pooled: Tensor) -> Tensor:
        """Logits of eyewear and mask, (n, 4)."""
        coarse = nn.functional.avg_pool2d(torch.relu(self.coarse(main)), 2).flatten(1)
        logits: Tensor = self.from_map(self.drop(coarse)) + self.from_pooled(
            self.drop((pooled - self.mean) * self.scale)
        )
        return logits

    def mask_of(self, covered: Tensor, cells: Tensor, whole: Tensor) -> Tensor:
        """Logits of a mask, (n,): from which of the face's cells are covered, besides what `whole` says."""
        face = torch.sigmoid(covered) * cells[:, -1]
        added: Tensor = self.mask(torch.relu(self.mask_cells(face.flatten(1))))[:, 0]
        return whole[:, -1] + added

    def forward(self, trunk: Tensor, cells: Tensor, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the cells, (n, 14, 14), and of eyewear and mask, (n, 4)."""
        main = self.directions(trunk)
        covered, whole = self.cells_of(main, cells), self.whole(main, pooled)
        return covered, torch.cat([whole[:, :-1], self.mask_of(covered, cells, whole)[:, None]], 1)


def export(network: CoverNetwork, target: Path) -> None:
    """Write a network as ONNX for one face at a time; directions and first layers become one."""
    from onnx import TensorProto, helper, numpy_helper, save

    state = {k: v.detach().double().numpy() for k, v in network.state_dict().items()}

    def folded(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        weight = state[f"{name}.weight"][:, :, 0, 0] @ state["basis"]
        return weight[:, :, None, None], state[f"{name}.bias"] - weight @ state["middle"]

    tensors: dict[str, NDArray[Any]] = {"place": state["place"]}
    for name in ("reduce", "coarse"):
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = folded(name)
    for name in ("near", "far", "cell"):
        tensors |= {f"{name}.{part}": state[f"{name}.{part}"] for part in ("weight", "bias")}
    pooled_weight = state["from_pooled.weight"] * state["scale"]
    tensors["map.weight"], tensors["pooled.weight"] = state["from_map.weight"].T, pooled_weight.T
    tensors |= {f"{name}.weight": state[f"{name}.weight"].T for name in ("mask_cells", "mask")}
    tensors |= {"mask_cells.bias": state["mask_cells.bias"], "none": np.zeros((1, CLASSES - 1))}
    tensors["whole.bias"] = state["from_map.bias"] + state["from_pooled.bias"] - pooled_weight @ state["mean"]
    tensors["whole.bias"][-1] += state["mask.bias"][0]

    def conv(name: str, source: str, out: str, **options: Any) -> Any:
        return helper.make_node("Conv", [source, f"{name}.weight", f"{name}.bias"], [out], **options)

    node = helper.make_node
    nodes = [
        conv("reduce", "trunk", "reduced"),
        node("Relu", ["reduced"], ["seen"]),
        node("Concat", ["seen", "cells", "place"], ["joined"], axis=1),
        conv("near", "joined", "near_raw", pads=[1, 1, 1, 1]),
        node("Relu", ["near_raw"], ["near_map"]),
        conv("far", "near_map", "far_raw", pads=[2, 2, 2, 2], dilations=[2, 2]),
        node("Relu", ["far_raw"], ["far_map"]),
        node("Concat", ["near_map", "far_map"], ["both"], axis=1),
        conv("cell", "both", "cell_logits"),
        conv("coarse", "trunk", "coarse_raw"),
        node("Relu", ["coarse_raw"], ["coarse_map"]),
        node("AveragePool", ["coarse_map"], ["coarse_small"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["coarse_small"], ["coarse_flat"]),
        node("MatMul", ["coarse_flat", "map.weight"], ["from_map"]),
        node("MatMul", ["pooled", "pooled.weight"], ["from_pooled"]),
        node("Add", ["from_map", "from_pooled"], ["sum"]),
        node("Add", ["sum", "whole.bias"], ["without_cells"]),
        node("Sigmoid", ["cell_logits"], ["cell_chances"]),
        node("Gather", ["cells", "last"], ["face"], axis=1),
        node("Mul", ["cell_chances", "face"], ["face_covered"]),
        node("Flatten", ["face_covered"], ["face_flat"]),
        node("MatMul", ["face_flat", "mask_cells.weight"], ["mask_raw"]),
        node("Add", ["mask_raw", "mask_cells.bias"], ["mask_biased"]),
        node("Relu", ["mask_biased"], ["mask_hidden"]),
        node("MatMul", ["mask_hidden", "mask.weight"], ["mask_added"]),
        node("Concat", ["none", "mask_added"], ["added"], axis=1),
        node("Add", ["without_cells", "added"], ["whole_logits"]),
    ]
    shapes = {
        "trunk": (1, TRUNK, GRID, GRID),
        "cells": (1, CHANNELS, GRID, GRID),
        "pooled": (1, POOLED + TEXTURE),
        "cell_logits": (1, 1, GRID, GRID),
        "whole_logits": (1, CLASSES),
    }
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
    weights = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in tensors.items()]
    weights.append(numpy_helper.from_array(np.array([CHANNELS - 1], np.int64), "last"))
    graph = helper.make_graph(
        nodes, "covers", [values[k] for k in list(shapes)[:3]], [values[k] for k in list(shapes)[3:]], weights
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(target))
