"""What an annotator is: it declares columns in and columns out, and turns a batch of faces into a table.

An annotator measures; it never decides what is kept. Most write one value per face and derive from
`FaceAnnotator`; those that gain from seeing many faces at once derive from `Annotator`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.crops import Crop, CropSpec, Pixels, warp
from schemas import Column, SchemaError, Status
from schemas.columns import faces, labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

T = TypeVar("T")


class NotApplicable(Exception):  # noqa: N818 - an answer, not an error
    """Raised by `label` when the question cannot be asked of this face; the text becomes `label_error`."""


class Face(Mapping[Column, Any]):
    """One face of a batch: its columns, its picture and its crops.

    `face[column]` gives a Python number, string or dict, or for points and vectors a float32 array of
    the column's shape; null is None.
    """

    def __init__(self, batch: FaceBatch, row: int) -> None:
        self._batch = batch
        self._row = row

    @property
    def image(self) -> Pixels:
        """The upright RGB picture, shape (height, width, 3)."""
        return self._batch.images[self[faces.IMAGE_ID]]

    def crop(self, spec: CropSpec) -> Crop:
        """The face cut as the spec says; cut once per batch, whoever asks."""
        return self._batch.crop(self._row, spec)

    def once(self, maker: Callable[[Face], T]) -> T:
        """What `maker` makes of this face, made once per batch however many annotators ask for it.

        Args:
            maker: A function or callable object that is equal to itself wherever it is used, such as a
                network from `ModelStore.shared`.
        """
        made: T = self._batch.once(self._row, maker, self)
        return made

    def __getitem__(self, column: Column) -> Any:
        return self._batch.value(self._row, column)

    def need(self, column: Column) -> Any:
        """The value, or `NotApplicable` where it is null."""
        value = self[column]
        if value is None:
            raise NotApplicable(f"no {column.name}")
        return value

    def __iter__(self) -> Iterator[Column]:
        return iter(self._batch.columns)

    def __len__(self) -> int:
        return len(self._batch.columns)


class FaceBatch:
    """Faces of one or more decoded images, with the columns that earlier annotators wrote.

    Args:
        table: The faces table's columns and any label columns, one row per face.
        images: `image_id` -> upright RGB picture.
        whole: The same columns for all faces of these images, where `table` holds only some of them.
    """

    def __init__(self, table: pa.Table, images: Mapping[str, Pixels], whole: pa.Table | None = None) -> None:
        self.table = table
        self.images = images
        self._whole = whole
        self._crops: dict[tuple[int, CropSpec], Crop] = {}
        self._values: dict[str, Sequence[Any]] = {}
        self._made: dict[tuple[int, Any], Any] = {}

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[Face]:
        return (Face(self, row) for row in range(len(self)))

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns at hand."""
        from schemas import REGISTRY

        return tuple(REGISTRY[name] for name in self.table.column_names if name in REGISTRY)

    @property
    def whole(self) -> FaceBatch:
        """All faces of these images: the batch itself, unless only some of them are labelled again."""
        return self if self._whole is None else FaceBatch(self._whole, self.images)

    def value(self, row: int, column: Column) -> Any:
        """One cell; see `Face`."""
        if column.name not in self._values:
            if column.name not in self.table.column_names:
                raise SchemaError(f"column {column.name} is not in this batch", fix="Name it in `requires`")
            self._values[column.name] = unpack(column, self.table.column(column.name))
        return self._values[column.name][row]

    def crop(self, row: int, spec: CropSpec) -> Crop:
        """The crop of one face; see `Face.crop`."""
        key = (row, spec)
        if key not in self._crops:
            face = Face(self, row)
            matrix = spec.matrix(face)
            self._crops[key] = Crop(warp(face.image, matrix, spec.size), matrix)
        return self._crops[key]

    def once(self, row: int, maker: Callable[[Face], Any], face: Face) -> Any:
        """What `maker` makes of one face; see `Face.once`."""
        key = (row, maker)
        if key not in self._made:
            self._made[key] = maker(face)
        return self._made[key]

    def add(self, columns: Mapping[str, pa.Array]) -> None:
        """Add columns that an annotator has just written; they replace those of an earlier annotator."""
        for name, values in columns.items():
            if name in self.table.column_names:
                self.table = self.table.drop_columns([name])
                self._values.pop(name, None)
            self.table = self.table.append_column(name, values)


def unpack(column: Column, values: pa.ChunkedArray) -> Sequence[Any]:
    """Values of a column one by one: float32 arrays of its shape for points and vectors, else Python values."""
    if not column.shape:
        return list(values.to_pylist())
    array = values.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    size = int(np.prod(column.shape))
    flat = np.asarray(array.values.to_numpy(zero_copy_only=False))
    flat = flat[array.offset * size : (array.offset + len(array)) * size].reshape(-1, *column.shape)
    return [flat[i] if ok else None for i, ok in enumerate(array.is_valid().to_pylist())]


