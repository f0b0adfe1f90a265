"""The card and the Croissant file of an export: what is in it, measured from the faces that it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curate import __version__
from curate.card import jsonld, sheet, uses
from curate.card.about import About
from curate.card.document import Block, Document, Grid, Paragraph, Section, markdown
from curate.card.evidence import Evidence, gather
from curate.card.facts import Facts
from curate.card.page import html
from curate.card.part import Selection, measure_part
from curate.card.write import Inputs
from curate.export.base import Exporter
from curate.export.crops import NONE
from curate.export.files import distribution, records
from curate.export.index import Index
from curate.export.options import COPY, ExportOptions
from curate.export.permission import Blocker
from curate.store import Dataset
from curate.store.parts import replacing, write_json
from schemas import Column, Status

CARD, PAGE, CROISSANT, SUMS = "card.md", "card.html", "croissant.json", "SHA256SUMS"
MANIFEST = "facecurate-export.json"
WHOLE = "Measured on the whole dataset, of which this export is a part"
Files = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Told:
    """What an export says of itself.

    Attributes:
        ds: The dataset.
        exporter: Who wrote it.
        options: What was chosen.
        found: Its samples.
        columns: Label columns that it holds.
        drops: Columns that the format cannot hold, each with the reason.
        lost: Samples whose picture could not be read any more.
        blockers: What speaks against commercial use.
        files: Its files with size and SHA-256.
    """

    ds: Dataset
    exporter: Exporter
    options: ExportOptions
    found: Index
    columns: tuple[Column, ...]
    drops: Mapping[str, str]
    lost: int
    blockers: Sequence[Blocker]
    files: Files


def write_export_card(folder: Path, told: Told, inputs: Inputs | None = None) -> Iterator[Path]:
    """Write `card.md`, `card.html`, `SHA256SUMS` and `croissant.json` beside the data; gives each file.

    Args:
        folder: The export.
        told: What it is.
        inputs: What people said of the dataset, and its audits and evaluations; those in the dataset if None.
    """
    inputs = inputs or Inputs()
    facts = measure_part(told.ds, _selection(told))
    evidence = gather(told.ds, inputs.audits, inputs.evaluations)
    document = build(told, facts, inputs.about, evidence)
    sums = "".join(f"{facts['sha256']}  {name}\n" for name, facts in told.files.items())
    for name, text in ((CARD, markdown(document)), (PAGE, html(document)), (SUMS, sums)):
        with replacing(folder / name) as file:
            file.write(text.encode("utf-8"))
        yield folder / name
    write_json(folder / CROISSANT, metadata(folder, told, facts, inputs.about, evidence))
    yield folder / CROISSANT


def _selection(told: Told) -> Selection:
    rows: dict[str, list[int]] = {}
    for entry in told.found.entries:
        for key, row in entry.rows:
            rows.setdefault(key, []).append(row)
    pictures = list(dict.fromkeys(e.image_id for e in told.found.entries))
    return Selection(rows, pictures, told.columns, told.options.layers)


def build(told: Told, facts: Facts, about: About, evidence: Sequence[Evidence]) -> Document:
    """The card of an export."""
    sections = (
        Section("Summary", tuple(_summary(told, facts, about))),
        Section("What was chosen", tuple(_chosen(told))),
        Section("Composition", (*sheet.groups(facts), *sheet.ties(facts), Paragraph(sheet.synthetic(facts)))),
        Section("Labels", tuple(_labels(told, facts, about))),
        Section("Quality", tuple(sheet.quality(facts))),
        Section("Licences and consent", tuple(_licences(told, facts))),
        Section("Known biases and errors", (*_whole(evidence), *sheet.biases(evidence))),
        Section("Children", tuple(sheet.children(facts, about))),
        Section("Biometric and sensitive data", tuple(sheet.biometric(facts))),
        Section("Uses", tuple(sheet.uses_of(about))),
        Section("Files", tuple(_files(told))),
    )
    foot = (
        f"Written by facecurate {__version__}. Numbers are counted over this export; answers marked as such are those "
        "of the people who made the dataset. Intervals are 95 %."
    )
    name = sheet.name_of(told.ds, about)
    return Document(f"Export card: {name}", _lead(told, facts, about), sections, foot, about.unanswered)


def _lead(told: Told, facts: Facts, about: About) -> str:
    what = f"{facts.counts.faces:,} faces in {facts.usable:,} pictures, exported as {told.exporter.name}"
    said = about.text("dataset.description")
    return f"{said} This export: {what}." if said else f"{what}: {told.exporter.doc}"


def _summary(told: Told, facts: Facts, about: About) -> Iterator[Block]:
    said, splits = sheet.NONE_SAID, _splits(told)
    rows = [
        ("dataset", f"{sheet.name_of(told.ds, about)}, version {sheet.version_of(told.ds, about)}"),
        ("licence", sheet.licence_of(told.ds, about) or said),
        ("cite as", about.text("dataset.citation") or said),
        ("format", told.exporter.name),
        ("opened by", told.exporter.opened_by),
        ("samples", f"{len(told.found.entries):,} {told.exporter.unit}"),
        ("splits", ", ".join(f"{name or 'none'} {n:,}" for name, n in splits.items())),
        ("pictures", _pictures(told.options)),
        ("label columns", f"{len(told.columns):,}"),
    ]
    yield Grid(("fact", "value"), tuple(rows))
    yield Paragraph(f"Labels are perception. {uses.PERCEPTION}", "warn")


def _splits(told: Told) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in told.found.entries:
        found[entry.split] = found.get(entry.split, 0) + 1
    return found


def _pictures(options: ExportOptions) -> str:
    """How pictures were cut and encoded."""
    cut = "whole" if options.crop == NONE else f"cut as {options.crop}, {options.side} px"
    how = {COPY: "bytes as they were where they are whole, upright and of a form that the format holds"}
    kept = "with their metadata" if options.keep_metadata else "without EXIF and other private metadata"
    return f"{cut}; {how.get(options.form, options.form)}; {kept}"


def _chosen(told: Told) -> Iterator[Block]:
    options = told.options
    rules = [
        ("condition", options.where or ""), ("splits", ", ".join(options.splits)),
        ("licences", "commercial use allowed" if options.commercial else ""),
        ("consent", "a statement is there" if options.consent else ""),
        ("generated pictures", "" if options.synthetic == "with" else options.synthetic),
        ("minors", "" if options.minors else "left out where a face may be a minor's"),
        ("layers", ", ".join(options.layers or ())), ("pictures without a face", "kept" if options.empty else ""),
    ]  # fmt: skip
    used = tuple((what, value) for what, value in rules if value)
    yield Grid(("rule", "value"), used) if used else Paragraph("Nothing was chosen: every usable face is here.")
    rows = tuple((why, f"{n:,}") for why, n in told.found.left_out.items())
    if rows:
        yield Grid(("left out because it", "faces"), rows, frozenset({1}))
    if told.lost:
        yield Paragraph(f"{told.lost:,} samples are missing, since their picture could not be read any more.", "warn")


def _labels(told: Told, facts: Facts, about: About) -> Iterator[Block]:
    yield from sheet.labelled(told.ds, facts, about)
    if told.drops:
        yield Paragraph("Columns of the dataset that this format cannot hold:")
        yield Grid(("column", "reason"), tuple(told.drops.items()))


def _licences(told: Told, facts: Facts) -> Iterator[Block]:
    for title, found in (("licence", facts.pictures.licences), ("consent statement", facts.pictures.consents)):
        rows = tuple((text or sheet.NONE_SAID, f"{n:,}") for text, n in list(found.items())[: sheet.MOST])
        yield Grid((f"{title} of the pictures", "pictures"), rows, frozenset({1}))
    if not told.blockers:
        yield Paragraph("No licence here speaks against commercial use; words were read, not law.")
        return
    yield Paragraph("Commercial use: not as it stands. Words were read, not law.", "warn")
    blocked = tuple((b.what, b.why, f"{b.pictures:,}" if b.pictures else "all") for b in told.blockers[: sheet.MOST])
    yield Grid(("what", "why", "pictures"), blocked, frozenset({2}))


def _whole(evidence: Sequence[Evidence]) -> Iterator[Block]:
    if evidence:
        yield Paragraph(f"{WHOLE}; shares and errors in the export may differ.", "note")


def _files(told: Told) -> Iterator[Block]:
    size = sum(int(facts["bytes"]) for facts in told.files.values())
    yield Paragraph(
        f"{len(told.files):,} files of {size:,} bytes. {SUMS} holds the SHA-256 of each (sha256sum -c {SUMS}), "
        f"{MANIFEST} also what was compared with the dataset after writing, {CROISSANT} the same facts for machines."
    )


def metadata(folder: Path, told: Told, facts: Facts, about: About, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """The export's Croissant 1.1 metadata: as the dataset's, with its own files, rows, counts and choices."""
    from curate.card.record_sets import file_object

    beside = [file_object(folder, folder / name) for name in (CARD, PAGE, SUMS)]
    sets, rows = records(folder, told.files)
    marked = tuple(replace(e, findings=tuple(f"{WHOLE}: {text}" for text in e.findings)) for e in evidence)
    nodes = [*beside, *distribution(told.files), *sets]
    found = jsonld.document(told.ds, facts, about, marked, nodes, rows)
    own = {
        "description": _lead(told, facts, about),
        "rai:dataCollection": _collection(facts, about),
        "rai:dataCollectionMissingData": _missing(told, facts),
        "rai:dataCollectionRawData": "The pictures are part of these files.",
    }
    steps = [*found.get("rai:dataPreprocessingProtocol", ()), f"Pictures were exported {_pictures(told.options)}."]
    return {**found, **own, "rai:dataPreprocessingProtocol": steps}


def _collection(facts: Facts, about: About) -> str:
    said = (about.text("collection.process"), about.text("collection.sampling"))
    listed = [
        f"{title}: {', '.join(f'{text or sheet.NONE_SAID} ({n:,})' for text, n in found.items())}."
        for title, found in (("Licences", facts.pictures.licences), ("Consent statements", facts.pictures.consents))
    ]
    return " ".join([*filter(None, said), f"{facts.counts.faces:,} faces in {facts.usable:,} pictures.", *listed])


def _missing(told: Told, facts: Facts) -> str:
    left = ", ".join(f"{why} {n:,}" for why, n in told.found.left_out.items()) or "none"
    absent = [
        f"{row.info.name}: {row.not_applicable:,} {Status.NOT_APPLICABLE.value.replace('_', ' ')}, {row.failed:,} "
        f"failed, {row.missing:,} not computed"
        for row in facts.layers
        if row.not_applicable or row.failed or row.missing
    ]
    dropped = ", ".join(told.drops) or "none"
    return (
        f"Faces of the dataset that were left out: {left}. Labels: {'; '.join(absent) or 'all there'}. Columns that "
        f"the format cannot hold: {dropped}."
    )
