"""Makeup lies inside its masks, follows from its parameters, and looks the same on everyone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotators.weights import ModelStore
from curate.generators.base import CannotGenerate, Made, Request
from curate.generators.makeup import PARTS, REACH, TEXTURE, Makeup, MakeupConfig, looks, made_up
from curate.generators.makeup_patterns import BLUSHES, LINERS, SHADOWS, SIZE, Laid, texture
from curate.generators.promise import Identity
from curate.generators.regions import regions
from curate.generators.subject import Subject
from schemas import UnknownNameError, UsageError
from schemas.columns import labels
from tests.drawn_faces import drawn_face
from tests.promise_checks import Sitters, outcome, settled, sitters

COMPARED = ("classic_red", "smoky", "nude_gloss", "plum", "blue_lid")


@pytest.fixture(scope="module")
def people(shared_data: Path, models: ModelStore) -> Sitters:
    return sitters(shared_data, models, 30, ("mesh", "identity"))


def worn(subject: Subject, **config: object) -> Made:
    worker = Makeup(MakeupConfig(**config))  # type: ignore[arg-type]
    (made,) = worker.make(Request(subject), worker.draw(Request(subject), np.random.default_rng(0)))
    return made


def test_looks_are_complete() -> None:
    assert len(looks()) >= 10
    for name, parts in looks().items():
        assert set(parts) <= set(PARTS) and "lips" in parts, name
        assert parts["lips"]["finish"] in TEXTURE
        for part, patterns in (("shadow", SHADOWS), ("blush", BLUSHES), ("liner", LINERS)):
            assert part not in parts or parts[part]["pattern"] in patterns, name
        assert all(0 < values["opacity"] <= 1 for values in parts.values())


@pytest.mark.parametrize("shapes", [*SHADOWS.values(), *BLUSHES.values(), *LINERS.values()])
def test_patterns_are_the_same_on_both_sides(shapes: tuple) -> None:  # type: ignore[type-arg]
    drawn = texture(shapes)
    assert drawn.shape == SIZE[::-1] and np.array_equal(drawn, drawn[:, ::-1])
    assert drawn.max() > 0.5 and 0.0005 < (drawn > 0.3).mean() < 0.2


def test_patterns_lie_where_they_should() -> None:
    subject, _ = drawn_face()
    laid, parts = Laid(regions(subject)), regions(subject)
    rows = np.mgrid[0:512, 0:512][0]

    def height(mask: np.ndarray) -> float:
        return float((mask * rows).sum() / mask.sum())

    eyes, brows, lips = height(parts.eyes), height(parts.brows), height(parts.lips)
    assert brows < height(laid.mask(SHADOWS["to_brow"])) < height(laid.mask(SHADOWS["lid"])) < eyes
    assert eyes < height(laid.mask(BLUSHES["draped"])) < height(laid.mask(BLUSHES["apple"])) < lips
    assert (laid.mask(SHADOWS["smoky"]) * (parts.eyes > 0.99)).max() < 0.02, "no shadow in the eye"
    assert abs(height(laid.brows()) - brows) < 6
    inner, whole = laid.lips("gradient"), laid.lips("matte")
    assert 0.1 * whole.sum() < inner.sum() < 0.8 * whole.sum() and (inner <= whole + 1e-6).all()


@pytest.mark.parametrize("look", ["natural", "smoky", "emerald", "bitten"])
def test_differences_lie_inside_the_stored_masks(look: str) -> None:
    subject, truth = drawn_face()
    made = worn(subject, look=look, strength=1.0)
    assert made.changed is not None
    outside = made.changed == 0
    far = cv2.erode(truth["wall"].astype(np.uint8), np.ones((21, 21), np.uint8)) > 0
    assert np.array_equal(made.pixels[outside], subject.pixels[outside]) and outside[far].all()
    assert set(made.note["area"]) == set(looks()[look])
    parts = regions(subject)
    _, masks = made_up(parts, looks()[look], 1.0)
    for name, mask in masks.items():
        assert made.note["area"][name] == pytest.approx(float((mask > REACH).mean()), abs=1e-5)
    union = np.maximum.reduce(list(masks.values())) > REACH
    assert np.array_equal(union, made.changed > 0)


def test_each_part_stays_inside_its_own_mask() -> None:
    subject, _ = drawn_face()
    parts = regions(subject)
    for part, wanted in looks()["classic_red"].items():
        lab, masks = made_up(parts, {part: wanted}, 1.0)
        assert list(masks) == [part]
        assert np.array_equal(lab[masks[part] == 0], parts.lab[masks[part] == 0])
        assert (np.abs(lab - parts.lab).mean(2) * masks[part]).sum() > 0.1 * masks[part].sum()


def test_stored_parameters_give_the_same_bytes_even_if_the_look_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, _ = drawn_face()
    worker = Makeup(MakeupConfig(look="rose"))
    stored = json.loads(json.dumps(worker.draw(Request(subject), np.random.default_rng(2))))
    (first,) = worker.make(Request(subject), stored)
    monkeypatch.setattr("curate.generators.makeup.looks", dict)
    (again,) = Makeup().make(Request(subject), stored)
    assert np.array_equal(first.pixels, again.pixels)


def test_lips_take_the_colour_and_keep_their_place() -> None:
    subject, _ = drawn_face()
    lips = regions(subject).lips > 0.99
    before, red, blue = (
        p[lips].mean(0)
        for p in (subject.pixels, worn(subject, look="classic_red", strength=1.0).pixels,
                  worn(subject, look="classic_red", strength=1.0, lips="#2040a0").pixels)
    )  # fmt: skip
    assert red[0] - red[1] > before[0] - before[1] + 20 and blue[2] > blue[0] + 30
    faint = worn(subject, look="classic_red", strength=0.1).pixels[lips].mean(0)
    assert np.abs(faint - before).max() < 0.2 * np.abs(red - before).max() + 1


def test_eyes_behind_sunglasses_are_not_painted() -> None:
    subject, _ = drawn_face()
    hidden = Subject(
        subject.pixels, subject.mesh, subject.points, subject.box, subject.matrix, {labels.EYEWEAR.name: "sunglasses"}
    )
    assert set(worn(hidden, look="smoky").note["area"]) == set(looks()["smoky"]) - {"shadow", "liner"}


@pytest.mark.parametrize("skin", [(240, 210, 195), (60, 42, 35), (40, 30, 27)])
def test_skin_of_every_tone_can_be_made_up(skin: tuple[int, int, int]) -> None:
    subject, _ = drawn_face(skin=skin)
    made = worn(subject, look="rose", strength=1.0)
    assert set(made.note["area"]) == set(looks()["rose"])


def test_grey_pictures_and_wrong_settings_are_refused() -> None:
    subject, _ = drawn_face()
    grey = np.repeat(subject.pixels.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    with pytest.raises(CannotGenerate, match="grey"):
        worn(Subject(grey, subject.mesh, subject.points, subject.box, subject.matrix))
    with pytest.raises(UnknownNameError, match="look"):
        Makeup.preflight(MakeupConfig(look="invisible"))
    for config in (MakeupConfig(strength=2), MakeupConfig(lips="red"), MakeupConfig(blush="#12345g")):
        with pytest.raises(UsageError, match="makeup"):
            Makeup.preflight(config)


@pytest.mark.models
@pytest.mark.parametrize("look", ["dark"])
def test_bare_and_made_up_faces_are_one_person(people: Sitters, models: ModelStore, look: str) -> None:
    found = outcome(Makeup(MakeupConfig(look=look, strength=1.0)), people, models)
    assert all(m.promise.identity is Identity.KEPT for m in found.made)
    assert settled(found.same, 15, 0.9)


@pytest.mark.models
def test_a_look_is_nearer_to_itself_on_another_face_than_to_other_looks(people: Sitters) -> None:
    """On 20 faces, in at least nine of ten triples of a face, another face and another look."""
    worn_by = [s for s in people.faces if _coloured(s)][:20]
    assert len(worn_by) == 20
    added = np.array([makeup_of(s, COMPARED) for s in worn_by])
    gaps = np.linalg.norm(added[:, :, None, None] - added[None, None], axis=-1).mean(-1)  # face, look, face, look
    won = [gaps[i, a, j, a] < gaps[i, a, j, b] for i in range(20) for j in range(20) for a in range(len(COMPARED))
           for b in range(len(COMPARED)) if i != j and a != b]  # fmt: skip
    assert np.mean(won) >= 0.9


def makeup_of(subject: Subject, names: Sequence[str]) -> np.ndarray:
    """What looks add: mean change of CIELAB on lips, lids, brow bones, lash lines and cheeks, (looks, 6, 3)."""
    parts = regions(subject)
    laid = Laid(parts)
    masks = (parts.lips, laid.mask(SHADOWS["lid"]), laid.mask(SHADOWS["to_brow"]), laid.liner(LINERS["winged"]),
             laid.mask(BLUSHES["apple"]), laid.mask(BLUSHES["draped"]))  # fmt: skip
    changes = [made_up(parts, looks()[name], 1.0)[0] - parts.lab for name in names]
    return np.array([[(c * m[..., None]).sum((0, 1)) / max(float(m.sum()), 1e-6) for m in masks] for c in changes])


def _coloured(subject: Subject) -> bool:
    try:
        Makeup().draw(Request(subject), np.random.default_rng(0))
    except CannotGenerate:
        return False
    return True
