"""One way to look at local paths and fsspec URLs."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from schemas.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

EXTRA_OF_PROTOCOL = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "http": "http", "https": "http"}
FILE_URL = "file://"
GLOB_CHARACTERS = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Entry:
    """A file that was found.

    Attributes:
        uri: Absolute path, or URL with its protocol.
        name: Path below the root it was found under, with forward slashes.
        size: Bytes, or None where the store does not say.
        mtime_ns: Last change, 0 if unknown.
    """

    uri: str
    name: str
    size: int | None
    mtime_ns: int


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorting key under which `a2` comes before `a10`; ties between equal numbers fall to the text."""
    parts = re.findall(r"\d+|\D+", name)
    folded = [(0, int(p), p) if p.isdecimal() else (1, 0, p.casefold()) for p in parts]
    return (*folded, (2, 0, name))


def is_url(text: str) -> bool:
    """Whether the text names a protocol. A Windows drive letter is not one."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) is not None


def is_absolute(text: str) -> bool:
    """Whether a path or URL means the same from everywhere."""
    return is_url(text) or Path(text).is_absolute()


def clean(source: str | Path) -> str:
    """An absolute path (user folder expanded, `file://` resolved) or the URL as it is."""
    text = os.fspath(source)
    if text.startswith(FILE_URL):
        text = _path_of(text)
    if is_url(text):
        return text
    return os.path.abspath(Path(text).expanduser())  # noqa: PTH100 - a link keeps its own name


def storable(uri: str) -> str:
    """The path or URL in valid UTF-8: a path in another encoding becomes a `file://` URL of its bytes."""
    try:
        uri.encode("utf-8")
    except UnicodeEncodeError:
        return FILE_URL + quote(os.fsencode(uri))
    return uri


def readable(name: str) -> str:
    """A name in valid UTF-8, with marks in place of bytes that are not."""
    return os.fsencode(name).decode("utf-8", "replace")


def _path_of(file_url: str) -> str:
    return os.fsdecode(unquote_to_bytes(urlsplit(file_url).path))


def local_path(uri: str) -> Path | None:
    """Where a plain path or a file URL points on this machine; None for other URLs."""
    scheme, _, rest = uri.partition("://")
    if not rest:
        return Path(uri)
    return Path(unquote(urlsplit(uri).path)) if scheme == "file" else None


def has_glob(text: str) -> bool:
    """Whether a path is a pattern: it holds glob characters and no file of that very name exists."""
    return GLOB_CHARACTERS.search(text) is not None and (is_url(text) or not os.path.lexists(text))


def filesystem(url: str) -> tuple[AbstractFileSystem, str]:
    """The fsspec file system of a URL and the path in it.

    Raises:
        MissingExtraError: if the protocol's library is not installed.
        UsageError: if nobody knows the protocol.
    """
    from fsspec.core import url_to_fs

    protocol = url.split("://", 1)[0].lower()
    try:
        fs, path = url_to_fs(url)
    except ImportError as error:
        library = str(error.name or {"s3": "s3fs", "gs": "gcsfs"}.get(protocol, "aiohttp"))
        raise MissingExtraError(library, EXTRA_OF_PROTOCOL.get(protocol, protocol)) from error
    except ValueError as error:
        raise UsageError(f"cannot read '{url}'", str(error), "Known: local paths and fsspec URLs") from error
    return fs, path


def open_binary(uri: str) -> BinaryIO:
    """Open a file or URL for reading.

    Raises:
        OSError: if it is gone or refused.
    """
    if uri.startswith(FILE_URL):
        uri = _path_of(uri)
    if not is_url(uri):
        return Path(uri).open("rb")
    fs, path = filesystem(uri)
    return fs.open(path, "rb")  # type: ignore[no-any-return]


def exists(uri: str) -> bool:
    """Whether a file or folder is there."""
    if not is_url(uri):
        return os.path.lexists(uri)
    fs, path = filesystem(uri)
    return bool(fs.exists(path))


def is_folder(uri: str) -> bool:
    """Whether it is a folder."""
    if not is_url(uri):
        return Path(uri).is_dir()
    fs, path = filesystem(uri)
    return bool(fs.isdir(path))


def stat(uri: str, name: str) -> Entry:
    """The file's entry.

    Raises:
        OSError: if it is gone or refused.
    """
    if not is_url(uri):
        facts = Path(uri).stat()
        return Entry(uri, name, facts.st_size, facts.st_mtime_ns)
    fs, path = filesystem(uri)
    return _entry_of_info(uri, name, fs.info(path))


def walk(folder: str, recursive: bool = True) -> Iterator[Entry]:
    """All files below a folder but hidden ones, in no particular order; unreadable folders raise OSError."""
    if is_url(folder):
        yield from _walk_url(folder, recursive)
    else:
        yield from _walk_local(folder, "", recursive)


def _walk_local(folder: str, prefix: str, recursive: bool) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        items = sorted(found, key=lambda item: item.name)
    for item in items:
        if item.name.startswith("."):
            continue
        name = prefix + item.name
        if item.is_dir(follow_symlinks=not prefix):
            if recursive:
                yield from _walk_local(item.path, name + "/", recursive)
        elif item.is_file() or item.is_symlink():
            yield _entry_of_item(item, name)


def _entry_of_item(item: os.DirEntry[str], name: str) -> Entry:
    try:
        facts = item.stat()
    except OSError:  # a dangling link stays in the list and becomes a `missing` row of the ledger
        return Entry(item.path, name, None, 0)
    return Entry(item.path, name, facts.st_size, facts.st_mtime_ns)


def _walk_url(folder: str, recursive: bool) -> Iterator[Entry]:
    fs, root = filesystem(folder)
    found = fs.find(root, maxdepth=None if recursive else 1, detail=True)
    for path, info in sorted(found.items()):
        name = path[len(root.rstrip("/")) :].lstrip("/")
        if not any(part.startswith(".") for part in name.split("/")):
            yield _entry_of_info(fs.unstrip_protocol(path), name, info)


def expand(pattern: str) -> list[str]:
    """Files and folders that match a glob, in natural order."""
    if not is_url(pattern):
        return sorted(glob.glob(pattern, recursive=True), key=natural_key)  # noqa: PTH207 - patterns are absolute
    fs, path = filesystem(pattern)
    return sorted((fs.unstrip_protocol(p) for p in fs.glob(path)), key=natural_key)


def _entry_of_info(uri: str, name: str, info: dict[str, Any]) -> Entry:
    stamp = next((info[k] for k in ("mtime", "LastModified", "last_modified", "created") if info.get(k)), 0)
    seconds = stamp.timestamp() if isinstance(stamp, datetime) else stamp
    known = isinstance(seconds, int | float)
    return Entry(uri, name, info.get("size"), round(seconds * 1_000_000_000) if known else 0)
