"""Parquet as Hugging Face's `datasets` and its Hub keep pictures: bytes in the table, decoded by an Image feature."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate.export.arrow import IMAGE, ROWS, label_columns_of, read_samples, schema, tables
from curate.export.base import Exporter, Part, Plan
from curate.export.sample import Sample
from curate.export.splits import shown
from curate.store.parts import replacing
from schemas import REGISTRY, Column


class Parquet(Exporter):
    """`data/SPLIT-00000-of-00003.parquet`, a row per face.

    Column `image` is a struct of `bytes` and `path`, and the schema's metadata makes it an `Image` feature. Labels
    have the dataset's own Arrow types: points and vectors are fixed-size lists, scores are structs, and what is not
    known is null. Samples without a split are called `train` where no sample has one, else `unassigned`.
    """

    name = "parquet"
    doc = "Parquet with pictures as an Image feature and typed label columns, as the Hugging Face Hub keeps them."
    opened_by = "datasets.load_dataset(FOLDER)"

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Nothing: every column keeps its Arrow type."""
        return {}

    def begin(self, folder: Path, plan: Plan) -> None:
        """Number of parts and names of splits are part of file names."""
        self._plan = plan

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """One file."""
        kind, split = schema(part.columns), shown(part.split, self._plan.splits)
        path = folder / "data" / f"{split}-{part.number:05d}-of-{self._plan.parts[part.split]:05d}.parquet"
        packed = {c: "zstd" for c in kind.names if c != IMAGE}
        with (
            replacing(path) as file,
            pa.OSFile(file.name, "wb") as native,  # through a Python file every page would be copied once more
            pq.ParquetWriter(native, kind, compression=packed, use_dictionary=list(packed)) as out,
        ):
            for table in tables(samples, part.columns):
                out.write_table(table, row_group_size=ROWS)
        yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Group by group."""
        for path in sorted((folder / "data").glob("*.parquet")):
            with pq.ParquetFile(path) as file:
                columns = label_columns_of(file.schema_arrow.names, list(REGISTRY.values()))
                for group in range(file.num_row_groups):
                    yield from read_samples(file.read_row_group(group), columns)
