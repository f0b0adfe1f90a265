"""Residual networks as functions over a checkpoint's tensors, named as torchvision names them.

He et al. 2016, "Deep residual learning for image recognition". Depth and kind of block follow from the names: a block
with a third convolution is a bottleneck.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annotators.adapters.torch_runtime import torch_of
from annotators.torch_network import EXTRA, Tensors

STAGES = ("layer1", "layer2", "layer3", "layer4")
TORCHVISION_NAMES: Mapping[str, str] = {name: name for name in ("conv1", "bn1", *STAGES)}
SEQUENTIAL_NAMES: Mapping[str, str] = {
    "conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7",
}  # fmt: skip
"""Names in `nn.Sequential(*list(resnet.children())[:-1])`: numbers in torchvision's order."""


def stages(tensors: Tensors, x: Any, prefix: str = "", names: Mapping[str, str] = TORCHVISION_NAMES) -> list[Any]:
    """Feature maps of the four stages, at a 4th, 8th, 16th and 32nd of the picture's size.

    Args:
        tensors: The checkpoint.
        x: Pictures, shape (n, 3, height, width).
        prefix: What stands before each name, such as `cp.resnet.`.
        names: The checkpoint's names of torchvision's modules.
    """
    torch = torch_of(EXTRA)
    x = tensors.norm(prefix + names["bn1"], tensors.conv(prefix + names["conv1"], x, stride=2))
    x = torch.nn.functional.max_pool2d(torch.relu(x), kernel_size=3, stride=2, padding=1)
    found = []
    for number, stage in enumerate(STAGES):
        name = prefix + names[stage]
        for block in range(tensors.count(name)):
            x = _block(tensors, f"{name}.{block}", x, stride=2 if number and not block else 1)
        found.append(x)
    return found


def _block(tensors: Tensors, name: str, x: Any, stride: int) -> Any:
    """A basic block or a bottleneck; the stride sits in the first 3 x 3 convolution, as in torchvision."""
    relu = torch_of(EXTRA).relu
    deep = f"{name}.conv3.weight" in tensors
    out = tensors.norm(f"{name}.bn1", tensors.conv(f"{name}.conv1", x, 1 if deep else stride))
    out = tensors.norm(f"{name}.bn2", tensors.conv(f"{name}.conv2", relu(out), stride if deep else 1))
    if deep:
        out = tensors.norm(f"{name}.bn3", tensors.conv(f"{name}.conv3", relu(out)))
    if f"{name}.downsample.0.weight" in tensors:
        x = tensors.norm(f"{name}.downsample.1", tensors.conv(f"{name}.downsample.0", x, stride))
    return relu(out + x)


def pooled(features: Any) -> Any:
    """Mean over space, shape (n, channels)."""
    return features.mean(dim=(2, 3))


def classifier(tensors: Tensors, x: Any) -> list[Any]:
    """A whole residual network with its last layer `fc`: one output, shape (n, classes)."""
    return [tensors.linear("fc", pooled(stages(tensors, x)[-1]))]
