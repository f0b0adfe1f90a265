"""CrossFaceID's lines: caption, box, five points and an embedding per picture, as InstantID trains on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan
from curate.export.embeddings import EmbeddingConfig, check_config, embedding_file, from_bytes, kind_of, own
from curate.export.formats.ip_adapter import ANNOTATE
from curate.export.plain import to_plain
from curate.export.sample import FaceItem, Sample
from curate.export.training import (
    Told,
    finish_listed,
    need,
    one_line,
    only,
    read_listed,
    same_caption,
    stored,
    write_listed,
)
from schemas import Column, UnknownNameError
from schemas.columns import faces, labels

SUFFIX = ".jsonl"
KEYS = ("insightface_feature_file", "penult_id_embed_file")
"""Spellings of the embedding's key in the two loaders of CrossFaceID."""


@dataclass(frozen=True)
class InstantIDConfig(EmbeddingConfig):
    """How embeddings are written and named.

    Attributes:
        key: Key of the embedding's file, one of `KEYS`.
    """

    key: str = KEYS[0]


class InstantID(Exporter):
    """`<split>.jsonl` with CrossFaceID's keys; faces without embedding or points stand in `rest/`.

    `bbox` is left, top, right, bottom; `landmarks` are image-left eye, image-right eye, nose tip and mouth corners, in
    pixels of the picture. The embedding is the face's own; another photo of the same person is for pairs to choose.
    """

    name = "instantid_jsonl"
    doc = "Caption, box, five points and embedding per picture in CrossFaceID's lines, as InstantID's training reads."
    opened_by = "CrossFaceID's train_instantId_sdxl.sh: its JSONL, file names below OUT"
    config_type = InstantIDConfig
    config: InstantIDConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """The key, and the library of the embeddings' files."""
        assert isinstance(config, InstantIDConfig)
        if config.key not in KEYS:
            raise UnknownNameError("key of the embedding", config.key, KEYS)
        check_config(config)

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but caption and embedding."""
        held = [labels.CAPTION, labels.EMBEDDING]
        return only(columns, held, "a line holds caption, box, five points and embedding alone")

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Caption, embedding and the five points."""
        return (labels.CAPTION, labels.EMBEDDING, faces.POINTS_5)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures and embeddings; their lines are kept until `finish`."""
        return write_listed(folder, part, samples, self._told)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One file per split."""
        return finish_listed(folder, parts, SUFFIX)

    def read(self, folder: Path) -> Iterator[Sample]:
        """Line by line."""
        for split, _, record in read_listed(folder, SUFFIX):
            values: dict[str, Any] = {labels.CAPTION.name: record["additional_feature"] or None}
            if record["landmarks"] is not None:
                values[faces.POINTS_5.name] = np.array(record["landmarks"], np.float32)
            if (file := record.get(self.config.key)) is not None:
                values[labels.EMBEDDING.name] = own(from_bytes((folder / file).read_bytes(), kind_of(file)))
            left, top, right, bottom = record["bbox"]
            face = FaceItem("", (left, top, right - left, bottom - top), values)
            yield stored(folder, record["file_name"], split, face)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Captions are one line."""
        return same_caption(column, given, found)

    def _told(self, sample: Sample, file: str) -> Told:
        face = sample.faces[0]
        assert face.box is not None
        x, y, w, h = face.box
        points = face.labels.get(faces.POINTS_5.name)
        files = embedding_file(sample, self.config)
        record = {
            "file_name": file,
            "additional_feature": one_line(need(face, labels.CAPTION, ANNOTATE)),
            "bbox": to_plain([x, y, x + w, y + h]),
            "landmarks": to_plain(points),
        }
        for name in files:
            record[self.config.key] = name
        return Told((record,), bool(files) and points is not None, files)
