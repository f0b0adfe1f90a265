"""Pictures from words by a diffusers pipeline: Stable Diffusion, SDXL and relatives, with ControlNet if wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.adapters.torch_runtime import DEVICES, PRECISIONS, torch_of
from curate.generators.adapters.pipeline import EXTRA, Pipeline, check_folder
from curate.generators.adapters.prompted import PromptConfig, PromptGenerator, promise_of
from curate.generators.base import CannotGenerate, Config, Made, Parameters, Request
from curate.generators.prompts.control import STYLES, VIEW_YAW, control_image
from schemas import UnknownNameError, UsageError

if TYPE_CHECKING:
    from annotators.weights import ModelStore

MULTIPLE = 8
"""Sides must be multiples of it: a latent pixel is so many picture pixels wide."""


@dataclass(frozen=True)
class DiffusionConfig(PromptConfig):
    """Which model, and how it runs.

    Attributes:
        model: Folder of a diffusers pipeline (`model_index.json`), or its name on the hub.
        revision: Commit of a hub model.
        fetch: Let a hub model be downloaded, which tells the hub what is asked for; else it must be here already.
        controlnet: Folder of a ControlNet, which then follows landmarks drawn for the wanted view.
        control_style: How they are drawn: `dots` (OpenPose) or `mesh` (MediaPipe).
        control_scale: How strictly they are followed.
        steps: Denoising steps.
        guidance: How strictly the prompt is followed.
        width: Of the picture, px.
        height: Likewise.
        precision: `fp32`, `fp16` or `bf16`.
        device: `cpu`, `cuda`, `mps` or `auto`.
    """

    model: str = ""
    revision: str = ""
    fetch: bool = False
    controlnet: str = ""
    control_style: str = "dots"
    control_scale: float = 1.0
    steps: int = 30
    guidance: float = 6.5
    width: int = 512
    height: int = 512
    precision: str = "fp32"
    device: str = "auto"


class Diffusion(PromptGenerator):
    """Runs a text-to-image pipeline that the user brings."""

    name = "diffusion"
    version = "1"
    doc = "Faces from words by a diffusers pipeline of your choice, along a grid or for the cells of a plan."
    config_type = DiffusionConfig
    config: DiffusionConfig
    _pipeline: Pipeline

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse settings and folders that cannot work, before anything is loaded."""
        assert isinstance(config, DiffusionConfig)
        super().preflight(config)
        check(cls.name, config)

    def setup(self, models: ModelStore) -> None:
        """Load the pipeline."""
        self._pipeline = loaded(self.config)

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The row, the model and all that decides the picture."""
        return {**super().draw(request, rng), **settings(self.config), "model": self._pipeline.identity}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture."""
        self._pipeline.require(parameters["model"])
        pixels = self._pipeline.paint(parameters, control=control_of(parameters, self.config))
        yield Made(pixels, promise_of(parameters), note={"name": parameters["name"]})


def check(name: str, config: DiffusionConfig) -> None:
    """Refuse what cannot work.

    Raises:
        UsageError: naming the setting.
        MissingExtraError: if diffusers or PyTorch is not installed.
        ModelError: if a folder is no pipeline, or holds weights that can carry code.
    """
    if not config.model:
        raise UsageError(f"{name} needs a model", fix=f"Set {name}.model=FOLDER (a diffusers pipeline) or a hub name")
    known = {"precision": PRECISIONS, "device": DEVICES, "control_style": STYLES}
    for field, choices in known.items():
        if getattr(config, field) not in choices:
            raise UnknownNameError(f"{name}.{field}", getattr(config, field), choices)
    for field in ("width", "height"):
        side = getattr(config, field)
        if side < MULTIPLE or side % MULTIPLE:
            raise UsageError(f"{name}.{field}={side}", f"it must be a multiple of {MULTIPLE}")
    if config.controlnet and config.width != config.height:
        raise UsageError(f"{name}.width and height differ", "control images are square")
    if config.steps < 1:
        raise UsageError(f"{name}.steps={config.steps}", "it must be 1 or more")
    torch_of(EXTRA)
    check_folder(config.model, config.fetch)


def loaded(config: DiffusionConfig) -> Pipeline:
    """The pipeline of these settings."""
    return Pipeline(
        config.model, config.revision, fetch=config.fetch, controlnet=config.controlnet, device=config.device,
        precision=config.precision,
    )  # fmt: skip


def settings(config: DiffusionConfig) -> dict[str, Any]:
    """The settings that decide a picture beside its row."""
    names = ("steps", "guidance", "width", "height", "precision")
    control = ("control_style", "control_scale") if config.controlnet else ()
    return {name: getattr(config, name) for name in (*names, *control)}


def control_of(parameters: Parameters, config: DiffusionConfig) -> Any:
    """The control image of a row: its view, else frontal; None without a ControlNet."""
    if not config.controlnet:
        return None
    view = parameters.get("facts", {}).get("view", "view_0")
    if view not in VIEW_YAW:
        raise CannotGenerate(f"no control image for the view '{view}'")
    return control_image(VIEW_YAW[view], side=parameters["width"], style=parameters["control_style"])
