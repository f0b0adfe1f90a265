"""Eyewear, masks and covered cells: things drawn on a public-domain portrait, judged faces, the grid and its nulls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from annotators.base import Annotator, FaceBatch
from annotators.cover_cells import (
    CHANNELS,
    GRID,
    LEAST_SHARE,
    SQUARE,
    cell_centres,
    cell_colours,
    cell_shares,
    face_shares,
)
from annotators.covers import Covers, CoversConfig
from annotators.crops import ARCFACE_112
from annotators.heads import load_head
from annotators.registry import annotator
from annotators.weights import ModelStore
from benchmarks.accessories import face_mask, glasses, shades
from benchmarks.cover_features import HELD_BACK, MINORS, area_shares, fold
from benchmarks.cover_truth import judgements
from benchmarks.labelling import fairface, label, made
from benchmarks.occluders import bar, fingers
from schemas.columns import faces, labels
from schemas.taxonomy import taxonomy

Pixels = NDArray[np.uint8]


class Meshless(Annotator):
    """Finds no mesh on any face."""

    name, version, doc, provides = "meshless", "1", "Nothing.", (labels.MESH,)

    def annotate(self, batch: FaceBatch) -> pa.RecordBatch:
        nothing = [pa.nulls(len(batch), field.type) for field in self.schema()]
        return pa.record_batch(nothing, schema=self.schema())


NAMES = taxonomy(labels.EYEWEAR.taxonomy).labels


def png(image: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    """The astronaut (NASA, public domain)."""
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:256, 96:352])


@pytest.fixture(scope="module")
def mesh(portrait: Pixels, models: ModelStore) -> NDArray[np.float32]:
    (row,) = label([(png(portrait), {})], made("mesh"), models)
    return np.asarray(row[labels.MESH.name], np.float32).reshape(-1, 3)


def told(pictures: list[Pixels], models: ModelStore, config: CoversConfig | None = None) -> list[dict[str, Any]]:
    return label([(png(p), {}) for p in pictures], [*made("mesh"), Covers(config)], models)


def points_of(row: dict[str, Any]) -> dict[Any, Any]:
    return {faces.POINTS_5: np.asarray(row[faces.POINTS_5.name], np.float64).reshape(5, 2)}


def drawings(draw: Callable[..., Any], image: Pixels, mesh: Any, count: int) -> list[tuple[Pixels, Pixels]]:
    return [draw(image, mesh, np.random.default_rng(seed)) for seed in range(count)]


@pytest.mark.models
def test_a_bare_face_is_bare(portrait: Pixels, models: ModelStore) -> None:
    (row,) = told([portrait], models)
    assert row[labels.EYEWEAR.name] == "none"
    assert row[labels.MASK_WORN.name] is False
    assert row[labels.EYEWEAR_ABSTAINED.name] is row[labels.MASK_ABSTAINED.name] is False
    assert sum(row[labels.EYEWEAR_PROB.name].values()) == pytest.approx(1, abs=1e-6)
    assert row[labels.COVERED_SHARE.name] < 0.05


@pytest.mark.models
@pytest.mark.parametrize(("draw", "name", "least"), [(glasses, "glasses", 6), (shades, "sunglasses", 7)])
def test_drawn_eyewear_is_named(
    draw: Callable[..., Any], name: str, least: int, portrait: Pixels, mesh: Any, models: ModelStore
) -> None:
    rows = told([image for image, _ in drawings(draw, portrait, mesh, 8)], models)
    said = [row[labels.EYEWEAR.name] for row in rows]
    assert said.count(name) >= least, said
    assert all(row[labels.MASK_WORN.name] is False for row in rows)


@pytest.mark.models
def test_drawn_masks_are_named(portrait: Pixels, mesh: Any, models: ModelStore) -> None:
    rows = told([image for image, _ in drawings(face_mask, portrait, mesh, 8)], models)
    assert sum(row[labels.MASK_WORN.name] is True for row in rows) >= 7
    assert all(row[labels.EYEWEAR.name] in ("none", None) for row in rows)


@pytest.mark.models
@pytest.mark.parametrize("draw", [shades, face_mask, bar, fingers])
def test_the_map_shows_what_is_covered(
    draw: Callable[..., Any], portrait: Pixels, mesh: Any, models: ModelStore
) -> None:
    """`fingers` were never drawn when the head was fitted."""
    drawn = drawings(draw, portrait, mesh, 4)
    both = either = 0
    for (_, area), row in zip(drawn, told([image for image, _ in drawn], models), strict=True):
        chance = np.array([np.nan if c is None else c for c in row[labels.OCCLUSION_MAP.name]])
        truth = area_shares(area, SQUARE.matrix(points_of(row))).ravel()[np.isfinite(chance)] > LEAST_SHARE
        called = chance[np.isfinite(chance)] > 0.5
        both, either = both + (truth & called).sum(), either + (truth | called).sum()
        assert row[labels.COVERED_SHARE.name] == pytest.approx(np.nanmean(chance), abs=1e-6)
    assert both / either > 0.6


@pytest.mark.models
def test_clear_lenses_do_not_cover(portrait: Pixels, mesh: Any, models: ModelStore) -> None:
    drawn = drawings(glasses, portrait, mesh, 4)
    assert all(row[labels.COVERED_SHARE.name] < 0.12 for row in told([image for image, _ in drawn], models))


@pytest.mark.models
def test_cells_are_null_where_there_is_no_face(portrait: Pixels, models: ModelStore) -> None:
    whole, cut = told([portrait, np.ascontiguousarray(portrait[:, 128:])], models)
    for row, width in ((whole, 256), (cut, 128)):
        if row[labels.OCCLUSION_MAP.name] is None:
            assert row[labels.EYEWEAR.name] is None
            continue
        chance = np.array([c is not None for c in row[labels.OCCLUSION_MAP.name]]).reshape(GRID, GRID)
        points = np.asarray(row[labels.MESH.name], np.float32).reshape(-1, 3)
        within, shares = face_shares(points, SQUARE.matrix(points_of(row)), (256, width))
        np.testing.assert_array_equal(chance, shares >= LEAST_SHARE)
        assert (shares <= within + 1e-12).all()
        centres = cell_centres(points_of(row))[chance]
        assert (centres[:, 0] > -8).all()
        assert (centres[:, 0] < width + 8).all()


@pytest.mark.models
def test_small_faces_get_chances_but_no_names(portrait: Pixels, models: ModelStore) -> None:
    small = np.asarray(cv2.resize(portrait, (36, 36), interpolation=cv2.INTER_AREA), np.uint8)
    (silent,) = told([small], models)
    (spoken,) = told([small], models, CoversConfig(abstain=False))
    assert silent[labels.EYEWEAR.name] is None
    assert silent[labels.MASK_WORN.name] is None
    for row in (silent, spoken):
        assert row[labels.EYEWEAR_ABSTAINED.name] is row[labels.MASK_ABSTAINED.name] is True
        assert row[labels.EYEWEAR_PROB.name] is not None
    assert spoken[labels.EYEWEAR.name] in NAMES
    assert spoken[labels.MASK_WORN.name] in (True, False)


@pytest.mark.models
def test_too_little_face_for_a_map_still_has_eyewear(portrait: Pixels, models: ModelStore) -> None:
    (whole,) = told([portrait], models)
    (row,) = told([portrait], models, CoversConfig(least_cells=GRID * GRID))
    meshless = [
        label([(png(portrait), {})], [Meshless(), Covers(config)], models)[0]
        for config in (CoversConfig(), CoversConfig(least_cells=0))
    ]
    for part in (row, *meshless):
        assert part[labels.EYEWEAR_PROB.name] == whole[labels.EYEWEAR_PROB.name]
        rest = (labels.MASK_WORN, labels.MASK_PROB, labels.OCCLUSION_MAP, labels.COVERED_SHARE)
        assert all(part[column.name] is None for column in rest)


def test_the_grid_maps_back_to_the_picture() -> None:
    """With the five points on the template at 224 px, the square is the picture itself."""
    centres = cell_centres({faces.POINTS_5: ARCFACE_112 * 2})
    assert centres.shape == (GRID, GRID, 2)
    np.testing.assert_allclose(centres[0, 0], [8, 8], atol=1e-9)
    np.testing.assert_allclose(centres[3, 10], [8 + 160, 8 + 48], atol=1e-9)
    moved = cell_centres({faces.POINTS_5: ARCFACE_112 + np.array([5, 7])})
    np.testing.assert_allclose(moved, centres / 2 + [5, 7], atol=1e-9)


def test_shares_of_cells() -> None:
    mask = np.zeros((224, 224), np.uint8)
    mask[16:32, 32:40] = 1
    mask[208:, 208:] = 1
    shares = cell_shares(mask)
    assert shares[1, 2] == 0.5
    assert shares[13, 13] == 1
    assert shares.sum() == 1.5


def test_colours_are_relative_to_the_face() -> None:
    """One face in other light, or of another tone, looks the same; a patch of another colour stands out."""
    rng = np.random.default_rng(0)
    shade = np.repeat(rng.normal(0, 3, (112, 112, 1)), 3, 2)
    cells = np.ones((GRID, GRID), bool)
    light, dark = (
        cell_colours(np.clip(np.array(tone) + shade, 0, 255).astype(np.uint8), cells)
        for tone in ((200, 160, 140), (120, 90, 75))
    )
    assert np.abs(light[:3]).max() < 1
    assert np.abs(dark[:3]).max() < 1
    covered = np.clip(np.array((200, 160, 140)) + shade, 0, 255).astype(np.uint8)
    covered[48:64, 48:64] = (20, 40, 200)
    values = cell_colours(covered, cells)
    assert (np.abs(values[:3, 6:8, 6:8]).max(0) == 6).all()
    assert np.abs(values[:3, :4]).max() < 1


@pytest.mark.models
@pytest.mark.data
def test_judged_faces_whose_judgement_was_never_fitted_on(shared_data: Path, models: ModelStore) -> None:
    """All the worn eyewear of the first third of the test rows, as many bare faces, and the few real masks.

    One of the masks was drawn on for the fit, where it counted as no mask.
    """
    judged = {j.row: j for j in judgements()}
    third = [j for j in judged.values() if j.use == "test" and j.row < 6000]
    worn = [j for j in third if j.eyewear > 0]
    bare = [j for j in third if j.eyewear == 0][: len(worn)]
    masks = [j for j in judged.values() if j.use == "mask" and j.mask == 1]
    wanted = {j.row: j for j in (*worn, *bare, *masks)}
    every = enumerate(fairface(shared_data, "train"))
    pictures = [(image, {"truth": wanted[i]}) for i, (image, _) in every if i in wanted]
    rows = [r for r in label(pictures, made("mesh", "covers"), models) if r.get(labels.EYEWEAR_PROB.name)]
    assert len(worn) >= 30
    assert len(rows) >= 0.85 * len(wanted)
    plain = [r for r in rows if r["truth"].use == "test" and r[labels.EYEWEAR.name]]
    right = [NAMES.index(r[labels.EYEWEAR.name]) == r["truth"].eyewear for r in plain]
    assert np.mean(right) > 0.9
    assert not any(r[labels.MASK_WORN.name] for r in plain)
    assert sum(r[labels.MASK_PROB.name] > 0.5 for r in rows if r["truth"].mask == 1) >= 3


@pytest.mark.data
def test_judged_rows_are_adults_and_apart(shared_data: Path) -> None:
    judged = judgements()
    assert len({j.row for j in judged}) == len(judged)
    for use, held_back in (("test", True), ("fit", False)):
        rows = np.array([j.row for j in judged if j.use == use])
        assert ((fold(rows) < HELD_BACK) == held_back).all()
    ages = [known["age"] for _, known in fairface(shared_data, "train")]
    assert not any(ages[j.row] in MINORS for j in judged)


def test_the_written_network_is_the_fitted_one(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from annotators.runtime import OnnxModel
    from benchmarks.cover_network import TRUNK, CoverNetwork, export

    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    features = 3968
    basis = rng.normal(0, 0.05, (8, TRUNK))
    spread = rng.uniform(0.5, 2, features)
    network = CoverNetwork(basis, rng.normal(0, 1, TRUNK), (rng.normal(0, 1, features), spread), width=4).eval()
    torch.nn.init.normal_(network.place)
    export(network, tmp_path / "covers.onnx")
    inputs = [rng.normal(0, 1, (1, *s)).astype(np.float32) for s in ((TRUNK, GRID, GRID), (CHANNELS, GRID, GRID))]
    inputs.append(rng.normal(0, 1, (1, features)).astype(np.float32))
    with torch.no_grad():
        cells, whole = (t.numpy() for t in network(*(torch.from_numpy(a) for a in inputs)))
    written = OnnxModel(tmp_path / "covers.onnx")(*inputs)
    np.testing.assert_allclose(written[0][:, 0], cells, atol=2e-4)
    np.testing.assert_allclose(written[1], whole, atol=2e-4)


def test_the_head_is_small_and_says_where_it_comes_from() -> None:
    head = load_head(Covers.name)
    assert head.facts["data"].startswith("FairFace")
    assert {"eyewear_threshold", "mask_threshold", "cell_temperature"} <= head.facts.keys()
    assert annotator("covers") is Covers
