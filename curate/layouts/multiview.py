"""Supplied views of a subject grouped by azimuth, with the features of the face where a view shows one.

A row of the table is a view: `file`, `subject`, `azimuth` in degrees (0 is the front; it is taken modulo 360).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.points import convert
from curate.export.crops import crop_matrix, cut
from curate.export.embeddings import to_bytes
from curate.export.encode import encode
from curate.layouts.folder import claim, finish, put
from curate.layouts.tables import file_beside, needed, rows_of
from curate.measures.every_face import EveryFace, box_of
from curate.pairs.view import png
from curate.pairs.views.base import fine_png
from curate.pairs.views.drawings import skeleton_image
from curate.pairs.views.shape_maps import normal_map, normal_picture
from schemas import UsageError
from schemas.columns import labels

TURN = 360.0
CROP = 256
ANNOTATORS = ("mesh", "identity", "caption")
NO_FACE, NO_MESH = "no face was found", "the face has no mesh"
MINOR = "it may show a minor"
Row = dict[str, Any]


def read_views(path: Path) -> list[Row]:
    """Views of a table: `file`, `subject`, `azimuth`; subjects in their order, azimuths rising.

    Raises:
        UsageError: for a missing file, an azimuth that is no number, or one that a subject has twice.
    """
    found: list[Row] = []
    seen: dict[tuple[str, float], int] = {}
    for number, row in enumerate(rows_of(path, ("file", "subject", "azimuth"))):
        who = needed(row, "subject", path, number)
        try:
            azimuth = float(needed(row, "azimuth", path, number)) % TURN
        except ValueError:
            raise UsageError(f"{path}, row {number + 1}: the azimuth {row['azimuth']!r} is no number") from None
        if (who, azimuth) in seen:
            before = seen[who, azimuth] + 1
            raise UsageError(f"{path}, row {number + 1}: subject {who} has the azimuth {azimuth:g} twice",
                             f"row {before} has it too")  # fmt: skip
        seen[who, azimuth] = number
        found.append(
            {"file": file_beside(path, needed(row, "file", path, number), number), "subject": who, "azimuth": azimuth}
        )
    order = list(dict.fromkeys(row["subject"] for row in found))
    return sorted(found, key=lambda row: (order.index(row["subject"]), row["azimuth"]))


def write_views(table: Path, folder: Path, assume_adults: bool = False, quiet: bool = True) -> dict[str, Any]:
    """Write a row per view, with picture, face crop, embedding, points, normals and caption of the face.

    What a view does not show is null, and `reason` says why. Views of subjects who may be minors are left out unless
    the user answers for them.

    Args:
        table: See the module.
        folder: A new folder.
        assume_adults: The user's word that all subjects are adults.
        quiet: No progress bar.

    Raises:
        UsageError: see `read_views`, and for a file that is no picture.
        DatasetError: if the folder holds something.
    """
    from curate.generate.progress import Bar

    views = read_views(table)
    claim(folder)
    finder = EveryFace(ANNOTATORS if assume_adults else (*ANNOTATORS, "demographics"))
    rows: list[Row] = []
    with Bar("looking at views", len(views), quiet) as bar:
        for view in views:
            rows.append(_row(view, folder, finder, assume_adults))
            bar.step(1)
    young = {row["subject"] for row in rows if row["reason"] == MINOR}
    kept = [row for row in rows if row["subject"] not in young]
    _forget(folder, [row for row in rows if row["subject"] in young])
    groups = {row["subject"] for row in kept}
    return finish(folder, "multiview", kept, {"subjects": len(groups), "left_out": {MINOR: len(young)}})


def _row(view: Row, folder: Path, finder: EveryFace, assume_adults: bool) -> Row:
    from annotators.adapters.minors import may_be_minor
    from curate.measures.pictures import read

    pixels = read(view["file"])
    found = finder.look(pixels)
    name = f"{view['subject']}/{view['azimuth']:05.1f}"
    row: Row = {"subject": view["subject"], "azimuth": view["azimuth"], "file": None, "face_crop": None,
                "id_embed": None, "landmarks": None, "skeleton": None, "normals": None, "body_keypoints": None,
                "caption": None, "reason": None}  # fmt: skip
    if not assume_adults and any(may_be_minor({labels.AGE_PROB: face.get(labels.AGE_PROB.name)}) for face in found):
        return row | {"reason": MINOR}
    row["file"] = put(folder, f"images/{name}.png", encode(pixels, "png"))
    if not found:
        return row | {"reason": NO_FACE}
    face = max(found, key=lambda f: box_of(f)[2] * box_of(f)[3])
    return row | features(face, pixels, folder, name)


def features(face: Mapping[str, Any], pixels: NDArray[np.uint8], folder: Path, name: str) -> Row:
    """Crop, embedding, points, drawing, normals and caption of a face; null where it has none.

    Args:
        face: Its labels by column name.
        pixels: RGB of the picture.
        folder: Where files go.
        name: Of the files, without suffix.
    """
    matrix = crop_matrix("margin", face, CROP)
    crop = cut(pixels, matrix, CROP)
    found: Row = {"face_crop": put(folder, f"faces/{name}.png", encode(crop, "png")),
                  "caption": face.get(labels.CAPTION.name), "reason": None}  # fmt: skip
    vector = face.get(labels.EMBEDDING.name)
    if vector is not None:
        found["id_embed"] = put(folder, f"embeddings/{name}.npy", to_bytes(np.asarray(vector, np.float32), "npy"))
    mesh = face.get(labels.MESH.name)
    if mesh is None:
        return found | {"reason": NO_MESH}
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    points = np.asarray(mesh, np.float64).reshape(-1, 3)
    moved = np.column_stack([points[:, :2] @ matrix[:, :2].T + matrix[:, 2], points[:, 2] * scale])
    known = convert(moved[None], "points-478", "points-68")[0]
    found["landmarks"] = put(folder, f"landmarks/{name}.npy", to_bytes(known.astype(np.float32), "npy"))
    found["skeleton"] = put(folder, f"skeletons/{name}.png", png(skeleton_image(known, CROP)))
    normals = fine_png(normal_picture(*normal_map(moved, CROP)))
    found["normals"] = put(folder, f"normals/{name}.png", normals)
    return found


def _forget(folder: Path, rows: Sequence[Row]) -> None:
    """Remove the files of views that may not be written."""
    for row in rows:
        for name, value in row.items():
            if name in ("file", "face_crop", "id_embed", "landmarks", "skeleton", "normals") and value is not None:
                (folder / str(value)).unlink()
