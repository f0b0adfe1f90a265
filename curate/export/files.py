"""The files of an export and their rows in Croissant's words, found by looking at the files themselves."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from curate.card.record_sets import field_of, json_path
from curate.store.parts import read_footer
from schemas import REGISTRY, Column

Node = dict[str, Any]
JSON, LINES, CSV, TAR, PARQUET = (
    "application/json", "application/jsonlines", "text/csv", "application/x-tar", "application/x-parquet",
)  # fmt: skip
ENCODINGS = {
    ".csv": CSV, ".html": "text/html", ".jpg": "image/jpeg", ".json": JSON, ".jsonl": LINES, ".md": "text/markdown",
    ".parquet": PARQUET, ".png": "image/png", ".tar": TAR, ".txt": "text/plain", ".webp": "image/webp",
}  # fmt: skip
OTHER = "application/octet-stream"
SMALL = (".jpg", ".png", ".webp", ".txt", ".pts", ".npy")
"""Files of which there are as many as samples: named together, by a pattern."""
MOST = 1000
"""Files of one kind in one folder that are named one by one."""
LOOKED_AT = 200
"""Lines and members from which the fields of texts are taken."""
PICTURE = "image"
_MEMBERS = (("labels", ["*.json"], "sc:Text"), ("pictures", ["*.jpg", "*.png", "*.webp"], "sc:ImageObject"))
"""Files inside WebDataset's archives: name, patterns, and what they hold."""


def distribution(files: Mapping[str, Mapping[str, Any]]) -> list[Node]:
    """FileObjects with size and SHA-256 of files, and FileSets of those that are too many to name.

    Args:
        files: Path below the export -> `bytes` and `sha256`.
    """
    kinds: dict[tuple[str, str], list[str]] = {}
    for name in files:
        path = PurePosixPath(name)
        kinds.setdefault((path.parent.as_posix(), path.suffix), []).append(name)
    found = []
    for (parent, suffix), names in kinds.items():
        if suffix in SMALL or len(names) > MOST:
            found.append(file_set(_below(parent, f"*{suffix}"), suffix, f"{len(names):,} files"))
        else:
            found += [_object(name, files[name]) for name in names]
    return found


def _below(parent: str, name: str) -> str:
    return name if parent == "." else f"{parent}/{name}"


def _object(name: str, facts: Mapping[str, Any]) -> Node:
    return {
        "@type": "cr:FileObject", "@id": identity(name), "name": name, "contentUrl": quote(name),
        "contentSize": f"{facts['bytes']} B", "encodingFormat": ENCODINGS.get(PurePosixPath(name).suffix, OTHER),
        "sha256": facts["sha256"],
    }  # fmt: skip


def file_set(includes: str | Sequence[str], suffix: str, what: str, inside: Sequence[str] = ()) -> Node:
    """A FileSet of the files that patterns name; `inside` are archives that hold them."""
    name = includes if isinstance(includes, str) else " ".join(includes)
    within = [{"@id": identity(name)} for name in inside]
    return {
        "@type": "cr:FileSet", "@id": f"files/{identity(name)}", "name": name, "description": what,
        "encodingFormat": ENCODINGS.get(suffix, OTHER), "includes": includes,
        **({"containedIn": within} if within else {}),
    }  # fmt: skip


def identity(name: str) -> str:
    """A name as part of an IRI."""
    return quote(name, safe="/._-~@")


def records(folder: Path, files: Iterable[str]) -> tuple[list[Node], list[Node]]:
    """FileSets and RecordSets of the files whose rows mlcroissant can load: Parquet, JSON lines, CSV, WebDataset.

    Args:
        folder: The export.
        files: Paths below it.
    """
    names = sorted(files)
    sets: list[Node] = []
    rows: list[Node] = []
    for suffix, fields in ((".parquet", _parquet_fields), (".jsonl", _line_fields), (".csv", _csv_fields)):
        for pattern, first in _alike(n for n in names if n.endswith(suffix)).items():
            node = file_set(pattern, suffix, "Tables with the same columns.")
            found = list(fields(folder / first, {"fileSet": {"@id": node["@id"]}}, f"records/{identity(pattern)}"))
            if found:
                sets.append(node)
                rows.append(_record_set(pattern, found))
    tars = [n for n in names if n.endswith(".tar")]
    for name, includes, kind in _MEMBERS if tars else ():
        sets.append(file_set(includes, f".{includes[0].partition('.')[2]}", f"The {name} of all samples.", tars))
        rows.append(_record_set(name, list(_member_fields(sets[-1]["@id"], f"records/{name}", kind))))
    return sets, rows


