"""What most views share: a face in a square picture with its mesh, taken from a written sample."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.export.sample import Sample
from curate.generators.base import CannotGenerate
from curate.generators.subject import Subject
from curate.pairs.view import Drawn, View
from schemas import Column
from schemas.columns import faces, labels

T = TypeVar("T")
WHITE = 255
_LAST: dict[str, tuple[Any, Any]] = {}
"""What was worked out last, with the object that it was worked out from: views of one face follow each other."""


def shared(source: Any, make: Callable[[Any], T]) -> T:
    """What `make` gives of an object; asked for the same object again, the same result.

    Only the last result of each function is kept, so that views of one face share their work and nothing else.
    """
    name = f"{make.__module__}.{make.__qualname__}"
    if name not in _LAST or _LAST[name][0] is not source:
        _LAST[name] = (source, make(source))
    found: T = _LAST[name][1]
    return found


def subject_of(sample: Sample, pixels: Pixels) -> Subject:
    """The sample's one face as the generators have it; a picture that is not square is made so at right and bottom.

    Args:
        sample: The written picture; geometry in its pixels.
        pixels: Its RGB pixels.
    """
    face = sample.faces[0]
    height, width = pixels.shape[:2]
    side = max(height, width)
    if height != width:
        edges = (0, side - height, 0, side - width)
        pixels = np.asarray(cv2.copyMakeBorder(pixels, *edges, cv2.BORDER_REPLICATE), np.uint8)
    mesh, five = face.labels.get(labels.MESH.name), face.labels.get(faces.POINTS_5.name)
    return Subject(
        pixels=pixels,
        mesh=None if mesh is None else np.asarray(mesh, np.float64).reshape(-1, 3),
        points=np.asarray(np.zeros((5, 2)) if five is None else five, np.float64).reshape(5, 2),
        box=face.box or (0.0, 0.0, float(width), float(height)),
        matrix=np.eye(2, 3),
        labels=face.labels,
        face_id=face.face_id,
    )


class MeshView(View):
    """A view that needs a mesh which lies on the face; faces without have none."""

    needs: ClassVar[tuple[Column, ...]] = (labels.MESH, faces.POINTS_5)

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The view; None where the mesh is missing, beside the face, or turned too far."""
        subject = shared(sample, lambda given: subject_of(given, pixels))
        try:
            subject.need_mesh()
            found = self.made(subject, sample)
        except CannotGenerate:
            return None
        return None if found is None else self.written(found, pixels)

    @abstractmethod
    def made(self, subject: Subject, sample: Sample) -> NDArray[Any] | None:
        """The view of a subject with a mesh; pictures are (side, side) or (side, side, 3).

        Raises:
            CannotGenerate: if this face has none.
        """

    def written(self, made: NDArray[Any], pixels: Pixels) -> Drawn:
        """What is written: the part of what was made that lies on the picture."""
        return np.ascontiguousarray(made[: pixels.shape[0], : pixels.shape[1]])


class MaskView(MeshView):
    """A view that is a mask: 255 inside, 0 outside."""

    @abstractmethod
    def made(self, subject: Subject, sample: Sample) -> NDArray[np.bool_]:
        """The mask, (side, side)."""

    def written(self, made: NDArray[Any], pixels: Pixels) -> Drawn:
        """As bytes."""
        return super().written(np.where(made, WHITE, 0).astype(np.uint8), pixels)


class FineView(MeshView):
    """A view that is a 16-bit picture."""

    def written(self, made: NDArray[Any], pixels: Pixels) -> Drawn:
        """As PNG bytes."""
        return fine_png(made[: pixels.shape[0], : pixels.shape[1]])


class ArrayView(MeshView):
    """A view that is numbers, or a picture of a size of its own."""

    def written(self, made: NDArray[Any], pixels: Pixels) -> Drawn:
        """As it is."""
        return made


def fine_png(pixels: NDArray[np.uint16]) -> bytes:
    """16-bit grey or RGB as PNG."""
    ordered = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    done, data = cv2.imencode(".png", np.ascontiguousarray(ordered))
    if not done:
        raise RuntimeError("OpenCV was built without png")
    return bytes(data)


def read_fine(data: bytes) -> NDArray[np.uint16]:
    """The reverse of `fine_png`."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise ValueError("this is no picture")
    return np.asarray(found[..., ::-1] if found.ndim == 3 else found, np.uint16)


def chance_of(sample: Sample, name: str) -> np.random.Generator:
    """Random numbers of a face in a view: the same on every run, others for another face or view."""
    seed = hashlib.sha256(f"{name}:{sample.faces[0].face_id or sample.key}".encode()).digest()
    return np.random.default_rng(int.from_bytes(seed[:8], "little"))
