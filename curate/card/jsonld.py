"""The dataset in Croissant 1.1 (http://mlcommons.org/croissant/1.1) with the RAI 1.0 vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from curate.card import rai
from curate.card.about import About
from curate.card.evidence import Evidence
from curate.card.facts import Facts
from curate.card.sheet import licence_of, name_of, version_of
from curate.card.uses import NEVER
from curate.store import Dataset

CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The specification's JSON-LD context (appendix 1 of version 1.1), and PROV-O for the origin of labels."""

REQUIRED = {
    "dataset.description": "description", "dataset.licence": "license", "dataset.url": "url",
    "dataset.creators": "creator", "dataset.published": "datePublished",
}  # fmt: skip
"""Questions whose answers the specification requires -> the property."""


def document(
    ds: Dataset, facts: Facts, about: About, evidence: Sequence[Evidence],
    distribution: Sequence[Mapping[str, Any]], record_sets: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """The metadata as a JSON-LD object; properties that nobody stated are left out, never guessed.

    Args:
        ds: The dataset.
        facts: What was measured.
        about: What people said.
        evidence: What audits and evaluations found.
        distribution: FileObjects and FileSets: where the data lie.
        record_sets: What the rows of those files are.
    """
    stated = {
        "description": about.text("dataset.description") or _description(ds, facts),
        "license": licence_of(ds, about),
        "url": about.text("dataset.url"),
        "citeAs": about.text("dataset.citation"),
        "creator": [_creator(c) for c in about.texts("dataset.creators")],
        "datePublished": about.text("dataset.published"),
        "dateCreated": ds.info.created[:10],
        "keywords": list(about.texts("dataset.keywords")),
        "version": version_of(ds, about),
        "usageInfo": {
            "@type": "sc:CreativeWork",
            "name": "Uses that are not allowed",
            "text": " ".join(f"{rule.text} ({rule.source})." for rule in NEVER),
        },
    }
    return {
        "@context": deepcopy(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS_TO),
        "name": name_of(ds, about),
        **{key: value for key, value in stated.items() if value},
        **rai.properties(ds, facts, about, evidence),
        "distribution": [dict(node) for node in distribution],
        "recordSet": [dict(node) for node in record_sets],
    }


def unstated(ds: Dataset, about: About) -> list[str]:
    """Properties that the specification requires and nobody has stated, as names of questions."""
    missing = [name for name in REQUIRED if not about.text(name)]
    return [name for name in missing if name != "dataset.licence" or not licence_of(ds, about)]


def _description(ds: Dataset, facts: Facts) -> str:
    columns = sorted({column for row in facts.layers for column in row.info.columns})
    labels = f" Labels: {', '.join(columns)}." if columns else ""
    return (
        f"{facts.counts.faces:,} faces in {facts.usable:,} pictures, as Parquet tables with one row per picture, per "
        f"face and per label of a face.{labels}"
    )


def _creator(entry: Mapping[str, str]) -> dict[str, str]:
    kind = "sc:Organization" if entry["kind"] == "organisation" else "sc:Person"
    return {"@type": kind, "name": entry["name"], **({"url": entry["url"]} if entry["url"] else {})}
