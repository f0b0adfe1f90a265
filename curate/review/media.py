"""How the reviewers' browsers find the pictures: four ways, none of which carries a position along."""

from __future__ import annotations

import base64
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from curate.export.encode import encode, without_metadata
from curate.export.gather import stands_plain
from curate.ingest import Limits, SourceReader, load
from curate.ingest.filesystem import local_path
from curate.ingest.reader import content_id
from curate.store.parts import replacing
from schemas import ImageStatus, UnknownNameError, UsageError
from schemas.columns import images

SHOWN_BY_BROWSERS = {"JPEG": (".jpg", "image/jpeg"), "PNG": (".png", "image/png")}
"""Formats that every browser shows and that can be freed from metadata without decoding; others are converted."""
CLOUD = ("s3", "gs", "azure-blob", "https")
QUALITY = 95
LOCAL_FILES = "/data/local-files/?d="
COPIES = "facecurate"
"""Folder of copies below the media root."""


class Lost(Exception):  # noqa: N818 - an answer, not an error
    """A picture that cannot be had any more; the text says why."""


class Media(ABC):
    """Gives each picture an address; use as a context manager.

    Attributes:
        written: Files that were copied.
    """

    def __init__(self) -> None:
        self.written = 0
        self._reader = SourceReader()

    def __enter__(self) -> Media:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    @abstractmethod
    def address(self, row: Mapping[str, Any]) -> str:
        """Where a browser finds the picture of a row of the images table.

        Raises:
            Lost: if it cannot be had.
        """

    def _shown(self, row: Mapping[str, Any]) -> tuple[bytes, str, str]:
        """Bytes that a browser shows upright and that tell nothing but the picture, suffix and media type."""
        form = str(row[images.FORMAT.name])
        try:
            data = self._reader.read(str(row[images.URI.name]), row[images.MEMBER.name])
        except OSError as error:
            raise Lost(error.strerror or str(error)) from error
        if content_id(data) != row[images.IMAGE_ID.name]:
            raise Lost("the bytes are not those that were ingested")
        if form in SHOWN_BY_BROWSERS and stands_plain(row):
            bare = without_metadata(data, form)
            if bare is not None:
                return bare, *SHOWN_BY_BROWSERS[form]
        loaded = load(row, Limits(), str(row[images.IMAGE_ID.name]), self._reader)
        if loaded.pixels is None or loaded.row[images.STATUS.name] != ImageStatus.OK.value:
            raise Lost(str(loaded.row[images.DETAIL.name]))
        return encode(loaded.pixels, "jpeg", QUALITY), *SHOWN_BY_BROWSERS["JPEG"]


class Below(Media):
    """Pictures below a folder that a server serves: what lies there and may be shown as it is stays, others are copied.

    Args:
        root: The folder.
        prefix: Address of the folder; paths are added to it.
        folder: Name of the folder of copies.

    Attributes:
        used: Folders in the root that pictures were found in or copied to.
    """

    def __init__(self, root: Path, prefix: str, folder: str) -> None:
        super().__init__()
        self.root, self.prefix = root.resolve(), prefix
        self.copies = self.root / COPIES / folder
        self.used: dict[str, None] = {}
        if not self.root.is_dir():
            raise UsageError(f"{root} is not a folder", fix="Give --media-root the folder that the server serves")

    def address(self, row: Mapping[str, Any]) -> str:
        """The address of the file, or of a copy of it."""
        path = self._in_place(row) or self._copy(row)
        self.used[path.relative_to(self.root).parts[0]] = None
        return self.prefix + quote(path.relative_to(self.root).as_posix())

    def _in_place(self, row: Mapping[str, Any]) -> Path | None:
        local = local_path(str(row[images.URI.name]))
        fits = row[images.MEMBER.name] is None and str(row[images.FORMAT.name]) in SHOWN_BY_BROWSERS
        if local is None or not fits or not stands_plain(row) or row[images.HAS_GPS.name]:
            return None
        path = Path(os.path.abspath(local))  # noqa: PTH100 - a link below the root is served where it stands
        if not path.is_relative_to(self.root) or path.parent == self.root:
            return None  # Label Studio serves folders below its root, but not what lies in the root itself
        if not path.is_file():
            raise Lost("it is gone")
        return path

    def _copy(self, row: Mapping[str, Any]) -> Path:
        ident = str(row[images.IMAGE_ID.name])
        for suffix, _ in SHOWN_BY_BROWSERS.values():
            if (self.copies / f"{ident}{suffix}").is_file():
                return self.copies / f"{ident}{suffix}"
        data, suffix, _ = self._shown(row)
        path = self.copies / f"{ident}{suffix}"
        with replacing(path) as file:
            file.write(data)
        path.chmod(0o644)
        self.written += 1
        return path


class Cloud(Media):
    """Addresses of pictures in a cloud storage that Label Studio is connected to, as the dataset has them."""

    def address(self, row: Mapping[str, Any]) -> str:
        """The picture's own address."""
        uri = str(row[images.URI.name])
        scheme = urlsplit(uri).scheme
        if scheme not in CLOUD or row[images.MEMBER.name] is not None:
            raise Lost(f"{uri} is no address in a cloud ({', '.join(CLOUD)})")
        return uri


class Embedded(Media):
    """Pictures inside the tasks themselves."""

    def address(self, row: Mapping[str, Any]) -> str:
        """A data address with the picture in it."""
        data, _, kind = self._shown(row)
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def media(settings: Mapping[str, str]) -> Media:
    """The way of media that a user chose.

    Args:
        settings: `kind` is `local` (Label Studio serves files below `root`, its
            LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT), `served` (another server does, at `prefix`), `cloud` or `embedded`;
            `folder` names the folder of copies.

    Raises:
        UnknownNameError: for another kind.
        UsageError: if something is missing for it.
    """
    kind = settings.get("kind", "")
    if kind == "cloud":
        return Cloud()
    if kind == "embedded":
        return Embedded()
    if kind not in ("local", "served"):
        raise UnknownNameError("way of media", kind, ("local", "served", "cloud", "embedded"))
    if not settings.get("root"):
        fix = "Add --media-root FOLDER: for local files the server's LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"
        raise UsageError(f"media '{kind}' without a folder", fix=fix)
    prefix = settings.get("prefix", "")
    if kind == "served" and urlsplit(prefix).scheme not in ("http", "https"):
        raise UsageError("media 'served' without an address", fix="Add --media-url https://host/folder/")
    start = LOCAL_FILES if kind == "local" else prefix.rstrip("/") + "/"
    return Below(Path(settings["root"]), start, settings["folder"])
