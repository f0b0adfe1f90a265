"""Steps that lay photographs and what was made of them as training scripts expect: restoration, styles, domains."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.base import Config
from annotators.crops import Pixels
from curate.evaluation.intervals import proportion
from curate.generators.base import CannotGenerate
from curate.pairs.views.shape_maps import depth_map, depth_picture
from curate.recipes.layer_steps import OwnStep, gathered, write_csv
from curate.recipes.made_pairs import MadePair, Skipped, made_pairs, save_picture
from curate.recipes.step import Done, Site
from curate.store.parts import replacing
from schemas import Column, UsageError
from schemas.columns import images, labels
from schemas.landmarks import layout

GOOD, POOR, PARAMETERS = "GT", "LQ", "params.parquet"
PHOTOS, DEPTH, TABLE = "photos", "depth", "split.csv"
LANDMARKS, CROPS = "landmarks.csv", "crops"
TRAIN = "train"
PARTS = {"eyes": (36, 48), "nose": (27, 36), "mouth": (48, 68)}
"""Crop -> first and last but one of its points among the 68."""
AROUND = 0.35
"""Margin of a crop, in its longer side."""
Array = NDArray[np.float64]


def pairs_of(site: Site, generator: str, columns: Sequence[Column], skipped: Skipped) -> Iterator[MadePair]:
    """What a generator made of the chosen faces.

    Raises:
        UsageError: if it made nothing of them.
    """
    found, chosen = gathered(site)
    wanted = frozenset(i for i, c in zip(found.ids.to_pylist(), chosen, strict=True) if c)
    yield from made_pairs(site.open(), [generator], columns, skipped, wanted, site.quiet)


@dataclass(frozen=True)
class RestorationOptions(Config):
    """What is laid out.

    Attributes:
        generator: `degrade` or `compress`.
    """

    generator: str = "degrade"


class RestorationFolders(OwnStep):
    """Good and poor pictures under one name, as BasicSR's paired datasets have them, with all numbers of each."""

    name = "restoration_folders"
    doc = "GT/ and LQ/ with pictures of one name, and params.parquet with every number that a poor one was made with."
    options_type = RestorationOptions
    options: RestorationOptions

    def run(self, site: Site) -> Done:
        """Writes pictures and table."""
        skipped, rows = Skipped({}), []
        for pair in pairs_of(site, self.options.generator, (images.SPLIT,), skipped):
            lineage, file = pair.picture.lineage, f"{pair.key}.png"
            save_picture(site.folder / GOOD / file, pair.before.pixels)
            save_picture(site.folder / POOR / file, pair.after)
            rows.append({
                "file": file, "source_face": lineage.parent_face, "kind": str(lineage.parameters.get("kind", "")),
                "generator": lineage.generator, "seed": lineage.seed, "parameters": _json(lineage.parameters),
                "settings": _json(lineage.settings), "split": pair.labels_before.get(images.SPLIT.name) or TRAIN,
            })  # fmt: skip
        path = site.folder / PARAMETERS
        write_table(path, rows, site.step)
        kinds = dict(Counter(row["kind"] for row in rows))
        return Done(len(rows), "pairs", skipped.counts, {"kinds": kinds}, (path,))


@dataclass(frozen=True)
class StyleOptions(Config):
    """What is laid out.

    Attributes:
        generators: Generators whose drawings are taken, such as `sketch` and `stylise`.
        grey: Drawings are written in grey.
        depth: Also the depth of the mesh, 16-bit grey, white nearest.
    """

    generators: tuple[str, ...] = ("sketch", "stylise")
    grey: bool = True
    depth: bool = False


