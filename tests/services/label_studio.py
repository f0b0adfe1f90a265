"""A real Label Studio server on SQLite, for as long as the tests run; it lives in an environment of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from services.mongod import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "0123456789abcdef0123456789abcdef01234567"
USER, PASSWORD = "lead@example.com", "a-password-for-tests"
SECONDS = 180


def binary() -> Path | None:
    """The server's program: `LABEL_STUDIO`, or what `make test` set up."""
    named = os.environ.get("LABEL_STUDIO")
    path = Path(named) if named else ROOT / ".venv-label-studio" / "bin" / "label-studio"
    return path if path.is_file() else None


@dataclass
class Server:
    """A server that can be stopped and started again on the same data.

    Attributes:
        program: Its program.
        home: Its data.
        media: The folder that it may serve files from.
        port: On this machine.
        token: Of the first user.
    """

    program: Path
    home: Path
    media: Path
    port: int
    token: str = TOKEN
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [str(self.program), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(self.port)]
        log = (self.home / "server.log").open("ab")
        self.process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=self._environment(), start_new_session=True
        )
        log.close()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            if self.answers():
                return
            time.sleep(0.3)
        tail = (self.home / "server.log").read_text(errors="replace")[-1500:]
        self.stop()
        pytest.fail(f"Label Studio did not start: {tail}")

    def stop(self) -> None:
        """Stop it and everything it started."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=20)
        self.process = None

    def answers(self) -> bool:
        """Whether it is ready."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def sign_up(self, email: str) -> str:
        """A further user; gives their token."""
        import httpx

        invite = httpx.get(f"{self.url}/api/invite", headers={"Authorization": f"Token {self.token}"}).json()
        with httpx.Client(follow_redirects=True, base_url=self.url) as client:
            page = client.get(invite["invite_url"])
            form = {"csrfmiddlewaretoken": client.cookies["csrftoken"], "email": email, "password": PASSWORD}
            client.post(str(page.url), data=form, headers={"Referer": self.url}).raise_for_status()
            return str(client.get("/api/current-user/token").json()["token"])

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.home),
            "LABEL_STUDIO_USERNAME": USER,
            "LABEL_STUDIO_PASSWORD": PASSWORD,
            "LABEL_STUDIO_USER_TOKEN": self.token,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
            "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(self.media),
            "COLLECT_ANALYTICS": "false",
            "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
            "DJANGO_DB": "sqlite",
            "SSRF_PROTECTION_ENABLED": "false",  # else it calls nothing on this machine
            "ML_BLOCK_LOCAL_IP": "false",
            "USE_DEFAULT_BANNED_SUBNETS": "false",
        }


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server; projects of one test must not disturb another's."""
    program = binary()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have Label Studio: make test sets it up in .venv-label-studio")
        pytest.skip("Label Studio is not here; make test sets it up in .venv-label-studio")
    folder = tmp_path_factory.mktemp("label-studio")
    media = folder / "media"
    media.mkdir()
    server = Server(program, folder / "home", media, free_port())
    server.start()
    yield server
    server.stop()
