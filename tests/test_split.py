"""Parts share no person, photo, picture or origin; groups are balanced; a certificate notices any change."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_samples import CHILD, adults, dataset, people
from store_samples import add
from test_cli import call, mistake

from curate.identity.identities import Settings as Clustering
from curate.identity.identities import find_identities
from curate.split.assign import Problem, assign, whole_shares
from curate.split.settings import Settings, parse_ratios
from curate.split.split import certificate_path, make_split, verify_split
from curate.split.survey import crossing
from curate.store import Dataset
from curate.store.parts import read_json, write_json, write_table
from schemas import DatasetError, UsageError
from schemas.columns import faces, images, labels

PHOTOS = 60
ONLY_IDENTITY = ("identity",)


@pytest.fixture
def ds(tmp_path: Path) -> Dataset:
    """180 faces of 60 people, balanced by gender, clustered."""
    vectors, who = people(PHOTOS, 3, spread=0.5)
    genders = ["Female" if w % 2 else "Male" for w in who]
    made = dataset(tmp_path / "ds", vectors, ages=adults(len(who)), genders=genders, shards=3)
    find_identities(made, Clustering(threshold=0.5))
    return made


def parts(ds: Dataset, name: str = "default") -> list[str]:
    return ds.faces([images.SPLIT], layers=[f"split_{name}"]).column(0).to_pylist()


def test_parts_share_nobody_and_are_balanced(ds: Dataset) -> None:
    certificate = make_split(ds, Settings(disjoint=ONLY_IDENTITY, stratify=(labels.GENDER.name,)))
    said = parts(ds)
    who = ds.faces([labels.IDENTITY_ID]).column(0).to_pylist()
    for person in set(who):
        assert len({p for p, w in zip(said, who, strict=True) if w == person}) == 1
    facts = certificate["facts"]
    assert facts["parts"]["train"]["faces"] == 144
    assert {c["group"]: (c["train"], c["validation"], c["test"]) for c in facts["strata"]} == {
        "": (144, 18, 18), "Female": (72, 9, 9), "Male": (72, 9, 9),
    }  # fmt: skip
    assert facts["similarity"]["most"] < 0.5
    assert facts["within_tolerance"]
    assert verify_split(ds, "default") == []
    assert verify_split(Dataset.open(ds.path), "default") == []


def test_the_same_call_gives_the_same_split_and_another_seed_another(ds: Dataset) -> None:
    first = make_split(ds, Settings(disjoint=ONLY_IDENTITY))
    again = make_split(ds, Settings(disjoint=ONLY_IDENTITY))
    assert first == again
    make_split(ds, Settings(name="two", disjoint=ONLY_IDENTITY))
    make_split(ds, Settings(name="three", disjoint=ONLY_IDENTITY, seed=1))
    assert parts(ds) == parts(ds, "two") != parts(ds, "three")
    with pytest.raises(DatasetError, match="other content"):
        make_split(ds, Settings(disjoint=ONLY_IDENTITY, seed=2))


def move_one(table: pa.Table) -> pa.Table:
    values = table.column(images.SPLIT.name).to_pylist()
    values[values.index("train")] = "test"
    return table.set_column(table.column_names.index(images.SPLIT.name), images.SPLIT.field, pa.array(values))


def rename_one(column: str) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        values = table.column(column).to_pylist()
        values[0] = values[-1] if values[-1] != values[0] else "other"
        place = table.column_names.index(column)
        return table.set_column(place, table.schema.field(column), pa.array(values, table.schema.field(column).type))

    return change


@pytest.mark.parametrize(
    ("layer", "change", "word"),
    [
        ("split_default", move_one, "identity groups lie in two or more parts"),
        ("identity_clusters", rename_one(labels.IDENTITY_ID.name), f"inputs.{labels.IDENTITY_ID.name} changed"),
        ("identity.v1", rename_one(labels.EMBEDDING.name), "inputs.embeddings changed"),
        ("gender.v1", rename_one(labels.GENDER.name), f"inputs.{labels.GENDER.name} changed"),
    ],
)
def test_one_changed_row_is_noticed(
    ds: Dataset, layer: str, change: Callable[[pa.Table], pa.Table], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_split(ds, Settings(disjoint=ONLY_IDENTITY, stratify=(labels.GENDER.name,)))
    (name,) = [i.name for i in ds.layers() if i.name.startswith(layer)]
    path = ds.part_path(f"labels/{name}", ds.keys("faces")[0])
    write_table(path, change(ds.read(f"labels/{name}", ds.keys("faces")[0])))
    assert any(word in problem for problem in verify_split(ds, "default"))
    assert call("split", "--verify", ds.path, "default") == 1
    assert "do not hold" in capsys.readouterr().out


def forge(certificate: dict[str, Any], *path: str, value: Any) -> None:
    for key in path[:-1]:
        certificate = certificate[key]
    certificate[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("facts", "parts", "test", "faces"), 99),
        (("facts", "similarity", "most"), 0.1),
        (("facts", "assignment"), "0" * 24),
        (("settings", "seed"), 7),
        (("settings", "tolerance"), 0.5),
        (("settings", "alike"), "x"),
        (("settings", "ratios"), [1, 2]),
        (("layers",), ["identity.v1"]),
        (("layers",), [{}]),
    ],
)
def test_a_forged_certificate_is_noticed(ds: Dataset, path: tuple[str, ...], value: Any) -> None:
    make_split(ds, Settings(disjoint=ONLY_IDENTITY))
    file = certificate_path(ds, "default")
    certificate = read_json(file)
    forge(certificate, *path, value=value)
    write_json(file, certificate)
    assert verify_split(ds, "default")


def test_a_leak_is_noticed_even_where_certificate_and_layer_agree(ds: Dataset) -> None:
    make_split(ds, Settings(disjoint=ONLY_IDENTITY))
    key = ds.keys("faces")[0]
    write_table(ds.part_path("labels/split_default", key), move_one(ds.read("labels/split_default", key)))
    file = certificate_path(ds, "default")
    certificate = read_json(file)
    from curate.split.split import stored
    from curate.split.survey import survey
    from curate.split.units import read

    chosen = Settings.from_dict(certificate["settings"])
    material = read(ds, chosen, certificate["layers"])
    certificate["facts"] = json.loads(
        json.dumps(survey(material, chosen, stored(ds, "split_default", material, chosen)))
    )
    write_json(file, certificate)
    problems = verify_split(ds, "default")
    assert any("identity groups" in p for p in problems)
    assert any("as alike as one person's" in p for p in problems)


def test_later_layers_do_not_void_a_certificate(ds: Dataset) -> None:
    make_split(ds, Settings(disjoint=ONLY_IDENTITY))
    find_identities(ds, Clustering(threshold=0.9))
    assert verify_split(ds, "default") == []


def test_pictures_videos_origins_and_columns_stay_together(tmp_path: Path) -> None:
    vectors, _ = people(40, 1, seed=4)
    names = [f"i{n // 2:02d}" for n in range(40)]
    video = ["film" if n < 12 else None for n in range(40)]
    parent = [f"i{n // 2 - 1:02d}" if 20 <= n < 28 else None for n in range(40)]
    made = [n < 28 and n >= 20 for n in range(40)]
    extra = [json.dumps({"donor": n // 8}) for n in range(40)]
    ds = dataset(
        tmp_path / "ds", vectors, images=names, ages=adults(40), video_id=video, parent=parent, is_synthetic=made,
        extra=extra,
    )  # fmt: skip
    half = {"train": 0.5, "test": 0.5}
    make_split(ds, Settings(ratios=half, disjoint=()))
    by_image = dict(zip(ds.faces([faces.IMAGE_ID]).column(0).to_pylist(), parts(ds), strict=True))
    assert all(len({parts(ds)[n], parts(ds)[n + 1]}) == 1 for n in range(0, 40, 2))
    assert len({by_image[f"i{n:02d}"] for n in range(6)}) == 1
    assert {by_image[f"i{n:02d}"] for n in range(9, 14)} == {"train"}, "generated pictures and their origin train"
    make_split(ds, Settings(name="donor", ratios=half, disjoint=("extra.donor",), allow_synthetic=True))
    for donor in range(5):
        assert len(set(parts(ds, "donor")[8 * donor : 8 * donor + 8])) == 1
    assert verify_split(ds, "default") == verify_split(ds, "donor") == []


def children_dataset(path: Path) -> Dataset:
    """Ten children with four photos each, whom no machine may merge, and ten adults with four."""
    vectors, who = people(20, 4, spread=0.4, seed=2)
    ds = dataset(path, vectors, ages=[CHILD if w < 10 else "30-39" for w in who])
    find_identities(ds, Clustering(threshold=0.5))
    return ds


def test_children_stay_apart_as_people_but_together_as_look_alikes(tmp_path: Path) -> None:
    ds = children_dataset(tmp_path / "ds")
    assert len(set(ds.faces([labels.IDENTITY_ID]).column(0).to_pylist())) == 50
    half = {"train": 0.5, "test": 0.5}
    facts = make_split(ds, Settings(ratios=half, disjoint=ONLY_IDENTITY))["facts"]
    said = parts(ds)
    assert all(len(set(said[n : n + 4])) == 1 for n in range(0, 80, 4))
    assert facts["look_alikes_crossing"] == 0
    facts = make_split(ds, Settings(name="t", ratios=half, disjoint=ONLY_IDENTITY, children="train"))["facts"]
    assert facts["children_outside_training"] == 0
    assert set(parts(ds, "t")[:40]) == {"train"}
    facts = make_split(ds, Settings(name="f", ratios=half, disjoint=ONLY_IDENTITY, children="free"))["facts"]
    assert facts["similarity"]["most"] > 0.5
    assert [verify_split(ds, n) for n in ("default", "t", "f")] == [[], [], []]


def test_a_stopped_call_leaves_no_layer_or_finishes_next_time(ds: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from curate.split import split

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(split, "publish", stop)
        with pytest.raises(KeyboardInterrupt):
            make_split(ds, Settings(disjoint=ONLY_IDENTITY))
    assert not any(i.name.startswith("split_") for i in ds.layers())
    with monkeypatch.context() as patch:
        patch.setattr(split, "write_json", stop)
        with pytest.raises(KeyboardInterrupt):
            make_split(ds, Settings(disjoint=ONLY_IDENTITY))
    assert not certificate_path(ds, "default").exists()
    make_split(ds, Settings(disjoint=ONLY_IDENTITY))
    assert verify_split(ds, "default") == []


def test_wrong_calls(ds: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "facecurate duplicates" in mistake(capsys, "split", ds.path)
    assert "add up to 0.9" in mistake(capsys, "split", ds.path, "--ratios", "train=.8,test=.1")
    assert "'train'" in mistake(capsys, "split", ds.path, "--ratios", "train")
    assert "has no groups" in mistake(capsys, "split", ds.path, "--disjoint", "identity", "--stratify", "identity")
    assert "perceived_gender" in mistake(capsys, "split", ds.path, "--disjoint", "", "--stratify", "perceived_gende")
    assert "Did you mean 'tie'" in mistake(capsys, "split", ds.path, "--children", "ties")
    assert "no split certificate" in mistake(capsys, "split", ds.path, "gone", "--verify")
    assert "cannot be a split name" in mistake(capsys, "split", ds.path, "../x")
    assert call("split", ds.path, "mine", "--disjoint", "identity", "--stratify", "perceived_gender") == 0
    assert "largest miss" in capsys.readouterr().out
    assert call("split", ds.path, "mine", "--verify") == 0
    write_json(certificate_path(ds, "mine"), {"certificate": 1})
    assert "is no certificate" in mistake(capsys, "split", ds.path, "mine", "--verify")
    with pytest.raises(UsageError):
        parse_ratios("train=.5,train=.5")


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    units = draw(st.integers(1, 40))
    sizes = draw(st.lists(st.integers(1, 6), min_size=units, max_size=units))
    unit = np.repeat(np.arange(units), sizes)
    fine = np.array(draw(st.lists(st.integers(0, 3), min_size=len(unit), max_size=len(unit))))
    ratios = np.array(draw(st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.5), (0.6, 0.2, 0.2)])))
    bound = np.array(draw(st.lists(st.sampled_from([-1, -1, -1, 0]), min_size=units, max_size=units)))
    names = [f"u{n}" for n in range(units)]
    return Problem(unit, np.column_stack([fine, np.full(len(unit), 4)]), ratios, bound, names, draw(st.integers(0, 9)))


@given(problems())
@settings(max_examples=150, deadline=None)
def test_every_unit_gets_a_part_and_bounds_hold(problem: Problem) -> None:
    part = assign(problem)
    assert ((part >= 0) & (part < len(problem.ratios))).all()
    assert (part[problem.bound >= 0] == problem.bound[problem.bound >= 0]).all()
    assert np.array_equal(part, assign(problem))
    assert crossing(problem.unit, part[problem.unit]) == 0


@given(st.integers(10, 400), st.integers(1, 6), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_single_faces_meet_the_ratios_to_a_face_per_group(count: int, groups: int, seed: int) -> None:
    fine = np.random.default_rng(seed).integers(0, groups, count)
    strata = np.column_stack([fine, np.full(count, groups)])
    ratios = np.array([0.8, 0.1, 0.1])
    problem = Problem(np.arange(count), strata, ratios, np.full(count, -1), [str(n) for n in range(count)], seed)
    part = assign(problem)
    for group in range(groups):
        mask = fine == group
        assert np.abs(np.bincount(part[mask], minlength=3) - ratios * mask.sum()).max() <= 2
    assert np.abs(np.bincount(part, minlength=3) - ratios * count).max() <= 1 + groups


def test_whole_shares() -> None:
    assert whole_shares(np.array([8.0, 1, 1]), 10).tolist() == [8, 1, 1]
    assert whole_shares(np.array([-3.0, 1, 1]), 2).tolist() == [0, 1, 1]
    assert whole_shares(np.array([0.0, 0]), 3).tolist() == [0, 0]


def test_two_processes_do_not_split_at_once(ds: Dataset) -> None:
    with ds.lock(), pytest.raises(DatasetError, match="in use"):
        make_split(Dataset.open(ds.path), Settings(disjoint=ONLY_IDENTITY))


def test_split_of_the_list_stays_beneath(tmp_path: Path) -> None:
    vectors, _ = people(10, 1)
    ds = dataset(tmp_path / "ds", vectors, ages=adults(10), split=["official"] * 10)
    add(ds, "mine", "model", "2025-01-01", {labels.IDENTITY_SIZE: [1] * 5})
    make_split(ds, Settings(disjoint=(), ratios={"a": 0.5, "b": 0.5}))
    assert sorted(set(ds.faces([images.SPLIT]).column(0).to_pylist())) == ["a", "b"]
    assert set(ds.images([images.SPLIT]).column(0).to_pylist()) == {"official"}


@pytest.mark.parametrize("command", ["identity", "duplicates", "split"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command, "--help") == 0
    assert "Usage" in capsys.readouterr().out
