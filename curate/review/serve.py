"""A small server beside Label Studio: a bell for work that is done, and predictions on request.

What a webhook sends is only a bell: annotations are fetched from the server itself, with the token's rights, so
that nobody who finds this address can put words into a dataset.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from curate.review import ledger as ledgers
from curate.review.predict import VERSION, Predictor
from curate.review.pull import Pulled, pull
from curate.review.server import Server
from curate.store import Dataset
from schemas import FacecurateError, UsageError

USER = "facecurate"
SECRET = "X-Facecurate-Secret"
MOST_BYTES = 64 << 20
MOST_TASKS = 50
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServeOptions:
    """Choices of a server.

    Attributes:
        name: Of the review.
        host: Address to listen on.
        port: Port; 0 takes a free one.
        public: Address under which Label Studio reaches this server; None is host and port.
        batch: Annotations that are waited for before they are written as a layer.
        every: Seconds after which fewer are written too.
        predictions: Answer predict requests.
    """

    name: str
    host: str = "127.0.0.1"
    port: int = 9090
    public: str | None = None
    batch: int = 50
    every: float = 600.0
    predictions: bool = True


class Bell:
    """Counts annotations that are said to be done, and says when it is time to fetch them.

    Args:
        batch: Rings that are enough.
        every: Seconds after the first ring that are enough.
        clock: Seconds, rising.
    """

    def __init__(self, batch: int, every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._batch, self._every, self._clock = batch, every, clock
        self._lock = threading.Lock()
        self._rings = 0
        self._first = 0.0

    def ring(self) -> None:
        """One more is done."""
        with self._lock:
            self._first = self._first if self._rings else self._clock()
            self._rings += 1

    def due(self, last: bool = False) -> int:
        """Rings since the last time, if it is time, and none from now on; else 0.

        Args:
            last: It is time if there is any.
        """
        with self._lock:
            ripe = self._rings >= self._batch or self._clock() - self._first >= self._every or last
            rings = self._rings if ripe else 0
            self._rings -= rings
            return rings


class Service:
    """Listens beside Label Studio while it is entered as a context manager.

    Args:
        ds: The dataset.
        options: See `ServeOptions`.
        told: Called with what came home, each time.
    """

    def __init__(self, ds: Dataset, options: ServeOptions, told: Callable[[Pulled], object] = lambda _: None) -> None:
        self.book = ledgers.load(ds, options.name)
        if not self.book.project:
            raise UsageError(f"the review '{options.name}' has no project yet", fix="First: facecurate review push")
        self._ds, self._options, self._told = ds, options, told
        self._secret = secrets.token_urlsafe(24)
        self._bell = Bell(options.batch, options.every)
        self._stopped = threading.Event()

    def __enter__(self) -> Service:
        self._server = Server(self.book.url)
        predictor = Predictor(self._ds, self.book, self._server) if self._options.predictions else None
        handler = _handler(self._secret, self.book.project, self._bell, predictor)
        try:
            self._http = ThreadingHTTPServer((self._options.host, self._options.port), handler)
        except OSError as error:
            self._server.close()
            fix = "Give another --host or --port"
            raise UsageError(f"cannot listen on {self._options.host}:{self._options.port}", str(error), fix) from error
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        try:
            self._register()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.collect(last=True)
            self._server.forget(self.book.project, self.address)
        except FacecurateError as error:
            _log.warning("%s", error)
        finally:
            self._close()

    @property
    def address(self) -> str:
        """Where Label Studio finds it."""
        return (self._options.public or f"http://{self._options.host}:{self._http.server_port}").rstrip("/")

    def run(self) -> None:
        """Work until `stop` is called or Ctrl-C is pressed."""
        while not self._stopped.wait(1.0):
            self.collect()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    def collect(self, last: bool = False) -> None:
        """Take home what is done, if it is time; where the server does not answer it is tried again later."""
        rings = self._bell.due(last)
        if not rings:
            return
        try:
            self._told(pull(self._ds, self._options.name, self._server))
        except FacecurateError as error:
            _log.warning("%s", error)
            for _ in range(rings):
                self._bell.ring()

    def _register(self) -> None:
        project = self.book.project
        self._server.forget(project, self.address)
        self._server.webhook(project, f"{self.address}/done", {SECRET: self._secret})
        if self._options.predictions:
            self._server.backend(project, self.address, USER, self._secret)

    def _close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._server.close()


class _Refused(Exception):  # noqa: N818 - an answer, not an error
    """A request that is not served; carries the status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def _handler(secret: str, project: int, bell: Bell, predictor: Predictor | None) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        server_version = "facecurate"
        sys_version = ""
        timeout = 60

        def do_GET(self) -> None:
            """Whether it is alive."""
            known = self.path.rstrip("/") in ("", "/health")
            self._send(200 if known else 404, {"status": "UP", "model_class": USER} if known else {})

        def do_POST(self) -> None:
            """A bell, or a request of the protocol of ML back-ends."""
            try:
                self._send(200, self._answer())
            except _Refused as error:
                self._send(error.status, {"detail": str(error)})

        def _answer(self) -> dict[str, Any]:
            path = self.path.partition("?")[0].rstrip("/")
            if path == "/done":
                if not hmac.compare_digest(self.headers.get(SECRET, "").encode(), secret.encode()):
                    raise _Refused(401, "not from this project's server")
                if _project_of(self._json()) == project:
                    bell.ring()
                return {}
            if predictor is None or path not in ("/setup", "/predict", "/train", "/webhook"):
                raise _Refused(404, "nothing is served here")
            if not hmac.compare_digest(_password(self.headers.get("Authorization", "")), secret.encode()):
                raise _Refused(401, "not from this project's server")
            body = self._json()
            if path != "/predict":
                return {"model_version": VERSION}
            tasks = body.get("tasks")
            if not isinstance(tasks, list) or len(tasks) > MOST_TASKS:
                raise _Refused(400, f"tasks must be a list of up to {MOST_TASKS}")
            with lock:  # models and readers are not made for two threads
                return {"results": [predictor.answer(t) for t in tasks]}

        def _json(self) -> Mapping[str, Any]:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MOST_BYTES:
                raise _Refused(413, f"up to {MOST_BYTES:,} bytes are read")
            try:
                body = json.loads(self.rfile.read(int(length)))
            except (ValueError, RecursionError):
                raise _Refused(400, "not JSON") from None
            if not isinstance(body, dict):
                raise _Refused(400, "not an object")
            return body

        def _send(self, status: int, body: Mapping[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing: requests carry tokens."""

    return Handler


def _project_of(body: Mapping[str, Any]) -> int | None:
    found = body.get("project")
    number = found.get("id") if isinstance(found, Mapping) else found
    return number if isinstance(number, int) else None


def _password(header: str) -> bytes:
    kind, _, value = header.partition(" ")
    try:
        return base64.b64decode(value, validate=True).partition(b":")[2] if kind == "Basic" else b""
    except (binascii.Error, ValueError):
        return b""
