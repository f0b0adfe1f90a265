"""Damaged JPEG and PNG files are told from whole ones, and never raise."""

from __future__ import annotations

import io
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from curate.ingest import Loaded, load
from curate.ingest.jpeg import parse_jpeg
from schemas.columns import images
from schemas.columns import sources as src

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def photo(seed: int = 0, width: int = 120, height: int = 88) -> np.ndarray:
    """A picture with smooth areas, edges and some noise."""
    rng = np.random.default_rng(seed)
    base = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(base.astype(int) + rng.integers(-12, 13, base.shape), 0, 255).astype(np.uint8)


def encoded(format: str, pixels: np.ndarray | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(photo() if pixels is None else pixels).save(out, format, **options)
    return out.getvalue()


def loaded(data: bytes, folder: Path, **kwargs: object) -> Loaded:
    path = folder / "picture"
    path.write_bytes(data)
    return load({src.URI.name: str(path), src.BYTES.name: len(data)}, **kwargs)  # type: ignore[arg-type]


def outcome(data: bytes, folder: Path) -> tuple[object, object]:
    """Status and reason; checks that pixels are there exactly if the status is ok."""
    result = loaded(data, folder)
    status, reason = result.row[images.STATUS.name], result.row[images.REASON.name]
    assert (result.pixels is not None) == (status == "ok")
    assert set(result.row) == set(images.IMAGES)
    if status != "ok":
        assert reason
        assert result.row[images.DETAIL.name]
    return status, reason


KINDS = {
    "baseline": {"quality": 90},
    "progressive": {"quality": 90, "progressive": True},
    "restarts": {"quality": 85, "restart_marker_rows": 1},
    "no_subsampling": {"quality": 95, "subsampling": 0},
    "optimised": {"quality": 60, "optimize": True},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(120, 88), (33, 17), (9, 200), (16, 16), (257, 255)])
def test_whole_files_of_every_coding_are_accepted_and_equal_pillows_pixels(
    kind: str, size: tuple[int, int], tmp_path: Path
) -> None:
    data = encoded("JPEG", photo(1, *size), **KINDS[kind])
    result = loaded(data, tmp_path)
    assert result.row[images.STATUS.name] == "ok", result.row[images.DETAIL.name]
    np.testing.assert_array_equal(result.pixels, np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("value", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_flat_pictures_are_not_taken_for_short_ones(value: int, mode: str, tmp_path: Path) -> None:
    for options in KINDS.values():
        out = io.BytesIO()
        Image.new(mode, (64, 48), value if mode == "L" else (value, 255 - value, value)).save(out, "JPEG", **options)
        assert outcome(out.getvalue(), tmp_path) == ("ok", "")


@pytest.mark.parametrize("kind", KINDS)
def test_missing_data_before_the_end_marker_is_found(kind: str, tmp_path: Path) -> None:
    data = encoded("JPEG", **KINDS[kind])
    start, stop = parse_jpeg(data).segments[-1]
    for share in (0.1, 0.5, 0.8):
        cut = start + int((stop - start) * share)
        assert outcome(data[:cut] + data[stop:], tmp_path) == ("rejected", "corrupt"), share


@pytest.mark.parametrize("kind", ["baseline", "optimised"])
def test_surplus_data_before_the_end_marker_is_found(kind: str, tmp_path: Path) -> None:
    data = encoded("JPEG", **KINDS[kind])
    _, stop = parse_jpeg(data).segments[-1]
    surplus = bytes(random.Random(1).choices(range(255), k=60))
    assert outcome(data[:stop] + surplus + data[stop:], tmp_path) == ("rejected", "corrupt")


def test_a_zeroed_block_is_found(tmp_path: Path) -> None:
    data = encoded("JPEG", photo(2, 400, 300), quality=90)
    start, stop = parse_jpeg(data).segments[0]
    for share in (0.3, 0.7):
        at = start + int((stop - start) * share)
        assert outcome(data[:at] + bytes(512) + data[at + 512 :], tmp_path) == ("rejected", "corrupt")


def test_a_lost_or_swapped_restart_marker_is_found(tmp_path: Path) -> None:
    data = encoded("JPEG", **KINDS["restarts"])
    (_, first), (second, _), *_ = parse_jpeg(data).segments
    assert data[first:second] == b"\xff\xd0"
    assert outcome(data[:first] + data[second:], tmp_path) == ("rejected", "corrupt")
    assert outcome(data[:first] + b"\xff\xd3" + data[second:], tmp_path) == ("rejected", "corrupt")


def test_bytes_behind_the_end_are_ignored(tmp_path: Path) -> None:
    for data in (encoded("JPEG"), encoded("PNG")):
        whole, longer = loaded(data, tmp_path), loaded(data + random.Random(3).randbytes(3000), tmp_path)
        np.testing.assert_array_equal(whole.pixels, longer.pixels)


def test_pairs_of_fill_bytes_before_markers_are_allowed(tmp_path: Path) -> None:
    data = encoded("JPEG")
    assert outcome(data[:-2] + b"\xff\xff\xff\xd9", tmp_path) == ("ok", "")


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@given(share=st.floats(0, 0.999))
@FUZZ
def test_a_file_cut_anywhere_gives_no_pixels(format: str, share: float, tmp_path: Path) -> None:
    data = encoded(format)
    status, reason = outcome(data[: int(len(data) * share)], tmp_path)
    assert status == "rejected"
    assert reason in ("empty", "truncated", "not_an_image")


@given(data=st.binary(max_size=400), head=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a"]))
@FUZZ
def test_random_bytes_never_raise_and_never_pass(data: bytes, head: bytes, tmp_path: Path) -> None:
    assert outcome(head + data, tmp_path)[0] == "rejected"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "PPM"])
@given(seed=st.integers(0, 10**6), count=st.integers(1, 12))
@settings(FUZZ, max_examples=40)
def test_random_damage_never_raises(format: str, seed: int, count: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    data = bytearray(encoded(format))
    for _ in range(count):
        data[rng.randrange(len(data))] = rng.randrange(256)
    first, second = loaded(bytes(data), tmp_path), loaded(bytes(data), tmp_path)
    assert first.row == second.row
    if first.pixels is not None:
        np.testing.assert_array_equal(first.pixels, second.pixels)
    outcome(bytes(data), tmp_path)


@given(seed=st.integers(0, 10**6))
@FUZZ
def test_any_changed_byte_of_a_png_chunk_is_found(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    data = bytearray(encoded("PNG"))
    data[rng.randrange(41, len(data) - 12)] ^= 1 << rng.randrange(8)
    assert outcome(bytes(data), tmp_path)[0] == "rejected"
