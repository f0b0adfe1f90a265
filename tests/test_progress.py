"""The progress bar counts what workers report, from any thread, and shows speed and failures."""

from __future__ import annotations

import threading

import pytest

from curate.engine.job import ShardResult, Tick
from curate.engine.progress import ProgressBar


def test_ticks_from_many_threads_add_up() -> None:
    bar = ProgressBar(4000, quiet=True)
    with bar:
        threads = [threading.Thread(target=lambda: [bar.tick(Tick(1, 2, 1)) for _ in range(500)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (bar.images, bar.faces, bar.failures) == (4000, 8000, 4000)


def test_the_bar_says_speed_faces_and_failures(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar(10) as bar:
        bar.tick(Tick(4, 5, 0))
        bar.tick(Tick(6, 7, 3))
    shown = capsys.readouterr().err
    assert "10/10" in shown
    assert "images/s" in shown
    assert "12 faces" in shown
    assert "3 failures" in shown


def test_results_of_shards_add_up() -> None:
    total = ShardResult()
    total += ShardResult("0", {"ok": 2}, {}, 3, {"a": {"ok": 3}}, {"decode": 1.0})
    total += ShardResult("1", {"ok": 1, "failed": 1}, {"missing": 1}, 1, {"a": {"failed": 1}}, {"decode": 0.5}, "broke")
    assert total.images == {"ok": 3, "failed": 1}
    assert total.reasons == {"missing": 1}
    assert total.faces == 4
    assert total.labels == {"a": {"ok": 3, "failed": 1}}
    assert total.seconds == {"decode": 1.5}
    assert total.error == "broke"
