"""What every measure must keep to, whoever wrote it; found by scanning, tried on inputs that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from curate.cli.main import main
from curate.measure_docs import FILE, page
from curate.measures.base import DATASET, PICTURES, TABLE, Given, Input, Measure, Result
from curate.measures.registry import measure, measure_names
from curate.measures.run import check, read_table, run
from curate.store import Dataset
from schemas import FacecurateError, SchemaError, UnknownNameError, UsageError
from tests.store_samples import face_table, image_table

ROOT = Path(__file__).resolve().parent.parent
NAMES = measure_names()


def stand_in(wanted: Input, folder: Path, rows: int = 3, value: str = "1") -> Path:
    """An input of the right kind whose content tells nothing."""
    path = folder / wanted.name
    if wanted.kind == DATASET:
        dataset = Dataset.create(path, name="stand-in")
        dataset.write("images", "00000", image_table(["a", "b"], height=[480, 480]))
        dataset.write("faces", "00000", face_table(["a", "b"]))
        return path
    if wanted.kind == PICTURES:
        path.mkdir()
        Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(path / "grey.png")
        return path
    names = wanted.columns or ("column",)
    path = path.with_suffix(".csv")
    path.write_text("\n".join([",".join(names), *[",".join([value] * len(names))] * rows]) + "\n", "utf-8")
    return path


def one_line(error: FacecurateError) -> str:
    text = str(error)
    assert "\n" not in text.strip() and 10 < len(text) < 700, text
    return text


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_does_from_what_and_after_whom(name: str) -> None:
    cls = measure(name)
    assert cls.name == name and cls.doc.endswith(".") and len(cls.source) > 8 and cls.inputs
    assert cls.__doc__ and len(cls.doc) < 140
    assert all(i.doc and (i.kind == TABLE or not i.columns) for i in cls.inputs)
    optional = [i.optional for i in cls.inputs]
    assert optional == sorted(optional), "inputs that may be left out come last"
    settings = cls.config_type()
    json.dumps(settings.as_dict())
    documented = cls.config_type.__doc__ or ""
    inherited = " ".join(base.__doc__ or "" for base in cls.config_type.__mro__)
    assert all(f"{field}:" in documented + inherited for field in settings.as_dict()), documented


@pytest.mark.parametrize("name", NAMES)
def test_too_few_and_too_many_inputs_are_refused(name: str, tmp_path: Path) -> None:
    cls = measure(name)
    every = [stand_in(i, tmp_path) for i in cls.inputs]
    for paths in ([], [*every, *every]):
        with pytest.raises(UsageError) as caught:
            run(name, paths)
        assert cls.inputs[0].name in one_line(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    cls = measure(name)
    for wrong, wanted in enumerate(cls.inputs):
        folder = tmp_path / wanted.name
        folder.mkdir()
        paths = [stand_in(i, folder) for i in cls.inputs]
        suffix = ".csv" if wanted.kind == TABLE else ""
        paths[wrong] = folder / f"absent{suffix}"
        with pytest.raises(FacecurateError) as caught:
            run(name, paths)
        assert "absent" in one_line(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_without_its_columns_is_refused(name: str, tmp_path: Path) -> None:
    cls = measure(name)
    for wrong, wanted in enumerate(cls.inputs):
        if not wanted.columns:
            continue
        folder = tmp_path / wanted.name
        folder.mkdir()
        paths = [stand_in(i, folder) for i in cls.inputs]
        (folder / "other.csv").write_text("something\n1\n", "utf-8")
        paths[wrong] = folder / "other.csv"
        with pytest.raises(UsageError) as caught:
            run(name, paths)
        assert wanted.columns[0] in one_line(caught.value)


@pytest.mark.models
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["1", "junk"])
def test_inputs_that_tell_nothing_give_a_result_or_one_line(name: str, value: str, tmp_path: Path) -> None:
    cls = measure(name)
    try:
        found = run(name, [stand_in(i, tmp_path, value=value) for i in cls.inputs], out=tmp_path / "out")
    except FacecurateError as error:
        assert not isinstance(error, SchemaError), error
        one_line(error)
    else:
        json.dumps(found.as_dict(), allow_nan=False)


@pytest.mark.models
@pytest.mark.parametrize("name", [n for n in NAMES if any(i.kind == TABLE for i in measure(n).inputs)])
def test_a_table_without_rows_gives_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(FacecurateError) as caught:
        run(name, [stand_in(i, tmp_path, rows=0) for i in measure(name).inputs], out=tmp_path / "out")
    assert not isinstance(caught.value, SchemaError), caught.value
    one_line(caught.value)


@pytest.mark.parametrize("name", [n for n in NAMES if any(i.kind == PICTURES for i in measure(n).inputs)])
def test_a_folder_without_pictures_gives_one_line(name: str, tmp_path: Path) -> None:
    paths = []
    for wanted in measure(name).inputs:
        paths.append(tmp_path / wanted.name if wanted.kind == PICTURES else stand_in(wanted, tmp_path))
        paths[-1].mkdir(exist_ok=True) if wanted.kind == PICTURES else None
    with pytest.raises(FacecurateError) as caught:
        run(name, paths)
    one_line(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_setting_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        run(name, [stand_in(i, tmp_path) for i in measure(name).inputs], {"colour of the sky": "blue"})


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / FILE).read_text("utf-8") == page()


def test_the_list_and_unknown_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["measures"])
    assert not left.value.code
    shown = capsys.readouterr().out
    assert all(name in shown for name in NAMES)
    with pytest.raises(SystemExit) as left:
        main(["measure", "restorasion", "a", "b"])
    assert left.value.code
    assert "restoration" in capsys.readouterr().err


def test_figures_come_as_text_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("same,score\n" + "1,0.9\n0,0.1\n" * 20, "utf-8")
    with pytest.raises(SystemExit):
        main(["measure", "verification", str(pairs), "-o", str(tmp_path / "found.json")])
    assert "accuracy: 1 (" in capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert found["measure"] == "verification" and found["facts"]["accuracy"]["value"] == 1.0
    assert found["tables"]["TAR at FAR"][0]["TAR"] == 1.0


def test_tables_are_read_in_each_form(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    (tmp_path / "a.csv").write_text("x,y\n1,2\n", "utf-8")
    (tmp_path / "a.tsv").write_text("x\ty\n1\t2\n", "utf-8")
    (tmp_path / "a.jsonl").write_text('{"x": 1, "y": 2}\n', "utf-8")
    (tmp_path / "pairs").mkdir()
    pq.write_table(pa.table({"x": [1], "y": [2]}), tmp_path / "pairs" / "pairs.parquet")
    for name in ("a.csv", "a.tsv", "a.jsonl", "pairs"):
        table = read_table(tmp_path / name)
        assert table.column_names == ["x", "y"] and table.num_rows == 1
        assert float(table.column("y")[0].as_py()) == 2
    for name in ("a.txt", "b.parquet"):
        with pytest.raises(UsageError):
            read_table(tmp_path / name)


class Careless(Measure):
    """Breaks the contract."""

    name = "careless"
    doc = "Nothing."
    source = "nobody"
    inputs = (Input("rows", TABLE, "anything"),)
    result: ClassVar[Result] = Result()

    def measure(self, given: Given) -> Result:
        return self.result


@pytest.mark.parametrize(
    "result",
    [
        Result({"figure": float("nan")}),
        Result({"figure": np.float32(1)}),
        Result(tables={"t": [{"a": 1}, {"b": 2}]}),
        Result(tables={"t": [{"a": Path("x")}]}),
    ],
)
def test_a_result_that_is_no_plain_data_is_the_measures_mistake(result: Result) -> None:
    with pytest.raises(SchemaError, match="careless"):
        check(result, Careless.name)


def test_a_measure_must_declare_itself() -> None:
    with pytest.raises(SchemaError, match="declares no source"):
        type("Silent", (Measure,), {"name": "s", "doc": "d", "inputs": Careless.inputs, "measure": Careless.measure})
    with pytest.raises(SchemaError, match="of the kind"):
        Input("x", "video", "none yet")
