"""A diffusers pipeline (Apache-2.0) from safetensors only, run so that a seed gives one picture."""

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.adapters.torch_runtime import PRECISIONS, device_of, offline, one_thread, silent, torch_of
from annotators.crops import Pixels
from curate.generators.base import CannotGenerate, Parameters
from schemas import MissingExtraError, ModelError

EXTRA = "generate"
INDEX = "model_index.json"
BLOCK = 1 << 20


def check_folder(model: str, fetch: bool) -> None:
    """Make sure that a folder is a diffusers pipeline whose weights cannot carry code.

    A name that is no folder is one of the hub, which the library looks up in its cache, or fetches if it may.

    Raises:
        ModelError: naming the folder and what is wrong.
        MissingExtraError: if diffusers is not installed.
    """
    _diffusers()
    folder = Path(model)
    if not folder.is_dir():
        if "/" not in model or model.startswith((".", "/", "~")) or len(Path(model).parts) != 2:
            raise ModelError(f"there is no folder {model}", "a diffusers pipeline is a folder with model_index.json")
        return
    index = folder / INDEX
    if not index.is_file():
        raise ModelError(f"{folder} is no diffusers pipeline", f"it holds no {INDEX}")
    try:
        parts = json.loads(index.read_text("utf-8"))
    except ValueError as error:
        raise ModelError(f"{index} is no JSON file", str(error)) from error
    libraries = {"diffusers", "transformers", "stable_diffusion", None}
    for name, value in parts.items():
        if isinstance(value, list) and len(value) == 2 and value[0] not in libraries:
            raise ModelError(f"{index} asks for program code of the model's own", f"{name}: {value[0]}")
    if not list(folder.rglob("*.safetensors")):
        raise ModelError(f"{folder} holds no .safetensors", "weights that can hold code are not read")


class Pipeline:
    """A loaded pipeline.

    Args:
        model: Folder, or name on the hub.
        revision: Commit of a hub model; empty is the cache's.
        fetch: Let the hub library download.
        controlnet: Folder of a ControlNet, or empty.
        device: `cpu`, `cuda`, `mps` or `auto`.
        precision: `fp32`, `fp16` or `bf16`.

    Raises:
        ModelError: if it cannot be loaded.
        MissingExtraError: if a library is absent.
    """

    def __init__(
        self, model: str, revision: str = "", *, fetch: bool = False, controlnet: str = "", device: str = "cpu",
        precision: str = "fp32",
    ) -> None:  # fmt: skip
        self._torch = torch_of(EXTRA)
        self.device = device_of(self._torch, device)
        dtype = getattr(self._torch, PRECISIONS[precision])
        with contextlib.nullcontext() if fetch else offline(), silent(), _quiet():
            self.pipe = _load(model, revision, controlnet, dtype, fetch).to(self.device)
        self.pipe.set_progress_bar_config(disable=True)
        digest = _digest(Path(model)) if Path(model).is_dir() else revision
        control = _digest(Path(controlnet)) if controlnet else ""
        name = Path(model).name if Path(model).is_dir() else model
        self.identity: dict[str, str] = {"name": name, "digest": digest, "controlnet": control}

    def require(self, identity: Parameters) -> None:
        """Refuse parameters that another model was drawn for; `CannotGenerate` names both."""
        if dict(identity) != self.identity:
            raise CannotGenerate(f"these parameters are for {identity.get('name')}, not for {self.identity['name']}")

    def paint(self, parameters: Parameters, control: Pixels | None = None, **more: Any) -> Pixels:
        """The picture of these parameters: prompt, negative, seed, steps, guidance, width, height.

        Raises:
            CannotGenerate: if the model's own safety checker blanks it.
        """
        from PIL import Image

        source = self._torch.Generator("cpu").manual_seed(int(parameters["seed"]))
        extra: dict[str, Any] = dict(more)
        if control is not None:
            extra |= {"image": Image.fromarray(control),
                      "controlnet_conditioning_scale": float(parameters["control_scale"])}  # fmt: skip
        with one_thread(self._torch), silent(), _quiet():
            made = self.pipe(
                prompt=parameters["prompt"], negative_prompt=parameters["negative"], generator=source,
                num_inference_steps=int(parameters["steps"]), guidance_scale=float(parameters["guidance"]),
                width=int(parameters["width"]), height=int(parameters["height"]), output_type="np", **extra,
            )  # fmt: skip
        if any(getattr(made, "nsfw_content_detected", None) or ()):
            raise CannotGenerate("the model's safety checker blanked the picture")
        picture: NDArray[np.float32] = np.asarray(made.images[0])
        return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), np.uint8)


def _diffusers() -> Any:
    with _quiet():
        import diffusers
    return diffusers


def _load(model: str, revision: str, controlnet: str, dtype: Any, fetch: bool) -> Any:
    diffusers = _diffusers()
    safe: dict[str, Any] = {"use_safetensors": True, "torch_dtype": dtype, "local_files_only": not fetch}
    try:
        if controlnet:
            safe["controlnet"] = diffusers.ControlNetModel.from_pretrained(controlnet, **safe)
        known = {"revision": revision} if revision else {}
        return diffusers.AutoPipelineForText2Image.from_pretrained(model, **safe, **known)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        fix = "" if Path(model).is_dir() or fetch else "Fetch it first, or set fetch=yes to let it be downloaded"
        raise ModelError(f"{model} cannot be loaded as a diffusers pipeline", reason, fix) from error


def _digest(folder: Path) -> str:
    """Digest of all weights and configurations of a folder, by name and content."""
    hasher = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".safetensors", ".json", ".txt")):
        hasher.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                hasher.update(block)
    return hasher.hexdigest()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The libraries warn about one another's versions and draw bars of their own; nothing in it helps a user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from diffusers.utils import logging as pipelines
            from transformers.utils import logging as networks
        except ImportError:
            raise MissingExtraError("diffusers", EXTRA) from None
        shown = networks.is_progress_bar_enabled()
        pipelines.disable_progress_bar()
        networks.disable_progress_bar()
        try:
            yield
        finally:
            pipelines.enable_progress_bar()
            if shown:
                networks.enable_progress_bar()
