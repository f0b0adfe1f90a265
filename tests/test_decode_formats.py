"""Every format and pixel layout becomes the right upright RGB pixels."""

from __future__ import annotations

import io
import threading
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from curate.ingest import Limits, Loaded, content_id, load
from schemas.columns import images
from schemas.columns import sources as src

RAMP = np.linspace(0, 255, 64).astype(np.uint8)
GREY = np.tile(RAMP, (48, 1))
COLOUR = np.dstack([GREY, GREY[:, ::-1], np.tile(np.linspace(0, 255, 48).astype(np.uint8)[:, None], (1, 64))])


def encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def loaded(data: bytes, folder: Path, name: str = "picture", **kwargs: object) -> Loaded:
    path = folder / name
    path.write_bytes(data)
    return load({src.URI.name: str(path)}, **kwargs)  # type: ignore[arg-type]


def pixels_of(data: bytes, folder: Path) -> np.ndarray:
    result = loaded(data, folder)
    assert result.pixels is not None, result.row[images.DETAIL.name]
    assert result.pixels.dtype == np.uint8
    assert result.pixels.ndim == 3
    assert result.pixels.flags.c_contiguous
    assert result.pixels.flags.writeable
    assert result.pixels.shape[:2] == (result.row[images.HEIGHT.name], result.row[images.WIDTH.name])
    return result.pixels


def reason_of(data: bytes, folder: Path, **kwargs: object) -> tuple[object, object]:
    result = loaded(data, folder, **kwargs)
    assert result.pixels is None
    return result.row[images.STATUS.name], result.row[images.REASON.name]


LOSSLESS = [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("PPM", {}),
            ("WEBP", {"lossless": True}), ("TIFF", {"compression": "tiff_adobe_deflate"})]  # fmt: skip


@pytest.mark.parametrize(("format", "options"), LOSSLESS)
def test_colour_survives_unchanged(format: str, options: dict[str, object], tmp_path: Path) -> None:
    data = encoded(Image.fromarray(COLOUR), format, **options)
    np.testing.assert_array_equal(pixels_of(data, tmp_path), COLOUR)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP", "PPM"])
def test_grey_becomes_three_equal_channels(format: str, tmp_path: Path) -> None:
    data = encoded(Image.fromarray(GREY), format)
    np.testing.assert_array_equal(pixels_of(data, tmp_path), np.dstack([GREY] * 3))


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_over_its_range(format: str, tmp_path: Path) -> None:
    values = np.tile(np.array([0, 128, 129, 257, 32767, 65406, 65407, 65535] * 4, np.uint16), (16, 1))
    found = pixels_of(encoded(Image.fromarray(values), format), tmp_path)[0, :8, 0]
    assert found.tolist() == [0, 0, 1, 1, 127, 254, 255, 255]


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_colour_is_scaled_over_its_range(suffix: str, tmp_path: Path) -> None:
    deep = COLOUR.astype(np.uint16) * 257
    ok, data = cv2.imencode(suffix, deep[:, :, ::-1])
    assert ok
    result = loaded(data.tobytes(), tmp_path)
    assert result.row[images.MODE.name] == "RGB;16"
    np.testing.assert_array_equal(result.pixels, COLOUR)


def test_cmyk_is_not_inverted(tmp_path: Path) -> None:
    red = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    for format, options in (("JPEG", {"quality": 95}), ("TIFF", {})):
        result = loaded(encoded(red, format, **options), tmp_path)
        assert result.row[images.MODE.name] == "CMYK"
        assert result.pixels is not None
        np.testing.assert_allclose(result.pixels[16, 16], (255, 0, 0), atol=6)


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    alpha = np.tile(np.array([0, 128, 255, 255], np.uint8).repeat(16), (48, 1))
    data = encoded(Image.fromarray(np.dstack([np.zeros((48, 64, 3), np.uint8), alpha])), "PNG")
    assert pixels_of(data, tmp_path)[0, [0, 20, 40]].tolist() == [[255] * 3, [127] * 3, [0] * 3]
    grey = encoded(Image.merge("LA", [Image.new("L", (64, 48)), Image.fromarray(alpha)]), "PNG")
    assert pixels_of(grey, tmp_path)[0, [0, 20, 40], 0].tolist() == [255, 127, 0]
    palette = Image.fromarray(np.tile(np.array([0, 1], np.uint8).repeat(16), (32, 1)), "P")
    palette.putpalette([10, 20, 30, 200, 100, 50])
    for format in ("PNG", "GIF"):
        found = pixels_of(encoded(palette, format, transparency=0), tmp_path)
        assert found[0, [0, 20]].tolist() == [[255] * 3, [200, 100, 50]]


