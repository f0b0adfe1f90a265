"""Pairs of latents without and with an attribute, from a generator fitted on a dataset's own faces.

After "Controlling the output of a generative model by latent feature vector shifting" (2023): a latent is shifted along
the attribute's direction until a judge that sees only the picture changes its mind.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.evaluation.intervals import proportion
from curate.export.crops import crop_matrix, cut
from curate.export.encode import encode
from curate.layouts.face_space import FaceSpace, Latents, direction, fitted
from curate.layouts.folder import claim, finish, put
from curate.layouts.subjects import read_faces
from curate.measures.every_face import EveryFace, box_of
from curate.store import Dataset
from schemas import REGISTRY, Column, Kind, UnknownNameError, UsageError
from schemas.columns import faces, labels

SIDE = 96
JUDGED = 288
"""Side in px to which pictures are enlarged for the judge."""
SHIFTS = (1.0, 2.0, 3.0, 4.0, 5.0)
"""Lengths of the shift that are tried in turn, in standard deviations of the latents."""
SHOWN = 20
"""Pairs of pictures that are kept to look at."""


@dataclass(frozen=True)
class Attribute:
    """What is shifted.

    Attributes:
        column: Its column.
        field: Of a column of scores; empty for numbers.
        threshold: From here on a face has it.
    """

    column: Column
    field: str
    threshold: float

    def value(self, row: Mapping[str, Any]) -> float | None:
        """A face's score; None where it is not known."""
        found = row.get(self.column.name)
        found = found.get(self.field) if self.field and found is not None else found
        return None if found is None else float(found)


def attribute(name: str, threshold: float | None) -> Attribute:
    """An attribute by `column` or `column.field`.

    Raises:
        UnknownNameError: for a column or field that is none.
        UsageError: for a column that is neither a number nor scores, or a number without threshold.
    """
    column, _, field = name.partition(".")
    if column not in REGISTRY:
        raise UnknownNameError("column", column, REGISTRY)
    found = REGISTRY[column]
    if found.kind not in (Kind.NUMBER, Kind.SCORES):
        raise UsageError(f"{column} is neither a number nor scores", fix="Try perceived_emotion_prob.happiness")
    if (found.kind is Kind.SCORES) != bool(field):
        raise UsageError(f"{name} is no attribute", "scores need a field, numbers have none", "Try COLUMN.FIELD")
    if field and field not in [f.name for f in found.type]:
        raise UnknownNameError(f"field of {column}", field, [f.name for f in found.type])
    if threshold is None and not field:
        raise UsageError(f"{name} has no threshold", fix="Give --threshold")
    return Attribute(found, field, 0.5 if threshold is None else threshold)


class Judge:
    """Scores pictures by the annotators that give the attribute's column; it never sees a latent."""

    def __init__(self, wanted: Attribute) -> None:
        from annotators.registry import annotator, annotator_names

        givers = [n for n in annotator_names() if wanted.column in annotator(n).provides]
        if not givers:
            raise UsageError(f"no annotator gives {wanted.column.name}")
        self._wanted, self._finder = wanted, EveryFace(givers[:1])

    def scores(self, pictures: Sequence[Pixels]) -> list[float | None]:
        """A score per picture; None where no face is found, or it cannot be judged."""
        import cv2

        found = []
        for picture in pictures:
            large = np.asarray(cv2.resize(picture, (JUDGED, JUDGED), interpolation=cv2.INTER_CUBIC), np.uint8)
            seen = self._finder.look(large)
            largest = max(seen, key=lambda row: box_of(row)[2] * box_of(row)[3]) if seen else {}
            found.append(self._wanted.value(largest))
        return found


