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


def equal(ds: Dataset, whole: Dataset) -> bool:
    ours, theirs = contents(ds), contents(whole)
    return ours.keys() == theirs.keys() and all(ours[name].equals(theirs[name]) for name in theirs)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photos(tmp_path_factory.mktemp("interruption") / "photos", 160)


def test_kill_at_twenty_moments_then_resume(pictures: Path, tmp_path: Path) -> None:
    whole = api.run(pictures, tmp_path / "whole", options(shard_size=5))
    begun = time.monotonic()
    assert start(pictures, tmp_path / "timed", 2).wait() == 0
    usual = time.monotonic() - begun
    rng = random.Random(11)
    cut_short = 0
    for round_ in range(5):
        target = tmp_path / f"killed{round_}"
        for _ in range(4):
            process = start(pictures, target, 1 + round_ % 2)
            time.sleep(rng.uniform(0.3, 0.95) * usual)
            cut_short += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.communicate()
        out, err = (last := start(pictures, target, 2)).communicate()
        assert last.returncode == 0, out + err
        assert equal(Dataset.open(target), whole)
        assert not list(target.rglob("*.tmp*")), "a killed writer's file was left"
    assert cut_short >= 8, "most kills came after the run had ended: the test tests nothing"


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
    assert start(pictures, target, 2).wait() == 0
    assert equal(Dataset.open(target), api.run(pictures, tmp_path / "whole", options(shard_size=5)))
