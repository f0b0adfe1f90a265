"""ShareGPT: conversations with a list of pictures, as LLaMA-Factory and others read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.export.base import Exporter, Part, Plan
from curate.export.formats.llava import LlavaConfig, conversation, pairs
from curate.export.questions import dialogue, labels_of, same_answer, unasked
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named
from curate.export.training import Told, finish_listed, read_listed, stored, write_listed
from curate.store.parts import replacing
from schemas import Column

SUFFIX, SETUP = ".json", "dataset_info.json"


class ShareGPT(Exporter):
    """`<split>.json` with `conversations` and `images`, and the `dataset_info.json` that names the lists."""

    name = "sharegpt"
    doc = "Conversations about cut faces with a list of pictures, and dataset_info.json, as LLaMA-Factory reads them."
    opened_by = "LLaMA-Factory: dataset_dir and media_dir OUT, dataset DATASET_train"
    needs_crop = True
    config_type = LlavaConfig
    config: LlavaConfig

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """What no question asks for."""
        return unasked(columns)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their conversations are kept until `finish`."""

        def tell(sample: Sample, file: str) -> Told:
            seed = f"{self.config.seed}:{sample.key}"
            turns = conversation(dialogue(sample.faces[0].labels, part.columns, seed))
            return Told(({"conversations": turns, "images": [file]},), bool(turns))

        return write_listed(folder, part, samples, tell)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One list per split, and their names."""
        yield from finish_listed(folder, parts, SUFFIX)
        with replacing(folder / SETUP) as file:
            file.write((json.dumps(_info(plan), indent=2, ensure_ascii=False) + "\n").encode())
        yield folder / SETUP

    def read(self, folder: Path) -> Iterator[Sample]:
        """Record by record; the labels are what the answers say."""
        for split, _, record in read_listed(folder, SUFFIX):
            face = FaceItem(labels=labels_of(pairs(record["conversations"])))
            yield stored(folder, record["images"][0], split, face)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """As closely as the words say it."""
        return same_answer(column, given, found)


def _info(plan: Plan) -> dict[str, Any]:
    name = "_".join(plan.name.split()) or "faces"
    columns = {"messages": "conversations", "images": "images"}
    tags = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}
    return {
        f"{name}_{named(s)}": {
            "file_name": f"{named(s)}{SUFFIX}", "formatting": "sharegpt", "columns": columns, "tags": tags,
        }
        for s in plan.splits
    }  # fmt: skip