def write_latents(
    ds: Dataset, name: str, folder: Path, count: int = 20, seed: int = 0, threshold: float | None = None,
    components: int = 40, most_faces: int = 400, quiet: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Fit the generator, shift latents and write the pairs whose pictures change sides; gives the manifest.

    Args:
        ds: A dataset of adults' faces with the attribute's column.
        name: Attribute, `column` or `column.field`.
        folder: A new folder.
        count: Pairs wanted; at most ten times as many latents are tried.
        seed: Same dataset, settings and seed: same pairs.
        threshold: From here on a face has the attribute; 0.5 for scores.
        components: Most numbers of a latent.
        most_faces: Faces that the generator is fitted on, by quality.
        quiet: No progress bar.

    Raises:
        UsageError: if the attribute cannot be shifted, or there are too few faces.
        DatasetError: if the folder holds something.
    """
    from curate.generate.progress import Bar

    wanted = attribute(name, threshold)
    rows = read_faces(ds, [wanted.column, faces.POINTS_5], [labels.POINTS_68, labels.QUALITY_SCORE])
    rows = sorted((r for r in rows if wanted.value(r) is not None), key=_by_quality)[:most_faces]
    crops = _crops(ds, rows)
    rows = [r for r in rows if r[faces.FACE_ID.name] in crops]
    if not rows:
        raise UsageError(f"no face of {ds.path} can be read", fix="Are the pictures still where they were ingested?")
    pictures = np.stack([crops[r[faces.FACE_ID.name]] for r in rows])
    space = fitted(pictures, components)
    way = direction(space.encode(pictures), np.array([wanted.value(r) for r in rows], np.float64))
    claim(folder)
    rng, judge = np.random.default_rng(seed), Judge(wanted)
    pairs: list[dict[str, Any]] = []
    tried = 0
    with Bar("shifting latents", count, quiet) as bar:
        while len(pairs) < count and tried < 10 * count:
            tried += 1
            found = _pair(space, judge, wanted, space.draw(1, rng)[0], way)
            if found is not None:
                pairs.append(found)
                bar.step(1)
    return _written(folder, space, way, pairs, tried, name, wanted, seed, len(rows))


def _pair(space: FaceSpace, judge: Judge, wanted: Attribute, drawn: Latents, way: Latents) -> dict[str, Any] | None:
    """A pair that begins at a drawn latent, or at its mirror image on the attribute's other side; None if none does."""
    side = float(drawn @ way)
    for start in (drawn, drawn - 2 * side * way) if side > 0 else (drawn,):
        before = judge.scores(space.decode(start[None]))[0]
        if before is not None and before < wanted.threshold:
            return _shifted(space, judge, wanted, start, way, before)
    return None


def _shifted(
    space: FaceSpace, judge: Judge, wanted: Attribute, start: Latents, way: Latents, before: float
) -> dict[str, Any] | None:
    """The shortest shift that is tried after which the judge sees the attribute; None if none does."""
    ends = np.stack([start + length * way for length in SHIFTS])
    for end, after, length in zip(ends, judge.scores(space.decode(ends)), SHIFTS, strict=True):
        if after is not None and after >= wanted.threshold:
            return {"w0": start, "w1": end, "before": before, "after": after, "length": length}
    return None


def _written(
    folder: Path, space: FaceSpace, way: Latents, pairs: Sequence[Mapping[str, Any]], tried: int, name: str,
    wanted: Attribute, seed: int, fitted_on: int,
) -> dict[str, Any]:  # fmt: skip
    if not pairs:
        raise UsageError(f"no shift along {name} changed the judge's mind in {tried} tries")
    first, second = (np.stack([p[w] for p in pairs]).astype(np.float32) for w in ("w0", "w1"))
    put(folder, "latents.npz", _npz(w0=first, w1=second, delta=second - first, attr=np.array([name] * len(pairs)),
                                    score0=np.array([p["before"] for p in pairs], np.float32),
                                    score1=np.array([p["after"] for p in pairs], np.float32)))  # fmt: skip
    put(folder, "generator.npz", _npz(mean=space.mean, components=space.components, deviations=space.deviations,
                                      direction=way, side=np.array(space.side)))  # fmt: skip
    for number, pair in enumerate(pairs[:SHOWN]):
        shown = np.hstack(space.decode(np.stack([pair["w0"], pair["w1"]])))
        put(folder, f"pictures/{number:04d}.png", encode(np.ascontiguousarray(shown), "png"))
    rows = [{"pair": i, "attribute": name, "score0": p["before"], "score1": p["after"], "length": p["length"]}
            for i, p in enumerate(pairs)]  # fmt: skip
    success = proportion(np.arange(tried) < len(pairs)).as_dict()
    return finish(folder, "latent_pairs", rows, {
        "attribute": name, "threshold": wanted.threshold, "seed": seed, "fitted_on": fitted_on, "tried": tried,
        "success": success, "components": len(space.deviations),
    })  # fmt: skip


def _npz(**arrays: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _by_quality(row: Mapping[str, Any]) -> tuple[float, str]:
    value = row.get(labels.QUALITY_SCORE.name)
    return (0.0 if value is None else -float(value)), str(row[faces.FACE_ID.name])


def _crops(ds: Dataset, rows: Sequence[Mapping[str, Any]]) -> dict[str, Pixels]:
    """Face id -> FFHQ-aligned crop of `SIDE` px, for faces whose picture can still be read."""
    from curate.engine.pictures import sources_of
    from curate.ingest import Limits, SourceReader, load

    found: dict[str, Pixels] = {}
    ids = list(dict.fromkeys(str(r[faces.IMAGE_ID.name]) for r in rows))
    sources = sources_of(ds, "", ids)
    reader = SourceReader()
    try:
        for image_id in ids:
            loaded = load(sources[image_id], Limits(), image_id, reader)
            if loaded.pixels is None:
                continue
            for row in (r for r in rows if r[faces.IMAGE_ID.name] == image_id):
                found[str(row[faces.FACE_ID.name])] = cut(loaded.pixels, crop_matrix("ffhq", _shaped(row), SIDE), SIDE)
    finally:
        reader.close()
    return found


def _shaped(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its 68 points in their shape, as `crop_matrix` takes them."""
    points = row.get(labels.POINTS_68.name)
    return {**row, labels.POINTS_68.name: None if points is None else np.reshape(points, labels.POINTS_68.shape)}
