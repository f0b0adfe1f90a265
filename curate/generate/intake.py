"""Taking made pictures into the dataset: as sources with their lineage, then labelled as the others were."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from annotators.registry import annotator, annotator_names
from curate.engine.local import LocalEngine
from curate.engine.plan import DEFAULT_DETECTOR, Plan, choose, make_plan
from curate.engine.run import execute
from curate.generate.journal import Entry
from curate.ingest import plan_shards, write_shards
from curate.store import Dataset
from curate.store.names import SOURCES
from schemas import DatasetError
from schemas.columns import images
from schemas.columns import sources as src

if TYPE_CHECKING:
    from curate.generate.options import Options

ROWS = 10_000


def take_in(
    ds: Dataset, folder: Path, entries: Mapping[str, Sequence[Entry]], options: Options
) -> tuple[int, tuple[str, ...]]:
    """Add pictures that the dataset does not have yet, and label what is not labelled of generated ones.

    Args:
        ds: The dataset, not locked.
        folder: Where the pictures lie, in a folder per generator.
        entries: Generator -> requests with pictures.
        options: Which annotators, how many processes.

    Returns:
        Pictures that are new, and errors of labelling.
    """
    table = source_table(folder, entries)
    with ds.lock():
        found = plan_shards(ds, table)
        if found.n_new:
            names = [f"{folder.name}/{name}" for name, made in entries.items() if made]
            ds = ds.add_source({"inputs": names})
        write_shards(ds, found)
    plan = plan_for(ds, options.annotators if options.label else ())
    if not plan.tasks:
        return found.n_new, ()
    record = execute(ds, plan, LocalEngine(options.workers), options.quiet, options.command)
    return found.n_new, tuple(str(e) for e in record.errors)


def source_table(folder: Path, entries: Mapping[str, Sequence[Entry]]) -> pa.Table:
    """Rows of the sources table, one per picture."""
    batches = []
    rows: list[dict[str, Any]] = []
    for row in _rows(folder, entries):
        rows.append(row)
        if len(rows) == ROWS:
            batches.append(pa.RecordBatch.from_pylist(rows, schema=src.SOURCES.schema))
            rows = []
    batches.append(pa.RecordBatch.from_pylist(rows, schema=src.SOURCES.schema))
    return pa.Table.from_batches(batches, schema=src.SOURCES.schema)


def _rows(folder: Path, entries: Mapping[str, Sequence[Entry]]) -> Iterable[dict[str, Any]]:
    for name, made in entries.items():
        for entry in made:
            for file, lineage in zip(entry.files, entry.rows, strict=True):
                path = (folder / name / file).absolute()
                stat = _stat(path)
                yield {
                    src.URI.name: str(path),
                    src.MEMBER.name: None,
                    src.NAME.name: f"{folder.name}/{name}/{file}",
                    src.BYTES.name: stat.st_size,
                    src.MTIME.name: stat.st_mtime_ns,
                    src.LICENCE.name: entry.licence,
                    src.CONSENT.name: entry.consent,
                    **lineage,
                }


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        fix = "Restore it, or give the run another name or seed"
        raise DatasetError(f"{path} is gone", error.strerror or str(error), fix) from error


def detector_of(ds: Dataset) -> tuple[str, dict[str, dict[str, str]]]:
    """The detector that owns the dataset's faces, and its settings as texts."""
    owner = Dataset.open(ds.path).info.detector
    if not owner:
        return DEFAULT_DETECTOR, {}
    return owner["name"], {owner["name"]: {k: _text(v) for k, v in owner["config"].items()}}


def annotators_of(ds: Dataset, names: Sequence[str] | None) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Names of the annotators that label new pictures, and the settings under which they labelled the others.

    By default those of the default set that labelled the dataset; the whole set where none did.

    Raises:
        UnknownNameError: for an annotator that does not exist.
    """
    newest = {info.annotator: info for info in reversed(ds.layers()) if info.kind == "model"}
    usual = annotator_names(only_default=True)
    wanted = list(names) if names is not None else [n for n in usual if n in newest] or list(usual)
    settings: dict[str, dict[str, str]] = {}
    for name in wanted:
        cls = annotator(name)
        if name in newest and newest[name].version == cls.version:
            config = {k: _text(v) for k, v in newest[name].config.items()}
            if config != {k: _text(v) for k, v in cls.config_type().as_dict().items()}:
                settings[name] = config
    return wanted, settings


def plan_for(ds: Dataset, names: Sequence[str] | None) -> Plan:
    """What is to be labelled in the shards of generated pictures."""
    detector, settings = detector_of(ds)
    wanted, configured = annotators_of(ds, names)
    plan = make_plan(ds, wanted, {**settings, **configured}, detector)
    return replace(plan, tasks=tuple(t for t in plan.tasks if holds_generated(ds, t.key)))


def holds_generated(ds: Dataset, key: str) -> bool:
    """Whether a shard is of generated pictures."""
    if not ds.has(SOURCES, key):
        return False
    table = ds.read(SOURCES, key, [images.GENERATOR])
    return images.GENERATOR.name in table.column_names and table.column(images.GENERATOR.name).null_count < len(table)


def check_models(names: Sequence[str], settings: Mapping[str, Mapping[str, str]], detector: str) -> None:
    """Make sure that annotators can run here.

    Raises:
        ModelError: if a model file is missing.
        MissingExtraError: if a library is absent.
    """
    choose(names, settings, detector).require_models()


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
