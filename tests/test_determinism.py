"""With the real models: the same photos give the same values, however the work was spread or interrupted."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from toy_data import contents

from annotators.weights import ModelStore
from curate import api
from curate.engine.local import LocalEngine
from curate.engine.run import execute
from curate.store import Dataset

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collage, a portrait in grey, a turned, a tiny, a broken and a faceless picture."""
    folder = tmp_path_factory.mktemp("determinism") / "photos"
    folder.mkdir()
    names = ("collage/collage_04.jpg", "derived/gray_L.jpg", "derived/rot15.jpg", "derived/exif_6.jpg")
    names += ("derived/tiny_32.png", "derived/truncated_50.jpg", "derived/black.png", "derived/dup0_exact.jpg")
    for name in (*names, "derived/dup0_reenc.jpg", "skimage/astronaut.png"):
        shutil.copy(shared_data / "photos" / name, folder)
    return folder


@pytest.fixture(scope="module")
def whole(pictures: Path, models: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return api.run(pictures, tmp_path_factory.mktemp("whole") / "ds", api.Options(workers=1, shard_size=4))


def test_the_default_set_labels_real_photos_without_a_failure(whole: Dataset) -> None:
    counts = whole.counts()
    assert counts.faces >= 10
    assert counts.reasons == {"truncated": 1}
    assert len(counts.layers) >= 15
    for layer, statuses in counts.layers.items():
        assert statuses["failed"] == statuses["missing"] == 0, layer
        assert statuses["ok"] > 0, layer


def test_workers_and_batches_change_no_value(whole: Dataset, pictures: Path, tmp_path: Path) -> None:
    other = api.ingest_sources(pictures, tmp_path / "ds", api.Options(shard_size=4))
    plan = api.plan(other, api.Options(), None)
    plan = replace(plan, job=replace(plan.job, chunk_images=1))
    execute(other, plan, LocalEngine(2), quiet=True)
    assert contents(other) == contents(whole)


@pytest.mark.parametrize("seed", [1, 2])
def test_lost_parts_are_made_again_with_the_same_values(whole: Dataset, tmp_path: Path, seed: int) -> None:
    shutil.copytree(whole.path, tmp_path / "ds")
    parts = sorted((tmp_path / "ds" / "labels").rglob("*.parquet"))
    for part in random.Random(seed).sample(parts, len(parts) // 2):
        part.unlink()
    assert contents(api.annotate(tmp_path / "ds", api.Options(workers=1))) == contents(whole)
