"""Semiotic variables of a dataset's pictures, and which pictures are alike by them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.identity.progress import follow
from curate.ingest import load
from curate.ingest.reader import SourceReader
from curate.measures.base import DATASET, Config, Given, Input, Measure, Result
from curate.measures.semiotics import COLUMNS, LEVELS, VARIABLES, WEIGHTS, likeness, of_faces, plastic
from curate.store import Dataset
from curate.store.parts import replacing
from curate.store.view import FaceView
from schemas import Column, ImageStatus, UsageError
from schemas.columns import faces, images
from schemas.columns import sources as src

FILE = "fresco.parquet"
UNREAD = "the picture cannot be read any more"


@dataclass(frozen=True)
class FrescoConfig(Config):
    """What is compared, and how.

    Attributes:
        query: Name of a picture whose likest are ranked; none if empty.
        top: Pictures that are ranked.
        plastic: Weight of lines and colours.
        figurative: Weight of figures.
        enunciation: Weight of the point of view.
    """

    query: str = ""
    top: int = 10
    plastic: float = WEIGHTS["plastic"]
    figurative: float = WEIGHTS["figurative"]
    enunciation: float = WEIGHTS["enunciation"]

    def __post_init__(self) -> None:
        if min(self.weights.values()) < 0 or sum(self.weights.values()) <= 0 or self.top < 1:
            raise UsageError("settings of fresco", "weights are 0 or more and not all 0; top is 1 or more")

    @property
    def weights(self) -> dict[str, float]:
        """Level -> weight."""
        return {level: getattr(self, level) for level in LEVELS}


@dataclass(frozen=True)
class Picture:
    """Variables of a picture: values, and reasons for those that are None."""

    name: str
    values: dict[str, Any]
    reasons: dict[str, str]


class Fresco(Measure):
    """A variable that cannot be measured is null with its reason, never a guess. No picture is shown or copied."""

    name = "fresco"
    doc = "Semiotic variables (lines and colours, figures, point of view) of every picture, and the likest to one."
    source = "For a semiotic AI (FRESCO), 2024: three levels and a score over them; the variables are ours"
    inputs = (Input("dataset", DATASET, "a dataset; its labels fill the figurative and enunciation levels"),)
    config_type = FrescoConfig
    config: FrescoConfig

    def measure(self, given: Given) -> Result:
        """How far variables are filled and why not; the ranking; with --files all variables."""
        dataset = given.datasets["dataset"]
        found = list(pictures(dataset, given.quiet))
        if not found:
            raise UsageError(f"{dataset.path} has no usable pictures")
        if self.config.query and self.config.query not in {p.name for p in found}:
            raise UsageError(
                f"there is no picture {self.config.query} in {dataset.path}", fix="Name one as it was found"
            )
        tables = {"variables": [_filled(v.name, v.level, v.doc, found) for v in VARIABLES]}
        if self.config.query:
            tables["likest"] = self._ranked(found)
        files = (_written(given.out, found),) if given.out is not None else ()
        return Result({"pictures": len(found), "weights": self.config.weights}, tables, (), files)

    def _ranked(self, found: list[Picture]) -> list[dict[str, Any]]:
        asked = next(p for p in found if p.name == self.config.query)
        others = [(likeness(asked.values, p.values, self.config.weights), p) for p in found if p is not asked]
        ranked = sorted(others, key=lambda pair: (-pair[0].score, pair[1].name))[: self.config.top]
        return [
            {"picture": p.name, "score": alike.score, **{level: alike.levels.get(level) for level in LEVELS}}
            for alike, p in ranked
        ]


def pictures(dataset: Dataset, quiet: bool = True) -> Iterator[Picture]:
    """Variables of every usable picture, in the order of the dataset."""
    view = FaceView(dataset)
    here = set(view.columns())
    wanted: list[Column] = [faces.IMAGE_ID, *faces.BOX, *(c for c in COLUMNS if c.name in here)]
    by_image: dict[str, list[dict[Column, Any]]] = {}
    for table in view.stream(wanted):
        for row in table.to_pylist():
            by_image.setdefault(row[faces.IMAGE_ID.name], []).append({c: row[c.name] for c in wanted})
    about = [images.IMAGE_ID, images.NAME, images.WIDTH, images.HEIGHT, images.URI, images.MEMBER, images.STATUS]
    rows = [r for r in dataset.images(about).to_pylist() if r[images.STATUS.name] == ImageStatus.OK.value]
    with SourceReader() as reader:
        for row in follow(rows, len(rows), "pictures", quiet):
            shown = by_image.get(row[images.IMAGE_ID.name], [])
            yield _picture(row, shown, here, reader)


def _picture(row: dict[str, Any], shown: list[dict[Column, Any]], here: set[str], reader: SourceReader) -> Picture:
    source = {src.URI.name: row[images.URI.name], src.MEMBER.name: row[images.MEMBER.name]}
    pixels = load(source, reader=reader).pixels
    low = {v.name: (None, UNREAD) for v in VARIABLES if v.level == "plastic"} if pixels is None else plastic(pixels)
    told = {**low, **of_faces(shown, row[images.WIDTH.name], row[images.HEIGHT.name], here)}
    values = {name: value for name, (value, _) in told.items()}
    return Picture(row[images.NAME.name], values, {name: why for name, (value, why) in told.items() if value is None})


def _filled(name: str, level: str, doc: str, found: list[Picture]) -> dict[str, Any]:
    reasons = sorted({p.reasons[name] for p in found if name in p.reasons})
    filled = sum(p.values[name] is not None for p in found)
    return {"variable": name, "level": level, "filled": filled, "of": len(found), "else because": "; ".join(reasons),
            "what": doc}  # fmt: skip


def _written(out: Path, found: list[Picture]) -> Path:
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {images.NAME.name: [p.name for p in found]}
    for v in VARIABLES:
        columns[v.name] = [p.values[v.name] for p in found]
        columns[f"{v.name}_missing"] = pa.array([p.reasons.get(v.name) for p in found], pa.string())
    with replacing(out / FILE) as file:
        pq.write_table(pa.table(columns), file)
    return out / FILE
