"""JSON texts that are made many at a time hold the same values as those made one by one."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from curate.export.encode import picture_size
from curate.export.formats.webdataset import member
from curate.export.gather import Gatherer
from curate.export.index import index
from curate.export.lines import BATCH, decimals, numbers, records, values, with_records
from curate.export.options import ExportOptions
from curate.export.plain import sample_record, to_plain
from curate.export.sample import Sample
from schemas.columns import labels
from tests.export_samples import LABELLED, hard_cases


@pytest.fixture(scope="module", params=["none", "crop224"])
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    ds = hard_cases(tmp_path_factory.mktemp("hard"), pictures=100)
    options = ExportOptions(columns=tuple(c.name for c in LABELLED), crop=request.param)
    with Gatherer(ds, options, LABELLED) as gatherer:
        return list(gatherer.samples(index(ds, options, "faces").entries))


def test_records_are_those_made_one_by_one(samples: list[Sample]) -> None:
    found = [json.loads(text) for text in records(samples, LABELLED, lambda s: {"file_name": s.file})]
    assert len(found) == len(samples) > BATCH
    for told, sample in zip(found, samples, strict=True):
        assert next(iter(told)) == "file_name" and told.pop("file_name") == sample.file
        assert told == sample_record(sample, LABELLED) and list(told) == list(sample_record(sample, LABELLED))


def test_samples_are_taken_in_batches(samples: list[Sample]) -> None:
    taken: list[str] = []
    stream = with_records((taken.append(s.key) or s for s in samples), LABELLED)
    first, text = next(stream)
    assert first is samples[0] and json.loads(text)["number"] == first.number and len(taken) == BATCH
    assert [s.key for s, _ in stream] == [s.key for s in samples[1:]]


@given(arrays.arrays(np.float32, st.integers(1, 40), elements=st.floats(width=32, allow_subnormal=True)))
def test_decimals_are_shortest_and_the_same_in_single_precision(flat: Any) -> None:
    for number, text in zip(flat, decimals(flat), strict=True):
        value = json.loads(text)
        if np.isfinite(number):
            assert isinstance(value, float) and np.float32(value) == number
            assert len(text.replace("+", "")) <= len(repr(float(number)))
        else:
            assert value is None


def test_known_decimals() -> None:
    told = decimals(np.array([0.1, 1, -0.0, 1e-7, 16777216, np.nan, np.inf, 1e20], np.float32))
    assert told == ["0.1", "1.0", "-0.0", "1e-7", "16777216.0", "null", "null", "1e+20"]


def test_numbers_keep_their_shape_and_gaps() -> None:
    points = np.array([[1.5, 2], [np.nan, 4]], np.float32)
    assert numbers([points, None, points + 1], (2, 2)) == [
        "[[1.5, 2.0], [null, 4.0]]",
        None,
        "[[2.5, 3.0], [null, 5.0]]",
    ]
    assert numbers([None], (2,)) == [None] and numbers([], (2,)) == []


def test_scores_keep_their_names() -> None:
    (text, none) = values(labels.GENDER_PROB, [{"Female": 0.25, "Male": None}, None])
    assert text == '{"Female": 0.25, "Male": null}' and none is None


@given(arrays.arrays(np.float32, (3, 2), elements=st.floats(width=32)))
def test_arrays_become_the_lists_that_their_numbers_become(points: Any) -> None:
    assert to_plain(points) == [[to_plain(float(v)) for v in row] for row in points]


@given(st.lists(st.tuples(st.text("abc0_-.", min_size=1, max_size=100), st.binary(max_size=1500)), max_size=12))
def test_members_are_those_that_tarfile_writes(files: list[tuple[str, bytes]]) -> None:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files:
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(data), 0o644
            tar.addfile(about, io.BytesIO(data))
    found = b"".join(piece for name, data in files for piece in member(name, data))
    assert whole.getvalue()[: len(found)] == found and not whole.getvalue()[len(found) :].strip(b"\0")


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize(
    ("form", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGB"), ("PNG", "P"), ("WEBP", "RGB")]
)
def test_sizes_are_in_the_head(form: str, mode: str, progressive: bool) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a long description " * 50
    data = io.BytesIO()
    Image.new(mode, (37, 211)).save(data, form, progressive=progressive, exif=exif)
    assert picture_size(data.getvalue()) == (37, 211)
    with pytest.raises(OSError, match=r"Truncated|cannot identify"):
        picture_size(b"\xff\xd8\xff\xfenothing of the kind")
