"""How far predicted face points are off, from two tables of points or from two folders of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.base import Config
from curate.evaluation.intervals import bootstrap
from curate.evaluation.metrics.landmarks import (
    ced,
    ced_auc,
    default_normaliser,
    face_size,
    failure_rate,
    mean_nme,
    nme,
    region_errors,
)
from curate.measures.base import PICTURES, TABLE, Given, Input, Measure, Result
from curate.measures.columns_of_tables import groups_of, numbers, texts
from curate.measures.pictures import cosine, labels_of, looked_at, matched
from curate.measures.summary import averaged, by_group, mean_of, members, number, perceived, row_of
from schemas import UnknownNameError, UsageError
from schemas.columns import labels

LAYOUTS = {5: "points-5", 29: "points-29", 68: "points-68", 98: "points-98", 478: "points-478"}
NORMALISERS = ("outer_corners", "pupils", "box_diagonal", "box_size")
MOUTH = slice(48, 68)
"""Points of the mouth among the 68."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class LandmarkConfig(Config):
    """How errors are counted.

    Attributes:
        normaliser: `outer_corners` (inter-ocular), `pupils`, `box_diagonal`, `box_size` (root of the area); empty is
            inter-ocular, or pupils where a layout has no eye corners.
        limit: Error from which a face counts as failed, and up to which the area under the curve goes.
    """

    normaliser: str = ""
    limit: float = 0.10


class LandmarkMetrics(Measure):
    """Tables name a face in `file` and its points in `x_0, y_0, x_1, ...`, pixels, as py-feat and OpenFace do.

    A face that has no predicted points counts as failed. Boxes for the box normalisers are those around the true
    points. A column `subset` in the truth (such as WFLW's occluded faces) gives figures for each.
    """

    name = "landmark_metrics"
    doc = "NME, failure rate and area under the error curve of face points, with a normaliser of your choice."
    source = "300-W and WFLW protocols; Yang et al. 2015 (area under the curve)"
    inputs = (
        Input("truth", TABLE, "true points: `file`, `x_0`, `y_0`, ...; `subset` and groups if known", ("file", "x_0")),
        Input("predicted", TABLE, "predicted points of the same files", ("file", "x_0")),
    )
    config_type = LandmarkConfig
    config: LandmarkConfig

    def measure(self, given: Given) -> Result:
        """Figures of all faces, by subset and group, by region, and the curve."""
        truth, files = _points(given.tables["truth"], given.paths["truth"])
        guess, theirs = _points(given.tables["predicted"], given.paths["predicted"])
        if truth.shape[1] != guess.shape[1]:
            raise UsageError(f"{given.paths['predicted']} has {guess.shape[1]} points, the truth {truth.shape[1]}")
        where = {f: i for i, f in enumerate(theirs)}
        matching = np.array([where.get(f, -1) for f in files])
        if not (matching >= 0).any():
            raise UsageError(f"{given.paths['predicted']} names none of the files of {given.paths['truth']}")
        aligned = np.where((matching >= 0)[:, None, None], guess[matching], np.nan)
        name = LAYOUTS[truth.shape[1]]
        by = self._normaliser(name)
        size = face_size(truth, name, by)  # type: ignore[arg-type]
        errors = nme(aligned, truth, size, missing="failure")
        facts: dict[str, Any] = {"faces": len(files), "points": truth.shape[1], "normaliser": by}
        facts |= {"without prediction": int((matching < 0).sum())}
        facts |= {figure: found.as_dict() for figure, found in self._figures(errors).items()}
        groups = []
        for grouping, names in groups_of(given.tables["truth"], "subset").items():
            for group, chosen in members(names):
                for figure, found in self._figures(errors[chosen]).items():
                    groups.append({"by": grouping, "group": group, "figure": figure, **row_of(found, "value")})
        at = np.linspace(0, self.config.limit, 11)
        curve = [{"error": float(e), "share": float(s)} for e, s in zip(at, ced(errors, at), strict=True)]
        regions = [
            {"region": region, **mean_of(values)}
            for region, values in region_errors(aligned, truth, size, name).items()
        ]
        return Result(facts, {"groups": groups, "regions": regions, "curve": curve})

    def _normaliser(self, layout_name: str) -> str:
        wanted = self.config.normaliser
        if wanted and wanted not in NORMALISERS:
            raise UnknownNameError("normaliser", wanted, NORMALISERS)
        return wanted or default_normaliser(layout_name)

    def _figures(self, errors: Array) -> dict[str, Any]:
        limit = self.config.limit
        percent = f"{100 * limit:g}"

        def failed(e: Any, weight: Any) -> Any:
            return failure_rate(e, limit, weight=weight)

        def area(e: Any, weight: Any) -> Any:
            return ced_auc(e, limit, weight=weight)

        return {
            "NME": bootstrap(mean_nme, errors),
            f"FR{percent}": bootstrap(failed, errors, proportion=True),
            f"AUC{percent}": bootstrap(area, errors, proportion=True),
        }


