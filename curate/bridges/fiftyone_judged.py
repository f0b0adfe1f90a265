"""People's labels against the models' in FiftyOne: its evaluation per label, and its mistakenness per face."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.bridges import fiftyone_fields as fields
from curate.export import fiftyone_documents as documents
from curate.scores import scores_beside
from curate.store import Dataset
from curate.store.view import FaceView
from schemas import REGISTRY, Column, Kind
from schemas.columns import faces, images

PERSON, MODEL = "person_", "model_"
"""Prefixes of the sample fields that hold one label of each face that a person spoke of; the first, of evaluations."""
SAME = 0.9
"""Overlap (IoU) of a face with itself, less rounding."""


@dataclass(frozen=True)
class Judged:
    """A face's label by a person and by models.

    Attributes:
        face: Its id.
        image: Its picture.
        box: Relative to the picture.
        person: What the person said.
        model: What the models said.
        scores: The models' probabilities, if there are any.
    """

    face: str
    image: str
    box: list[float]
    person: str
    model: str
    scores: Mapping[str, float] | None


def judge(ds: Dataset, dataset: Any) -> dict[str, float]:
    """Evaluate models by people's labels, as runs `person_LABEL` of the FiftyOne dataset.

    Args:
        ds: The dataset.
        dataset: The FiftyOne dataset made from it.

    Returns:
        Face id -> mistakenness: the largest of its labels that people gave and models have probabilities for.
    """
    mistaken: dict[str, float] = {}
    for column in _told(ds):
        found = list(_judged(ds, column))
        if not found:
            continue
        _evaluate(dataset, column, found)
        for one in found:
            if one.scores:
                value = mistakenness(one.person, one.model, one.scores)
                mistaken[one.face] = max(value, mistaken.get(one.face, 0.0))
    return mistaken


def mistakenness(label: str, predicted: str, scores: Mapping[str, float]) -> float:
    """How strongly a model speaks against a label: 1 is a sure contradiction, 0 sure agreement.

    (1 + exp(-H)) / 2 where the label differs from the prediction, else (1 - exp(-H)) / 2, H being the entropy of the
    probabilities in nats: the formula of `fiftyone.brain.compute_mistakenness`.
    """
    total = sum(v for v in scores.values() if v)
    entropy = -sum(v / total * math.log(v / total) for v in scores.values() if v)
    return (1 + (1 if label != predicted else -1) * math.exp(-entropy)) / 2


def _layers(ds: Dataset, human: bool) -> list[str]:
    return [info.name for info in ds.layers() if (info.kind == "human") == human]


def _told(ds: Dataset) -> list[Column]:
    """Label columns that both people and models speak of."""
    people, models = (
        {n for i in ds.layers() if (i.kind == "human") == human for n in i.columns} for human in (True, False)
    )
    return [c for c in REGISTRY.values() if c.kind is Kind.LABEL and c.taxonomy and c.name in people & models]


def _judged(ds: Dataset, column: Column) -> Iterator[Judged]:
    beside = scores_beside(column)
    people, models = FaceView(ds, _layers(ds, True)), FaceView(ds, _layers(ds, False))
    scores = [beside] if beside and beside.name in models.columns() else []
    place = [faces.FACE_ID, faces.IMAGE_ID, images.WIDTH, images.HEIGHT, *faces.BOX]
    told = zip(people.stream([*place, column]), models.stream([faces.FACE_ID, column, *scores]), strict=True)
    for person, model in told:
        for one, other in zip(person.to_pylist(), model.to_pylist(), strict=True):
            if one[column.name] and other[column.name]:
                box = fields.relative_box(one, one[images.WIDTH.name], one[images.HEIGHT.name])
                yield Judged(
                    one[faces.FACE_ID.name],
                    one[faces.IMAGE_ID.name],
                    box,
                    one[column.name],
                    other[column.name],
                    other[beside.name] if beside and scores else None,
                )


def _evaluate(dataset: Any, column: Column, found: Sequence[Judged]) -> None:
    """Write both labels as boxes of their own, and let FiftyOne compare them."""
    from pymongo import UpdateMany, UpdateOne

    fo = fields.library()
    names = PERSON + column.name, MODEL + column.name
    for name in names:
        dataset.add_sample_field(
            name, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections, description=column.doc
        )
    by_image: dict[str, list[Judged]] = {}
    for one in found:
        by_image.setdefault(one.image, []).append(one)
    form = documents.database_form()
    changes: list[Any] = [UpdateMany({}, {"$unset": dict.fromkeys(names, "")})]
    for image, own in by_image.items():
        person = [documents.detection(j.face, j.face, j.box, {"label": j.person}, form) for j in own]
        model = [documents.detection(j.face, j.face, j.box, _predicted(j), form) for j in own]
        values = {name: documents.detections(value) for name, value in zip(names, (person, model), strict=True)}
        changes.append(UpdateOne({images.IMAGE_ID.name: image}, {"$set": values}))
    dataset._bulk_write(changes, ids=None)
    view = dataset.exists(names[0])
    view.evaluate_detections(names[1], gt_field=names[0], eval_key=names[0], classwise=False, iou=SAME, progress=False)


def _predicted(one: Judged) -> dict[str, Any]:
    sure = (one.scores or {}).get(one.model)
    return {"label": one.model} | ({} if sure is None else {"confidence": sure})
