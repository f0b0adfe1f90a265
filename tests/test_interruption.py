"""Runs that are killed or stopped, then resumed, must end as an unbroken run does, value for value."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy_data import contents, options, photos

from curate import api
from curate.store import Dataset

pytestmark = [pytest.mark.usefixtures("toys"), pytest.mark.slow]

HERE = Path(__file__).parent
SCRIPT = """
import sys
from curate.cli.main import main
if __name__ == "__main__":
    main(sys.argv[1:])
"""


def start(pictures: Path, target: Path, workers: int) -> subprocess.Popen[str]:
    """`facecurate run` with the toys, as a process of its own."""
    script = target.parent / "facecurate_toys.py"
    script.write_text(SCRIPT)
    arguments = ["run", str(pictures), str(target), "-a", "toy_total", "--detector", "toy_finder"]
    arguments += ["--no-report", "--shard-size", "5", "-j", str(workers)]
    paths = [str(HERE.parent), str(HERE / "toys")]
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    """Let a run end; it must end well."""
    out, err = process.communicate()
    assert process.returncode == 0, out + err


def equal(ds: Dataset, whole: Dataset) -> bool:
    ours, theirs = contents(ds), contents(whole)
    return ours.keys() == theirs.keys() and all(ours[name].equals(theirs[name]) for name in theirs)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photos(tmp_path_factory.mktemp("interruption") / "photos", 160)


def test_kill_at_twenty_moments_then_resume(pictures: Path, tmp_path: Path) -> None:
    whole = api.run(pictures, tmp_path / "whole", options(shard_size=5))
    rng = random.Random(11)
    for round_ in range(4):
        target = tmp_path / f"killed{round_}"
        for _ in range(5):
            process = start(pictures, target, 1 + round_ % 2)
            wait_for_parts(target, process, rng.randint(1, 25))
            time.sleep(rng.uniform(0, 0.01))
            assert process.poll() is None, "the run ended before it was killed: the test tests nothing"
            process.send_signal(signal.SIGKILL)
            process.communicate()
        finish(start(pictures, target, 2))
        assert equal(Dataset.open(target), whole)
        assert not [p for p in target.rglob("*") if p.is_file() and p.name.startswith(".") and p.name != ".lock"]


def wait_for_parts(target: Path, process: subprocess.Popen[str], more: int) -> None:
    """Wait until a run has written so many parts."""
    before = len(list(target.rglob("*.parquet")))
    while process.poll() is None and len(list(target.rglob("*.parquet"))) < before + more:
        time.sleep(0.002)


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(pictures: Path, tmp_path: Path) -> None:
    target = tmp_path / "stopped"
    process = start(pictures, target, 2)
    deadline = time.monotonic() + 60
    while not list(target.glob("faces/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (0, 130), err
    assert "Traceback" not in err
    if process.returncode == 130:
        assert "the same command goes on" in err.lower()
        assert Dataset.open(target).runs()[-1].outcome == "interrupted"
    finish(start(pictures, target, 2))
    assert equal(Dataset.open(target), api.run(pictures, tmp_path / "whole", options(shard_size=5)))
