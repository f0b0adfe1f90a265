"""The recipe engine: what it reads, what it does once, again, or not at all, and how it says so."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer.main

from curate import recipe_docs
from curate.cli.main import _run, app
from curate.recipes import steps
from curate.recipes.options import bind, fill
from curate.recipes.recipe import load, parse, recipe_names
from curate.recipes.registry import step_kinds
from curate.recipes.run import RunOptions, outlook, plan_steps, run_recipe
from curate.recipes.select import Rules, select
from curate.recipes.state import FILE
from curate.recipes.steps.export import ExportStepOptions
from curate.recipes.summary import write_summary
from curate.store import Dataset
from schemas import UnknownNameError, UsageError
from schemas.columns import faces, labels
from tests.export_samples import hard_cases

ROOT = Path(__file__).resolve().parent.parent
MINE = """
name = "mine"
doc = "Faces of a least quality as folders."
[parameters.least]
default = 0.3
doc = "Least quality."
[parameters.folders]
default = true
doc = "Also as folders."
[[step]]
name = "take"
kind = "ingest"
[[step]]
name = "pick"
kind = "select"
[step.rules]
quality = "quality >= {least}"
known = "perceived_gender is not null"
[[step]]
name = "out"
kind = "export"
when = "{folders}"
format = "imagefolder"
columns = ["perceived_gender", "quality"]
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("recipes"), pictures=36)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(MINE, "utf-8")
    return tmp_path / "mine.toml"


def states(recipe: Path, given: Dataset, out: Path, **parameters: str) -> dict[str, str]:
    found = run_recipe(load(str(recipe)), [str(given.path)], out, RunOptions(parameters))
    return {r.name: r.state for r in found}


