"""New pictures of a given face by a diffusers pipeline with an IP-Adapter, by its look or its identity embedding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from annotators.adapters.torch_runtime import PRECISIONS, silent
from annotators.crops import ARCFACE_112, similarity, warp
from annotators.runtime import OnnxModel
from curate.generators.adapters.diffusion import DiffusionConfig, check, loaded, settings
from curate.generators.adapters.pipeline import Pipeline
from curate.generators.adapters.prompted import promise_of
from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.promise import Identity
from curate.generators.prompts.choose import row_for
from curate.generators.prompts.grid import NEGATIVE
from curate.generators.prompts.words import describe
from curate.generators.subject import Subject
from schemas import ModelError, UsageError
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

SUFFIX = ".safetensors"
CHIP = 112
HELD = (labels.GENDER, labels.RACE, labels.AGE_GROUP)
"""Labels that the prompt says of the subject, so that words and face do not contradict each other."""


@dataclass(frozen=True)
class DiffusionIdentityConfig(DiffusionConfig):
    """Which adapter, beside the model.

    Attributes:
        adapter: IP-Adapter weights as `.safetensors`.
        encoder: Folder of the CLIP image encoder that the adapter was trained with (plain IP-Adapter).
        embedder: ONNX face recognition network of 112 px chips (ArcFace) that it was trained with (FaceID).
        adapter_scale: How strongly the face is followed, 0-1.
    """

    adapter: str = ""
    encoder: str = ""
    embedder: str = ""
    adapter_scale: float = 0.7


class DiffusionIdentity(Generator):
    """Runs a text-to-image pipeline on a prompt and the subject's face."""

    name = "diffusion_identity"
    version = "1"
    doc = "New pictures of the same person by a diffusers pipeline with an IP-Adapter or IP-Adapter-FaceID."
    requires = HELD
    conditioners = ("clip", "clip_celeba", "clip_emonet", "clip_prompts")
    embedded = False
    config_type = DiffusionIdentityConfig
    config: DiffusionIdentityConfig
    _pipeline: Pipeline
    _embedder: OnnxModel | None

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse settings that cannot work."""
        assert isinstance(config, DiffusionIdentityConfig)
        check(cls.name, config)
        if not config.adapter:
            raise UsageError(f"{cls.name} needs an adapter", fix=f"Set {cls.name}.adapter=FILE.safetensors")
        if Path(config.adapter).suffix != SUFFIX:
            raise ModelError(f"{config.adapter} is no {SUFFIX} file", "weights that can hold code are not read")
        if bool(config.encoder) == bool(config.embedder):
            why = "an IP-Adapter reads a picture through an encoder, a FaceID adapter a face through an embedder"
            raise UsageError(f"{cls.name} needs either an encoder or an embedder", why)
        for path in (config.adapter, config.encoder or config.embedder):
            if not Path(path).exists():
                raise ModelError(f"there is no {path}")

    def setup(self, models: ModelStore) -> None:
        """Load pipeline, adapter and encoder or embedder."""
        self._pipeline = loaded(self.config)
        self._embedder = OnnxModel(Path(self.config.embedder)) if self.config.embedder else None
        pipe, path = self._pipeline.pipe, Path(self.config.adapter)
        try:
            with silent():
                if self.config.encoder:
                    _with_encoder(self._pipeline, self.config)
                pipe.load_ip_adapter(str(path.parent), subfolder="", weight_name=path.name, image_encoder_folder=None,
                                     local_files_only=True)  # fmt: skip
                pipe.set_ip_adapter_scale(self.config.adapter_scale)
        except Exception as error:
            raise ModelError(f"{path} does not fit {self.config.model}", " ".join(str(error).split())[:300]) from error

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """A prompt of the subject's labels and those that are wanted."""
        subject, seed = request.face(), int(rng.integers(2**31))
        wanted = {c.name: subject.labels[c.name] for c in HELD if subject.labels.get(c.name)} | dict(request.wanted)
        try:
            row = row_for(wanted, seed)
        except UsageError as error:
            raise CannotGenerate(str(error)) from error
        prompt = self.config.prompt or row.prompt
        found = {**row.as_dict(), "prompt": prompt, "labels": dict(request.wanted) if not self.config.prompt else {}}
        return {**found, "negative": self.config.negative or NEGATIVE, **settings(self.config),
                "adapter": Path(self.config.adapter).name, "adapter_scale": self.config.adapter_scale,
                "model": self._pipeline.identity}  # fmt: skip

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture."""
        self._pipeline.require(parameters["model"])
        subject = request.face()
        pixels = self._pipeline.paint(parameters, **self._face(subject, guided=parameters["guidance"] > 1))
        yield Made(pixels, promise_of(parameters, Identity.KEPT))

    def _face(self, subject: Subject, *, guided: bool) -> dict[str, Any]:
        """What the adapter is given: the portrait, or the embedding with zeros beside it for guidance."""
        if self._embedder is None:
            from PIL import Image

            return {"ip_adapter_image": Image.fromarray(subject.pixels)}
        torch = self._pipeline._torch
        vector = torch.from_numpy(embedding(subject, self._embedder))[None, None]
        both = torch.cat([torch.zeros_like(vector), vector]) if guided else vector
        return {"ip_adapter_image_embeds": [both.to(self._pipeline.device, self._pipeline.pipe.unet.dtype)]}

    def aim(self, have: Mapping[str, Any], wanted: Mapping[str, str]) -> Mapping[str, Any] | None:
        """The face must have the cell's perceived gender, race and age already; all else can be asked for."""
        if any(have.get(c.name) != wanted[c.name] for c in HELD if c.name in wanted):
            return None
        try:
            describe(wanted)
        except UsageError:
            return None
        return {}


def embedding(subject: Subject, network: OnnxModel) -> NDArray[np.float32]:
    """Unit vector of the subject's face, shape (d,), as insightface computes it: aligned, RGB, (x - 127.5) / 127.5."""
    chip = warp(subject.pixels, similarity(subject.points, ARCFACE_112), CHIP)
    found = network((chip.astype(np.float32).transpose(2, 0, 1)[None] - 127.5) / 127.5)[0].ravel()
    return np.asarray(found / max(float(np.linalg.norm(found)), 1e-12), np.float32)


def _with_encoder(pipeline: Pipeline, config: DiffusionIdentityConfig) -> None:
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    dtype = getattr(pipeline._torch, PRECISIONS[config.precision])
    encoder = CLIPVisionModelWithProjection.from_pretrained(
        config.encoder, use_safetensors=True, local_files_only=True, dtype=dtype
    )
    side = encoder.config.image_size
    reader = CLIPImageProcessor(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    pipeline.pipe.register_modules(image_encoder=encoder.to(pipeline.device), feature_extractor=reader)
