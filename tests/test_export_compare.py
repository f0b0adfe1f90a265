"""The comparison sees changed and missing pictures, and knows other bytes of the same pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curate.export.compare import Comparison, compare
from curate.export.encode import decode, encode
from curate.export.formats.imagefolder import ImageFolder
from curate.export.gather import Gatherer
from curate.export.index import index
from curate.export.options import ExportOptions
from curate.export.run import export
from curate.store import Dataset
from tests.export_samples import hard_cases


@pytest.fixture
def ds(tmp_path: Path) -> Dataset:
    return hard_cases(tmp_path, 20)


def compared(ds: Dataset, folder: Path) -> Comparison:
    options = ExportOptions(columns=())
    with Gatherer(ds, options, ()) as gatherer:
        entries = index(ds, options, ImageFolder.unit).entries
        return compare(ImageFolder(), folder, gatherer.samples(entries), (), {})


def test_pictures_are_held_against_what_was_given(ds: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(ds, "imagefolder", out, ExportOptions(columns=(), verify=False))
    assert compared(ds, out).equal
    first, second, third = sorted(out.glob("train/*.png"))[:3]
    first.write_bytes(encode(decode(first.read_bytes()), "png") + b"\0")
    assert compared(ds, out).equal, "other bytes of the same pixels are the same picture"
    pixels = decode(second.read_bytes()).copy()
    pixels[0, 0] ^= 255
    second.write_bytes(encode(np.ascontiguousarray(pixels), "png"))
    found = compared(ds, out)
    assert dict(found.wrong) == {"picture": 1} and second.stem in found.examples[0]
    lines = (out / "train" / "metadata.jsonl").read_text("utf-8").splitlines(keepends=True)
    (out / "train" / "metadata.jsonl").write_text("".join(x for x in lines if third.stem not in x), "utf-8")
    assert compared(ds, out).missing == 1
