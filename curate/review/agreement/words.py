"""What each reviewer last said of each face, read from the layers that came home."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.review import ledger as ledgers
from curate.review.controls import ABSTAINED
from curate.review.ledger import Ledger
from curate.review.rows import ABSTAIN
from curate.review.spec import Spec
from curate.review.task import Box
from curate.store import Dataset, LayerInfo
from schemas import REGISTRY, Column, DatasetError, Status, UnknownNameError, UsageError
from schemas.columns import faces, labels

CONSENSUS = "consensus"
"""Annotator of the layers that this package writes; they are nobody's own word."""
REVIEW = "review"
QUESTIONS = "questions"


@dataclass(frozen=True)
class Word:
    """One reviewer's word on one face.

    Attributes:
        values: Column -> value, or `ABSTAINED`; absent where there is no answer.
        box: Left, top, width, height in pixels, if the reviewer moved or drew it.
        rejected: The reviewer deleted the face.
        blind: The picture was shown alone; None if that is not known.
        asked: Names of the columns that were asked for.
    """

    values: Mapping[str, Any]
    box: Box | None
    rejected: bool
    blind: bool | None
    asked: frozenset[str]


@dataclass(frozen=True)
class Visit:
    """One reviewer's last work on one picture.

    Attributes:
        rater: Place of the reviewer.
        image_id: The picture.
        at: When it was saved, ISO 8601.
        seconds: Lead time; None if it is not known.
        blind: The picture was shown alone; None if that is not known.
        skipped: The reviewer skipped it.
        comments: What they noted.
    """

    rater: int
    image_id: str
    at: str
    seconds: float | None
    blind: bool | None
    skipped: bool
    comments: str


@dataclass(frozen=True)
class Words:
    """All words of some reviews.

    Attributes:
        ds: The dataset at the revision that was reviewed.
        reviews: Their names.
        books: Their ledgers, where the dataset has them.
        raters: Reviewers, sorted.
        faces: Ids of the faces that anyone spoke of, by picture.
        pictures: The picture of each face.
        parts: The faces part that each stands in.
        said: Of each face: place of a reviewer -> word.
        visits: One for every reviewer and picture.
        asked: Columns -> fields (empty where a column has none) that were asked for.
        layers: Layers that were read.
    """

    ds: Dataset
    reviews: tuple[str, ...]
    books: tuple[Ledger, ...]
    raters: tuple[str, ...]
    faces: tuple[str, ...]
    pictures: tuple[str, ...]
    parts: tuple[str, ...]
    said: tuple[Mapping[int, Word], ...]
    visits: tuple[Visit, ...]
    asked: Mapping[Column, tuple[str, ...]]
    layers: tuple[LayerInfo, ...]

    @property
    def gold(self) -> dict[str, str]:
        """Pictures whose right answers are known: image id -> layer that holds them."""
        return {image: layer for book in self.books for image, layer in book.gold.items()}

    @property
    def shown_by(self) -> tuple[str, ...] | None:
        """Layers that spoke when the reviews began; None if no ledger says so."""
        names = dict.fromkeys(name for book in self.books for name in book.layers)
        return tuple(names) if self.books else None

    def saw(self) -> dict[str, set[int]]:
        """Picture -> reviewers who worked on it and did not skip it."""
        found: dict[str, set[int]] = {}
        for visit in self.visits:
            if not visit.skipped:
                found.setdefault(visit.image_id, set()).add(visit.rater)
        return found


