"""Perceived gender, race, age group and expression by a vision-language model that is asked for closed labels."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

from annotators.adapters.vlm import CaptionVlm, VlmConfig
from annotators.adapters.vlm_dialogue import Backend, Turn
from annotators.adapters.vlm_endpoint import Endpoint, EndpointSettings
from annotators.adapters.vlm_local import LocalModel
from annotators.adapters.vlm_replies import prompt, questions, read, schema
from annotators.base import Face, NotApplicable
from schemas import Column
from schemas.columns import faces, labels


class VlmLabelsConfig(VlmConfig):
    """See `VlmConfig`."""

    owner: ClassVar[str] = "vlm_labels"


class VlmLabels(CaptionVlm):
    """One question to the model per face, with the labels that it may give; its reply is read, never guessed at.

    A label that is missing or none of those is null, and the reply then stands in `vlm_reply` as it came. Nothing
    checks these labels: they are the model's perception, and its errors by group are for `evaluate` to tell.
    """

    name = "vlm_labels"
    version = "1"
    doc = (
        "Perceived gender, race, age group and expression by a vision-language model of your choice, in closed labels."
    )
    requires = (labels.FACE_DOUBTFUL, labels.AGE_PROB)
    provides = (labels.GENDER, labels.RACE, labels.AGE_GROUP, labels.PERCEIVED_EMOTION, labels.VLM_REPLY)
    config_type = VlmLabelsConfig
    config: VlmLabelsConfig

    def _made_backend(self) -> Backend:
        c = self.config
        if c.folder:
            return LocalModel(Path(c.folder).expanduser(), c.device, c.precision, c.max_tokens)
        asked = EndpointSettings(c.base_url, c.model, c.key_variable, c.structured, c.max_tokens, c.timeout, c.attempts)
        return Endpoint(asked, schema())

    def _submit(self, face: Face) -> Future[Any]:
        picture = face.crop(self._crop).pixels
        return self._crew.submit(lambda: self._backend.answer([Turn("user", prompt())], picture))

    def label(self, face: Face) -> Mapping[Column, Any]:
        if face[faces.FACE_ID] in self._withheld:
            raise NotApplicable(self._withheld[face[faces.FACE_ID]])
        text = str(self._answers[face[faces.FACE_ID]].result())
        found = read(text)
        return {
            **{q.column: found.labels[q.column] for q in questions()},
            labels.VLM_REPLY: text if found.unread else None,
        }
