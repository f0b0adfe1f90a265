"""What an export leaves out stays out, in whole pictures too, and pictures without a face keep to the same rules."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from curate.export.base import FACES, PICTURES
from curate.export.gather import Gatherer
from curate.export.index import Index, index
from curate.export.options import ExportOptions
from curate.export.run import export
from curate.report.sample import may_be_minors, minors
from curate.store import Dataset
from curate.store.images import rows_for
from schemas.columns import faces, images, labels
from tests.export_samples import LABELLED, hard_cases

COLUMNS = tuple(c.name for c in LABELLED)


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("hard"), pictures=120)


def pictures(found: Index) -> set[str]:
    return {e.image_id for e in found.entries}


def licences(ds: Dataset) -> dict[str, str]:
    table = ds.images([images.IMAGE_ID, images.LICENCE])
    return dict(zip(*(c.to_pylist() for c in table.columns), strict=True))


def test_pictures_without_a_face_are_the_ones_without_a_face(ds: Dataset) -> None:
    found = index(ds, ExportOptions(empty=True, where="perceived_age > 30"), PICTURES)
    shown = set(ds.faces([faces.IMAGE_ID]).column(0).to_pylist())
    bare = {e.image_id for e in found.entries if not e.rows}
    assert bare == set(ds.images([images.IMAGE_ID]).column(0).to_pylist()) - shown and len(bare) == 12
    grown = set(ds.faces([faces.IMAGE_ID], "perceived_age > 30").column(0).to_pylist())
    assert pictures(found) - bare == grown != shown


def test_they_keep_to_the_licence_and_the_split(ds: Dataset) -> None:
    of = licences(ds)
    found = index(ds, ExportOptions(empty=True, commercial=True), PICTURES)
    assert any(not e.rows for e in found.entries) and {of[i] for i in pictures(found)} == {"CC BY 4.0"}
    assert found.licences == {"CC BY 4.0": len(pictures(found))}
    found = index(ds, ExportOptions(empty=True, splits=("test",)), PICTURES)
    assert {e.split for e in found.entries} == {"test"} and any(not e.rows for e in found.entries)


def test_they_are_found_in_their_own_shard(ds: Dataset) -> None:
    found = index(ds, ExportOptions(empty=True), PICTURES)
    bare = [e for e in found.entries if not e.rows]
    assert {e.shard for e in bare} == set(ds.keys("images"))
    for entry in bare:
        assert entry.image_id in ds.read("images", entry.shard, [images.IMAGE_ID]).column(0).to_pylist()
    with Gatherer(ds, ExportOptions(empty=True), LABELLED) as gatherer:
        assert [s.key for s in gatherer.samples(bare)] == [e.key for e in bare] and not gatherer.lost


@pytest.mark.parametrize(("unit", "crop"), [(FACES, "none"), (PICTURES, "none"), (FACES, "crop224")])
def test_minors_are_left_out_and_in_whole_pictures_who_stands_beside_them(ds: Dataset, unit: str, crop: str) -> None:
    everyone = ds.faces([faces.FACE_ID, faces.IMAGE_ID, labels.AGE, labels.AGE_GROUP])
    flags = may_be_minors(everyone)
    assert flags.sum() > minors(everyone).sum(), "some are of unknown age"
    rows = list(zip(*(everyone.column(i).to_pylist() for i in (0, 1)), flags.tolist(), strict=True))
    barred = {image for _, image, young in rows if young}
    whole = crop == "none"
    stays = {face for face, image, young in rows if not young and not (whole and image in barred)}
    found = index(ds, ExportOptions(minors=False, crop=crop), unit)
    ids = {key: ds.read("faces", key, [faces.FACE_ID]).column(0).to_pylist() for key in ds.keys("faces")}
    assert {ids[key][row] for e in found.entries for key, row in e.rows} == stays
    assert found.left_out == {"may show a minor": len(rows) - len(stays)}


def test_whom_a_list_calls_a_minor_is_left_out(tmp_path: Path) -> None:
    ds = hard_cases(tmp_path, pictures=20)
    told = ds.faces([faces.IMAGE_ID], "perceived_age > 50 and perceived_age_group = '70+'").column(0)[0].as_py()
    for key in ds.keys("images"):
        table = ds.read("images", key)
        extra = ['{"minor": "yes"}' if i == told else None for i in table.column(images.IMAGE_ID.name).to_pylist()]
        place = table.column_names.index(images.EXTRA.name)
        ds.write("images", key, table.set_column(place, images.EXTRA.field, pa.array(extra, pa.string())))
    assert told in pictures(index(ds, ExportOptions(), FACES))
    for crop in ("none", "crop224"):
        assert told not in pictures(index(ds, ExportOptions(minors=False, crop=crop), FACES))


def test_the_rule_reaches_the_files(ds: Dataset, tmp_path: Path) -> None:
    done = export(ds, "coco", tmp_path / "out", ExportOptions(columns=COLUMNS, empty=True, commercial=True))
    assert done.manifest["commercial"]["allowed"] and "CC BY-NC" not in (tmp_path / "out" / "card.md").read_text(
        "utf-8"
    )
    assert len(list((tmp_path / "out" / "images").rglob("*.*"))) == sum(done.manifest["samples"].values())


def test_a_shard_that_has_all_pictures_asks_for_no_other(ds: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ds.keys("images")
    ids = ds.read("images", second, [images.IMAGE_ID]).column(0).combine_chunks()
    other = ds.read("images", first, [images.IMAGE_ID]).column(0).combine_chunks()
    listed: list[str] = []
    keys = Dataset.keys
    monkeypatch.setattr(Dataset, "keys", lambda self, table: listed.append(table) or keys(self, table))
    rows = rows_for(ds, second, ids, [images.NAME.name])
    assert rows[images.NAME.name].null_count == 0 and listed == []
    rows = rows_for(ds, second, pa.concat_arrays([ids, other]), [images.NAME.name])
    assert rows[images.NAME.name].null_count == 0 and listed == ["images"]