@dataclass(frozen=True)
class Config:
    """Settings of an annotator: frozen, JSON-serialisable, part of the layer's identity."""

    def as_dict(self) -> dict[str, Any]:
        """Fields as plain data."""
        return dataclasses.asdict(self)

    @property
    def hash(self) -> str:
        """Short digest of the settings."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


class Annotator(ABC):
    """Turns faces into columns.

    Class attributes:
        name: Short name: the command line, the layer and the docs use it.
        version: Raised whenever the same input could give another output.
        doc: One sentence for the table of annotators.
        requires: Columns it reads besides those of its crops.
        provides: Columns it writes.
        weights: Names of model files it loads.
        default: Part of the default set.
        config_type: Class of its settings; a subclass narrows `config` to it.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    doc: ClassVar[str]
    requires: ClassVar[tuple[Column, ...]] = ()
    provides: ClassVar[tuple[Column, ...]]
    crops: ClassVar[tuple[CropSpec, ...]] = ()
    weights: ClassVar[tuple[str, ...]] = ()
    default: ClassVar[bool] = True
    config_type: ClassVar[type[Config]] = Config

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if getattr(cls.annotate, "__isabstractmethod__", False) or getattr(
            getattr(cls, "label", None), "__isabstractmethod__", False
        ):
            return
        for attribute in ("name", "version", "doc", "provides"):
            if not getattr(cls, attribute, None):
                raise SchemaError(f"annotator {cls.__name__} declares no {attribute}")

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.config_type()

    @classmethod
    def weights_of(cls, config: Config) -> tuple[str, ...]:
        """Model files it loads under these settings: names of the catalogue, or paths that the user gave."""
        return cls.weights

    @classmethod  # noqa: B027 - most need nothing but their weights
    def preflight(cls, config: Config) -> None:
        """Make sure, before anything is written, that it can run here with these settings; loads nothing.

        Raises:
            MissingExtraError: if a library is absent.
            FacecurateError: if the settings cannot be carried out.
        """

    @classmethod
    def notices(cls, config: Config) -> tuple[str, ...]:
        """What a user should know before it runs with these settings, such as that pictures leave the machine."""
        return ()

    @classmethod
    def needs(cls) -> tuple[Column, ...]:
        """All columns it reads: its own and its crops'."""
        wanted = dict.fromkeys(cls.requires)
        for spec in cls.crops:
            wanted.update(dict.fromkeys(spec.requires))
        return tuple(wanted)

    @classmethod
    @cache
    def schema(cls) -> pa.Schema:
        """Arrow schema of what `annotate` returns."""
        return pa.schema(
            [faces.FACE_ID.field, labels.STATUS.field, labels.ERROR.field, *(c.field for c in cls.provides)]
        )

    def setup(self, models: ModelStore) -> None:  # noqa: B027 - arithmetic on columns needs none
        """Load weights and heavy libraries; called once per process before the first batch.

        Raises:
            ModelError: if a model file is missing or damaged.
        """

    @abstractmethod
    def annotate(self, batch: FaceBatch) -> pa.RecordBatch:
        """Label every face of a batch, row for row; the result has `schema()`."""


class FaceAnnotator(Annotator):
    """An annotator that looks at one face at a time.

    A `NotApplicable` from `label` makes the row `not_applicable`; any other exception makes it
    `failed` with the error's text, and the run goes on.
    """

    @abstractmethod
    def label(self, face: Face) -> Mapping[Column, Any]:
        """Values of the provided columns for one face; a missing or None value is null."""

    def annotate(self, batch: FaceBatch) -> pa.RecordBatch:
        rows: dict[str, list[Any]] = {field.name: [] for field in self.schema()}
        for face in batch:
            values: Mapping[Column, Any] = {}
            status, error = Status.OK, None
            try:
                values = self.label(face)
            except NotApplicable as answer:
                status, error = Status.NOT_APPLICABLE, str(answer)
            except Exception as exception:  # noqa: BLE001 - one face must not stop a run; the row says why
                status, error = Status.FAILED, f"{type(exception).__name__}: {exception}"
            rows[faces.FACE_ID.name].append(face[faces.FACE_ID])
            rows[labels.STATUS.name].append(status.value)
            rows[labels.ERROR.name].append(error)
            for column in self.provides:
                rows[column.name].append(_plain(values.get(column)))
        schema = self.schema()
        return pa.record_batch([pa.array(rows[f.name], f.type) for f in schema], schema=schema)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.reshape(-1)
    return value.item() if isinstance(value, np.generic) else value


@dataclass(frozen=True)
class Detections:
    """Faces found in one image, best first.

    Attributes:
        boxes: (n, 4) x, y, width, height in upright image pixels.
        points: (n, 5, 2) eye centres, nose tip, mouth corners; subject's right first (image-left in an upright face).
        scores: (n,) in 0-1.
    """

    boxes: NDArray[np.float32]
    points: NDArray[np.float32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)


class Detector(ABC):
    """Finds faces. It owns the face ids: its boxes and points become the faces table."""

    name: ClassVar[str]
    version: ClassVar[str]
    doc: ClassVar[str]
    weights: ClassVar[tuple[str, ...]] = ()
    config_type: ClassVar[type[Config]] = Config

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.config_type()

    def setup(self, models: ModelStore) -> None:  # noqa: B027 - see Annotator.setup
        """Load weights; called once per process."""

    @abstractmethod
    def detect(self, image: Pixels) -> Detections:
        """Find the faces of an upright RGB picture, shape (height, width, 3)."""
