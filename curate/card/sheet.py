"""The data card: measured facts and people's answers, in the order of Gebru et al., "Datasheets for Datasets", 2021."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from curate import __version__
from curate.card import uses
from curate.card.about import About
from curate.card.document import Answer, Block, Bullets, Document, Grid, Paragraph, Section
from curate.card.evidence import Evidence
from curate.card.facts import Composition, Facts, Groups
from curate.report.charts import short
from curate.report.distributions import percent
from curate.report.sample import DOUBT
from curate.store import Dataset, LayerInfo
from schemas.columns import images

MOST = 12
"""Labels of a table of shares, at most; the rest is summed up in one row."""
NONE_SAID = "none stated"


def build(ds: Dataset, facts: Facts, about: About, evidence: Sequence[Evidence]) -> Document:
    """Put the card together from what was measured and what was answered."""
    sections = (
        Section("Summary", tuple(_summary(ds, facts, about))),
        Section("Motivation", tuple(_answers(about, "motivation"))),
        Section("Composition", tuple(_composition(ds, facts))),
        Section("Collection", tuple(_collection(ds, facts, about))),
        Section("Labels", tuple(labelled(ds, facts, about))),
        Section("Quality", tuple(quality(facts))),
        Section("Splits", tuple(_splits(facts))),
        Section("Known biases and errors", tuple(biases(evidence))),
        Section("Children", tuple(children(facts, about))),
        Section("Biometric and sensitive data", tuple(biometric(facts))),
        Section("Uses", tuple(uses_of(about))),
        Section("Distribution", tuple(_distribution(facts, about))),
        Section("Maintenance", tuple(_maintenance(ds, about))),
    )
    lead = about.text("dataset.description") or "A dataset of face pictures; nobody has described it in words."
    foot = (
        f"Written by facecurate {__version__} from the dataset itself. Numbers are counted; answers marked as such are "
        "those of the people who made it; what nobody answered is marked as not stated. Intervals are 95 %."
    )
    return Document(f"Data card: {name_of(ds, about)}", lead, sections, foot, about.unanswered)


def name_of(ds: Dataset, about: About) -> str:
    """The dataset's name: as stated, else as stored."""
    return about.text("dataset.name") or ds.info.name or "face dataset"


def version_of(ds: Dataset, about: About) -> str:
    """The version: as stated, else one that rises with the dataset's revision."""
    return about.text("dataset.version") or f"{ds.info.revision + 1}.0.0"


def licence_of(ds: Dataset, about: About) -> str:
    """The licence as stated for the dataset, else its pictures' default; empty where nobody said."""
    return about.text("dataset.licence") or ds.info.licence


def _answers(about: About, section: str) -> Iterator[Answer]:
    return (Answer(question.text, answer) for question, answer in about.of(section))


def _answer(about: About, name: str) -> Answer:
    section = name.partition(".")[0]
    return next(Answer(q.text, a) for q, a in about.of(section) if q.name == name)


def _summary(ds: Dataset, facts: Facts, about: About) -> Iterator[Block]:
    said = NONE_SAID
    rows = [
        ("version", version_of(ds, about)),
        ("made", ds.info.created[:10] or said),
        ("published", about.text("dataset.published") or said),
        ("creators", about.text("dataset.creators") or said),
        ("licence", licence_of(ds, about) or said),
        ("cite as", about.text("dataset.citation") or said),
        ("page", about.text("dataset.url") or said),
        ("pictures", f"{facts.usable:,} usable of {sum(facts.counts.images.values()):,} listed"),
        ("faces", f"{facts.counts.faces:,}"),
        ("made by a generator", f"{facts.pictures.synthetic:,} pictures"),
        ("label layers", f"{len(facts.layers):,}"),
    ]
    yield Grid(("fact", "value"), tuple(rows))
    yield Paragraph(f"Labels are perception. {uses.PERCEPTION}", "warn")


