"""`fill` from a plan to labelled pictures in the dataset, on real faces; killed, resumed and asked wrongly."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from test_cli import call, mistake
from test_fill import cell, plan

from annotators.weights import ModelStore
from curate.balance.generators import read_generators
from curate.balance.plan import write_plan
from curate.fill.goals import Cells, counts
from curate.fill.options import FillOptions
from curate.fill.run import fill
from curate.generate.lineage import Lineage
from curate.store import Dataset
from curate.store.parts import read_json
from schemas import DatasetError, images, labels
from tests.generate_samples import digests, labelled, write_pictures

GENDER = labels.GENDER.name
VERIFIERS = ("demographics", "gender", "quality", "identity")
NEED = 3
MAKER = "compress"
SETTINGS = {MAKER: {"format": "jpeg"}}
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def whole(models: ModelStore, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled dataset of ten adults, and a plan beside it that asks for more of either gender."""
    folder = tmp_path_factory.mktemp("fill")
    ds = labelled(folder / "ds", write_pictures(folder / "photos", shared_data, 10))
    now = counts(ds, Cells(plan([GENDER], [])))
    cells = [cell({GENDER: g}, now.get(g, 0), now.get(g, 0) + NEED, {MAKER: NEED}) for g in ("Female", "Male")]
    write_plan(folder / "plan.json", plan([GENDER], cells))
    return folder


@pytest.fixture
def home(whole: Path, tmp_path: Path) -> Path:
    """A copy to work on: `ds` and `plan.json`."""
    shutil.copytree(whole / "ds", tmp_path / "ds")
    shutil.copy(whole / "plan.json", tmp_path / "plan.json")
    return tmp_path


def options(home: Path, **changes: Any) -> FillOptions:
    fixed = FillOptions(
        home / "plan.json", settings=SETTINGS, verifiers=VERIFIERS, side=256, audit=False, workers=1, least_quality=0.05
    )  # fmt: skip
    return dataclasses.replace(fixed, **changes)


@pytest.mark.models
@pytest.mark.data
def test_cells_reach_their_target_with_accepted_pictures_only(home: Path) -> None:
    ds = Dataset.open(home / "ds")
    before = counts(ds, Cells(plan([GENDER], [])))
    done = fill(ds, options(home, audit=True))
    assert [(c.accepted, c.why) for c in done.cells] == [(NEED, "reached")] * 2
    after = counts(Dataset.open(ds.path), Cells(plan([GENDER], [])))
    assert {g: after[g] - before.get(g, 0) for g in after} == {"Female": NEED, "Male": NEED}
    assert all(c.after == c.before + NEED for c in done.cells)
    rows = Dataset.open(ds.path).images(where="is_synthetic").to_pylist()
    assert len(rows) == 2 * NEED
    per_face: dict[str, int] = {}
    for row in rows:
        lineage = Lineage.of_row(row)
        assert lineage.extra == {"fill": "p", "cell": lineage.wanted[GENDER]}
        assert row[images.LICENCE.name] == "CC BY 4.0"
        per_face[lineage.parent_face] = per_face.get(lineage.parent_face, 0) + 1
    assert max(per_face.values()) <= 3
    tries = pq.read_table(done.folder / "tries.parquet").to_pylist()
    assert [t["outcome"] for t in tries].count("accepted") == 2 * NEED
    assert all(t["reason"] for t in tries if t["outcome"] != "accepted")
    files = {str(p.relative_to(ds.path)) for p in (ds.path / "generated").rglob("*.png")}
    assert files == {t["file"] for t in tries if t["outcome"] == "accepted"}, "rejected ones are not kept"
    assert not (done.folder / "work").exists()
    (read,) = read_generators(done.folder / "generators.json", [GENDER])
    judged = {t["number"] for t in tries if t["reason"] != "the cell is full"}
    assert read.rate == pytest.approx(2 * NEED / len(judged))
    assert {p.name for p in done.pages} == {"after.json", "after.html"}
    assert read_json(done.folder / "fill.json")["cells"][0]["why"] == "reached"
    again = fill(Dataset.open(ds.path), options(home))
    assert [c.accepted for c in again.cells] == [NEED, NEED]
    assert len(pq.read_table(done.folder / "tries.parquet")) == len(tries), "a finished fill tries nothing"


@pytest.mark.models
@pytest.mark.data
def test_a_fill_says_why_it_ended_short(home: Path) -> None:
    ds = Dataset.open(home / "ds")
    short = fill(ds, options(home, name="few", budget=2))
    assert [c.tries for c in short.cells] == [1, 1], "cells share the budget"
    assert all(c.why.startswith("budget") for c in short.cells if c.accepted < NEED)
    strict = fill(
        Dataset.open(ds.path), options(home, name="strict", least_quality=1.0, keep_rejected=True, per_face=1)
    )
    assert [c.accepted for c in strict.cells] == [0, 0]
    assert all(c.why.startswith("every source face was tried") and "poor quality" in c.why for c in strict.cells)
    assert list((strict.folder / "rejected").rglob("*.png"))
    assert (strict.folder / "generators.json").read_text().strip() == "{}"


@pytest.mark.models
@pytest.mark.data
def test_a_generator_that_cannot_is_named(home: Path) -> None:
    nobody = plan([GENDER], [cell({GENDER: "Male"}, 1, 3, {MAKER: 2})])
    ds = Dataset.open(home / "ds")
    write_plan(home / "plan.json", nobody)
    rules = dataclasses.replace(options(home).rules, where=f"{GENDER} = 'Female'")
    (found,) = fill(ds, options(home, rules=rules)).cells
    assert (found.accepted, found.tries) == (0, 0)
    assert found.why == "generator cannot: no face that it could take there"
    rules = dataclasses.replace(rules, where="quality > 2")
    (found,) = fill(ds, options(home, name="none", rules=rules)).cells
    assert found.why.startswith("no source faces: of ")


