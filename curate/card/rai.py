"""Croissant's properties of responsible AI, filled from what was measured and what people said.

The vocabulary is that of http://mlcommons.org/croissant/RAI/1.0; names as in its `croissant_rai.ttl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from curate.card import uses
from curate.card.about import About
from curate.card.evidence import Evidence
from curate.card.facts import Facts
from curate.report.distributions import percent
from curate.report.sample import DOUBT
from curate.store import Dataset, LayerInfo
from schemas import Status
from schemas.columns import images

PREFIX = "rai:"


def properties(ds: Dataset, facts: Facts, about: About, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Property -> text or texts; what nobody measured or said is left out."""
    found: Mapping[str, Any] = {
        "dataCollection": _join(about.text("collection.process"), about.text("collection.sampling"), _pictures(facts)),
        "dataCollectionType": list(about.texts("collection.type")),
        "dataCollectionTimeframe": list(about.texts("collection.timeframe")),
        "dataCollectionMissingData": _missing(facts),
        "dataCollectionRawData": _raw(ds, facts),
        "dataPreprocessingProtocol": _preprocessing(ds),
        "dataManipulationProtocol": _synthetic(facts),
        "dataAnnotationProtocol": [_protocol(row.info) for row in facts.layers],
        "dataAnnotationPlatform": [_tool(i) for i in _humans(facts)],
        "dataAnnotationAnalysis": [text for e in evidence if e.kind == "evaluation" for text in e.findings],
        "annotationsPerItem": _per_item(facts),
        "annotatorDemographics": [about.text("labelling.people")] if about.text("labelling.people") else [],
        "machineAnnotationTools": [
            f"{m.name}, SHA-256 {m.sha256}, licence {m.licence}, used by {', '.join(m.used_by)}" for m in facts.models
        ],
        "dataBiases": [*_composition(facts), *(text for e in evidence if e.kind == "audit" for text in e.findings)],
        "dataUseCases": list(about.texts("uses.intended")),
        "dataLimitations": _limitations(about, evidence),
        "dataSocialImpact": about.text("uses.social_impact"),
        "personalSensitiveInformation": _sensitive(facts, about),
        "dataReleaseMaintenancePlan": _maintenance(ds, about),
    }
    return {f"{PREFIX}{name}": value for name, value in found.items() if value}


def _join(*texts: str) -> str:
    return " ".join(text for text in texts if text)


def _pictures(facts: Facts) -> str:
    listed = sum(facts.counts.images.values())
    licences = ", ".join(f"{text or 'none stated'} ({n:,})" for text, n in facts.pictures.licences.items())
    consents = ", ".join(f"{text or 'none stated'} ({n:,})" for text, n in facts.pictures.consents.items())
    return (
        f"{listed:,} pictures were listed and {facts.usable:,} could be used; {facts.counts.faces:,} faces were found. "
        f"Licences of the pictures: {licences or 'none'}. Consent statements: {consents or 'none'}."
    )


def _missing(facts: Facts) -> str:
    ledger = ", ".join(f"{reason} {n:,}" for reason, n in facts.ledger)
    absent = [
        f"{row.info.name}: {row.not_applicable:,} {Status.NOT_APPLICABLE.value.replace('_', ' ')}, "
        f"{row.failed:,} failed, {row.missing:,} not computed"
        for row in facts.layers
        if row.not_applicable or row.failed or row.missing
    ]
    return _join(f"Pictures that were not used: {ledger or 'none'}.", f"Labels: {'; '.join(absent) or 'all there'}.")


def _raw(ds: Dataset, facts: Facts) -> str:
    return (
        f"The pictures are not part of these files: column {images.URI.name} names where they lie, and "
        f"{images.IMAGE_ID.name} is a digest of their bytes. {facts.pictures.gps:,} carry a GPS position in their file."
    )


def _preprocessing(ds: Dataset) -> list[str]:
    found = ["Each picture is decoded once, turned as its EXIF data says, and brought to 8-bit sRGB."]
    if ds.info.detector:
        settings = ", ".join(f"{k} = {v}" for k, v in ds.info.detector.get("config", {}).items())
        found.append(
            f"Faces are found by {ds.info.detector['name']} {ds.info.detector.get('version', '')} ({settings})."
        )
    return found


def _synthetic(facts: Facts) -> str:
    found = facts.pictures
    if not found.synthetic:
        return ""
    named = ", ".join(f"{name or 'unnamed'} {n:,}" for name, n in found.generators.items())
    share = percent(found.synthetic, facts.usable)
    return f"{found.synthetic:,} pictures ({share}) were made by generators{': ' + named if named else ''}."


def _protocol(info: LayerInfo) -> str:
    settings = ", settings " + ", ".join(f"{k} = {v}" for k, v in info.config.items()) if info.config else ""
    author = f" by {info.author}" if info.author else ""
    what = f"Layer {info.name}: {info.kind} labels{author} with {info.annotator} {info.version}".rstrip()
    return f"{what}, {info.created[:10]}{settings}. Columns: {', '.join(info.columns)}."


def _humans(facts: Facts) -> Iterable[LayerInfo]:
    return (row.info for row in facts.layers if row.info.kind == "human")


def _per_item(facts: Facts) -> str:
    """How many human labels a face has, by layer; empty where nobody labelled by hand."""
    human = [row for row in facts.layers if row.info.kind == "human"]
    if not human:
        return ""
    told = ", ".join(f"{row.info.name}: {row.ok:,}" for row in human)
    return f"Layers of human labels: {len(human)}. Faces labelled, of {facts.counts.faces:,}: {told}."


def _tool(info: LayerInfo) -> str:
    return f"{info.annotator} {info.version}".strip()


def _composition(facts: Facts) -> list[str]:
    """Shares of the labels, as a reader needs them to see who is missing."""
    found = []
    for one in (c for c in facts.compositions if c.column.sensitive):
        shares = ", ".join(
            f"{s.label} {100 * s.share:.1f} % ({100 * s.low:.1f}-{100 * s.high:.1f})" for s in one.shares
        )
        found.append(f"Shares of {one.column.name} among {one.labelled:,} labelled faces (95 % intervals): {shares}.")
    return found


def _limitations(about: About, evidence: Sequence[Evidence]) -> list[str]:
    found = [f"Labels are perception. {uses.PERCEPTION}"]
    found += [f"Not to be used for: {rule.text} ({rule.source})" for rule in uses.NEVER]
    found += [f"Not to be used for: {text}" for text in about.texts("uses.not_for")]
    found += [uses.NO_ADVICE]
    found += [f"{e.file}: {limit}" for e in evidence for limit in e.limits]
    if not evidence:
        found.append("Errors and biases of the labels have not been measured on this dataset.")
    return found


def _sensitive(facts: Facts, about: About) -> list[str]:
    found = [f"{c.name}: {c.doc}" for c in facts.sensitive]
    found.append(
        f"Children: {facts.minors:,} faces may be of people under 20 (chance of {100 * DOUBT:.0f} % or more); of "
        f"{facts.age_unknown:,} the age is unknown."
    )
    consent = about.text("collection.consent")
    return [*found, *([f"Consent: {consent}"] if consent else [])]


def _maintenance(ds: Dataset, about: About) -> str:
    said = [f"{question.text} {answer}" for question, answer in about.of("maintenance") if answer]
    return _join(f"Revision {ds.info.revision}.", *said)
