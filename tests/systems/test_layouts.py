"""Layouts and per-face views: the acceptance checks of the systems that train on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from curate.pairs.views.person_regions import pairwise_iou
from tests.systems.layout_samples import facecurate, lines, manifest, photo, picture, side_by_side

if TYPE_CHECKING:
    from annotators.weights import ModelStore
    from curate.store import Dataset

GROUPS = 10


@pytest.fixture(scope="module")
def group_folder(adult_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of two adults, and one with a third face that is too small."""
    folder = tmp_path_factory.mktemp("groups") / "photos"
    folder.mkdir()
    people = sorted(adult_photos.glob("*.jpg"))
    for number in range(GROUPS):
        two = [photo(people[2 * number + i]) for i in range(2)]
        cv2.imwrite(str(folder / f"group_{number}.png"), side_by_side(two, number))
    three = [photo(people[30 + i]) for i in range(3)]
    cv2.imwrite(str(folder / "small.png"), side_by_side(three, 99, (224, 40, 224)))
    return folder


@pytest.fixture(scope="module")
def groups(group_folder: Path, models: ModelStore) -> Dataset:
    from curate import api

    return api.run(group_folder, group_folder.parent / "dataset", api.Options(workers=2))


@pytest.fixture(scope="module")
def layouts(groups: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pairs` writes of the group pictures."""
    folder = tmp_path_factory.mktemp("layouts") / "out"
    assert facecurate("pairs", groups.path, "multi_id_layout", folder, "--crop", "none", "-q") == 0
    return folder


def masks_of(folder: Path, row: dict[str, Any]) -> list[np.ndarray]:
    regions = picture(folder / row["regions"])
    return [regions == person["region"] for person in row["layout"]]


def test_system_009_uniportrait_layout(groups: Dataset, layouts: Path) -> None:
    rows = lines(layouts)
    assert len(rows) == GROUPS
    for row in rows:
        centres = [p["centre"][0] for p in row["layout"]]
        assert len(centres) == 2 and centres == sorted(centres)
        assert all(len(p["id_embed"]) == 128 and p["box"][2] > 48 for p in row["layout"])
        assert pairwise_iou(masks_of(layouts, row)) == 0
        assert row["layout"][0]["face_id"] == row["people_faces"][0]
    told = manifest(layouts)
    assert told["refused"] == {"a face is smaller than min_px": 1} and told["comparison"]["equal"]
    assert "smaller than min_px" in (layouts / "refused.jsonl").read_text()


def test_system_018_id_patch_association(layouts: Path, tmp_path: Path) -> None:
    rows = lines(layouts)
    for row in rows:
        patches = picture(layouts / row["id_patches"])[..., 0]
        count, _, stats, _ = cv2.connectedComponentsWithStats((patches > 0).astype(np.uint8))
        assert count - 1 == len(row["layout"]), "one patch per face"
        middles = stats[1:, :2] + stats[1:, 2:4] / 2
        for person, middle in zip(row["layout"], middles[np.argsort(middles[:, 0])], strict=True):
            assert np.abs(middle - person["centre"]).max() <= 1
    for name, wanted in (("original", 1.0), ("swapped", 0.0)):
        places = tmp_path / f"{name}.csv"
        asked = ["picture,reference,x,y"]
        for row in rows:
            whole = picture(layouts / row["people_files"][0])
            cv2.imwrite(str(tmp_path / f"{name}-{row['pair_id']}.png"), whole if name == "original" else swapped(whole))
            for person, crop in zip(row["layout"], row["crops"], strict=True):
                x, y = person["centre"]
                asked.append(f"{name}-{row['pair_id']}.png,{layouts / crop},{x},{y}")
        places.write_text("\n".join(asked) + "\n", encoding="utf-8")
        assert facecurate("measure", "group_association", places, "-q", "-o", tmp_path / "found.json") == 0
        found = json.loads((tmp_path / "found.json").read_text())["facts"]["association accuracy"]
        assert found["value"] == wanted and found["n"] == 2 * GROUPS


def swapped(whole: np.ndarray) -> np.ndarray:
    """The same picture with its two people in exchanged places, each at the other's height."""
    tops = [int(np.flatnonzero((whole[:, left : left + 224] != 128).any((1, 2)))[0]) for left in (20, 264)]
    found = np.full_like(whole, 128)
    for (left, top), (other, from_top) in (((20, tops[0]), (264, tops[1])), ((264, tops[1]), (20, tops[0]))):
        found[top : top + 224, left : left + 224] = whole[from_top : from_top + 224, other : other + 224]
    return found


def test_system_115_storymaker_characters(
    adult_photos: Path, groups: Dataset, layouts: Path, models: ModelStore, tmp_path: Path
) -> None:
    for row in lines(layouts)[:8]:
        whole = picture(layouts / row["people_files"][0])
        masks = masks_of(layouts, row)
        assert pairwise_iou(masks) == 0
        for person, mask, crop, pose in zip(row["layout"], masks, row["crops"], row["poses"], strict=True):
            left, top, width, height = (round(v) for v in person["box"])
            inside = mask[max(top, 0) : top + height, max(left, 0) : left + width]
            assert inside.all(), "the mask covers the box of the face"
            assert picture(layouts / crop).shape[0] >= min(height, whole.shape[0] - top)
            assert picture(layouts / pose).shape == whole.shape and len(person["id_embed"]) == 128
        first, second = (row["caption"].index(f"Character {n}") for n in (1, 2))
        assert first < second and row["layout"][0]["centre"][0] < row["layout"][1]["centre"][0]
    story = tmp_path / "story"
    story.mkdir()
    two = [photo(p) for p in sorted(adult_photos.glob("*.jpg"))[2:4]]
    for scene in range(4):
        light = 0.8 + 0.1 * scene
        cast = [np.clip(p * light, 0, 255).astype(np.uint8) for p in (two if scene % 2 == 0 else two[::-1])]
        cv2.imwrite(str(story / f"scene_{scene}.png"), side_by_side(cast, scene, (224 - 8 * scene, 210)))
    from curate import api

    made = api.run(story, tmp_path / "story.d", api.Options(annotators=["identity", "caption"], workers=2))
    assert facecurate("identity", made.path, "-q") == 0
    out = tmp_path / "out"
    assert facecurate("pairs", made.path, "multi_id_layout", out, "--crop", "none", "-q") == 0
    names = dict(zip(*made.images(["image_id", "name"]).to_pydict().values(), strict=True))
    scenes = {names[r["layout"][0]["face_id"].split(".")[0]]: r["layout"] for r in lines(out)}
    assert len(scenes) == 4
    first, second = (p["person"] for p in scenes["scene_0.png"])
    assert first and second and first != second
    for scene in range(4):
        wanted = [first, second] if scene % 2 == 0 else [second, first]
        assert [p["person"] for p in scenes[f"scene_{scene}.png"]] == wanted, "each is known again by the embedding"