def _composition(ds: Dataset, facts: Facts) -> Iterator[Block]:
    total = sum(facts.counts.images.values())
    yield Paragraph(
        f"Each record is a face in a picture. {total:,} pictures were listed, {facts.usable:,} could be used, and "
        f"{facts.counts.faces:,} faces were found in them"
        + (f" by {ds.info.detector['name']} {ds.info.detector.get('version', '')}." if ds.info.detector else ".")
    )
    pending = max(facts.counts.sources - total, 0)
    if pending:
        yield Paragraph(f"{pending:,} listed pictures have not been worked on yet.", "warn")
    if facts.ledger:
        yield Paragraph(f"Pictures left out, each with its reason in the ledger: {sum(n for _, n in facts.ledger):,}.")
        yield Grid(("reason", "pictures"), tuple((reason, f"{n:,}") for reason, n in facts.ledger), frozenset({1}))
    else:
        yield Paragraph("No picture was left out.")
    yield from groups(facts)
    yield from ties(facts)


def groups(facts: Facts) -> Iterator[Block]:
    """Who is shown: shares of every label that says so."""
    if not facts.compositions:
        yield Paragraph("The faces carry no labels of groups, so nothing can be said of who is shown.")
        return
    yield Paragraph(
        "Shares of the labelled faces, with the interval that chance alone would give a random draw of this size. It "
        "does not hold the models' errors: see the known biases, and an audit for shares corrected by them.", "note",
    )  # fmt: skip
    for found in facts.compositions:
        yield _shares(found)


def _shares(found: Composition) -> Grid:
    ranked = found.shares if len(found.shares) <= MOST else sorted(found.shares, key=lambda s: -s.n)[:MOST]
    rows = [
        (s.label, f"{s.n:,}", percent(s.n, found.labelled), f"{100 * s.low:.1f}-{100 * s.high:.1f} %") for s in ranked
    ]
    rest = found.labelled - sum(s.n for s in ranked)
    if rest:
        rows.append(
            (f"{len(found.shares) - len(ranked)} further labels", f"{rest:,}", percent(rest, found.labelled), "")
        )
    rows += [("the model abstained", f"{found.abstained:,}", "", "")] if found.abstained else []
    rows += [("no label", f"{found.missing:,}", "", "")] if found.missing else []
    return Grid((found.column.name, "faces", "share", "95 % interval"), tuple(rows), frozenset({1, 2, 3}))


def ties(facts: Facts) -> Iterator[Block]:
    """How records hang together: people and copies."""
    yield Paragraph(_ties_of("People, as matched by machine or named by people", "people", facts.people))
    yield Paragraph(_ties_of("Photos that are here more than once", "groups of copies", facts.duplicates))


def _ties_of(what: str, unit: str, found: Groups | None) -> str:
    if found is None:
        return f"{what}: not looked for."
    if not found.groups:
        return f"{what}: none found."
    return f"{what}: {found.groups:,} {unit} hold {found.faces:,} faces; the largest has {found.largest:,}."


def _collection(ds: Dataset, facts: Facts, about: About) -> Iterator[Block]:
    sources = _sources(ds)
    yield Paragraph("Given to the program: " + (", ".join(sources) if sources else "not on record") + ".")
    for title, found in (("licence", facts.pictures.licences), ("consent statement", facts.pictures.consents)):
        rows = tuple((text or NONE_SAID, f"{n:,}") for text, n in list(found.items())[:MOST])
        if rows:
            yield Grid((f"{title} of the pictures", "pictures"), rows, frozenset({1}))
    yield Paragraph(
        f"Of the usable pictures {facts.pictures.gps:,} carry a GPS position in their files (it is not copied into "
        f"this dataset, but stands in the files), {facts.pictures.turned:,} were turned by their EXIF data, and "
        f"{facts.pictures.frames:,} are frames of videos."
    )
    yield Paragraph(synthetic(facts))
    yield from _answers(about, "collection")


