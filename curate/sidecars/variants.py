"""Variants of a mesh as files: the mesh, its caption, and pictures of it from four sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from curate.layouts.folder import claim, finish, put
from curate.pairs.view import png
from curate.sidecars.deform import transferred, varied
from curate.sidecars.mesh import Mesh, read_mesh, write_mesh
from curate.sidecars.render import YAWS, rendered
from schemas import UsageError


def write_variant(
    template: Path, folder: Path, caption: str, weights: Path | None = None, amount: float = 1.0,
    expression: tuple[Path, Path] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Move a template's points and write the result; gives the folder's manifest.

    Args:
        template: OBJ or PLY.
        folder: A new folder.
        caption: What the variant shows, in words.
        weights: A text file with one number per triangle, in the template's order.
        amount: How far a point of weight 1 moves, in mean lengths of an edge.
        expression: Files of another head at rest and with an expression, whose difference is added.

    Raises:
        UsageError: for files that cannot be read or do not fit, and if nothing would be done.
        DatasetError: if the folder holds something.
    """
    if weights is None and expression is None:
        raise UsageError("nothing to do", fix="Give --weights, or --neutral and --expressed")
    mesh = read_mesh(template)
    made = mesh
    if weights is not None:
        made = varied(made, _weights(weights), amount)
    if expression is not None:
        neutral, expressed = (read_mesh(path) for path in expression)
        made = transferred(made, neutral, expressed)
    claim(folder)
    write_mesh(made, folder / f"mesh{template.suffix.lower()}")
    views = [put(folder, f"views/{yaw:03.0f}.png", png(rendered(made, yaw))) for yaw in YAWS]
    moved = int((made.points != mesh.points).any(axis=1).sum())
    row = {"mesh": f"mesh{template.suffix.lower()}", "caption": caption, "views": views, **_counts(made),
           "points_moved": moved, "template": template.name}  # fmt: skip
    return finish(folder, "mesh_variant", [row], {"yaws": list(YAWS)})


def _counts(mesh: Mesh) -> dict[str, Any]:
    return {"points": len(mesh.points), "triangles": len(mesh.triangles), "uv": mesh.has_uv}


def _weights(path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        return np.loadtxt(path, ndmin=1)
    except OSError as error:
        raise UsageError(f"cannot read the weights {path}", error.strerror or str(error)) from error
    except ValueError as error:
        raise UsageError(f"{path} holds no list of numbers", str(error)) from error
