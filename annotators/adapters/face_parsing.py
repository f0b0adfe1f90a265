"""Nineteen parts of a face picture, pixel by pixel, from BiSeNet trained on CelebAMask-HQ.

Preprocessing as zllrunning/face-parsing.PyTorch test.py and yakhyo/face-parsing onnx_inference.py: 512 px, RGB,
ImageNet's statistics, the first output, the greatest score per pixel. Those programs take whatever picture they are
given; here the head is cut as CelebA-HQ was, on which the networks were trained. The data set's sources do not say
whose left `l_eye` is, so sides are settled by the face's own points, whichever way the network has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from annotators.base import Config, Face, FaceAnnotator
from annotators.crop_masks import inside_picture
from annotators.head_crops import HeadCrop
from annotators.network_input import normalised
from annotators.parsing_network import TRAINING_HEADS, bisenet
from annotators.part_maps import NOT_JUDGED, PartMap, Parts, part_names
from annotators.runtime import Floats
from annotators.torch_network import first_outputs, load_network, require_loader
from schemas import Column, ModelError, UsageError
from schemas.coding import coding
from schemas.columns import faces, labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

CROP = HeadCrop(512)
SIDES = (("r_brow", "l_brow"), ("r_eye", "l_eye"), ("r_ear", "l_ear"))
"""Parts that come in pairs, the subject's right first."""


@dataclass(frozen=True)
class FaceParsingConfig(Config):
    """Which network, and how finely its map is kept.

    Attributes:
        weights: A name of `models list`, or a path (ONNX, torch, safetensors).
        side: Side of the stored map in pixels, a divisor of 512. The network's own map has 64 pixels a side.
    """

    weights: str = "face_parsing_resnet18"
    side: int = 256


class FaceParsing(FaceAnnotator):
    """A map of parts and the share of each."""

    name = "face_parsing"
    version = "1"
    doc = "Nineteen parts of the face picture, pixel by pixel, by BiSeNet, fetched by name."
    requires = (faces.POINTS_5,)
    provides = (labels.FACE_PARSING, labels.PARSING_SHARE)
    crops = (CROP,)
    weights = ("face_parsing_resnet18",)
    default = False
    config_type = FaceParsingConfig
    config: FaceParsingConfig

    @classmethod
    def weights_of(cls, config: Config) -> tuple[str, ...]:
        assert isinstance(config, FaceParsingConfig)
        return (config.weights,)

    @classmethod
    def preflight(cls, config: Config) -> None:
        assert isinstance(config, FaceParsingConfig)
        if config.side < 1 or CROP.size % config.side:
            raise UsageError(
                f"face_parsing.side={config.side} does not divide {CROP.size}", fix="Use 512, 256, 128 or 64"
            )
        require_loader(config.weights)

    def setup(self, models: ModelStore) -> None:
        """Load the network and run it once, so that a wrong file is told before the first face."""
        self.preflight(self.config)
        path = models.path(self.config.weights)
        self._model = load_network(path, bisenet, CROP.size, TRAINING_HEADS)
        order = coding("face-parsing").order
        found = first_outputs(self._model, CROP.size, path.name)[0].shape
        if found != (1, len(order), CROP.size, CROP.size):
            wanted = f"{len(order)} scores for each of {CROP.size} x {CROP.size} pixels"
            raise ModelError(f"{path.name} is another model", f"it gives {found} where {wanted} are expected")
        self._values = np.array([part_names().index(name) for name in order], np.uint8)

    def label(self, face: Face) -> Mapping[Column, Any]:
        points = face.need(faces.POINTS_5)
        crop = face.crop(CROP)
        step = CROP.size // self.config.side
        parts = self._values[self._scores(crop.pixels).argmax(0)]
        parts = with_own_sides(parts, crop.to_crop(points[:2]))
        parts[inside_picture(crop, face.image.shape) == 0] = NOT_JUDGED
        found = PartMap(np.ascontiguousarray(parts[step // 2 :: step, step // 2 :: step]), crop.matrix / step)
        return {labels.FACE_PARSING: found.encoded(), labels.PARSING_SHARE: found.shares()}

    def _scores(self, crop: NDArray[np.uint8]) -> Floats:
        return np.asarray(self._model(normalised(crop))[0][0])


def with_own_sides(parts: Parts, eyes: NDArray[np.floating[Any]]) -> Parts:
    """Name the parts that come in pairs by the side of the midline between the eyes that each pixel lies on.

    Args:
        parts: Positions in `part_names()`, shape (height, width).
        eyes: The subject's right and left eye in the same pixels, shape (2, 2).
    """
    names = part_names()
    rows, columns = np.indices(parts.shape)
    across = eyes[1] - eyes[0]
    middle = (eyes[0] + eyes[1]) / 2
    leftness = (columns + 0.5 - middle[0]) * across[0] + (rows + 0.5 - middle[1]) * across[1]
    settled = parts.copy()
    for right, left in SIDES:
        either = np.isin(parts, [names.index(right), names.index(left)])
        settled[either] = np.where(leftness[either] > 0, names.index(left), names.index(right))
    return settled
