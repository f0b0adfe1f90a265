"""A step that keeps, folder by folder, the faces of the person that the folder is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa

from annotators.base import Config
from annotators.identity import SAME_PERSON
from curate.identity.gather import Faces
from curate.recipes.layer_steps import LayerStep, gathered, numbers, values, write_csv, write_selection
from curate.recipes.logic.grouping import rows_by
from curate.recipes.logic.people import Verdicts, own_faces, ranked
from curate.recipes.select import DROPS, EARLIER
from curate.recipes.step import Done, Site
from schemas import UnknownNameError, UsageError
from schemas.columns import faces, images, labels

FOLDER, ALL = "folder", "all"
LIKENESS = "likeness.csv"
HEAD = ("rank", faces.FACE_ID.name, "file", "person", "likeness", "quality")


@dataclass(frozen=True)
class OwnPersonOptions(Config):
    """Whose faces belong together.

    Attributes:
        person: `folder`: each folder of photos is of one person; `all`: all photos are of one.
        name_of_person: The name where all photos are of one.
        threshold: Least average cosine of one person.
        assume_adults: The user's word that faces of unknown age are adults'.
    """

    person: str = FOLDER
    name_of_person: str = "person"
    threshold: float = SAME_PERSON
    assume_adults: bool = False


class OwnPerson(LayerStep):
    """Keeps the largest group of alike faces of each folder; two faces of one photo are never one person."""

    name = "own_person"
    doc = "Keeps, folder by folder, the faces of the person that it is of, and names them; the others go with a reason."
    options_type = OwnPersonOptions
    selects = True
    options: OwnPersonOptions

    def check(self, site: Site) -> None:
        """The settings are understood."""
        if self.options.person not in (FOLDER, ALL):
            raise UnknownNameError("way to name a person", self.options.person, (FOLDER, ALL))
        if not 0 < self.options.threshold < 1:
            raise UsageError(f"step {site.step}: threshold {self.options.threshold:g}", "it must lie between 0 and 1")

    def run(self, site: Site) -> Done:
        """Clusters, writes the selection with the names, and ranks who stays by likeness."""
        o = self.options
        quality = [labels.QUALITY_SCORE] if labels.QUALITY_SCORE.name in site.open().columns() else []
        found, chosen = gathered(site, [images.NAME, *quality], embeddings=True, assume_adults=o.assume_adults)
        people = [person_of(n, o) if c else None for n, c in zip(values(found, images.NAME), chosen, strict=True)]
        told = own_faces(found.vectors, found.present, people, found.image, found.guarded, o.threshold)
        reasons = [r if c else EARLIER for r, c in zip(told.reason, chosen, strict=True)]
        kept = pa.array([p if not r else None for p, r in zip(people, reasons, strict=True)], pa.string())
        dropped = write_selection(site, o.as_dict(), found, reasons, {labels.IDENTITY_ID: kept})
        file = write_csv(site.folder / LIKENESS, rows(found, told, people, bool(quality)), HEAD)
        folders = {p for p in people if p is not None}
        facts = {"people": len(set(kept.drop_null().to_pylist())), "folders": len(folders), "threshold": o.threshold}
        notes = () if facts["people"] else ("no folder keeps a face",)
        return Done(len(kept.drop_null()), "faces", dropped, facts, (site.folder / DROPS, file), notes)


def person_of(name: str, options: OwnPersonOptions) -> str | None:
    """Whose photo it is by its path; None for photos that lie in no folder."""
    if options.person == ALL:
        return options.name_of_person
    folder = PurePosixPath(name).parent.as_posix()
    return None if folder == "." else folder


def rows(found: Faces, told: Verdicts, people: Sequence[str | None], quality: bool) -> list[dict[str, object]]:
    """Who stays, person by person, the most alike first."""
    score = numbers(found, labels.QUALITY_SCORE) if quality else np.full(len(found), np.nan)
    names = values(found, images.NAME)
    ids = found.ids.to_pylist()
    listed: list[dict[str, object]] = []
    kept = told.kept
    for person, inside in rows_by(p if k else None for p, k in zip(people, kept, strict=True)).items():
        for place, row in enumerate(inside[ranked(told.likeness[inside], score[inside])].tolist(), 1):
            listed.append({
                "rank": place, faces.FACE_ID.name: ids[row], "file": names[row], "person": person,
                "likeness": _short(told.likeness[row]), "quality": _short(score[row]),
            })  # fmt: skip
    return listed


def _short(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
