"""Where FiftyOne finds the pictures: the user's own files where a browser can show them, else copies."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from curate.ingest import SourceReader, load
from curate.ingest.filesystem import local_path
from curate.store import Dataset
from schemas import ImageStatus
from schemas.columns import images

SHOWN_BY_BROWSERS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}
FOLDER = "fiftyone-media"
_log = logging.getLogger(__name__)


class Media:
    """Gives each picture a path on this machine; use as a context manager.

    Pictures inside a Parquet container, behind a URL, or in a form that browsers do not show (TIFF, JPEG
    2000, ...) are written to `folder` as `IMAGE_ID.EXTENSION`; all others stay where they are.

    Attributes:
        folder: Where copies go.
        written: How many copies were written.
        lost: Names of pictures that could not be read any more.
    """

    def __init__(self, ds: Dataset, folder: Path | None = None) -> None:
        self.folder = folder or ds.path / FOLDER
        self.written = 0
        self.lost: list[str] = []
        self._reader = SourceReader()

    def __enter__(self) -> Media:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        if self.written:
            _log.warning("%d pictures were copied to %s so that FiftyOne can show them", self.written, self.folder)

    def path(self, row: Mapping[str, Any]) -> Path | None:
        """The path of a row of the images table, or None if the picture is gone."""
        local = local_path(str(row[images.URI.name]))
        shown = str(row[images.FORMAT.name]) in SHOWN_BY_BROWSERS
        if row[images.MEMBER.name] is None and local is not None and shown:
            return local.resolve()
        return self._copy(row)

    def _copy(self, row: Mapping[str, Any]) -> Path | None:
        suffix = SHOWN_BY_BROWSERS.get(str(row[images.FORMAT.name]))
        target = (self.folder / f"{row[images.IMAGE_ID.name]}{suffix or '.png'}").resolve()
        if target.is_file():
            return target
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.part")
        try:
            if suffix:
                partial.write_bytes(self._reader.read(str(row[images.URI.name]), row[images.MEMBER.name]))
            else:
                self._convert(row, partial)
        except OSError as error:
            _log.warning("%s is left out of FiftyOne: %s", row[images.NAME.name], error)
            self.lost.append(str(row[images.NAME.name]))
            return None
        partial.rename(target)
        self.written += 1
        return target

    def _convert(self, row: Mapping[str, Any], target: Path) -> None:
        loaded = load(row, reader=self._reader)
        if loaded.pixels is None or loaded.row[images.STATUS.name] != ImageStatus.OK.value:
            raise OSError(str(loaded.row[images.DETAIL.name]))
        Image.fromarray(loaded.pixels).save(target, format="PNG")
