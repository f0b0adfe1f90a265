"""IP-Adapter-FaceID: pictures, texts and embeddings of faces."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan
from curate.export.embeddings import EmbeddingConfig, check_config, embedding_file, from_bytes, kind_of, own
from curate.export.formats.ip_adapter import ANNOTATE
from curate.export.identity_captions import identity_caption
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
from schemas import Column
from schemas.columns import labels

SUFFIX = ".json"


@dataclass(frozen=True)
class FaceIDConfig(EmbeddingConfig):
    """How embeddings are written and found.

    Attributes:
        prefix: Stands before their paths, since the script opens them from where it runs; such as `OUT/`.
        identity_only: Texts tell perceived gender and age alone: no expression, gaze, pose, picture or background.
        seed: Same seed and face, same words of such texts.
    """

    prefix: str = ""
    identity_only: bool = False
    seed: int = 0


class IPAdapterFaceID(Exporter):
    """`<split>.json` with `image_file`, `text` and `id_embed_file`; faces without embedding stand in `rest/`.

    The embeddings are SFace's, 128 wide, where the original has InsightFace's 512: set the projection's input to 128,
    or write files of 512 with `width=512`.
    The original script loads `files=torch` with `torch.load`; plain arrays need `numpy.load` there. Embeddings are
    biometric data.
    """

    name = "ip_adapter_faceid"
    doc = "JSON lists with image_file, text and id_embed_file, as IP-Adapter-FaceID's training script reads them."
    opened_by = "IP-Adapter's tutorial_train_faceid.py: --data_json_file OUT/train.json --data_root_path OUT"
    config_type = FaceIDConfig
    config: FaceIDConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """The library of the embeddings' files."""
        assert isinstance(config, FaceIDConfig)
        check_config(config)

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but caption and embedding; with `identity_only` the caption too."""
        dropped = only(columns, [labels.CAPTION, labels.EMBEDDING], "a record holds caption and embedding alone")
        if self.config.identity_only and labels.CAPTION in columns:
            dropped[labels.CAPTION.name] = "with identity_only texts tell perceived gender and age alone"
        return dropped

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Caption and embedding."""
        return (labels.CAPTION, labels.EMBEDDING)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures and embeddings; their records are kept until `finish`."""
        return write_listed(folder, part, samples, self._told)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One list per split."""
        return finish_listed(folder, parts, SUFFIX)

    def read(self, folder: Path) -> Iterator[Sample]:
        """Record by record."""
        for split, complete, record in read_listed(folder, SUFFIX):
            values: dict[str, Any] = {labels.CAPTION.name: record["text"] or None}
            if complete:
                file = record["id_embed_file"].removeprefix(self.config.prefix)
                values[labels.EMBEDDING.name] = own(from_bytes((folder / file).read_bytes(), kind_of(file)))
            yield stored(folder, record["image_file"], split, FaceItem(labels=values))

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Captions are one line."""
        return same_caption(column, given, found)

    def _told(self, sample: Sample, file: str) -> Told:
        text = one_line(need(sample.faces[0], labels.CAPTION, ANNOTATE))
        if self.config.identity_only:
            text = identity_caption(text, random.Random(f"{self.config.seed}:{sample.key}"))
        files = embedding_file(sample, self.config)
        record = {"image_file": file, "text": text}
        for name in files:
            record["id_embed_file"] = self.config.prefix + name
        return Told((record,), bool(files), files)