def _sources(ds: Dataset) -> list[str]:
    """What was ingested, without the folders of the machine it was ingested on."""
    inputs = [str(i) for entry in ds.info.sources for i in entry.get("inputs", ())]
    return list(dict.fromkeys(PurePosixPath(i.rstrip("/")).name or i for i in inputs))


def synthetic(facts: Facts) -> str:
    """How many pictures a generator made, in words."""
    found = facts.pictures
    if not found.synthetic:
        return "No picture is marked as made by a generator."
    named = ", ".join(f"{name or 'unnamed'} ({n:,})" for name, n in found.generators.items())
    return (
        f"{found.synthetic:,} pictures ({percent(found.synthetic, facts.usable)}) are marked as made by a generator"
        f"{': ' + named if named else ''}; of {found.with_parent:,} the source picture is on record."
    )


def labelled(ds: Dataset, facts: Facts, about: About) -> Iterator[Block]:
    """Which layers the labels come from, and the models behind them."""
    if not facts.layers:
        yield Paragraph("The faces carry no labels.")
        return
    yield Paragraph(
        "A layer is what one annotator, reviewer or fusion wrote for all faces. Where several speak of one column, "
        "people come before fused labels, and those before models."
    )
    rows = tuple(
        (row.info.name, _by(row.info), ", ".join(row.info.columns), f"{row.ok:,}", f"{row.not_applicable:,}",
         f"{row.failed:,}", f"{row.missing:,}", row.info.created[:10])
        for row in facts.layers
    )  # fmt: skip
    head = ("layer", "who or what", "columns", "ok", "not applicable", "failed", "not computed", "date")
    yield Grid(head, rows, frozenset({3, 4, 5, 6}))
    settings = tuple(
        (row.info.name, said, row.info.config_hash) for row in facts.layers if (said := _settings(row.info))
    )
    if settings:
        yield Grid(("layer", "settings", "digest"), settings)
    if facts.models:
        yield Paragraph("Model files behind the labels:")
        yield Grid(
            ("model", "licence", "used by", "known limits", "SHA-256"),
            tuple((m.name, _licence(m.licence, m.commercial), ", ".join(m.used_by), m.limits, m.sha256)
                  for m in facts.models),
        )  # fmt: skip
    if any(row.info.kind == "human" for row in facts.layers):
        yield from _answers(about, "labelling")


def _by(info: LayerInfo) -> str:
    author = f", {info.author}" if info.author else ""
    return f"{info.kind}: {info.annotator} {info.version}".strip() + author


def _settings(info: LayerInfo) -> str:
    return ", ".join(f"{key} = {_value(value)}" for key, value in info.config.items())


def _value(value: object) -> str:
    if isinstance(value, Mapping | list | tuple):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 120 else f"{text[:119]}…"
    return str(value)


def _licence(text: str, commercial: bool | None) -> str:
    return f"{text} (no commercial use)" if commercial is False else text


def quality(facts: Facts) -> Iterator[Block]:
    """Quantiles of what was measured of the pictures."""
    if facts.spreads:
        rows = tuple(
            (s.column.name, s.column.doc, f"{s.n:,}", *(_number(v, s.column.unit) for v in (s.low, s.median, s.high)))
            for s in facts.spreads
        )
        head = ("measure", "meaning", "faces", "5 % lie below", "median", "5 % lie above")
        yield Grid(head, rows, frozenset({2, 3, 4, 5}))
    else:
        yield Paragraph("Quality has not been measured.")
    formats = ", ".join(f"{name or 'unknown'} ({n:,})" for name, n in facts.pictures.formats.items())
    if formats:
        yield Paragraph(f"Formats of the pictures: {formats}.")


def _number(value: float, unit: str) -> str:
    return short(round(value, 3)) + (f" {unit}" if unit and unit not in ("0-1", "-1..1") else "")


