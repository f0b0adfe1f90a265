"""The README's commands run as they stand, its table is current, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from annotators.registry import annotator, annotator_names
from annotators.weights import ModelStore
from curate.annotator_docs import figures, with_table

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"<!-- run -->\n```(\w+)\n(.*?)```", PAGE, re.DOTALL)


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


def test_the_table_of_annotators_is_current() -> None:
    assert with_table(PAGE) == PAGE, "run python -m curate.annotator_docs --write README.md"


def test_every_default_annotator_has_a_measured_figure_and_its_command() -> None:
    known = figures()
    for name in annotator_names(only_default=True):
        if annotator(name).__module__.startswith("annotators."):
            assert {"figure", "command", "ms"} <= set(known.get(name, {})), name


def test_links_lead_to_files() -> None:
    targets = [t for t in re.findall(r"\]\(([^)#]+)", PAGE) if "://" not in t]
    assert targets
    assert not [t for t in targets if not (ROOT / t).exists()]
