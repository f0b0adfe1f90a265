"""Faces with texts for conditional generators: pictures, CelebA's forty attributes, captions and their embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from annotators.base import Config
from curate.export.base import Exporter, Part
from curate.export.encode import decode, encode
from curate.export.formats.celeba import ABSENT, EYEGLASSES, JUDGEMENTS, MALE, NAMES, PRESENT, UNKNOWN, flags_of
from curate.export.formats.celeba import CelebA as _CelebA
from curate.export.sample import FaceItem, Sample
from curate.export.sentence_embedding import embed
from curate.export.splits import named, split_of
from curate.export.training import caption_of, only, same_caption
from curate.store.parts import replacing
from schemas import Column
from schemas.columns import labels

ATTRIBUTES = (labels.CELEBA_PRESENT, labels.CELEBA_ABSTAINED)


class TextFaces(Exporter):
    """`SPLIT-00000.npz` with `images`, `attrs`, `text_emb`, `captions` and `ids`.

    `images` is (n, side, side, 3) uint8 RGB, `attrs` (n, 40) int8.

    `attrs` has CelebA's order: 1 present, -1 absent, 0 unknown; without a column of attributes it tells Male and
    Eyeglasses. `text_emb` (n, 256) float32 are hashed words and pairs of words of the caption, unit length: no model is
    needed, and none of their meaning is known. Nothing needs `allow_pickle`. Splits of conditional GANs on CelebA take
    128 pixels: `--crop crop224 --size 128`.
    """

    name = "text_faces"
    doc = "NumPy archives of cut faces with CelebA's forty attributes, captions and embeddings of the captions."
    opened_by = "numpy.load"
    needs_crop = True
    forms = ("png",)

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self._lists = _CelebA()

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but caption and attributes; without these, gender as the attribute Male."""
        listed = labels.CELEBA_PRESENT in columns
        held = [labels.CAPTION, *(ATTRIBUTES if listed else (labels.GENDER,))]
        found = only(columns, held, "an archive holds pictures, attributes and captions alone")
        if listed and labels.GENDER in columns:
            found[labels.GENDER.name] = f"the attribute list speaks for {MALE}"
        if not listed and labels.EYEWEAR in columns:
            found[labels.EYEWEAR.name] = f"glasses and sunglasses both become {EYEGLASSES} (merge)"
        return found

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The caption."""
        return (labels.CAPTION,)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """One archive per part; its pictures are held in memory."""
        given = list(samples)
        texts = [caption_of(s.faces[0]) for s in given]
        arrays: dict[str, Any] = {
            "images": np.stack([decode(s.data) for s in given]),
            "attrs": np.array([flags_of(s.faces[0]) for s in given], np.int8),
            "text_emb": np.stack([embed(t) for t in texts]),
            "captions": np.array(texts, dtype=str),
            "ids": np.array([s.key for s in given], dtype=str),
        }
        path = folder / f"{named(part.split)}-{part.number:05d}.npz"
        with replacing(path) as file:
            np.savez_compressed(file, **arrays)
        yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Archive by archive."""
        for path in sorted(folder.glob("*.npz")):
            split = split_of(path.stem.rpartition("-")[0])
            with np.load(path, allow_pickle=False) as told:
                rows = list(zip(told["images"], told["attrs"], told["captions"], told["ids"], strict=True))
            for pixels, flags, text, key in rows:
                face = FaceItem(labels={labels.CAPTION.name: str(text) or None, **_labels(flags.tolist())})
                side = pixels.shape[0]
                yield Sample(str(key), 0, split, encode(pixels, "png"), ".png", side, side, (face,))

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Captions are one line; attribute lists as CelebA's."""
        if column in ATTRIBUTES:
            return self._lists.same(column, given, found)
        return same_caption(column, given, found)


def _labels(flags: Sequence[int]) -> dict[str, Any]:
    by_name = dict(zip(NAMES, flags, strict=True))
    unknown = [n for n, v in by_name.items() if v == UNKNOWN and n not in JUDGEMENTS]
    listed = any(flags)
    return {
        labels.GENDER.name: {PRESENT: MALE, ABSENT: "Female"}.get(by_name[MALE]),
        labels.CELEBA_PRESENT.name: [n for n, v in by_name.items() if v == PRESENT] if listed else None,
        labels.CELEBA_ABSTAINED.name: unknown if listed else None,
    }
