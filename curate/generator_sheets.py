"""Picture sheets of generators: what each does to one public-domain portrait, under the settings it wants shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from annotators.crops import Pixels
from annotators.weights import ModelStore
from curate.engine.settings import rebuild
from curate.generate.looking import Looker
from curate.generators.base import CannotGenerate, Request
from curate.generators.registry import generator
from curate.generators.subject import Subject, portrait
from curate.store.parts import replacing
from schemas import MissingExtraError
from schemas.columns import faces

TILE, LINE, GAP = 208, 34, 6
ACROSS = 5
QUALITY = 80
SHOWN = 1.9
"""Side of what is shown of a picture, in sides of the face's box."""
FRAMES = 5
"""Pictures shown of a clip or sheet."""
EXPRESSION = ("au_editor", {"au": "surprise=0.7"})
"""What gives the second face its expression."""
INK, PAPER = (40, 40, 40), (255, 255, 255)


def draw_sheets(folder: Path, names: Sequence[str]) -> None:
    """Draw and write the sheets of some generators.

    Raises:
        MissingExtraError: if scikit-image is absent, which holds the portrait.
    """
    if not names:
        return
    subject, other = people()
    for name in names:
        sheet = draw(name, subject, other)
        with replacing(folder / f"{name}.webp") as file:
            Image.fromarray(sheet).save(file, "WEBP", quality=QUALITY, method=6)


def people() -> tuple[Subject, Subject]:
    """The portrait, and a second one made from it: other colours, mirrored, wider, with another expression."""
    try:
        from skimage.data import astronaut
    except ImportError as error:
        raise MissingExtraError("scikit-image", "demo") from error
    first = np.asarray(astronaut(), np.uint8)  # type: ignore[no-untyped-call]
    looker = Looker(("mesh", "identity", "demographics", "skin_tone", "emotion", "action_units", "quality", "covers"))
    subject = _subject(first, looker, 0)
    other = _subject(stranger(first), looker, 1)
    editor = generator(EXPRESSION[0])(rebuild(generator(EXPRESSION[0]).config_type, EXPRESSION[1]))
    editor.setup(ModelStore())
    request = Request(other)
    changed = next(iter(editor.make(request, editor.draw(request, np.random.default_rng(0)))))
    return subject, _subject(changed.pixels, looker, 1)


def _subject(pixels: Pixels, looker: Looker, number: int) -> Subject:
    (seen,) = looker.look([pixels])
    if seen is None:
        raise RuntimeError("no face was found in the portrait")
    ids = {faces.FACE_ID.name: f"{number}.0", faces.IMAGE_ID.name: str(number)}
    return portrait(pixels, {**seen.row(), **ids})


def stranger(pixels: Pixels) -> Pixels:
    """The portrait as another person's: mirrored, a tenth wider, darker and of another hue."""
    side = pixels.shape[0]
    wide = cv2.resize(pixels[:, ::-1], (round(1.12 * side), side), interpolation=cv2.INTER_AREA)
    left = (wide.shape[1] - side) // 2
    lab = cv2.cvtColor(np.ascontiguousarray(wide[:, left : left + side]), cv2.COLOR_RGB2LAB).astype(np.float64)
    lab = (lab - (0, 128, 128)) * (0.72, 1.05, 1.15) + (0, 126, 132)
    return np.asarray(cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB), np.uint8)


def draw(name: str, subject: Subject, other: Subject) -> Pixels:
    """The sheet of one generator, RGB."""
    tiles = [("the portrait", _cut(subject.pixels, subject))]
    if generator(name).takes_partner:
        tiles.append(("the second face", _cut(other.pixels, other)))
    for number, settings in enumerate(generator(name).shown):
        tiles += [(text, _cut(pixels, subject)) for text, pixels in _made(name, settings, subject, other, number)]
    across = min(ACROSS, len(tiles))
    rows = -(-len(tiles) // across)
    sheet = Image.new("RGB", (across * (TILE + GAP) + GAP, rows * (TILE + LINE + GAP) + GAP), PAPER)
    for number, (caption, pixels) in enumerate(tiles):
        place = (GAP + number % across * (TILE + GAP), GAP + number // across * (TILE + LINE + GAP))
        small = cv2.resize(pixels, (TILE, TILE), interpolation=cv2.INTER_AREA)
        sheet.paste(Image.fromarray(small), place)
        _write(sheet, caption, place[0], place[1] + TILE + 2)
    return np.asarray(sheet, np.uint8)


def _cut(pixels: Pixels, subject: Subject) -> Pixels:
    """The head and what is around it, the same window for all pictures of a face."""
    x, y, width, height = subject.box
    side = round(min(SHOWN * max(width, height), *pixels.shape[:2]))
    left = round(min(max(x + width / 2 - side / 2, 0), pixels.shape[1] - side))
    top = round(min(max(y + height * 0.45 - side / 2, 0), pixels.shape[0] - side))
    return pixels[top : top + side, left : left + side]


def _made(
    name: str, settings: Mapping[str, Any], subject: Subject, other: Subject, seed: int
) -> Iterator[tuple[str, Pixels]]:
    cls = generator(name)
    worker = cls(rebuild(cls.config_type, {**cls.config_type().as_dict(), **settings}))
    worker.setup(ModelStore())
    request = Request(subject, other if cls.takes_partner else None)
    caption = ", ".join(f"{k} {v}" for k, v in settings.items()) or "drawn"
    try:
        pictures = list(worker.make(request, worker.draw(request, np.random.default_rng(seed))))
    except CannotGenerate as answer:
        yield f"{caption}: {answer}", np.full_like(subject.pixels, 235)
        return
    for at in np.unique(np.linspace(0, len(pictures) - 1, FRAMES).round().astype(int)).tolist():
        step = f", picture {at + 1} of {len(pictures)}" if len(pictures) > 1 else ""
        yield caption + step, pictures[at].pixels


def _write(sheet: Image.Image, text: str, x: int, y: int) -> None:
    """A caption of at most two lines under a tile."""
    font, drawing = ImageFont.load_default(12), ImageDraw.Draw(sheet)
    lines: list[str] = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if drawing.textlength(longer, font=font) > TILE and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    if len(lines) > 2:
        lines = [lines[0], f"{lines[1]} ..."]
    drawing.multiline_text((x, y), "\n".join(lines), fill=INK, font=font, spacing=2)
