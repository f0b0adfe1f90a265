"""An advisory lock so that two runs never work on one dataset."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from curate.store.layers import now
from schemas import DatasetError

LOCK_FILE = ".lock"


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the dataset's lock; the kernel frees it when the process ends, however it ends.

    Raises:
        DatasetError: if another run holds it (with its process id), or the folder cannot be written.
    """
    path = root / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise DatasetError(f"{root} cannot be locked", error.strerror or str(error)) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode("utf-8", "replace").strip() or "another process"
            fix = "Wait for it to end, or stop it"
            raise DatasetError(f"{root} is in use", f"{holder} is writing to it", fix) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} (since {now()[:19]} UTC)".encode())
        yield
    finally:
        os.close(descriptor)
