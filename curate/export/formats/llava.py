"""LLaVA: a JSON list of conversations about pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan
from curate.export.questions import dialogue, labels_of, same_answer, unasked
from curate.export.sample import FaceItem, Sample
from curate.export.training import Told, finish_listed, read_listed, stored, write_listed
from schemas import Column

SUFFIX, IMAGE = ".json", "<image>\n"


@dataclass(frozen=True)
class LlavaConfig(Config):
    """How the words are chosen.

    Attributes:
        seed: Same seed and face, same words.
    """

    seed: int = 0


class Llava(Exporter):
    """`<split>.json` with `id`, `image` (below the export) and `conversations`, one conversation per face.

    Faces are cut out, since a question about "the person" needs one face. A face of which nothing can be asked stands
    in `rest/`.
    """

    name = "llava"
    doc = "Conversations about cut faces, answers true to the labels, as LLaVA's training reads them."
    opened_by = "LLaVA's train.py: --data_path OUT/train.json --image_folder OUT"
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
            return Told(({"id": sample.key, "image": file, "conversations": turns},), bool(turns))

        return write_listed(folder, part, samples, tell)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One list per split."""
        return finish_listed(folder, parts, SUFFIX)

    def read(self, folder: Path) -> Iterator[Sample]:
        """Record by record; the labels are what the answers say."""
        for split, _, record in read_listed(folder, SUFFIX):
            face = FaceItem(labels=labels_of(pairs(record["conversations"])))
            yield stored(folder, record["image"], split, face)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """As closely as the words say it."""
        return same_answer(column, given, found)


def conversation(told: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Questions and answers as turns; the first question shows the picture."""
    turns = []
    for number, (question, answer) in enumerate(told):
        turns.append({"from": "human", "value": question if number else IMAGE + question})
        turns.append({"from": "gpt", "value": answer})
    return turns


def pairs(turns: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """The reverse of `conversation`."""
    said = [turn["value"].removeprefix(IMAGE) for turn in turns]
    return list(zip(said[::2], said[1::2], strict=True))
