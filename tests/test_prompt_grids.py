"""Grids cover their axes evenly, names read back, words say what the labels are, and no minor is asked for."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.generators.prompts import sig
from curate.generators.prompts.choose import grid_rows, row_for
from curate.generators.prompts.control import STYLES, VIEW_YAW, control_image
from curate.generators.prompts.emonet import emonet_grid
from curate.generators.prompts.free import EXAMPLE, free_grid
from curate.generators.prompts.grid import GridRow, cells
from curate.generators.prompts.words import describe, phrase
from schemas import TaxonomyError, UnknownNameError, UsageError, taxonomy
from schemas.columns import labels

CELLS = 4 * 2 * len(sig.AGES)


def test_the_grid_of_controlface10k_is_whole() -> None:
    rows = grid_rows("sig", 0, seed=4)
    assert len(rows) == 10_008
    people = Counter((r.facts["race"], r.facts["gender"], r.facts["age"]) for r in rows if r.facts["view"] == "view_0")
    assert len(people) == CELLS and sum(people.values()) == 3336
    assert max(people.values()) - min(people.values()) <= 1
    assert all(re.fullmatch(r"r[0-3]_g[01]_a\d+_o\d_c[0-9a-z]{6}", r.name) for r in rows)
    assert len({r.name for r in rows}) == len(rows)
    assert all(vars(sig.parse(f"{r.name}.png")) == r.facts for r in rows)


def test_views_of_one_person_share_the_seed_and_nobody_elses() -> None:
    rows = grid_rows("sig", 30, seed=1)
    seeds = {}
    for row in rows:
        seeds.setdefault(row.facts["person"], set()).add(row.seed)
    assert len(seeds) == 10 and all(len(s) == 1 for s in seeds.values())
    assert len({next(iter(s)) for s in seeds.values()}) == 10


def test_sigs_words_are_told_as_labels_that_can_be_checked() -> None:
    row = next(r for r in grid_rows("sig", 600, 0) if r.facts["race"] == "African" and r.facts["age"] == 45)
    assert row.labels[labels.RACE4.name] == "Black"
    assert row.labels[labels.AGE_GROUP.name] == "40-49"
    assert "45-year-old African" in row.prompt


@pytest.mark.parametrize("name", ["r4_g0_a20_o0_cabc123", "r0_g0_a20_o0_cabc12", "r0_g0_a_o0_cabc123.png", "x.png"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no file name of ControlFace10k"):
        sig.parse(name)


def test_ages_under_18_are_refused() -> None:
    with pytest.raises(UsageError, match="minors are not made"):
        sig.sig_grid(10, ages=(12, 30))
    with pytest.raises(UsageError, match="under 20 are not made"):
        describe({labels.AGE_GROUP.name: "10-19"})
    with pytest.raises(UsageError, match="under 20 are not made"):
        row_for({labels.AGE_GROUP.name: "3-9"}, 0)


def test_the_grid_of_emonet_is_even_over_its_forty_categories() -> None:
    rows = emonet_grid(3360)
    counts = Counter(r.labels[labels.EMONET_TOP.name] for r in rows)
    assert set(counts) == set(taxonomy("emonet-40").labels) and set(counts.values()) == {84}
    cell = Counter(tuple(r.labels.values()) for r in emonet_grid(5000))
    assert max(cell.values()) - min(cell.values()) <= 1
    assert all(r.facts[labels.AGE_GROUP.name] not in ("0-2", "3-9", "10-19") for r in rows)


@given(st.lists(st.integers(1, 5), max_size=4), st.integers(0, 200), st.integers(0, 5))
def test_cells_are_as_even_as_can_be(sizes: list[int], count: int, seed: int) -> None:
    axes = {str(i): list(range(n)) for i, n in enumerate(sizes)}
    found = Counter(tuple(c.values()) for c in cells(axes, count, seed))
    total = int(np.prod(sizes, dtype=int)) if sizes else 1
    assert sum(found.values()) == count
    assert set(found.values()) <= {count // total, -(-count // total)}


def test_labels_are_said_in_one_phrase() -> None:
    wanted = {labels.PERCEIVED_EMOTION.name: "happiness", labels.GENDER.name: "Female", labels.RACE.name: "Indian",
              labels.EYEWEAR.name: "glasses"}  # fmt: skip
    assert describe(wanted) == "an Indian woman, smiling broadly with happy eyes, wearing clear glasses"
    assert describe({}) == "a person"


@pytest.mark.parametrize("column", [labels.GENDER, labels.RACE, labels.RACE4, labels.PERCEIVED_EMOTION, labels.MONK])
def test_every_label_of_the_usual_columns_has_words(column: object) -> None:
    for label in taxonomy(column.taxonomy).labels:  # type: ignore[attr-defined]
        assert phrase(column.name, label)[1]  # type: ignore[attr-defined]


def test_a_label_without_words_is_refused_with_those_that_have_some() -> None:
    with pytest.raises(UsageError, match="Labels with words: none, glasses, sunglasses"):
        describe({labels.EYEWEAR.name: "monocle"})
    with pytest.raises(UsageError, match=r"Columns with words: .*perceived_gender"):
        describe({"pose_yaw": "left"})


def test_a_grid_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(EXAMPLE)
    rows = grid_rows(str(file), 0, 0)
    assert len(rows) == 8 and {tuple(r.labels) for r in rows} == {("perceived_gender", "perceived_race")}
    assert "studio portrait photograph of a Black African man, soft daylight" in {r.prompt for r in rows}
    assert len(free_grid(file, count=20)) == 20
    assert GridRow.from_dict(rows[3].as_dict()) == rows[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt = 1\n[axes]\n", "is no grid"),
        ("prompt = 'a {who}'\n[axes]\nlight = ['soft']\n", "names {who}"),
        ("prompt = 'a {face'\n[axes]\n", "not understood"),
        ("prompt = 'x'\nsteps = 3\n[axes]\n", "'steps' is not understood"),
        ("prompt = 'x'\n[axes]\npose_yaw = ['1']\n", "not a label of a fixed set"),
        ("prompt = '{light}'\n[axes]\nlight = []\n", "axis light of the grid has no values"),
        ("not toml", "is no TOML"),
    ],
)
def test_a_grid_that_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        free_grid(file)


def test_a_label_that_is_none_and_a_grid_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("prompt = '{face}'\n[axes]\nperceived_gender = ['Woman']\n")
    with pytest.raises(TaxonomyError, match="'Woman' is not a label of gender-2"):
        free_grid(file)
    with pytest.raises(UsageError, match=r"missing\.toml cannot be read"):
        free_grid(tmp_path / "missing.toml")
    with pytest.raises(UnknownNameError, match="Did you mean 'sig'"):
        grid_rows("sigg", 3, 0)


@pytest.mark.parametrize("style", STYLES)
def test_control_images_turn_and_mirror(style: str) -> None:
    front, left, right = (control_image(VIEW_YAW[v], side=256, style=style) for v in ("view_0", "view_1", "view_2"))
    assert front.shape == (256, 256, 3) and front.any()
    lit = front.any(axis=2)
    assert abs(int(lit.sum()) - int(lit[:, ::-1].sum())) < 5
    overlap = (left.any(2) & right[:, ::-1].any(2)).sum() / left.any(2).sum()
    assert overlap > 0.6, "a turn to the left is the mirror image of a turn to the right"
    nose = np.flatnonzero(left.any(2).sum(0)).mean(), np.flatnonzero(right.any(2).sum(0)).mean()
    assert nose[0] != nose[1]
