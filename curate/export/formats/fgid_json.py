"""ConsistentID's FGID: cut faces with captions of the person and of the face's parts, part masks and embeddings."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan
from curate.export.embeddings import EmbeddingConfig, check_config, embedding_file, from_bytes, kind_of, own
from curate.export.facial import facial_caption, facial_labels, part_pictures, spoken
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named
from curate.export.training import (
    Told,
    caption_of,
    finish_listed,
    only,
    read_listed,
    same_caption,
    stored,
    write_listed,
)
from schemas import Column
from schemas.columns import labels

SUFFIX = "/JSON_all.json"
RESIZED, FACE_ID, MASKS, COLOURS = "resize_IMG", "all_faceID", "parsing_mask_IMG", "parsing_color_IMG"
PERSON, FACIAL, EMBEDDED = "vqa_llva", "vqa_llva_more_face_detail", "id_embed_file_resize"


@dataclass(frozen=True)
class FgidConfig(EmbeddingConfig):
    """How embeddings are written and words chosen.

    Attributes:
        seed: Same seed and face, same words.
    """

    seed: int = 0


class Fgid(Exporter):
    """`<split>/JSON_all.json` with FGID's keys; pictures, masks and embeddings in FGID's folders, by split.

    `vqa_llva` is the caption; `vqa_llva_more_face_detail` is made from the labels of eyes, mouth, eyewear, mask and
    expression and says only what they say. `origin_IMG` is the cut face too, since whole pictures are not part of such
    an export. Masks are there where faces were parsed, with FGID's values. Records without a caption, facial caption or
    embedding stand below `rest`.
    """

    name = "fgid_json"
    doc = "Cut faces with captions of person and parts, part masks and embeddings, as in ConsistentID's FGID."
    opened_by = "ConsistentID's train.py: its JSON_all.json, paths below OUT"
    needs_crop = True
    config_type = FgidConfig
    config: FgidConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """The library of the embeddings' files."""
        assert isinstance(config, FgidConfig)
        check_config(config)

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but captions, embedding and what facial captions speak of."""
        dropped = only(columns, [labels.CAPTION, labels.EMBEDDING, *spoken()], "no key of a record holds it")
        if labels.FACE_PARSING.name in dropped:
            dropped[labels.FACE_PARSING.name] = (
                "masks have the picture's pixels and FGID's values, which fewer parts have"
            )
        return dropped

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """What captions, masks and embedding files are made of."""
        return (labels.CAPTION, labels.EMBEDDING, labels.FACE_PARSING, *spoken())

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures, masks and embeddings; their records are kept until `finish`."""
        return write_listed(folder, part, samples, self._told, RESIZED)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One list per split."""
        return finish_listed(folder, parts, SUFFIX)

    def read(self, folder: Path) -> Iterator[Sample]:
        """Record by record; the labels of face parts are what the facial caption says."""
        for split, _, record in read_listed(folder, SUFFIX):
            values: dict[str, Any] = {labels.CAPTION.name: record[PERSON] or None, **facial_labels(record[FACIAL])}
            if (file := record.get(EMBEDDED)) is not None:
                values[labels.EMBEDDING.name] = own(from_bytes((folder / file).read_bytes(), kind_of(file)))
            yield stored(folder, record[RESIZED], split, FaceItem(labels=values))

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Captions are one line."""
        return same_caption(column, given, found)

    def _told(self, sample: Sample, file: str) -> Told:
        face = sample.faces[0]
        facial = facial_caption(face.labels, random.Random(f"{self.config.seed}:{sample.key}"))
        record = {"origin_IMG": file, RESIZED: file, PERSON: caption_of(face), FACIAL: facial}
        masks = _masks(sample)
        record |= {name.partition("/")[0]: name for name in masks}
        embedding = embedding_file(sample, self.config, FACE_ID, as_row=True)
        for name in embedding:
            record[EMBEDDED] = name
        complete = bool(record[PERSON] and facial and embedding)
        return Told((record,), complete, {**masks, **embedding})


def _masks(sample: Sample) -> dict[str, bytes]:
    """Path below the export and bytes of the masks; empty where the face was not parsed."""
    value = sample.faces[0].labels.get(labels.FACE_PARSING.name)
    if value is None:
        return {}
    matrix = np.array(sample.facts["crop_matrix"], np.float64).reshape(2, 3)
    values, colours = part_pictures(value, matrix, sample.width)
    name = f"{named(sample.split)}/{sample.key[:2]}/{sample.key}.png"
    return {f"{MASKS}/{name}": values, f"{COLOURS}/{name}": colours}
