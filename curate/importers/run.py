"""From a published dataset on disk to a dataset here: pictures in, faces found, labels as a human layer."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from curate import __version__, api
from curate.engine.local import LocalEngine
from curate.engine.plan import choose
from curate.engine.run import execute
from curate.importers.align import Aligned, align
from curate.importers.base import Found, Importer, Record, read_source
from curate.importers.registry import importer
from curate.ingest import ListOptions, list_sources, write_shards
from curate.store import Dataset, LayerInfo
from curate.store.human import labels_part
from curate.store.publish import publish_layer
from schemas import REGISTRY, DatasetError, check, labels_of
from schemas.columns import faces, sources

SILENT = "the source says nothing of this face"


@dataclass(frozen=True)
class ImportOptions:
    """Choices of an import.

    Attributes:
        licence: Licence of the pictures; None is what the importer knows of the dataset.
        layer: Name of the layer; empty is `import_NAME`.
        labels_only: Take in no pictures: label the faces of an existing dataset of the same files.
        detector: The detector that finds the faces.
        workers: Processes; None is one per usable core.
        quiet: No progress bar.
        command: What the user typed, for the run record.
    """

    licence: str | None = None
    layer: str = ""
    labels_only: bool = False
    detector: str = "yunet"
    workers: int | None = None
    quiet: bool = True
    command: Sequence[str] = ()


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        dataset: The dataset.
        layer: Name of the layer.
        written: False if the same layer was there already.
        records: Records that the source holds.
        outcomes: What became of them -> how many.
        left_out: Labels or lines that could not be taken over: reason -> how many.
        columns: Column name -> faces that have a value.
    """

    dataset: Dataset
    layer: str
    written: bool
    records: int
    outcomes: Mapping[str, int]
    left_out: Mapping[str, int]
    columns: Mapping[str, int] = field(default_factory=dict)


def import_dataset(name: str, source: str | Path, target: str | Path, options: ImportOptions | None = None) -> Imported:
    """Start a dataset from a published one, or label one that was begun from the same files.

    Running it again goes on where it stopped; a finished import is recognised and not repeated.

    Args:
        name: The importer.
        source: Folder of the published dataset, as it is unpacked.
        target: Folder of the dataset.
        options: See `ImportOptions`.

    Raises:
        UsageError: if a file of the source is missing or not understood; nothing was started.
        DatasetError: if a layer of that name holds other labels.
    """
    options = options or ImportOptions()
    made = importer(name)()
    if options.labels_only:
        Dataset.open(target)
    else:
        choose((), {}, options.detector).require_models()
    found = read_source(made, source)
    check_values(found)
    ds = Dataset.open(target) if options.labels_only else _take_in(made, found, Path(source), target, options)
    layer = options.layer or f"import_{name}"
    with ds.lock():
        aligned = align(ds, found.records, layer, made.crops)
        info = _info(made, found, layer, aligned)
        written = _write(ds, info, aligned)
    counts = Counter(column for values in aligned.labels.values() for column in values)
    return Imported(ds, layer, written, len(found.records), aligned.outcomes, found.left_out, counts)


def dry_run(name: str, source: str | Path) -> Found:
    """Read a source and check its values; writes nothing. Errors as `import_dataset`."""
    found = read_source(importer(name)(), source)
    check_values(found)
    return found


def check_values(found: Found) -> None:
    """Check every column of the records against its declaration before anything is written.

    Raises:
        SchemaError: naming the column.
    """
    for name in found.columns:
        values = [r.labels[name] for r in found.records if name in r.labels]
        check(REGISTRY[name], pa.array(values, REGISTRY[name].type), labels_of)


def _take_in(made: Importer, found: Found, source: Path, target: str | Path, options: ImportOptions) -> Dataset:
    licence = made.licence if options.licence is None else options.licence
    listing = ListOptions(licence=licence or None)
    engine = api.Options(
        annotators=(), detector=options.detector, workers=options.workers, listing=listing,
        quiet=options.quiet, command=options.command,
    )  # fmt: skip
    table = source_table(found.records, source.absolute(), listing)
    ds = Dataset.open_or_create(target, licence=licence)
    with ds.lock():
        ds = ds.add_source({"importer": made.name, "inputs": [str(source)]})
        fresh = api.shards(ds, table, engine)
        if fresh.n_changed:
            ds = ds.with_changed_pictures()
        write_shards(ds, fresh)
    plan = api.plan(ds, engine, names=())
    record = execute(ds, plan, LocalEngine(options.workers), options.quiet, options.command)
    if record.errors:  # faces of a part are not there yet, so labels would be taken for homeless
        raise DatasetError("not all pictures could be looked at", record.errors[0], "Run the same command again")
    return ds


def source_table(records: Sequence[Record], root: Path, listing: ListOptions) -> pa.Table:
    """The pictures of the records as a sources table, with split and extras; a missing one keeps its row."""
    first: dict[tuple[str, int | None], Record] = {}
    for record in records:
        first.setdefault((str(record.path), record.member), record)
    plain = [place for place, member in first if member is None]
    containers = list(dict.fromkeys(place for place, member in first if member is not None))
    with tempfile.TemporaryDirectory() as folder:
        given: list[str | Path] = [*containers]
        if plain:
            path = Path(folder) / "pictures.jsonl"
            path.write_text("".join(f"{json.dumps({'path': place})}\n" for place in plain), "utf-8")
            given.append(path)
        rows = list_sources(given, listing).to_pylist()
    for row in rows:
        told = first.get((row[sources.URI.name], row[sources.MEMBER.name]))
        if told is None:
            continue
        row[sources.SPLIT.name] = told.split or row[sources.SPLIT.name]
        if row[sources.MEMBER.name] is None:
            row[sources.NAME.name] = _below(told.path, root)
            row[sources.EXTRA.name] = json.dumps(told.extra, sort_keys=True) if told.extra else None
    return pa.Table.from_pylist(rows, schema=sources.SOURCES.schema)


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _info(made: Importer, found: Found, layer: str, aligned: Aligned) -> LayerInfo:
    said = json.dumps(aligned.labels, sort_keys=True, default=str)
    return LayerInfo(
        layer, "human", f"import_{made.name}", version=__version__, columns=found.columns, author=made.labelled_by,
        config={"importer": made.name, "labels": hashlib.sha256(said.encode()).hexdigest()},
        extra={"outcomes": dict(aligned.outcomes), "left_out": dict(found.left_out), "terms": made.licence},
    )  # fmt: skip


def _write(ds: Dataset, info: LayerInfo, aligned: Aligned) -> bool:
    held = next((i for i in ds.layers() if i.name == info.name), None)
    if held is not None:
        if held.same_content(info):
            return False
        why = "its pictures, labels or faces were others"
        raise DatasetError(f"layer '{info.name}' exists with other content", why, "Give another name with --layer")
    if aligned.added:
        table = pa.Table.from_pylist(list(aligned.added.values()), schema=faces.FACES.schema)
        ds.write("faces", info.name, table)
    return publish_layer(ds, info, lambda key, ids: labels_part(ids.to_pylist(), aligned.labels, info.columns, SILENT))
