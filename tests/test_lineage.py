"""Where a picture comes from: in lists, in datasets old and new, in the file itself, and in splits."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity_samples import adults, dataset, people
from PIL import Image
from store_samples import image_table
from test_cli import call, mistake

from curate.generate.lineage import Lineage, seed_of, stem_of
from curate.generate.metadata import FORMATS, LONGEST, encode, packet, read_metadata
from curate.generators.promise import Change, Identity, Move, Promise
from curate.generators.provenance import VOCABULARY, DigitalSource
from curate.ingest import list_sources, load
from curate.ingest.retry import retry_sources
from curate.ingest.synthetic import says_synthetic
from curate.split.settings import Settings
from curate.split.split import make_split
from curate.store import Dataset
from curate.store.parts import write_table
from schemas import UsageError, images, labels, sources

PROMISE = Promise(Identity.KEPT, (Change(labels.AU_SCORE, Move.UP, "AU12", by=0.2),), (labels.RACE,))
LINEAGE = Lineage(
    generator="sketch/1", parent="abc", parent_face="abc.0", partner_face="", seed=2**62 + 1,
    parameters={"detail": 0.1, "text": "<&\"é\u2028"}, promise=PROMISE, step=0, steps=2, note={"area": 0.3},
    settings={"detail": None}, wanted={labels.RACE.name: "Black"}, row={}, side=256,
    digital_source=DigitalSource.COMPOSITE_SYNTHETIC.value, run="r1", extra={"fill": "f"},
)  # fmt: skip
PIXELS = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
LINEAGE_NAMES = [c.name for c in sources.LINEAGE]


def test_lineage_comes_back_from_a_row() -> None:
    assert Lineage.of_row(LINEAGE.columns()) == LINEAGE
    assert (LINEAGE.name, LINEAGE.version) == ("sketch", "1")
    row = pa.Table.from_pylist([LINEAGE.columns()], schema=pa.schema([c.field for c in sources.LINEAGE])).to_pylist()[0]
    assert Lineage.of_row(row) == LINEAGE


@pytest.mark.parametrize("form", FORMATS)
def test_files_say_what_they_are(form: str) -> None:
    data = encode(PIXELS, LINEAGE, form)
    assert data == encode(PIXELS, LINEAGE, form), "the same picture must be the same file"
    said = read_metadata(data)
    assert said["digital_source"] == "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"
    assert Lineage.of_row(said) == LINEAGE
    with Image.open(io.BytesIO(data)) as picture:
        assert not picture.getexif(), "no EXIF, so no position"
        assert picture.size == (40, 40)
        if form == "png":
            assert np.array_equal(np.asarray(picture), PIXELS)


def test_other_readers_find_the_packet_where_the_standards_put_it() -> None:
    """XMP part 3: JPEG's APP1 segment, PNG's iTXt chunk, WebP's `XMP ` chunk; each holds the same packet."""
    text = packet(LINEAGE)
    assert b"\xff\xe1" in (jpeg := encode(PIXELS, LINEAGE, "jpeg"))
    assert b"http://ns.adobe.com/xap/1.0/\0" + text in jpeg
    assert b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + text in encode(PIXELS, LINEAGE, "png")
    assert b"XMP " + len(text).to_bytes(4, "little") + text in encode(PIXELS, LINEAGE, "webp")
    root = ElementTree.fromstring(text.decode().partition("?>")[2].rpartition("<?")[0])
    (found,) = root.iter("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
    assert found.text == f"{VOCABULARY}compositeSynthetic"


def test_parameters_that_are_too_long_for_a_file_stand_in_the_dataset_alone() -> None:
    long = replace(LINEAGE, parameters={"levels": list(range(20_000))})
    assert len(packet(long)) < LONGEST
    said = read_metadata(encode(PIXELS, long, "jpeg"))
    assert images.GENERATION.name not in said
    assert said[images.PARENT_FACE.name] == "abc.0"


def test_files_name_no_path_of_this_machine() -> None:
    command = "python /home/ann/run.py --out=/tmp/x {out} C:\\Users\\ann\\m.onnx"
    parameters = {"command": command, "model": "stabilityai/sdxl", "list": [{"file": "~/me.toml"}, 1 / 3], "a/b": "a/b"}
    said = Lineage.of_row(read_metadata(encode(PIXELS, replace(LINEAGE, parameters=parameters), "png")))
    assert said.parameters == {
        "command": "python [path] --out=[path] {out} [path]", "model": "stabilityai/sdxl",
        "list": [{"file": "[path]"}, 1 / 3], "a/b": "a/b",
    }  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_generated_files_are_known_as_such_wherever_they_are_taken_in(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{FORMATS[form]}"
    enhanced = replace(LINEAGE, digital_source=DigitalSource.ALGORITHMICALLY_ENHANCED.value)
    for lineage in (LINEAGE, enhanced):
        path.write_bytes(encode(PIXELS, lineage, form))
        assert load({images.URI.name: str(path)}).row[images.IS_SYNTHETIC.name] is True
        assert (
            load({images.URI.name: str(path), images.IS_SYNTHETIC.name: False}).row[images.IS_SYNTHETIC.name] is False
        )


def test_files_of_other_tools_say_it_in_the_iptcs_words() -> None:
    def file(kind: str) -> bytes:
        return b"..." + f"<x>http://cv.iptc.org/newscodes/digitalsourcetype/{kind}</x>".encode() + b"..."

    assert says_synthetic(file("trainedAlgorithmicMedia"))
    assert says_synthetic(file("digitalCapture") + file("compositeWithTrainedAlgorithmicMedia"))
    assert not says_synthetic(file("digitalCapture") + file("algorithmicallyEnhanced"))
    assert not says_synthetic(b"")


def test_pictures_without_metadata_say_nothing() -> None:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    assert read_metadata(buffer.getvalue()) == {}


@given(st.text(), st.text(), st.integers(0, 99), st.integers(0, 2**31))
def test_seeds_tell_requests_apart(face: str, other: str, number: int, seed: int) -> None:
    mine = seed_of("sketch/1", {"a": 1.0}, face, number, seed)
    assert mine == seed_of("sketch/1", {"a": 1.0}, face, number, seed)
    assert 0 <= mine < 2**63
    others = {
        seed_of("sketch/2", {"a": 1.0}, face, number, seed),
        seed_of("sketch/1", {"a": 2.0}, face, number, seed),
        seed_of("sketch/1", {"a": float("nan")}, face, number, seed),
        seed_of("sketch/1", {"a": 1.0}, face, number + 1, seed),
        seed_of("sketch/1", {"a": 1.0}, face, number, seed + 1),
        seed_of("sketch/1", {"a": 1.0}, face, number, seed, {"wanted": "x"}, {}),
    }
    if other != face:
        others.add(seed_of("sketch/1", {"a": 1.0}, other, number, seed))
    assert len(others) == 6 + (other != face)
    assert mine not in others
    assert len({stem_of(mine, 512, "png"), stem_of(mine, 256, "png"), stem_of(mine, 512, "jpeg")}) == 3


def test_lists_say_which_pictures_are_synthetic(tmp_path: Path) -> None:
    for name in "abcd":
        Image.fromarray(PIXELS).save(tmp_path / f"{name}.png")
    (tmp_path / "list.csv").write_text("file,Is_Synthetic\na.png,true\nb.png,0\nc.png,\nd.png,Yes\n")
    found = list_sources([tmp_path / "list.csv"])
    assert found.column(sources.IS_SYNTHETIC.name).to_pylist() == [True, False, None, True]
    assert load(found.to_pylist()[0]).row[images.IS_SYNTHETIC.name] is True
    (tmp_path / "bad.csv").write_text("file,is_synthetic\na.png,perhaps\n")
    with pytest.raises(UsageError, match=r"is_synthetic of 'a.png' is 'perhaps'"):
        list_sources([tmp_path / "bad.csv"])


def test_the_ledger_of_pictures_keeps_the_lineage(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(PIXELS, LINEAGE, "png"))
    row = load({**LINEAGE.columns(), images.URI.name: str(tmp_path / "a.png"), images.MEMBER.name: None}).row
    assert Lineage.of_row(row) == LINEAGE


def without(table: pa.Table, names: list[str]) -> pa.Table:
    return table.drop_columns([n for n in names if n in table.column_names])


@pytest.fixture
def old(tmp_path: Path) -> Dataset:
    """A dataset as it was written before lineage had columns: two parts lack them, a new one has them."""
    vectors, _ = people(6, 1)
    ds = dataset(tmp_path / "old", vectors, ages=adults(6), shards=2)
    for key in ds.keys("images"):
        table = without(ds.read("images", key), [*LINEAGE_NAMES, images.PARENT.name])
        write_table(ds.part_path("images", key), table)
        rows = table.select([images.URI.name, images.MEMBER.name]).cast(
            pa.schema([images.URI.field, images.MEMBER.field])
        )
        write_table(ds.part_path("sources", key), rows)
    new = image_table(["made", "lost"], is_synthetic=[True, None], status=["ok", "failed"])
    ds.write("images", "00002", new)
    ds.write("sources", "00002", new.select([images.URI.name, images.MEMBER.name, images.IS_SYNTHETIC.name]))
    return ds


def test_old_datasets_open_everywhere(old: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert old.images([images.IS_SYNTHETIC, images.GENERATOR]).to_pydict() == {
        images.IS_SYNTHETIC.name: [None] * 6 + [True, None],
        images.GENERATOR.name: [None] * 8,
    }
    assert old.images(where=f"{images.PARENT_FACE.name} is null").num_rows == 8
    view = old.faces([c.name for c in sources.LINEAGE])
    assert view.num_rows == 6
    assert all(column.null_count == 6 for column in view.columns)
    assert old.sql(f"select count({images.GENERATION.name}) as n from images").to_pylist() == [{"n": 0}]
    assert old.sql("select count(is_synthetic) as n from faces").to_pylist() == [{"n": 0}]
    assert call("info", old.path) == 0
    assert call("query", old.path, "select generator, count(*) from images group by all") == 0
    assert "8" in capsys.readouterr().out


def test_failed_pictures_of_old_and_new_shards_are_tried_together(old: Dataset) -> None:
    table = old.read("images", "00000")
    failed = table.set_column(
        table.column_names.index(images.STATUS.name), images.STATUS.name, pa.array(["failed"] * len(table))
    )
    old.write("images", "00000", failed)
    assert retry_sources(old) == 4
    assert old.read("sources", "00003").column(images.IS_SYNTHETIC.name).null_count == 4


def test_generated_pictures_stay_with_their_origin_and_out_of_tests(tmp_path: Path) -> None:
    vectors, _ = people(40, 1)
    names = [f"i{n:02d}" for n in range(40)]
    parents: list[str | None] = [None] * 30 + names[:10]
    extra: dict[str, list[Any]] = {
        images.PARENT.name: parents,
        images.IS_SYNTHETIC.name: [p is not None for p in parents],
        images.GENERATOR.name: [p and "sketch/1" for p in parents],
        images.PARENT_FACE.name: [p and f"{p}.0" for p in parents],
    }
    ds = dataset(tmp_path / "ds", vectors, images=names, ages=adults(40), **extra)
    make_split(ds, Settings(disjoint=(), ratios={"train": 0.5, "validation": 0.25, "test": 0.25}))
    part = dict(zip(*(c.to_pylist() for c in ds.faces([images.IMAGE_ID, images.SPLIT]).columns), strict=True))
    assert {part[n] for n in names[30:]} == {"train"}
    assert {part[n] for n in names[:10]} == {"train"}, "their photographs must not be tested on either"
    assert {part[n] for n in names[10:30]} >= {"validation", "test"}
    forced = Settings(name="forced", disjoint=(), ratios={"train": 0.5, "test": 0.5}, allow_synthetic=True, seed=3)
    make_split(ds, forced)
    part = dict(zip(*(c.to_pylist() for c in ds.faces([images.IMAGE_ID, images.SPLIT]).columns), strict=True))
    assert all(part[made] == part[origin] for made, origin in zip(names[30:], names[:10], strict=True))
    assert {part[n] for n in names[30:]} == {"train", "test"}


def test_lineage_that_is_missing_or_damaged_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    vectors, _ = people(2, 1)
    ds = dataset(tmp_path / "ds", vectors, ages=adults(2))
    assert "holds no generated pictures" in mistake(capsys, "generate", ds.path, "--verify")
    row = {**LINEAGE.columns(), images.GENERATION.name: json.dumps({"parameters": {}}), images.IMAGE_ID.name: "x"}
    with pytest.raises(Exception, match="lineage of a picture is not understood"):
        Lineage.of_row(row)
    with pytest.raises(Exception, match="picture x has no generation"):
        Lineage.of_row({**row, images.GENERATION.name: "{"})
