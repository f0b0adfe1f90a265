"""Measures once and writes the card, its page, checksums and the Croissant file beside the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.card import jsonld, record_sets, sheet
from curate.card.about import About
from curate.card.document import Document, markdown
from curate.card.evidence import Evidence, gather
from curate.card.facts import Facts, measure
from curate.card.page import html
from curate.identity.progress import follow
from curate.split.split import FOLDER as SPLITS
from curate.store import Dataset
from curate.store.info import INFO_FILE
from curate.store.parts import replacing, write_json

DATASHEET, PAGE, CROISSANT, SUMS = "DATASHEET.md", "DATASHEET.html", "croissant.json", "SHA256SUMS"


@dataclass(frozen=True)
class Inputs:
    """What a card is made from beside the dataset.

    Attributes:
        about: What people said.
        audits: JSON files of audits; those in the dataset if empty.
        evaluations: JSON files of evaluations; those in the dataset if empty.
    """

    about: About = field(default_factory=About)
    audits: tuple[Path, ...] = ()
    evaluations: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Material:
    """A dataset as measured for its card; measured once, used for every file."""

    ds: Dataset
    facts: Facts
    about: About
    evidence: tuple[Evidence, ...]

    @property
    def document(self) -> Document:
        """The card."""
        return sheet.build(self.ds, self.facts, self.about, self.evidence)


def prepare(ds: Dataset, inputs: Inputs | None = None, quiet: bool = True) -> Material:
    """Measure a dataset and read what is known about it.

    Raises:
        UsageError: if a named audit or evaluation is none.
        DatasetError: if a part or file cannot be read.
    """
    inputs = inputs or Inputs()
    evidence = gather(ds, inputs.audits, inputs.evaluations)
    return Material(ds, measure(ds, quiet), inputs.about, evidence)


def datasheet(ds: Dataset, inputs: Inputs | None = None) -> str:
    """The data card as Markdown; errors as `prepare`."""
    return markdown(prepare(ds, inputs).document)


def croissant(
    ds: Dataset, inputs: Inputs | None = None, *, distribution: Sequence[Mapping[str, Any]] | None = None,
    records: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The dataset's Croissant 1.1 metadata as a JSON-LD object; errors as `prepare`.

    Args:
        ds: The dataset.
        inputs: What people said, and which audits and evaluations to read.
        distribution: FileObjects and FileSets in place of the dataset's own files, for an export of another layout.
        records: RecordSets in place of those of the dataset's tables, likewise.
    """
    return _croissant(prepare(ds, inputs), _objects(ds), distribution, records)


def write_card(ds: Dataset, inputs: Inputs | None = None, folder: Path | None = None, quiet: bool = True) -> list[Path]:
    """Write `DATASHEET.md`, `DATASHEET.html`, `SHA256SUMS` and `croissant.json`.

    The Croissant file names the dataset's files relative to itself: it is of use beside them. It names single files
    with their SHA-256; that of `SHA256SUMS` vouches for every shard (`sha256sum -c SHA256SUMS`).

    Args:
        ds: The dataset.
        inputs: What people said, and which audits and evaluations to read.
        folder: Where to; the dataset's own folder if None.
        quiet: No progress bar.

    Returns:
        The files.

    Raises:
        UsageError: if a named audit or evaluation is none.
        DatasetError: if a part cannot be read or a file cannot be written.
    """
    target = folder or ds.path
    material = prepare(ds, inputs, quiet)
    texts = {DATASHEET: markdown(material.document), PAGE: html(material.document), SUMS: checksums(ds, quiet)}
    for name, text in texts.items():
        with replacing(target / name) as file:
            file.write(text.encode("utf-8"))
    written = [target / name for name in texts]
    found = _croissant(material, _objects(ds))
    found["distribution"] = [*(record_sets.file_object(target, path) for path in written), *found["distribution"]]
    write_json(target / CROISSANT, found)
    return [*written, target / CROISSANT]


def _croissant(
    material: Material, objects: Iterable[Path], distribution: Sequence[Mapping[str, Any]] | None = None,
    records: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    ds = material.ds
    own = record_sets.distribution(ds, objects) if distribution is None else distribution
    rows = record_sets.record_sets(ds) if records is None else records
    return jsonld.document(ds, material.facts, material.about, material.evidence, own, rows)


def _objects(ds: Dataset) -> list[Path]:
    """Single files that readers need: what the dataset is, and the certificates of its splits."""
    return [ds.path / INFO_FILE, *sorted((ds.path / SPLITS).glob("[!._]*.json"))]


def checksums(ds: Dataset, quiet: bool = True) -> str:
    """SHA-256 of every shard that the Croissant file speaks of, in the format of `sha256sum`."""
    paths = [ds.part_path(table, key) for _, table, _ in record_sets.tables(ds) for key in ds.keys(table)]
    followed = follow(paths, len(paths), "checksums", quiet)
    return "".join(f"{record_sets.sha256(p)}  {p.relative_to(ds.path).as_posix()}\n" for p in followed)
