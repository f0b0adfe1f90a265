"""Landmark training: cut faces with their points, the map back to the photo, and a heat map per point."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.base import Config
from annotators.points import convert
from curate.export.base import Exporter, Part
from curate.export.encode import decode, encode
from curate.export.heatmaps import heatmaps
from curate.export.plain import record_sample, sample_record
from curate.export.point_visibility import NEEDED, hidden_points
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named
from curate.export.ties import no_place
from curate.store.parts import replacing
from schemas import Column, UsageError, labels
from schemas.landmarks import conversions, layout

OWN = labels.POINTS_68.taxonomy
MESH = labels.MESH.taxonomy
KEY = "key"
FAST = 1
"""Level of compression: heat maps are all but empty, so more effort gains nothing."""
STAMP = (1980, 1, 1, 0, 0, 0)
"""Time of every member, so that the same samples give the same bytes."""


@dataclass(frozen=True)
class HeatmapConfig(Config):
    """What is drawn.

    Attributes:
        layout: `points-68` of 300-W, `points-98` of WFLW, or `points-29` of COFW; the last two from the mesh.
        side: Of the heat maps in pixels.
        sigma: Of the Gaussian in pixels of the heat map.
    """

    layout: str = OWN
    side: int = 64
    sigma: float = 1.5


class LandmarkHeatmaps(Exporter):
    """`SPLIT-00000.npz` per part; made for `--crop crop256`.

    `images` (n, side, side, 3) uint8 RGB; `heatmaps` (n, k, side, side) float16, rows first; `points` (n, k, 2) float32
    in the crop's pixels, whose first pixel's centre is (0.5, 0.5), NaN where a face has none; `visible` (n, k) bool,
    false where a point is covered, turned away, outside or unknown; `matrix` (n, 2, 3), the map from the photo's
    pixels to the crop's; `mirror` (k), the number of each point's mirror image; `records`, a JSON text per face. A
    heat map's pixel is crop side / map side pixels of the crop, and points outside the crop have an empty map.
    """

    name = "landmark_heatmaps"
    doc = "NumPy archives for landmark training: crops, 68, 98 or 29 points, visibility, heat maps, map to the photo."
    opened_by = "numpy.load"
    needs_crop = True
    forms = ("png",)
    config_type = HeatmapConfig
    config: HeatmapConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """A layout that can be had, and maps of a size."""
        assert isinstance(config, HeatmapConfig)
        parts = layout(config.layout)
        if parts.name != OWN and f"{MESH} -> {parts.name}" not in conversions():
            raise UsageError(f"{config.layout} cannot be drawn", f"there is no way to it from {MESH}")
        if config.side < 8 or config.sigma <= 0:
            raise UsageError(
                f"heat maps of {config.side} px with sigma {config.sigma}", "8 px and more than 0 it takes"
            )

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but the 68 points, where they are what is drawn."""
        held = [labels.POINTS_68] if self.config.layout == OWN else []
        found = no_place(columns, held, "an archive of landmarks")
        if labels.MESH in columns:
            found[labels.MESH.name] = f"only the {layout(self.config.layout).size} points are drawn, without depth"
        return found

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The points, and what hides them."""
        return (labels.POINTS_68, *NEEDED)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """One archive per part; its pictures are held in memory, its heat maps one face at a time."""
        given = list(samples)
        points = [self._points(s.faces[0]) for s in given]
        size, count = layout(self.config.layout).size, len(given)
        path = folder / f"{named(part.split)}-{part.number:05d}.npz"
        with replacing(path) as file, zipfile.ZipFile(file, "w", compresslevel=FAST) as archive:
            pictures = [decode(s.data) for s in given]
            _add(archive, "images", np.stack(pictures) if pictures else np.empty((0, 0, 0, 3), np.uint8))
            _add(archive, "points", np.array(points, np.float32).reshape(count, size, 2))
            visible = [self._visible(s, p) for s, p in zip(given, points, strict=True)]
            _add(archive, "visible", np.array(visible, bool).reshape(count, size))
            _add(archive, "matrix", np.array([s.facts["crop_matrix"] for s in given]).reshape(count, 2, 3))
            _add(archive, "mirror", np.array(layout(self.config.layout).mirror))
            _add(archive, "records", np.array([_record(s) for s in given], dtype=str))
            self._add_heatmaps(archive, given, points)
        yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Archive by archive."""
        for path in sorted(folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as told:
                pictures, points, records = told["images"], told["points"], told["records"]
            for pixels, found, text in zip(pictures, points, records, strict=True):
                record = json.loads(str(text))
                sample = record_sample(record, record[KEY], encode(pixels, "png"), ".png")
                if self.config.layout != OWN:
                    yield sample
                    continue
                face = sample.faces[0]
                value = None if np.isnan(found).all() else found
                yield _with(sample, FaceItem(face.face_id, face.box, {labels.POINTS_68.name: value}))

    def _points(self, face: FaceItem) -> NDArray[np.float32]:
        """Points of a face in the crop's pixels, shape (k, 2); NaN where it has none."""
        own, mesh = (face.labels.get(c.name) for c in (labels.POINTS_68, labels.MESH))
        if self.config.layout == OWN and own is not None:
            return np.asarray(own, np.float32)
        if self.config.layout == OWN or mesh is None:
            return np.full((layout(self.config.layout).size, 2), np.nan, np.float32)
        return convert(np.asarray(mesh), MESH, self.config.layout)[:, :2]

    def _visible(self, sample: Sample, points: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which points can be seen; without a mesh, those that are known and inside the crop."""
        values = sample.faces[0].labels
        known = np.isfinite(points).all(1)
        inside = (points >= 0).all(1) & (points <= [sample.width, sample.height]).all(1)
        if values.get(labels.MESH.name) is None:
            return np.asarray(known & inside)
        return np.asarray(known & inside & ~hidden_points(values, self.config.layout, sample.width, sample.height))

    def _add_heatmaps(
        self, archive: zipfile.ZipFile, given: Sequence[Sample], points: Sequence[NDArray[np.float32]]
    ) -> None:
        side = self.config.side
        shape = (len(given), layout(self.config.layout).size, side, side)
        head = {"descr": np.dtype(np.float16).str, "fortran_order": False, "shape": shape}
        with archive.open(_member("heatmaps"), "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(file, head)  # type: ignore[no-untyped-call]
            for sample, found in zip(given, points, strict=True):
                maps = heatmaps(found * (side / sample.width), side, self.config.sigma)
                file.write(maps.astype(np.float16).tobytes())


def _add(archive: zipfile.ZipFile, name: str, values: NDArray[Any]) -> None:
    data = io.BytesIO()
    np.save(data, values, allow_pickle=False)
    archive.writestr(_member(name), data.getvalue())


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(f"{name}.npy", STAMP)
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


def _record(sample: Sample) -> str:
    return json.dumps({KEY: sample.key} | sample_record(sample, ()), ensure_ascii=False)


def _with(sample: Sample, face: FaceItem) -> Sample:
    return Sample(sample.key, sample.number, sample.split, sample.data, sample.suffix, sample.width, sample.height,
                  (face,), sample.facts)  # fmt: skip
