"""The shared photo collection: each file gets the outcome that its label expects."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from curate.ingest import Loaded, list_sources, load, plan_shards
from curate.store import Dataset
from schemas.columns import images
from schemas.columns import sources as src

pytestmark = pytest.mark.data

REJECTED = {
    "derived/truncated_50.jpg": "truncated",
    "derived/truncated_95.jpg": "truncated",
    "derived/truncated.png": "truncated",
    "derived/header_only.jpg": "truncated",
    "derived/zero_bytes.jpg": "empty",
    "derived/text.jpg": "not_an_image",
    "derived/html_404.jpg": "not_an_image",
    "derived/garbage_middle.jpg": "corrupt",
    "derived/one_pixel.png": "too_small",
    "derived/tiny_8.png": "too_small",
    "pyfeat/WolfgangLanger_Pexels.mp4": "not_an_image",
}
"""Labelled files that must not become pixels."""


@pytest.fixture(scope="module")
def outcomes(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Loaded]:
    ds = Dataset.create(tmp_path_factory.mktemp("photos") / "set")
    plan = plan_shards(ds, list_sources([shared_data / "photos"]))
    small = (8000, 8000)
    found = {}
    for row in (row for _, table in plan.shards for row in table.to_pylist()):
        loaded = load(row)
        if loaded.pixels is not None and loaded.pixels.shape[:2] == small:
            assert loaded.pixels.any()
            loaded = Loaded(loaded.row, loaded.pixels[::16, ::16].copy())
        found[row[src.NAME.name]] = loaded
    return found


def test_every_file_is_in_one_row_with_a_reason(outcomes: dict[str, Loaded], shared_data: Path) -> None:
    files = [p for p in (shared_data / "photos").rglob("*") if p.is_file()]
    assert len(outcomes) == len(files)
    reasons = {name: r.row[images.REASON.name] for name, r in outcomes.items()}
    bad = {n: r for n, r in reasons.items() if r not in ("", "duplicate")}
    others = {n for n in bad if n.endswith((".txt", ".csv", ".pts"))}
    assert {n: r for n, r in bad.items() if n not in others} == REJECTED
    assert {bad[n] for n in others} == {"not_an_image"}


def test_readable_files_are_read(outcomes: dict[str, Loaded], shared_data: Path) -> None:
    text = (shared_data / "photos" / "labels.csv").read_text("utf-8")
    checked = 0
    for label in csv.DictReader(text.splitlines()):
        expected = str(json.loads(label["label_json"]).get("expect", "readable"))
        if label["file"] in REJECTED:
            continue
        row = outcomes[label["file"]].row
        assert row[images.STATUS.name] in ("ok", "duplicate"), (label["file"], expected, row[images.DETAIL.name])
        checked += 1
    assert checked > 380


def test_the_six_exact_copies_are_found(outcomes: dict[str, Loaded]) -> None:
    doubles = [r.row for r in outcomes.values() if r.row[images.STATUS.name] == "duplicate"]
    assert len(doubles) == 6
    for row in doubles:
        original = str(row[images.DUPLICATE_OF.name])
        assert "_exact" in original
        assert outcomes["derived/" + Path(original).name].row[images.IMAGE_ID.name] == row[images.IMAGE_ID.name]


@pytest.mark.parametrize(("folder", "stem", "least"), [("derived", "exif_", 0.97), ("exif", "Portrait_", 0.9)])
def test_all_orientations_show_the_same_picture(
    folder: str, stem: str, least: float, outcomes: dict[str, Loaded]
) -> None:
    first = outcomes[f"{folder}/{stem}1.jpg"].pixels
    assert first is not None
    for number in range(2, 9):
        loaded = outcomes[f"{folder}/{stem}{number}.jpg"]
        assert loaded.row[images.ORIENTATION.name] == number
        assert loaded.pixels is not None
        similarity = structural_similarity(first[::2, ::2, 1], loaded.pixels[::2, ::2, 1])
        assert similarity > least, number


def test_hard_formats_show_the_astronaut(outcomes: dict[str, Loaded]) -> None:
    original = outcomes["skimage/astronaut.png"].pixels
    assert original is not None
    lossless = ["bmp.bmp", "lzw.tif", "multipage.tif", "png_named.jpg", "rgb16.png", "rgb16.tif"]
    for name in lossless:
        np.testing.assert_allclose(outcomes[f"derived/{name}"].pixels.astype(int), original, atol=1, err_msg=name)  # type: ignore[union-attr]
    for name in (
        "cmyk.jpg",
        "progressive.jpg",
        "webp.webp",
        "palette.png",
        "gif.gif",
        "jpg_noext",
        "trailing_junk.jpg",
    ):
        found = outcomes[f"derived/{name}"].pixels
        assert found is not None
        assert np.corrcoef(original.ravel(), found.ravel())[0, 1] > 0.97, name
    grey = original @ np.array([0.299, 0.587, 0.114])
    for name in ("gray_L.jpg", "gray16.png"):
        found = outcomes[f"derived/{name}"].pixels
        assert found is not None
        assert np.abs(found[..., 0] - grey).mean() < 3, name


def test_facts_of_some_files(outcomes: dict[str, Loaded]) -> None:
    def fact(name: str, column: object) -> object:
        return outcomes[name].row[column.name]  # type: ignore[attr-defined]

    assert fact("derived/exif_gps.jpg", images.HAS_GPS) is True
    assert fact("derived/animated.gif", images.FRAMES) == 3
    assert fact("derived/multipage.tif", images.FRAMES) == 2
    assert (fact("derived/huge_8000.jpg", images.WIDTH), fact("derived/huge_8000.jpg", images.HEIGHT)) == (8000, 8000)
    modes = {"gray16.png": "I;16", "rgb16.png": "RGB;16", "rgb16.tif": "RGB;16", "cmyk.jpg": "CMYK", "bilevel.png": "1"}
    assert {n: fact(f"derived/{n}", images.MODE) for n in modes} == modes
    formats = Counter(r.row[images.FORMAT.name] for r in outcomes.values())
    assert set(formats) == {None, "JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"}
    assert fact("derived/png_named.jpg", images.FORMAT) == "PNG"
