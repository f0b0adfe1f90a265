"""RepVGG as a function over a checkpoint's tensors, named as timm names them, in the form it is trained in.

Ding et al. 2021, "RepVGG: making VGG-style ConvNets great again": each block adds a 3 x 3 and a 1 x 1 convolution and,
where it keeps the size, its own input, each normalised.
"""

from __future__ import annotations

from typing import Any

from annotators.adapters.torch_runtime import torch_of
from annotators.torch_network import EXTRA, Tensors


def features(tensors: Tensors, x: Any, prefix: str = "") -> Any:
    """Last feature maps, at a 32nd of the picture's size.

    Args:
        tensors: The checkpoint.
        x: Pictures, shape (n, 3, height, width).
        prefix: What stands before each name, such as `encoder.`.
    """
    x = _block(tensors, f"{prefix}stem", x)
    for stage in range(tensors.count(f"{prefix}stages")):
        for block in range(tensors.count(f"{prefix}stages.{stage}")):
            x = _block(tensors, f"{prefix}stages.{stage}.{block}", x)
    return x


def _block(tensors: Tensors, name: str, x: Any) -> Any:
    keeps = f"{name}.identity.weight" in tensors
    sums = tensors.norm(f"{name}.identity", x) if keeps else 0
    for part in ("conv_1x1", "conv_kxk"):
        sums = sums + tensors.norm(f"{name}.{part}.bn", tensors.conv(f"{name}.{part}.conv", x, 1 if keeps else 2))
    return torch_of(EXTRA).relu(sums)