# --- what is read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = 1", "mine.toml has no steps"),
        ("nme = 'x'", "unknown key in mine.toml: 'nme'. Did you mean 'name'?"),
        (MINE.replace('doc = "Least quality."', ""), "mine.toml: parameters.least has no 'doc'"),
        (MINE.replace("default = 0.3", "default = [1]"), "mine.toml: parameters.least has no default"),
        (MINE.replace('name = "pick"', 'name = "take"'), "mine.toml: two steps are called 'take'"),
        (MINE.replace('name = "pick"\nkind = "select"', 'name = "pick"'), "mine.toml: step 2 has no 'kind'"),
        ("name = 'x\n", "mine.toml is no TOML"),
    ],
)
def test_a_file_with_a_mistake_is_told_in_one_line(text: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(text, "mine.toml")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "select"', 'kind = "selct"', "unknown kind in mine.toml: step pick: 'selct'. Did you mean 'select'?"),
        ("{least}", "{last}", "unknown parameter in mine.toml: step pick.rules.quality: 'last'"),
        ("format =", "formt =", "unknown key in mine.toml: step out: 'formt'"),
        ('format = "imagefolder"\n', "", "mine.toml: step out has no 'format'"),
        ('format = "imagefolder"', "format = 3", "mine.toml: step out.format = 3: it must be a text"),
    ],
)
def test_steps_with_a_mistake_name_file_and_key(old: str, new: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        plan_steps(parse(MINE.replace(old, new), "mine.toml"), [], None)
    assert words in str(error.value)


def test_parameters_keep_their_types() -> None:
    recipe = parse(MINE, "mine.toml")
    assert recipe.values({"least": "0.5", "folders": "no"}) == {"least": 0.5, "folders": False}
    for name, text in (("least", "much"), ("folders", "perhaps")):
        with pytest.raises(UsageError, match=f"--set {name}={text}"):
            recipe.values({name: text})
    with pytest.raises(UnknownNameError, match="Did you mean 'least'"):
        recipe.values({"leest": "1"})


def test_filling_in() -> None:
    known = {"x": 0.5, "flag": True, "n": 3, "c": "it's {n}"}
    assert fill({"a {n}": ["{x}", "p > {x} and {flag}"], "b": 1}, known, "f") == {
        "a 3": [0.5, "p > 0.5 and true"], "b": 1,
    }  # fmt: skip
    assert fill("{c}", known, "f") == "it's {n}", "what a user gives is not read again"


def test_binding_converts_only_what_cannot_be_mistaken() -> None:
    found = bind(ExportStepOptions, {"format": "npz", "columns": "quality, caption", "size": 64}, "f")
    assert found == ExportStepOptions("npz", ("quality", "caption"), size=64)
    with pytest.raises(UsageError, match="it must be a whole number"):
        bind(ExportStepOptions, {"format": "npz", "size": True}, "f")


# --- what is done


def test_a_recipe_keeps_and_drops_what_its_rules_say(mine: Path, given: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert set(states(mine, given, out).values()) == {"finished"}
    table = given.faces([labels.QUALITY_SCORE, labels.GENDER, faces.FACE_ID]).to_pylist()
    low = [r for r in table if r["quality"] is None or r["quality"] < 0.3]
    unknown = [r for r in table if r not in low and r["perceived_gender"] is None]
    told = {s["name"]: s["done"] for s in json.loads((out / FILE).read_text("utf-8"))["steps"]}
    assert told["pick"]["dropped"] == {"quality": len(low), "known": len(unknown)}
    assert low
    assert unknown
    assert told["pick"]["kept"] == told["out"]["kept"] == len(table) - len(low) - len(unknown)
    drops = pq.read_table(out / "pick" / "drops.parquet").to_pylist()
    assert {(d["face_id"], d["selected_rule"]) for d in drops} == {
        *((r["face_id"], "quality") for r in low), *((r["face_id"], "known") for r in unknown)
    }  # fmt: skip
    assert {d["condition"] for d in drops} == {"quality >= 0.3", "perceived_gender is not null"}
    assert "selected" not in given.columns(), "the dataset that it started from stays as it was"
    page = write_summary(load(str(mine)), out).read_text("utf-8")
    assert f"{told['pick']['kept']} faces" in page


def test_finished_steps_are_not_done_again(mine: Path, given: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    states(mine, given, out)
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file() and p.name != ".lock"}
    assert set(states(mine, given, out).values()) == {"was finished"}
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_a_changed_parameter_does_again_what_depends_on_it(mine: Path, given: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    states(mine, given, out)
    assert states(mine, given, out, least="0.6") == {"take": "was finished", "pick": "finished", "out": "finished"}
    exported = pq_count(out / "out")
    assert exported == given.faces([labels.QUALITY_SCORE], "quality >= 0.6 and perceived_gender is not null").num_rows
    assert states(mine, given, out, least="0.3")["pick"] == "finished", "the old answer is not taken for the new one"
    assert states(mine, given, out, folders="no")["out"] == "left out"
    assert not (out / "out").exists(), "what a step left with other settings is removed"


def pq_count(folder: Path) -> int:
    return sum(len(p.read_text("utf-8").splitlines()) for p in folder.rglob("metadata.jsonl"))


def test_a_lost_file_or_another_dataset_is_noticed(mine: Path, given: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    states(mine, given, out)
    (out / "pick" / "drops.parquet").unlink()
    assert states(mine, given, out)["pick"] == "finished"
    other = hard_cases(tmp_path, pictures=12, seed=1)
    assert set(states(mine, other, out).values()) == {"finished"}
    assert Dataset.open(out / "faces").counts().faces == other.counts().faces


def test_a_stopped_recipe_goes_on(mine: Path, given: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("curate.export.formats.imagefolder.ImageFolder.finish", stop)
        with pytest.raises(KeyboardInterrupt):
            states(mine, given, out)
    told = {s["name"]: s["state"] for s in json.loads((out / FILE).read_text("utf-8"))["steps"]}
    assert told == {"take": "finished", "pick": "finished", "out": "begun"}
    recipe = load(str(mine))
    assert [s for _, s in outlook(recipe, [str(given.path)], out)] == ["finished", "finished", "to go on with"]
    assert states(mine, given, out) == {"take": "was finished", "pick": "was finished", "out": "finished"}


KILLED = """
import os, signal, sys
from curate.export.formats.imagefolder import ImageFolder
from curate.cli.main import main
ImageFolder.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main(["recipe", *sys.argv[1:], "-q"])
"""


def test_a_killed_recipe_goes_on_and_ends_as_an_unbroken_one(mine: Path, given: Dataset, tmp_path: Path) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    done = subprocess.run([sys.executable, "-c", KILLED, mine, given.path, out], cwd=ROOT, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert states(mine, given, out) == {"take": "was finished", "pick": "was finished", "out": "finished"}
    states(mine, given, whole)
    files = {p.relative_to(whole): p for p in (whole / "out").rglob("*") if p.is_file()}
    files |= {p.relative_to(whole): p for p in (whole / "pick").rglob("*") if p.is_file()}
    assert files
    for name, path in files.items():
        assert (out / name).read_bytes() == path.read_bytes(), name


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_one_step_alone_needs_those_before_it(mine: Path, given: Dataset, tmp_path: Path) -> None:
    recipe, out, photos = load(str(mine)), tmp_path / "out", [str(given.path)]
    with pytest.raises(UsageError, match="step pick cannot be done alone"):
        run_recipe(recipe, photos, out, RunOptions(only="pick"))
    states(mine, given, out)
    found = run_recipe(recipe, photos, out, RunOptions({"folders": "true", "least": "0.6"}, only="pick"))
    assert [(r.name, r.state) for r in found] == [("pick", "finished")]
    assert not (out / "out").exists(), "it was made from the earlier selection"
    with pytest.raises(UnknownNameError, match="Did you mean 'pick'"):
        run_recipe(recipe, photos, out, RunOptions(only="pik"))


def test_a_folder_of_something_else_is_left_alone(mine: Path, given: Dataset, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.txt").write_text("x")
    with pytest.raises(UsageError, match="holds something else"):
        states(mine, given, tmp_path / "photos")
    states(mine, given, tmp_path / "out")
    with pytest.raises(UsageError, match="is of the recipe 'mine'"):
        run_recipe(load("fgid"), [str(given.path)], tmp_path / "out")


def test_mistakes_show_before_the_first_step(given: Dataset, tmp_path: Path) -> None:
    text = MINE.replace('format = "imagefolder"', 'format = "imagefoldr"')
    with pytest.raises(UnknownNameError, match="Did you mean 'imagefolder'"):
        run_recipe(parse(text, "mine.toml"), [str(given.path)], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="recipe mine needs photos"):
        run_recipe(parse(MINE, "mine.toml"), [], tmp_path / "out")
    with pytest.raises(UsageError, match="recipe sig takes no photos"):
        run_recipe(load("sig"), [str(given.path)], tmp_path / "out")


# --- selecting


def test_groups_that_are_left_too_small_go(given: Dataset, tmp_path: Path) -> None:
    ds = hard_cases(tmp_path, pictures=36)
    found = select(
        ds, Rules({"quality": "quality > 0.2"}, "identity", 3), "recipe_people", drops=tmp_path / "d.parquet"
    )
    rows = ds.faces([labels.QUALITY_SCORE, labels.IDENTITY_ID, labels.SELECTED, labels.SELECTED_RULE]).to_pylist()
    sharp = [r["identity"] for r in rows if (r["quality"] or 0) > 0.2]
    expected = [who for who in sharp if who is not None and sharp.count(who) >= 3]
    assert found.kept == len(expected) == sum(r["selected"] for r in rows)
    assert sorted(r["identity"] for r in rows if r["selected"]) == sorted(expected)
    assert found.dropped["at least 3 of one identity"] == len(sharp) - len(expected) > 0


def test_a_second_selection_asks_only_what_the_first_left(tmp_path: Path) -> None:
    ds = hard_cases(tmp_path, pictures=24)
    first = select(ds, Rules({"gender": "perceived_gender = 'Female'"}), "a")
    second = select(ds, Rules({"quality": "quality > 0.5"}), "b", after="a")
    both = ds.faces([faces.FACE_ID], "perceived_gender = 'Female' and quality > 0.5").num_rows
    assert second.kept == both == ds.faces([faces.FACE_ID], "selected").num_rows
    assert second.dropped["earlier selection"] == ds.counts().faces - first.kept


def test_selecting_needs_rules_that_are_understood(given: Dataset) -> None:
    with pytest.raises(UsageError, match="without rules"):
        Rules({})
    with pytest.raises(UsageError, match="needs both"):
        Rules({}, "identity", 0)
    with pytest.raises(UnknownNameError, match="Did you mean 'quality'"):
        select(given, Rules({"q": "qualty > 1"}), "x")


# --- all recipes that come along


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_explains_itself_in_commands_that_exist(name: str) -> None:
    group = typer.main.get_command(app)
    recipe = load(name)
    assert recipe.name == name
    assert {"title", "paper", "published", "differs"} <= set(recipe.source)
    for flag in (False, True):
        given = {p.name: "1" for p in recipe.parameters.values() if flag and type(p.default) in (bool, int)}
        for one in plan_steps(recipe, [], None, RunOptions(given)):
            for words in one.step.commands(one.site) if one.step is not None else ():
                if words[0] != "cp":
                    command = group.commands[words[0]]  # type: ignore[attr-defined]
                    command.make_context(words[0], [str(w) for w in words[1:]])


def test_every_kind_of_step_is_used_or_documented() -> None:
    page = (ROOT / "docs" / recipe_docs.FILE).read_text("utf-8")
    assert all(f"**{kind}**" in page for kind in step_kinds())
    assert steps.__doc__


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / recipe_docs.FILE).read_text("utf-8") == recipe_docs.page()


def test_the_recipe_of_the_docs_runs(given: Dataset, tmp_path: Path) -> None:
    text = recipe_docs.OWN.split("```toml\n")[1].split("```")[0]
    recipe = parse(text, "smiles.toml")
    assert [p.kind for p in plan_steps(recipe, [], None)] == ["run", "select", "export"]


# --- the command line


def test_the_command_line(mine: Path, given: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    places = [str(mine), str(given.path), str(out)]
    assert _run(["recipe", *places, "--dry-run"], False) == 0
    assert "pick (select): to do" in capsys.readouterr().out
    assert not out.exists()
    assert _run(["recipe", *places, "--explain", "--set", "least=0.5"], False) == 0
    told = capsys.readouterr().out
    assert "facecurate select" in told
    assert "'quality: quality >= 0.5'" in told
    assert _run(["recipe", *places], False) == 0
    told = capsys.readouterr().out
    assert "[2/3] pick (select)" in told
    assert "quality" in told
    assert (out / "recipe.html").is_file()
    assert _run(["recipe", "fgd"], False) == 2
    assert "Did you mean 'fgid'" in capsys.readouterr().err
    assert _run(["recipes"], False) == 0
    assert "fgid" in capsys.readouterr().out
    assert _run(["select", str(out / "faces"), "--rule", "quality"], False) == 2
    assert "it must be NAME: CONDITION" in capsys.readouterr().err


def test_a_grid_is_laid_out_evenly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["grid", "emonet", str(tmp_path / "g"), "--count", "7000"], False) == 0
    assert "7,000 rows, 3,360 cells of 2 to 3 rows" in capsys.readouterr().out
    counts = json.loads((tmp_path / "g" / "counts.json").read_text("utf-8"))
    rows = [json.loads(x) for x in (tmp_path / "g" / "grid.jsonl").read_text("utf-8").splitlines()]
    per_emotion = np.unique([r["facts"]["emonet_40"] for r in rows], return_counts=True)[1]
    assert sorted(counts["axes"]["emonet_40"].values()) == sorted(per_emotion)
    assert len(per_emotion) == 40
