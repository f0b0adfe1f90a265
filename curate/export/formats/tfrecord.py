"""TFRecord: framed `tf.train.Example` records with checksums, written without TensorFlow."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from annotators.base import Config
from annotators.extras import require_libraries
from curate.export.base import Exporter, Part, Plan
from curate.export.encode import suffix_of
from curate.export.features import BYTES, FLOAT, INT, Feature, description, features_of, value_of
from curate.export.plain import sample_facts
from curate.export.sample import FaceItem, Sample
from curate.export.splits import shown
from curate.store.parts import replacing, write_json
from schemas import REGISTRY, Column, DatasetError
from schemas.columns import faces, images

ENCODED, FORM, FILE, HEIGHT, WIDTH = (f"image/{n}" for n in ("encoded", "format", "filename", "height", "width"))
KEY, NUMBER, BOX, FACTS = "key", "number", "box", "facts"
FRAME = {
    ENCODED: (BYTES, []), FORM: (BYTES, []), FILE: (BYTES, []), HEIGHT: (INT, []), WIDTH: (INT, []),
    KEY: (BYTES, []), NUMBER: (INT, []), images.SPLIT.name: (BYTES, []), faces.FACE_ID.name: (BYTES, []),
    BOX: (FLOAT, [4]), FACTS: (BYTES, []),
}  # fmt: skip
"""Features of every record beside the labels: their kind and shape."""
DESCRIPTION = "features.json"
MASK = 0xA282EAD8
LISTS = {BYTES: "bytes_list", FLOAT: "float_list", INT: "int64_list"}


class TfRecord(Exporter):
    """`SPLIT-00000-of-00003.tfrecord`, a record per face, and `features.json`, which says how to parse them.

    Names follow the Object Detection API: `image/encoded`, `image/format`, `image/filename`, `image/height` and
    `image/width`; `box` is left, top, width, height in pixels. A label column is a feature of its own name; what is
    not known is left out. Points and vectors are flat lists of numbers in the shape that `features.json` tells, scores
    one number per name there with NaN for what is not known, lists and `facts` JSON text.
    """

    name = "tfrecord"
    doc = "TFRecord shards of tf.train.Example: the encoded picture and a typed feature per label."
    opened_by = "tf.data.TFRecordDataset, or tfrecord.tfrecord_loader without TensorFlow"
    extra = "export"

    @classmethod
    def preflight(cls, config: Config) -> None:
        """The package brings the record's message type and the checksum in C."""
        require_libraries(cls.extra, "tfrecord", "crc32c")

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Nothing: every kind of column has a feature."""
        return {}

    def begin(self, folder: Path, plan: Plan) -> None:
        """Number of parts and names of splits are part of file names."""
        self._plan = plan

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """One file."""
        split = shown(part.split, self._plan.splits)
        path = folder / f"{split}-{part.number:05d}-of-{self._plan.parts[part.split]:05d}.tfrecord"
        with replacing(path) as file:
            for sample in samples:
                file.writelines(_framed(_example(_features(sample, part.columns))))
        yield path

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """The description of the features."""
        frame = {name: {"kind": kind, "shape": shape} for name, (kind, shape) in FRAME.items()}
        write_json(folder / DESCRIPTION, frame | {c.name: description(c) for c in plan.columns})
        yield folder / DESCRIPTION

    def read(self, folder: Path) -> Iterator[Sample]:
        """Record by record; a wrong checksum is an error."""
        told = json.loads((folder / DESCRIPTION).read_text("utf-8"))
        columns = [REGISTRY[name] for name in told if name not in FRAME]
        for path in sorted(folder.glob("*.tfrecord")):
            for record in records(path):
                yield _sample(_parsed(record), columns)


def records(path: Path) -> Iterator[bytes]:
    """Records of a TFRecord file.

    Raises:
        DatasetError: if it is cut short or a checksum is wrong.
    """
    with path.open("rb") as file:
        while head := file.read(12):
            length = struct.unpack_from("<Q", head)[0] if len(head) == 12 else -1
            if length < 0 or head[8:] != checksum(head[:8]):
                raise _damaged(path)
            body = file.read(length + 4)
            if len(body) != length + 4 or body[length:] != checksum(body[:length]):
                raise _damaged(path)
            yield body[:length]


def _damaged(path: Path) -> DatasetError:
    return DatasetError(f"{path} is damaged", "a record is cut short or its checksum is wrong", "Export it again")


def checksum(data: bytes) -> bytes:
    """CRC32C, turned and masked as TFRecord stores it."""
    import crc32c

    crc = crc32c.crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + MASK) & 0xFFFFFFFF)


def _framed(record: bytes) -> tuple[bytes, ...]:
    head = struct.pack("<Q", len(record))
    return head, checksum(head), record, checksum(record)


def _features(sample: Sample, columns: Sequence[Column]) -> dict[str, Feature]:
    face = sample.faces[0]
    found: dict[str, Feature] = {
        ENCODED: (BYTES, [sample.data]), FORM: (BYTES, [_form(sample.suffix)]), FILE: (BYTES, [sample.file.encode()]),
        HEIGHT: (INT, [sample.height]), WIDTH: (INT, [sample.width]), KEY: (BYTES, [sample.key.encode()]),
        NUMBER: (INT, [sample.number]), images.SPLIT.name: (BYTES, [sample.split.encode()]),
        faces.FACE_ID.name: (BYTES, [face.face_id.encode()]),
        FACTS: (BYTES, [json.dumps(sample_facts(sample), ensure_ascii=False).encode()]),
    }  # fmt: skip
    if face.box is not None:
        found[BOX] = (FLOAT, list(face.box))
    for column in columns:
        found.update(features_of(column, face.labels.get(column.name)))
    return found


def _form(suffix: str) -> bytes:
    return b"jpeg" if suffix == ".jpg" else suffix[1:].encode()


def _example(features: Mapping[str, Feature]) -> bytes:
    """A serialised `tf.train.Example`, features by name so that the same give the same bytes."""
    from tfrecord import example_pb2

    example = example_pb2.Example()
    into = example.features.feature
    for name, (kind, values) in features.items():
        getattr(into[name], LISTS[kind]).value.extend(values)
    return bytes(example.SerializeToString(deterministic=True))


def _parsed(record: bytes) -> dict[str, Feature]:
    from tfrecord import example_pb2

    example = example_pb2.Example.FromString(record)
    found: dict[str, Feature] = {}
    for name, feature in example.features.feature.items():
        kind = next(k for k, field in LISTS.items() if feature.HasField(field))
        found[name] = (kind, list(getattr(feature, LISTS[kind]).value))
    return found


def _sample(found: Mapping[str, Feature], columns: Sequence[Column]) -> Sample:
    def one(name: str) -> Any:
        return found[name][1][0]

    data = one(ENCODED)
    box = tuple(found[BOX][1]) if BOX in found else None
    values = {c.name: value_of(c, found) for c in columns}
    face = FaceItem(one(faces.FACE_ID.name).decode(), box, values)
    return Sample(
        one(KEY).decode(), one(NUMBER), one(images.SPLIT.name).decode(), data, suffix_of(data), one(WIDTH),
        one(HEIGHT), (face,), json.loads(one(FACTS)),
    )  # fmt: skip
