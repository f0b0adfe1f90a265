"""Writes the pictures and views of the faces in rows, each once, part by part, so that a stopped call goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curate.export.crops import NONE
from curate.export.encode import SUFFIXES, decode, encode
from curate.export.gather import Gatherer, Lost
from curate.export.index import Entry
from curate.export.options import ExportOptions
from curate.export.pieces import WORK
from curate.export.plain import columns_of, face_record, record_face
from curate.export.sample import FaceItem, Sample, moved
from curate.generators.subject import portrait
from curate.identity.progress import follow
from curate.pairs.base import PairKind, Row
from curate.pairs.pool import Pool
from curate.pairs.view import View, encoded
from curate.store import Dataset
from curate.store.parts import read_json, write_json
from schemas import Column
from schemas.columns import faces, images

PICTURES, VIEWS = "images", "views"
PART = 256
Shot = tuple[int, int]
"""Pool row of a face, and the side of the portrait that its picture is cut to; 0 for the crop of the options, `WHOLE`
for a generated picture as it is, which is a portrait already."""
WHOLE = -1
LOSSLESS = "png"


@dataclass(frozen=True)
class Written:
    """A face's picture in the folder.

    Attributes:
        file: Below the folder.
        width: In pixels.
        height: In pixels.
        views: View -> its file, None where this face has none.
        record: Face id, box and labels as JSON, in the picture's pixels.
        licence: Of the picture it was cut from.
    """

    file: str
    width: int
    height: int
    views: Mapping[str, str | None]
    record: Mapping[str, Any]
    licence: str = ""

    def sample(self, folder: Path) -> Sample:
        """The picture as it stands in the folder."""
        path = folder / self.file
        face = record_face(self.record, columns_of(list(self.record)))
        return Sample(path.stem, 0, "", path.read_bytes(), path.suffix, self.width, self.height, (face,))


@dataclass
class Shots:
    """What was written.

    Attributes:
        written: Shot -> its picture.
        files: File -> size and SHA-256.
        lost: Faces whose picture could not be read any more.
    """

    written: dict[Shot, Written] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    lost: list[Lost] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """What is to be written.

    Attributes:
        ds: The dataset.
        folder: Where to.
        options: Of the export.
        kind: Of the pairs.
        views: Name -> view, for those of the user and of the kind's roles.
        wanted: Views that the user wants of every face.
        columns: Label columns that are stored beside every picture.
    """

    ds: Dataset
    folder: Path
    options: ExportOptions
    kind: PairKind
    views: Mapping[str, View]
    wanted: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def gathered(self) -> tuple[Column, ...]:
        """Columns that are read for every picture."""
        known = set(self.ds.columns())
        by_views = [c for v in self.views.values() for c in (*v.needs, *v.uses) if c.name in known]
        return tuple(dict.fromkeys([*self.columns, *by_views, faces.POINTS_5]))


def shot_of(pool: Pool, kind: PairKind, row: Row, face: int) -> Shot:
    """The shot that stands for a face in a row: where before and after must lie on each other, the portraits."""
    made = [f for _, f in row.every if pool.synthetic[f]] if kind.aligned else []
    if not made:
        return face, 0
    return face, WHOLE if pool.synthetic[face] else int(pool.numbers(images.WIDTH)[made[0]])


def shots_of(pool: Pool, job: Job, rows: Sequence[Row]) -> dict[Shot, tuple[str, ...]]:
    """Shot -> the views that it needs, in the order of the pool."""
    by_role = {role.name: role.views.values() for role in job.kind.roles}
    found: dict[Shot, set[str]] = {}
    for row in rows:
        for role, face in row.every:
            found.setdefault(shot_of(pool, job.kind, row, face), set(job.wanted)).update(by_role[role])
    return {shot: tuple(sorted(found[shot])) for shot in sorted(found)}


def write_shots(pool: Pool, job: Job, shots: Mapping[Shot, tuple[str, ...]], quiet: bool) -> Shots:
    """Write what is missing; gives all of it."""
    result, order = Shots(), list(shots)
    parts = [order[i : i + PART] for i in range(0, len(order), PART)]
    for number, part in enumerate(follow(parts, len(parts), "writing pictures", quiet)):
        marker = job.folder / WORK / f"part-{number:05d}.json"
        if not marker.is_file():
            _write_part(pool, job, {s: shots[s] for s in part}, marker)
        told = read_json(marker)
        result.files |= told["files"]
        result.lost += [Lost(**x) for x in told["lost"]]
        result.written |= {(face, side): Written(**facts) for face, side, facts in told["shots"]}
    return result


def _write_part(pool: Pool, job: Job, shots: Mapping[Shot, tuple[str, ...]], marker: Path) -> None:
    files: dict[str, dict[str, Any]] = {}
    done: list[Any] = []
    lost: list[Lost] = []
    for shot, sample in _samples(pool, job, list(shots), lost):
        picture = f"{PICTURES}/{_picture_name(job.options, shot, sample)}{sample.suffix}"
        if picture not in files:
            files[picture] = put(job.folder, picture, sample.data)
        views = _write_views(job, shots[shot], sample, files)
        record = face_record(sample.faces[0], job.columns)
        licence = str(sample.facts.get(images.LICENCE.name) or "")
        done.append([*shot, vars(Written(picture, sample.width, sample.height, views, record, licence))])
    write_json(marker, {"files": files, "lost": [vars(x) for x in lost], "shots": done})


def _picture_name(options: ExportOptions, shot: Shot, sample: Sample) -> str:
    """Whole pictures are written once for all of their faces."""
    whole = shot[1] == WHOLE or (not shot[1] and not options.side)
    name = sample.key.rpartition("_")[0] if whole else sample.key
    return f"{name}-whole" if shot[1] == WHOLE else name


def _samples(pool: Pool, job: Job, shots: Sequence[Shot], lost: list[Lost]) -> Iterator[tuple[Shot, Sample]]:
    """Samples of the shots: those of the export's crop, then portraits, which are cut from pictures without loss."""
    uncut = replace(job.options, crop=NONE, size=0, form=LOSSLESS)
    for options, cut in ((job.options, False), (uncut, True)):
        by_key: dict[str, list[Shot]] = {}
        for shot in shots:
            if bool(shot[1]) == cut:
                by_key.setdefault(pool.entries[shot[0]].key, []).append(shot)
        entries: list[Entry] = [pool.entries[found[0][0]] for found in by_key.values()]
        with Gatherer(job.ds, options, job.gathered, tuple(SUFFIXES)) as gatherer:
            for sample in gatherer.samples(entries):
                for shot in by_key[sample.key]:
                    yield shot, as_portrait(sample, shot[1]) if shot[1] > 0 else sample
            lost += gatherer.lost