class StyleFolders(OwnStep):
    """A folder of photos and one per style, as CUHK's and CUFSF's, files of one photo under one name.

    A style is a generator with the kind that was asked for; each row of the table names it, the numbers it was drawn
    with, and the part of the photo's person.
    """

    name = "style_folders"
    doc = "photos/ and a folder per style with drawings of the same names, and split.csv with people's parts."
    options_type = StyleOptions
    options: StyleOptions

    def run(self, site: Site) -> Done:
        """Writes pictures and table."""
        skipped, rows = Skipped({}), []
        columns = (images.SPLIT, labels.IDENTITY_ID)
        for generator in self.options.generators:
            for pair in pairs_of(site, generator, columns, skipped):
                lineage, name = pair.picture.lineage, _name(pair)
                style = style_of(lineage.name, lineage.parameters)
                file = f"{style}/{name}.png"
                save_picture(site.folder / PHOTOS / f"{name}.png", pair.before.pixels)
                drawn = cv2.cvtColor(pair.after, cv2.COLOR_RGB2GRAY) if self.options.grey else pair.after
                save_grey(site.folder / file, np.asarray(drawn, np.uint8))
                own = pair.labels_before
                rows.append({
                    "photo": f"{PHOTOS}/{name}.png", "drawing": file, "style": style, "depth": self._depth(site, pair),
                    "split": own.get(images.SPLIT.name) or TRAIN,
                    "person": own.get(labels.IDENTITY_ID.name) or lineage.parent_face, "seed": lineage.seed,
                    "parameters": _json(lineage.parameters),
                })  # fmt: skip
        if not rows:
            raise UsageError(f"step {site.step} found no drawings", f"of {', '.join(self.options.generators)}")
        path = write_csv(site.folder / TABLE, rows, list(rows[0]))
        facts = {
            "styles": dict(Counter(row["style"] for row in rows)),
            "people in two parts": astray((str(row["person"]), str(row["split"])) for row in rows),
        }
        return Done(len(rows), "pairs", skipped.counts, facts, (path,))

    def _depth(self, site: Site, pair: MadePair) -> str | None:
        """File of the mesh's depth; None where it is not asked for, or no mesh lies on the face."""
        if not self.options.depth:
            return None
        try:
            mesh = pair.before.need_mesh()
        except CannotGenerate:
            return None
        file = f"{DEPTH}/{_name(pair)}.png"
        picture = depth_picture(*depth_map(mesh, pair.before.side))
        with replacing(site.folder / file) as out:
            out.write(cv2.imencode(".png", picture)[1].tobytes())
        return file


@dataclass(frozen=True)
class DomainOptions(Config):
    """What is laid out.

    Attributes:
        generator: Makes the second domain.
        side: Of the local crops in pixels.
    """

    generator: str = "stylise"
    side: int = 128


class DomainFolders(OwnStep):
    """Two domains for CycleGAN, `trainA` photos and `trainB` drawings (`testA`, `testB` for the other parts).

    Points of both are the 68 of the mesh, each found in its own picture; eyes, nose and mouth are cut around them. A
    face whose drawing has no points is left out. `own drawing nearer` is the share of photos whose points, moved and
    scaled to one frame, are nearer to those of their own drawing than to those of another face's, drawn in turn.
    """

    name = "domain_folders"
    doc = "trainA/ and trainB/ with landmarks.csv and crops of eyes, nose and mouth, and how far the points agree."
    options_type = DomainOptions
    options: DomainOptions

    def run(self, site: Site) -> Done:
        """Writes pictures, crops, table and the agreement of points."""
        skipped, rows, shapes = Skipped({}), [], []
        for pair in pairs_of(site, self.options.generator, (images.SPLIT, labels.POINTS_68), skipped):
            before = _points(pair.labels_before, pair.before.matrix)
            after = _points(pair.labels_after, np.eye(2, 3))
            if before is None or after is None:
                skipped.add("no points on the photo or on the drawing")
                continue
            part = TRAIN if (pair.labels_before.get(images.SPLIT.name) or TRAIN) == TRAIN else "test"
            shapes.append((normal_shape(before), normal_shape(after)))
            for domain, pixels, points in (("A", pair.before.pixels, before), ("B", pair.after, after)):
                file = f"{part}{domain}/{pair.key}.png"
                save_picture(site.folder / file, pixels)
                for name, crop in local_crops(pixels, points, self.options.side).items():
                    save_picture(site.folder / CROPS / name / file, crop)
                flat = {
                    f"{axis}_{i}": round(float(p[k]), 3) for i, p in enumerate(points) for k, axis in enumerate("xy")
                }
                rows.append({"file": file, "domain": domain, "source_face": pair.before.face_id, **flat})
        if not rows:
            raise UsageError(f"step {site.step} found no drawings with points", str(skipped.counts))
        path = write_csv(site.folder / LANDMARKS, rows, list(rows[0]))
        facts = {"faces": len(shapes), "own drawing nearer": proportion(own_nearer(shapes)).as_dict()}
        return Done(len(shapes), "faces", skipped.counts, facts, (path,))


