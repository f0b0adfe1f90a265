"""kohya's sd-scripts: a folder `<repeats>_<class>` per split with captions beside the pictures, or in one JSON file."""

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
from schemas import Column, UsageError
from schemas.columns import labels

METADATA, SETUP, TEXT = "meta_cap.json", "dataset_config.toml", ".txt"


@dataclass(frozen=True)
class KohyaConfig(Config):
    """How sd-scripts are told of the pictures.

    Attributes:
        repeats: How often a picture counts in an epoch.
        subject: Class words in the folder's name, with a rare token before them if one is trained: `sks person`.
        metadata: Captions in `meta_cap.json`, as fine-tuning reads them, instead of text files.
    """

    repeats: int = 1
    subject: str = "person"
    metadata: bool = False

    @property
    def place(self) -> str:
        """The folder's name."""
        return f"{self.repeats}_{self.subject}"


class Kohya(Exporter):
    """`<split>/<repeats>_<class>/KEY.jpg` with `KEY.txt`; a face without caption has no text file.

    Scripts then use the class words. `dataset_config.toml` names all folders for `--dataset_config`, relative to the
    export. The JSON file has `caption` alone: `tags` may be absent.
    """

    name = "kohya"
    doc = (
        "Folders `<repeats>_<class>` with captions in text files, or `meta_cap.json`, as kohya's sd-scripts read them."
    )
    opened_by = "sd-scripts: --train_data_dir OUT/train, or --dataset_config OUT/dataset_config.toml"
    config_type = KohyaConfig
    config: KohyaConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """A folder's name must be one."""
        assert isinstance(config, KohyaConfig)
        if config.repeats < 1:
            raise UsageError(f"kohya.repeats={config.repeats}", "a picture counts once or more")
        if not config.subject.strip() or set(config.subject) & set('/\\"\n'):
            raise UsageError(
                f"kohya.subject={config.subject!r}", "a folder has this name: no slashes, quotes, line breaks"
            )

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but the caption."""
        return only(columns, [labels.CAPTION], "a caption file holds the caption alone")

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The caption."""
        return (labels.CAPTION,)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures and captions."""
        place = folder / named(part.split) / self.config.place
        place.mkdir(parents=True, exist_ok=True)
        lines = []
        for sample in samples:
            caption = caption_of(sample.faces[0])
            path = place / sample.file
            path.write_bytes(sample.data)
            yield path
            if caption and not self.config.metadata:
                path.with_suffix(TEXT).write_text(caption + "\n", "utf-8")
                yield path.with_suffix(TEXT)
            lines.append([sample.key, caption])
        keep(folder, part, lines)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """The captions' file of each split, and the scripts' setup."""
        splits = list(dict.fromkeys(p.split for p in parts))
        for split in splits if self.config.metadata else ():
            path = folder / named(split) / METADATA
            with replacing(path) as file:
                for number, (key, caption) in enumerate(kept(folder, parts, split)):
                    entry = json.dumps({key: {"caption": caption}}, ensure_ascii=False)[1:-1]
                    file.write(("{\n" if number == 0 else ",\n").encode() + entry.encode())
                file.write(b"\n}\n")
            yield path
        with replacing(folder / SETUP) as file:
            file.write(self._setup(splits).encode())
        yield folder / SETUP

    def _setup(self, splits: Sequence[str]) -> str:
        lines = ["# Paths are relative to this folder.", "[[datasets]]"]
        for split in splits:
            lines += ["[[datasets.subsets]]", f"image_dir = {_quoted(f'{named(split)}/{self.config.place}')}",
                      f"num_repeats = {self.config.repeats}"]  # fmt: skip
            if self.config.metadata:
                lines.append(f"metadata_file = {_quoted(f'{named(split)}/{METADATA}')}")
            else:
                lines += [f"class_tokens = {_quoted(self.config.subject)}", f"caption_extension = {_quoted(TEXT)}"]
        return "\n".join(lines) + "\n"

    def read(self, folder: Path) -> Iterator[Sample]:
        """Picture by picture."""
        for place in sorted(p for p in folder.glob("*/*_*") if p.is_dir()):
            split = split_of(place.parent.name)
            listed = place.parent / METADATA
            told: dict[str, Any] | None = json.loads(listed.read_text("utf-8")) if listed.is_file() else None
            for path in sorted(p for p in place.iterdir() if p.suffix != TEXT):
                caption = _sidecar(path) if told is None else told[path.stem]["caption"] or None
                face = FaceItem(labels={labels.CAPTION.name: caption})
                yield stored(folder, path.relative_to(folder).as_posix(), split, face)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Captions are read as one line."""
        return same_caption(column, given, found)


def _sidecar(picture: Path) -> str | None:
    path = picture.with_suffix(TEXT)
    return path.read_text("utf-8").strip() if path.is_file() else None


def _quoted(text: str) -> str:
    """A TOML string; JSON's strings are TOML's."""
    return json.dumps(text, ensure_ascii=False)
