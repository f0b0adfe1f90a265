"""DISFA: a text of `frame,intensity` per subject and action unit, beside frames saved as pictures."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from curate.importers.base import Found, Importer, Record, maybe, need, pictures_below
from schemas import UsageError, taxonomy
from schemas.columns import labels

UNIT = re.compile(r"(.+)_au(\d+)$", re.IGNORECASE)
FRAME = re.compile(r"(?:.*?\D)?0*(\d+)$")
UNITS = taxonomy(labels.AU_INTENSITY.taxonomy).labels


class Disfa(Importer):
    """Videos are not opened: frames lie as `SUBJECT/1.jpg`, the number at the end of the name."""

    name = "disfa"
    doc = "DISFA's intensities 0-5 of action units, frame by frame."
    files = "ActionUnit_Labels/SN001/SN001_au1.txt and frames as pictures: Images/SN001/1.jpg"
    licence = "research only, see the agreement of DISFA"
    labelled_by = "FACS coders of DISFA"
    crops = False

    def read(self, folder: Path, found: Found) -> None:
        """Every frame that has a picture; frames without one are counted."""
        coded = need(folder, "ActionUnit_Labels", what="DISFA's labels")
        pictures = maybe(folder, "Images", "images", "Frames") or folder
        for place in sorted(p for p in coded.iterdir() if p.is_dir()):
            frames = _frames(pictures / place.name)
            values = _subject(place)
            for number, units in sorted(values.items()):
                if number not in frames:
                    found.left_out["labels of a frame that is not here as a picture"] += 1
                    continue
                told = {labels.AU_INTENSITY.name: units, labels.IDENTITY_ID.name: place.name}
                found.records.append(Record(frames[number], told, extra={"frame": number}))


def _frames(folder: Path) -> dict[int, Path]:
    if not folder.is_dir():
        return {}
    named = ((FRAME.match(path.stem), path) for path in pictures_below(folder))
    return {int(name[1]): path for name, path in named if name}


def _subject(folder: Path) -> dict[int, dict[str, Any]]:
    values: dict[int, dict[str, Any]] = defaultdict(lambda: dict.fromkeys(UNITS))
    for path in sorted(folder.glob("*.txt")):
        name = UNIT.match(path.stem)
        unit = f"AU{int(name[2])}" if name else ""
        if unit not in UNITS:
            raise UsageError(f"'{path}' does not name an action unit", f"expected {folder.name}_au1.txt")
        for line, text in enumerate(path.read_text("ascii").splitlines(), 1):
            if text.strip():
                frame, intensity = _pair(text, f"'{path}' line {line}")
                values[frame][unit] = float(intensity)
    return values


def _pair(text: str, where: str) -> tuple[int, int]:
    frame, _, intensity = text.partition(",")
    try:
        told = int(frame), int(intensity)
    except ValueError:
        raise UsageError(f"{where} is '{text.strip()}'", "expected frame,intensity") from None
    if not 0 <= told[1] <= 5:
        raise UsageError(f"{where}: intensity {told[1]}", "intensities are 0 to 5")
    return told
