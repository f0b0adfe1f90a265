"""Size and SHA-256 of an export's files, taken beside the work that goes on: hashing does not hold Python's lock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

FileFacts = dict[str, Any]
SMALL = 1 << 18
"""Files of at most so many bytes are hashed at once: handing them over would take longer."""


def facts_of(path: Path) -> FileFacts:
    """Bytes and SHA-256 of a file."""
    with path.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": file.tell(), "sha256": digest}


class Hashing:
    """Hashes files in a thread of its own; use as a context manager.

    Args:
        folder: Files are named by their paths below it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(1, "hashes")

    def __enter__(self) -> Hashing:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def of(self, paths: Iterable[Path]) -> Pending:
        """Facts of files, each of which is final when it is given."""
        found = Pending()
        for path in paths:
            name = path.relative_to(self._folder).as_posix()
            found.add(name, facts_of(path) if path.stat().st_size <= SMALL else self._pool.submit(facts_of, path))
        return found


class Pending:
    """Facts of files by name, some of which are still being found."""

    def __init__(self) -> None:
        self._found: dict[str, FileFacts | Future[FileFacts]] = {}

    def add(self, name: str, facts: FileFacts | Future[FileFacts]) -> None:
        """Another file."""
        self._found[name] = facts

    def facts(self) -> dict[str, FileFacts]:
        """All of them, waited for."""
        return {n: f.result() if isinstance(f, Future) else f for n, f in self._found.items()}
