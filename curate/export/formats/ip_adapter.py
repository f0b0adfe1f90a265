"""IP-Adapter: a JSON list of pictures and texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.export.base import Exporter, Part, Plan
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
ANNOTATE = "Run: facecurate annotate DATASET -a caption"


class IPAdapter(Exporter):
    """`<split>.json` with `image_file`, below the export, and `text`, empty for a face without a caption.

    An empty text is what the script's own caption dropout gives, so such pictures train too.
    """

    name = "ip_adapter"
    doc = "JSON lists with image_file and text, as IP-Adapter's training script reads them."
    opened_by = "IP-Adapter's tutorial_train.py: --data_json_file OUT/train.json --data_root_path OUT"

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but the caption."""
        return only(columns, [labels.CAPTION], "a record holds the caption alone")

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The caption."""
        return (labels.CAPTION,)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their records are kept until `finish`."""
        return write_listed(folder, part, samples, _told)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One list per split."""
        return finish_listed(folder, parts, SUFFIX)

    def read(self, folder: Path) -> Iterator[Sample]:
        """Record by record."""
        for split, _, record in read_listed(folder, SUFFIX):
            face = FaceItem(labels={labels.CAPTION.name: record["text"] or None})
            yield stored(folder, record["image_file"], split, face)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Captions are one line."""
        return same_caption(column, given, found)


def _told(sample: Sample, file: str) -> Told:
    text = one_line(need(sample.faces[0], labels.CAPTION, ANNOTATE))
    return Told(({"image_file": file, "text": text},))