PROGRAM = """
import sys
import numpy as np
from PIL import Image
from skimage.data import astronaut
noise = np.random.default_rng(int(sys.argv[1])).integers(-9, 9, (512, 512, 3))
Image.fromarray(np.clip(astronaut() + noise, 0, 255).astype(np.uint8)).save(sys.argv[2])
"""


@pytest.mark.models
@pytest.mark.data
def test_faces_from_words_must_be_nobody_here_and_not_one_another(home: Path) -> None:
    """A program that always draws the same person: the first is new, every other looks like it."""
    (home / "draw.py").write_text(PROGRAM)
    write_plan(home / "plan.json", plan([GENDER], [cell({GENDER: "Female"}, 1, 3, {"command": 2})]))
    settings = {"command": {"command": f"{sys.executable} {home / 'draw.py'} {{seed}} {{out}}", "prompt": "a woman"}}
    done = fill(Dataset.open(home / "ds"), options(home, settings=settings, budget=3))
    (found,) = done.cells
    assert (found.accepted, found.tries) == (1, 3)
    assert found.why == "budget (of 3 tries: 2 x looks like another generated person)"
    (row,) = Dataset.open(home / "ds").images(where="is_synthetic").to_pylist()
    assert row[images.PARENT.name] is None
    assert Lineage.of_row(row).digital_source == "trainedAlgorithmicMedia"
    ds = Dataset.open(home / "ds")
    with_her = home / "photos"
    with_her.mkdir()
    subprocess.run([sys.executable, str(home / "draw.py"), "99", str(with_her / "her.png")], check=True)
    labelled(ds.path, with_her)
    again = fill(Dataset.open(home / "ds"), options(home, name="again", settings=settings, budget=2, seed=1))
    assert again.cells[0].accepted == 0
    assert again.reasons == {"looks like a real person here": 2}, "she is photographed here now"


SCRIPT = "import sys\nfrom curate.cli.main import main\nif __name__ == '__main__':\n    main(sys.argv[1:])\n"


def start(home: Path) -> subprocess.Popen[str]:
    arguments = [
        "fill", str(home / "ds"), "--plan", str(home / "plan.json"), "--set", f"{MAKER}.format=jpeg", "--no-audit",
        "--verifiers", ",".join(VERIFIERS), "--side", "256", "--least-quality", "0.05", "-j", "1", "-q",
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments], env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def tried(home: Path) -> int:
    path = home / "ds" / "fills" / "p" / "tries.jsonl"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def accepted(home: Path) -> dict[str, Any]:
    folder = home / "ds" / "generated"
    return {name: np.asarray(Image.open(folder / name)) for name in digests(folder)}


@pytest.mark.models
@pytest.mark.data
@pytest.mark.slow
def test_a_killed_fill_goes_on_where_it_stopped(home: Path, tmp_path: Path) -> None:
    unbroken = tmp_path / "unbroken"
    shutil.copytree(home / "ds", unbroken / "ds")
    shutil.copy(home / "plan.json", unbroken / "plan.json")
    for least in (1, 3):
        process = start(home)
        while process.poll() is None and tried(home) < least:
            time.sleep(0.005)
        assert process.poll() is None, "the fill ended before it was killed: the test tests nothing"
        process.send_signal(signal.SIGKILL)
        process.communicate()
    for folder in (home, unbroken):
        process = start(folder)
        out, err = process.communicate()
        assert process.returncode == 0, out + err
    mine, whole = accepted(home), accepted(unbroken)
    assert len(whole) == 2 * NEED
    assert mine.keys() == whole.keys()
    assert all(np.array_equal(mine[name], whole[name]) for name in whole)
    assert Dataset.open(home / "ds").images(where="is_synthetic").num_rows == 2 * NEED


@pytest.mark.models
@pytest.mark.data
def test_wrong_calls_get_one_clear_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ds, path = home / "ds", home / "plan.json"
    assert "Missing option '--plan'" in mistake(capsys, "fill", ds)
    (home / "no.json").write_text("{}")
    assert "no.json is no balance plan" in mistake(capsys, "fill", ds, "--plan", home / "no.json")
    assert "gone.json" in mistake(capsys, "fill", ds, "--plan", home / "gone.json")
    assert "unknown generator 'sketc'" in mistake(capsys, "fill", ds, "--plan", path, "-w", "sketc")
    assert "unknown annotator 'gendr'" in mistake(capsys, "fill", ds, "--plan", path, "--verifiers", "gendr,age")
    said = mistake(capsys, "fill", ds, "--plan", path, "--verifiers", "demographics")
    assert "only one independent annotator can judge perceived_gender (demographics)" in said
    assert "--allow-single" in said
    assert not (ds / "fills").exists()
    assert call("fill", ds, "--plan", path, "--dry-run") == 0
    assert "judged by demographics, gender" in capsys.readouterr().out
    assert not (ds / "fills").exists()


@pytest.mark.models
@pytest.mark.data
def test_a_name_stands_for_one_plan(home: Path) -> None:
    ds = Dataset.open(home / "ds")
    fill(ds, options(home, budget=1))
    with pytest.raises(DatasetError, match="fill 'p' was begun otherwise"):
        fill(Dataset.open(ds.path), options(home, budget=1, seed=4))
