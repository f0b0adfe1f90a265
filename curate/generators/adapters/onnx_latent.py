"""Pictures by an ONNX generator network that turns noise into a face, such as an exported StyleGAN."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Config
from annotators.runtime import OnnxModel
from annotators.weights import file_sha256
from curate.generators.adapters.onnx_pictures import to_pixels
from curate.generators.base import CannotGenerate, Generator, Made, Parameters, Request
from curate.generators.promise import Identity, Promise
from schemas import ModelError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from annotators.weights import ModelStore

RANGES = ("-1..1", "0..1", "0..255")


@dataclass(frozen=True)
class OnnxLatentConfig(Config):
    """Which network, and how its numbers are meant.

    Attributes:
        model: The `.onnx` file. Its first input is the noise, shape (1, ..., d); a second one, if there is one,
            a condition that is given as zeros.
        truncation: Noise is multiplied by it: below 1 gives more usual faces.
        values: Range of the output's numbers: `-1..1`, `0..1` or `0..255`.
    """

    model: str = ""
    truncation: float = 0.7
    values: str = "-1..1"


class OnnxLatent(Generator):
    """Draws noise from the seed and runs the network."""

    name = "onnx_latent"
    version = "1"
    doc = "New faces by an ONNX network of your own that turns noise into pictures."
    takes_subject = False
    embedded = False
    config_type = OnnxLatentConfig
    config: OnnxLatentConfig
    _network: OnnxModel
    _digest: str

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse a missing file and a range that is none."""
        assert isinstance(config, OnnxLatentConfig)
        require_file(cls.name, config.model)
        if config.values not in RANGES:
            raise UnknownNameError(f"{cls.name}.values", config.values, RANGES)

    def setup(self, models: ModelStore) -> None:
        """Load the network."""
        self._network = OnnxModel(Path(self.config.model))
        self._digest = file_sha256(Path(self.config.model))

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """A seed."""
        return {"seed": int(rng.integers(2**31)), "truncation": self.config.truncation, "values": self.config.values,
                "model": self._digest}  # fmt: skip

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture."""
        if parameters["model"] != self._digest:
            raise CannotGenerate("these parameters are for another network")
        rng = np.random.default_rng(parameters["seed"])
        first, *others = self._network.shapes
        noise = rng.standard_normal(first).astype(np.float32) * np.float32(parameters["truncation"])
        found = self._network(noise, *(np.zeros(shape, np.float32) for shape in others))[0]
        yield Made(to_pixels(found, parameters["values"]), Promise(Identity.NEW))


def require_file(name: str, path: str) -> None:
    """Refuse a setting `model` that names no ONNX file.

    Raises:
        UsageError: if it is empty.
        ModelError: if there is no such file.
    """
    if not path:
        raise UsageError(f"{name} needs a model", fix=f"Set {name}.model=FILE.onnx")
    if not Path(path).is_file():
        raise ModelError(f"there is no {path}", fix=f"Set {name}.model to an .onnx file")