def read_words(ds: Dataset, names: Sequence[str] | None = None) -> Words:
    """Read the layers of some reviews.

    Of several words of a reviewer on a picture in one review the last stands, with all its faces; a column that only
    an earlier review asked for keeps that answer.

    Args:
        ds: The dataset.
        names: Of the reviews; None takes all.

    Raises:
        UnknownNameError: for a review that neither a ledger nor a layer knows.
        UsageError: if there is no review, nothing came home, or the reviews are of different detections.
    """
    known = _known(ds)
    for name in names or ():
        if name not in known:
            raise UnknownNameError("review", name, sorted(known))
    wanted = tuple(dict.fromkeys(names)) if names else tuple(sorted(known))
    if not wanted:
        raise UsageError(f"{ds.path} has no review", fix="Begin one with: facecurate review push")
    books = tuple(ledgers.load(ds, n) for n in wanted if ledgers.path_of(ds, n).is_file())
    revisions = {book.revision for book in books} or {ds.info.revision}
    if len(revisions) > 1:
        why = "their faces are not the same"
        raise UsageError(f"the reviews {', '.join(wanted)} are of different detections", why, "Name one with --name")
    source = ds.at_revision(revisions.pop())
    layers = [i for i in source.layers() if i.config.get(REVIEW) in wanted and is_word(i)]
    if not layers:
        fix = "Take the work home first: facecurate review pull"
        raise UsageError(f"no word of {', '.join(wanted)} has come home", fix=fix)
    found = _Reader(source, wanted, books, layers).words()
    if not found.faces:
        raise UsageError(
            f"nobody said anything of a face in {', '.join(wanted)}", f"{len(found.visits):,} visits, all skipped"
        )
    return found


def is_word(info: LayerInfo) -> bool:
    """Whether a layer is a person's own word."""
    return info.kind == "human" and info.annotator != CONSENSUS


def _known(ds: Dataset) -> set[str]:
    named = {str(i.config[REVIEW]) for i in ds.layers() if is_word(i) and i.config.get(REVIEW)}
    return named | set(ledgers.names(ds))


@dataclass(frozen=True)
class _Row:
    """One row of a layer, with where and when it was said."""

    face: str
    image: str
    part: str
    at: str
    review: str
    values: Mapping[str, Any]
    asked: frozenset[str]


class _Reader:
    """Sorts the rows of all layers by reviewer and face."""

    def __init__(
        self, ds: Dataset, reviews: tuple[str, ...], books: tuple[Ledger, ...], layers: Sequence[LayerInfo]
    ) -> None:
        self._ds, self._reviews, self._books, self._layers = ds, reviews, books, tuple(layers)
        self._raters = tuple(sorted({_author(i) for i in layers}))
        self._rows: dict[int, list[_Row]] = {}
        for info in self._layers:
            self._rows.setdefault(self._raters.index(_author(info)), []).extend(self._of_layer(info))

    def words(self) -> Words:
        """Everything, put together."""
        said: dict[str, dict[int, Word]] = {}
        where: dict[str, tuple[str, str]] = {}
        visits: list[Visit] = []
        for rater, rows in self._rows.items():
            last = _last(rows)
            visits += _visits(rater, last)
            by_face: dict[str, list[_Row]] = {}
            for row in last:
                by_face.setdefault(row.face, []).append(row)
                where[row.face] = (row.image, row.part)
            for face, own in by_face.items():
                told = [r for r in own if not _is_visit(r)]
                if not all(r.values.get(labels.REVIEW_SKIPPED.name) for r in told):
                    said.setdefault(face, {})[rater] = _word(told)
        order = sorted(said, key=lambda f: (where[f][0], _number(f), f))
        visits.sort(key=lambda v: (v.image_id, v.rater))
        return Words(
            self._ds, self._reviews, self._books, self._raters, tuple(order),
            tuple(where[f][0] for f in order), tuple(where[f][1] for f in order), tuple(said[f] for f in order),
            tuple(visits), self._asked(), self._layers,
        )  # fmt: skip

    def _asked(self) -> dict[Column, tuple[str, ...]]:
        found: dict[Column, dict[str, None]] = {}
        for info in self._layers:
            for column, fields in _questions(info).items():
                found.setdefault(column, {}).update(dict.fromkeys(fields))
        return {column: tuple(fields) for column, fields in found.items()}

    def _of_layer(self, info: LayerInfo) -> Iterator[_Row]:
        asked = frozenset(c.name for c in _questions(info))
        table = f"labels/{info.name}"
        for key in self._ds.keys(table):
            own = self._ds.read(table, key)
            beside = self._ds.read("faces", key, [faces.IMAGE_ID.name])
            own = own.append_column(faces.IMAGE_ID.name, beside.column(0))
            keep = [s == Status.OK.value for s in own.column(labels.STATUS.name).to_pylist()]
            for row in own.filter(keep).to_pylist():
                at = row.get(labels.REVIEW_AT.name) or info.created
                face, image = row[faces.FACE_ID.name], row[faces.IMAGE_ID.name]
                yield _Row(face, image, key, at, str(info.config[REVIEW]), row, asked)


