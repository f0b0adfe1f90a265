"""The AU editor on a portrait: units are found again in the pixels, the rest stays, clips begin with the source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotators.canonical_face import COUNT, Pose, canonical_face, fit_pose, rotation_of
from annotators.weights import ModelStore
from curate.generators.au_editor import PROMISED, AuEditor, AuEditorConfig, phases
from curate.generators.au_movements import field, movements, presets
from curate.generators.base import CannotGenerate, Made, Request
from curate.generators.openings import LEFT_EYE, MOUTH, RIGHT_EYE, edges
from curate.generators.promise import Move, same_person
from curate.generators.subject import Subject
from schemas import UnknownNameError, UsageError
from schemas.columns import labels
from tests.generator_samples import adult_pictures, astronaut, measured, subjects

READ = ("mesh", "identity", "blendshapes", "action_units")
HEAD = canonical_face().points


@pytest.fixture(scope="module")
def face(models: ModelStore) -> Subject:
    (found,) = subjects([astronaut()], models, READ)
    return found


def edit(face: Subject, **settings: Any) -> list[Made]:
    config = AuEditorConfig(**settings)
    AuEditor.preflight(config)
    worker, request = AuEditor(config), Request(face)
    return list(worker.make(request, worker.draw(request, np.random.default_rng(0))))


def test_every_unit_moves_the_mesh_and_emotions_are_made_of_units() -> None:
    numbers = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 23, 24, 25, 26, 27, 43)
    assert {f"AU{n}" for n in numbers} <= set(movements())
    for name in movements():
        assert 0.1 < np.abs(field(name, HEAD)).max() < 3.5, name
    for units in presets().values():
        assert set(units) <= set(movements())
    assert set(PROMISED) <= set(movements())


@pytest.mark.parametrize("name", ["AU1", "AU12", "AU26", "AU43"])
def test_one_side_alone_moves_one_side(name: str) -> None:
    left, right = field(name, HEAD, ["left"]), field(name, HEAD, ["right"])
    assert np.abs(left[HEAD[:, 0] < -3]).max() < 0.3 * np.abs(left).max()
    assert np.allclose(left[canonical_face().mirror] * [-1, 1, 1], right, atol=0.02)


@pytest.mark.models
def test_a_smile_is_found_again_and_the_person_too(face: Subject, models: ModelStore) -> None:
    texts = ["AU12=-3", "AU12=3", "AU4=4", "AU1=4,AU2=4", "AU26=4", "AU43=5"]
    pictures = [edit(face, au=t)[0].pixels for t in texts]
    source, less, more, frown, brows, jaw, closed = measured([face.pixels, *pictures], models, READ)

    def shape(row: dict[str, Any], name: str) -> float:
        return float(row[labels.BLENDSHAPES.name][name])

    def score(row: dict[str, Any], unit: str) -> float:
        return float(row[labels.AU_SCORE.name][unit])

    assert shape(less, "mouthSmileLeft") < shape(source, "mouthSmileLeft") - 0.1
    assert score(more, "AU12") >= score(source, "AU12") > score(less, "AU12")
    assert shape(frown, "browDownLeft") > shape(source, "browDownLeft") + 0.015
    assert score(brows, "AU1") > score(source, "AU1") and score(brows, "AU2") > score(source, "AU2")
    assert shape(jaw, "jawOpen") > shape(source, "jawOpen") + 0.08
    assert score(closed, "AU43") > score(source, "AU43")
    assert shape(closed, "eyeBlinkLeft") > shape(source, "eyeBlinkLeft") + 0.15
    for row in (less, more, frown, brows, jaw, closed):
        same = same_person(source[labels.EMBEDDING.name], row[labels.EMBEDDING.name])
        assert same is not None and same > 0.6


@pytest.mark.models
def test_promises_name_what_was_asked(face: Subject) -> None:
    (made,) = edit(face, au="AU12=-2,AU4=3,AU18=2,AU1=0.5")
    assert {(c.field, c.move) for c in made.promise.changes} == {("AU12", Move.DOWN), ("AU4", Move.UP)}
    assert made.note["levels"] == {"AU1": 0.5, "AU4": 3.0, "AU12": -2.0, "AU18": 2.0}


@pytest.mark.models
def test_a_clip_starts_with_the_portrait_and_rises_and_falls(face: Subject) -> None:
    clip = edit(face, au="AU12=3,AU26=3", frames=9, timing="0.1,0.4,0.2,0.3")
    assert len(clip) == 9 and [m.step for m in clip] == list(range(9))
    assert np.array_equal(clip[0].pixels, face.pixels) and not clip[0].changed.any()
    away = [float(np.abs(m.pixels.astype(int) - face.pixels).mean()) for m in clip]
    top = int(np.argmax(away))
    assert clip[top].note["levels"] == {"AU12": 3.0, "AU26": 3.0} and top not in (0, 8)
    assert away[: top + 1] == sorted(away[: top + 1]) and away[top:] == sorted(away[top:], reverse=True)
    assert np.array_equal(clip[-1].pixels, face.pixels)


@pytest.mark.models
def test_what_is_outside_the_mask_or_far_from_the_unit_stays(face: Subject) -> None:
    (made,) = edit(face, au="AU12=4")
    same = made.changed == 0
    assert np.array_equal(made.pixels[same], face.pixels[same])
    mesh = face.need_mesh()
    y = int(mesh[[159, 386], 1].mean())
    assert np.array_equal(made.pixels[: y - 40], face.pixels[: y - 40]), "a smile does not reach the forehead"
    (shut,) = edit(face, au="AU43=5")
    mouth = int(mesh[13, 1])
    assert np.array_equal(shut.pixels[mouth - 5 :], face.pixels[mouth - 5 :])


@pytest.mark.models
def test_lids_slide_over_an_eyeball_that_stays(face: Subject) -> None:
    """Half closed, the lower half of the eye is the picture's own to the bit or nearly so."""
    (half,) = edit(face, au="AU43=2")
    mesh = face.need_mesh()
    for chains in (RIGHT_EYE, LEFT_EYE):
        eye = edges(mesh, chains)
        low = mesh[list(chains[1][3:6]), :2].mean(0) - [0, 0.25 * eye.gap()]
        x, y = (int(v) for v in low)
        patch = (slice(y - 1, y + 2), slice(x - 2, x + 3))
        assert np.abs(half.pixels[patch].astype(int) - face.pixels[patch]).max() <= 6


