"""DreamBooth: pictures of an instance with a prompt that names it by a rare token."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan
from curate.export.pieces import keep, kept
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.export.training import caption_of, only, same_caption, stored
from curate.store.parts import replacing
from schemas import Column, DatasetError, UsageError
from schemas.columns import labels

INSTANCE, METADATA = "instance", "metadata.jsonl"


@dataclass(frozen=True)
class DreamBoothConfig(Config):
    """The prompt.

    Attributes:
        token: The rare token that is to mean the instance.
        subject: What it is an instance of.
        captions: The caption follows in the prompt.
    """

    token: str = "sks"
    subject: str = "person"
    captions: bool = True

    @property
    def prompt(self) -> str:
        """The instance prompt, without a caption."""
        return f"a photo of {self.token} {self.subject}"


class DreamBooth(Exporter):
    """`<split>/instance/KEY.jpg` and `<split>/metadata.jsonl` with `file_name` and `prompt`.

    The pictures' folder holds nothing else, since scripts open whatever lies in `--instance_data_dir`; `--dataset_name`
    takes the folder above with the prompts. One export trains one instance: choose the person with a condition.
    """

    name = "dreambooth"
    doc = "Instance pictures and metadata.jsonl with a rare-token prompt, as diffusers' DreamBooth scripts read them."
    opened_by = "diffusers: --instance_data_dir OUT/train/instance, or --dataset_name OUT/train --caption_column prompt"
    config_type = DreamBoothConfig
    config: DreamBoothConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """A prompt without a token teaches nothing."""
        assert isinstance(config, DreamBoothConfig)
        if not config.token.strip() or not config.subject.strip():
            raise UsageError("dreambooth without token or subject", "the prompt names both")

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but the caption."""
        held = [labels.CAPTION] if self.config.captions else []
        return only(columns, held, "a prompt holds the caption at most")

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The caption, if the prompt has it."""
        return (labels.CAPTION,) if self.config.captions else ()

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their prompts are kept until `finish`."""
        place = folder / named(part.split) / INSTANCE
        place.mkdir(parents=True, exist_ok=True)
        lines = []
        for sample in samples:
            path = place / sample.file
            path.write_bytes(sample.data)
            yield path
            caption = caption_of(sample.faces[0]) if self.config.captions else ""
            prompt = f"{self.config.prompt}, {caption}" if caption else self.config.prompt
            lines.append({"file_name": f"{INSTANCE}/{sample.file}", "prompt": prompt})
        keep(folder, part, lines)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One `metadata.jsonl` per split."""
        for split in dict.fromkeys(p.split for p in parts):
            path = folder / named(split) / METADATA
            with replacing(path) as file:
                for line in kept(folder, parts, split):
                    file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
            yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Line by line; the caption is what follows the instance prompt."""
        for metadata in sorted(folder.glob(f"*/{METADATA}")):
            place = metadata.parent
            for line in metadata.read_text("utf-8").split("\n")[:-1]:
                record = json.loads(line)
                prompt, expected = record["prompt"], self.config.prompt
                if prompt != expected and not prompt.startswith(f"{expected}, "):
                    raise DatasetError(f"{metadata}: '{prompt}'", f"it does not begin with '{expected}'")
                caption = prompt[len(expected) + 2 :] or None
                face = FaceItem(labels={labels.CAPTION.name: caption})
                file = f"{place.name}/{record['file_name']}"
                yield stored(folder, file, split_of(place.name), face)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Captions are one line."""
        return same_caption(column, given, found)
