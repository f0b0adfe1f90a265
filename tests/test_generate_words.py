"""Faces from words begin a dataset of their own: the engine, a grid and a program, as a user calls them."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from annotators.weights import ModelStore
from curate.cli.main import main
from curate.generate.again import recheck, stored
from curate.store import Dataset
from schemas.columns import images

PROGRAM = """
import json, sys
from PIL import Image
from skimage.data import astronaut
request = json.load(open(sys.argv[1]))
portrait = Image.fromarray(astronaut()).crop((100, 0, 400, 300))
portrait.resize((request["width"], request["height"])).rotate(request["seed"] % 9 - 4).save(sys.argv[2])
"""


def called(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main([*words])
    return int(left.value.code or 0)


@pytest.mark.models
def test_a_grid_and_a_program_make_a_new_dataset(
    models: ModelStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "paint.py").write_text(PROGRAM)
    line = f"{shlex.quote(sys.executable)} {shlex.quote(str(tmp_path / 'paint.py'))} {{request}} {{out}}"
    target = str(tmp_path / "faces")
    call = ("generate", target, "--with", "command", "--set", f"command.command={line}", "--set", "command.grid=sig",
            "--count", "3", "--annotators", "mesh", "--workers", "1", "--quiet")  # fmt: skip
    assert called(*call, "--dry-run") == 2, "a trial run must not begin a dataset"
    assert not Path(target).exists()
    assert called(*call) == 0
    ds = Dataset.open(target)
    made = stored(ds)
    assert len(made) == 3 and all(m.row[images.IS_SYNTHETIC.name] for m in made)
    names = {str(m.lineage.note["name"]) for m in made}
    people = {name.split("_c")[1] for name in names}
    assert len(names) == 3 and len(people) == 1, "three views of one person come first"
    assert all(re.fullmatch(r"r[0-3]_g[01]_a\d+_o\d_c[0-9a-z]{6}", n) for n in names)
    assert all(m.lineage.parent_face == "" and m.row[images.PARENT.name] is None for m in made)
    assert [problem for _, problem in recheck(ds, 3)] == ["", "", ""]
    assert called(*call) == 0
    assert len(stored(ds)) == 3, "the same call makes nothing twice"
    assert called("generate", str(tmp_path / "other"), "--with", "relighting") == 2
    assert "there is no folder" in capsys.readouterr().err
