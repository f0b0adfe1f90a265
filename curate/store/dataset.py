"""A dataset is a folder: shards x layers, each part a Parquet file that any Arrow tool opens."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.store import checks, parts
from curate.store.info import INFO_FILE, DatasetInfo, read_info, write_info
from curate.store.layers import LayerInfo, by_authority, now
from curate.store.lock import locked
from curate.store.names import FACES, IMAGES, LABELS, SOURCES, check_name, folder, key_order, layer_of
from curate.store.runs import RunRecord
from schemas import Column, DatasetError, Status, UnknownNameError
from schemas.columns.faces import FACE_ID
from schemas.columns.labels import STATUS as LABEL_STATUS

if TYPE_CHECKING:
    from curate.store.counts import Counts

LAYER_FILE = "_layer.json"

_WRITERS = 8
Name = str | Column


class Dataset:
    """A dataset folder at one revision. Picklable: another process reopens it by its path.

    Attributes:
        path: The folder.
        info: What `dataset.json` holds, with the revision this object works on.
    """

    def __init__(self, path: Path, info: DatasetInfo) -> None:
        self.path = path
        self.info = info
        self._face_digest: tuple[Any, bytes] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Dataset, (self.path.absolute(), self.info)

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r}, revision={self.info.revision})"

    @classmethod
    def create(cls, path: str | Path, *, name: str = "", licence: str = "", consent: str = "") -> Dataset:
        """Make a new, empty dataset.

        Raises:
            DatasetError: if the folder holds anything already, or cannot be made.
        """
        path = Path(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            what = "already holds a dataset" if (path / INFO_FILE).exists() else "is not an empty folder"
            raise DatasetError(f"{path} {what}", fix="Give the name of a new folder")
        info = DatasetInfo(name=name or path.resolve().name, created=now(), licence=licence, consent=consent)
        write_info(path, info)
        return cls(path, info)

    @classmethod
    def open(cls, path: str | Path) -> Dataset:
        """Open a dataset and clear away what killed writers left.

        Raises:
            DatasetError: if it is missing, is no dataset, or was made by a newer version.
        """
        path = Path(path)
        if not path.is_dir():
            raise DatasetError(f"there is no folder {path}", fix="Check the path; 'facecurate run' makes a dataset")
        if not (path / INFO_FILE).is_file():
            raise DatasetError(f"{path} is not a dataset", f"it holds no {INFO_FILE}", "Give a dataset's folder")
        info = read_info(path)
        parts.clean(path)
        return cls(path, info)

    @classmethod
    def open_or_create(cls, path: str | Path, **kwargs: str) -> Dataset:
        """Open the dataset, or create it (arguments of `create`) if the folder is absent or empty."""
        path = Path(path)
        exists = path.is_dir() and any(path.iterdir())
        return cls.open(path) if exists else cls.create(path, **kwargs)

    def at_revision(self, revision: int) -> Dataset:
        """The same folder at an earlier revision.

        Raises:
            DatasetError: if there is no such revision.
        """
        newest = read_info(self.path).revision
        if not 0 <= revision <= newest:
            raise DatasetError(f"{self.path} has no revision {revision}", f"the newest is {newest}")
        return Dataset(self.path, dataclasses.replace(self.info, revision=revision))

    def new_revision(self) -> Dataset:
        """Begin a revision without faces and labels; those of earlier revisions stay beside it."""
        newest = read_info(self.path).revision
        return self._with(revision=newest + 1, detector={})

    def with_detector(self, detector: Mapping[str, Any]) -> Dataset:
        """Note which detector owns the face ids of this revision."""
        return self._with(detector=dict(detector))

    def with_changed_pictures(self) -> Dataset:
        """Note that some files hold other pictures than when they were first ingested."""
        return self._with(pictures_changed=True)

    def add_source(self, source: Mapping[str, Any]) -> Dataset:
        """Note in `dataset.json` what was ingested; an entry that is there already is not repeated."""
        entry = dict(source)
        known = read_info(self.path).sources
        return self._with(sources=known if entry in known else [*known, entry])

    def _with(self, **changes: Any) -> Dataset:
        write_info(self.path, dataclasses.replace(read_info(self.path), **changes))
        return Dataset(self.path, dataclasses.replace(self.info, **changes))

    def lock(self) -> AbstractContextManager[None]:
        """Hold the dataset for one run; `DatasetError` if another run holds it."""
        return locked(self.path)

    def _folder(self, table: str) -> Path:
        return folder(self.path, self.info.revision, table)

    def part_path(self, table: str, key: str) -> Path:
        """Where a part lies, whether it exists or not.

        Args:
            table: `sources`, `images`, `faces` or `labels/LAYER`.
            key: Name of the shard.
        """
        return self._folder(table) / f"{check_name('part', key)}{parts.SUFFIX}"

    def keys(self, table: str) -> list[str]:
        """Keys of the parts that exist: numbered shards by number, then the others by name."""
        files = self._folder(table).glob(f"[!._]*{parts.SUFFIX}")
        return sorted((f.name.removesuffix(parts.SUFFIX) for f in files), key=key_order)

    def has(self, table: str, key: str) -> bool:
        """Whether the part exists."""
        return self.part_path(table, key).is_file()

    def rows(self, table: str, key: str) -> int:
        """Number of rows of a part, from its footer.

        Raises:
            DatasetError: if it is missing or damaged.
        """
        return parts.read_footer(self.part_path(table, key))[0]

    def read(self, table: str, key: str, columns: Iterable[Name] | None = None) -> pa.Table:
        """Read a part, or the named columns (`struct.field` allowed) that it has.

        Raises:
            DatasetError: if it is missing or damaged.
        """
        return parts.read_table(self.part_path(table, key), None if columns is None else [_name(c) for c in columns])

    def write(self, table: str, key: str, data: pa.Table | pa.RecordBatch) -> None:
        """Write a part atomically, in place of one of the same key.

        Raises:
            SchemaError: if a declared column does not keep to its declaration, or labels do not follow
                their faces row by row.
            DatasetError: if faces that labels hang on would change, or the disk refuses.
        """
        if isinstance(data, pa.RecordBatch):
            data = pa.Table.from_batches([data])
        path, layer, metadata = self.part_path(table, key), layer_of(table), None
        if table == SOURCES:
            checks.check_sources(data)
        elif table == IMAGES:
            checks.check_images(data)
        elif table == FACES:
            checks.check_faces(data)
            metadata = {parts.DIGEST: parts.digest(data.column(FACE_ID.name))}
            self._refuse_orphans(key, path, metadata[parts.DIGEST])
        elif layer is not None:
            checks.check_labels(data, self.layer(layer).columns, layer)
            expected = self.face_digest(key)
            checks.check_aligned(data.column(FACE_ID.name), expected, f"{table}/{key}")
            metadata = {parts.DIGEST: expected}
        parts.write_table(path, checks.with_fields(data, metadata))

    def write_labels(self, key: str, tables: Mapping[str, pa.Table | pa.RecordBatch]) -> None:
        """Write one shard's part of several layers, waiting for the disk once rather than for each in turn.

        Args:
            key: The shard.
            tables: Layer -> its rows.

        Raises:
            SchemaError: as `write`; the other layers' parts are written or not, each whole.
        """
        self.face_digest(key)
        with ThreadPoolExecutor(_WRITERS) as pool:
            jobs = [pool.submit(self.write, f"{LABELS}/{layer}", key, table) for layer, table in tables.items()]
        for job in jobs:
            job.result()

    def _refuse_orphans(self, key: str, path: Path, new: bytes) -> None:
        if path.is_file() and self.face_digest(key) != new:
            labelled = [i.name for i in self.layers() if self.has(f"{LABELS}/{i.name}", key)]
            if labelled:
                reason = f"labels of {', '.join(labelled)} hang on them"
                raise DatasetError(f"the faces of shard {key} cannot change", reason, "Begin a new revision")

    def face_digest(self, key: str) -> bytes:
        """Digest of the face ids of a faces part; kept for the part asked for last."""
        path = self.part_path(FACES, key)
        try:
            stat = path.stat()
        except FileNotFoundError:
            raise DatasetError(f"{path} is missing", fix="Faces are written before their labels") from None
        mark = (path, stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if self._face_digest is None or self._face_digest[0] != mark:
            stored = checks.stored_digest(parts.read_footer(path)[1])
            found = stored or parts.digest(self.read(FACES, key, [FACE_ID]).column(FACE_ID.name))
            self._face_digest = (mark, found)
        return self._face_digest[1]

    def layers(self) -> list[LayerInfo]:
        """All layers of this revision, in the order in which they speak for a column."""
        files = self._folder(LABELS).glob(f"*/{LAYER_FILE}")
        return by_authority(LayerInfo.from_dict(parts.read_json(f)) for f in files)

    def layer(self, name: str) -> LayerInfo:
        """The layer of that name.

        Raises:
            UnknownNameError: if there is none; offers the nearest name.
        """
        path = self._folder(f"{LABELS}/{name}") / LAYER_FILE
        if not path.is_file():
            raise UnknownNameError("layer", name, [i.name for i in self.layers()])
        return LayerInfo.from_dict(parts.read_json(path))

    def add_layer(self, info: LayerInfo) -> None:
        """Declare a layer; declaring the same again changes nothing.

        Raises:
            DatasetError: if a layer of that name has other content.
        """
        path = self._folder(f"{LABELS}/{info.name}") / LAYER_FILE
        if not path.is_file():
            parts.write_json(path, info.as_dict())
        elif not LayerInfo.from_dict(parts.read_json(path)).same_content(info):
            reason = "another version, configuration or set of columns was used"
            raise DatasetError(f"layer '{info.name}' exists with other content", reason, "Give it another name")

    def withdraw_layer(self, name: str) -> None:
        """Take back a declared layer of which nothing has been written; any other stays."""
        if not self.keys(f"{LABELS}/{name}"):
            (self._folder(f"{LABELS}/{name}") / LAYER_FILE).unlink(missing_ok=True)
            with suppress(OSError):
                self._folder(f"{LABELS}/{name}").rmdir()

    def failed_rows(self, layer: str, key: str) -> list[int]:
        """Rows of a label part whose status is `failed`."""
        status = self.read(f"{LABELS}/{layer}", key, [LABEL_STATUS]).column(LABEL_STATUS.name)
        failed = pc.fill_null(pc.equal(status, Status.FAILED.value), False)
        return [int(i) for i in pc.indices_nonzero(failed).to_pylist()]

    def replace_rows(self, layer: str, key: str, rows: Sequence[int], batch: pa.Table | pa.RecordBatch) -> None:
        """Rewrite a label part with other content in some rows.

        Args:
            layer: The layer.
            key: The shard.
            rows: Row numbers to replace.
            batch: As many rows with the part's columns and the same face ids.

        Raises:
            SchemaError: if the face ids differ or a column is missing.
            DatasetError: if the numbers of rows differ.
        """
        table = f"{LABELS}/{layer}"
        old = self.read(table, key)
        new = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        if len(rows) != new.num_rows:
            raise DatasetError(f"{len(rows)} rows are to be replaced by {new.num_rows}")
        order = list(range(old.num_rows))
        for position, row in enumerate(rows):
            order[row] = old.num_rows + position
        plain = pa.schema([f.remove_metadata() for f in old.schema])
        checks.check_labels(new, self.layer(layer).columns, layer)
        both = [old.cast(plain), new.select(old.column_names).cast(plain)]
        self.write(table, key, pa.concat_tables(both).take(order))

    def columns(self) -> list[str]:
        """Every name that `faces` understands here, without nested fields."""
        from curate.store.view import FaceView

        return FaceView(self).columns()

    def faces(
        self,
        columns: Iterable[Name] | None = None,
        where: str | None = None,
        layers: Iterable[str] | None = None,
        provenance: bool = False,
    ) -> pa.Table:
        """The resolved view: one row per face, every column from the layer that speaks for it.

        A human layer speaks before a fused one, that before a model's, and of two models the newest;
        a null falls through to the next. Only layers and columns that are asked for are opened.

        Args:
            columns: Names or columns: of faces, labels, images, `struct.field`, `status.ANNOTATOR`,
                `error.ANNOTATOR`, `extra.NAME`. By default face columns and scalar labels.
            where: An SQL condition over the view, such as `perceived_age > 30`.
            layers: Only these layers speak.
            provenance: Add `COLUMN__layer`, the layer that each value comes from.

        Raises:
            UnknownNameError: for a name that is not here; offers the nearest.
            UsageError: for a condition that SQL does not understand.
        """
        from curate.store.view import FaceView

        return FaceView(self, layers).table(columns, where, provenance=provenance)

    def iter_faces(
        self,
        columns: Iterable[Name] | None = None,
        where: str | None = None,
        layers: Iterable[str] | None = None,
        provenance: bool = False,
    ) -> Iterator[pa.Table]:
        """The resolved view part by part, in memory bounded by a shard; arguments of `faces`."""
        from curate.store.view import FaceView

        return FaceView(self, layers).stream(columns, where, provenance=provenance)

    def layer_table(self, name: str, columns: Iterable[Name] | None = None) -> pa.Table:
        """One layer as it was written, all parts below one another."""
        from curate.store.view import layer_table

        return layer_table(self, name, columns)

    def images(self, columns: Iterable[Name] | None = None, where: str | None = None) -> pa.Table:
        """One row per picture; the newest row where a picture was tried again.

        Args:
            columns: Names or columns; `extra.NAME` is unpacked from `extra`. By default all.
            where: An SQL condition.
        """
        from curate.store.images import images

        return images(self, columns, where)

    def ledger(self) -> pa.Table:
        """Pictures whose status is not `ok` and that no later try has overtaken."""
        from curate.store.images import ledger

        return ledger(self)

    def counts(self) -> Counts:
        """How many pictures, faces and labels there are, by outcome."""
        from curate.store.counts import count

        return count(self)

    def sql(self, query: str) -> pa.Table:
        """Answer a SELECT over `faces`, `images`, `ledger`, `layers` and one table per layer.

        Queries read only what they name and reach no file and no network.

        Raises:
            UnknownNameError: for a table or column that is not here.
            UsageError: for anything else that SQL does not understand.
        """
        from curate.store.sql import run

        return run(self, query)

    def write_run(self, record: RunRecord) -> None:
        """Write a run record, in place of one with the same id."""
        parts.write_json(self.path / "runs" / f"{check_name('run', record.id)}.json", record.as_dict())

    def runs(self) -> list[RunRecord]:
        """All run records, the oldest first."""
        files = (self.path / "runs").glob("[!._]*.json")
        return sorted((RunRecord.from_dict(parts.read_json(f)) for f in files), key=lambda r: (r.started, r.id))


def _name(column: Name) -> str:
    return column.name if isinstance(column, Column) else column


__all__ = ["FACES", "IMAGES", "LABELS", "SOURCES", "Dataset", "DatasetInfo", "Name"]
