"""Decides what a run does: which annotators in which order, into which layers, on which shards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotators.base import Annotator, Config, Detector
from annotators.registry import annotator, annotator_names, detector
from annotators.weights import ModelStore, is_path
from curate.engine.job import Job, ShardTask, Step
from curate.engine.settings import configure, rebuild
from curate.ingest import Limits
from curate.store import Dataset, LayerInfo, config_hash
from schemas import Column, SchemaError, UsageError
from schemas.columns import faces, images

DEFAULT_DETECTOR = "yunet"


@dataclass(frozen=True)
class Plan:
    """A job, the mark of the detector that owns its face ids, what is still to be done, and the layers it writes."""

    job: Job
    detector_mark: dict[str, Any]
    tasks: tuple[ShardTask, ...]
    layers: tuple[LayerInfo, ...]

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of all model files the tasks will load."""
        wanted: dict[str, None] = {}
        if any(task.detect for task in self.tasks):
            wanted.update(dict.fromkeys(detector(self.job.detector).weights))
        busy = {layer for task in self.tasks for layer in (*task.layers, *task.retry)}
        for step in self.job.steps:
            if step.layer in busy:
                wanted.update(dict.fromkeys(_weights(step)))
        return tuple(wanted)

    def preflight(self) -> None:
        """Make sure that what is to be done can be done here, before anything is written.

        Raises:
            ModelError: if a model file is missing or damaged.
            MissingExtraError: if a library is missing.
        """
        busy = {layer for task in self.tasks for layer in (*task.layers, *task.retry)}
        for step in self.job.steps:
            if step.layer in busy:
                cls = annotator(step.annotator)
                cls.preflight(rebuild(cls.config_type, step.config))
        models = ModelStore()
        for name in self.weights:
            models.path(name)

    def notices(self, step: Step) -> tuple[str, ...]:
        """What the user should know before a step runs."""
        cls = annotator(step.annotator)
        return cls.notices(rebuild(cls.config_type, step.config))


def make_plan(
    ds: Dataset,
    names: Sequence[str] | None = None,
    settings: Mapping[str, Mapping[str, str]] | None = None,
    detector_name: str = DEFAULT_DETECTOR,
    limits: Limits | None = None,
    retry_failed: bool = False,
) -> Plan:
    """Plan what is missing in a dataset; writes nothing.

    Args:
        ds: The dataset, its sources already written.
        names: Annotators wanted; those they read from are added. None is the default set.
        settings: Annotator or detector name -> option -> text.
        detector_name: The detector that owns the face ids.
        limits: What counts as a usable picture.
        retry_failed: Also try again the faces whose label failed.

    Raises:
        UnknownNameError: for an unknown annotator, detector or option.
        UsageError: if settings are given for an annotator that does not run.
    """
    choice = choose(names, settings, detector_name)
    mark = choice.detector_mark
    _check_detector(ds, mark)
    steps, layers = _steps(ds, choice)
    job = Job(str(ds.path), mark["name"], mark["config"], steps, limits or Limits())
    drawn = [key for key in ds.keys("faces") if not ds.has("sources", key)]
    tasks = tuple(t for key in [*ds.keys("sources"), *drawn] if (t := _task(ds, key, steps, retry_failed)))
    return Plan(job, mark, tasks, layers)


@dataclass(frozen=True)
class Choice:
    """Annotators in running order with their settings, and the detector."""

    annotators: tuple[tuple[type[Annotator], Config], ...]
    detector: type[Detector]
    detector_config: Config

    @property
    def detector_mark(self) -> dict[str, Any]:
        """What the dataset remembers of the detector that owns its face ids."""
        cls = self.detector
        return {"name": cls.name, "version": cls.version, "config": self.detector_config.as_dict()}

    def require_models(self) -> None:
        """Make sure that the choice can run here.

        Raises:
            ModelError: if a model file is missing or damaged.
            MissingExtraError: if a library is missing.
        """
        for cls, config in self.annotators:
            cls.preflight(config)
        models = ModelStore()
        for name in (*self.detector.weights, *(w for cls, config in self.annotators for w in cls.weights_of(config))):
            models.path(name)


def choose(names: Sequence[str] | None, settings: Mapping[str, Mapping[str, str]] | None, detector_name: str) -> Choice:
    """Check a user's choice before anything is written; arguments and errors as `make_plan`."""
    settings = settings or {}
    classes = ordered(annotator_names(only_default=True) if names is None else names)
    finder = detector(detector_name)
    alien = sorted(set(settings) - {c.name for c in classes} - {detector_name})
    if alien:
        raise UsageError(f"settings for '{alien[0]}'", "it is not part of this run")
    configured = tuple((c, configure(c.config_type, settings.get(c.name, {}), c.name)) for c in classes)
    return Choice(configured, finder, configure(finder.config_type, settings.get(detector_name, {}), detector_name))


