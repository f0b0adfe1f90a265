"""Copies of photos are found, mirrored or not; other photos are not; children's are only reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_samples import CHILD, dataset, people
from store_samples import add
from test_cli import call, mistake
from toy_data import options

from annotators.weights import ModelStore
from curate import api
from curate.identity.copies import embedding_ties, face_ties, layout_distance, match, picture_ties
from curate.identity.duplicates import Settings, find_duplicates
from curate.identity.hamming import fine_distance, near_hashes
from curate.identity.hashes import hash_picture, perceptual_hash, picture_hashes
from curate.identity.similar import Search
from curate.store import Dataset
from schemas.columns import faces, hashes, images, labels


def picture(seed: int, width: int = 240, height: int = 160) -> np.ndarray[Any, Any]:
    """A smooth random picture with one saturated square, which the toy detector takes for a face."""
    rng = np.random.default_rng(seed)
    grey = cv2.resize(rng.integers(40, 216, (9, 12)).astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    image = np.repeat(grey[..., None], 3, axis=2)
    left = 20 + 10 * (seed % 5)
    image[40:100, left : left + 60] = (30, 60 + 10 * (seed % 4), 200)
    return image


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five pictures, and of the first one every kind of copy."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(5):
        cv2.imwrite(str(folder / f"{seed}.png"), picture(seed))
    first = picture(0)
    cv2.imwrite(str(folder / "pixels.tif"), first)
    cv2.imwrite(str(folder / "small.png"), cv2.resize(first, (180, 120), interpolation=cv2.INTER_AREA))
    cv2.imwrite(str(folder / "jpeg.jpg"), first, [cv2.IMWRITE_JPEG_QUALITY, 60])
    cv2.imwrite(str(folder / "bright.png"), cv2.convertScaleAbs(first, alpha=1.1, beta=5))
    cv2.imwrite(str(folder / "mirror.png"), first[:, ::-1])
    (folder / "bytes.png").write_bytes((folder / "0.png").read_bytes())
    return folder


def groups(ds: Dataset) -> dict[str, tuple[str, str, bool]]:
    wanted = [images.NAME, labels.DUPLICATE_GROUP, labels.DUPLICATE_KIND, labels.DUPLICATE_KEEP]
    return {name: values for name, *values in zip(*ds.faces(wanted).to_pydict().values(), strict=True)}


def test_every_kind_of_copy_is_found_and_nothing_else(toys: Path, photos: Path, tmp_path: Path) -> None:
    ds = api.ingest(photos, tmp_path / "ds", options(annotators=()))
    found = find_duplicates(ds, Settings(assume_adults=True))
    by_name = groups(ds)
    copies = {"0.png", "pixels.tif", "small.png", "jpeg.jpg", "bright.png", "mirror.png"}
    assert {n for n, g in by_name.items() if g[0] == by_name["0.png"][0]} == copies
    kinds = {name: by_name[name][1] for name in copies}
    assert kinds == {
        "0.png": "exact", "pixels.tif": "exact", "small.png": "near", "jpeg.jpg": "near", "bright.png": "near",
        "mirror.png": "mirrored",
    }  # fmt: skip
    assert sum(by_name[name][2] for name in copies) == 1
    assert {n: g[1:] for n, g in by_name.items() if n not in copies} == {
        f"{s}.png": ["unique", True] for s in range(1, 5)
    }
    assert found.counts["pictures with the same bytes (ledger)"] == 1
    assert len({g[0] for g in by_name.values()}) == 5


def test_without_ages_copies_are_reported_and_all_kept(toys: Path, photos: Path, tmp_path: Path) -> None:
    ds = api.ingest(photos, tmp_path / "ds", options(annotators=()))
    found = find_duplicates(ds)
    assert found.counts["groups of duplicates"] == 1
    assert found.counts["faces that could be dropped"] == 0
    assert all(keep for _, _, keep in groups(ds).values())


def test_the_best_copy_is_kept(toys: Path, photos: Path, tmp_path: Path) -> None:
    ds = api.ingest(photos, tmp_path / "ds", options(annotators=(), shard_size=100))
    (key,) = ds.keys("faces")
    names = ds.faces([images.NAME]).column(0).to_pylist()
    add(ds, "q", "model", "2025-01-01", {labels.QUALITY_SCORE: [0.9 if n == "jpeg.jpg" else 0.5 for n in names]}, key)
    find_duplicates(ds, Settings(assume_adults=True))
    by_name = groups(ds)
    kept = [n for n, g in by_name.items() if g[0] == by_name["0.png"][0] and g[2]]
    assert kept == ["jpeg.jpg"]


def test_hashes_are_kept_and_made_anew_when_damaged(
    toys: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curate.identity import hashes as module

    ds = api.ingest(photos, tmp_path / "ds", options(annotators=(), shard_size=4))
    first = picture_hashes(ds)
    files = sorted((ds.path / "hashes").glob("*.parquet"))
    assert len(files) == len(ds.keys("images"))
    assert pq.read_schema(files[0]).names == list(hashes.HASHES)
    files[0].write_bytes(b"broken")
    read: list[object] = []
    real = module.load
    monkeypatch.setattr(module, "load", lambda *a: read.append(a) or real(*a))
    assert picture_hashes(ds).equals(first)
    assert 0 < len(read) <= 4


def test_a_picture_that_could_not_be_read_is_told_and_tried_again(
    toys: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curate.identity import hashes as module

    ds = api.ingest(photos, tmp_path / "ds", options(annotators=()))
    gone = photos / "jpeg.jpg"
    gone.rename(tmp_path / "away.jpg")
    found = find_duplicates(ds, Settings(assume_adults=True))
    assert found.counts["pictures that could not be read again"] == 1
    assert groups(ds)["jpeg.jpg"][1] == "unique"
    (tmp_path / "away.jpg").rename(gone)
    read: list[object] = []
    real = module.load
    monkeypatch.setattr(module, "load", lambda *a: read.append(a) or real(*a))
    again = find_duplicates(ds, Settings(assume_adults=True))
    assert len(read) == 1, "only what is missing"
    assert again.counts["pictures that could not be read again"] == 0
    assert groups(ds)["jpeg.jpg"][1] == "near"


def test_hashes_are_those_of_imagehash() -> None:
    """The library's DCT hash, from the same 32 x 32 pixels, sets the same bits but for its choice of the median."""
    imagehash = pytest.importorskip("imagehash")
    from PIL import Image

    for seed in range(5):
        small = cv2.resize(picture(seed)[..., 0], (32, 32), interpolation=cv2.INTER_AREA)
        theirs = imagehash.phash(Image.fromarray(small), hash_size=8, highfreq_factor=4).hash.ravel()
        ours = np.unpackbits(perceptual_hash(small.astype(np.float32), 8)).astype(bool)
        assert (theirs != ours).sum() <= 1


