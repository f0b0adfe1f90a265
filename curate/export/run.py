"""An export from start to end: parts that are written once, a manifest with hashes, and the comparison."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import __version__
from curate.card.write import Inputs
from curate.engine.settings import configure
from curate.export.base import Exporter, Part, Plan
from curate.export.card import MANIFEST, Told, write_export_card
from curate.export.compare import Comparison, compare
from curate.export.crops import NONE
from curate.export.gather import Gatherer, Lost
from curate.export.hashes import FileFacts, Hashing, Pending, facts_of
from curate.export.index import Entry, Index, index, label_columns
from curate.export.options import ExportOptions
from curate.export.permission import Blocker, label_blockers, picture_blockers
from curate.export.pieces import WORK, claim
from curate.export.registry import exporter
from curate.identity.progress import follow
from curate.store import Dataset
from curate.store.parts import read_json, write_json
from curate.store.view import FaceView
from schemas import Column, UsageError

CLAIMED = ("a finished export", "an unfinished export of another kind", "it was")


@dataclass(frozen=True)
class Export:
    """What an export left.

    Attributes:
        folder: Where it is.
        manifest: What `facecurate-export.json` says.
        comparison: How it came back; None if that was not asked for.
        lost: Samples whose picture could not be read any more.
    """

    folder: Path
    manifest: dict[str, Any]
    comparison: Comparison | None
    lost: tuple[Lost, ...]


def export(
    ds: Dataset, form: str, folder: str | Path, options: ExportOptions | None = None, inputs: Inputs | None = None
) -> Export:
    """Write a dataset in a format, or go on with an export that was stopped, read it back, and add its card.

    Args:
        ds: The dataset.
        form: Name of the format.
        folder: A new or empty folder, or one with an export of the same data and settings.
        options: See `ExportOptions`.
        inputs: For the card: what people said of the dataset, and its audits and evaluations.

    Raises:
        UsageError: if the settings cannot be carried out or nothing is left to export.
        DatasetError: if the folder holds something else, or the export does not come back as it was given.
    """
    options, folder = options or ExportOptions(), Path(folder)
    writer = made(form, options)
    columns = label_columns(ds, options)
    dropped = dict(writer.drops(columns))
    found = index(ds, options, writer.unit)
    plan = Plan(
        tuple(c for c in columns if c.name not in dropped),
        found.splits,
        ds.info.name,
        options.side,
        _counts(found, options),
    )
    identity = _identity(ds, writer, options, columns)
    claim(folder, MANIFEST, "export.json", identity, CLAIMED)
    given = _given(ds, writer, options, columns)
    with Gatherer(ds, options, given, writer.forms) as gatherer:
        files = _written(writer, folder, plan, found, options, gatherer)
        lost = tuple(gatherer.lost)
    blockers = _blockers(ds, columns, options, found)
    comparison = verified(ds, writer, folder, options, found, columns, dropped) if options.verify else None
    if options.card:
        told = Told(ds, writer, options, found, plan.columns, dropped, len(lost), blockers, dict(files))
        files |= _hashed(folder, write_export_card(folder, told, inputs))
    manifest = _manifest(ds, identity, found, dropped, files, lost, blockers, comparison)
    write_json(folder / MANIFEST, manifest)
    _tidy(folder)
    return Export(folder, manifest, comparison, lost)


def _given(ds: Dataset, writer: Exporter, options: ExportOptions, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The exported columns and those that the exporter needs besides."""
    known = FaceView(ds, options.layers).columns()
    return tuple(dict.fromkeys([*columns, *(c for c in writer.needs(columns) if c.name in known)]))


def _counts(found: Index, options: ExportOptions) -> dict[str, int]:
    """Split -> number of its parts."""
    return {split: number + 1 for split, number, _ in found.parts(options.shard)}


def made(form: str, options: ExportOptions) -> Exporter:
    """The exporter with its settings.

    Raises:
        UnknownNameError: for a format or setting that is none.
        UsageError: if it needs cut faces and the options keep whole pictures.
    """
    cls = exporter(form)
    config = configure(cls.config_type, options.format_settings, cls.name)
    cls.preflight(config)
    if cls.needs_crop and options.crop == NONE:
        raise UsageError(f"{form} holds cut faces of one size", fix="Add --crop crop224, arcface, ffhq, ...")
    return cls(config)


