"""The files of a dataset and their rows, in Croissant's words: FileSets of shards, RecordSets with typed fields."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from curate.store import Dataset, LayerInfo
from curate.store.names import FACES, IMAGES, LABELS, folder, layer_of
from curate.store.parts import SUFFIX, read_footer
from schemas import REGISTRY, Column, Kind, taxonomy
from schemas.columns import faces, images

Node = dict[str, Any]
PARQUET, JSON, MARKDOWN, TEXT, HTML = (
    "application/x-parquet", "application/json", "text/markdown", "text/plain", "text/html",
)  # fmt: skip
ENCODINGS = {".json": JSON, ".md": MARKDOWN, ".html": HTML}
CHUNK = 1 << 20
LABEL = "cr:Label"
"""Croissant's mark of a field that holds labels."""

_TYPES = (
    (pa.types.is_boolean, "sc:Boolean"), (pa.types.is_string, "sc:Text"), (pa.types.is_large_string, "sc:Text"),
    (pa.types.is_binary, "sc:Text"), (pa.types.is_fixed_size_binary, "sc:Text"),
    (pa.types.is_float16, "cr:Float16"), (pa.types.is_float32, "cr:Float32"), (pa.types.is_float64, "cr:Float64"),
    (pa.types.is_int8, "cr:Int8"), (pa.types.is_int16, "cr:Int16"), (pa.types.is_int32, "cr:Int32"),
    (pa.types.is_int64, "cr:Int64"), (pa.types.is_uint8, "cr:UInt8"), (pa.types.is_uint16, "cr:UInt16"),
    (pa.types.is_uint32, "cr:UInt32"), (pa.types.is_uint64, "cr:UInt64"),
)  # fmt: skip
"""Arrow types -> Croissant's (specification 1.1, section DataType)."""


def tables(ds: Dataset) -> Iterator[tuple[str, str, str]]:
    """The tables with rows: (id, table, description); layers in the order in which they speak."""
    yield IMAGES, IMAGES, "One row per picture that was listed; status and reason say which could not be used."
    yield FACES, FACES, "One row per detected face; label layers stand row for row beside it."
    for info in ds.layers():
        author = f", {info.author}" if info.author else ""
        what = f"Labels by {info.annotator} {info.version}".strip()
        said = f"{what} ({info.kind}{author}, {info.created[:10]}), one row per face in the order of the faces table."
        yield f"{LABELS}/{info.name}", f"{LABELS}/{info.name}", said


def distribution(ds: Dataset, objects: Iterable[Path]) -> list[Node]:
    """FileSets of all tables' shards, and FileObjects with size and SHA-256 of single files below the dataset.

    Args:
        ds: The dataset.
        objects: Files below the dataset's folder.
    """
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": f"files/{_id(name)}",
            "name": f"{name} shards",
            "description": f"Parquet shards of {name}, paths below the dataset's folder. {doc}",
            "encodingFormat": PARQUET,
            "includes": f"{_relative(ds, table)}/*{SUFFIX}",
        }
        for name, table, doc in tables(ds)
        if ds.keys(table)
    ]
    return [*(file_object(ds.path, path) for path in objects), *sets]


def file_object(root: Path, path: Path) -> Node:
    """A FileObject with size and SHA-256 of a file below `root`."""
    place = path.relative_to(root).as_posix()
    return {
        "@type": "cr:FileObject",
        "@id": _id(place),
        "name": place,
        "contentUrl": quote(place),
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": ENCODINGS.get(path.suffix, TEXT),
        "sha256": sha256(path),
    }


def sha256(path: Path) -> str:
    """SHA-256 of a file in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def record_sets(ds: Dataset) -> list[Node]:
    """A RecordSet per table with a field per column, and the splits that pictures were assigned to."""
    found = [_record_set(ds, name, table, doc) for name, table, doc in tables(ds) if ds.keys(table)]
    return [*found, *_enumerations(found)]


def _record_set(ds: Dataset, name: str, table: str, doc: str) -> Node:
    schema = _schema(ds, table)
    key = faces.FACE_ID.name if faces.FACE_ID.name in schema.names else images.IMAGE_ID.name
    layer = layer_of(table)
    info = ds.layer(layer) if layer else None
    return {
        "@type": "cr:RecordSet",
        "@id": _id(name),
        "name": name,
        "description": doc,
        "key": {"@id": f"{_id(name)}/{key}"},
        **(_origin(info) if info else {}),
        "field": [_field(name, f, info is not None and f.name in info.columns) for f in schema],
    }


def _origin(info: LayerInfo) -> Node:
    """Who made a layer and when, in the words of W3C's PROV-O, as the specification recommends."""
    agent = "prov:Person" if info.kind == "human" else "prov:SoftwareAgent"
    made = {"@type": "prov:Activity", "prov:label": f"labelling, {info.kind}", "prov:endedAtTime": info.created}
    name = info.author or info.annotator if info.kind == "human" else f"{info.annotator} {info.version}".strip()
    return {"prov:wasAttributedTo": {"@type": agent, "prov:label": name}, "prov:wasGeneratedBy": made}


