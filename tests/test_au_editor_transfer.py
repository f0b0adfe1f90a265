"""Expressions taken over from another face: what is read, what is changed, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotators.canonical_face import COUNT, Pose, canonical_face, fit_pose
from annotators.weights import ModelStore
from curate.generators.au_editor import AuEditor, AuEditorConfig
from curate.generators.au_movements import field
from curate.generators.base import CannotGenerate, Made, Request
from curate.generators.expression_reading import shown
from curate.generators.expression_shape import moved_head
from curate.generators.expression_transfer import (
    PER_LEVEL,
    ExpressionTransfer,
    ExpressionTransferConfig,
    levels_of,
    opening,
)
from curate.generators.openings import MOUTH, edges
from curate.generators.promise import same_person
from curate.generators.subject import Subject
from schemas import UsageError
from schemas.columns import labels
from tests.generator_samples import adult_pictures, astronaut, measured, subjects

HEAD = canonical_face().points
FRONT = Pose(np.eye(3), 12.0, np.array([256.0, -256.0, 0.0]))


def mesh_of(head: np.ndarray) -> np.ndarray:
    return np.vstack([FRONT.to_image(head), np.zeros((10, 3))])


@pytest.mark.parametrize(("unit", "level"), [("AU12", 4.0), ("AU1", 4.0), ("AU15", 4.0), ("AU4", 4.0), ("AU10", 4.0)])
def test_a_unit_that_was_added_is_read_and_taken_back(unit: str, level: float) -> None:
    """Read from a mesh with it against the same mesh without: most of the difference is that unit."""
    before = shown(mesh_of(HEAD), FRONT)
    after = shown(mesh_of(moved_head(HEAD, {unit: level})), FRONT)
    rise = {u: after.get(u, 0.0) - before.get(u, 0.0) for u in {*before, *after} - {"AU25", "AU26"}}
    assert max(rise, key=lambda u: rise[u]) == unit and rise[unit] > 0.4 * level


def test_lips_meet_and_do_not_cross() -> None:
    opened = moved_head(HEAD, {"AU26": 4.0})
    gap = lambda head: edges(FRONT.to_image(head), MOUTH).gap() / FRONT.scale  # noqa: E731
    assert gap(opened) > 1.0
    for level in (-1.0, -3.0, -5.0):
        closed = moved_head(opened, {"AU25": level, "AU26": level})
        upper, lower = (np.array(chain[1:-1]) for chain in MOUTH)
        assert (closed[upper, 1] >= closed[lower, 1] - 1e-9).all()
    assert gap(moved_head(opened, {"AU25": -5.0, "AU26": -5.0})) < 0.02
    assert gap(moved_head(opened, {"AU26": -1.0})) > 0.5


def test_lids_close_and_do_not_cross() -> None:
    for level in (2.0, 5.0):
        closed = moved_head(HEAD, {"AU43": level, "AU7": 5.0})
        assert (closed[[159, 386], 1] >= closed[[145, 374], 1]).all()


def test_the_gap_between_lips_is_what_the_movements_open() -> None:
    upper, lower = (list(chain[3:-3]) for chain in MOUTH)
    for unit, wide in zip(("AU25", "AU26"), PER_LEVEL, strict=True):
        move = field(unit, HEAD)[:, 1] / 5
        assert (move[upper] - move[lower]).mean() == pytest.approx(wide, rel=0.03)
    assert opening(0.13) == {"AU25": 1.0, "AU26": 0.0}
    assert opening(1.42) == {"AU25": 2.0, "AU26": 4.0}
    assert opening(9.0)["AU26"] == 5.0


@pytest.fixture(scope="module")
def faces(models: ModelStore) -> tuple[Subject, Subject]:
    """A smiling face and the same face calmed."""
    (smiling,) = subjects([astronaut()], models, ("mesh", "identity"))
    editor = AuEditor(AuEditorConfig(au="neutral"))
    request = Request(smiling)
    calm = next(iter(editor.make(request, editor.draw(request, np.random.default_rng(0))))).pixels
    (calmed,) = subjects([calm], models, ("mesh", "identity"))
    return smiling, calmed


def transfer(subject: Subject, partner: Subject) -> Made:
    worker, request = ExpressionTransfer(), Request(subject, partner)
    (made,) = worker.make(request, worker.draw(request, np.random.default_rng(0)))
    return made


@pytest.mark.models
def test_a_smile_is_taken_over(faces: tuple[Subject, Subject], models: ModelStore) -> None:
    smiling, calm = faces
    changes = ExpressionTransfer().draw(Request(calm, smiling), np.random.default_rng(0))["levels"]
    assert changes["AU12"] > 1 and changes["AU26"] + changes["AU25"] > 1
    (row,) = measured([transfer(calm, smiling).pixels], models, ("mesh", "identity"))
    found = np.asarray(row[labels.MESH.name]).reshape(-1, 3)
    assert edges(found, MOUTH).gap() > edges(calm.need_mesh(), MOUTH).gap() + 0.3 * fit_pose(found).scale
    same = same_person(row[labels.EMBEDDING.name], calm.labels[labels.EMBEDDING.name])
    assert same is not None and same > 0.6


@pytest.mark.models
def test_one_expression_on_two_faces_is_refused(faces: tuple[Subject, Subject]) -> None:
    with pytest.raises(CannotGenerate, match="same expression"):
        ExpressionTransfer().draw(Request(faces[0], faces[0]), np.random.default_rng(0))
    for strength in (0.0, 2.0, float("nan")):
        with pytest.raises(UsageError):
            ExpressionTransfer.preflight(ExpressionTransferConfig(strength))


@pytest.mark.models
@pytest.mark.data
def test_reading_the_result_comes_nearer_to_the_partner(models: ModelStore, shared_data: Path) -> None:
    adults = subjects(adult_pictures(shared_data, 12), models, ("mesh", "head_pose"))
    adults = [s for s in adults if abs(s.labels[labels.YAW.name]) < 20]
    assert len(adults) >= 4
    made, nearer = [], []
    for subject, partner in zip(adults, [*adults[1:], adults[0]], strict=True):
        made.append((subject, partner, transfer(subject, partner).pixels))
    rows = measured([p for _, _, p in made], models, ("mesh",))
    for (subject, partner, _), row in zip(made, rows, strict=True):
        mesh = np.asarray(row[labels.MESH.name]).reshape(-1, 3)
        gaps = [edges(m, MOUTH).gap() / fit_pose(m[:COUNT]).scale
                for m in (subject.need_mesh(), mesh, partner.need_mesh())]  # fmt: skip
        if abs(gaps[0] - gaps[2]) > 0.3:
            nearer.append(abs(gaps[1] - gaps[2]) < abs(gaps[0] - gaps[2]))
    assert len(nearer) >= 2 and np.mean(nearer) >= 0.75
    assert levels_of(adults[0]) == levels_of(adults[0])
