"""The README's commands run as they stand, its tables are current, and its links lead somewhere."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from annotators.registry import annotator, annotator_names
from annotators.weights import ModelStore
from curate.annotator_docs import figures, with_tables

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"<!-- run -->\n```(\w+)\n(.*?)```", PAGE, re.DOTALL)
WITH_TRUTH = re.findall(r"<!-- run with truth -->\n```bash\n(.*?)```", PAGE, re.DOTALL)
ADULTS = 120


def test_the_page_has_commands_to_run() -> None:
    assert [language for language, _ in BLOCKS] == ["bash", "bash", "python"]


@pytest.mark.slow
def test_commands_run_as_they_stand(models: ModelStore, tmp_path: Path) -> None:
    make = [sys.executable, str(ROOT / "notebooks" / "demo_photos.py"), str(tmp_path / "photos")]
    subprocess.run(make, check=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for language, text in BLOCKS:
        command = ["bash", "-euc", text] if language == "bash" else [sys.executable, "-c", text]
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "faces" / "report.html").stat().st_size > 10_000
    assert (tmp_path / "smiles.parquet").stat().st_size > 0


@pytest.mark.slow
@pytest.mark.data
def test_commands_that_need_truth_run_as_they_stand(models: ModelStore, shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    truth = ["file,perceived_gender,perceived_age_group"]
    with (shared_data / "photos" / "labels.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            told = json.loads(row["label_json"])
            if row["task"] == "age_gender_race" and not told["minor"] and len(truth) <= ADULTS:
                source = shared_data / "photos" / row["file"]
                shutil.copy(source, tmp_path / "photos")
                truth.append(f"{source.name},{told['gender_perceived']},{told['age_group']}")
    (tmp_path / "truth.csv").write_text("\n".join(truth), "utf-8")
    lines = [line for block in WITH_TRUTH for line in block.strip().splitlines()]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command in ("facecurate run photos/ faces/ --no-report", *lines):
        done = subprocess.run(
            ["bash", "-euc", command], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    evaluation = json.loads((tmp_path / "faces" / "evaluation" / "truth.json").read_text("utf-8"))
    assert {"perceived_gender", "perceived_age_group"} <= {s["column"] for s in evaluation["sections"]}


def test_the_tables_of_annotators_are_current() -> None:
    assert with_tables(PAGE) == PAGE, "run python -m curate.annotator_docs --write README.md"


def test_every_default_annotator_has_a_measured_figure_and_its_command() -> None:
    known = figures()
    for name in annotator_names(only_default=True):
        if annotator(name).__module__.startswith("annotators."):
            assert {"figure", "command", "ms"} <= set(known.get(name, {})), name


def test_links_lead_to_files() -> None:
    targets = [t for t in re.findall(r"\]\(([^)#]+)", PAGE) if "://" not in t]
    assert targets
    assert not [t for t in targets if not (ROOT / t).exists()]