def _alike(names: Iterable[str]) -> dict[str, str]:
    """Pattern of the files that are one table -> the first of them."""
    found: dict[str, str] = {}
    for name in names:
        path = PurePosixPath(name)
        numbered = path.stem.rpartition("-")[2].isdigit()
        found.setdefault(_below(path.parent.as_posix(), f"*{path.suffix}") if numbered else name, name)
    return found


def _record_set(name: str, fields: Sequence[Node]) -> Node:
    key = f"records/{identity(name)}"
    return {"@type": "cr:RecordSet", "@id": key, "name": key, "description": f"Rows of {name}.", "field": list(fields)}


def _field(key: str, name: str, **facts: Any) -> Node:
    return {"@type": "cr:Field", "@id": f"{key}/{identity(name)}", "name": name, **facts}


def _parquet_fields(path: Path, origin: Node, key: str) -> Iterator[Node]:
    for field in read_footer(path)[1]:
        source = {**origin, "extract": {"column": field.name}}
        if field.name == PICTURE and pa.types.is_struct(field.type):
            source["transform"] = {"jsonPath": "$.bytes"}
            yield _field(key, PICTURE, description="The picture.", dataType="sc:ImageObject", source=source)
        else:
            yield field_of(f"{key}/{identity(field.name)}", field, source)


def _line_fields(path: Path, origin: Node, key: str) -> Iterator[Node]:
    """Fields of the first lines, by what stands in them."""
    seen: dict[str, Any] = {}
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in islice(file, LOOKED_AT):
            told = json.loads(line)
            seen |= {k: v for k, v in told.items() if v is not None and k not in seen}
    for name, value in seen.items():
        source = {**origin, "extract": {"column": name}}
        declared = REGISTRY.get(name)
        if declared is not None:
            yield _nested(declared, field_of(f"{key}/{identity(name)}", declared.field, source))
        else:
            yield from _told(key, name, value, source)


def _told(key: str, name: str, value: Any, source: Node) -> Iterator[Node]:
    """A field that is no column of ours, typed by a value; lists of objects have no type here and are left out."""
    text = f"{name} of the line."
    if isinstance(value, dict):
        below = f"{key}/{identity(name)}"
        inner = [
            _field(below, k, dataType=_scalar(v), source={**source, "transform": {"jsonPath": json_path(k)}})
            for k, v in value.items()
            if not isinstance(v, dict | list)
        ]
        if inner:
            yield _field(key, name, description=text, subField=inner)
    elif not isinstance(value, list):
        yield _field(key, name, description=text, dataType=_scalar(value), source=source)
    elif value and not isinstance(value[0], dict | list):
        kind = _scalar(value[0])
        yield _field(key, name, description=text, dataType=kind, isArray=True, arrayShape="-1", source=source)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "sc:Boolean"
    return "sc:Integer" if isinstance(value, int) else "sc:Float" if isinstance(value, float) else "sc:Text"


def _csv_fields(path: Path, origin: Node, key: str) -> Iterator[Node]:
    """Fields by the names in the first line; none where that is no line of names."""
    with path.open(encoding="utf-8", newline="") as file:
        head = next(csv.reader(file), [])
    if not head or len(set(head)) != len(head) or any(not n or _is_number(n) for n in head):
        return
    for name in head:
        source = {**origin, "extract": {"column": name}}
        yield _field(key, name, description=f"Column {name}.", dataType="sc:Text", source=source)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _member_fields(files: str, key: str, kind: str) -> Iterator[Node]:
    """Name and content of files inside archives, as far as mlcroissant reads such files: JSON comes as text."""
    origin = {"fileSet": {"@id": files}}
    name = {**origin, "extract": {"fileProperty": "filename"}, "transform": {"regex": r"(.*)\.[a-z]+$"}}
    yield _field(key, "key", description="Name of the sample.", dataType="sc:Text", source=name)
    content = {**origin, "extract": {"fileProperty": "content"}}
    yield _field(key, "content", description="What the file holds.", dataType=kind, source=content)


def _nested(column: Column, node: Node) -> Node:
    """The field as JSON has it: arrays of several dimensions are lists of lists, not flat ones."""
    if len(column.shape) < 2:
        return node
    text = str(node["description"]).replace("flat list of a", "nested lists of a")
    return {**node, "description": text, "arrayShape": ",".join(map(str, column.shape))}
