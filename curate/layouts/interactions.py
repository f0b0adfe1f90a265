"""Prompts of people who do something with an object: a row per subject and interaction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.export.embeddings import to_bytes
from curate.layouts.folder import claim, finish, put
from curate.layouts.subjects import best_of_each, read_faces
from curate.layouts.tables import needed, rows_of
from curate.store import Dataset
from schemas import UsageError
from schemas.columns import faces, labels

INTERACTIONS = (
    ("hold", "cup"), ("ride", "bicycle"), ("read", "book"), ("carry", "backpack"), ("use", "laptop"),
)  # fmt: skip
"""Verb and object, words of HICO-DET and COCO, where the user gives none."""
ING = {"ride": "riding", "use": "using"}
BOX = ("x", "y", "width", "height")


def read_interactions(path: Path) -> list[tuple[str, str]]:
    """Verb and object of each row of a table.

    Raises:
        UsageError: for a missing column or empty cell.
    """
    return [(needed(row, "verb", path, i), needed(row, "object", path, i))
            for i, row in enumerate(rows_of(path, ("verb", "object")))]  # fmt: skip


def write_interactions(
    ds: Dataset, folder: Path, most: int = 0, wanted: Sequence[tuple[str, str]] = INTERACTIONS
) -> dict[str, Any]:
    """Write the manifest; gives the folder's manifest.

    Every row names the picture to be made, and has empty slots for the boxes of person and object in it, which a
    detector fills; the box of the face in the reference photo is known.

    Args:
        ds: A dataset with people.
        folder: A new folder.
        most: Most subjects; 0 for all.
        wanted: Verbs and objects.

    Raises:
        UsageError: where no person has an embedding, or nothing is wanted.
        DatasetError: if the folder holds something.
    """
    if not wanted:
        raise UsageError("no interaction was given")
    people = best_of_each(read_faces(ds, [labels.IDENTITY_ID, labels.EMBEDDING], [labels.QUALITY_SCORE]))
    if not people:
        raise UsageError(f"no adult of {ds.path} has an embedding", fix="Run: facecurate annotate, facecurate identity")
    claim(folder)
    rows = []
    for who, face in list(people.items())[: most or None]:
        vector = to_bytes(np.asarray(face[labels.EMBEDDING.name], np.float32), "npy")
        embed = put(folder, f"embeddings/{who}.npy", vector)
        box = dict(zip((f"face_{b}" for b in BOX), (float(face[c.name]) for c in faces.BOX), strict=True))
        rows += [
            {"picture": f"{who}_{verb}_{thing}.png".replace(" ", "-"), "subject": who,
             "face": face[faces.FACE_ID.name], "id_embed": embed, "verb": verb, "object": thing,
             "prompt": f"a photo of the person {doing(verb)} a {thing}", **box, **dict.fromkeys(BOX),
             **{f"object_{b}": None for b in BOX}}
            for verb, thing in wanted
        ]  # fmt: skip
    return finish(folder, "interactions", rows, {"interactions": [list(w) for w in wanted]})


def doing(verb: str) -> str:
    """The verb's -ing form."""
    return ING.get(verb, f"{verb[:-1]}ing" if verb.endswith("e") and not verb.endswith("ee") else f"{verb}ing")
