"""Which layer speaks, what falls through, where values come from, and what is opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from store_samples import KEYS, add, face_table, ids, image_table, sample

from curate.store import Dataset, LayerInfo
from curate.store import parts as part_files
from schemas import DatasetError, UnknownNameError, UsageError
from schemas.columns import faces, images, labels

AGE = labels.AGE
AU = labels.AU_INTENSITY


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return sample(tmp_path / "data")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, tuple[str, ...] | None]]]:
    """Every part whose data is read, as (path below the dataset, columns)."""
    seen: list[tuple[str, tuple[str, ...] | None]] = []
    read = part_files.read_table

    def counting(path: Path, columns: list[str] | None = None) -> pa.Table:
        names = None if columns is None else tuple(columns)
        seen.append((f"{path.parent.name}/{path.stem}", names))
        return read(path, names)

    monkeypatch.setattr(part_files, "read_table", counting)
    yield seen


def age(dataset: Dataset, **options: object) -> list[float | None]:
    return dataset.faces([AGE], **options).column(0).to_pylist()[:3]  # type: ignore[arg-type]


def test_human_before_fused_before_newest_model_cell_by_cell(dataset: Dataset) -> None:
    add(dataset, "m-old", "model", "2024", {AGE: [1.0, 1.0, 1.0]})
    assert age(dataset) == [1, 1, 1]
    add(dataset, "m-new", "model", "2025", {AGE: [2.0, 2.0, None]})
    assert age(dataset) == [2, 2, 1]
    add(dataset, "fused", "fused", "2020", {AGE: [3.0, None, None]})
    assert age(dataset) == [3, 2, 1]
    add(dataset, "anna", "human", "2019", {AGE: [None, 4.0, None]})
    assert age(dataset) == [3, 4, 1]
    add(dataset, "ben", "human", "2021", {AGE: [5.0, None, None]})
    assert age(dataset) == [5, 4, 1]
    view = dataset.faces([AGE], provenance=True)
    assert view.column_names == ["perceived_age", "perceived_age__layer"]
    assert view.column(1).to_pylist() == ["ben", "anna", "m-old", None, None, None]


def test_chosen_layers_alone_speak(dataset: Dataset) -> None:
    add(dataset, "m", "model", "2024", {AGE: [1.0, 1.0, 1.0]})
    add(dataset, "h", "human", "2024", {AGE: [2.0, None, 2.0]})
    assert age(dataset, layers=["m"]) == [1, 1, 1]
    assert age(dataset, layers=["h"]) == [2, None, 2]
    with pytest.raises(UnknownNameError, match=r"unknown layer 'hh'. Did you mean 'h'"):
        dataset.faces([AGE], layers=["hh"])


def test_nested_fields_are_cells_of_their_own(dataset: Dataset) -> None:
    add(dataset, "m", "model", "2024", {AU: [{"AU1": 1.0, "AU12": 2.0}, {"AU1": 1.0}, None]})
    add(dataset, "h", "human", "2024", {AU: [{"AU12": 5.0}, {"AU12": 4.0}, None]})
    view = dataset.faces(["au_intensity.AU12", AU, "au_intensity.AU1"], provenance=True).slice(0, 3)
    assert view.column("au_intensity.AU12").to_pylist() == [5, 4, None]
    assert view.column("au_intensity.AU1").to_pylist() == [1, 1, None]
    whole = view.column("au_intensity").to_pylist()
    assert whole[0]["AU12"] == 5 and whole[0]["AU1"] == 1 and whole[0]["AU2"] is None and whole[2] is None
    assert view.column("au_intensity__layer").to_pylist() == ["h+m", "h+m", None]
    assert view.column("au_intensity.AU1__layer").to_pylist() == ["m", "m", None]
    assert view.schema.field("au_intensity").type == AU.type


def test_a_reviewer_may_correct_a_face_column(dataset: Dataset) -> None:
    add(dataset, "h", "human", "2024", {faces.BOX_X: [None, 77.0, None]})
    view = dataset.faces([faces.BOX_X], provenance=True)
    assert view.column(0).to_pylist()[:3] == [0, 77, 2]
    assert view.column(1).to_pylist()[:3] == ["faces", "h", "faces"]


def test_missing_parts_are_null_and_status_is_available(dataset: Dataset) -> None:
    add(dataset, "age@1", "model", "2024", {AGE: [1.0, None, 3.0]}, annotator="age")
    view = dataset.faces([AGE, "status.age", "error.age", "status.age@1"])
    assert view.column("perceived_age").to_pylist() == [1, None, 3, None, None, None]
    assert view.column("status.age").to_pylist() == ["ok", "not_applicable", "ok", None, None, None]
    assert view.column("status.age").equals(view.column("status.age@1"))
    assert view.column("error.age").null_count == 6
    with pytest.raises(UnknownNameError, match="unknown annotator 'aeg'"):
        dataset.faces(["status.aeg"])


def test_default_columns_are_face_columns_and_scalar_labels(dataset: Dataset) -> None:
    vectors = {labels.SKIN_LAB: [[1.0, 2.0, 3.0]] * 3, AU: [{"AU1": 1.0}] * 3}
    add(dataset, "m", "model", "2024", {AGE: [1.0] * 3, labels.GENDER: [None] * 3, **vectors})
    assert dataset.faces().column_names == [*faces.FACES, "perceived_age", "perceived_gender"]
    assert {"skin_lab", "au_intensity", "uri", "box_x"} <= set(dataset.columns())


def test_unknown_and_unlabelled_columns_are_told_apart(dataset: Dataset) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown column 'box_z'. Did you mean 'box_"):
        dataset.faces(["box_z"])
    with pytest.raises(UsageError, match="'pose_yaw' is not in this dataset: no layer provides it yet"):
        dataset.faces([labels.YAW])
    add(dataset, "m", "model", "2024", {AU: [None] * 3})
    with pytest.raises(UnknownNameError, match=r"unknown field 'au_intensity.AU99'. Did you mean 'au_intensity.AU9'"):
        dataset.faces(["au_intensity.AU99"])


def test_image_columns_join_over_duplicates_and_shards(dataset: Dataset) -> None:
    first = ids(KEYS[0])[0]
    dataset.write(
        "images", "00002", image_table([first], uri=["/copy.jpg"], status=["duplicate"], reason=["duplicate"])
    )
    dataset.write("faces", "human-00000", face_table([ids(KEYS[1])[2], "gone"], suffix=".h"))
    view = dataset.faces([faces.FACE_ID, images.URI, images.WIDTH], provenance=True)
    by_face = dict(zip(view.column("face_id").to_pylist(), view.column("uri").to_pylist(), strict=True))
    assert by_face[f"{first}.0"] == f"/photos/{first}.jpg"
    assert by_face["00001-2.h"] == "/photos/00001-2.jpg" and by_face["gone.h"] is None
    assert view.column("uri__layer").to_pylist()[-2:] == ["images", None]
    assert view.schema.field("width").type == images.WIDTH.type


def test_list_columns_are_unpacked(dataset: Dataset) -> None:
    extra = ['{"split": "a", "n": 1, "mixed": 1}', '{"n": 2.5, "mixed": "x"}', None]
    dataset.write("images", "00000", image_table(ids("00000"), extra=extra))
    dataset.write("images", "00001", image_table(ids("00001"), extra=['{"mixed": 7, "n": 3}', None, None]))
    view = dataset.faces(["extra.n", "extra.split", "extra.mixed"])
    assert view.column("extra.n").to_pylist() == [1, 2.5, None, 3, None, None]
    assert view.column("extra.split").to_pylist() == ["a", None, None, None, None, None]
    assert view.column("extra.mixed").to_pylist() == ["1", "x", None, "7", None, None]
    found = dataset.images(["uri", "extra.n"], where="extra.n > 2")
    assert found.to_pylist() == [
        {"uri": "/photos/00000-1.jpg", "extra.n": 2.5},
        {"uri": "/photos/00001-0.jpg", "extra.n": 3.0},
    ]
    assert dataset.faces([faces.FACE_ID], where="extra.split = 'a'").num_rows == 1
    with pytest.raises(UnknownNameError, match=r"unknown column 'extra.m'. Did you mean 'extra.n'|'extra.mixed'"):
        dataset.images(["extra.m"])


def test_a_retried_picture_overrides_its_earlier_row(dataset: Dataset) -> None:
    names = ["a", "b", "c"]
    dataset.write(
        "images",
        "00002",
        image_table(
            names, image_id=[None, "b", None], status=["failed", "ok", "rejected"], reason=["missing", "", "empty"]
        ),
    )
    assert dataset.ledger().column("uri").to_pylist() == ["/photos/a.jpg", "/photos/c.jpg"]
    assert dataset.counts().images == {"ok": 7, "duplicate": 0, "rejected": 1, "failed": 1}
    assert dataset.counts().reasons == {"empty": 1, "missing": 1}
    dataset.write("images", "00003", image_table(["a"]))
    assert dataset.ledger().column("reason").to_pylist() == ["empty"]
    assert dataset.images().num_rows == 9
    assert dataset.images(["image_id"], where="uri = '/photos/a.jpg'").to_pylist() == [{"image_id": "a"}]


def test_a_touched_file_keeps_its_labelled_row(dataset: Dataset) -> None:
    uris = [f"/photos/{i}.jpg" for i in ids("00000")]
    again = {"status": ["duplicate"] * 3, "reason": ["duplicate"] * 3}
    dataset.write("images", "00002", image_table(ids("00000"), duplicate_of=uris, **again))
    assert dataset.counts().images == {"ok": 6, "duplicate": 0, "rejected": 0, "failed": 0}
    assert dataset.ledger().num_rows == 0 and dataset.images().num_rows == 6
    dataset.write("images", "00003", image_table(["x"], uri=[uris[1]]))
    assert dataset.images(["image_id"], where=f"uri = '{uris[1]}'").to_pylist() == [{"image_id": "x"}]
    other = image_table(["00001-0"], uri=[uris[2]], duplicate_of=["/photos/00001-0.jpg"], status=["duplicate"])
    dataset.write("images", "00004", other)
    assert dataset.counts().images == {"ok": 5, "duplicate": 1, "rejected": 0, "failed": 0}
    inside = image_table(["p", "p"], uri=["p.parquet"] * 2, member=[0, 1], status=["ok", "duplicate"])
    dataset.write("images", "00005", inside.append_column("duplicate_of", pa.array([None, "p.parquet"])))
    assert dataset.counts().images == {"ok": 6, "duplicate": 2, "rejected": 0, "failed": 0}


def test_rows_of_one_container_are_different_pictures(dataset: Dataset) -> None:
    rows = image_table(["x", "y", "z"], uri=["p.parquet"] * 3, member=[0, 1, 1])
    dataset.write("images", "00002", rows)
    assert dataset.images(["image_id"], where="uri = 'p.parquet'").column(0).to_pylist() == ["x", "z"]


def test_conditions_filter_the_resolved_view(dataset: Dataset) -> None:
    add(dataset, "m", "model", "2024", {AGE: [20.0, 40.0, None], AU: [{"AU12": 3.0}, {"AU12": 1.0}, None]})
    add(dataset, "h", "human", "2024", {AGE: [None, 10.0, 50.0]})

    def chosen(where: str) -> list[str]:
        return [f.removeprefix("0000") for f in dataset.faces([faces.FACE_ID], where).column(0).to_pylist()]

    assert chosen("perceived_age > 15") == ["0-0.0", "0-2.0"]
    assert chosen("PERCEIVED_AGE > 5 and au_intensity.AU12 >= 1") == ["0-0.0", "0-1.0"]
    assert chosen("au_intensity.au12 = 3 or uri like '%00001-1%'") == ["0-0.0", "1-1.0"]
    assert chosen("status.m = 'not_applicable'") == chosen("\"status.m\" = 'not_applicable'") == ["0-2.0"]
    assert chosen("list_sum(points_5) = 45 and box_x = 1 -- note") == ["0-1.0", "1-1.0"]
    assert chosen("perceived_age is null") == ["1-0.0", "1-1.0", "1-2.0"]
    assert chosen("1 = 0") == []
    assert dataset.faces([AGE], "1 = 0").schema.field(0).type == AGE.type
    assert dataset.faces([AGE], "perceived_age > 15", provenance=True).to_pylist() == [
        {"perceived_age": 20, "perceived_age__layer": "m"},
        {"perceived_age": 50, "perceived_age__layer": "h"},
    ]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("percieved_age > 1", "unknown column 'percieved_age'. Did you mean 'perceived_age'"),
        ("pose_yaw > 1", "'pose_yaw' is not in this dataset"),
        ("au_intensity.AU99 > 1", "Did you mean 'au_intensity.AU9'"),
        ("perceived_age >", "not understood: syntax error"),
        ("count(*) > 1", "cannot contain aggregates"),
        ("perceived_age > 'x'", "not understood: .*Could not convert"),
        ("face_id in (select 1)", "a condition cannot hold a query"),
        ("status.m = 'ok' and status = 'ok'", "in double quotes"),
    ],
)
def test_wrong_conditions_are_one_clear_line(dataset: Dataset, where: str, message: str) -> None:
    add(dataset, "m", "model", "2024", {AGE: [20.0, 40.0, None], AU: [None] * 3})
    with pytest.raises(UsageError, match=message) as caught:
        dataset.faces([faces.FACE_ID], where)
    assert "\n" not in str(caught.value)


def test_only_what_is_asked_for_is_opened(dataset: Dataset, opened: list[tuple[str, tuple[str, ...] | None]]) -> None:
    add(dataset, "m", "model", "2024", {AGE: [1.0, 1.0, 1.0], labels.EMBEDDING: [None] * 3})
    add(dataset, "other", "model", "2024", {labels.YAW: [1.0, 1.0, 1.0]})
    add(dataset, "h", "human", "2025", {AGE: [2.0, 2.0, 2.0]})
    opened.clear()
    dataset.faces([labels.YAW])
    assert opened == [("other/00000", ("pose_yaw",))]
    opened.clear()
    dataset.faces([AGE])
    assert opened == [("h/00000", ("perceived_age",))], "the human layer leaves nothing open"
    opened.clear()
    dataset.faces([AGE], layers=["m"])
    assert opened == [("m/00000", ("perceived_age",))]
    opened.clear()
    dataset.sql("select count(*) from faces where pose_yaw > 0")
    assert opened == [("other/00000", ("pose_yaw",))]
    opened.clear()
    dataset.counts()
    assert {columns for _, columns in opened} == {
        ("status", "reason", "uri", "member", "image_id", "duplicate_of"),
        ("label_status",),
    }


def test_streams_hold_one_shard_at_a_time(dataset: Dataset, opened: list[tuple[str, tuple[str, ...] | None]]) -> None:
    stream = dataset.iter_faces([faces.FACE_ID, images.URI])
    first = next(stream)
    assert first.column("face_id").to_pylist() == [f"{i}.0" for i in ids(KEYS[0])]
    assert {path for path, _ in opened} == {"faces/00000", "images/00000"}
    assert pa.concat_tables([first, *stream]).equals(dataset.faces([faces.FACE_ID, images.URI]))
    assert list(dataset.iter_faces([faces.FACE_ID], "box_x > 99")) == []
    with pytest.raises(UnknownNameError):
        dataset.iter_faces(["nonsense_column"])


def test_parts_out_of_step_are_refused(dataset: Dataset) -> None:
    add(dataset, "m", "model", "2024", {AGE: [1.0, 2.0, 3.0]})
    part_files.write_table(dataset.part_path("labels/m", "00000"), dataset.read("labels/m", "00000").slice(1))
    with pytest.raises(DatasetError, match=r"labels/m/00000\.parquet is out of step"):
        dataset.faces([AGE])
    dataset.part_path("labels/m", "00000").unlink()
    other = sample(dataset.path.parent / "other")
    other.write("faces", "00000", face_table(ids("00000"), suffix=".9"))
    add(other, "m", "model", "2024", {AGE: [1.0, 2.0, 3.0]})
    dataset.part_path("labels/m", "00000").write_bytes(other.part_path("labels/m", "00000").read_bytes())
    with pytest.raises(DatasetError, match="does not stand row by row beside the faces of shard 00000"):
        dataset.faces([AGE])


def test_layer_table_is_what_was_written(dataset: Dataset) -> None:
    add(dataset, "m", "model", "2024", {AGE: [1.0, None, 3.0]})
    assert dataset.layer_table("m").column_names == ["face_id", "label_status", "label_error", "perceived_age"]
    assert dataset.layer_table("m", [AGE]).to_pydict() == {"perceived_age": [1, None, 3]}
    with pytest.raises(UnknownNameError, match="Did you mean 'perceived_age'"):
        dataset.layer_table("m", ["percieved_age"])
    dataset.add_layer(LayerInfo("empty", "model", "e", columns=("perceived_age",)))
    assert dataset.layer_table("empty").num_rows == 0
    assert dataset.layer_table("empty", [AGE]).schema.field(0).type == AGE.type


def test_undeclared_columns_of_a_layer_are_carried(dataset: Dataset) -> None:
    dataset.add_layer(LayerInfo("h", "human", "me", columns=("note", "keep")))
    table = pa.table(
        {
            "face_id": [f"{i}.0" for i in ids("00000")],
            "label_status": ["ok"] * 3,
            "label_error": pa.nulls(3, pa.string()),
            "note": ["x", None, "z"],
            "keep": [True, False, None],
        }
    )
    dataset.write("labels/h", "00000", table)
    assert dataset.faces(["note"], where="keep").column(0).to_pylist() == ["x"]
    assert {"note", "keep"} <= set(dataset.faces().column_names)


def test_an_empty_dataset_has_empty_tables_of_the_right_types(tmp_path: Path) -> None:
    dataset = Dataset.create(tmp_path / "data")
    assert dataset.faces().schema.types == [c.type for c in faces.FACES.values()]
    assert dataset.images().schema.names == list(images.IMAGES)
    assert dataset.ledger().num_rows == 0 and dataset.counts().faces == 0 and dataset.runs() == []
    dataset.write("faces", "00000", face_table([]))
    assert dataset.faces().num_rows == 0


def test_the_view_becomes_pandas(dataset: Dataset) -> None:
    add(dataset, "m", "model", "2024", {AGE: [1.0, None, 3.0], AU: [{"AU1": 1.0}, None, None]})
    frame = dataset.faces([faces.FACE_ID, AGE, AU, faces.POINTS_5]).to_pandas()
    assert frame["perceived_age"].sum() == 4 and frame["points_5"][0].shape == (10,)
    assert pc.count(dataset.faces([AGE]).column(0), mode="only_null").as_py() == 4
