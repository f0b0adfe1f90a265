"""Parameters of a head model from the labels of a face, each 0 to 1, and the schema that they keep to.

Names follow the macros of MakeHuman and MPFB (age, gender) where there is one; where a length is mapped to 0..1 the
limits are ours, in inter-ocular distances.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.avatar.loop import Dial
from schemas import Column, SchemaError
from schemas.columns import faces, labels

FORMAT, VERSION = "facecurate-avatar", 1
MIDDLE = 0.5
"""Value of a parameter that the labels do not know."""


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: Its name.
        doc: What 0 and 1 are.
        read: Its value from the labels of a face; None where they do not know it.
    """

    name: str
    doc: str
    read: Callable[[Mapping[Column, Any]], float | None]


def _between(value: float | None, low: float, high: float) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _age(values: Mapping[Column, Any]) -> float | None:
    """MakeHuman's macro: 0 newborn, 0.1875 child of 12, 0.5 at 25, 1 at 90."""
    age = values.get(labels.AGE)
    return None if age is None else float(np.interp(age, (0, 12, 25, 90), (0, 0.1875, 0.5, 1)))


def _gender(values: Mapping[Column, Any]) -> float | None:
    return (values.get(labels.GENDER_PROB) or {}).get("Male")


def _light(values: Mapping[Column, Any]) -> float | None:
    lab = values.get(labels.SKIN_LAB)
    return None if lab is None else _between(lab[0], 15, 85)


def _shape(values: Mapping[Column, Any], name: str) -> float | None:
    """Share of the blendshape or mean of its two sides."""
    told = values.get(labels.BLENDSHAPES) or {}
    known = [told[n] for n in (name, f"{name}Left", f"{name}Right") if told.get(n) is not None]
    return float(np.mean(known)) if known else None


def _length(values: Mapping[Column, Any], one: int, other: int, low: float, high: float) -> float | None:
    flat = values.get(labels.POINTS_68)
    if flat is None:
        return None
    points = np.asarray(flat, np.float64).reshape(68, 2)
    between_eyes = float(np.linalg.norm(points[36:42].mean(0) - points[42:48].mean(0)))
    if between_eyes <= 0:
        return None
    return _between(float(np.linalg.norm(points[one] - points[other])) / between_eyes, low, high)


PARAMETERS = (
    Parameter("face_width", "Jaw from ear to ear, 1.8 to 2.8 inter-ocular distances.",
              lambda v: _length(v, 0, 16, 1.8, 2.8)),
    Parameter("face_height", "Nose bridge to chin, 1.4 to 2.4.", lambda v: _length(v, 27, 8, 1.4, 2.4)),
    Parameter("nose_length", "Nose bridge to its base, 0.5 to 1.1.", lambda v: _length(v, 27, 33, 0.5, 1.1)),
    Parameter("mouth_width", "Corner to corner, 0.6 to 1.2.", lambda v: _length(v, 48, 54, 0.6, 1.2)),
    Parameter("age", "MakeHuman's macro of the perceived age: 0 newborn, 0.5 at 25, 1 at 90.", _age),
    Parameter("gender", "Chance of being perceived as male.", _gender),
    Parameter("skin_lightness", "CIE L* of the skin, 15 to 85.", _light),
    Parameter("smile", "Blendshape mouthSmile.", lambda v: _shape(v, "mouthSmile")),
    Parameter("jaw_open", "Blendshape jawOpen.", lambda v: _shape(v, "jawOpen")),
    Parameter("eyes_closed", "Blendshape eyeBlink.", lambda v: _shape(v, "eyeBlink")),
    Parameter("brows_raised", "Blendshape browInnerUp.", lambda v: _shape(v, "browInnerUp")),
)  # fmt: skip
NAMES = tuple(p.name for p in PARAMETERS)
READ = (labels.AGE, labels.GENDER_PROB, labels.SKIN_LAB, labels.BLENDSHAPES, labels.POINTS_68)
DIALS = tuple(Dial(name) for name in NAMES)


def avatar_of(face_id: str, values: Mapping[Column, Any]) -> dict[str, Any]:
    """The parameters of a face as JSON data; those that its labels do not know are in the middle and listed.

    Args:
        face_id: Of the face.
        values: Its labels; of those in `READ` that are known.
    """
    read = {p.name: p.read(values) for p in PARAMETERS}
    known = {n: MIDDLE if v is None else round(float(v), 6) for n, v in read.items()}
    unknown = [n for n, v in read.items() if v is None]
    return {"format": FORMAT, "version": VERSION, faces.FACE_ID.name: face_id, "parameters": known, "unknown": unknown}


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of an avatar's file."""
    number = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Parameters of a head model from the labels of a face",
        "type": "object",
        "properties": {
            "format": {"const": FORMAT},
            "version": {"const": VERSION},
            faces.FACE_ID.name: {"type": "string", "minLength": 1},
            "parameters": {
                "type": "object",
                "properties": {p.name: {**number, "description": p.doc} for p in PARAMETERS},
                "required": list(NAMES),
                "additionalProperties": False,
            },
            "unknown": {"type": "array", "items": {"enum": list(NAMES)}, "uniqueItems": True},
            "adjusted": {"type": "object"},
        },
        "required": ["format", "version", faces.FACE_ID.name, "parameters", "unknown"],
        "additionalProperties": False,
    }


def check(avatar: Mapping[str, Any]) -> None:
    """Check an avatar's parameters without further libraries.

    Raises:
        SchemaError: for a format that is another, or a parameter that is missing, unknown or outside 0 to 1.
    """
    if (avatar.get("format"), avatar.get("version")) != (FORMAT, VERSION):
        raise SchemaError("an avatar", f"its format is {avatar.get('format')} {avatar.get('version')}")
    given = avatar.get("parameters") or {}
    if odd := sorted(set(given) ^ set(NAMES)):
        raise SchemaError("an avatar", f"parameter {odd[0]} is {'unknown' if odd[0] in given else 'missing'}")
    for name, value in given.items():
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise SchemaError("an avatar", f"{name} is {value!r}, not a number from 0 to 1")
