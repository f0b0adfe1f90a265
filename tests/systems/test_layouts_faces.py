"""Faces with maps, masks and views beside them: the acceptance checks of the systems that train on them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotators.points import mirror
from curate.pairs.views.light_maps import recomposed
from curate.pairs.views.patch_masks import REGIONS, region_cells
from curate.pairs.views.shape_maps import normals_of_picture
from tests.systems.layout_samples import facecurate, lines, manifest, picture

if TYPE_CHECKING:
    from curate.store import Dataset

FACES = 20


def made(ds: Dataset, kind: str, folder: Path, *more: str) -> list[dict[str, Any]]:
    """Rows of 20 faces of a kind, in crops of 256 px."""
    assert facecurate("pairs", ds.path, kind, folder, "--crop", "margin", "--size", 256, "-q", *more) == 0
    assert manifest(folder)["comparison"]["equal"]
    return lines(folder)


@pytest.fixture(scope="module")
def maps(adults: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Faces with condition maps, those whose mesh lies on the face."""
    folder = tmp_path_factory.mktemp("maps") / "out"
    rows = made(adults, "cond_maps", folder, "-n", "30")
    whole = [row for row in rows if row["albedo"] is not None]
    assert len(whole) >= FACES
    return folder, whole[:FACES]


def white(path: Path) -> np.ndarray:
    """A mask as booleans."""
    return picture(path) > 127


def test_system_097_instaface_maps(maps: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = maps
    for row in rows:
        crop = picture(folder / row["face_file"])
        found = {name: picture(folder / row[name]) for name in ("albedo", "shading", "normals", "face_mask")}
        assert all(m.shape[:2] == crop.shape[:2] == (256, 256) for m in found.values())
        assert (white(folder / row["context_mask"]) == ~white(folder / row["face_mask"])).all()
        normals, inside = normals_of_picture(found["normals"][..., ::-1])
        assert inside.sum() > 2000 and np.abs(np.linalg.norm(normals[inside], axis=1) - 1).max() < 1e-3
        again = recomposed(found["albedo"][..., ::-1], found["shading"])
        skin = white(folder / row["skin_mask"]) & white(folder / row["face_mask"])
        error = (again.astype(float) - crop[..., ::-1])[skin]
        assert 10 * np.log10(255**2 / max(float((error**2).mean()), 1e-9)) > 20
        assert np.load(folder / row["id_embed"]).shape == (128,)
