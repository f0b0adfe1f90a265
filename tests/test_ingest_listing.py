"""Folders, patterns, lists, containers and URLs become one table of sources."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curate.ingest import ListOptions, SourceReader, list_sources, load
from curate.ingest.filesystem import natural_key
from curate.ingest.values import to_json, typed
from schemas.columns import images
from schemas.columns import sources as src
from schemas.errors import UsageError


def picture(colour: str = "red", size: tuple[int, int] = (32, 24)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def put(folder: Path, *names: str) -> None:
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(size=(32 + i, 24)))


def names(table: pa.Table) -> list[str]:
    return table[src.NAME.name].to_pylist()


def extras(table: pa.Table) -> list[dict[str, object] | None]:
    return [None if e is None else json.loads(e) for e in table[src.EXTRA.name].to_pylist()]


def status_of(row: dict[str, object]) -> tuple[object, object]:
    found = load(row).row
    return found[images.STATUS.name], found[images.REASON.name]


def test_a_folder_lists_everything_but_hidden_files_in_natural_order(tmp_path: Path) -> None:
    put(
        tmp_path,
        "b/img10.png",
        "b/img9.png",
        "a.PNG",
        "notes.txt",
        ".hidden.png",
        ".git/x.png",
        "b/noext",
        "顔 ü#&.jpg",
    )
    table = list_sources([tmp_path])
    assert table.schema.equals(src.SOURCES.schema)
    assert names(table) == ["a.PNG", "b/img9.png", "b/img10.png", "b/noext", "notes.txt", "顔 ü#&.jpg"]
    row = table.to_pylist()[0]
    stat = (tmp_path / "a.PNG").stat()
    assert row[src.URI.name] == str(tmp_path / "a.PNG")
    assert (row[src.BYTES.name], row[src.MTIME.name]) == (stat.st_size, stat.st_mtime_ns)
    assert names(list_sources([tmp_path], ListOptions(recursive=False))) == ["a.PNG", "notes.txt", "顔 ü#&.jpg"]


def test_inputs_keep_their_order_and_a_file_is_listed_once(tmp_path: Path) -> None:
    put(tmp_path, "z/1.png", "a/2.png")
    table = list_sources([tmp_path / "z", str(tmp_path / "a" / "2.png"), tmp_path])
    assert names(table) == ["1.png", "2.png"]


def test_globs_and_names_that_look_like_globs(tmp_path: Path) -> None:
    put(tmp_path, "x1.png", "x2.jpg", "x10.png", "sub/x3.png", "odd[1].png")
    assert names(list_sources([f"{tmp_path}/x*.png"])) == ["x1.png", "x10.png"]
    assert names(list_sources([f"{tmp_path}/**/x3.png"])) == ["x3.png"]
    assert names(list_sources([tmp_path / "odd[1].png"])) == ["odd[1].png"]
    with pytest.raises(UsageError, match="nothing matches"):
        list_sources([f"{tmp_path}/*.nope"])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_paths_are_relative_to_the_list_and_columns_keep_their_types(delimiter: str, tmp_path: Path) -> None:
    put(tmp_path, "p/a.png", "p/b.png")
    rows = ["File|age|id|w|ok|note|license|split|consent",
            "p/a.png|31|007|1.5|true||CC0|train|yes", "p/b.png|4|010|2|false|x, \"y\"|CC0|test|"]  # fmt: skip
    path = tmp_path / ("list.tsv" if delimiter == "\t" else "list.csv")
    quoted = [delimiter.join('"{}"'.format(c.replace('"', '""')) for c in row.split("|")) for row in rows]
    path.write_bytes(("\ufeff" + "\r\n".join(quoted) + "\r\n").encode())
    table = list_sources([path])
    assert table[src.URI.name].to_pylist() == [str(tmp_path / "p/a.png"), str(tmp_path / "p/b.png")]
    assert names(table) == ["p/a.png", "p/b.png"]
    assert extras(table) == [
        {"age": 31, "id": "007", "w": 1.5, "ok": True, "note": None},
        {"age": 4, "id": "010", "w": 2.0, "ok": False, "note": 'x, "y"'},
    ]
    assert table[src.LICENCE.name].to_pylist() == ["CC0", "CC0"]
    assert table[src.SPLIT.name].to_pylist() == ["train", "test"]
    assert table[src.CONSENT.name].to_pylist() == ["yes", None]


def test_json_lines_and_parquet_lists(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    lines = [{"image_path": "a.png", "tags": ["x"], "n": 1}, {"image_path": "b.png", "n": None}]
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, lines)))
    table = list_sources([tmp_path / "list.jsonl"])
    assert extras(table) == [{"tags": ["x"], "n": 1}, {"tags": None, "n": None}]
    rows = {"filename": ["a.png", "b.png"], "day": [date(2020, 1, 2), None], "v": [float("nan"), 0.5]}
    pq.write_table(pa.table(rows), tmp_path / "list.parquet")
    table = list_sources([tmp_path / "list.parquet"])
    assert names(table) == ["a.png", "b.png"]
    assert extras(table) == [{"day": "2020-01-02", "v": None}, {"day": None, "v": 0.5}]


def test_missing_rows_of_a_list_go_to_the_ledger(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    (tmp_path / "list.csv").write_text("path,n\na.png,1\ngone.png,2\n,3\n,4\n")
    table = list_sources([tmp_path / "list.csv"])
    assert [status_of(row) for row in table.to_pylist()] == [("ok", ""), *[("failed", "missing")] * 3]


def test_a_csv_inside_a_photo_folder_is_no_list(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    (tmp_path / "labels.csv").write_text("path\na.png\n")
    table = list_sources([tmp_path])
    assert [status_of(row)[1] for row in table.to_pylist()] == ["", "not_an_image"]


@pytest.mark.parametrize("kind", ["binary", "large_binary", "struct"])
def test_parquet_with_the_pictures_themselves(kind: str, tmp_path: Path) -> None:
    data = [picture(c) for c in ("red", "lime", "blue")] * 60
    data[4] = None  # type: ignore[call-overload]
    types = {"binary": pa.binary(), "large_binary": pa.large_binary()}
    if kind == "struct":
        type_ = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        cells = [{"bytes": d, "path": f"dir/{i}.png"} for i, d in enumerate(data)]
    else:
        type_, cells = types[kind], data
    columns = {"image": pa.array(cells, type_), "age": list(range(180)), "split": ["train"] * 180}
    pq.write_table(pa.table(columns), tmp_path / "part.parquet", row_group_size=70)
    for place in (tmp_path, tmp_path / "part.parquet"):
        table = list_sources([place])
        rows = table.to_pylist()
        assert [r[src.MEMBER.name] for r in rows] == list(range(180))
        assert rows[7][src.NAME.name] == ("part.parquet/dir/7.png" if kind == "struct" else "part.parquet/7")
        assert rows[7][src.BYTES.name] == len(data[7])
        assert (json.loads(rows[7][src.EXTRA.name]), rows[7][src.SPLIT.name]) == ({"age": 7}, "train")
    with SourceReader() as reader:
        for member in (0, 1, 63, 64, 69, 70, 179, 3, 141):
            assert reader.read(str(tmp_path / "part.parquet"), member) == data[member]
        with pytest.raises(FileNotFoundError):
            reader.read(str(tmp_path / "part.parquet"), 180)
        assert load(rows[4], reader=reader).row[images.REASON.name] == "missing"
        assert load(rows[2], reader=reader).pixels[0, 0].tolist() == [0, 0, 255]  # type: ignore[index]


def test_a_reader_keeps_its_place_between_containers(tmp_path: Path) -> None:
    for name in "ab":
        pq.write_table(pa.table({"bytes": [name.encode() * n for n in range(1, 6)]}), tmp_path / f"{name}.parquet")
    with SourceReader() as reader:
        found = [reader.read(str(tmp_path / f"{n}.parquet"), m) for n, m in (("a", 2), ("b", 0), ("a", 1), ("a", 4))]
    assert found == [b"aaa", b"b", b"aa", b"aaaaa"]


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs.clear()
    yield fs
    fs.store.clear()
    fs.pseudo_dirs.clear()


def test_fsspec_urls(memory: fsspec.AbstractFileSystem) -> None:
    for name in ("pics/img10.png", "pics/img2.png", "pics/.hidden", "pics/sub/c.png"):
        memory.pipe(f"/{name}", picture())
    memory.pipe("/pics.csv", b"path,n\npics/img2.png,1\nmemory://pics/sub/c.png,2\n")
    out = io.BytesIO()
    pq.write_table(pa.table({"image": [picture("lime")]}), out)
    memory.pipe("/box.parquet", out.getvalue())
    table = list_sources(["memory://pics"])
    assert names(table) == ["img2.png", "img10.png", "sub/c.png"]
    assert table[src.BYTES.name].to_pylist() == [len(picture())] * 3
    assert names(list_sources(["memory://pics/img2.png"])) == ["img2.png"]
    assert names(list_sources(["memory://pics/img*.png"])) == ["img2.png", "img10.png"]
    listed = list_sources(["memory://pics.csv", "memory://box.parquet"])
    assert [status_of(row) for row in listed.to_pylist()] == [("ok", "")] * 3
    with pytest.raises(UsageError, match="no such file"):
        list_sources(["memory://nowhere"])


def test_file_urls_are_local_paths(tmp_path: Path) -> None:
    put(tmp_path, "with space.png")
    table = list_sources([(tmp_path / "with space.png").as_uri()])
    assert table[src.URI.name].to_pylist() == [str(tmp_path / "with space.png")]


def test_a_store_whose_library_is_absent_names_the_extra() -> None:
    pytest.importorskip("fsspec")
    try:
        import s3fs  # noqa: F401
    except ImportError:
        with pytest.raises(UsageError, match=r"facecurate\[s3\]"):
            list_sources(["s3://bucket/photos"])
    with pytest.raises(UsageError, match="cannot read 'nonsense://x'"):
        list_sources(["nonsense://x"])


def test_what_a_user_can_get_wrong(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "nopath.csv").write_text("a,b\n1,2\n")
    (tmp_path / "ragged.csv").write_text("path,b\n1,2,3\n")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1nonsense")
    (tmp_path / "header.csv").write_text("path\n")
    wrong = {
        "gone": "no such file",
        "empty": "no pictures",
        "nopath.csv": "its columns are: a, b",
        "ragged.csv": "row 2",
        "bad.parquet": "cannot read the list",
        "header.csv": "no pictures",
    }
    for name, message in wrong.items():
        with pytest.raises(UsageError, match=message) as caught:
            list_sources([tmp_path / name])
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_options_fill_what_lists_leave_open(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    (tmp_path / "list.csv").write_text("where,licence\na.png,CC0\nb.png,\n")
    options = ListOptions(licence="own", consent="signed", split="train", path_column="where")
    row_a, row_b = list_sources([tmp_path / "list.csv"], options).to_pylist()
    assert (row_a[src.LICENCE.name], row_b[src.LICENCE.name]) == ("CC0", "own")
    assert (row_b[src.CONSENT.name], row_b[src.SPLIT.name]) == ("signed", "train")


def test_names_in_another_encoding(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9 1.png")).write_bytes(picture())
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    row = list_sources([tmp_path]).to_pylist()[0]
    assert row[src.NAME.name] == "caf\ufffd 1.png"
    assert row[src.URI.name].endswith("/caf%E9%201.png")
    assert status_of(row) == ("ok", "")


def test_links(tmp_path: Path) -> None:
    put(tmp_path, "real/a.png")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "link.png").symlink_to(tmp_path / "real" / "a.png")
    (tmp_path / "photos" / "dangling.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "photos" / "loop").symlink_to(tmp_path / "photos")
    table = list_sources([tmp_path / "photos"])
    assert {r[src.NAME.name]: status_of(r)[1] for r in table.to_pylist()}["dangling.png"] == "missing"
    assert {"link.png", "dangling.png"} <= set(names(table))
    assert table.num_rows < 10


@given(st.lists(st.text(alphabet="a1 0_.Bé", max_size=6), max_size=8))
def test_natural_order_is_total_and_repeatable(texts: list[str]) -> None:
    keys = [natural_key(t) for t in texts]
    backwards = list(reversed(texts))
    assert sorted(texts, key=natural_key) == sorted(backwards, key=natural_key)
    assert len(set(keys)) == len(set(texts))


def test_natural_order() -> None:
    assert sorted(["a10", "a9", "A1", "a09", "b", "10", "2"], key=natural_key) == [
        "2",
        "10",
        "A1",
        "a09",
        "a9",
        "a10",
        "b",
    ]


@given(st.lists(st.one_of(st.integers(-(10**17), 10**17), st.none()), min_size=1))
def test_integers_in_csv_come_back(values: list[int | None]) -> None:
    assert typed(["" if v is None else str(v) for v in values]) == values


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.floats()))))
def test_extra_is_strict_json(values: dict[str, object]) -> None:
    text = to_json(values)
    if values:
        assert text is not None
        json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} is no JSON"))
    else:
        assert text is None
