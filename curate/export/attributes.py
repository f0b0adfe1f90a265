"""Labels as attributes with a name and a text, as XML annotation formats have them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import pyarrow as pa

from curate.export.base import equal
from curate.export.plain import to_plain
from curate.export.sample import FaceItem
from schemas import REGISTRY, Column, Kind
from schemas.columns import faces

SINGLE = (Kind.LABEL, Kind.FLAG, Kind.TEXT, Kind.ID, Kind.NUMBER)
"""Kinds whose value is one text."""
FLAGS = {True: "true", False: "false"}
UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""
NAME, VALUE = "name", "value"


def lists_dropped(columns: Sequence[Column], held: Sequence[Column] = ()) -> dict[str, str]:
    """For `drops`: columns whose values are more than one text, all but those that are held otherwise."""
    return {c.name: "an attribute holds one value" for c in columns if c.kind not in SINGLE and c not in held}


def texts(face: FaceItem, columns: Sequence[Column]) -> Iterator[tuple[str, str]]:
    """Name and text of each known attribute of a face: its id first, then the columns with a single value."""
    if face.face_id:
        yield faces.FACE_ID.name, face.face_id
    for column in columns:
        value = face.labels.get(column.name)
        if column.kind in SINGLE and value is not None:
            yield column.name, text_of(value)


def text_of(value: Any) -> str:
    """A value as XML can hold it; characters that it cannot write are left out."""
    return FLAGS[value] if isinstance(value, bool) else UNWRITABLE.sub("", str(to_plain(value)))


def value_of(column: Column, text: str) -> Any:
    """The reverse of `text_of`."""
    if column.kind is Kind.FLAG:
        return text == FLAGS[True]
    if column.kind is Kind.NUMBER:
        return int(text) if pa.types.is_integer(column.type) else float(text)
    return text


def values_of(told: Mapping[str, str]) -> dict[str, Any]:
    """Column name -> value of the attributes that are declared columns; the face's id is not among them."""
    known = {n: REGISTRY[n] for n in told if n in REGISTRY and n != faces.FACE_ID.name}
    return {name: value_of(column, told[name]) for name, column in known.items()}


def same_text(column: Column, given: Any, found: Any) -> bool:
    """Whether a value came back; line ends are read as line feeds, as XML wants it."""
    if isinstance(given, str) and isinstance(found, str):
        return UNWRITABLE.sub("", given).replace("\r\n", "\n").replace("\r", "\n") == found
    return equal(column, given, found)


def child(parent: Element, tag: str, text: object = "", **attributes: str) -> Element:
    """A new element below another."""
    made = SubElement(parent, tag, attributes)
    made.text = str(text) or None
    return made
