"""A step that writes pairs of one person as CrossFaceID's lines, which InstantID trains on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from annotators.base import Config
from curate.export.embeddings import OWN, EmbeddingConfig, check_config, from_bytes, kind_of, to_bytes
from curate.export.embeddings import SUFFIXES as FILES
from curate.export.formats.instantid_jsonl import KEYS
from curate.export.plain import to_plain
from curate.export.splits import named
from curate.export.training import one_line
from curate.pairs.table import PARQUET
from curate.recipes.step import Done, Site, Step
from curate.store.parts import replacing
from schemas import DatasetError, UnknownNameError
from schemas.columns import faces, images, labels

SOURCE, TARGET = "source", "target"
EMBEDDINGS = "embeddings"


@dataclass(frozen=True)
class CrossFaceIDOptions(Config):
    """Where the pairs are, and how embeddings are written and named.

    Attributes:
        pairs: Name of the step that wrote pairs of whole pictures.
        files: `npy`, `safetensors` or `torch`.
        key: Key of the embedding's file.
        width: Numbers in a file, the rest zeros; 0 writes the embedding as it is.
    """

    pairs: str
    files: str = "npy"
    key: str = KEYS[0]
    width: int = 0


class CrossFaceIDLines(Step):
    """Lines with the target's picture, caption, box and points, and the embedding of another photo.

    Paths are below the recipe's folder.
    """

    name = "cross_faceid_lines"
    doc = "Writes pairs as CrossFaceID's lines: the target's picture, caption, box and points, the source's embedding."
    options_type = CrossFaceIDOptions
    options: CrossFaceIDOptions

    def check(self, site: Site) -> None:
        """The key and the kind of file are known, and the library is there."""
        if self.options.key not in KEYS:
            raise UnknownNameError("key of the embedding", self.options.key, KEYS)
        check_config(EmbeddingConfig(self.options.files, self.options.width))

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """The step itself: no other command writes these lines."""
        return [site.alone()]

    def run(self, site: Site) -> Done:
        """Writes lines and embeddings, and reads them back."""
        rows = pq.read_table(site.out / self.options.pairs / PARQUET).to_pylist()
        known = _known(site)
        splits: dict[str, list[dict[str, Any]]] = {}
        without: dict[str, int] = {}
        for row in rows:
            target, source = known[row[f"{TARGET}_face"]], known[row[f"{SOURCE}_face"]]
            if target[faces.POINTS_5.name] is None or source[labels.EMBEDDING.name] is None:
                without["no points or no embedding"] = without.get("no points or no embedding", 0) + 1
                continue
            line = self._line(site, row, target, source)
            splits.setdefault(named(row[images.SPLIT.name] or ""), []).append(line)
        files = [_write(site.folder / f"{split}.jsonl", lines) for split, lines in splits.items()]
        _check(site.out, files, self.options.key)
        differing = [way for row in rows for way in row["differs"]]
        facts = {f"pairs that differ in {way}": differing.count(way) for way in sorted(set(differing))}
        kept = sum(len(lines) for lines in splits.values())
        return Done(kept, "pairs", without, {**facts, **_cosines(rows)}, tuple(files))

    def _line(self, site: Site, row: dict[str, Any], target: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
        x, y, w, h = (float(target[c.name]) for c in faces.BOX)
        key = row[f"{SOURCE}_face"].replace("/", "-")
        embedding = f"{site.step}/{EMBEDDINGS}/{key[:2]}/{key}{FILES[self.options.files]}"
        with replacing(site.out / embedding) as file:
            vector = np.zeros(max(self.options.width, OWN), np.float32)
            vector[:OWN] = source[labels.EMBEDDING.name]
            file.write(to_bytes(vector, self.options.files))
        points = np.asarray(target[faces.POINTS_5.name], np.float32).reshape(-1, 2)
        return {
            "file_name": f"{self.options.pairs}/{row[f'{TARGET}_file']}",
            "additional_feature": one_line(target[labels.CAPTION.name]),
            "bbox": to_plain([x, y, x + w, y + h]),
            "landmarks": to_plain(points),
            self.options.key: embedding,
        }


def _known(site: Site) -> dict[str, dict[str, Any]]:
    """Face id -> box, points, caption and embedding."""
    wanted = [faces.FACE_ID, *faces.BOX, faces.POINTS_5, labels.CAPTION, labels.EMBEDDING]
    found: dict[str, dict[str, Any]] = {}
    for table in site.open().iter_faces(wanted, where=site.condition("") or None):
        found |= {row[faces.FACE_ID.name]: row for row in table.to_pylist()}
    return found


def _write(path: Path, lines: Sequence[dict[str, Any]]) -> Path:
    with replacing(path) as file:
        for line in lines:
            file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
    return path


def _check(out: Path, files: Sequence[Path], key: str) -> None:
    """Every line names a picture and an embedding below the recipe's folder that can be read.

    Raises:
        DatasetError: for the first that does not.
    """
    for path in files:
        for line in map(json.loads, path.read_text("utf-8").splitlines()):
            vector = from_bytes((out / line[key]).read_bytes(), kind_of(line[key]))
            if not (out / line["file_name"]).is_file() or not np.isclose(np.linalg.norm(vector), 1, atol=1e-3):
                raise DatasetError(f"{path}: a line names what cannot be read", line["file_name"])


def _cosines(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    values = [row["cosine"] for row in rows if row["cosine"] is not None]
    return {"least cosine of a pair": min(values), "mean cosine": float(np.mean(values))} if values else {}
