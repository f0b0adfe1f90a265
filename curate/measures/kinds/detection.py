"""Face detection: recall against given boxes, time per picture, and how much boxes jitter from frame to frame."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from annotators.base import Config, Detections
from annotators.boxes import iou
from annotators.registry import detector
from annotators.weights import ModelStore
from curate.engine.settings import configure
from curate.evaluation.intervals import proportion
from curate.generate.progress import Bar
from curate.measures.base import PICTURES, TABLE, Given, Input, Measure, Result
from curate.measures.columns_of_tables import groups_of, numbers
from curate.measures.pictures import files_of, read
from curate.measures.summary import averaged, by_group, number
from schemas import UsageError


@dataclass(frozen=True)
class DetectionConfig(Config):
    """What looks, and what counts.

    Attributes:
        detector: Name of a detector.
        options: Its settings, `name=value` separated by commas.
        iou: Least overlap with a given box that counts as found.
        clip: The pictures are frames of a clip, in the order of their names: also measure jitter.
    """

    detector: str = "yunet"
    options: tuple[str, ...] = ()
    iou: float = 0.5
    clip: bool = False


class Detection(Measure):
    """A given box is found if a detected one overlaps it enough; each detected box finds one at most.

    Jitter is the mean distance that the corners of the largest face's box move between frames, in shares of the root
    of the box's area; a still camera before a still face should give 0.
    """

    name = "detection"
    doc = "A face detector: recall against given boxes, milliseconds per picture, and jitter of boxes over a clip."
    source = "recall at an IoU as in WIDER FACE (Yang et al. 2016); jitter as in BlazeFace (Bazarevsky et al. 2019)"
    inputs = (
        Input("pictures", PICTURES, "pictures, or frames of a clip"),
        Input("boxes", TABLE, "true boxes: `file` below the folder, `x`, `y`, `width`, `height` in pixels; groups if "
              "known", ("file", "x", "y", "width", "height"), optional=True),
    )  # fmt: skip
    config_type = DetectionConfig
    config: DetectionConfig

    def measure(self, given: Given) -> Result:
        """All figures."""
        cls = detector(self.config.detector)
        options = dict(text.partition("=")[::2] for text in self.config.options)
        finder = cls(configure(cls.config_type, options, cls.name))
        finder.setup(ModelStore())
        files, found, spent = files_of(given.folders["pictures"]), {}, []
        with threadpool_limits(limits=1), Bar("detecting", len(files), given.quiet) as bar:
            for name, path in files.items():
                pixels = read(path)
                begun = time.perf_counter()
                found[name] = finder.detect(pixels)
                spent.append(1000 * (time.perf_counter() - begun))
                bar.step(1)
        facts: dict[str, Any] = {
            "detector": cls.name, "pictures": len(files), "faces": sum(len(d) for d in found.values()),
            "without a face": sum(not len(d) for d in found.values()), "ms per picture": float(np.median(spent)),
        }  # fmt: skip
        tables: dict[str, list[dict[str, Any]]] = {}
        if given.has("boxes"):
            hits = self._recall(given, found)
            facts["recall"] = proportion(hits).as_dict()
            tables["groups"] = by_group(hits, groups_of(given.tables["boxes"], "group"), shares=True)
        if self.config.clip:
            moves = jitter([found[name] for name in sorted(found)])
            facts["jitter"] = averaged(moves).as_dict()
            facts["frames lost"] = sum(m is None for m in moves)
        return Result(facts, tables)

    def _recall(self, given: Given, found: dict[str, Detections]) -> list[bool]:
        table, path = given.tables["boxes"], given.paths["boxes"]
        boxes = np.stack([numbers(table, c, path) for c in ("x", "y", "width", "height")], axis=1)
        names = _names(table)
        if missing := [n for n in names if n not in found]:
            raise UsageError(f"{path} names {missing[0]}", f"there is no such picture in {given.paths['pictures']}")
        hits = [False] * len(names)
        for name in dict.fromkeys(names):
            own = [i for i, n in enumerate(names) if n == name]
            for i, hit in zip(own, matched(boxes[own], found[name].boxes, self.config.iou), strict=True):
                hits[i] = hit
        return hits


def matched(truth: Any, boxes: Any, least: float) -> list[bool]:
    """Whether each true box, (n, 4), is found by a box of its own, (m, 4): the best overlaps go first."""
    found = [False] * len(truth)
    overlap = iou(np.asarray(truth, np.float64), np.asarray(boxes, np.float64).reshape(-1, 4))
    while overlap.size and overlap.max() >= least:
        i, j = np.unravel_index(int(overlap.argmax()), overlap.shape)
        found[int(i)] = True
        overlap[i, :] = overlap[:, j] = -1
    return found


def jitter(frames: list[Detections]) -> list[float | None]:
    """Mean move of the four corners of the largest box from each frame to the next, in roots of its area.

    None where one of both frames has no face.
    """
    largest = [d.boxes[int(np.argmax(d.boxes[:, 2] * d.boxes[:, 3]))].astype(np.float64) if len(d) else None
               for d in frames]  # fmt: skip
    found: list[float | None] = []
    for a, b in itertools.pairwise(largest):
        if a is None or b is None:
            found.append(None)
            continue
        moved = [np.hypot(*(_corner(b, i, j) - _corner(a, i, j))) for i in (0, 1) for j in (0, 1)]
        found.append(number(float(np.mean(moved) / np.sqrt(max(a[2] * a[3], 1e-9)))))
    return found


def _corner(box: Any, right: int, low: int) -> Any:
    return box[:2] + box[2:] * (right, low)


def _names(table: pa.Table) -> list[str]:
    """Files without their endings, as `files_of` names them."""
    return [PurePosixPath(str(v)).with_suffix("").as_posix() for v in table.column("file").to_pylist()]
