"""A portrait keeps geometry and picture together, and a mesh that is not on the face is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.weights import ModelStore
from curate.generators.base import CannotGenerate
from curate.generators.subject import Subject, portrait
from schemas.columns import faces, labels
from tests.generator_samples import astronaut, subjects

SIZE = st.integers(40, 400)


@given(SIZE, SIZE, st.floats(0.1, 0.9), st.floats(0, 1), st.floats(0, 1), st.sampled_from([128, 512]))
@settings(max_examples=40, deadline=None)
def test_points_stay_on_their_pixels(
    width: int, height: int, share: float, across: float, down: float, side: int
) -> None:
    w, h = share * width, share * height
    x, y = across * (width - w), down * (height - h)
    image = np.zeros((height, width, 3), np.uint8)
    mark = int(y + h / 2), int(x + w / 2)
    image[mark] = 255
    spot = np.array([mark[1] + 0.5, mark[0] + 0.5])
    values = {c.name: v for c, v in zip(faces.BOX, (x, y, w, h), strict=True)}
    values |= {faces.POINTS_5.name: np.tile(spot, 5), labels.MESH.name: np.tile([*spot, 3.0], 478)}
    found = portrait(image, values, side)
    assert found.pixels.shape == (side, side, 3) and not found.pixels.flags.writeable
    bright = np.argwhere(found.pixels.max(2) > 0.6 * max(int(found.pixels.max()), 1)).mean(0)[::-1] + 0.5
    scale = found.matrix[0, 0]
    assert np.abs(bright - found.points[0]).max() <= max(scale, 1.0)
    assert np.allclose(found.matrix @ [*spot, 1], found.points[2])
    assert found.mesh is not None and np.allclose(found.mesh[7], [*found.points[0], 3 * scale])
    assert np.allclose(found.box[2:], [w * scale, h * scale])


@pytest.fixture(scope="module")
def face(models: ModelStore) -> Subject:
    (found,) = subjects([astronaut()], models, ("mesh",))
    return found


@pytest.mark.models
def test_a_mesh_on_the_face_is_given(face: Subject) -> None:
    assert face.need_mesh() is face.mesh


@pytest.mark.models
def test_a_mesh_beside_the_face_or_on_a_profile_is_refused(face: Subject) -> None:
    assert face.mesh is not None
    aside = replace(face, mesh=face.mesh + np.array([0.3 * face.box[2], 0, 0]))
    with pytest.raises(CannotGenerate, match="does not lie on the face"):
        aside.need_mesh()
    turned = face.points.copy()
    turned[2, 0] += 0.7 * np.hypot(*(turned[1] - turned[0]))
    with pytest.raises(CannotGenerate, match=r"does not lie|turned too far"):
        replace(face, points=turned).need_mesh()
    with pytest.raises(CannotGenerate, match="no mesh"):
        replace(face, mesh=None).need_mesh()