def _schema(ds: Dataset, table: str) -> pa.Schema:
    """The columns of all shards of a table, in order of appearance."""
    fields: dict[str, pa.Field] = {}
    for key in ds.keys(table):
        for field in read_footer(ds.part_path(table, key))[1]:
            known = fields.get(field.name)
            if known is None or pa.types.is_null(known.type):
                fields[field.name] = field
    return pa.schema([f for f in fields.values() if not pa.types.is_null(f.type)])


def _field(table: str, field: pa.Field, label: bool) -> Node:
    source = {"fileSet": {"@id": f"files/{_id(table)}"}, "extract": {"column": field.name}}
    return field_of(f"{_id(table)}/{_id(field.name)}", field, source, label)


def field_of(key: str, field: pa.Field, source: Mapping[str, Any], label: bool = False, inside: str = "") -> Node:
    """A Field of a column.

    Args:
        key: Its id.
        field: Name and Arrow type; a declared column is described by its declaration.
        source: Where its values come from.
        label: Mark it as a label.
        inside: Key of the value inside the JSON objects that the source gives; empty where it gives the value itself.
    """
    declared = REGISTRY.get(field.name)
    node: Node = {
        "@type": "cr:Field",
        "@id": key,
        "name": field.name,
        "description": describe(declared) or "A column of the dataset's own.",
    }
    if pa.types.is_struct(field.type):
        node["subField"] = [_part(key, source, declared, inner, inside) for inner in field.type]
        return {**node, **({"dataType": LABEL} if label else {})}
    typed = _typed(field.type, declared)
    found = {**source, "transform": {"jsonPath": json_path(inside)}} if inside else dict(source)
    return {**node, **typed, **({"dataType": [typed["dataType"], LABEL]} if label else {}), "source": found}


def _part(parent: str, source: Mapping[str, Any], declared: Column | None, field: pa.Field, inside: str) -> Node:
    """A field of a struct, reached by a JSON path."""
    docs = taxonomy(declared.taxonomy).docs if declared is not None and declared.taxonomy else {}
    doc = docs.get(field.name, "")
    return {
        "@type": "cr:Field",
        "@id": f"{parent}/{_id(field.name)}",
        "name": field.name,
        **({"description": doc} if doc else {}),
        **_typed(field.type, declared),
        "source": {**source, "transform": {"jsonPath": json_path(*filter(None, (inside, field.name)))}},
    }


def json_path(*names: str) -> str:
    """The path to a key below others; quoted where one is no plain word."""
    return ".".join(["$", *map(_step, names)])


def _step(name: str) -> str:
    if name.isidentifier():
        return name
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _typed(kind: pa.DataType, declared: Column | None) -> Node:
    """Data type, and shape where the value is an array."""
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        size = kind.list_size if pa.types.is_fixed_size_list(kind) else -1
        return {"dataType": data_type(kind.value_type), "isArray": True, "arrayShape": str(size)}
    if declared is not None and declared.kind is Kind.MASK and pa.types.is_binary(kind):
        return {"dataType": "sc:ImageObject"}
    return {"dataType": data_type(kind)}


def data_type(kind: pa.DataType) -> str:
    """Croissant's name of an Arrow type; text where there is none."""
    return next((name for test, name in _TYPES if test(kind)), "sc:Text")


def describe(column: Column | None) -> str:
    """What a column says, with unit, frame of reference, range, shape and label set."""
    if column is None:
        return ""
    facts = [column.doc.rstrip(".")]
    facts += [f"unit: {column.unit}"] if column.unit else []
    facts += [f"frame: {column.frame}"] if column.frame else []
    if column.low is not None or column.high is not None:
        low, high = ("" if v is None else f"{v:g}" for v in (column.low, column.high))
        facts.append(f"range: {low}..{high}")
    facts += [f"flat list of a {' x '.join(map(str, column.shape))} array"] if len(column.shape) > 1 else []
    facts += [f"labels: {column.taxonomy}"] if column.taxonomy else []
    facts += ["sensitive: biometric or special-category data"] if column.sensitive else []
    return "; ".join(facts) + "."


def _enumerations(found: Sequence[Node]) -> list[Node]:
    """A RecordSet of labels for every taxonomy that a column of labels takes its values from."""
    named = {f["name"] for record in found for f in record["field"]}
    used = dict.fromkeys(c.taxonomy for c in REGISTRY.values() if c.name in named and c.kind is Kind.LABEL)
    return [_enumeration(name) for name in used if name]


def _enumeration(name: str) -> Node:
    known = taxonomy(name)
    key = f"taxonomy/{_id(name)}"
    return {
        "@type": "cr:RecordSet",
        "@id": key,
        "name": f"taxonomy {name}",
        "description": f"{known.doc} Source: {known.source}. Version {known.version}.",
        "dataType": "sc:Enumeration",
        "key": {"@id": f"{key}/name"},
        "field": [{"@type": "cr:Field", "@id": f"{key}/name", "name": "name", "dataType": "sc:Text"}],
        "data": [{f"{key}/name": label} for label in known.labels],
    }


def _relative(ds: Dataset, table: str) -> str:
    return folder(ds.path, ds.info.revision, table).relative_to(ds.path).as_posix()


def _id(name: str) -> str:
    """A name as part of an IRI."""
    return quote(name, safe="/._-~@")
