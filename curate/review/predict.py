"""Predictions on request: what the dataset says of a picture, or what its annotators say of one that is new to it."""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate import __version__
from curate.review.controls import PICTURE
from curate.review.ledger import Ledger
from curate.review.server import ID, Server
from curate.review.shown import Gallery, Picture
from curate.review.task import prediction
from curate.store import Dataset
from schemas import FacecurateError
from schemas.columns import images

VERSION = f"facecurate {__version__}"
LARGEST = 64 << 20
"""Bytes of a picture."""
EMBEDDED = ("data:image/jpeg;base64,", "data:image/png;base64,")
NOTHING: dict[str, Any] = {"model_version": VERSION, "result": []}


class Predictor:
    """Answers for tasks of one review.

    Args:
        ds: The dataset.
        book: The review.
        server: Pictures of tasks that are not from the dataset are fetched here, and nowhere else.
    """

    def __init__(self, ds: Dataset, book: Ledger, server: Server) -> None:
        self._book, self._server = book, server
        self._source = ds.at_revision(book.revision)
        self._gallery = Gallery(self._source, book.spec, book.layers)

    def answer(self, task: Any) -> dict[str, Any]:
        """The prediction for a task as Label Studio sends it; an empty one where nothing can be said."""
        data = task.get("data") if isinstance(task, Mapping) else None
        if not isinstance(data, Mapping):
            return NOTHING
        picture = self._known(data.get(ID)) or self._unknown(data.get(PICTURE))
        return NOTHING if picture is None else self._told(picture)

    def _told(self, picture: Picture) -> dict[str, Any]:
        if self._book.is_blind(picture.image_id) or picture.image_id in self._book.gold:
            return NOTHING  # a request must not open what was meant to be judged without us
        return prediction(self._book.spec, picture.faces, *picture.size, VERSION)

    def _known(self, image_id: Any) -> Picture | None:
        if not isinstance(image_id, str):
            return None
        return next(iter(self._gallery.pictures([image_id])), None)

    def _unknown(self, address: Any) -> Picture | None:
        data = self._fetch(address) if isinstance(address, str) else None
        if data is None:
            return None
        return self._labelled(data)

    def _fetch(self, address: str) -> bytes | None:
        for start in EMBEDDED:
            if address.startswith(start) and len(address) <= LARGEST * 4 // 3:
                try:
                    return base64.b64decode(address[len(start) :], validate=True)
                except binascii.Error:
                    return None
        return self._server.picture(address, LARGEST) if address.startswith("/data/") else None

    def _labelled(self, data: bytes) -> Picture | None:
        """Label one picture with the annotators that labelled the dataset; it is deleted again at once."""
        from curate.api import Options, run

        names = sorted(
            {i.annotator for i in self._source.layers() if i.kind == "model" and i.name in self._book.layers}
        )
        with tempfile.TemporaryDirectory(prefix="facecurate-") as folder:
            path = Path(folder) / "picture"
            path.write_bytes(data)
            try:
                made = run([path], Path(folder) / "faces", Options(annotators=_known(names), workers=1))
                spec, layers = self._book.spec, [i.name for i in made.layers()]
                found = list(Gallery(made, spec, layers).pictures(_ids(made)))
            except FacecurateError:
                return None
        return found[0] if found else None


def _known(names: list[str]) -> list[str]:
    """Those that are annotators here; layers of other origins have names of their own."""
    from annotators.registry import annotator_names

    known = set(annotator_names())
    return [n for n in names if n in known]


def _ids(ds: Dataset) -> list[str]:
    return [i for i in ds.images([images.IMAGE_ID]).column(0).to_pylist() if i]
