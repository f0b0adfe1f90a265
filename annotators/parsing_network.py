"""BiSeNet for face parsing, as a function over the published checkpoint's tensors.

Yu et al. 2018, "BiSeNet: bilateral segmentation network", in the form of zllrunning/face-parsing.PyTorch, which takes
the residual network's map at an 8th of the size for the spatial path. Its two further heads serve training only.
"""

from __future__ import annotations

from typing import Any

from annotators.adapters.torch_runtime import torch_of
from annotators.residual_network import stages
from annotators.torch_network import EXTRA, Tensors

TRAINING_HEADS = ("conv_out16.", "conv_out32.")


def bisenet(tensors: Tensors, x: Any) -> list[Any]:
    """Scores per part and pixel, shape (n, parts, height, width)."""
    torch = torch_of(EXTRA)
    functional = torch.nn.functional
    _, eighth, sixteenth, thirty_second = stages(tensors, x, "cp.resnet.")
    whole = _conv(tensors, "cp.conv_avg", _mean(thirty_second))
    deep = _refined(tensors, "cp.arm32", thirty_second) + whole
    deep = _conv(tensors, "cp.conv_head32", functional.interpolate(deep, sixteenth.shape[2:], mode="nearest"))
    middle = _refined(tensors, "cp.arm16", sixteenth) + deep
    middle = _conv(tensors, "cp.conv_head16", functional.interpolate(middle, eighth.shape[2:], mode="nearest"))
    fused = _conv(tensors, "ffm.convblk", torch.cat([eighth, middle], dim=1))
    attention = torch.relu(tensors.conv("ffm.conv1", _mean(fused)))
    fused = fused + fused * torch.sigmoid(tensors.conv("ffm.conv2", attention))
    scores = tensors.conv("conv_out.conv_out", _conv(tensors, "conv_out.conv", fused))
    return [functional.interpolate(scores, x.shape[2:], mode="bilinear", align_corners=True)]


def _conv(tensors: Tensors, name: str, x: Any) -> Any:
    return torch_of(EXTRA).relu(tensors.norm(f"{name}.bn", tensors.conv(f"{name}.conv", x)))


def _refined(tensors: Tensors, name: str, x: Any) -> Any:
    """Attention refinement: the map times a weight per channel."""
    x = _conv(tensors, f"{name}.conv", x)
    weights = tensors.norm(f"{name}.bn_atten", tensors.conv(f"{name}.conv_atten", _mean(x)))
    return x * torch_of(EXTRA).sigmoid(weights)


def _mean(x: Any) -> Any:
    return x.mean(dim=(2, 3), keepdim=True)
