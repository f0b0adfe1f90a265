"""The command `audit`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.cli.main import main
from curate.store import Dataset
from schemas.columns import labels
from tests.evaluation_samples import dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layers = {
        "demographics.v1": {labels.RACE: ["White"] * 60 + ["Black"] * 40, labels.GENDER: ["Female", "Male"] * 50},
        "quality.v1": {labels.QUALITY_SCORE: [0.9] * 60 + [0.3] * 30 + [0.9] * 10},
    }
    ds: Dataset = dataset(tmp_path_factory.mktemp("cli") / "ds", [1] * 100, layers)
    return ds.path


def run(*words: str | Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(w) for w in words])
    told = capsys.readouterr()
    return int(left.value.code or 0), told.out, told.err


def test_the_command_writes_both_files_and_tells_the_worst_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run("audit", folder, "--by", "race,gender", "--filter", "quality >= 0.5", "--rounds", "200",
                         "--no-pictures", capsys=capsys)  # fmt: skip
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "100 faces by perceived_race, perceived_gender"
    first = next(line for line in lines if "perceived_race" in line and line.startswith("high"))
    assert "removes 75 % of Black against 0 % of White" in out
    assert lines.index(first) < next(i for i, line in enumerate(lines) if line.startswith("medium"))
    assert "Labels are perception" in out
    assert "not looked at: identities: People are not known. Run: facecurate identity" in err
    written = [Path(line) for line in lines[-2:]]
    assert [f.name for f in written] == ["audit.json", "audit.html"]
    assert json.loads(written[0].read_text())["format"] == "facecurate-audit"
    assert "Annex III" in written[1].read_text()


def test_json_goes_to_standard_output(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("audit", folder, "--by", "race", "--format", "json", "--rounds", "200", "-o", tmp_path,
                       "--name", "first", "--no-pictures", capsys=capsys)  # fmt: skip
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "first.json").read_text())


def test_an_earlier_audit_is_handed_to_the_page(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--by", "race", "--rounds", "200", "-o", tmp_path, "--no-pictures", "-q")
    run("audit", folder, *options, "--name", "before", capsys=capsys)
    code, _, _ = run("audit", folder, *options, "--name", "after", "--compare", tmp_path / "before.json", capsys=capsys)
    assert code == 0
    before, after = ((tmp_path / f"{name}.html").read_text() for name in ("before", "after"))
    assert len(after) > len(before)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--by", "rce"), "unknown column 'rce'. Did you mean 'race'?"),
        (("--by", ","), "names nothing"),
        (("--filter", "quality >"), "the condition 'quality >' is not understood"),
        (("--filter", "quality + 'a' = 3"), "quality + 'a'"),
        (("--target", "nowhere.csv"), "there is no target nowhere.csv"),
        (("--interval", "exct"), "Did you mean 'exact'?"),
        (("--format", "xml"), "unknown format 'xml'"),
        (("--compare", "nowhere.json"), "cannot read the audit nowhere.json"),
        (("--truth", "nowhere.csv"), "there is no truth file nowhere.csv"),
        (("--evaluation", "nowhere.json"), "cannot read the evaluation nowhere.json"),
        (("--layers", "human.x"), "unknown layer 'human.x'"),
        (("--outcome", "gender"), "it must be COLUMN=NAME"),
        (("--outcome", "perceived_gender=Female"), "need truth"),
        (("--name", "a/b"), "a/b"),
        (("--truth-map", "a=race"), "--truth-map is of no use here"),
        (("--map", "a=race4"), "--map a is of no use here"),
        (("--by", "race*"), "a column is missing beside *"),
    ],
)
def test_wrong_calls_end_in_one_line(
    folder: Path, words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run("audit", folder, *words, capsys=capsys)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert told in err
