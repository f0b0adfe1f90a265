"""Steps of recipes that plan a balance and fill its gaps, on a drawn dataset and on a few photographed adults."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from annotators.weights import ModelStore
from curate.recipes.recipe import Recipe, parse
from curate.recipes.run import RunOptions, run_recipe
from curate.recipes.state import FILE
from curate.store import Dataset
from schemas import UsageError
from tests.export_samples import hard_cases
from tests.generator_samples import adult_pictures

BALANCE = """
name = "even"
doc = "As many of each."
[parameters.size]
default = 10
doc = "Faces."
[[step]]
name = "take"
kind = "ingest"
[[step]]
name = "even"
kind = "balance"
by = ["perceived_gender"]
target = ["uniform"]
size = "{size} "
tolerance = 0.2
[[step]]
name = "out"
kind = "export"
format = "imagefolder"
columns = ["perceived_gender"]
where = "balance_selected"
"""
FILL = """
name = "glasses"
doc = "As many with glasses as without."
[parameters.seed]
default = 0
doc = "Of the pictures."
[[step]]
name = "label"
kind = "run"
annotators = ["covers", "quality", "identity", "demographics", "caption"]
[[step]]
name = "even"
kind = "balance"
by = ["eyewear"]
target = ["eyewear=none:.5,sunglasses:.5"]
size = "4"
tolerance = 0.2
generators = "GENERATORS"
[[step]]
name = "made"
kind = "fill"
plan = "even"
allow_single = true
budget = 24
seed = "{seed}"
"""


def done(out: Path, name: str) -> dict[str, object]:
    told = json.loads((out / FILE).read_text("utf-8"))["steps"]
    return next(dict(s["done"]) for s in told if s["name"] == name)


def recipe(text: str) -> Recipe:
    return parse(text.replace('"{size} "', '"{size}"'), "mine.toml")


def test_a_balance_is_planned_again_for_another_size(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    ds, out = hard_cases(tmp_path, pictures=40), tmp_path / "out"
    sized = BALANCE.replace("default = 10", 'default = "10"')
    run_recipe(recipe(sized), [str(ds.path)], out)
    for size in ("10", "6"):
        run_recipe(recipe(sized), [str(ds.path)], out, RunOptions({"size": size}))
        stay = Dataset.open(out / "faces").faces(["perceived_gender"], "balance_selected").column(0).to_pylist()
        assert len(stay) == int(size) == done(out, "even")["kept"] == done(out, "out")["kept"]
        assert stay.count("Female") == stay.count("Male")


def test_gaps_are_filled_and_other_settings_want_a_new_folder(
    shared_data: Path, models: ModelStore, tmp_path: Path
) -> None:
    pytest.importorskip("scipy")
    (tmp_path / "photos").mkdir()
    for number, pixels in enumerate(adult_pictures(shared_data, 6)):
        cv2.imwrite(str(tmp_path / "photos" / f"{number}.png"), pixels[..., ::-1])
    (tmp_path / "generators.toml").write_text('[occlude]\ncost = 1\nyield = 0.5\nchanges = ["eyewear"]\n')
    text, out = FILL.replace("GENERATORS", str(tmp_path / "generators.toml")), tmp_path / "out"
    run_recipe(recipe(text), [str(tmp_path / "photos")], out, RunOptions(workers=1))
    made = done(out, "made")
    assert made["kept"]
    pictures = Dataset.open(out / "faces").faces(["eyewear", "generator"], "is_synthetic").to_pylist()
    assert len(pictures) == made["kept"]
    assert {p["eyewear"] for p in pictures} & {"glasses", "sunglasses"}
    with pytest.raises(UsageError, match="what step made made with other settings is part of"):
        run_recipe(recipe(text), [str(tmp_path / "photos")], out, RunOptions({"seed": "1"}, workers=1))
