"""LitData: chunks of samples and an index.json per split, for Lightning's streaming datasets."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from annotators.base import Config
from annotators.extras import require_libraries
from curate.export.base import Exporter, Part, Plan
from curate.export.encode import suffix_of
from curate.export.lines import with_records
from curate.export.pieces import keep, kept
from curate.export.plain import record_sample
from curate.export.sample import Sample
from curate.export.splits import named
from curate.store.parts import read_json, write_json
from schemas import Column, DatasetError, Kind, UsageError

INDEX = "index.json"
WORKER_INDEX = f"0.{INDEX}"
IMAGE, KEY, LABELS = "image", "key", "labels"


@dataclass(frozen=True)
class LitDataConfig(Config):
    """Settings of the LitData format.

    Attributes:
        chunk_bytes: A chunk is closed when it has this many; places in it are 32 bits wide.
    """

    chunk_bytes: int = 64_000_000


class LitData(Exporter):
    """`SPLIT/chunk-0-0.bin` and `SPLIT/index.json`; samples without a split are in `unassigned`.

    A sample is `image`, the encoded picture, `key`, and `labels`, a JSON text with number, split, face, box (left,
    top, width, height in pixels) and every label that is known. A chunk bears the number of its first sample in the
    export, so that parts can be written apart.
    """

    name = "litdata"
    doc = "LitData chunks with the encoded picture and a JSON text of labels, for streaming training."
    opened_by = "litdata.StreamingDataset('FOLDER/train')"
    extra = "export"
    config_type = LitDataConfig
    config: LitDataConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """The library writes and reads the chunks."""
        assert isinstance(config, LitDataConfig)
        if not 1 <= config.chunk_bytes < 1 << 32:
            raise UsageError(f"chunks of {config.chunk_bytes} bytes", "from 1 to 4,294,967,295 are possible")
        require_libraries(cls.extra, "litdata")

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Only masks, which JSON has no bytes for."""
        return {c.name: "JSON holds no bytes" for c in columns if c.kind is Kind.MASK}

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """The part's chunks; what its index says of them is kept until `finish`."""
        stream = with_records(samples, part.columns)
        first = next(stream, None)
        if first is None:
            keep(folder, part, [])
            return
        place = folder / named(part.split)
        items = ({IMAGE: s.data, KEY: s.key, LABELS: text} for s, text in chain([first], stream))
        found = self._chunks(place, first[0].number, items)
        keep(folder, part, [found])
        for chunk in found["chunks"]:
            yield place / chunk["filename"]

    def _chunks(self, place: Path, number: int, items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        from litdata.streaming.writer import BinaryWriter

        writer = BinaryWriter(str(place), chunk_bytes=self.config.chunk_bytes, chunk_index=number)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "An item was larger than the target chunk size")
            for at, item in enumerate(items):
                writer[at] = item
            writer.done()
        told = read_json(place / WORKER_INDEX)
        (place / WORKER_INDEX).unlink()
        return told

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One `index.json` per split: the chunks of its parts, which all have one layout."""
        for split in plan.splits:
            told = list(kept(folder, parts, split))
            if any(index["config"] != told[0]["config"] for index in told):
                why = "another release of litdata wrote the first"
                raise DatasetError(f"the parts of {folder} do not go together", why, "Export into a new folder")
            if told:
                path = folder / named(split) / INDEX
                chunks = [chunk for index in told for chunk in index["chunks"]]
                write_json(path, {"chunks": chunks, "config": told[0]["config"]})
                yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """As the library gives them."""
        from litdata import StreamingDataset

        for path in sorted(folder.glob(f"*/{INDEX}")):
            for item in StreamingDataset(str(path.parent), shuffle=False):
                yield record_sample(json.loads(item[LABELS]), item[KEY], item[IMAGE], suffix_of(item[IMAGE]))