def as_portrait(sample: Sample, side: int) -> Sample:
    """A whole photograph cut to the square portrait that generators work on, bit by bit as they see it.

    Args:
        sample: With one face, its box and five points; without loss.
        side: Of the portrait in pixels.
    """
    face = sample.faces[0]
    assert face.box is not None
    place: dict[str, Any] = dict(zip((c.name for c in faces.BOX), face.box, strict=True))
    place |= {faces.FACE_ID.name: face.face_id, faces.POINTS_5.name: face.labels[faces.POINTS_5.name]}
    cut = portrait(decode(sample.data), place, side)
    item: FaceItem = moved(face, cut.matrix)
    return replace(
        sample, key=f"{sample.key}-p{side}", data=encode(cut.pixels, "png"), suffix=".png", width=side, height=side,
        faces=(item,), facts={**sample.facts, "crop_matrix": cut.matrix.ravel().tolist()},
    )  # fmt: skip


def _write_views(
    job: Job, names: Sequence[str], sample: Sample, files: dict[str, dict[str, Any]]
) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    pixels = decode(sample.data) if names else None
    for name in names:
        view = job.views[name]
        assert pixels is not None
        drawn = view.draw(sample, pixels)
        found[name] = None
        if drawn is not None:
            found[name] = f"{VIEWS}/{name}/{sample.key}{view.suffix}"
            files[f"{found[name]}"] = put(job.folder, f"{found[name]}", encoded(type(view), drawn))
    return found


def put(folder: Path, name: str, data: bytes) -> dict[str, Any]:
    """Write a file below the folder; gives its size and SHA-256.

    Nothing waits for the disk: a part that was interrupted is written again, and all is read back in the end.
    """
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


__all__ = ["Job", "Shot", "Shots", "Written", "put", "shot_of", "shots_of", "write_shots"]
