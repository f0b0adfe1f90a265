"""The Python face of the main job; the command line calls the same functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from curate.engine.local import LocalEngine
from curate.engine.plan import DEFAULT_DETECTOR, Plan, choose, make_plan
from curate.engine.run import execute
from curate.ingest import IngestPlan, Limits, ListOptions, list_sources, plan_shards, retry_sources, write_shards
from curate.store import Dataset

Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Options:
    """Choices of a run; the defaults do the main job.

    Attributes:
        annotators: Names wanted; None is the default set, empty is detection only.
        settings: Annotator or detector -> option -> text.
        detector: The detector that owns the face ids.
        workers: Processes; None is one per usable core.
        limits: What counts as a usable picture.
        shard_size: Pictures in a shard; None follows from their number.
        listing: How sources are listed: licence, consent, split.
        retry_failed: Try again pictures that could not be read and faces whose label failed.
        new_revision: Detect again beside the old faces.
        quiet: No progress bar.
        command: What the user typed, for the run record.
    """

    annotators: Sequence[str] | None = None
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    detector: str = DEFAULT_DETECTOR
    workers: int | None = None
    limits: Limits = field(default_factory=Limits)
    shard_size: int | None = None
    listing: ListOptions = field(default_factory=ListOptions)
    retry_failed: bool = False
    new_revision: bool = False
    quiet: bool = True
    command: Sequence[str] = ()


def run(inputs: Paths, target: str | Path, options: Options | None = None) -> Dataset:
    """Turn pictures into a labelled dataset, or go on with one that was begun.

    Args:
        inputs: Folders, globs, files, lists (CSV, Parquet, ...), Parquet with image bytes, fsspec URLs.
        target: Folder of the dataset.
        options: See `Options`.

    Returns:
        The dataset; `dataset.faces()` is the resolved table.

    Raises:
        FacecurateError: with one clear line, for anything a user can mend.
    """
    options = options or Options()
    choose(options.annotators, options.settings, options.detector).require_models()
    ds = ingest_sources(inputs, target, options)
    return annotate(ds, options)


def ingest(inputs: Paths, target: str | Path, options: Options | None = None) -> Dataset:
    """List pictures, decode each once and detect faces; label nothing yet."""
    options = options or Options()
    choose((), options.settings, options.detector).require_models()
    ds = ingest_sources(inputs, target, options)
    execute(ds, plan(ds, options, names=()), LocalEngine(options.workers), options.quiet, options.command)
    return ds


def annotate(dataset: Dataset | str | Path, options: Options | None = None) -> Dataset:
    """Label what is not yet labelled in a dataset."""
    options = options or Options()
    ds = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    choice = choose(options.annotators, options.settings, options.detector)
    if options.new_revision:
        choice.require_models()
        ds = ds.new_revision()
    if options.retry_failed:
        retry_sources(ds)
    execute(ds, plan(ds, options, options.annotators), LocalEngine(options.workers), options.quiet, options.command)
    return ds


def plan(ds: Dataset, options: Options, names: Sequence[str] | None) -> Plan:
    """The plan of a run over a dataset; writes nothing."""
    return make_plan(ds, names, options.settings, options.detector, options.limits, options.retry_failed)


def ingest_sources(inputs: Paths, target: str | Path, options: Options) -> Dataset:
    """List sources and write those that are new to the dataset as shards, ready to be worked off."""
    inputs = as_list(inputs)
    sources = list_sources(inputs, options.listing)
    ds = Dataset.open_or_create(target, licence=options.listing.licence or "", consent=options.listing.consent or "")
    with ds.lock():
        ds = ds.add_source({"inputs": [str(i) for i in inputs]})
        found = shards(ds, sources, options)
        if found.n_changed:
            ds = ds.with_changed_pictures()
        write_shards(ds, found)
    return ds


def shards(ds: Dataset, sources: pa.Table, options: Options) -> IngestPlan:
    """What of a source list is new to the dataset."""
    return plan_shards(ds, sources, options.shard_size)


def as_list(inputs: Paths) -> list[str | Path]:
    """One input or several, as a list."""
    return [inputs] if isinstance(inputs, str | Path) else list(inputs)


__all__ = ["Options", "annotate", "ingest", "plan", "run"]
