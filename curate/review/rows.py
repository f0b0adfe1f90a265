"""What reviewers said, sorted into rows of their layers: faces that were known, and faces that they drew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from curate.review.annotation import Annotation
from curate.review.controls import ABSTAINED
from curate.review.ledger import Ledger
from curate.review.overlap import pairs
from curate.review.reading import Word
from curate.review.shown import Gallery, Picture
from curate.review.spec import BOX, Spec
from curate.review.task import Box, Seen
from curate.store import Dataset
from schemas import REGISTRY, Kind
from schemas.columns import faces, labels

Row = dict[str, Any]
ABSTAIN = "_abstained"
TOOL = "label-studio"


class Sheet:
    """Rows by reviewer.

    Args:
        source: The dataset at the reviewed revision.
        book: The review.

    Attributes:
        counts: What happened to how many faces.
        annotations: Reviewer -> annotations.
    """

    def __init__(self, source: Dataset, book: Ledger) -> None:
        self.counts: Counter[str] = Counter()
        self.annotations: Counter[str] = Counter()
        self._book = book
        self._now = Gallery(source, Spec((), comments=False), [i.name for i in source.layers()])
        self._said: dict[str, dict[str, dict[str, Row]]] = {}
        self._added: dict[str, dict[str, Row]] = {}
        self._drawn: dict[str, dict[str, tuple[str, Box]]] = {}
        self._pictures: dict[str, str] = {}
        self._boxes: dict[str, dict[str, Box]] = {}
        self._layers: dict[str, str] = {}

    def skip(self, reviewer: str, picture: Picture, annotation: Annotation) -> None:
        """A picture that a reviewer skipped."""
        self.annotations[reviewer] += 1
        self.counts["skipped"] += len(picture.faces)
        about = self._about(picture, annotation, None)
        for face in picture.faces:
            self._say(reviewer, picture.places[face.face_id], face.face_id, {**about, labels.REVIEW_SKIPPED.name: True})

    def note(self, reviewer: str, picture: Picture, annotation: Annotation, word: Word, blind: bool) -> None:
        """What a reviewer said of a picture."""
        self.annotations[reviewer] += 1
        self.counts["comments"] += len(word.comments)
        about = self._about(picture, annotation, word) | {labels.REVIEW_BLIND.name: blind}
        shown = {f.face_id: f for f in picture.faces}
        drawn = {f.face_id: f for f in word.faces if f.face_id in word.drawn}
        same = self._same(reviewer, picture, drawn, {} if not blind else {i: f.box for i, f in shown.items()})
        for face in word.faces:
            if face.face_id not in drawn:
                self._known(reviewer, picture, face, word.changed.get(face.face_id, ()), about)
            elif face.face_id in same:
                self._matched(reviewer, picture, face, same[face.face_id], about)
            else:
                self._new(reviewer, picture, face, about)
        for face_id in word.deleted:
            self.counts["deleted"] += 1
            row = {**about, labels.REVIEW_REJECTED.name: True, labels.REVIEW_CHANGED.name: [BOX]}
            self._say(reviewer, picture.places[face_id], face_id, row)
        if blind:
            self._seen_alone(reviewer, picture, shown.keys() - {known for _, known in same.values()}, about)

    def _seen_alone(self, reviewer: str, picture: Picture, left: Set[str], about: Row) -> None:
        """Known faces that a reviewer who was not shown them did not draw: a visit, and no word on them."""
        for face_id in sorted(left):
            self.counts["not drawn"] += 1
            self._say(reviewer, picture.places[face_id], face_id, dict(about))

    def reviewers(self) -> list[str]:
        """Reviewers who said anything."""
        return sorted(self._said.keys() | self._added.keys())

    def said(self, reviewer: str) -> dict[str, dict[str, Row]]:
        """Faces part -> face id -> values, those of faces that the reviewer drew among them."""
        parts: dict[str, dict[str, Row]] = {}
        for part, rows in self._said.get(reviewer, {}).items():
            parts.setdefault(self._layers.get(part, part), {}).update(rows)
        if reviewer in self._added:
            parts.setdefault(self.layer(reviewer), {}).update(self._added[reviewer])
        return parts

    def added(self, reviewer: str) -> dict[str, Row]:
        """Face id -> values of the faces that this reviewer was the first to draw."""
        return self._added.get(reviewer, {})

    def pictures(self, reviewer: str) -> dict[str, str]:
        """Image ids of those faces."""
        return {face_id: self._pictures[face_id] for face_id in self.added(reviewer)}

    def name(self, reviewer: str, layer: str) -> None:
        """Call the reviewer's layer so; faces that they drew stand in a part of that name."""
        self._layers[_part_of(reviewer)] = layer

    def layer(self, reviewer: str) -> str:
        """Name of the reviewer's layer."""
        return self._layers[_part_of(reviewer)]

    def reviewed(self) -> Mapping[str, Mapping[str, Box]]:
        """Image id -> face id -> box as it was left."""
        return self._boxes

    def _about(self, picture: Picture, annotation: Annotation, word: Word | None) -> Row:
        source = f"{TOOL}:{annotation.project}:{annotation.task}:{annotation.number}"
        return {
            labels.REVIEW_AT.name: annotation.updated,
            labels.REVIEW_SECONDS.name: annotation.seconds,
            labels.REVIEW_SOURCE.name: source,
            labels.REVIEW_SKIPPED.name: word is None,
            labels.REVIEW_COMMENTS.name: "\n".join(word.comments) or None if word else None,
        }

    def _same(
        self, reviewer: str, picture: Picture, drawn: Mapping[str, Seen], hidden: Mapping[str, Box]
    ) -> dict[str, tuple[str, str]]:
        """Drawn faces that are known after all -> (part, face id): hidden ones, or ones that somebody drew before."""
        if not drawn:
            return {}
        known = {i: (picture.places[i], box) for i, box in hidden.items()}
        for now in self._now.pictures([picture.image_id]):
            others = {f.face_id: (now.places[f.face_id], f.box) for f in now.faces if f.face_id not in picture.places}
            known = {**known, **others}
        known |= self._drawn.get(picture.image_id, {})
        found = pairs({i: f.box for i, f in drawn.items()}, {i: box for i, (_, box) in known.items()})
        return {i: (known[j][0], j) for i, j in found.items()}

    def _known(
        self, reviewer: str, picture: Picture, face: Seen, changed: tuple[str, ...], about: Row
    ) -> None:  # fmt: skip
        self.counts["changed" if changed else "confirmed"] += 1
        row = {**about, **self._values(face), labels.REVIEW_CHANGED.name: list(changed)}
        row |= _box(face.box) if BOX in changed else {}
        self._boxes.setdefault(picture.image_id, {})[face.face_id] = face.box
        self._say(reviewer, picture.places[face.face_id], face.face_id, {**row, labels.REVIEW_REJECTED.name: False})

    def _matched(self, reviewer: str, picture: Picture, face: Seen, place: tuple[str, str], about: Row) -> None:
        """A drawn face that is a known one: its box is the reviewer's own."""
        self.counts["matched"] += 1
        row = {**about, **self._values(face), **_box(face.box), labels.REVIEW_REJECTED.name: False}
        self._boxes.setdefault(picture.image_id, {})[place[1]] = face.box
        self._say(reviewer, *place, row)

    def _new(self, reviewer: str, picture: Picture, face: Seen, about: Row) -> None:
        self.counts["drawn"] += 1
        face_id = f"{picture.image_id}.{self._number(picture)}"
        row = {**about, **self._values(face), **_box(face.box), labels.REVIEW_REJECTED.name: False}
        self._added.setdefault(reviewer, {})[face_id] = row
        self._pictures[face_id] = picture.image_id
        self._drawn.setdefault(picture.image_id, {})[face_id] = (_part_of(reviewer), face.box)
        self._boxes.setdefault(picture.image_id, {})[face_id] = face.box

    def _number(self, picture: Picture) -> int:
        """Number of the next face of a picture."""
        here = [f.face_id for now in self._now.pictures([picture.image_id]) for f in now.faces]
        taken = [*here, *picture.places, *self._drawn.get(picture.image_id, {})]
        return 1 + max((int(i.rpartition(".")[2]) for i in taken), default=-1)

    def _say(self, reviewer: str, part: str, face_id: str, row: Row) -> None:
        self._said.setdefault(reviewer, {}).setdefault(part, {})[face_id] = row

    def _values(self, face: Seen) -> Row:
        found: Row = {}
        for name, value in face.values.items():
            flag = REGISTRY.get(f"{name}{ABSTAIN}")
            if value is ABSTAINED:
                found |= {flag.name: True} if flag is not None else {}
                continue
            found[name] = _stored(name, value)
            found |= {flag.name: False} if flag is not None else {}
        return found


def _part_of(reviewer: str) -> str:
    """Stands for the part of a reviewer's layer until that has a name; no part can be called so."""
    return f"\0{reviewer}"


def _box(box: Box) -> Row:
    return {c.name: float(v) for c, v in zip(faces.BOX, box, strict=True)}


def _stored(name: str, value: Any) -> Any:
    if REGISTRY[name].kind is not Kind.POINTS:
        return value
    return [None if np.isnan(v) else float(v) for v in np.asarray(value, np.float64).ravel()]
