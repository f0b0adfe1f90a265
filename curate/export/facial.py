"""Captions of the parts of a face, from labels, and the labels read back from them."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.caption_grammar import join
from annotators.crops import Matrix
from annotators.part_maps import NOT_JUDGED, decoded, part_names
from schemas import REGISTRY, Column, Kind, SchemaError, taxonomy
from schemas.coding import coding
from schemas.columns import labels

JOINED = re.compile(r", | and ")
CODES = "fgid-parts"


@cache
def phrases() -> dict[str, dict[Any, list[str]]]:
    """Column name -> label -> phrases, from `data/facial.toml`.

    Raises:
        SchemaError: if a phrase stands for two labels or could not be told from its neighbours.
    """
    text = resources.files("curate.export").joinpath("data/facial.toml").read_text("utf-8")
    found: dict[str, dict[Any, list[str]]] = {}
    for name, entries in tomllib.loads(text).items():
        column = REGISTRY[name]
        flag = column.kind is Kind.FLAG
        found[name] = {(label == "true") if flag else label: list(said) for label, said in entries.items()}
        if set(found[name]) != ({True, False} if flag else set(taxonomy(column.taxonomy).labels)):
            raise SchemaError(f"phrases of {name}", "they are not for its labels")
    said = [p for entries in found.values() for group in entries.values() for p in group]
    if len(set(said)) != len(said) or any(JOINED.search(p) for p in said):
        raise SchemaError("data/facial.toml", "a phrase stands twice or holds a comma or `and`")
    return found


def spoken() -> tuple[Column, ...]:
    """Columns that facial captions speak of."""
    return tuple(REGISTRY[name] for name in phrases())


def facial_caption(values: Mapping[str, Any], chance: random.Random) -> str:
    """One sentence with every part that is known; empty where none is.

    Args:
        values: Column name -> value.
        chance: Chooses among the phrases.
    """
    said = [
        chance.choice(entries[value])
        for name, entries in phrases().items()
        if (value := values.get(name)) is not None
    ]  # fmt: skip
    text = join(said) if said else ""
    return f"{text[0].upper()}{text[1:]}." if text else ""


def facial_labels(text: str) -> dict[str, Any]:
    """Column name -> value, read from a facial caption.

    Raises:
        SchemaError: for words that are no phrase.
    """
    known = {p: (name, label) for name, entries in phrases().items() for label, group in entries.items() for p in group}
    found = {}
    for phrase in JOINED.split(text.removesuffix(".")) if text else ():
        lower = phrase[0].lower() + phrase[1:]
        if lower not in known:
            raise SchemaError(f"'{phrase}'", "no phrase of a facial caption")
        name, label = known[lower]
        found[name] = label
    return found


def part_pictures(value: Mapping[str, Any], to_picture: Matrix, side: int) -> tuple[bytes, bytes]:
    """A map of face parts as FGID has it, in the picture's own pixels.

    Args:
        value: Of the column of face parts.
        to_picture: 2 x 3 map from the upright source to the picture.
        side: Of the picture in pixels.

    Returns:
        PNG bytes: FGID's values, 0 where there is no part or none was judged; and the parts in colours.
    """
    whole = np.vstack([to_picture, [0, 0, 1]])
    found = decoded(value)
    from_picture = (np.vstack([found.matrix, [0, 0, 1]]) @ np.linalg.inv(whole))[:2]
    parts = type(found)(found.parts, from_picture).on_image(side, side)
    return _png(_codes()[parts]), _png(cv2.cvtColor(_colours()[parts], cv2.COLOR_RGB2BGR))


@cache
def _codes() -> NDArray[np.uint8]:
    """Position of a part -> FGID's value."""
    values, known = np.zeros(NOT_JUDGED + 1, np.uint8), coding(CODES).codes
    for place, name in enumerate(part_names()):
        values[place] = int(known.get(name, 0))
    return values


@cache
def _colours() -> NDArray[np.uint8]:
    colours = taxonomy(labels.FACE_PARSING.taxonomy).colours
    values = np.zeros((NOT_JUDGED + 1, 3), np.uint8)
    for place, name in enumerate(part_names()):
        values[place] = list(bytes.fromhex(colours[name].removeprefix("#")))
    return values


def _png(pixels: Any) -> bytes:
    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise RuntimeError("OpenCV was built without PNG")
    return bytes(data)
