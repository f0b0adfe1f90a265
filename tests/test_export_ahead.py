"""Pictures read ahead and files hashed beside the work: in their order, each checked, and nothing lost on the way."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curate.export import ahead as ahead_module
from curate.export.ahead import CHANGED, TOGETHER, Ahead
from curate.export.encode import without_metadata
from curate.export.hashes import SMALL, Hashing
from curate.ingest.reader import content_id
from schemas.columns import images


@pytest.mark.parametrize("size", [1, 30, 10**9])
def test_pictures_come_in_order_and_what_is_wrong_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(ahead_module, "AHEAD", 40)
    wanted, number = [], TOGETHER * 4 + 3
    for i in range(number):
        path = tmp_path / f"{i}.jpg"
        path.write_bytes(b"%d" % i)
        source = {images.URI.name: str(path), images.MEMBER.name: None}
        wanted.append((content_id(path.read_bytes()), source, size))
    (tmp_path / "5.jpg").write_bytes(b"other")
    (tmp_path / f"{number - 1}.jpg").unlink()
    with Ahead() as ahead:
        found = list(ahead.read(wanted))
        assert list(ahead.read(wanted[:2])) == found[:2] and list(ahead.read([])) == []
    expected: list[tuple[bytes | None, str]] = [(b"%d" % i, "") for i in range(number)]
    expected[5], expected[-1] = (None, CHANGED), (None, "No such file or directory")
    assert found == expected


def test_files_small_and_large_are_hashed_as_they_are(tmp_path: Path) -> None:
    contents = {"a/small": b"x", "b/edge": bytes(SMALL), "b/large": bytes(range(256)) * (SMALL // 128)}
    for name, data in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    with Hashing(tmp_path) as hashing:
        pending = hashing.of(tmp_path / name for name in contents)
        assert pending.facts() == {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in contents.items()
        }


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_bytes_without_metadata_are_not_copied(form: str) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
    bare, told = io.BytesIO(), io.BytesIO()
    picture.save(bare, form)
    exif = Image.Exif()
    exif[0x010E] = "where it was"
    picture.save(told, form, exif=exif)
    assert without_metadata(bare.getvalue(), form) == bare.getvalue()
    data = bare.getvalue()
    assert without_metadata(data, form) is data
    assert b"where it was" in told.getvalue() and without_metadata(told.getvalue(), form) == data
