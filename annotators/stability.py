"""Labels a face again under small changes that change nothing about it, and says which labels keep."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from annotators.agreement import agreement
from annotators.base import Annotator, Config, Face, FaceAnnotator, FaceBatch, NotApplicable
from annotators.probes import View, cut, probes, unflip
from schemas import REGISTRY, Column, UnknownNameError, taxonomy
from schemas.columns import faces, labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

BUCKETS = 1_000_000


def default_annotators() -> tuple[str, ...]:
    """The default set as `NAME.vVERSION`, so that a layer says of which versions it speaks."""
    from annotators.registry import annotator, annotator_names

    return tuple(f"{name}.v{annotator(name).version}" for name in annotator_names(only_default=True))


@dataclass(frozen=True)
class StabilityConfig(Config):
    """What is probed.

    Attributes:
        sample: Share of faces that are probed, chosen by their ids; the others are not applicable.
        probes: Names of taxonomy `probe`.
        detector: The other detector.
        annotators: Those that are probed, with or without their version, and those they read from.
    """

    sample: float = 1.0
    probes: tuple[str, ...] = taxonomy("probe").labels
    detector: str = "blazeface"
    annotators: tuple[str, ...] = field(default_factory=default_annotators)


class Stability(FaceAnnotator):
    """Runs the default annotators on the face as it is and under each probe, and compares.

    All runs start from the face cut out with its surroundings, with each annotator's default settings, so a
    difference comes from the probe alone. A probe that loses the face (the other detector does not see it)
    is left out of the means. It costs as many runs as there are probes: give a sample on large data.
    """

    name = "stability"
    version = "1"
    doc = "Agreement of each label with itself under jitter, flip, blur, JPEG, light and another detector."
    requires = (*faces.BOX, faces.POINTS_5)
    provides = tuple(labels.STABILITY_GROUP.values())
    weights = ("face_landmarker", "sface", "fer", "blazeface_full")
    default = False
    config_type = StabilityConfig
    config: StabilityConfig

    def setup(self, models: ModelStore) -> None:
        from annotators.registry import annotator, annotator_names, detector

        for name in self.config.probes:
            if name not in taxonomy("probe").labels:
                raise UnknownNameError("probe", name, taxonomy("probe").labels)
        other = detector(self.config.detector)()
        other.setup(models)
        self._probes = {name: make for name, make in probes(other).items() if name in self.config.probes}
        wanted = [REGISTRY[name] for name in taxonomy("probed-label").labels]
        named = [annotator(name.partition(".v")[0]) for name in self.config.annotators]
        self._chain = _chain(wanted, named, [annotator(n) for n in annotator_names(only_default=True)])
        given = {column.name for runner in self._chain for column in runner.provides}
        self._columns = tuple(c for c in wanted if c.name in given)
        for runner in self._chain:
            runner.setup(models)

    def label(self, face: Face) -> Mapping[Column, Any]:
        if not sampled(str(face[faces.FACE_ID]), self.config.sample):
            raise NotApplicable("not in the sample")
        box = np.array([face[c] for c in faces.BOX], np.float32)
        whole = cut(View(face.image, box, np.asarray(face.need(faces.POINTS_5), np.float32)))
        changed = {name: make(whole, str(face[faces.FACE_ID])) for name, make in self._probes.items()}
        views = {name: view for name, view in changed.items() if view is not None}
        reference, *others = self._labelled([whole, *views.values()])
        width = float(whole.image.shape[1])
        found = {
            probe: {c: self._agreement(c, probe, reference, other, width) for c in self._columns}
            for probe, other in zip(views, others, strict=True)
        }
        by_label = {c.name: _mean([found[p][c] for p in found]) for c in self._columns}
        by_probe = {p: _mean(list(values.values())) for p, values in found.items()}
        known = [v for v in by_label.values() if v is not None]
        return {
            labels.STABILITY: by_label,
            labels.STABILITY_BY_PROBE: by_probe,
            labels.STABILITY_LEAST: min(known, default=None),
        }

    def _agreement(self, column: Column, probe: str, reference: Face, other: Face, width: float) -> float | None:
        value = unflip(column, other[column], width) if probe == "flip" else other[column]
        return agreement(column, reference[column], value)

    def _labelled(self, views: Sequence[View]) -> list[Face]:
        """The faces of some views with all labels, one batch for all."""
        batch = FaceBatch(_table(views), {str(i): view.image for i, view in enumerate(views)})
        for runner in self._chain:
            rows = runner.annotate(batch)
            batch.add({c.name: rows.column(c.name) for c in runner.provides})
        return list(batch)


def sampled(face_id: str, share: float) -> bool:
    """Whether a face is in a sample of that share; a larger sample holds the smaller ones."""
    digest = hashlib.blake2b(face_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % BUCKETS < share * BUCKETS


def _chain(
    columns: Sequence[Column], named: Sequence[type[Annotator]], known: Sequence[type[Annotator]]
) -> list[Annotator]:
    """The named annotators that give one of the columns, each after those it reads from."""
    provider = {column.name: cls for cls in (*known, *named) for column in cls.provides}
    order: dict[str, type[Annotator]] = {}

    def visit(cls: type[Annotator]) -> None:
        if cls.name not in order:
            for needed in cls.needs():
                if needed.name in provider:
                    visit(provider[needed.name])
            order[cls.name] = cls

    for cls in named:
        if set(cls.provides) & set(columns):
            visit(cls)
    return [cls() for cls in order.values()]


def _table(views: Sequence[View]) -> pa.Table:
    count = len(views)
    columns: dict[str, Any] = {
        faces.FACE_ID.name: [f"{i}.0" for i in range(count)],
        faces.IMAGE_ID.name: [str(i) for i in range(count)],
        faces.SCORE.name: [1.0] * count,
        faces.POINTS_5.name: [view.points.reshape(-1) for view in views],
        **{c.name: [float(view.box[i]) for view in views] for i, c in enumerate(faces.BOX)},
    }
    return pa.table({name: pa.array(values, REGISTRY[name].type) for name, values in columns.items()})


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(sum(known) / len(known)) if known else None