def ordered(names: Iterable[str]) -> list[type[Annotator]]:
    """Annotator classes in running order, with the ones they read from.

    Raises:
        UnknownNameError: for an unknown name.
        SchemaError: if a required column has no provider, or annotators need each other.
    """
    provider = _providers()
    done: dict[str, type[Annotator]] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise SchemaError(f"annotators need each other: {' -> '.join((*path, name))}")
        if name in done:
            return
        cls = annotator(name)
        for column in label_inputs(cls):
            if column.name not in provider:
                raise SchemaError(f"annotator '{name}' reads {column.name}", "no annotator provides it")
            visit(provider[column.name], (*path, name))
        done[name] = cls

    for name in names:
        visit(name, ())
    return list(done.values())


def _providers() -> dict[str, str]:
    """Column -> the annotator that is asked for it: one of the default set before any other."""
    names = sorted(annotator_names(), key=lambda n: (not annotator(n).default, n))
    return {c.name: n for n in reversed(names) for c in annotator(n).provides}


def _weights(step: Step) -> tuple[str, ...]:
    cls = annotator(step.annotator)
    return cls.weights_of(rebuild(cls.config_type, step.config))


def label_inputs(cls: type[Annotator]) -> tuple[Column, ...]:
    """Columns an annotator reads from other annotators' layers."""
    own = set(faces.FACES) | set(images.IMAGES)
    return tuple(c for c in cls.needs() if c.name not in own)


def _steps(ds: Dataset, choice: Choice) -> tuple[tuple[Step, ...], tuple[LayerInfo, ...]]:
    existing = {info.name: info for info in ds.layers()}
    catalogue = ModelStore()
    layer_of: dict[str, str] = {}
    steps, layers = [], []
    for cls, config in choice.annotators:
        inputs = {c.name: layer_of[c.name] for c in label_inputs(cls)}
        digest = _digest(cls, config, inputs, catalogue)
        name = f"{cls.name}.v{cls.version}"
        if name in existing and existing[name].config_hash != digest:
            name = f"{name}-{digest[:6]}"
        layer_of.update({c.name: name for c in cls.provides})
        steps.append(Step(cls.name, name, config.as_dict(), inputs))
        layers.append(existing.get(name) or _layer(cls, name, config, inputs, catalogue))
    return tuple(steps), tuple(layers)


def _digest(cls: type[Annotator], config: Config, inputs: Mapping[str, str], catalogue: ModelStore) -> str:
    """Digest of what a layer's labels depend on; a model file of the user's own counts by its content."""
    files = {w: catalogue.sha256(w) for w in cls.weights_of(config) if is_path(w)}
    return config_hash({"config": config.as_dict(), "inputs": dict(inputs), **({"files": files} if files else {})})


def _layer(
    cls: type[Annotator], name: str, config: Config, inputs: Mapping[str, str], catalogue: ModelStore
) -> LayerInfo:
    return LayerInfo(
        name=name,
        kind="model",
        annotator=cls.name,
        version=cls.version,
        config=config.as_dict(),
        config_hash=_digest(cls, config, inputs, catalogue),
        weights={w: catalogue.sha256(w) for w in cls.weights_of(config)},
        columns=tuple(c.name for c in cls.provides),
        extra={"inputs": dict(inputs)},
    )


def _check_detector(ds: Dataset, mark: dict[str, Any]) -> None:
    """One detection owns the face ids: another detector needs a new revision, never a silent mix."""
    before = Dataset.open(ds.path).info.detector
    if before and before != mark:
        raise UsageError(
            f"{ds.path} holds faces found by {before['name']} {before['version']}",
            f"this run would use {mark['name']} {mark['version']} or other settings of it and mix their face ids",
            "Start a revision of its own with: facecurate annotate DATASET --new-revision, or drop the options",
        )


def _task(ds: Dataset, key: str, steps: Sequence[Step], retry_failed: bool) -> ShardTask | None:
    planned = ds.has("sources", key)
    detect = planned and not (ds.has("images", key) and ds.has("faces", key))
    missing = tuple(s.layer for s in steps if detect or not ds.has(f"labels/{s.layer}", key))
    retry: tuple[str, ...] = ()
    if retry_failed:
        written = (s.layer for s in steps if s.layer not in missing)
        retry = tuple(layer for layer in written if ds.failed_rows(layer, key))
    if not (detect or missing or retry):
        return None
    return ShardTask(key, ds.rows("sources" if planned else "faces", key), detect, missing, retry)
