"""What a picture of people shows, by FRESCO's three levels: lines and colours, figures, and the point of view.

FRESCO ("For a semiotic AI: bridging computer vision and visual semiotics", 2024) describes pictures on a plastic, a
figurative and an enunciation level and compares them by level. The paper's list of variables could not be had; these
are ours. Shot scales are those of film (D. Bordwell and K. Thompson, Film Art), with our own limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from schemas import Column
from schemas.columns import faces, labels

Floats = NDArray[np.float64]
Level = Literal["plastic", "figurative", "enunciation"]
LEVELS: tuple[Level, ...] = ("plastic", "figurative", "enunciation")
WEIGHTS: dict[str, float] = {"plastic": 0.3, "figurative": 0.4, "enunciation": 0.3}

SIDE = 256
"""Longer side of the picture that plastic variables are measured on, px."""
COLOURED = 20.0
"""Chroma in CIE Lab from which a pixel has a hue that one sees."""
MUCH = 0.05
"""Share of coloured pixels from which a picture has a dominant hue."""
HUES = (("red", 345.0), ("orange", 15.0), ("yellow", 45.0), ("green", 75.0), ("cyan", 165.0), ("blue", 195.0),
        ("violet", 255.0), ("magenta", 285.0))  # fmt: skip
"""Names of hues with the degree of HSV at which each begins."""
SHOTS = ((0.6, "extreme close-up"), (0.35, "close-up"), (0.2, "medium close-up"), (0.1, "medium"), (0.05, "long"),
         (0.0, "extreme long"))  # fmt: skip
"""Height of the face in heights of the picture from which a shot has the name."""

Known = tuple[Any, str]
"""A value and, where it is None, why."""


@dataclass(frozen=True)
class Variable:
    """One variable.

    Attributes:
        name: Its name.
        level: Its level.
        kind: `number`, `angle` (of a hue, degrees), `label` or `shares` (numbers that sum to 1).
        span: For numbers, the difference that counts as quite unlike.
        doc: What it is.
    """

    name: str
    level: Level
    kind: Literal["number", "angle", "label", "shares"]
    span: float
    doc: str


VARIABLES = (
    Variable("dominant_hue", "plastic", "angle", 180, "Commonest hue of coloured pixels, degrees of HSV."),
    Variable("colour_name", "plastic", "label", 0, "Its name."),
    Variable("palette", "plastic", "shares", 0, "Pixels by a 4 x 4 x 4 grid of red, green and blue."),
    Variable("palette_entropy", "plastic", "number", 6, "Entropy of the palette, bits."),
    Variable("saturation", "plastic", "number", 1, "Mean saturation."),
    Variable("lightness", "plastic", "number", 1, "Mean lightness."),
    Variable("contrast", "plastic", "number", 0.5, "Standard deviation of lightness."),
    Variable("warm_share", "plastic", "number", 1, "Coloured pixels from magenta to yellow."),
    Variable("line_density", "plastic", "number", 0.3, "Pixels on an edge (Canny)."),
    Variable("line_directions", "plastic", "shares", 0, "Strength of edges by eight directions."),
    Variable("mirror_symmetry", "plastic", "number", 1, "Correlation of lightness with its mirror image."),
    Variable("people", "figurative", "number", 5, "Faces found."),
    Variable("age", "figurative", "number", 50, "Perceived age of the largest face, years."),
    Variable("gender", "figurative", "label", 0, "Its perceived gender."),
    Variable("emotion", "figurative", "label", 0, "Its perceived emotion."),
    Variable("glasses", "figurative", "label", 0, "Eyewear it wears."),
    Variable("objects", "figurative", "label", 0, "What else is there, by the user's CLIP prompts."),
    Variable("looks_at_viewer", "enunciation", "label", 0, "The largest face looks at the camera."),
    Variable("onlookers", "enunciation", "number", 1, "Share of the faces that look at the camera."),
    Variable("sight_yaw", "enunciation", "number", 60, "Its line of sight, degrees to the image's right."),
    Variable("head_yaw", "enunciation", "number", 90, "Its head, degrees to the image's right."),
    Variable("camera_height", "enunciation", "number", 60, "Its head, degrees up: seen from below if positive."),
    Variable("shot", "enunciation", "label", 0, "Shot scale by the face's height."),
    Variable("face_height", "enunciation", "number", 0.5, "Its height in heights of the picture."),
    Variable("face_x", "enunciation", "number", 0.5, "Its centre from left, in widths of the picture."),
    Variable("face_y", "enunciation", "number", 0.5, "Its centre from above, in heights of the picture."),
)  # fmt: skip
BY_NAME = {v.name: v for v in VARIABLES}


def plastic(pixels: Pixels) -> dict[str, Known]:
    """The plastic variables of an RGB picture, shape (height, width, 3)."""
    scale = SIDE / max(pixels.shape[:2])
    small = pixels
    if scale < 1:
        small = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV_FULL).astype(np.float64)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    hue, coloured = hsv[..., 0] * 360 / 256, np.hypot(lab[..., 1], lab[..., 2]) >= COLOURED
    light = lab[..., 0].astype(np.float64) / 100
    palette = _palette(small)
    found: dict[str, Known] = {
        **_hue(hue[coloured], float(coloured.mean())),
        "palette": (palette.tolist(), ""),
        "palette_entropy": (float(-(palette[palette > 0] * np.log2(palette[palette > 0])).sum()), ""),
        "saturation": (float(hsv[..., 1].mean() / 255), ""),
        "lightness": (float(light.mean()), ""),
        "contrast": (float(light.std()), ""),
        **_lines(np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)),
        "mirror_symmetry": _mirrored(light),
    }
    return found


def _palette(small: Pixels) -> Floats:
    code = (small // 64).astype(np.int64)
    return np.bincount((code @ np.array([16, 4, 1])).ravel(), minlength=64) / code[..., 0].size


def _hue(hues: Floats, share: float) -> dict[str, Known]:
    if share < MUCH:
        why = "the picture has next to no colour"
        return {"dominant_hue": (None, why), "colour_name": (None, why), "warm_share": (None, why)}
    counts, edges = np.histogram(hues, 72, (0, 360))
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    top = float(edges[int(smooth.argmax())] + 2.5)
    warm = float(((hues < 75) | (hues >= 285)).mean())
    return {"dominant_hue": (top, ""), "colour_name": (hue_name(top), ""), "warm_share": (warm, "")}


def hue_name(degrees: float) -> str:
    """Name of a hue of HSV, 0 to 360 degrees."""
    ordered = sorted(HUES, key=lambda h: h[1])
    return next((name for name, start in reversed(ordered) if degrees >= start), ordered[-1][0])


def _lines(grey: Pixels) -> dict[str, Known]:
    density = float((cv2.Canny(grey, 80, 160) > 0).mean())
    x, y = (cv2.Sobel(grey, cv2.CV_64F, dx, 1 - dx) for dx in (1, 0))
    strength = np.hypot(x, y)
    if strength.sum() == 0:
        return {"line_density": (density, ""), "line_directions": (None, "the picture has no lines")}
    direction = np.mod(np.degrees(np.arctan2(y, x)) + 90 + 11.25, 180)  # along the line, not across
    shares = np.histogram(direction, 8, (0, 180), weights=strength)[0] / strength.sum()
    return {"line_density": (density, ""), "line_directions": (shares.tolist(), "")}


def _mirrored(light: Floats) -> Known:
    if light.std() < 1e-6:
        return None, "the picture is of one lightness"
    return float(np.corrcoef(light.ravel(), light[:, ::-1].ravel())[0, 1]), ""


_NO_FACE = "no face was found in the picture"


def of_faces(rows: Sequence[Mapping[Column, Any]], width: int, height: int, here: set[str]) -> dict[str, Known]:
    """The figurative and enunciation variables of a picture.

    Args:
        rows: Columns of its faces.
        width: Of the picture, px.
        height: Of the picture, px.
        here: Names of columns that the dataset has.
    """
    largest = max(rows, key=lambda r: r[faces.BOX_W] * r[faces.BOX_H], default=None)
    found: dict[str, Known] = {"people": (len(rows), "")}
    for name, (column, change) in _READ.items():
        found[name] = _told(largest, column, here, change)
    known = [r[labels.LOOKS_AT_CAMERA] for r in rows if r.get(labels.LOOKS_AT_CAMERA) is not None]
    found["onlookers"] = (sum(known) / len(known), "") if known else _told(None, labels.LOOKS_AT_CAMERA, here)
    if rows and not known:
        found["onlookers"] = _told(largest, labels.LOOKS_AT_CAMERA, here)
    if largest is None:
        return {**found, **dict.fromkeys(("shot", "face_height", "face_x", "face_y"), (None, _NO_FACE))}
    share = largest[faces.BOX_H] / height
    middle = (
        (largest[faces.BOX_X] + largest[faces.BOX_W] / 2) / width,
        (largest[faces.BOX_Y] + largest[faces.BOX_H] / 2) / height,
    )
    found["shot"] = (next(name for least, name in SHOTS if share >= least), "")
    return {**found, "face_height": (share, ""), "face_x": (middle[0], ""), "face_y": (middle[1], "")}


def _told(
    face: Mapping[Column, Any] | None, column: Column, here: set[str], change: Callable[[Any], Any] = lambda v: v
) -> Known:
    if column.name not in here:
        return None, f"the dataset has no {column.name}"
    if face is None:
        return None, _NO_FACE
    value = face.get(column)
    return (None, f"{column.name} is not known of this face") if value is None else (change(value), "")


_READ: dict[str, tuple[Column, Callable[[Any], Any]]] = {
    "age": (labels.AGE, float),
    "gender": (labels.GENDER, str),
    "emotion": (labels.PERCEIVED_EMOTION, str),
    "glasses": (labels.EYEWEAR, str),
    "objects": (labels.PROMPT_LABEL, str),
    "looks_at_viewer": (labels.LOOKS_AT_CAMERA, lambda v: "yes" if v else "no"),
    "sight_yaw": (labels.GAZE_YAW, float),
    "head_yaw": (labels.YAW, float),
    "camera_height": (labels.PITCH, float),
}
COLUMNS = tuple(dict.fromkeys(column for column, _ in _READ.values()))


def likeness(one: Mapping[str, Any], other: Mapping[str, Any], weights: Mapping[str, float] | None = None) -> Likeness:
    """How alike two pictures are.

    A variable that is unknown for either says nothing. A level's score is the mean of its variables; levels without any
    known variable are left out, and the weights of the others brought to sum 1.

    Args:
        one: Variable -> value, None where unknown.
        other: The same of the other picture.
        weights: Level -> weight; `WEIGHTS` by default.
    """
    weights = weights or WEIGHTS
    by_level: dict[str, list[float]] = {level: [] for level in LEVELS}
    for variable in VARIABLES:
        a, b = one.get(variable.name), other.get(variable.name)
        if a is not None and b is not None:
            by_level[variable.level].append(_alike(variable, a, b))
    scores = {level: math.fsum(v) / len(v) for level, v in by_level.items() if v}
    total = sum(weights[level] for level in scores)
    shares = {level: weights[level] / total for level in scores} if total > 0 else {}
    value = math.fsum(shares[level] * scores[level] for level in shares)
    return Likeness(min(value, 1.0), scores, shares)


@dataclass(frozen=True)
class Likeness:
    """Likeness of two pictures.

    Attributes:
        score: 0 to 1; the levels' scores weighed and summed.
        levels: Level -> score, of the levels that could be compared.
        weights: Level -> its weight in this comparison.
    """

    score: float
    levels: Mapping[str, float]
    weights: Mapping[str, float]


def _alike(variable: Variable, a: Any, b: Any) -> float:
    if variable.kind == "label":
        return float(a == b)
    if variable.kind == "shares":
        return max(1 - 0.5 * math.fsum(abs(x - y) for x, y in zip(a, b, strict=True)), 0.0)
    apart = abs(float(a) - float(b))
    if variable.kind == "angle":
        apart = min(apart, 360 - apart)
    return max(1 - apart / variable.span, 0.0)
