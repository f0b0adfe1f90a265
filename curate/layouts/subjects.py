"""A row per subject and expression: a prompt, the subject's embedding, and the scan beside it where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.export.embeddings import to_bytes
from curate.layouts.folder import claim, finish, put
from curate.layouts.tables import file_beside, needed, rows_of
from curate.sidecars.visits import mesh_columns
from curate.store import Dataset
from schemas import Column, UsageError
from schemas.columns import faces, images, labels
from schemas.taxonomy import taxonomy

PROMPT = "a portrait of the person with {article} {expression} expression"
ADJECTIVES = {
    "anger": "angry", "disgust": "disgusted", "fear": "frightened", "happiness": "happy", "neutral": "neutral",
    "sadness": "sad", "surprise": "surprised",
}  # fmt: skip
SUBJECT, MESH = "subject", "mesh"


def read_faces(ds: Dataset, wanted: Sequence[Column], uses: Sequence[Column] = ()) -> list[dict[str, Any]]:
    """Faces of photographs with their values, those that may be minors' left out, as `pairs` does.

    Args:
        ds: The dataset.
        wanted: Columns that must be there.
        uses: Columns that are read where they are there.

    Raises:
        UsageError: if a wanted column is not there.
    """
    from curate.generate.candidates import pictures_with_minors

    known = set(ds.columns())
    if missing := [c.name for c in wanted if c.name not in known]:
        raise UsageError(f"{ds.path} has no {missing[0]}", fix="Run: facecurate annotate, then facecurate identity")
    young = set(pictures_with_minors(ds, False).to_pylist())
    asked = [faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, *wanted, *(c for c in uses if c.name in known)]
    rows: list[dict[str, Any]] = ds.faces(asked, where=f"not coalesce({images.IS_SYNTHETIC.name}, false)").to_pylist()
    return [row for row in rows if row[faces.IMAGE_ID.name] not in young]


def best_of_each(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Person -> the face of best quality with an embedding, people in the order of their ids."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        who = row[labels.IDENTITY_ID.name]
        if who is None or row[labels.EMBEDDING.name] is None:
            continue
        if who not in found or _quality(row) > _quality(found[who]):
            found[who] = row
    return dict(sorted(found.items()))


def _quality(row: Mapping[str, Any]) -> float:
    value = row.get(labels.QUALITY_SCORE.name)
    return -1.0 if value is None else float(value)


def write_subjects(
    ds: Dataset, folder: Path, meshes: Path | None = None, most: int = 0, expressions: Sequence[str] = ()
) -> dict[str, Any]:
    """Write the manifest of expression prompts; gives the folder's manifest.

    Args:
        ds: A dataset with people.
        folder: A new folder.
        meshes: A table with `subject` (a face id or a person's id) and `mesh`; a subject without a row has none.
        most: Most subjects; 0 for all.
        expressions: Labels of `emotion-7`; all by default.

    Raises:
        UsageError: for an unknown expression or subject, or where no person has an embedding.
        DatasetError: if the folder holds something.
    """
    known = taxonomy("emotion-7")
    wanted = [known.canonical(e) for e in expressions] or list(known.labels)
    rows = read_faces(ds, [labels.IDENTITY_ID, labels.EMBEDDING], [labels.QUALITY_SCORE, labels.CAPTION])
    people = best_of_each(rows)
    if not people:
        raise UsageError(f"no adult of {ds.path} has an embedding", fix="Run: facecurate annotate, facecurate identity")
    people = dict(list(people.items())[: most or None])
    scans = {} if meshes is None else _meshes(meshes, rows)
    claim(folder)
    found = []
    for who, face in people.items():
        vector = to_bytes(np.asarray(face[labels.EMBEDDING.name], np.float32), "npy")
        embed = put(folder, f"embeddings/{who}.npy", vector)
        scan = mesh_columns(MESH, scans.get(who))
        found += [
            {SUBJECT: who, "face": face[faces.FACE_ID.name], "expression": e, "prompt": prompt(e), "id_embed": embed,
             **scan}
            for e in wanted
        ]  # fmt: skip
    told = {"subjects": len(people), "expressions": wanted, "subjects_without_mesh": len(people.keys() - scans.keys())}
    return finish(folder, "subjects", found, told)


def prompt(expression: str) -> str:
    """The words of an expression's prompt."""
    word = ADJECTIVES[expression]
    return PROMPT.format(article="an" if word[0] in "aeiou" else "a", expression=word)


def _meshes(path: Path, rows: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    """Person -> file of the mesh; subjects are named by face or by person."""
    by_face = {row[faces.FACE_ID.name]: row[labels.IDENTITY_ID.name] for row in rows}
    people = set(by_face.values())
    found: dict[str, Path] = {}
    for number, row in enumerate(rows_of(path, (SUBJECT, MESH))):
        named = needed(row, SUBJECT, path, number)
        who = by_face.get(named, named)
        if who not in people:
            raise UsageError(f"{path}, row {number + 1}: the subject {named} is not among the adults of the dataset")
        if row[MESH] is not None:
            found[who] = file_beside(path, row[MESH], number)
    return found
