"""Pictures changed by an ONNX network: restoration, stylisation and whatever else takes a face and gives one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from annotators.base import Config
from annotators.runtime import OnnxModel
from annotators.weights import file_sha256
from curate.generators.adapters.onnx_latent import RANGES, require_file
from curate.generators.adapters.onnx_pictures import to_pixels, to_planes
from curate.generators.base import CannotGenerate, Generator, Made, Parameters, Request
from curate.generators.promise import Identity, Promise
from schemas import UnknownNameError

if TYPE_CHECKING:
    from annotators.weights import ModelStore


@dataclass(frozen=True)
class OnnxEditConfig(Config):
    """Which network, and how its numbers are meant.

    Attributes:
        model: The `.onnx` file: one input (1, 3, height, width), one output likewise, RGB.
        values: Range of the numbers: `-1..1`, `0..1` or `0..255`.
        identity: What the network does to the person: `kept`, `new`, `hidden` or `open`.
    """

    model: str = ""
    values: str = "-1..1"
    identity: str = "kept"


class OnnxEdit(Generator):
    """Runs the network over the portrait, enlarged or reduced to the size it takes."""

    name = "onnx_edit"
    version = "1"
    doc = "The portrait changed by an ONNX image network of your own."
    embedded = False
    config_type = OnnxEditConfig
    config: OnnxEditConfig
    _network: OnnxModel
    _digest: str

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse a missing file and words that are none."""
        assert isinstance(config, OnnxEditConfig)
        require_file(cls.name, config.model)
        promised = [i.value for i in Identity if i is not Identity.PARTNER]
        for field, known in (("values", RANGES), ("identity", promised)):
            if getattr(config, field) not in known:
                raise UnknownNameError(f"{cls.name}.{field}", getattr(config, field), known)

    def setup(self, models: ModelStore) -> None:
        """Load the network."""
        self._network = OnnxModel(Path(self.config.model))
        self._digest = file_sha256(Path(self.config.model))

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """Nothing is drawn: the network decides."""
        request.face()
        return {"values": self.config.values, "identity": self.config.identity, "model": self._digest}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture of the portrait's size."""
        if parameters["model"] != self._digest:
            raise CannotGenerate("these parameters are for another network")
        subject = request.face()
        height, width = (int(s) if s > 1 else subject.side for s in self._network.shapes[0][2:])
        given = cv2.resize(subject.pixels, (width, height), interpolation=cv2.INTER_AREA)
        found = to_pixels(self._network(to_planes(np.asarray(given, np.uint8), parameters["values"]))[0],
                          parameters["values"])  # fmt: skip
        how = cv2.INTER_AREA if len(found) > subject.side else cv2.INTER_CUBIC
        pixels = cv2.resize(found, (subject.side, subject.side), interpolation=how)
        yield Made(np.asarray(pixels, np.uint8), Promise(Identity(parameters["identity"])))
