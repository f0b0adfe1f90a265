"""Lance: a columnar table per split, with the pictures in it and typed label columns."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from annotators.base import Config
from annotators.extras import require_libraries
from curate.export.arrow import IMAGE, PICTURE, ROWS, label_columns_of, read_samples, schema, tables
from curate.export.base import Exporter, Part, Plan
from curate.export.pieces import keep, kept
from curate.export.sample import Sample
from curate.export.splits import named
from schemas import REGISTRY, Column

SUFFIX = ".lance"
VERSIONS = ("_versions", "_transactions")


class Lance(Exporter):
    """`SPLIT.lance`, one table per split with a row per face; samples without a split are in `unassigned.lance`.

    `image` holds the encoded picture. Label columns have the dataset's own Arrow types: points and vectors are
    fixed-size lists, scores are structs, and what is not known is null. Each part is a fragment of its own, and one
    commit at the end makes them a table. Lance gives its files random names.
    """

    name = "lance"
    doc = "Lance tables with pictures and typed label columns, for random access and search."
    opened_by = "lance.dataset('FOLDER/train.lance')"
    extra = "export"
    fixed_bytes = False

    @classmethod
    def preflight(cls, config: Config) -> None:
        """The library writes the files."""
        require_libraries(cls.extra, "lance")

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Nothing: every column keeps its Arrow type."""
        return {}

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """The part's fragment; it belongs to the table after `finish`."""
        from lance.fragment import write_fragments

        place, kind = _place(folder, part.split), _schema(part.columns)
        batches = (b for table in tables(samples, part.columns) for b in _stored(table, kind).to_batches())
        reader = pa.RecordBatchReader.from_batches(kind, batches)
        made: list[Any] = list(write_fragments(reader, str(place), mode="create", max_rows_per_group=ROWS))
        keep(folder, part, [f.to_json() for f in made])
        for fragment in made:
            yield from (place / "data" / file.path for file in fragment.files)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One commit per split; files of parts that were broken off are removed."""
        from lance import FragmentMetadata, LanceDataset, LanceOperation

        for split in plan.splits:
            place, told = _place(folder, split), list(kept(folder, parts, split))
            for name in VERSIONS:
                shutil.rmtree(place / name, ignore_errors=True)
            held = {file["path"] for fragment in told for file in fragment["files"]}
            for path in (place / "data").glob(f"*{SUFFIX}"):
                if path.name not in held:
                    path.unlink()
            fragments = [FragmentMetadata.from_json(json.dumps(fragment)) for fragment in told]
            LanceDataset.commit(str(place), LanceOperation.Overwrite(_schema(plan.columns), fragments))
            yield from (p for name in VERSIONS for p in sorted((place / name).rglob("*")) if p.is_file())

    def read(self, folder: Path) -> Iterator[Sample]:
        """Batch by batch."""
        import lance

        for path in sorted(folder.glob(f"*{SUFFIX}")):
            dataset = lance.dataset(str(path))
            columns = label_columns_of(dataset.schema.names, list(REGISTRY.values()))
            for batch in dataset.to_batches(batch_size=ROWS):
                yield from read_samples(_restored(pa.Table.from_batches([batch])), columns)


def _place(folder: Path, split: str) -> Path:
    return folder / f"{named(split)}{SUFFIX}"


def _schema(columns: Sequence[Column]) -> pa.Schema:
    kind = schema(columns).remove_metadata()
    return kind.set(kind.get_field_index(IMAGE), pa.field(IMAGE, pa.binary()))


def _stored(table: pa.Table, kind: pa.Schema) -> pa.Table:
    """A table with the pictures' bytes alone in place of bytes and path."""
    place = table.column_names.index(IMAGE)
    return table.set_column(place, IMAGE, pc.struct_field(table.column(IMAGE), "bytes")).cast(kind)


def _restored(table: pa.Table) -> pa.Table:
    """The reverse, without the paths, which the keys say too."""
    place, data = table.column_names.index(IMAGE), table.column(IMAGE).combine_chunks()
    names = pa.nulls(len(data), pa.string())
    pictures = pa.StructArray.from_arrays([data, names], fields=list(PICTURE))
    return table.set_column(place, IMAGE, pictures)
