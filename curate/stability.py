"""`stability`: labels a sample of faces again under small changes, and says which labels keep, for whom."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from annotators.stability import Stability, StabilityConfig
from curate.api import Options, annotate
from curate.engine.plan import DEFAULT_DETECTOR
from curate.evaluation.intervals import Estimate, bootstrap, bootstrap_groups, gap
from curate.evaluation.metrics.counting import mean
from curate.store import Dataset
from curate.store.parts import write_json
from schemas import REGISTRY, Column, Kind, Status, UnknownNameError, UsageError, taxonomy
from schemas.columns import faces, labels

DEFAULT_FACES = 500
GROUPS = (labels.RACE, labels.GENDER, labels.AGE_GROUP)
REPORT = "stability.json"
FORMAT = 1


@dataclass(frozen=True)
class StabilityReport:
    """How stable labels are.

    Attributes:
        layer: The layer that holds the value of each face.
        faces: Faces probed.
        by_label: Label -> mean stability over faces.
        by_probe: Probe -> mean agreement over faces and labels.
        by_group: Column -> label -> group -> mean stability.
    """

    layer: str
    faces: int
    by_label: Mapping[str, Estimate]
    by_probe: Mapping[str, Estimate]
    by_group: Mapping[str, Mapping[str, Mapping[str, Estimate]]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; with the gap between groups for each label."""
        return {
            "format": FORMAT,
            "layer": self.layer,
            "faces": self.faces,
            "labels": {k: e.as_dict() for k, e in self.by_label.items()},
            "probes": {k: e.as_dict() for k, e in self.by_probe.items()},
            "groups": {
                by: {label: _groups_as_dict(found) for label, found in parts.items()}
                for by, parts in self.by_group.items()
            },
        }

    def save(self, path: Path) -> None:
        """Write the JSON file, atomically."""
        write_json(path, self.as_dict())


def stability(
    dataset: Dataset | str | Path,
    n_faces: int = DEFAULT_FACES,
    by: Sequence[str] | None = None,
    workers: int | None = None,
    quiet: bool = True,
    command: Sequence[str] = (),
) -> StabilityReport:
    """Probe a sample of faces, or go on with one that was begun, and sum it up.

    Args:
        dataset: The dataset.
        n_faces: Faces to probe, about; all if there are fewer.
        by: Label columns to report by; perceived race, gender and age group by default, where they are at hand.
        workers: Processes; None is one per usable core.
        quiet: No progress bar.
        command: What the user typed, for the run record.

    Raises:
        UnknownNameError: for a column to group by that the dataset does not have.
        UsageError: if there are no faces, none could be probed, or a column is no label.
    """
    ds = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    total = sum(ds.rows("faces", key) for key in ds.keys("faces"))
    if not total:
        raise UsageError(f"{ds.path} has no faces", fix="Label pictures first: facecurate run PICTURES DATASET")
    groups = _group_columns(ds, by)
    owner = ds.info.detector
    settings = {owner["name"]: {k: _text(v) for k, v in owner["config"].items()}} if owner else {}
    finder = owner.get("name", DEFAULT_DETECTOR)
    config = StabilityConfig(sample=min(1.0, n_faces / total))
    if finder == config.detector:
        config = replace(config, detector=DEFAULT_DETECTOR)
    settings[Stability.name] = {"sample": repr(config.sample), "detector": config.detector}
    ds = annotate(ds, Options((Stability.name,), settings, finder, workers, quiet=quiet, command=tuple(command)))
    found = summary(ds, _layer(ds, config), groups)
    if not found.faces:
        raise _nothing(ds, found.layer, n_faces)
    return found


def _nothing(ds: Dataset, layer: str, n_faces: int) -> UsageError:
    errors = ds.layer_table(layer, [labels.STATUS, labels.ERROR]).filter(
        pc.field(labels.STATUS.name) == Status.FAILED.value
    )
    if errors.num_rows:
        first = errors.column(labels.ERROR.name)[0].as_py()
        return UsageError("no face was probed", f"{errors.num_rows:,} faces failed, the first with: {first}")
    reason = f"chance chose no face for a sample of about {n_faces}"
    return UsageError("no face was probed", reason, "Ask for more: --faces")


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _layer(ds: Dataset, config: StabilityConfig) -> str:
    """The layer of this version with these settings: after an update the old one lies beside it."""
    wanted = (Stability.name, Stability.version, json.loads(json.dumps(config.as_dict())))
    return next(i.name for i in ds.layers() if (i.annotator, i.version, dict(i.config)) == wanted)


