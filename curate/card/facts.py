"""What can be measured of a dataset for its card, read shard by shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.evaluation.quantiles import wilson
from curate.identity.progress import follow
from curate.report import facts as report_facts
from curate.report.facts import LayerRow, ModelRow
from curate.report.sample import minors
from curate.scores import scores_beside
from curate.split.split import FOLDER as SPLITS
from curate.split.split import verify_split
from curate.store import Dataset
from curate.store.counts import Counts
from curate.store.names import FACES
from curate.store.parts import read_json
from schemas import REGISTRY, Column, ImageStatus, Kind, taxonomy
from schemas.columns import faces, images, labels

DEMOGRAPHIC = (labels.GENDER, labels.RACE, labels.AGE_GROUP, labels.MONK, labels.PERCEIVED_EMOTION)
"""Labels that say who is shown; their tables come first."""
BOOKKEEPING = (labels.IDENTITY.name, labels.DUPLICATES.name)
"""Groups of columns whose labels say how the dataset hangs together, not what is seen."""
AGES = (labels.AGE, labels.AGE_GROUP, labels.AGE_PROB)
MEASURED = (labels.QUALITY_SCORE, labels.YAW, faces.SCORE, faces.BOX_W, faces.BOX_H)
"""Numbers whose spread the card tells, where they are there."""


@dataclass(frozen=True)
class Share:
    """Faces with one label: their number, and their share of the labelled ones with Wilson's 95 % interval."""

    label: str
    n: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Composition:
    """How the faces divide by one label column.

    Attributes:
        column: The column.
        shares: Every label of its taxonomy, also those of no face.
        labelled: Faces with a label.
        abstained: Faces without one although probabilities are there.
        missing: Faces without either.
    """

    column: Column
    shares: tuple[Share, ...]
    labelled: int
    abstained: int
    missing: int