def test_palette_bilevel_and_float(tmp_path: Path) -> None:
    palette = Image.fromarray(COLOUR).quantize(16)
    np.testing.assert_array_equal(pixels_of(encoded(palette, "PNG"), tmp_path), np.asarray(palette.convert("RGB")))
    bilevel = Image.fromarray(GREY > 127)
    np.testing.assert_array_equal(pixels_of(encoded(bilevel, "PNG"), tmp_path)[0, [0, 63], 0], [0, 255])
    floating = Image.fromarray(GREY.astype(np.float32) / 255)
    np.testing.assert_array_equal(pixels_of(encoded(floating, "TIFF"), tmp_path)[..., 0], GREY)


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_frame_is_used(format: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 30), c) for c in ("red", "lime", "blue")]
    options = {"save_all": True, "append_images": frames[1:]} | ({"lossless": True} if format == "WEBP" else {})
    result = loaded(encoded(frames[0], format, **options), tmp_path)
    assert result.row[images.FRAMES.name] == 3
    assert result.pixels is not None
    assert result.pixels[0, 0].tolist() == [255, 0, 0]


TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}
"""How a camera stores an upright scene for each tag: the inverse of what makes it upright."""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_exactly_once(orientation: int, format: str, tmp_path: Path) -> None:
    upright = np.kron(COLOUR[::8, ::8], np.ones((8, 8, 1), np.uint8))
    stored = Image.fromarray(np.ascontiguousarray(TURNED[orientation](upright)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format, {})
    result = loaded(encoded(stored, format, exif=exif, **options), tmp_path)
    assert result.row[images.ORIENTATION.name] == orientation
    assert (result.row[images.WIDTH.name], result.row[images.HEIGHT.name]) == (64, 48)
    assert result.pixels is not None
    np.testing.assert_allclose(result.pixels.astype(int), upright, atol=3 if format == "JPEG" else 0)


def test_a_position_is_noted_but_not_copied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    exif.get_ifd(0x8825).update({1: "N", 2: (12.0, 34.0, 56.0)})
    for format in ("JPEG", "PNG", "WEBP"):
        row = loaded(encoded(Image.fromarray(COLOUR), format, exif=exif), tmp_path).row
        assert row[images.HAS_GPS.name] is True, format
        assert "12.0" not in str(row)
    assert loaded(encoded(Image.fromarray(COLOUR), "JPEG"), tmp_path).row[images.HAS_GPS.name] is False


def test_damaged_exif_is_survived_without_a_warning(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes()
    for damaged in (block[:14], block[:20], b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 60):
        result = loaded(encoded(Image.fromarray(COLOUR), "JPEG", exif=damaged), tmp_path)
        assert result.row[images.STATUS.name] == "ok"


def wide_profile() -> bytes:
    """sRGB's profile with red and green primaries swapped: any use of it is plain to see."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    at = profile.index("sRGB".encode("utf-16-be"))
    profile[at : at + 8] = "swap".encode("utf-16-be")
    return bytes(profile)


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_foreign_profile_is_applied_and_srgb_left_alone(format: str, tmp_path: Path) -> None:
    red = Image.new("RGB", (32, 32), (250, 10, 10))
    options = {"quality": 100, "subsampling": 0} if format == "JPEG" else {}
    swapped = pixels_of(encoded(red, format, icc_profile=wide_profile(), **options), tmp_path)
    assert swapped[5, 5, 1] > 200
    assert swapped[5, 5, 0] < 100
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = pixels_of(encoded(red, format, **options), tmp_path)
    np.testing.assert_array_equal(pixels_of(encoded(red, format, icc_profile=srgb, **options), tmp_path), plain)


def test_a_damaged_profile_is_said_and_ignored(tmp_path: Path) -> None:
    broken = wide_profile()[:100] + bytes(50)
    result = loaded(encoded(Image.fromarray(COLOUR), "PNG", icc_profile=broken), tmp_path)
    assert result.row[images.STATUS.name] == "ok"
    assert "profile" in str(result.row[images.DETAIL.name])
    np.testing.assert_array_equal(result.pixels, COLOUR)


def png_claiming(width: int, height: int, body: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "PPM", "WEBP", "AVIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_cut_files_of_other_formats_give_no_pixels(format: str, share: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), format)
    status, reason = reason_of(data[: int(len(data) * share)], tmp_path)
    assert status == "rejected"
    assert reason in ("truncated", "corrupt")


def test_sizes_beyond_the_limits(tmp_path: Path) -> None:
    assert reason_of(png_claiming(60_000, 60_000), tmp_path) == ("rejected", "decompression_bomb")
    picture = encoded(Image.effect_noise((200, 100), 80), "PNG")
    assert reason_of(picture, tmp_path, limits=Limits(max_pixels=19_999)) == ("rejected", "too_large")
    assert reason_of(picture, tmp_path, limits=Limits(max_bytes=500)) == ("rejected", "too_large")
    assert reason_of(encoded(Image.new("RGB", (1, 1)), "PNG"), tmp_path) == ("rejected", "too_small")
    assert reason_of(encoded(Image.new("RGB", (300, 8)), "JPEG"), tmp_path) == ("rejected", "too_small")
    assert loaded(encoded(Image.new("RGB", (300, 9)), "JPEG"), tmp_path).row[images.STATUS.name] == "ok"


NOT_PICTURES = {
    "HTML": b"<!DOCTYPE html><html><body>404</body></html>",
    "SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "PDF": b"%PDF-1.7\n%\xe2\xe3",
    "ZIP": b"PK\x03\x04\x14\x00",
    "MP4": b"\0\0\0\x18ftypisom\0\0\2\0",
    "JSON": b'{"a": 1}',
    "text": "name;größe\n".encode(),
    "Parquet": b"PAR1\x15\x04",
    "gzip": b"\x1f\x8b\x08\x00",
    "zero bytes": bytes(500),
    "unknown": b"\x07\x99\xfe\x01\x80",
}


@pytest.mark.parametrize("kind", NOT_PICTURES)
def test_other_files_are_named(kind: str, tmp_path: Path) -> None:
    row = loaded(NOT_PICTURES[kind], tmp_path, "photo.jpg").row
    assert (row[images.STATUS.name], row[images.REASON.name]) == ("rejected", "not_an_image")
    assert kind in str(row[images.DETAIL.name])


@pytest.mark.parametrize(
    "head",
    [b"\0\0\0\x18ftypheic", b"II*\0\x10\0\0\0CR\2\0", b"\0\0\0\x18ftypcrx ", b"\xff\x0a\xfa", b"FUJIFILMCCD-RAW"],
)
def test_pictures_that_nothing_here_decodes(head: bytes, tmp_path: Path) -> None:
    assert reason_of(head + bytes(64), tmp_path) == ("rejected", "unsupported_format")


def test_missing_unreadable_changed_and_empty(tmp_path: Path) -> None:
    gone = load({src.URI.name: str(tmp_path / "gone.jpg")}).row
    assert (gone[images.STATUS.name], gone[images.REASON.name], gone[images.IMAGE_ID.name]) == (
        "failed",
        "missing",
        None,
    )
    folder = load({src.URI.name: str(tmp_path)}).row
    assert (folder[images.STATUS.name], folder[images.REASON.name]) == ("failed", "unreadable")
    assert load({src.URI.name: ""}).row[images.REASON.name] == "missing"
    assert reason_of(b"", tmp_path) == ("rejected", "empty")
    data = encoded(Image.fromarray(COLOUR), "PNG")
    assert reason_of(data, tmp_path, expect_id="0" * 32) == ("failed", "changed")
    same = loaded(data, tmp_path, expect_id=content_id(data))
    assert same.row[images.IMAGE_ID.name] == content_id(data)
    assert same.pixels is not None


def test_content_id_is_blake2b_of_16_bytes() -> None:
    assert content_id(b"") == "cae66941d9efbd404e4d88758ea67670"


def test_duplicates_are_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(COLOUR), "PNG"))
    result = load({src.URI.name: str(path), src.DUPLICATE_OF.name: "/first.png"})
    assert (result.row[images.STATUS.name], result.row[images.REASON.name]) == ("duplicate", "duplicate")
    assert result.row[images.DUPLICATE_OF.name] == "/first.png"
    assert result.pixels is None


def test_threads_agree_and_nothing_global_changes(tmp_path: Path) -> None:
    files = [encoded(Image.fromarray(COLOUR), f) for f in ("PNG", "JPEG", "GIF", "TIFF", "WEBP")]
    paths = [tmp_path / str(i) for i in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    expected = [load({src.URI.name: str(p)}).pixels for p in paths]
    state = (list(warnings.filters), Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    results: dict[tuple[int, int], np.ndarray | None] = {}

    def work(number: int) -> None:
        for i, path in enumerate(paths):
            results[number, i] = load({src.URI.name: str(path)}).pixels

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 30
    for (_, i), found in results.items():
        np.testing.assert_array_equal(found, expected[i])
    assert state == (list(warnings.filters), Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