def _points(table: pa.Table, path: Path) -> tuple[Array, list[str]]:
    """Points of each row, (n, k, 2), and its file."""
    count = sum(1 for c in table.column_names if c.startswith("x_") and c[2:].isdigit())
    if count not in LAYOUTS:
        raise UsageError(f"{path} has {count} points", f"known are {', '.join(map(str, LAYOUTS))}")
    missing = [f"{axis}_{i}" for i in range(count) for axis in "xy" if f"{axis}_{i}" not in table.column_names]
    if missing:
        raise UsageError(f"{path} has no column {missing[0]}", "points are x_0, y_0, x_1, y_1 and so on")
    columns = [[numbers(table, f"{axis}_{i}", path, gaps=True) for axis in "xy"] for i in range(count)]
    files = texts(table, "file")
    if None in files or len(set(files)) != len(files):
        raise UsageError(f"{path} names a file not at all or twice", "each row is one face of one file")
    return np.stack([np.stack(pair, axis=-1) for pair in columns], axis=1), [str(f) for f in files]


class Reenactment(Measure):
    """Frames of one name are compared: generated ones with those that drove them.

    L1 is the mean difference of pixels in 0-1. AKD is the mean distance of the 68 points in pixels, MKR the share of
    faces whose points are found in one of both only, LMD the mean distance of the mouth's points, AED the mean
    Euclidean distance of identity embeddings of unit length. Published AED uses OpenFace, this one SFace.
    """

    name = "reenactment"
    doc = "L1, AKD, MKR, LMD and AED of generated frames against the frames that drove them."
    source = "Siarohin et al. 2019, First Order Motion Model, section 4 (AKD, MKR, AED); Chen et al. 2018 (LMD)"
    inputs = (
        Input("driving", PICTURES, "true frames"),
        Input("generated", PICTURES, "generated frames of the same names"),
    )

    def measure(self, given: Given) -> Result:
        """All figures, by perceived group of the true face, and each frame's."""
        pairs, alone = matched(given.folders["driving"], given.folders["generated"])
        names = ("mesh", "identity", "demographics")
        before = looked_at([p.first for p in pairs], given, names, "driving")
        after = looked_at([p.second for p in pairs], given, names, "generated")
        rows, seen = [], []
        for pair, (true, face), (made, other) in zip(pairs, before, after, strict=True):
            if true.shape != made.shape:
                raise UsageError(f"{pair.name} has another size in {given.paths['generated']}")
            away = np.abs(true.astype(np.float64) - made).mean() / 255
            seen.append(labels_of(face))
            rows.append({"frame": pair.name, "L1": float(away), **_between(seen[-1], labels_of(other))})
        figures = ("L1", "AKD", "LMD", "AED")
        facts: dict[str, Any] = {"frames": len(rows), "without counterpart": alone}
        facts |= {figure: averaged([r[figure] for r in rows]).as_dict() for figure in figures}
        facts["MKR"] = averaged([r["missing"] for r in rows]).as_dict()
        groups = [
            {"figure": figure, **row}
            for figure in figures
            for row in by_group([r[figure] for r in rows], perceived(seen))
        ]
        note = "Frames of one clip are alike: the intervals are those of as many independent frames."
        return Result(facts, {"groups": groups, "frames": rows}, (note,))


def _between(first: dict[str, Any] | None, second: dict[str, Any] | None) -> dict[str, Any]:
    """Distances of two faces' points and embeddings; None where one is not known."""
    points = [(row or {}).get(labels.POINTS_68.name) for row in (first, second)]
    alike = cosine(*((row or {}).get(labels.EMBEDDING.name) for row in (first, second)))
    found: dict[str, Any] = {
        "AKD": None,
        "LMD": None,
        "AED": None,
        "missing": (points[0] is None) != (points[1] is None),
    }
    if points[0] is not None and points[1] is not None:
        a, b = (np.asarray(p, np.float64).reshape(-1, 2) for p in points)
        away = np.linalg.norm(a - b, axis=1)
        found |= {"AKD": float(away.mean()), "LMD": float(away[MOUTH].mean())}
    if alike is not None:
        found["AED"] = number(float(np.sqrt(max(2 - 2 * alike, 0.0))))
    return found


__all__ = ["LAYOUTS", "NORMALISERS", "LandmarkConfig", "LandmarkMetrics", "Reenactment"]
