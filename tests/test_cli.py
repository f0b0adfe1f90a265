"""The command line as a user meets it: help, plans, one clear line for every mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from toy_data import photos

from curate.cli.main import main
from curate.store import Dataset

TOYS = ["-a", "toy_total", "--detector", "toy_finder", "-j", "1", "-q"]


def call(*arguments: object) -> int:
    """Exit code of `facecurate` with these arguments."""
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    return int(left.value.code or 0)


def mistake(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a wrong call prints; it must leave with 2 and without a traceback."""
    capsys.readouterr()
    assert call(*arguments) == 2
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("facecurate: ")
    return lines[0]


@pytest.fixture
def dataset(toys: Path, tmp_path: Path) -> Path:
    pictures = photos(tmp_path / "photos", 12)
    assert call("run", pictures, tmp_path / "ds", "--no-report", *TOYS) == 0
    return tmp_path / "ds"


@pytest.mark.parametrize(
    "command",
    ["", "run", "ingest", "annotate", "info", "query", "columns", "models", "report", "view", "doctor", "stability"],
)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*command.split(), "--help") == 0
    assert "Usage" in capsys.readouterr().out


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys, contextlib, io\n"
        "from curate.cli.main import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    main(['run', '--help'])\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'cv2', 'pandas', 'duckdb', 'onnxruntime', 'PIL', 'fiftyone', 'jinja2'}))\n"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_wrong_calls_get_one_clear_line(capsys: pytest.CaptureFixture[str], tmp_path: Path, toys: Path) -> None:
    pictures = photos(tmp_path / "photos", 4)
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter.txt").write_text("mine")
    assert "No such option: --worker" in mistake(capsys, "run", pictures, tmp_path / "a", "--worker", "2")
    assert "No such command" in mistake(capsys, "rum", pictures, tmp_path / "a")
    assert "Missing argument" in mistake(capsys, "run")
    assert "nowhere" in mistake(capsys, "run", tmp_path / "nowhere", tmp_path / "a", *TOYS)
    assert "Did you mean 'toy_total'" in mistake(
        capsys, "run", pictures, tmp_path / "a", "-a", "toy_totl", "--detector", "toy_finder"
    )
    assert str(full) in mistake(capsys, "run", pictures, full, *TOYS)
    assert (full / "letter.txt").read_text() == "mine"
    assert "/proc" in mistake(capsys, "run", pictures, "/proc/facecurate", *TOYS)
    assert "not a dataset" in mistake(capsys, "info", full)
    assert "no folder" in mistake(capsys, "annotate", tmp_path / "nowhere")
    assert "expected annotator.option=value" in mistake(capsys, "run", pictures, tmp_path / "a", "--set", "x", *TOYS)
    assert not (tmp_path / "a").exists(), "a refused call must leave nothing behind"


def test_missing_models_are_named_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, toys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACECURATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FACECURATE_MODELS", "")
    said = mistake(capsys, "run", photos(tmp_path / "photos", 4), tmp_path / "ds")
    assert "facecurate models pull" in said
    assert not (tmp_path / "ds").exists()


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "curate", "info", str(tmp_path / "nowhere"), "--debug"]
    assert "Traceback" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_dry_run_says_what_would_be_done_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, toys: Path
) -> None:
    pictures = photos(tmp_path / "photos", 12)
    assert call("run", pictures, tmp_path / "ds", "--dry-run", *TOYS) == 0
    said = capsys.readouterr().out
    assert "14 new pictures, 1 of them exact duplicates" in said
    assert "toy_total -> labels/toy_total.v1" in said
    assert "detect faces with toy_finder" in said
    assert not (tmp_path / "ds").exists()


def test_larger_pictures_than_allowed_go_to_the_ledger(toys: Path, tmp_path: Path) -> None:
    pictures = photos(tmp_path / "photos", 4)
    assert call("run", pictures, tmp_path / "ds", "--max-megapixels", "0.015", "--no-report", *TOYS) == 0
    assert Dataset.open(tmp_path / "ds").counts().reasons["too_large"] == 4


def test_ingest_then_annotate(toys: Path, tmp_path: Path) -> None:
    pictures = photos(tmp_path / "photos", 12)
    assert (
        call("ingest", pictures, tmp_path / "ds", "--set", "toy_finder.least=45", "--detector", "toy_finder", "-q") == 0
    )
    assert Dataset.open(tmp_path / "ds").counts().faces == 0
    assert call("annotate", tmp_path / "ds", "--new-revision", *TOYS) == 0
    assert Dataset.open(tmp_path / "ds").counts().faces == 18


def test_dry_run_on_a_finished_dataset_finds_nothing_to_do(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", tmp_path / "photos", dataset, "--dry-run", *TOYS) == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_info_counts_add_up(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("info", dataset) == 0
    said = capsys.readouterr().out
    assert "14 pictures (12 ok, " in said
    assert "18 faces" in said
    assert "ledger: 1 truncated" in said
    assert call("info", dataset, "--ledger", "--format", "json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(r["name"], r["reason"]) for r in rows} == {("broken.png", "truncated"), ("copy.png", "duplicate")}


def test_query_answers_in_three_formats(dataset: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sql = "select count(*) as n, count(toy_total) as labelled from faces"
    assert call("query", dataset, sql, "-f", "csv") == 0
    header, values = capsys.readouterr().out.split()
    assert header == "n,labelled"
    assert values.startswith("18,")
    assert call("query", dataset, sql, "-f", "json") == 0
    assert json.loads(capsys.readouterr().out)["n"] == 18
    assert call("query", dataset, sql, "-o", tmp_path / "n.parquet") == 0
    assert (tmp_path / "n.parquet").stat().st_size > 0
    assert "toy_totl" in mistake(capsys, "query", dataset, "select toy_totl from faces")


def test_columns_can_be_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("columns", "valence") == 0
    assert "arousal" not in capsys.readouterr().out.replace("valence/arousal", "")
