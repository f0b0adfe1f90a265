"""Hugging Face's imagefolder: pictures in a folder per split with a `metadata.jsonl` inside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from curate.export.base import Exporter, Part, Plan
from curate.export.lines import with_records
from curate.export.pieces import keep_lines, kept_lines
from curate.export.plain import record_sample
from curate.export.sample import Sample
from curate.store.parts import replacing
from schemas import Column, Kind

METADATA = "metadata.jsonl"
FILE = "file_name"
NO_SPLIT = "train"
"""Folder of samples without a split: what `datasets` calls them anyway. Their line says that they have none."""


class ImageFolder(Exporter):
    """One folder per split; each line of its `metadata.jsonl` names a picture and holds the face's labels."""

    name = "imagefolder"
    doc = "Pictures in a folder per split, labels in metadata.jsonl, as Hugging Face's imagefolder reads them."
    opened_by = "datasets.load_dataset('imagefolder', data_dir=...)"

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Only masks, which JSON has no bytes for."""
        return {c.name: "JSON holds no bytes" for c in columns if c.kind is Kind.MASK}

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their lines are kept until `finish`."""
        place = folder / (part.split or NO_SPLIT)
        place.mkdir(parents=True, exist_ok=True)
        lines = []
        for sample, line in with_records(samples, part.columns, lambda s: {FILE: s.file}):
            path = place / sample.file
            path.write_bytes(sample.data)
            yield path
            lines.append(line)
        keep_lines(folder, part, lines)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One `metadata.jsonl` per folder."""
        for name in dict.fromkeys(p.split or NO_SPLIT for p in parts):
            path = folder / name / METADATA
            with replacing(path) as file:
                file.writelines(kept_lines(folder, [p for p in parts if (p.split or NO_SPLIT) == name]))
            yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Line by line."""
        for metadata in sorted(folder.glob(f"*/{METADATA}")):
            with metadata.open(encoding="utf-8", newline="\n") as file:  # a caption may hold other ends of lines
                for line in file:
                    record = json.loads(line)
                    path = metadata.parent / record[FILE]
                    yield record_sample(record, path.stem, path.read_bytes(), path.suffix)
