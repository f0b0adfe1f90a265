"""Folders by person, their pictures numbered from 1: for formats that sort by identity or subject."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from curate.export.base import Part
from curate.export.sample import Sample
from curate.export.ties import csv_line, read_csv, ties_before, write_lines
from schemas import UsageError, labels

PEOPLE = "people.csv"
HEAD = "folder,person"
UNIDENTIFIED = "unidentified"
"""Folder of faces whose identity is unknown: it is no person's."""
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class FolderCount:
    """Numbers the files of each folder from 1, across the parts of a split and in exports that go on."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._next: tuple[str, int] | None = None

    @contextmanager
    def part(self, folder: Path, part: Part) -> Iterator[None]:
        """Count through this part, on top of the earlier parts of its split.

        Args:
            folder: The export.
            part: The part that is written inside the block.
        """
        if self._next != (part.split, part.number):
            self._counts = Counter(str(PurePosixPath(tie.file).parent) for tie in ties_before(folder, part))
        self._next = None
        yield
        self._next = part.split, part.number + 1

    def number(self, folder: str) -> int:
        """The next number in a folder."""
        self._counts[folder] += 1
        return self._counts[folder]


def person(sample: Sample) -> str | None:
    """Whom the sample's face is taken for; None if that is unknown."""
    return sample.faces[0].labels.get(labels.IDENTITY_ID.name) or None


def folder_name(who: str | None) -> str:
    """A name for the person's folder: letters, digits, `_`, `-` and `.`; spaces become `_`, as in LFW.

    Other names keep what they can and end with a digest of the whole, so that no two become one.
    """
    if who is None:
        return UNIDENTIFIED
    spaced = who.replace(" ", "_")
    if PLAIN.fullmatch(spaced) and spaced != UNIDENTIFIED:
        return spaced
    digest = hashlib.blake2b(who.encode(), digest_size=4).hexdigest()
    return f"{UNSAFE.sub('_', who).strip('_')}-{digest}".lstrip("-")


def write_people(folder: Path, found: Iterable[str]) -> Path:
    """Write which folder is whose.

    Raises:
        UsageError: if two people would share a folder.
    """
    owners: dict[str, str] = {}
    for who in found:
        other = owners.setdefault(folder_name(who), who)
        if other != who:
            fix = "Rename one of them, since spaces and _ are the same here"
            raise UsageError(f"'{other}' and '{who}' would share the folder {folder_name(who)}", fix=fix)
    rows = sorted(owners.items())
    return write_lines(folder / PEOPLE, (f"{HEAD}\n", *map(csv_line, rows)))


def read_people(folder: Path) -> dict[str, str]:
    """Folder -> person."""
    return {row["folder"]: row["person"] for row in read_csv(folder / PEOPLE)}
