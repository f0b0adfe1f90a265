"""Expression training: a folder per class in another data set's order, with companions for each picture."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan, equal
from curate.export.codes import Codes, code_of, first_of, lost_on
from curate.export.encode import decode
from curate.export.local_binary import local_binary_pattern
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named
from curate.export.ties import no_place, ties, write_lines, write_listed
from curate.store.parts import replacing
from schemas import Column, UnknownNameError, labels
from schemas.coding import coding

ORDERS = ("fer2013", "raf-db", "affectnet-8", "expw", "ferplus-8")
CONTEMPT = "contempt"
UNLABELLED = "unlabelled"
LBP, POINTS = "lbp", "points"
CLASSES = "classes.txt"
TOLERANCE = 1e-3
SEVEN = "emotion-7"


@dataclass(frozen=True)
class FerConfig(Config):
    """Settings of the format.

    Attributes:
        order: Whose classes in whose order: `fer2013`, `raf-db`, `affectnet-8`, `expw` or `ferplus-8`.
        contempt: Keep contempt where the order has it; without it AffectNet's eight classes become its seven.
        words: Folders are called `0_Angry` rather than `0`.
        lbp: Write local binary patterns of each grey picture beside it.
        points: Write the 68 points beside each picture, as shares of its sides.
    """

    order: str = "fer2013"
    contempt: bool = True
    words: bool = True
    lbp: bool = False
    points: bool = False


class FerFolders(Exporter):
    """`SPLIT/0_Angry/KEY.jpg` for torchvision's `ImageFolder`, and `classes.txt` with all classes in order.

    Numbers are the data set's own, so folders sort in its order. Faces without an emotion, and those whose emotion has
    no class, lie in `unlabelled/SPLIT/`. `lbp=true` adds `lbp/SPLIT/0_Angry/KEY.png`, the local binary patterns (8
    neighbours, radius 1) of the grey picture; `points=true` adds `points/SPLIT/0_Angry/KEY.npy`, (68, 2) float32
    shares of the crop's sides, where a face has points. A class without a picture has no folder, and `ImageFolder`
    then counts the later ones lower: `classes.txt` tells.
    """

    name = "fer_folders"
    doc = "Folders of expression classes in the order of FER2013, RAF-DB, AffectNet, ExpW or FERPlus, with companions."
    opened_by = "torchvision.datasets.ImageFolder('OUT/train')"
    needs_crop = True
    config_type = FerConfig
    config: FerConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse an order that is none of these."""
        assert isinstance(config, FerConfig)
        if config.order not in ORDERS:
            raise UnknownNameError("order of classes", config.order, ORDERS)

    @property
    def ways(self) -> tuple[Codes, ...]:
        """From the columns of emotions to the classes; contempt has no counterpart where an order lacks it."""
        wide = coding(self.config.order).taxonomy_name == labels.EMOTION8.taxonomy
        if wide:
            return (Codes(labels.EMOTION8, self.config.order), Codes(labels.PERCEIVED_EMOTION, self.config.order))
        return (Codes(labels.PERCEIVED_EMOTION, self.config.order), Codes(labels.EMOTION8, self.config.order, (SEVEN,)))

    @property
    def classes(self) -> dict[int | str, str]:
        """Code -> folder, in order."""
        told = coding(self.config.order)
        wanted = [name for name in told.order if self.config.contempt or name != CONTEMPT]
        codes = {told.encode(name).value: told.spell(name) for name in wanted}
        return {code: f"{code}_{word}" if self.config.words else str(code) for code, word in codes.items()}

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but the emotion, and the 68 points where they are asked for."""
        way = first_of(columns, self.ways)
        held = [*([way.column] if way else []), *([labels.POINTS_68] if self.config.points else [])]
        lost = lost_on(columns, way, f"the order of {self.config.order}")
        if way is not None and not self.config.contempt and way.column is labels.EMOTION8:
            lost[way.column.name] = "faces with contempt are put apart, as asked for"
        return no_place(columns, held, "a folder of classes") | lost

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The points, where they are asked for."""
        return [labels.POINTS_68] if self.config.points else []

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures and what stands beside them."""
        done: list[Path] = []

        def record(sample: Sample, file: str) -> None:
            done.extend(self._companions(folder, sample, file))

        for path in write_listed(folder, part, samples, self._place, record):
            yield path
            yield from done
            done.clear()

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """The classes in order."""
        yield write_lines(folder / CLASSES, (f"{name}\n" for name in self.classes.values()))

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the folders."""
        codes = {name: code for code, name in self.classes.items()}
        for tie in ties(folder):
            code = codes.get(Path(tie.file).parent.name)
            values: dict[str, Any] = {w.column.name: None if code is None else w.from_code(code) for w in self.ways}
            sample = tie.sample(folder, values)
            path = _beside(folder, POINTS, tie.file, ".npy")
            if path.is_file():
                values[labels.POINTS_68.name] = np.load(path) * np.array([sample.width, sample.height], np.float32)
            yield sample

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Points to a thousandth of a pixel, since they are kept as shares."""
        return equal(column, given, found, TOLERANCE if column is labels.POINTS_68 else 0.0)

    def _place(self, sample: Sample) -> str:
        code, split = code_of(sample.faces[0], self.ways), named(sample.split)
        name = None if code is None else self.classes.get(code)
        return f"{UNLABELLED}/{split}/{sample.file}" if name is None else f"{split}/{name}/{sample.file}"

    def _companions(self, folder: Path, sample: Sample, file: str) -> Iterator[Path]:
        if self.config.lbp:
            grey = cv2.cvtColor(decode(sample.data), cv2.COLOR_RGB2GRAY)
            done, data = cv2.imencode(".png", local_binary_pattern(np.asarray(grey, np.uint8)))
            if not done:
                raise RuntimeError("OpenCV was built without PNG")
            yield _write(_beside(folder, LBP, file, ".png"), bytes(data))
        if self.config.points:
            shares = normalised(sample.faces[0], sample)
            if shares is not None:
                data_of = io.BytesIO()
                np.save(data_of, shares)
                yield _write(_beside(folder, POINTS, file, ".npy"), data_of.getvalue())


def normalised(face: FaceItem, sample: Sample) -> NDArray[np.float32] | None:
    """The 68 points as shares of the picture's sides, shape (68, 2); None where there are none."""
    points = face.labels.get(labels.POINTS_68.name)
    return None if points is None else np.asarray(np.asarray(points) / [sample.width, sample.height], np.float32)


def _beside(folder: Path, kind: str, file: str, suffix: str) -> Path:
    return (folder / kind / file).with_suffix(suffix)


def _write(path: Path, data: bytes) -> Path:
    with replacing(path) as file:
        file.write(data)
    return path