@pytest.mark.models
def test_an_open_mouth_is_closed_and_a_closed_one_opened_dark(face: Subject, models: ModelStore) -> None:
    (closed,) = edit(face, au="AU25=-5,AU26=-5")
    (calm,) = edit(face, au="neutral")
    (row, calm_row) = measured([closed.pixels, calm.pixels], models, READ)
    mesh = face.need_mesh()
    before = edges(mesh, MOUTH).gap()
    for found in (row, calm_row):
        after = edges(np.asarray(found[labels.MESH.name]).reshape(-1, 3), MOUTH).gap()
        assert after < 0.35 * before
    opened = subjects([closed.pixels], models, READ)[0]
    (again,) = edit(opened, au="AU26=4")
    goal = np.asarray(measured([again.pixels], models, ("mesh",))[0][labels.MESH.name]).reshape(-1, 3)
    middle = goal[[13, 14], :2].mean(0)
    inside = again.pixels[int(middle[1]) - 2 : int(middle[1]) + 3, int(middle[0]) - 3 : int(middle[0]) + 4]
    lips = again.pixels[int(goal[17, 1]) - 3 : int(goal[17, 1]), int(goal[17, 0]) - 3 : int(goal[17, 0]) + 3]
    assert inside.mean() < 0.4 * lips.mean()


