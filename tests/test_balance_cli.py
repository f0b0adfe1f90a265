"""The command: who stays and why each other face goes, what is written, what is checked again, and mistakes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from balance_samples import BY, GENDER, RACE, dataset, person, skewed
from store_samples import add
from test_cli import call, mistake

from curate.balance.plan import FORMAT, read_plan
from curate.store import Dataset
from curate.store.parts import read_json, write_json
from schemas import DatasetError
from schemas.columns import faces, images, labels

COLUMNS = ",".join(BY)
EVEN = ("--by", COLUMNS, "--target", "uniform", "--tolerance", "0")
WOMAN, MAN = ("Female", "Black"), ("Male", "White")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return skewed(tmp_path / "ds").path


def plan_json(path: Path, name: str = "default") -> dict[str, Any]:
    return read_json(path / "plans" / f"{name}.json")


def planned(path: Path, name: str = "default") -> dict[str, int]:
    return {" ".join(c["labels"].values()): c["planned"] for c in plan_json(path, name)["cells"]}


def test_the_best_stay_and_every_drop_has_rule_value_and_threshold(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("balance", path, *EVEN) == 0
    assert "every target is reached" in capsys.readouterr().out
    # 4 black women: 18 to 19 in all, so 4 or 5 of each
    assert planned(path) == {"Female White": 5, "Female Black": 4, "Male White": 5, "Male Black": 5}
    ds = Dataset.open(path)
    chosen = ds.faces([GENDER, RACE, labels.QUALITY_SCORE], where=labels.BALANCE_SELECTED.name)
    assert chosen.num_rows == 19
    white_men = chosen.filter(pc.and_(pc.equal(chosen[GENDER], "Male"), pc.equal(chosen[RACE], "White")))
    assert sorted(white_men[labels.QUALITY_SCORE.name].to_pylist()) == pytest.approx([0.36, 0.37, 0.38, 0.39, 0.40])
    drops = pq.read_table(path / "plans" / "default.drops.parquet").to_pylist()
    assert len(drops) == 76 - 19
    assert {d[labels.BALANCE_RULE.name] for d in drops} == {"full"}
    men = [d for d in drops if d[labels.BALANCE_CELL.name] == "Male · White"]
    assert sorted(d[labels.BALANCE_VALUE.name] for d in men) == list(range(6, 41))
    assert {d[labels.BALANCE_THRESHOLD.name] for d in men} == {5.0}
    assert call("balance", path, "--verify", path / "plans" / "default.json") == 0


def test_rules_go_in_order_copies_people_then_full_cells(tmp_path: Path) -> None:
    extra = [
        person(WOMAN, keep=False, identity="ann"),
        *[person(WOMAN, identity="ann", quality=q) for q in (0.9, 0.8, 0.7)],
        person((None, "Black")),
        person(MAN, made=True),
    ]
    ds = skewed(tmp_path / "ds", *extra)
    assert call("balance", ds.path, *EVEN, "--per-identity", 2) == 0
    names = [labels.BALANCE_RULE, labels.BALANCE_VALUE, labels.BALANCE_THRESHOLD, labels.QUALITY_SCORE]
    said = ds.faces(names).to_pylist()[-6:]
    short = [tuple(None if v is None else round(v, 2) if isinstance(v, float) else v for v in r.values()) for r in said]
    assert short == [
        ("duplicate", None, None, 0.5),
        (None, None, None, 0.9),
        (None, None, None, 0.8),
        ("identity", 3.0, 2.0, 0.7),
        ("no label", None, None, 0.5),
        ("full", 1.0, 0.0, 0.5),
    ]
    totals = plan_json(ds.path)["totals"]
    assert totals["aside"] == {"duplicate": 1, "identity": 1}
    assert plan_json(ds.path)["cells"][2]["synthetic"] == 1


def test_the_same_call_writes_the_same_and_another_needs_another_name(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("balance", path, *EVEN) == 0
    first = (path / "plans" / "default.json").read_bytes()
    assert call("balance", path, *EVEN) == 0
    assert (path / "plans" / "default.json").read_bytes() == first
    assert "Give another name" in mistake(capsys, "balance", path, *EVEN, "--seed", 1)
    assert (path / "plans" / "default.json").read_bytes() == first


def test_the_seed_draws_other_faces_where_all_are_equally_good(path: Path) -> None:
    for seed in (1, 2):
        assert call("balance", path, *EVEN, "--choose", "random", "--seed", seed, "--name", f"s{seed}") == 0
    ds = Dataset.open(path)
    one, two = (ds.layer_table(f"balance_s{s}", [labels.BALANCE_SELECTED]).column(0).to_pylist() for s in (1, 2))
    assert sum(one) == sum(two) == 19
    assert one != two


def test_a_dry_run_writes_nothing(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.rglob("*"))
    assert call("balance", path, *EVEN, "--dry-run") == 0
    assert "19 planned" in capsys.readouterr().out
    assert sorted(path.rglob("*")) == before


def test_targets_from_tables_datasets_and_words(path: Path, tmp_path: Path) -> None:
    table = tmp_path / "target.csv"
    table.write_text(f"{GENDER},count\nfemale,10\nMale,30\n")
    assert call("balance", path, "--by", COLUMNS, "--target", table, "--tolerance", 0, "--name", "csv") == 0
    found = planned(path, "csv")
    # 20 : 4 and 40 : 12 as they are today
    assert found == {"Female White": 8, "Female Black": 2, "Male White": 23, "Male Black": 7}
    other = dataset(tmp_path / "other", [person(WOMAN), person(WOMAN), person(MAN), person(MAN)])
    assert (
        call("balance", path, "--by", COLUMNS, "--target", f"dataset:{other.path}", "--tolerance", 0, "--name", "like")
        == 0
    )
    found = planned(path, "like")
    assert found["Female White"] == found["Male Black"] == 0
    assert {found["Female Black"], found["Male White"]} <= {4, 5}
    words = ("--target", f"{RACE}=even", "--target", f"{GENDER}=Female:.6,Male:.4", "--tolerance", 0, "--size", 20)
    assert call("balance", path, "--by", COLUMNS, *words, "--name", "words") == 0
    found = planned(path, "words")
    assert found["Female White"] + found["Female Black"] == 12
    assert found["Male White"] + found["Female White"] == 10
    assert found["Female Black"] == 4


def test_a_label_that_only_the_target_names_is_out_of_reach(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = f"{RACE}=White:.4,Black:.4,Indian:.2"
    assert call("balance", path, "--by", COLUMNS, "--target", target) == 0
    out = capsys.readouterr().out
    assert "0 photographed faces are left" in out
    assert "Indian: at least" in out
    assert call("balance", path, "--verify", path / "plans" / "default.json") == 0


def test_limits_bins_and_conditions(path: Path) -> None:
    bins = ("--by", labels.QUALITY_SCORE.name, "--bins", f"{labels.QUALITY_SCORE.name}=.1,.2")
    assert call("balance", path, *bins, "--most", 15, "--name", "bins") == 0
    assert planned(path, "bins") == {"below 0.1": 15, "0.1 to 0.2": 15, "0.2 and above": 15}
    only = (
        "--where",
        f"{labels.QUALITY_SCORE.name} > .05",
        "--by",
        GENDER,
        "--least",
        "Female=15".replace("Female", GENDER),
    )
    assert call("balance", path, *only, "--name", "where") == 0
    counts = {c["labels"][GENDER]: (c["now"], c["planned"]) for c in plan_json(path, "where")["cells"]}
    assert counts == {"Female": (15, 15), "Male": (35 + 7, 42)}
    rules = Dataset.open(path).layer_table("balance_where", [labels.BALANCE_RULE]).column(0).value_counts().to_pylist()
    assert {r["values"]: r["counts"] for r in rules} == {"outside": 19, None: 57}


def test_children_are_no_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    group = [person(WOMAN, image="group"), person(WOMAN, image="group", age="3-9")]
    people = [person(MAN)] * 10 + [person(("Male", "Black"))] * 10 + [person(("Female", "White"))] * 10
    people += [person(WOMAN), person(WOMAN, age=None), person(WOMAN, age="10-19"), *group]
    ds = dataset(tmp_path / "ds", people, shards=1)
    generators = tmp_path / "generators.toml"
    generators.write_text("[light]\ncost = 1\nyield = 0.5\nmost_per_source = 2\n")
    assert call("balance", ds.path, *EVEN, "--size", 40, "--generators", generators, "--budget", 100) == 0
    cell = next(c for c in plan_json(ds.path)["cells"] if list(c["labels"].values()) == list(WOMAN))
    assert (cell["real"], cell["sources"], cell["add"], cell["tries"]) == (5, 1, {"light": 2}, {"light": 4})
    assert "can add at most 2 from 1 source faces of adults" in capsys.readouterr().out
    assert call("balance", ds.path, "--verify", ds.path / "plans" / "default.json") == 0


def test_weights_are_written(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "weights.parquet"
    assert call("balance", path, *EVEN, "--allow", "reweight", "--weights", out) == 0
    assert "weighted, they count as" in capsys.readouterr().out
    table = pq.read_table(out)
    assert table.column_names == [faces.FACE_ID.name, labels.BALANCE_WEIGHT.name]
    weights = table[labels.BALANCE_WEIGHT.name].to_numpy()
    assert len(weights) == 76
    assert weights.mean() == pytest.approx(1, abs=1e-5)
    assert weights.max() == pytest.approx(76 / 4 / 4, rel=1e-2)
    assert call("balance", path, "--verify", path / "plans" / "default.json") == 0


def change(data: dict[str, Any], *keys: Any, value: Any) -> None:
    for key in keys[:-1]:
        data = data[key]
    data[keys[-1]] = value


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ([(("cells", 0, "now"), 21), (("cells", 0, "drop"), 16)], "21 now, the data say 20"),
        ([(("cells", 2, "sources"), 7)], "the plan says 7 sources, the data say 0"),
        ([(("cost",), 5.0)], "the plan costs 0, not 5"),
        ([(("totals", "keep"), 18)], "totals: keep"),
        ([(("groups", 0, "planned"), 9.0)], "it is 5"),
        ([(("options", "per_identity"), 1)], "faces set aside"),
        ([(("dataset", "revision"), 4)], "cannot be read as the plan says"),
        ([(("options", "where"), f"{labels.QUALITY_SCORE.name} > .5")], "the data say 0"),
        ([(("certificate",), {"method": "Farkas", "about": "counts", "rows": []})], "without a proof"),
    ],
)
def test_a_changed_plan_is_noticed(
    tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = skewed(tmp_path / "ds", person(MAN, identity="bob"), person(MAN, identity="bob")).path
    assert call("balance", path, *EVEN) == 0
    data = plan_json(path)
    for keys, value in changes:
        change(data, *keys, value=value)
    write_json(tmp_path / "plan.json", data)
    capsys.readouterr()
    assert call("balance", path, "--verify", tmp_path / "plan.json") in (1, 2)
    assert word in capsys.readouterr().err


def test_changed_data_are_noticed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("balance", path, *EVEN) == 0
    ds = Dataset.open(path)
    key = ds.keys("faces")[0]
    table = ds.read("labels/balance_default", key)
    place = table.column_names.index(labels.BALANCE_SELECTED.name)
    ds.write("labels/balance_default", key, table.set_column(place, table.schema.field(place), [[True] * len(table)]))
    assert call("balance", path, "--verify", path / "plans" / "default.json") == 1
    assert "does not select the" in capsys.readouterr().err
    # layers made later do not speak for the plan
    add(ds, "later", "human", "2027-01-01", {labels.GENDER: ["Female"] * len(table)}, key)
    assert call("balance", path, "--verify", path / "plans" / "default.json") == 1
    assert "the data say" not in capsys.readouterr().err


def test_plans_of_other_formats_are_refused(path: Path, tmp_path: Path) -> None:
    assert call("balance", path, *EVEN, "-o", tmp_path / "plan.json") == 0
    assert (tmp_path / "plan.drops.parquet").is_file()
    plan = read_plan(tmp_path / "plan.json")
    assert [c.planned for c in plan.cells] == [5, 4, 5, 5]
    good = read_json(tmp_path / "plan.json")
    assert good["format"] == FORMAT
    for keys, value, word in [
        (("format",), "other", "no balance plan"),
        (("version",), 2, "version 2"),
        (("cells", 0, "keep"), -1, "whole numbers"),
        (("cells", 0, "keep"), 6, "keeps 6 and drops 15 of 20"),
        (("cells", 0, "planned"), 9, "says 9 planned"),
        (("columns",), ["a"], "columns are"),
        (("cost",), "free", "cost is"),
    ]:
        data = json.loads(json.dumps(good))
        change(data, *keys, value=value)
        write_json(tmp_path / "bad.json", data)
        with pytest.raises(DatasetError, match=word):
            read_plan(tmp_path / "bad.json")
    del good["solver"]
    write_json(tmp_path / "bad.json", good)
    with pytest.raises(DatasetError, match="solver"):
        read_plan(tmp_path / "bad.json")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--target", "uniform"), "no columns"),
        (("--by", COLUMNS), "no target"),
        (("--by", "perceived_gendre", "--target", "uniform"), f"Did you mean '{GENDER}'"),
        (("--by", labels.QUALITY_SCORE.name, "--target", "uniform"), "--bins"),
        (("--by", labels.EMBEDDING.name, "--target", "uniform"), "its kind is vector"),
        (("--by", COLUMNS, "--target", "evenly"), "target 'evenly' is not understood"),
        (("--by", COLUMNS, "--target", f"{GENDER}=Femal:.5,Male:.5"), "Did you mean 'Female'"),
        (("--by", GENDER, "--target", f"{RACE}=even"), "not a column of this plan"),
        (("--by", COLUMNS, "--target", "nowhere.csv"), "nowhere.csv cannot be read"),
        ((*EVEN, "--size", "many"), "--size many"),
        ((*EVEN, "--allow", "add,drop"), "no generator is named"),
        ((*EVEN, "--allow", "shrink"), "unknown action 'shrink'"),
        ((*EVEN, "--generators", "none.toml"), "none.toml cannot be read"),
        ((*EVEN, "--allow", "reweight", "--per-identity", "2"), "--per-identity drops faces"),
        ((*EVEN, "--name", "a/b"), "cannot be a plan name"),
        ((*EVEN, "--least", "few"), "--least few"),
        ((*EVEN, "--where", "perceived_gendr = 1"), GENDER),
        ((*EVEN, "--collect", "cheap"), "--collect cheap"),
    ],
)
def test_mistakes_end_in_one_line(
    path: Path, arguments: tuple[str, ...], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert word in mistake(capsys, "balance", path, *arguments)
    assert not (path / "plans").exists()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[a]\ncost = 1\n", "lacks yield"),
        ("[a]\ncost = 1\nyield = 0\n", "yield of 0"),
        ("[a]\ncost = -1\nyield = 0.5\n", "cost is -1"),
        ("[a]\ncost = 1\nyield = 0.5\nspeed = 1\n", "unknown fields speed"),
        ("[a]\ncost = 1\nyield = 0.5\nserves = [{ age = 'x' }]\n", "names age"),
        ("cost = 1\n", "no file of generators"),
        ("[a\n", "cannot be read"),
    ],
)
def test_wrong_generators_are_told(
    path: Path, tmp_path: Path, text: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "generators.toml"
    file.write_text(text)
    assert word in mistake(capsys, "balance", path, *EVEN, "--generators", file)


def test_without_scipy_the_extra_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert "facecurate[balance]" in mistake(capsys, "balance", path, *EVEN)


def test_pictures_of_a_split_alone_take_part(path: Path) -> None:
    names = Dataset.open(path).columns()
    assert images.SPLIT.name in names
    assert call("balance", path, *EVEN, "--where", f"{images.SPLIT.name} is null") == 0
    assert sum(planned(path).values()) == 19