def test_a_mirrored_picture_has_the_mirrored_hash() -> None:
    here, there = hash_picture(picture(1)), hash_picture(np.ascontiguousarray(picture(1)[:, ::-1]))
    assert (here[hashes.HASH.name] ^ there[hashes.HASH_MIRRORED.name]).bit_count() <= 2
    assert here[hashes.HASH.name] != there[hashes.HASH.name]
    assert here[hashes.PIXELS.name] != there[hashes.PIXELS.name]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=30), st.integers(0, 11))
@settings(deadline=None)
def test_near_hashes_are_all_pairs(values: list[int], bits: int) -> None:
    codes = np.array(values + [v ^ 0b1011 << 7 for v in values], np.uint64)
    a, b = near_hashes(codes, codes, bits)
    every = [(i, j) for i in range(len(codes)) for j in range(len(codes)) if i != j]
    wanted = [(i, j) for i, j in every if (int(codes[i]) ^ int(codes[j])).bit_count() <= bits]
    assert list(zip(a.tolist(), b.tolist(), strict=True)) == wanted


def test_the_index_of_hashes_misses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    from curate.identity import hamming

    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**63, 400, dtype=np.uint64)
    flips = np.zeros(400, np.uint64)
    for _ in range(10):
        flips |= np.uint64(1) << rng.integers(0, 64, 400, dtype=np.uint64)
    codes = np.concatenate([base, base ^ flips])
    exact = near_hashes(codes, codes)
    monkeypatch.setattr(hamming, "EXACT_LIMIT", 0)
    indexed = near_hashes(codes, codes)
    assert len(exact[0]) >= 800
    assert all(np.array_equal(x, y) for x, y in zip(exact, indexed, strict=True))