def verified(
    ds: Dataset, writer: Exporter, folder: Path, options: ExportOptions, found: Index, columns: Sequence[Column],
    dropped: dict[str, str],
) -> Comparison:  # fmt: skip
    """Make the samples again and hold the export against them."""
    with Gatherer(ds, options, columns, writer.forms) as gatherer:
        given = (sample for _, _, part in found.parts(options.shard) for sample in gatherer.samples(part))
        told = follow(given, len(found.entries), "reading back", options.quiet)
        return compare(writer, folder, told, columns, dropped)


def _written(
    writer: Exporter, folder: Path, plan: Plan, found: Index, options: ExportOptions, gatherer: Gatherer
) -> dict[str, dict[str, Any]]:
    """Write the parts that are missing and close the export; gives every file with its size and hash."""
    writer.begin(folder, plan)
    parts = [Part(split, number, plan.columns) for split, number, _ in found.parts(options.shard)]
    markers = [folder / WORK / f"{p.split or '_'}-{p.number:05d}.json" for p in parts]
    work = [entries for _, _, entries in found.parts(options.shard)]
    with Hashing(folder) as hashing:
        rows = zip(parts, markers, follow(work, len(work), f"exporting {writer.name}", options.quiet), strict=True)
        last: _Written | None = None
        try:
            for part, marker, entries in rows:
                if not marker.is_file():
                    before = len(gatherer.lost)
                    files = hashing.of(writer.write(folder, part, gatherer.samples(entries)))
                    last, ready = _Written(marker, files, gatherer.lost[before:]), last
                    _mark(ready)
        finally:
            _mark(last)
        told = [read_json(marker) for marker in markers]
        gatherer.lost[:] = [Lost(**x) for part_told in told for x in part_told["lost"]]
        written = {name: facts for part_told in told for name, facts in part_told["files"].items()}
        return written | hashing.of(writer.finish(folder, plan, parts)).facts()


@dataclass(frozen=True)
class _Written:
    """A part whose files are there and may still be being hashed, while the next part is written."""

    marker: Path
    files: Pending
    lost: list[Lost]


def _mark(part: _Written | None) -> None:
    """Note that a part is finished."""
    if part is not None:
        write_json(part.marker, {"files": part.files.facts(), "lost": [vars(x) for x in part.lost]})


def _hashed(folder: Path, paths: Iterable[Path]) -> dict[str, FileFacts]:
    """Size and SHA-256 of files by their path below the folder."""
    return {path.relative_to(folder).as_posix(): facts_of(path) for path in paths}


def _identity(ds: Dataset, writer: Exporter, options: ExportOptions, columns: Sequence[Column]) -> dict[str, Any]:
    """What decides the content: another identity must not go on in the same folder."""
    return {
        "format": "facecurate-export", "version": 1, "exporter": writer.name, "made_by": f"facecurate {__version__}",
        "dataset": ds.info.name, "revision": ds.info.revision, "layers": [i.name for i in ds.layers()],
        "columns": [c.name for c in columns], "options": json.loads(json.dumps(options.as_dict())),
    }  # fmt: skip


def _blockers(ds: Dataset, columns: Sequence[Column], options: ExportOptions, found: Index) -> list[Blocker]:
    licences: Iterator[str] = (w for w, n in found.licences.items() for _ in range(n))
    return [*picture_blockers(licences), *label_blockers(ds, columns, options.layers)]


def _manifest(
    ds: Dataset, identity: dict[str, Any], found: Index, dropped: dict[str, str], files: dict[str, dict[str, Any]],
    lost: Sequence[Lost], blockers: Sequence[Blocker], comparison: Comparison | None,
) -> dict[str, Any]:  # fmt: skip
    entries: Callable[[str], list[Entry]] = lambda split: [e for e in found.entries if e.split == split]  # noqa: E731
    return {
        **identity,
        "samples": {split or "none": len(entries(split)) for split in found.splits},
        "faces": sum(len(e.rows) for e in found.entries),
        "left_out": dict(found.left_out),
        "lost": [vars(x) for x in lost],
        "drops": dropped,
        "commercial": {"allowed": not blockers, "blockers": [vars(b) for b in blockers]},
        "files": files,
        "comparison": comparison and comparison.as_dict(),
    }


def _tidy(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder / WORK, ignore_errors=True)


def check_files(folder: Path) -> list[str]:
    """Files of an export that are missing or changed since it was written.

    Raises:
        DatasetError: if the folder holds no export.
    """
    told = read_json(folder / MANIFEST)["files"]
    found = []
    for name, facts in told.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif _hashed(folder, [path])[name] != facts:
            found.append(f"{name} has changed")
    return found


__all__ = ["MANIFEST", "Export", "check_files", "export"]
