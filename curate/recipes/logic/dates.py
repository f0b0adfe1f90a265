"""When a photo was taken, and how old someone was: dates from EXIF and file names, ages exact to the day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from schemas import UsageError

DAYS = 365.25
"""Days of a year: all ages and spans are days divided by it."""
TAKEN, DIGITISED, CHANGED, EXIF = 0x9003, 0x9004, 0x0132, 0x8769
"""EXIF tags: DateTimeOriginal, DateTimeDigitized, DateTime, and the pointer to the EXIF directory."""
FIRST_PHOTO, LAST_PHOTO = 1826, 2100
_DIGIT = r"(?<!\d)"
_NAMES = (
    (re.compile(_DIGIT + r"(\d{4})[-_.](\d{1,2})[-_.](\d{1,2})(?!\d)"), 3),
    (re.compile(_DIGIT + r"(\d{4})(\d{2})(\d{2})(?!\d)"), 3),
    (re.compile(_DIGIT + r"(\d{4})[-_.](\d{1,2})(?!\d)"), 2),
    (re.compile(_DIGIT + r"(\d{4})(?!\d)"), 1),
)


@dataclass(frozen=True)
class Taken:
    """When a photo was taken.

    Attributes:
        day: The date; the middle of the month or year where no more is known.
        known: `day`, `month` or `year`.
        source: `exif`, `name` or `list`.
    """

    day: date
    known: str
    source: str


def parse_date(text: str, what: str = "date") -> date:
    """Read YYYY-MM-DD.

    Raises:
        UsageError: naming what is not a date.
    """
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError as error:
        raise UsageError(f"{what} '{text}' is no date", str(error), "Write YYYY-MM-DD") from error


def years(begin: date, end: date) -> float:
    """Years between two dates, days / 365.25; negative if the end comes first."""
    return (end - begin).days / DAYS


def from_name(name: str) -> Taken | None:
    """The first date in a file's name: a day, else a month, else a year; None if there is none."""
    stem = Path(name).stem
    for pattern, parts in _NAMES:
        for match in pattern.finditer(stem):
            found = _taken([int(g) for g in match.groups()], parts)
            if found is not None:
                return found
    return None


def _taken(numbers: list[int], parts: int) -> Taken | None:
    year, month, day = (*numbers, *(7, 1)[parts - 1 :])[:3] if parts < 3 else numbers
    if parts == 2:
        day = 15
    if not FIRST_PHOTO <= year <= LAST_PHOTO:
        return None
    try:
        return Taken(date(year, month, day), ("year", "month", "day")[parts - 1], "name")
    except ValueError:
        return None


def from_exif(path: Path) -> Taken | None:
    """When the camera says that the picture was taken; None if it does not."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            exif = image.getexif()
            told = [exif.get_ifd(EXIF).get(TAKEN), exif.get_ifd(EXIF).get(DIGITISED), exif.get(CHANGED)]
    except (OSError, UnidentifiedImageError, ValueError):
        return None
    for text in told:
        match = re.match(r"(\d{4}):(\d{2}):(\d{2})", str(text or ""))
        if match:
            found = _taken([int(g) for g in match.groups()], 3)
            if found is not None:
                return Taken(found.day, found.known, "exif")
    return None


def taken(path: Path, name: str = "") -> Taken | None:
    """When a photo was taken: by its EXIF, else by its name."""
    return from_exif(path) or from_name(name or path.name)