def test_faces_of_copies_are_matched_by_place() -> None:
    here = np.array([[0.1, 0.1, 0.2, 0.4], [0.6, 0.1, 0.2, 0.4]])
    there = np.array([[0.61, 0.12, 0.2, 0.4], [0.4, 0.7, 0.1, 0.1]])
    assert match(here, there) == [(1, 0)]
    assert match(here, here[:0]) == []
    from curate.identity.copies import MIRRORED, Ties

    mirrored = np.column_stack([1 - here[:, 0] - here[:, 2], here[:, 1:]])
    ties = face_ties(
        Ties(np.array([0]), np.array([1]), np.array([MIRRORED])), np.array([0, 0, 1, 1]), np.vstack([here, mirrored])
    )
    assert (ties.a.tolist(), ties.b.tolist()) == ([0, 1], [2, 3])


def test_layout_ignores_place_size_and_turn_but_not_mirroring() -> None:
    points = np.array([[[0.0, 0], [4, 0.5], [2, 2], [1, 4], [3, 4.2]]])
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert layout_distance(points, 3 * points @ turn + 7) == pytest.approx(0, abs=1e-7)
    assert layout_distance(points, points * [-1, 1])[0] > 0.2


def test_cuts_of_one_photo_are_tied_unless_the_layout_differs() -> None:
    vectors, _ = people(2, 2, spread=0.2)
    points = np.tile(np.array([[0.0, 0], [4, 0.5], [2, 2], [1, 4], [3, 4.2]]), (4, 1, 1))
    points[3] = [[0, 0], [1, 0], [3, 3], [0, 2], [1, 2]]
    ties = embedding_ties(vectors, points, Search())
    assert (ties.a.tolist(), ties.b.tolist()) == ([0], [1])


def test_children_are_never_tied_by_embedding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curate.identity import duplicates

    vectors, _ = people(2, 2, spread=0.05)
    ds = dataset(tmp_path / "ds", vectors, ages=["30-39", "30-39", CHILD, CHILD], width=[100] * 4, height=[100] * 4)
    monkeypatch.setattr(duplicates, "picture_hashes", lambda ds, quiet: hashes.HASHES.schema.empty_table())
    find_duplicates(ds)
    table = ds.faces([labels.DUPLICATE_GROUP, labels.DUPLICATE_KIND, labels.DUPLICATE_KEEP]).to_pydict()
    assert table[labels.DUPLICATE_KIND.name] == ["embedding", "embedding", "unique", "unique"]
    assert len(set(table[labels.DUPLICATE_GROUP.name])) == 3
    assert table[labels.DUPLICATE_KEEP.name] == [True, False, True, True]


def test_no_pictures_no_ties() -> None:
    ties = picture_ties(hashes.HASHES.schema.empty_table())
    assert len(ties.a) == 0
    codes = np.empty((0, 4), np.uint64)
    assert len(fine_distance(codes, codes, np.empty(0, np.int64), np.empty(0, np.int64))) == 0


def test_the_command(toys: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ds = api.ingest(photos, tmp_path / "ds", options(annotators=()))
    assert call("duplicates", ds.path, "--assume-adults", "-q", "--json", tmp_path / "d.json") == 0
    assert call("duplicates", ds.path, "--assume-adults") == 0
    assert "was there already" in capsys.readouterr().out
    assert "no folder" in mistake(capsys, "duplicates", tmp_path / "nowhere")
    empty = Dataset.create(tmp_path / "empty")
    assert "holds no faces" in mistake(capsys, "duplicates", empty.path)


@pytest.mark.models
@pytest.mark.data
def test_known_copies_of_real_photos(models: ModelStore, shared_data: Path, tmp_path: Path) -> None:
    """Of six portraits, every resized, re-encoded, mirrored, grey and brightened copy is found; strangers are not."""
    folder = shared_data / "photos"
    files = [f for f in sorted((folder / "derived").glob("dup*")) if "crop" not in f.name]
    others = [folder / "face_recognition" / n for n in ("obama.jpg", "biden.jpg")]
    ds = api.ingest([*files, *others], tmp_path / "ds", api.Options(workers=1))
    find_duplicates(ds)
    table = ds.faces([images.NAME, labels.DUPLICATE_GROUP, faces.SCORE]).to_pydict()
    group = dict(zip(table[images.NAME.name], table[labels.DUPLICATE_GROUP.name], strict=True))
    named: dict[str, set[str]] = {}
    for name, value in group.items():
        named.setdefault(Path(name).name[:4], set()).add(value)
    assert {len(v) for v in named.values()} == {1}
    assert len(set().union(*named.values())) == len(named) == 8
