"""`facecurate evaluate`: what it writes, what it prints, and one clear line for every mistake."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import curate
from curate.cli.main import main
from curate.evaluation import EvaluateOptions, Evaluation
from curate.store import Dataset
from schemas import UsageError
from schemas.columns import labels
from tests.evaluation_samples import chances, dataset, write_csv

RACES = ("White", "Black")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Eighty faces of two races with gender labels; `truth.csv` beside them."""
    said = ["Male" if i % 5 else None for i in range(80)]
    prob = chances(labels.GENDER_PROB, [{"Female": 0.2, "Male": 0.8}] * 80)
    dataset(tmp_path / "ds", [1] * 80, {"g.v1": {labels.GENDER: said, labels.GENDER_PROB: prob}})
    rows = [
        {"file": f"p{i}.jpg", "gender": "Female" if i % 4 == 1 else "Male", "race": RACES[i % 2]} for i in range(80)
    ]
    write_csv(tmp_path / "truth.csv", rows)
    return tmp_path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a wrong call prints."""
    assert run("evaluate", *arguments, "--quiet") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_page_and_a_json_are_written_and_a_table_is_printed(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", sample / "ds", "--truth", sample / "truth.csv", "--rounds", 100) == 0
    said = capsys.readouterr().out
    assert "80 faces compared, from 80 rows of truth.csv" in said
    assert re.search(r"perceived_gender +accuracy when it answers +75\.0 %.* 64 +Black 50\.0 % \(race\)", said)
    data = json.loads((sample / "ds" / "evaluation" / "truth.json").read_text("utf-8"))
    assert (data["format"], data["version"]) == ("facecurate-evaluation", 1)
    page = (sample / "ds" / "evaluation" / "truth.html").read_text("utf-8")
    for words in ("How right are the labels of sample?", "16</b> abstained", "truth.csv", data["truth"]["sha256"]):
        assert words in page
    assert str(sample) not in page
    assert str(sample) not in json.dumps(data)


def test_json_goes_to_standard_output_alone(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", sample / "ds", "-t", sample / "truth.csv", "--rounds", 100, "--format", "json",
               "-o", sample / "out", "--name", "first") == 0  # fmt: skip
    data = json.loads(capsys.readouterr().out)
    assert data == json.loads((sample / "out" / "first.json").read_text("utf-8"))
    assert {s["column"] for s in data["sections"]} == {"detection", labels.GENDER.name}


def test_the_python_call_is_the_same(sample: Path) -> None:
    found = curate.evaluate(sample / "ds", sample / "truth.csv", EvaluateOptions(rounds=100))
    assert isinstance(found, Evaluation)
    assert found.section(labels.GENDER.name).figures["accuracy"].value == 0.75
    assert [p.name for p in found.save()] == ["truth.json", "truth.html"]
    assert Dataset.open(sample / "ds").keys("faces") == ["00000"]


def test_who_says_so_is_on_the_card(sample: Path) -> None:
    options = EvaluateOptions(rounds=100)
    assert curate.evaluate(sample / "ds", sample / "truth.csv", options).card.says == ""
    (sample / "SOURCE.txt").write_text("Three viewers, 2026.\nCC0.", "utf-8")
    assert curate.evaluate(sample / "ds", sample / "truth.csv", options).card.says == "Three viewers, 2026. CC0."
    noted = EvaluateOptions(rounds=100, note="One viewer.")
    assert curate.evaluate(sample / "ds", sample / "truth.csv", noted).card.says == "One viewer."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--truth", "gone.csv"], "there is no truth file .*gone.csv"),
        (["--truth", "empty.csv"], "the truth .*empty.csv is empty"),
        (["--truth", "header.csv"], "the truth .*header.csv is empty"),
        (["--truth", "broken.csv"], "cannot read the truth .*broken.csv: row 2 has 3 cells, the header 2"),
        (["--truth", "broken.parquet"], "cannot read the truth .*broken.parquet"),
        (["--truth", "photo.jpg"], "cannot read the truth .*photo.jpg: its name must end in"),
        (["--truth", "others.csv"], "no row of the truth others is in this dataset: the first key is 'x1.jpg'"),
        (["--truth", "keyless.csv"], "the truth keyless names no picture or face: its columns are: gender"),
        (["--truth", "truth.csv", "--columns", "perceived_gendr"], "Did you mean 'perceived_gender'"),
        (["--truth", "truth.csv", "--by", "rce"], "unknown column to group by 'rce'. Did you mean 'race'"),
        (["--truth", "truth.csv", "--layers", "g.v2"], "unknown layer 'g.v2'. Did you mean 'g.v1'"),
        (["--truth", "truth.csv", "--map", "gender"], "--map gender: it must be COLUMN=NAME"),
        (["--truth", "truth.csv", "--map", "gendr=gender-2"], "of the truth truth 'gendr'. Did you mean 'gender'"),
        (["--truth", "truth.csv", "--map", "gender=gender-3"], "unknown vocabulary 'gender-3'"),
        (["--truth", "truth.csv", "--truth-map", "sex=perceived_gender"], "unknown column of the truth truth 'sex'"),
        (["--truth", "truth.csv", "--truth-map", "gender=perceived_sex"], "unknown column 'perceived_sex'"),
        (["--truth", "layer:g.v3"], "unknown layer 'g.v3'. Did you mean 'g.v1'"),
        (["--truth", "extra"], "the dataset's list brought no columns along"),
        (["--truth", "useless.csv"], "says nothing that this dataset has a column for"),
        (["--truth", "face.csv", "--columns", "perceived_gender"], "says nothing about perceived_gender"),
        (["--truth", "truth.csv", "--columns", "perceived_age"], "is not in this dataset: no layer provides it"),
    ],
)  # fmt: skip
def test_every_mistake_is_one_line(
    sample: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    write_csv(sample / "others.csv", [{"file": "x1.jpg", "gender": "Male"}])
    write_csv(sample / "keyless.csv", [{"gender": "Male"}])
    write_csv(sample / "useless.csv", [{"face_id": "i0.0", "weather": "rain"}])
    write_csv(sample / "face.csv", [{"file": "p0.jpg", "emotion": "fear"}])
    (sample / "empty.csv").write_bytes(b"")
    (sample / "header.csv").write_text("file,gender\n", "utf-8")
    (sample / "broken.csv").write_text("file,gender\na,b,c\n", "utf-8")
    (sample / "broken.parquet").write_bytes(b"PAR1 no")
    (sample / "photo.jpg").write_bytes(b"\xff\xd8")
    placed = [str(sample / a) if (sample / a).exists() or a == "gone.csv" else a for a in arguments]
    assert re.search(message, complaint(capsys, sample / "ds", *placed))


def test_a_dataset_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no folder" in complaint(capsys, tmp_path / "no", "--truth", "x.csv")


def test_only_the_rows_of_one_split_are_read(sample: Path) -> None:
    rows = [{"file": f"p{i}.jpg", "gender": "Male", "split": "test" if i < 20 else "train"} for i in range(80)]
    told = write_csv(sample / "split.csv", rows)
    found = curate.evaluate(sample / "ds", told, EvaluateOptions(rounds=100, only={"split": "test"}))
    assert found.matching["rows"] == 20
    assert found.card.notes == ("Only the 20 of 80 rows with split=test are read.",)
    with pytest.raises(UsageError, match="no row of the truth split has split=dev"):
        curate.evaluate(sample / "ds", told, EvaluateOptions(only={"split": "dev"}))


def test_a_head_that_may_have_seen_the_faces_is_named(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1], {"demographics.v1": {labels.GENDER: ["Male"]}})
    told = write_csv(tmp_path / "truth.csv", [{"file": "p0.jpg", "gender": "Male"}])
    seen = [curate.evaluate(ds, told, EvaluateOptions(rounds=100, note=note)).card.overlaps
            for note in ("FairFace, CC BY 4.0", "Our own viewers")]  # fmt: skip
    assert list(seen[0]) == ["demographics"]
    assert seen[1] == {}


def test_a_result_that_cannot_be_written(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = (sample / "ds", "-t", sample / "truth.csv", "--rounds", 100)
    assert "cannot be made a folder" in complaint(capsys, *call, "-o", sample / "truth.csv")
    assert "cannot be a file name" in complaint(capsys, *call, "--name", "a/b")
    assert "names nothing" in complaint(capsys, *call, "--columns", " , ")