def style_of(generator: str, parameters: Any) -> str:
    """Name of a style's folder: the generator's kind where it has one, else its own name."""
    return str(parameters.get("style") or parameters.get("kind") or generator)


def normal_shape(points: Array) -> Array:
    """Points moved and scaled: the eyes' centres at -0.5 and 0.5 of the x axis' length, not turned; shape (68, 2)."""
    lay = layout("points-68")
    right, left = (points[list(lay.group(f"{side}_eye"))].mean(0) for side in ("right", "left"))
    return np.asarray((points - (right + left) / 2) / max(float(np.linalg.norm(left - right)), 1e-6))


def own_nearer(shapes: Sequence[tuple[Array, Array]]) -> list[bool]:
    """Whether each first shape is nearer to its own second one than to the next face's; mean distance of points."""
    found = []
    for i, (first, own) in enumerate(shapes):
        other = shapes[(i + 1) % len(shapes)][1]
        near, far = (float(np.linalg.norm(first - s, axis=1).mean()) for s in (own, other))
        found.append(near < far)
    return found if len(shapes) > 1 else []


def local_crops(pixels: Pixels, points: Array, side: int) -> dict[str, Pixels]:
    """Squares around eyes, nose and mouth, (side, side, 3) each; beyond the picture its edge goes on."""
    found = {}
    for name, (first, last) in PARTS.items():
        low, high = points[first:last].min(0), points[first:last].max(0)
        size = float((high - low).max()) * (1 + 2 * AROUND)
        scale, corner = side / max(size, 1.0), (low + high) / 2 - size / 2
        matrix = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
        matrix[:, 2] += 0.5 * scale - 0.5  # OpenCV counts from the centre of the first pixel
        found[name] = np.asarray(
            cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
            np.uint8,
        )
    return found


def astray(owners: Iterator[tuple[str, str]]) -> int:
    """People whose pictures lie in more than one part."""
    parts: dict[str, set[str]] = {}
    for person, part in owners:
        parts.setdefault(person, set()).add(part)
    return sum(len(p) > 1 for p in parts.values())


def save_grey(path: Path, pixels: Pixels) -> None:
    """Write a PNG as it is: one channel stays one."""
    data = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1])
    with replacing(path) as file:
        file.write(cv2.imencode(".png", data)[1].tobytes())


def write_table(path: Path, rows: Sequence[dict[str, Any]], step: str) -> None:
    """Write rows as Parquet.

    Raises:
        UsageError: if there are none.
    """
    import pyarrow.parquet as pq

    if not rows:
        raise UsageError(f"step {step} found no pictures to lay out", fix="Let a step before it generate some")
    with replacing(path) as file:
        pq.write_table(pa.Table.from_pylist(list(rows)), file)


def _points(values: Any, matrix: Any) -> Array | None:
    """The 68 points of a face in a picture's pixels, None if it has none."""
    flat = None if values is None else values.get(labels.POINTS_68.name)
    if flat is None:
        return None
    points = np.asarray(flat, np.float64).reshape(-1, 2)
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def _name(pair: MadePair) -> str:
    return pair.picture.lineage.parent_face.replace(".", "_")


def _json(values: Any) -> str:
    return json.dumps(values, sort_keys=True)


__all__ = ["DomainFolders", "RestorationFolders", "StyleFolders"]