@dataclass(frozen=True)
class Spread:
    """Quantiles of a number over the faces that have it."""

    column: Column
    n: int
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class SplitFacts:
    """A split: its parts with their faces, and what its certificate says that no longer holds."""

    name: str
    parts: tuple[tuple[str, int], ...]
    disjoint: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """Facts of the usable pictures' rows.

    Attributes:
        licences: Licence -> pictures; the empty text where none is given.
        consents: The same of consent statements.
        formats: The same of file formats.
        gps: Pictures whose file carries a GPS position.
        turned: Pictures whose EXIF data turned them.
        synthetic: Pictures marked as made by a generator.
        with_parent: Generated pictures whose source picture is on record.
        generators: Generator -> pictures; the empty text where none is named.
        frames: Pictures that are frames of videos.
    """

    licences: Mapping[str, int] = field(default_factory=dict)
    consents: Mapping[str, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    gps: int = 0
    turned: int = 0
    synthetic: int = 0
    with_parent: int = 0
    generators: Mapping[str, int] = field(default_factory=dict)
    frames: int = 0


@dataclass(frozen=True)
class Groups:
    """People, or photos with copies: how many there are, with how many faces, and how many the largest has."""

    groups: int
    faces: int
    largest: int


@dataclass(frozen=True)
class Facts:
    """Everything measured; see `measure`."""

    counts: Counts
    usable: int
    pictures: Pictures
    compositions: tuple[Composition, ...]
    spreads: tuple[Spread, ...]
    ledger: tuple[tuple[str, int], ...]
    layers: tuple[LayerRow, ...]
    models: tuple[ModelRow, ...]
    splits: tuple[SplitFacts, ...]
    minors: int
    age_unknown: int
    people: Groups | None
    duplicates: Groups | None
    sensitive: tuple[Column, ...]


def measure(ds: Dataset, quiet: bool = True) -> Facts:
    """Measure a dataset; faces are read part by part, so that memory follows the shard.

    Args:
        ds: The dataset.
        quiet: No progress bar.

    Raises:
        DatasetError: if a part is damaged.
    """
    counts = ds.counts()
    present = [REGISTRY[n] for n in ds.columns() if n in REGISTRY]
    tally = Tally(present)
    for table in follow(ds.iter_faces(tally.wanted), len(ds.keys(FACES)), "counting", quiet):
        tally.add(table)
    return Facts(
        counts=counts,
        usable=counts.images.get(ImageStatus.OK.value, 0),
        pictures=pictures(ds, usable_pictures(ds)),
        compositions=tuple(tally.compositions()),
        spreads=tuple(tally.spreads()),
        ledger=tuple(sorted(counts.reasons.items(), key=lambda kv: (-kv[1], kv[0]))),
        layers=tuple(report_facts.layers(ds)),
        models=tuple(report_facts.models(ds)),
        splits=tuple(_splits(ds)),
        minors=tally.minors,
        age_unknown=tally.age_unknown,
        people=tally.groups(labels.IDENTITY_ID),
        duplicates=tally.groups(labels.DUPLICATE_GROUP, least=2),
        sensitive=tuple(c for c in present if c.sensitive),
    )


class Tally:
    """Counts over the faces, one part after another.

    Args:
        present: Columns that are there.
    """

    def __init__(self, present: Sequence[Column]) -> None:
        spoken = [c for c in present if c.kind is Kind.LABEL and c.taxonomy and c.group not in BOOKKEEPING]
        self._labels = sorted(spoken, key=lambda c: DEMOGRAPHIC.index(c) if c in DEMOGRAPHIC else len(DEMOGRAPHIC))
        self._numbers = [c for c in MEASURED if c in present]
        self._ids = [c for c in (labels.IDENTITY_ID, labels.DUPLICATE_GROUP) if c in present]
        self._ages = [c for c in AGES if c in present]
        self._beside = {c: s for c in self._labels if (s := scores_beside(c)) in present and s is not None}
        self._counts: dict[Column, Counter[str]] = {c: Counter() for c in self._labels}
        self._abstained: Counter[Column] = Counter()
        self._values: dict[Column, list[NDArray[np.float64]]] = {c: [] for c in self._numbers}
        self._members: dict[Column, Counter[str]] = {c: Counter() for c in self._ids}
        self.faces = self.minors = self.age_unknown = 0
        wanted = [faces.FACE_ID, *self._labels, *self._beside.values(), *self._numbers, *self._ids, *self._ages]
        self.wanted = list(dict.fromkeys(wanted))

    def add(self, table: pa.Table) -> None:
        """Count a part."""
        self.faces += table.num_rows
        for column in self._labels:
            values = table.column(column.name)
            self._counts[column].update(_tally(values))
            if column in self._beside:
                beside = table.column(self._beside[column].name)
                self._abstained[column] += _count(pc.and_(pc.is_null(values), pc.is_valid(beside)))
        for column in self._numbers:
            numbers = table.column(column.name).drop_null().to_numpy().astype(np.float64)
            self._values[column].append(numbers[np.isfinite(numbers)])
        for column in self._ids:
            self._members[column].update(_tally(table.column(column.name)))
        self.minors += int(minors(table).sum())
        unknown = np.ones(table.num_rows, dtype=bool)
        for column in self._ages:
            unknown &= np.asarray(pc.is_null(table.column(column.name)).to_numpy(), dtype=bool)
        self.age_unknown += int(unknown.sum())

    def compositions(self) -> Iterator[Composition]:
        """Every label column that has at least one label."""
        for column, found in self._counts.items():
            labelled = sum(found.values())
            known = taxonomy(column.taxonomy).labels
            order = [*known, *sorted(set(found) - set(known))]
            if labelled:
                shares = tuple(
                    Share(label, found[label], found[label] / labelled, *wilson(found[label] / labelled, labelled))
                    for label in order
                )
                abstained = self._abstained[column]
                yield Composition(column, shares, labelled, abstained, self.faces - labelled - abstained)

    def spreads(self) -> Iterator[Spread]:
        """Quantiles of the numbers."""
        for column, parts in self._values.items():
            numbers = np.concatenate(parts) if parts else np.empty(0)
            if len(numbers):
                low, median, high = (float(v) for v in np.quantile(numbers, (0.05, 0.5, 0.95)))
                yield Spread(column, len(numbers), low, median, high)

    def groups(self, column: Column, least: int = 1) -> Groups | None:
        """Groups of at least so many faces of a column of ids, or None where it is not there."""
        if column not in self._members:
            return None
        sizes = [n for n in self._members[column].values() if n >= least]
        return Groups(len(sizes), sum(sizes), max(sizes, default=0))


def _tally(values: pa.ChunkedArray) -> dict[str, int]:
    return {str(v["values"]): int(v["counts"]) for v in pc.value_counts(values.drop_null()).to_pylist()}


def _count(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)


def usable_pictures(ds: Dataset) -> pa.Table:
    """Rows of the pictures that could be used, as `pictures` needs them."""
    wanted = [
        images.IMAGE_ID, images.STATUS, images.LICENCE, images.CONSENT, images.FORMAT, images.HAS_GPS,
        images.ORIENTATION, images.IS_SYNTHETIC, images.PARENT, images.GENERATOR, images.VIDEO_ID,
    ]  # fmt: skip
    table = ds.images(wanted)
    return table.filter(pc.equal(table.column(images.STATUS.name), ImageStatus.OK.value))


def pictures(ds: Dataset, table: pa.Table) -> Pictures:
    """Facts of some pictures' rows."""
    synthetic = pc.fill_null(table.column(images.IS_SYNTHETIC.name), False)
    generated = table.filter(synthetic)
    return Pictures(
        licences=_texts(table.column(images.LICENCE.name), ds.info.licence),
        consents=_texts(table.column(images.CONSENT.name), ds.info.consent),
        formats=_texts(table.column(images.FORMAT.name), ""),
        gps=_count(table.column(images.HAS_GPS.name)),
        turned=_count(pc.greater(table.column(images.ORIENTATION.name), 1)),
        synthetic=generated.num_rows,
        with_parent=generated.num_rows - generated.column(images.PARENT.name).null_count,
        generators=_texts(generated.column(images.GENERATOR.name), ""),
        frames=table.num_rows - table.column(images.VIDEO_ID.name).null_count,
    )


def _texts(values: pa.ChunkedArray, default: str) -> dict[str, int]:
    """Text -> pictures, the most frequent first; what the dataset says holds where a picture says nothing."""
    found: Counter[str] = Counter()
    for pair in pc.value_counts(values).to_pylist():
        found[str(pair["values"] or default)] += int(pair["counts"])
    return dict(sorted(found.items(), key=lambda kv: (-kv[1], kv[0])))


def _splits(ds: Dataset) -> Iterator[SplitFacts]:
    for path in sorted((ds.path / SPLITS).glob("[!._]*.json")):
        problems = tuple(verify_split(ds, path.stem))
        certificate: dict[str, Any] = read_json(path)
        parts = certificate["facts"].get("parts", {})
        counted = tuple((name, int(of.get("faces", 0))) for name, of in parts.items())
        yield SplitFacts(path.stem, counted, tuple(certificate["settings"].get("disjoint", ())), problems)
