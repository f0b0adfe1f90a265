"""Steps of the recipes of tables and people: known answers on pictures, and mistakes that are told in one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from annotators.registry import detector
from annotators.weights import ModelStore
from curate.generators.regions import Regions
from curate.recipes.logic.heatmaps import heatmap, pain_heat, pain_regions
from curate.recipes.logic.makeup_look import look, look_distance
from curate.recipes.logic.upright import standing, tilt, turned
from curate.recipes.recipe import load
from curate.recipes.run import RunOptions, run_recipe
from curate.recipes.steps.sources import sources_of
from curate.store import Dataset
from schemas import FacecurateError, UnknownNameError, UsageError
from tests.export_samples import hard_cases
from tests.generator_samples import astronaut, subjects

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("people"), pictures=24)


@pytest.fixture(scope="module")
def parts(models: ModelStore) -> Regions:
    """Regions of the astronaut's portrait."""
    (subject,) = subjects([astronaut()], models, ("mesh",))
    return Regions(subject.pixels, subject.need_mesh())


def write(path: Path, rows: Rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def run(name: str, photos: Path, out: Path, **settings: str) -> dict[str, Any]:
    """A recipe's steps by name: what each did."""
    return {r.name: dict(r.done) for r in run_recipe(load(name), [str(photos)], out, RunOptions(settings))}


# --- pictures


def test_heat_of_what_was_drawn_lies_where_it_was_drawn(parts: Regions) -> None:
    pixels = parts.pixels
    regions = pain_regions(parts)
    for name in ("brow", "eye", "nose", "lip"):
        changed = np.where(regions[name][..., None] > 0.99, 255 - pixels, pixels).astype(np.uint8)
        found = pain_heat(pixels, changed, parts)
        assert found.mass[name] == max(found.mass.values()) > 0.9
        assert found.inside > 0.9
        assert found.heat.max() == 1
    still = pain_heat(pixels, pixels, parts)
    assert (still.inside, float(still.heat.max())) == (0, 0)
    assert 0.3 < still.area < 0.8
    noisy = np.clip(pixels.astype(int) + 2, 0, 255).astype(np.uint8)
    assert heatmap(pixels, noisy, 3.0).max() == 0


def test_looks_are_compared_by_where_and_how_colour_changes(parts: Regions) -> None:
    pixels, mesh = parts.pixels, parts.mesh
    red, weak, blue = (painted(pixels, parts.lips, c, w) for c, w in (((200, 20, 40), 0.8), ((200, 20, 40), 0.4),
                                                                      ((30, 40, 200), 0.8)))  # fmt: skip
    lids = painted(pixels, parts.upper_lids, (200, 20, 40), 0.8)
    told = {n: look(pixels, p, mesh) for n, p in {"red": red, "weak": weak, "blue": blue, "lids": lids}.items()}
    assert look_distance(told["red"], told["red"]) == pytest.approx(0, abs=1e-9)
    assert look_distance(told["red"], told["weak"]) < 0.1
    assert look_distance(told["red"], told["blue"]) > 0.3
    assert look_distance(told["red"], told["lids"]) > 0.5
    assert np.isnan(look_distance(told["red"], look(pixels, pixels, mesh)))


def painted(pixels: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int], weight: float) -> np.ndarray:
    share = weight * mask[..., None]
    return np.asarray(np.round(pixels * (1 - share) + np.array(colour) * share), np.uint8)


def test_a_photo_is_turned_upright(models: ModelStore) -> None:
    finder = detector("yunet")()
    finder.setup(models)
    for turn in (0, 90, 180, 270):
        found = standing(np.ascontiguousarray(np.rot90(astronaut(), -turn // 90)), finder)
        assert found.turn == turn
        assert found.score > 0.8
    blank = np.full((200, 100, 3), 127, np.uint8)
    assert (standing(blank, finder).turn, standing(blank, finder).score) == (0, 0)
    assert turned(blank, 90).shape == (100, 200, 3)


def test_tilt_of_points() -> None:
    face = np.array([[-1, -1], [1, -1], [0, 0], [-1, 1], [1, 1]], float)
    assert tilt(face) == 0
    assert tilt(-face) == pytest.approx(180)
    quarter = np.column_stack([-face[:, 1], face[:, 0]])
    assert tilt(quarter) == pytest.approx(90)


# --- tables


def test_sources_are_told_by_who_names_a_picture(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    listed = write(tmp_path / "list.csv", [{"file_name": "a/1.png"}, {"file_name": "b/3.png"}])
    found = sources_of([str(tmp_path / "a"), str(listed)])
    by_name = {Path(uri).name: Path(source).name for uri, source in found.items()}
    assert by_name == {"1.png": "a", "2.png": "a", "3.png": "list.csv"}


def test_a_design_is_written_row_by_row(tmp_path: Path) -> None:
    done = {
        r.name: r.done for r in run_recipe(load("pain3d"), [], tmp_path, RunOptions({"identities": "48"}, plan=True))
    }
    assert done["samples"]["kept"] == 48 * 33
    rows = pq.read_table(tmp_path / "samples" / "plan.parquet").to_pylist()
    assert len({tuple(r.values()) for r in rows}) == len(rows)
    counts = json.loads((tmp_path / "samples" / "counts.json").read_text("utf-8"))
    assert set(counts["identities by cell"].values()) == {2}


# --- mistakes


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("lifespan", {"list": "none.csv", "ethics": "research-ethics-reviewed"}, "none.csv"),
        ("lifespan", {"list": "none.csv"}, "ethics statement"),
        ("adsee", {"list": "none.csv"}, "none.csv"),
        ("portrait_lora", {"trigger": "a, b"}, "trigger"),
        ("portrait_lora", {"threshold": "1.5"}, "between 0 and 1"),
        ("my_time_machine", {"birth": "soon"}, "date of birth"),
        ("my_time_machine", {"held_from": "70", "held_to": "60"}, "range of ages"),
        ("variface", {"count": "1"}, "two or more"),
        ("face9m", {"folds": "1"}, "folds"),
        ("user_vqa", {"questions": "0"}, "one or more"),
        ("bms_makeup", {"rows": "0"}, "identities and rows"),
    ],
)
def test_mistakes_are_told_before_any_work(
    given: Dataset, tmp_path: Path, name: str, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        run(name, given.path, tmp_path / "out", **settings)
    assert not (tmp_path / "out" / "faces").exists()


def test_an_unknown_direction_offers_the_nearest(given: Dataset, tmp_path: Path) -> None:
    names = given.images(columns=["name", "status"]).to_pylist()
    rows = [{"file": n["name"], "click_rate": 0.1} for n in names if n["status"] == "ok"][:12]
    clicks = write(tmp_path / "clicks.csv", rows)
    ads = load("adsee")
    only = RunOptions({"list": str(clicks), "directions": "perceived_aeg"})
    with pytest.raises(FacecurateError) as told:
        steps_alone(ads, given, tmp_path / "out", only)
    assert isinstance(told.value, UnknownNameError)
    assert "perceived_age" in str(told.value)


def steps_alone(recipe: Any, given: Dataset, out: Path, options: RunOptions) -> None:
    """Run all steps of a recipe but its first on a dataset that is labelled already."""
    from curate.recipes.run import plan_steps
    from curate.recipes.start import copy_dataset

    copy_dataset(given.path, out / "faces")
    for one in plan_steps(recipe, [str(given.path)], out, options)[1:]:
        assert one.step is not None
        one.step.check(one.site)
        one.step.run(one.site)