def _group_columns(ds: Dataset, by: Sequence[str] | None) -> list[Column]:
    known = set(ds.columns())
    if by is None:
        return [c for c in GROUPS if c.name in known]
    usable = {n for n in known & set(REGISTRY) if REGISTRY[n].kind is Kind.LABEL and REGISTRY[n].taxonomy}
    for name in by:
        if name in known - usable:
            raise UsageError(f"column {name}", "it holds no labels to group by")
        if name not in usable:
            raise UnknownNameError("column to group by", name, usable)
    return [REGISTRY[name] for name in by]


def summary(ds: Dataset, layer: str, groups: Sequence[Column] = ()) -> StabilityReport:
    """Means over the probed faces of a stability layer, with intervals; faces of one picture are drawn together.

    Args:
        ds: The dataset.
        layer: Name of the layer.
        groups: Label columns of the dataset's view.
    """
    table = ds.layer_table(layer, [faces.FACE_ID, labels.STABILITY, labels.STABILITY_BY_PROBE, labels.STABILITY_LEAST])
    view = ds.faces([faces.FACE_ID, *groups])
    here = pc.is_in(table.column(faces.FACE_ID.name), view.column(faces.FACE_ID.name).combine_chunks())
    table = table.filter(pc.and_(table.column(labels.STABILITY_LEAST.name).is_valid(), here))
    picture = [str(i).rpartition(".")[0] for i in table.column(faces.FACE_ID.name).to_pylist()]
    clusters = np.array(picture, dtype=object)
    by_label = _fields(table, labels.STABILITY)
    of = _group_values(view, table, groups)
    return StabilityReport(
        layer,
        table.num_rows,
        {k: _estimate(v, clusters) for k, v in by_label.items()},
        {k: _estimate(v, clusters) for k, v in _fields(table, labels.STABILITY_BY_PROBE).items()},
        {c.name: {k: _in_groups(v, of[c.name], c, clusters) for k, v in by_label.items()} for c in groups},
    )


def _fields(table: pa.Table, column: Column) -> dict[str, NDArray[np.float64]]:
    """Field -> values of the faces, NaN where null; fields without any value are left out."""
    values = table.column(column.name).combine_chunks()
    found = {
        name: np.asarray(values.field(name).to_numpy(zero_copy_only=False), np.float64)
        for name in taxonomy(column.taxonomy).labels
    }
    return {name: numbers for name, numbers in found.items() if np.isfinite(numbers).any()}


def _group_values(view: pa.Table, table: pa.Table, groups: Sequence[Column]) -> dict[str, NDArray[Any]]:
    row = {face: i for i, face in enumerate(view.column(faces.FACE_ID.name).to_pylist())}
    wanted = view.take(pa.array([row[face] for face in table.column(faces.FACE_ID.name).to_pylist()], pa.int64()))
    return {c.name: np.array(wanted.column(c.name).to_pylist(), dtype=object) for c in groups}


def _mean(values: ArrayLike, *, weight: ArrayLike | None = None) -> Any:
    return mean(np.asarray(values), weight)


def _estimate(values: NDArray[np.float64], clusters: NDArray[Any]) -> Estimate:
    known = np.isfinite(values)
    return bootstrap(_mean, values[known], clusters=clusters[known])


def _in_groups(
    values: NDArray[np.float64], of: NDArray[Any], column: Column, clusters: NDArray[Any]
) -> dict[str, Estimate]:
    known = np.isfinite(values)
    present = set(of[known].tolist())
    order = [name for name in taxonomy(column.taxonomy).labels if name in present]
    if not order:
        return {}
    return bootstrap_groups(_mean, values[known], groups=of[known], order=order, clusters=clusters[known])


def _groups_as_dict(found: Mapping[str, Estimate]) -> dict[str, Any]:
    apart = gap(found)
    return {
        "groups": {name: e.as_dict() for name, e in found.items()},
        "best": apart.best,
        "worst": apart.worst,
        "gap": apart.size.as_dict(),
    }
