"""Action units from ME-GraphAU: 41 outputs of the hybrid set (OpenGraphAU), or 12 of BP4D, or 8 of DISFA.

Luo et al. 2022 (CVI-SZU/ME-GraphAU, MIT; trained on data for research). Preprocessing as OpenGraphAU/utils.py: a face
crop at 256 px, its middle 224 px, RGB, ImageNet's statistics. How the face was cropped is not in that repository:
here it is the detector's box made square, with a margin. A score of .5 is its programs' threshold. The hashes of the
checkpoints are not published: give the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Config, Face, FaceAnnotator
from annotators.crops import BoxCrop
from annotators.network_input import flat_outputs, normalised
from annotators.torch_network import first_outputs, load_network, require_loader
from annotators.unit_graph_network import TRAINING_HEADS, unit_graph
from schemas import Column, ModelError, taxonomy
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

ORDERS = {41: "opengraphau-41", 12: "bp4d-12", 8: "disfa-8"}
"""Number of outputs -> the taxonomy whose order they have."""
LEFT, RIGHT = "_left", "_right"
SIZE = 224


@dataclass(frozen=True)
class GraphAUConfig(Config):
    """Which network, and how the face is cut.

    Attributes:
        weights: Path of a checkpoint with a ResNet backbone (torch or safetensors), or of an ONNX export of any.
        margin: Share of the box's longer side that is shown around the face on every side.
    """

    weights: str = ""
    margin: float = 0.1


class GraphAU(FaceAnnotator):
    """Scores of the units, and of seven of them again on each side.

    Left and right are taken as FACS has them, the subject's own; the repository does not say. Outputs that have no
    field in the columns (AD19, AD32, AU38, AU39) are left out; fields that the network lacks are null.
    """

    name = "graph_au"
    version = "1"
    doc = "Action units, some per side, by ME-GraphAU, from a file that the user brings."
    provides = (labels.AU_SCORE, labels.AU_SCORE_LEFT, labels.AU_SCORE_RIGHT)
    crops = (BoxCrop(SIZE),)
    default = False
    config_type = GraphAUConfig
    config: GraphAUConfig

    @classmethod
    def weights_of(cls, config: Config) -> tuple[str, ...]:
        assert isinstance(config, GraphAUConfig)
        return (config.weights,) if config.weights else ()

    @classmethod
    def preflight(cls, config: Config) -> None:
        files = cls.weights_of(config)
        if not files:
            raise ModelError(
                "graph_au has no network", "its authors publish no hashes, so none is fetched",
                "Take a ResNet checkpoint from the tables of github.com/CVI-SZU/ME-GraphAU and give it with "
                "--set graph_au.weights=./OpenGprahAU-ResNet50_second_stage.pth",
            )  # fmt: skip
        require_loader(*files)

    def setup(self, models: ModelStore) -> None:
        """Load the network and run it once.

        Raises:
            ModelError: if no file is given, or it is of another network.
        """
        self.preflight(self.config)
        path = models.path(self.config.weights)
        self._file = path.name
        self._model = load_network(path, unit_graph, SIZE, TRAINING_HEADS)
        self._crop = BoxCrop(SIZE, self.config.margin)
        flat_outputs(first_outputs(self._model, SIZE, self._file)[:1], tuple(ORDERS), self._file)

    def label(self, face: Face) -> Mapping[Column, Any]:
        scores = self._raw(face.crop(self._crop).pixels)
        named = dict(zip(taxonomy(ORDERS[len(scores)]).labels, scores.tolist(), strict=True))
        left = {k.removesuffix(LEFT): v for k, v in named.items() if k.endswith(LEFT)}
        right = {k.removesuffix(RIGHT): v for k, v in named.items() if k.endswith(RIGHT)}
        fields = taxonomy(labels.AU_SCORE.taxonomy).labels
        return {
            labels.AU_SCORE: {k: v for k, v in named.items() if k in fields},
            labels.AU_SCORE_LEFT: left or None,
            labels.AU_SCORE_RIGHT: right or None,
        }

    def _raw(self, crop: Any) -> Any:
        return np.clip(flat_outputs(self._model(normalised(crop))[:1], tuple(ORDERS), self._file), 0, 1)
