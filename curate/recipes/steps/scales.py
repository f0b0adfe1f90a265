"""A step that writes each face in several scales, with a drawing of its points, caption and embedding."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.base import Config
from annotators.crops import Pixels
from curate.export.crops import NONE, SIZES, crop_matrix, cut
from curate.export.encode import decode, encode
from curate.export.options import ExportOptions
from curate.export.sample import FaceItem, Sample, moved
from curate.export.splits import named
from curate.export.training import caption_of
from curate.pairs.views.drawings import skeleton_image
from curate.recipes.samples import choose, samples
from curate.recipes.step import Done, Site, Step, own_drops
from curate.store.parts import replacing
from schemas import UnknownNameError, UsageError
from schemas.columns import faces, labels

NEEDED = {"caption": labels.CAPTION, "embedding": labels.EMBEDDING, "landmarks": labels.POINTS_68}


@dataclass(frozen=True)
class ScaleOptions(Config):
    """Which scales.

    Attributes:
        crops: Crops, the last of which is the picture to learn and carries the drawing.
        sizes: Their sides in pixels, as many.
    """

    crops: tuple[str, ...] = ("crop224", "margin", "ffhq")
    sizes: tuple[int, ...] = (224, 336, 512)


class Scales(Step):
    """JSON lists with `image_file`, `text`, `id_embed_file`, `face_files` (all scales) and `pose_file`, per split.

    The pose is drawn as the lines of 68 points in the frame of `image_file`. A face that lacks caption, embedding or
    points goes. Paths are below the step's folder.
    """

    name = "scales"
    doc = "Writes each face in several scales with a drawing of its pose, caption and embedding, as IP-Adapter's JSON."
    options_type = ScaleOptions
    options: ScaleOptions

    def check(self, site: Site) -> None:
        """Crops are known and have their sizes."""
        for crop in self.options.crops:
            if crop not in SIZES or crop == NONE:
                raise UnknownNameError("crop", crop, [c for c in SIZES if c != NONE])
        if len(self.options.crops) != len(self.options.sizes) or not self.options.crops:
            raise UsageError(f"step {site.step}: crops and sizes", "there must be as many, and one at least")

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """The step itself."""
        return [site.alone()]

    def run(self, site: Site) -> Done:
        """Writes pictures, drawings, embeddings and lists."""
        chosen = choose(site, ExportOptions(where=site.condition("") or None, quiet=site.quiet))
        lists: dict[str, list[dict[str, Any]]] = {}
        gone: Counter[str] = Counter()
        for sample in samples(site, chosen, [*NEEDED.values(), faces.POINTS_5], "cutting scales"):
            held = sample.faces[0].labels
            lacking = next((what for what, column in NEEDED.items() if held.get(column.name) is None), "")
            if lacking:
                gone[f"no {lacking}"] += 1
                continue
            lists.setdefault(named(sample.split), []).append(self._entry(site, sample))
        if not lists:
            raise UsageError(f"step {site.step} wrote nothing", "; ".join(f"{n:,} {k}" for k, n in gone.items()))
        files = []
        for split, entries in lists.items():
            files.append(site.folder / f"{split}.json")
            with replacing(files[-1]) as file:
                file.write(json.dumps(entries, ensure_ascii=False, indent=1).encode())
        dropped = {**own_drops(chosen.left_out, site, ""), **dict(gone.most_common())}
        return Done(sum(map(len, lists.values())), "faces", dropped, {"scales": len(self.options.crops)}, tuple(files))

    def _entry(self, site: Site, sample: Sample) -> dict[str, Any]:
        pixels, face = decode(sample.data), sample.faces[0]
        place = f"{named(sample.split)}/{sample.key[:2]}/{sample.key}"
        crops = list(zip(self.options.crops, self.options.sizes, strict=True))
        written = {f"faces/{crop}/{place}.jpg": _cut(pixels, face, crop, size) for crop, size in crops}
        crop, size = crops[-1]
        points = moved(face, crop_matrix(crop, _values(face), size)).labels[labels.POINTS_68.name]
        drawing = skeleton_image(np.asarray(points, np.float64).reshape(68, -1), size)
        pose, embedding = f"poses/{place}.png", f"embeddings/{place}.npy"
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(face.labels[labels.EMBEDDING.name], np.float32), allow_pickle=False)
        data = {name: encode(picture, "jpeg") for name, picture in written.items()}
        for name, content in {**data, pose: encode(drawing, "png"), embedding: buffer.getvalue()}.items():
            with replacing(site.folder / name) as file:
                file.write(content)
        return {
            "image_file": list(written)[-1], "text": caption_of(face), "id_embed_file": embedding,
            "face_files": list(written), "pose_file": pose,
        }  # fmt: skip


def _values(face: FaceItem) -> dict[str, Any]:
    assert face.box is not None
    box = dict(zip((c.name for c in faces.BOX), face.box, strict=True))
    return {**face.labels, **box}


def _cut(pixels: Pixels, face: FaceItem, crop: str, size: int) -> Pixels:
    return cut(pixels, crop_matrix(crop, _values(face), size), size)
