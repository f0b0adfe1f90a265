"""Captions by a vision-language model, checked against the labels that the dataset has."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.adapters.crew import Crew
from annotators.adapters.minors import may_be_minor
from annotators.adapters.torch_runtime import DEVICES, PRECISIONS
from annotators.adapters.vlm_dialogue import Accepted, Backend, describe
from annotators.adapters.vlm_endpoint import EXTRA as ENDPOINT_EXTRA
from annotators.adapters.vlm_endpoint import (
    STRUCTURES,
    Endpoint,
    EndpointSettings,
    host_of,
    is_loopback,
    key_in,
    proxy_of,
)
from annotators.adapters.vlm_local import EXTRA as LOCAL_EXTRA
from annotators.adapters.vlm_local import LocalModel, model_files
from annotators.adapters.vlm_questions import questionnaire
from annotators.base import Config, Face, FaceAnnotator, FaceBatch, NotApplicable
from annotators.caption import CaptionWriter
from annotators.crops import BoxCrop
from annotators.extras import require_libraries
from schemas import Column, UsageError
from schemas.columns import faces, labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore


@dataclass(frozen=True)
class VlmConfig(Config):
    """Which model writes, and how it is asked. Give `folder`, or `base_url` and `model`.

    Attributes:
        folder: Folder of a transformers model on this machine.
        base_url: Address of an OpenAI-compatible endpoint, such as `http://127.0.0.1:8000/v1`.
        model: The model's name at the endpoint.
        send_pictures: Allow that crops of faces leave this machine, for an endpoint elsewhere.
        key_variable: Environment variable that holds the endpoint's key.
        structured: What the endpoint is told about the answer's form: `json_schema`, `json_object` or `none`.
        size: Side of the crop in pixels.
        margin: Share of the longer side of the box that is added on every side.
        max_retries: Further attempts after an answer that is not accepted.
        max_tokens: Length of an answer, at most.
        timeout: Seconds for one request.
        attempts: Tries of one request while the endpoint is busy or out of reach.
        concurrency: Requests at the same time, per worker.
        device: Of a model on this machine: `cpu`, `cuda`, `mps` or `auto`.
        precision: Of a model on this machine: `fp32`, `fp16` or `bf16`.
    """

    folder: str = ""
    base_url: str = ""
    model: str = ""
    send_pictures: bool = False
    key_variable: str = "FACECURATE_VLM_KEY"
    structured: str = "json_schema"
    size: int = 384
    margin: float = 0.4
    max_retries: int = 2
    max_tokens: int = 400
    timeout: float = 60.0
    attempts: int = 4
    concurrency: int = 4
    device: str = "cpu"
    precision: str = "fp32"

    owner: ClassVar[str] = "caption_vlm"
    """The annotator, for messages."""

    def __post_init__(self) -> None:
        known = {"structured": STRUCTURES, "device": DEVICES, "precision": PRECISIONS}
        for name, allowed in known.items():
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name}={getattr(self, name)}", fix=f"Known: {', '.join(allowed)}")
        least = {"size": 32, "margin": 0, "max_retries": 0, "max_tokens": 1, "timeout": 0.1, "attempts": 1}
        for name, low in {**least, "concurrency": 1}.items():
            if getattr(self, name) < low:
                raise UsageError(f"{name}={getattr(self, name)}", fix=f"It is at least {low}")
        if self.folder and self.base_url:
            raise UsageError(f"{self.owner} takes folder or base_url", "both are given")
        if self.base_url and not self.model:
            raise UsageError(
                f"{self.owner} needs the model's name at the endpoint", fix=f"--set {self.owner}.model=NAME"
            )
        if self.remote and not self.send_pictures:
            raise UsageError(
                f"{self.owner} would send crops of faces to {host_of(self.base_url)}, which is not this machine",
                fix=f"If that is allowed for these pictures, add --set {self.owner}.send_pictures=true",
            )

    @property
    def remote(self) -> bool:
        """Whether pictures leave this machine."""
        return bool(self.base_url) and not is_loopback(self.base_url)

    def require_choice(self) -> None:
        """Raise `UsageError` if no model was chosen."""
        if not (self.folder or self.base_url):
            raise UsageError(
                f"{self.owner} needs a model",
                fix=f"Give --set {self.owner}.folder=FOLDER of a transformers model, or {self.owner}.base_url=ADDRESS "
                f"and {self.owner}.model=NAME of an endpoint",
            )


class CaptionVlm(FaceAnnotator):
    """A caption whose claims were checked.

    An answer that names what confident labels deny, that contradicts itself or speaks of what it must not is given back
    with the reason, up to `max_retries` times; then the face has no caption (`not_applicable`, with the reason). An
    endpoint that fails, or an answer that cannot be read, makes the row `failed`, so that it can be tried again.
    """

    name = "caption_vlm"
    version = "1"
    doc = "Caption by a vision-language model of your choice; answers that the labels contradict are rejected."
    requires: ClassVar[tuple[Column, ...]] = (*CaptionWriter.requires, labels.EYEWEAR)
    provides: ClassVar[tuple[Column, ...]] = (
        *labels.CAPTION_GROUP.values(), *labels.MODEL_CAPTION_GROUP.values(),
    )  # fmt: skip
    crops = (BoxCrop(),)
    default = False
    config_type = VlmConfig
    config: VlmConfig

    @classmethod
    def weights_of(cls, config: Config) -> tuple[str, ...]:
        assert isinstance(config, VlmConfig)
        config.require_choice()
        return model_files(Path(config.folder).expanduser()) if config.folder else ()

    @classmethod
    def preflight(cls, config: Config) -> None:
        assert isinstance(config, VlmConfig)
        config.require_choice()
        if config.folder:
            require_libraries(LOCAL_EXTRA, "torch", "safetensors", "transformers", "jsonschema")
        else:
            require_libraries(ENDPOINT_EXTRA, "httpx", "jsonschema")
            key_in(config.key_variable)

    @classmethod
    def notices(cls, config: Config) -> tuple[str, ...]:
        assert isinstance(config, VlmConfig)
        if not config.remote:
            return ()
        way = ", unencrypted" if config.base_url.lower().startswith("http://") else ""
        if proxy := proxy_of(config.base_url):
            way += f", through the proxy {proxy} that the environment names"
        host = host_of(config.base_url)
        return (f"sends crops of faces to {host}{way}, and labels that an answer contradicts; none of possible minors",)

    def setup(self, models: ModelStore) -> None:
        config = self.config
        self.preflight(config)
        self._asked = questionnaire()
        self._backend = self._made_backend()
        self._crew = Crew(config.concurrency if config.base_url else 1)
        self._crop = BoxCrop(config.size, config.margin)
        self._answers: dict[str, Future[Accepted]] = {}
        self._withheld: dict[str, str] = {}

    def _made_backend(self) -> Backend:
        c = self.config
        if c.folder:
            return LocalModel(Path(c.folder).expanduser(), c.device, c.precision, c.max_tokens)
        asked = EndpointSettings(c.base_url, c.model, c.key_variable, c.structured, c.max_tokens, c.timeout, c.attempts)
        return Endpoint(asked, self._asked.schema())

    def annotate(self, batch: FaceBatch) -> pa.RecordBatch:
        """Start all requests of the batch, then take their answers row by row."""
        everyone = batch.whole
        try:
            for face in batch:
                if why := self._reason_against(face, everyone):
                    self._withheld[face[faces.FACE_ID]] = why
                else:
                    self._answers[face[faces.FACE_ID]] = self._submit(face)
            return super().annotate(batch)
        finally:
            for future in self._answers.values():
                future.cancel()
            self._answers.clear()
            self._withheld.clear()

    def _submit(self, face: Face) -> Future[Accepted]:
        picture = face.crop(self._crop).pixels
        values = {column: face[column] for column in self.requires}
        retries = self.config.max_retries
        return self._crew.submit(lambda: describe(self._backend, self._asked, picture, values, retries))

    def _reason_against(self, face: Face, everyone: FaceBatch) -> str:
        """Why the face is not to be captioned or its crop must not leave this machine, or nothing."""
        if face[labels.FACE_DOUBTFUL]:
            return "the second detector does not see a human face"
        if not self.config.remote:
            return ""
        if may_be_minor(face):
            return "the face may be a minor's: its picture is not sent anywhere"
        beside = (f for f in everyone if f[faces.IMAGE_ID] == face[faces.IMAGE_ID])
        if any(may_be_minor(f) and self._shows(face, f) for f in beside):
            return "another face in the crop may be a minor's: the picture is not sent anywhere"
        return ""

    def _shows(self, face: Face, other: Face) -> bool:
        """Whether the crop of a face reaches into the box of another."""
        corners = face.crop(self._crop).to_crop(_corners(other))
        low, high = corners.min(0), corners.max(0)
        return bool((high > 0).all() and (low < self.config.size).all())

    def label(self, face: Face) -> Mapping[Column, Any]:
        if face[faces.FACE_ID] in self._withheld:
            raise NotApplicable(self._withheld[face[faces.FACE_ID]])
        answer = self._answers[face[faces.FACE_ID]].result()
        return {
            labels.CAPTION: answer.caption,
            labels.CAPTION_FACTS: answer.claims,
            labels.CAPTION_UNVERIFIED: answer.unverified,
            labels.CAPTION_MODEL: self._backend.name,
            labels.CAPTION_REJECTIONS: answer.rejections,
        }


def _corners(face: Face) -> NDArray[np.float64]:
    """Corners of the box, shape (4, 2)."""
    x, y, w, h = (float(face[c]) for c in faces.BOX)
    return np.array([[x, y], [x + w, y], [x, y + h], [x + w, y + h]])