def _author(info: LayerInfo) -> str:
    return info.author or info.name


def _number(face: str) -> int:
    tail = face.rpartition(".")[2]
    return int(tail) if tail.isdigit() else 0


def _questions(info: LayerInfo) -> dict[Column, tuple[str, ...]]:
    """What a layer's review asked for; its own label columns where it does not say."""
    given = info.config.get(QUESTIONS)
    if given:
        try:
            spec = Spec.from_dict(given)
        except (KeyError, TypeError, AttributeError) as error:
            raise DatasetError(f"the questions of layer '{info.name}' are not understood", str(error)) from error
        return {c: tuple((spec.fields or {}).get(c.name, ())) for c in spec.columns}
    own = {c.name for c in faces.FACES.values()}
    names = [n for n in info.columns if n in REGISTRY and n not in own and not n.endswith(ABSTAIN)]
    return {REGISTRY[n]: () for n in names if not n.startswith(f"{REVIEW}_")}


def _last(rows: Sequence[_Row]) -> list[_Row]:
    """A reviewer's rows, newest first, without those that a later word on the picture in the same review replaced."""
    newest: dict[tuple[str, str], str] = {}
    for row in rows:
        key = (row.review, row.image)
        newest[key] = max(newest.get(key, ""), row.at)
    kept = [r for r in rows if r.at == newest[r.review, r.image]]
    return sorted(kept, key=lambda r: r.at, reverse=True)


def _visits(rater: int, rows: Iterable[_Row]) -> list[Visit]:
    """One visit per picture, the newest: rows come newest first."""
    found: dict[str, Visit] = {}
    for row in rows:
        if row.image not in found:
            v = row.values
            found[row.image] = Visit(
                rater, row.image, row.at, v.get(labels.REVIEW_SECONDS.name), v.get(labels.REVIEW_BLIND.name),
                bool(v.get(labels.REVIEW_SKIPPED.name)), v.get(labels.REVIEW_COMMENTS.name) or "",
            )  # fmt: skip
    return list(found.values())


def _is_visit(row: _Row) -> bool:
    """Whether a row tells only that the picture was seen: the face was not shown, and the reviewer did not draw it."""
    alone = row.values.get(labels.REVIEW_BLIND.name) and not row.values.get(labels.REVIEW_SKIPPED.name)
    return bool(alone) and row.values.get(labels.REVIEW_REJECTED.name) is None and _box(row.values) is None


def _word(rows: Sequence[_Row]) -> Word:
    """A reviewer's word from their rows of a face, newest first: each column as it was last asked for."""
    rows = [r for r in rows if not r.values.get(labels.REVIEW_SKIPPED.name)]
    values: dict[str, Any] = {}
    heard: set[str] = set()
    for row in rows:
        for name in row.asked - heard:
            heard.add(name)
            flag = row.values.get(f"{name}{ABSTAIN}")
            value = ABSTAINED if flag is True else row.values.get(name)
            if value is not None:
                values[name] = value
    first = rows[0].values
    return Word(
        values, next((b for r in rows if (b := _box(r.values)) is not None), None),
        bool(first.get(labels.REVIEW_REJECTED.name)), first.get(labels.REVIEW_BLIND.name), frozenset(heard),
    )  # fmt: skip


def _box(row: Mapping[str, Any]) -> Box | None:
    x, y, w, h = (row.get(c.name) for c in faces.BOX)
    return None if x is None or y is None or w is None or h is None else (float(x), float(y), float(w), float(h))