@pytest.mark.models
@pytest.mark.data
def test_taking_an_expression_back_calms_smiling_adults(models: ModelStore, shared_data: Path) -> None:
    smiling = [
        s for s in subjects(adult_pictures(shared_data, 24), models, (*READ, "head_pose"))
        if s.labels[labels.AU_SCORE.name] and s.labels[labels.AU_SCORE.name]["AU12"] > 0.7
        and abs(s.labels[labels.YAW.name]) < 25
    ]  # fmt: skip
    assert len(smiling) >= 4
    calm = [edit(s, au="neutral")[0].pixels for s in smiling]
    rows = measured(calm, models, READ)
    fell = [r[labels.AU_SCORE.name]["AU12"] < s.labels[labels.AU_SCORE.name]["AU12"]
            for s, r in zip(smiling, rows, strict=True)]  # fmt: skip
    assert np.mean(fell) >= 0.8


def test_phases_and_their_mistakes() -> None:
    assert phases(1, "1,1,1,1") == (("apex", 1.0),)
    names = [name for name, _ in phases(21, "0.25,0.25,0.25,0.25")]
    assert list(dict.fromkeys(names)) == ["neutral", "onset", "apex", "offset"]
    shares = [share for _, share in phases(21, "0,1,0,1")]
    assert max(shares) == 1.0 and shares[0] == shares[-1] == 0.0
    for wrong in ("1,2,3", "a,b,c,d", "0,0,0,0", "1,-1,1,1", "nan,1,1,1"):
        with pytest.raises(UsageError):
            phases(5, wrong)


@pytest.mark.parametrize(("settings", "error"), [
    ({"au": "AU12"}, UsageError), ({"au": "AU12=9"}, UsageError), ({"au": "AU12=x"}, UsageError),
    ({"au": "AU12=1,AU12=2"}, UsageError), ({"au": "AU99=1"}, UnknownNameError), ({"au": "hapiness"}, UnknownNameError),
    ({"side": "top"}, UnknownNameError), ({"frames": 0}, UsageError), ({"au": "happiness=-1"}, UsageError),
])  # fmt: skip
def test_mistakes_are_named_before_the_first_picture(settings: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        AuEditor.preflight(AuEditorConfig(**settings))


def test_cells_of_expressions_are_aimed_at() -> None:
    editor, emotion = AuEditor(), labels.PERCEIVED_EMOTION.name
    have = {emotion: "neutral", labels.GENDER.name: "female"}
    wanted = {emotion: "happiness", labels.GENDER.name: "female"}
    assert editor.aim(have, wanted) == {"au": "happiness=1.2"}
    assert editor.aim({**have, emotion: "sadness"}, wanted) == {"au": "neutral,happiness=1.2"}
    assert editor.aim({**have, emotion: "happiness"}, wanted) == {"au": "happiness=0.6"}
    assert editor.aim(have, {emotion: "neutral"}) is None
    assert editor.aim({**have, emotion: "anger"}, {emotion: "neutral"}) == {"au": "neutral"}
    assert editor.aim(have, {**wanted, labels.GENDER.name: "male"}) is None
    for text in ("happiness=1.2", "neutral,happiness=1.2"):
        AuEditor.preflight(AuEditorConfig(au=text))


@pytest.mark.models
def test_a_turned_head_is_refused(face: Subject) -> None:
    pose = fit_pose(face.need_mesh())
    turned = Pose(rotation_of(60, 0, 0), pose.scale, pose.offset).to_image(pose.to_head(face.need_mesh()[:COUNT]))
    mesh = np.vstack([turned, face.need_mesh()[COUNT:]])
    points = np.stack([mesh[list(p), :2].mean(0) for p in ((33, 133), (263, 362), (4,), (61,), (291,))])
    with pytest.raises(CannotGenerate, match="turned"):
        edit(replace(face, mesh=mesh, points=points), au="AU12=3")