def _splits(facts: Facts) -> Iterator[Block]:
    if not facts.splits:
        yield Paragraph("The dataset has no split with a certificate.")
        return
    for split in facts.splits:
        parts = ", ".join(f"{name} {n:,}" for name, n in split.parts)
        disjoint = f"; kept in one part: {', '.join(split.disjoint)}" if split.disjoint else ""
        yield Paragraph(f"{split.name}: {parts} faces{disjoint}.")
        if split.problems:
            yield Paragraph("Its certificate no longer holds: " + "; ".join(split.problems), "warn")
        else:
            yield Paragraph("Its certificate was counted again from the data for this card, and holds.", "note")


def biases(evidence: Sequence[Evidence]) -> Iterator[Block]:
    """What audits and evaluations found."""
    if not evidence:
        yield Paragraph(
            "Nobody has measured them: no audit and no evaluation of this dataset is at hand. That is not to say that "
            "there are none. Make them with 'facecurate audit' and 'facecurate evaluate'.", "warn",
        )  # fmt: skip
        return
    for found in evidence:
        yield Paragraph(f"From {found.file}: {found.about}.")
        if found.findings:
            yield Bullets(found.findings)
        for limit in found.limits:
            yield Paragraph(f"To be read with care: {limit}", "note")


def children(facts: Facts, about: About) -> Iterator[Block]:
    """How many faces may be of children."""
    known = facts.counts.faces - facts.age_unknown
    yield Paragraph(
        f"{facts.minors:,} of {known:,} faces with an age label may be children's or teenagers': by age group, by a "
        f"chance of {100 * DOUBT:.0f} % or more of being under 20, or by a mean age under 18. Of {facts.age_unknown:,} "
        "faces the age is unknown. Models miss some children, so the true number may be higher. Faces that may be "
        "children's are not shown on pages and are no source of generated pictures."
    )
    yield _answer(about, "collection.children")


def biometric(facts: Facts) -> Iterator[Block]:
    """Which columns are biometric or of special categories."""
    if not facts.sensitive:
        yield Paragraph("No label column is marked as biometric or special-category data. Pictures of faces may be.")
        return
    yield Paragraph(
        "Pictures of faces become biometric data as soon as they are processed to identify somebody, and these columns "
        "are biometric, or speak of special categories of personal data. Keep them apart and delete what is not needed."
    )
    yield Grid(("column", "meaning"), tuple((c.name, c.doc) for c in facts.sensitive))


def uses_of(about: About) -> Iterator[Block]:
    """What it is for, and what not."""
    yield _answer(about, "uses.intended")
    yield _answer(about, "uses.past")
    yield Paragraph("Not to be used for:")
    own = tuple(str(text) for text in about.texts("uses.not_for"))
    yield Bullets((*(f"{rule.text} ({rule.source})" for rule in uses.NEVER), *own))
    yield Paragraph("Bound to conditions:")
    yield Bullets(tuple(f"{rule.text} ({rule.source})" for rule in uses.CONDITIONS))
    yield Paragraph(uses.NO_ADVICE, "note")
    yield _answer(about, "uses.social_impact")


def _distribution(facts: Facts, about: About) -> Iterator[Block]:
    yield from _answers(about, "distribution")
    barred = [m.name for m in facts.models if m.commercial is False]
    if barred:
        yield Paragraph(
            f"Labels made with {', '.join(barred)} come from models whose licences bar commercial use.", "warn"
        )
    if len(facts.pictures.licences) > 1:
        yield Paragraph("The pictures carry several licences: each picture is bound to its own.", "warn")


def _maintenance(ds: Dataset, about: About) -> Iterator[Block]:
    yield Paragraph(
        f"The dataset stands at revision {ds.info.revision}. Layers are added and never overwritten, so that earlier "
        f"labels stay; the runs that made them are recorded in runs/. Column {images.URI.name} of the pictures names "
        "places on the machine where they were ingested."
    )
    yield from _answers(about, "maintenance")
