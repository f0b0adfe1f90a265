"""What every annotator and detector must keep to, whoever wrote it; found by scanning, run on real pictures."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from annotators.base import Annotator, Config, Detections, FaceBatch
from annotators.registry import annotator, annotator_names, detector, detector_names
from annotators.weights import ModelStore
from schemas import Column, ModelError, Status, UsageError, check, labels_of
from schemas.columns import faces, labels
from tests.tiny_adapters import SETTINGS

Pictures = Mapping[str, NDArray[np.uint8]]
STATUSES = {s.value for s in Status}


def in_order() -> tuple[str, ...]:
    """Names such that each annotator comes after those whose columns it reads."""
    waiting = {name: annotator(name) for name in annotator_names()}
    done: set[Column] = {*faces.FACES.values()}
    order: list[str] = []
    while waiting:
        ready = [n for n, cls in waiting.items() if all(c in done for c in cls.needs())]
        assert ready, f"no annotator provides what these need: {sorted(waiting)}"
        for name in ready:
            done.update(waiting.pop(name).provides)
            order.append(name)
    return tuple(order)


ORDER = in_order()


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    """The astronaut (NASA, public domain) without the surroundings."""
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:256, 96:352])


@pytest.fixture(scope="session")
def pictures(portrait: NDArray[np.uint8]) -> Pictures:
    """Plain, cut by the border, tiny, grey, upside down, and one without any face."""
    return {
        "plain": portrait,
        "border": np.ascontiguousarray(portrait[:, 118:]),
        "tiny": np.asarray(cv2.resize(portrait, (28, 28), interpolation=cv2.INTER_AREA), np.uint8),
        "grey": np.repeat(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2),
        "turned": np.ascontiguousarray(portrait[::-1, ::-1]),
        "empty": np.full((120, 160, 3), 128, np.uint8),
    }


def table_of(found: Mapping[str, Detections]) -> pa.Table:
    """The faces table of these detections."""
    rows = [
        {
            faces.FACE_ID.name: f"{image}.{number}",
            faces.IMAGE_ID.name: image,
            **{c.name: float(v) for c, v in zip(faces.BOX, each.boxes[number], strict=True)},
            faces.POINTS_5.name: each.points[number].reshape(-1).tolist(),
            faces.SCORE.name: float(each.scores[number]),
            faces.ORIGIN.name: "model",
        }
        for image, each in found.items()
        for number in range(len(each))
    ]
    return pa.Table.from_pylist(rows, schema=faces.FACES.schema)


@pytest.fixture(scope="session")
def detected(models: ModelStore, pictures: Pictures) -> pa.Table:
    """What YuNet finds in the pictures, and a face box on the picture that has none."""
    finder = detector("yunet")()
    finder.setup(models)
    found = {name: finder.detect(picture) for name, picture in pictures.items()}
    assert all(len(found[name]) >= 1 for name in pictures if name != "empty")
    assert len(found["empty"]) == 0
    points = np.array([[[60, 50], [90, 50], [75, 70], [62, 85], [88, 85]]], np.float32)
    found["empty"] = Detections(np.array([[45, 30, 60, 70]], np.float32), points, np.array([0.6], np.float32))
    return table_of(found)


class Bench:
    """Annotators, each set up once and given the columns that others wrote before it, and no more."""

    def __init__(self, models: ModelStore, pictures: Pictures, detected: pa.Table, folder: Path) -> None:
        self._models, self._pictures, self._detected, self._folder = models, pictures, detected, folder
        self._ready: dict[str, tuple[Annotator, FaceBatch, pa.RecordBatch]] = {}

    def __getitem__(self, name: str) -> tuple[Annotator, FaceBatch, pa.RecordBatch]:
        """The annotator, a batch for it, and what it made of the batch."""
        if name not in self._ready:
            labeller = annotator(name)(self._tiny(name))
            try:
                labeller.setup(self._models)
            except (ModelError, UsageError) as error:
                if labeller.default:
                    raise
                pytest.skip(f"needs weights or settings that are not here: {error}")
            columns = dict.fromkeys([faces.FACE_ID, faces.IMAGE_ID, *labeller.needs()])
            batch = FaceBatch(pa.table({c.name: self._column(c) for c in columns}), self._pictures)
            self._ready[name] = (labeller, batch, labeller.annotate(batch))
        return self._ready[name]

    def _tiny(self, name: str) -> Config | None:
        """Settings with weights made here, for those whose own are fetched by name or brought by the user."""
        made = SETTINGS.get(name)
        return annotator(name).config_type(**made(self._folder)) if made else None

    def _column(self, column: Column) -> pa.ChunkedArray:
        if column.name in self._detected.column_names:
            return self._detected.column(column.name)
        return pa.chunked_array([self[PROVIDER[column]][2].column(column.name)])


PROVIDER = {
    column: name
    for name in sorted(ORDER, key=lambda name: annotator(name).default)
    for column in annotator(name).provides
}


@pytest.fixture(scope="session")
def bench(
    models: ModelStore, pictures: Pictures, detected: pa.Table, tmp_path_factory: pytest.TempPathFactory
) -> Bench:
    return Bench(models, pictures, detected, tmp_path_factory.mktemp("weights"))


def slices(batch: FaceBatch, size: int) -> Iterator[FaceBatch]:
    for start in range(0, len(batch), size):
        yield FaceBatch(batch.table.slice(start, size), batch.images)


every = pytest.mark.parametrize("name", ORDER)


@every
def test_rows_follow_the_faces_and_keep_to_the_schema(name: str, bench: Bench) -> None:
    labeller, batch, result = bench[name]
    assert result.schema.equals(labeller.schema())
    assert result.column(faces.FACE_ID.name).to_pylist() == batch.table.column(faces.FACE_ID.name).to_pylist()
    for column in labeller.provides:
        check(column, result.column(column.name), lambda taxonomy: frozenset(labels_of(taxonomy)))


@every
def test_status_tells_absent_failed_and_measured_apart(name: str, bench: Bench) -> None:
    labeller, _, result = bench[name]
    for row in result.to_pylist():
        status, error = row[labels.STATUS.name], row[labels.ERROR.name]
        assert status in STATUSES
        assert status != Status.FAILED, f"{row[faces.FACE_ID.name]}: {error}"
        values = [row[c.name] for c in labeller.provides]
        if status == Status.OK:
            assert error is None
            assert any(v is not None for v in values)
        else:
            assert error
            assert all(v is None for v in values)


@every
def test_a_plain_portrait_is_labelled(name: str, bench: Bench) -> None:
    assert bench[name][2].column(labels.STATUS.name)[0].as_py() == Status.OK


@every
def test_no_faces_give_no_rows(name: str, bench: Bench) -> None:
    labeller, batch, _ = bench[name]
    result = labeller.annotate(FaceBatch(batch.table.slice(0, 0), {}))
    assert result.num_rows == 0
    assert result.schema.equals(labeller.schema())


@every
@pytest.mark.parametrize("size", [1, 3])
def test_the_batch_size_changes_nothing(name: str, size: int, bench: Bench) -> None:
    labeller, batch, whole = bench[name]
    parts = [labeller.annotate(part) for part in slices(batch, size)]
    assert pa.Table.from_batches(parts).combine_chunks().to_batches()[0].equals(whole)


@every
def test_a_second_set_up_gives_the_same_values(name: str, bench: Bench, models: ModelStore) -> None:
    labeller, batch, result = bench[name]
    again = type(labeller)(labeller.config)
    again.setup(models)
    assert again.annotate(FaceBatch(batch.table, batch.images)).equals(result)


@every
def test_settings_can_be_sent_and_stored(name: str) -> None:
    cls = annotator(name)
    config = cls.config_type()
    assert isinstance(config, Config)
    assert pickle.loads(pickle.dumps(config)) == config
    assert cls.config_type(**config.as_dict()).hash == config.hash
    assert pickle.loads(pickle.dumps(cls)) is cls


@every
def test_declarations_are_complete(name: str, models: ModelStore) -> None:
    cls = annotator(name)
    assert cls.doc.endswith(".")
    assert len(set(cls.provides)) == len(cls.provides)
    assert not set(cls.provides) & set(cls.needs()) - set(faces.FACES.values()), "only a face's place may be told anew"
    for weight in cls.weights:
        assert models.entry(weight).licence


def test_no_column_has_two_default_owners() -> None:
    owners: dict[str, str] = {}
    for name in (n for n in ORDER if annotator(n).default):
        for column in annotator(name).provides:
            assert column.name not in owners, f"{column.name}: {owners.get(column.name)} and {name}"
            owners[column.name] = name


@pytest.mark.parametrize("name", detector_names())
class TestDetectors:
    def test_shapes_order_and_repeat(self, name: str, models: ModelStore, portrait: NDArray[np.uint8]) -> None:
        finder = detector(name)()
        finder.setup(models)
        pair = np.hstack([portrait, np.zeros((256, 64, 3), np.uint8), portrait[:, ::-1]])
        found, again = finder.detect(pair), finder.detect(pair.copy())
        assert len(found) == 2
        assert found.boxes.shape == (2, 4)
        assert found.points.shape == (2, 5, 2)
        assert found.boxes.dtype == found.points.dtype == found.scores.dtype == np.float32
        assert (np.diff(found.scores) <= 0).all()
        assert ((found.scores >= 0) & (found.scores <= 1)).all()
        for a, b in ((found.boxes, again.boxes), (found.points, again.points), (found.scores, again.scores)):
            np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (31, 33), (700, 20), (20, 5000)])
    def test_any_size_of_picture(self, name: str, shape: tuple[int, int], models: ModelStore) -> None:
        finder = detector(name)()
        finder.setup(models)
        found = finder.detect(np.full((*shape, 3), 90, np.uint8))
        assert len(found) == 0
        assert found.boxes.shape == (0, 4)
        assert found.points.shape == (0, 5, 2)
