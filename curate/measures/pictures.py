"""Pictures that a measure reads: found by name in folders, decoded as a dataset's are, and looked at by annotators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotators.crops import Pixels, warp
from annotators.identity import unit_length
from annotators.runtime import Floats
from annotators.sface import CROP, SFace
from annotators.weights import ModelStore
from curate.generate.looking import Looker, Seen
from curate.generate.progress import Bar
from curate.ingest import Limits, load
from curate.measures.base import Given
from schemas import UsageError
from schemas.columns import faces, images
from schemas.columns import sources as src

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
AT_ONCE = 16
WHO = ("identity", "demographics")
"""Annotators that say who is who and of which perceived groups."""


@dataclass(frozen=True)
class Pair:
    """Two pictures of one name.

    Attributes:
        name: Path below the folder, without its ending.
        first: A file of the first folder.
        second: A file of the second.
    """

    name: str
    first: Path
    second: Path


def files_of(folder: Path) -> dict[str, Path]:
    """Name -> picture file, for all pictures below a folder; the name is the path without its ending.

    Raises:
        UsageError: if there are none, or two of one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in PICTURES or path.name.startswith("."):
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise UsageError(f"{folder} holds {found[name].name} and {path.name}", "both are called " + name)
        found[name] = path
    if not found:
        raise UsageError(f"{folder} holds no pictures", f"looked for {', '.join(sorted(PICTURES))}")
    return found


def matched(first: Path, second: Path) -> tuple[list[Pair], int]:
    """Pictures of two folders that have one name, and how many have no counterpart.

    Raises:
        UsageError: if no name is in both.
    """
    ours, theirs = files_of(first), files_of(second)
    both = [Pair(name, path, theirs[name]) for name, path in ours.items() if name in theirs]
    if not both:
        raise UsageError(
            f"no picture of {first} has its counterpart in {second}",
            f"such as {next(iter(ours))} here and {next(iter(theirs))} there",
            "Files of a pair bear the same name in both folders; the ending may differ",
        )
    return both, len(ours) + len(theirs) - 2 * len(both)


def read(path: Path) -> Pixels:
    """A picture as upright RGB, shape (height, width, 3).

    Raises:
        UsageError: if it cannot be read.
    """
    loaded = load({src.URI.name: str(path)}, Limits(min_side=1))
    if loaded.pixels is None:
        why = loaded.row[images.DETAIL.name] or loaded.row[images.REASON.name]
        raise UsageError(f"cannot read the picture {path}", str(why))
    return loaded.pixels


def looked_at(
    paths: Sequence[Path], given: Given, names: Sequence[str] = WHO, what: str = "looking"
) -> Iterator[tuple[Pixels, Seen | None]]:
    """Each picture with what annotators say of its largest face; with a progress bar.

    Args:
        paths: Picture files.
        given: The call, for its quietness.
        names: Annotators.
        what: Word before the bar.
    """
    looker = Looker(names)
    with Bar(what, len(paths), given.quiet) as bar:
        for start in range(0, len(paths), AT_ONCE):
            pixels = [read(p) for p in paths[start : start + AT_ONCE]]
            yield from zip(pixels, looker.look(pixels), strict=True)
            bar.step(len(pixels))


def labels_of(seen: Seen | None) -> dict[str, Any] | None:
    """What is said of a face by column name; None where there is none."""
    return None if seen is None else seen.row()


def beside(table: Path, named: object) -> Path:
    """A file that a table names: relative paths start at the table's folder.

    Raises:
        UsageError: if there is no such file.
    """
    folder = table if table.is_dir() else table.parent
    path = Path(str(named))
    path = path if path.is_absolute() else folder / path
    if not path.is_file():
        raise UsageError(f"{table} names {named}", f"there is no file {path}", "Paths start at the table's folder")
    return path


class Recogniser:
    """Embeds a face at given points, so that two versions of a picture are cut alike."""

    def __init__(self) -> None:
        self._network = SFace(ModelStore())

    def embed(self, pixels: Pixels, points: Any) -> Floats:
        """Embedding of unit length, shape (128,).

        Args:
            pixels: Upright RGB, shape (height, width, 3).
            points: The detector's five points, (5, 2) or (10,), in its pixels.
        """
        values: Mapping[Any, Any] = {faces.POINTS_5: np.asarray(points, np.float64).reshape(5, 2)}
        return unit_length(self._network.features(warp(pixels, CROP.matrix(values), CROP.size)).embedding)


def cosine(first: Any, second: Any) -> float | None:
    """Cosine of two embeddings; None where one is absent."""
    if first is None or second is None:
        return None
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


__all__ = ["AT_ONCE", "WHO", "Pair", "Recogniser", "beside", "cosine", "files_of", "labels_of", "looked_at", "matched",
           "read"]  # fmt: skip
