"""Annotations come home: a human layer per reviewer and pull, with only what is new."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from curate.identity.progress import follow
from curate.review import ledger as ledgers
from curate.review.annotation import Annotation, read
from curate.review.ledger import Ledger
from curate.review.newer import Conflict, conflicts
from curate.review.reading import Reading, Refusal
from curate.review.rows import Sheet
from curate.review.server import Server, Task, connected
from curate.review.shown import Gallery, Picture
from curate.store import Dataset, LayerInfo
from curate.store.human import columns_of, write_faces, write_word

PREFIX = "human"
OTHERWISE = "not in this pull"
NOTES = 1000
"""Refusals that a layer remembers."""


@dataclass(frozen=True)
class Pulled:
    """What came home.

    Attributes:
        layers: Layers that were written, one per reviewer.
        annotations: Reviewer -> annotations taken.
        counts: `confirmed`, `changed`, `drawn`, `deleted`, `skipped` faces, `comments`, `unfinished` drafts.
        refused: What could not be taken, with the annotation it stands in.
        strange: Why tasks or annotations were left alone -> how many.
        conflicts: Reviewed faces that a newer detection has no longer, or has elsewhere.
        left: Tasks without an annotation.
    """

    layers: tuple[LayerInfo, ...]
    annotations: Mapping[str, int]
    counts: Mapping[str, int]
    refused: tuple[tuple[int, Refusal], ...] = ()
    strange: Mapping[str, int] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    left: int = 0


def pull(ds: Dataset, name: str, server: Server | None = None, quiet: bool = True) -> Pulled:
    """Take home what is new in a review.

    Args:
        ds: The dataset.
        name: Of the review.
        server: A server that is open already; by default one is opened at the review's address.
        quiet: No progress bar.

    Raises:
        UnknownNameError: if there is no such review.
        ReviewError: if the server does not answer or refuses; what was taken stays.
    """
    book = ledgers.load(ds, name)
    since = max(book.home.values(), default="")
    with connected(book.url, server) as there:
        who = there.users()
        found = list(there.tasks(book.project, since, whole=True))
    with ds.lock():
        return take(ds, book, found, who, quiet)


def take(
    ds: Dataset, book: Ledger, tasks: Sequence[Task], who: Mapping[int, str], quiet: bool = True
) -> Pulled:  # fmt: skip
    """Write the new annotations of some tasks as layers; the dataset is locked.

    Args:
        ds: The dataset.
        book: The review.
        tasks: With their annotations, as the server gave them.
        who: Reviewer's number -> name.
        quiet: No progress bar.
    """
    source = ds.at_revision(book.revision)
    strange: Counter[str] = Counter()
    fresh = {t.number: _fresh(t, book, strange) for t in tasks}
    own = [t for t in tasks if fresh[t.number]]
    gallery = Gallery(source, book.spec, book.layers)
    known = {p.image_id: p for p in gallery.pictures(list(dict.fromkeys(t.image_id for t in own)))}
    sheet = Sheet(source, book)
    refused: list[tuple[int, Refusal]] = []
    for task in follow(own, len(own), "reading", quiet):
        picture = known.get(task.image_id)
        if picture is None:
            strange["a task for a picture that is not in this dataset"] += 1
            continue
        for annotation in fresh[task.number]:
            refused += _read(book, picture, annotation, who, sheet)
    layers = _write(source, book, sheet, refused)
    seen = {str(a.number): a.updated for t in own if t.image_id in known for a in fresh[t.number]}
    book = book.with_(ds, home={**book.home, **seen})
    late = conflicts(ds, book, sheet.reviewed()) if ds.info.revision != book.revision else ()
    left = sum(not t.annotations for t in tasks)
    counts = Counter(sheet.counts) + Counter({"unfinished": sum(t.drafts for t in tasks)})
    return Pulled(tuple(layers), dict(sheet.annotations), dict(counts), tuple(refused), dict(strange), late, left)


def _fresh(task: Task, book: Ledger, strange: Counter[str]) -> list[Annotation]:
    """Annotations of a task that are not home yet, the oldest first."""
    if not task.image_id:
        strange["a task that this review did not send"] += bool(task.annotations)
        return []
    found = []
    for given in task.annotations:
        annotation = read(given, task.number, book.project)
        if isinstance(annotation, str):
            strange[annotation] += 1
        elif book.home.get(str(annotation.number)) != annotation.updated:
            found.append(annotation)
    return sorted(found, key=lambda a: a.updated)


def _read(
    book: Ledger, picture: Picture, annotation: Annotation, who: Mapping[int, str], sheet: Sheet
) -> list[tuple[int, Refusal]]:
    reviewer = who.get(annotation.reviewer, f"user {annotation.reviewer}")
    blind = book.is_blind(picture.image_id) or picture.image_id in book.gold
    if annotation.skipped:
        sheet.skip(reviewer, picture, annotation)
        return []
    word = Reading(book.spec, picture.faces, *picture.size, blind=blind).word(annotation.result)
    sheet.note(reviewer, picture, annotation, word, blind)
    return [(annotation.number, r) for r in word.refused]


def _write(
    source: Dataset, book: Ledger, sheet: Sheet, refused: Iterable[tuple[int, Refusal]]
) -> list[LayerInfo]:  # fmt: skip
    taken = {info.name for info in source.layers()}
    for reviewer in sheet.reviewers():
        name = _name(book.name, reviewer, taken)
        taken.add(name)
        sheet.name(reviewer, name)
        if sheet.added(reviewer):  # all of them before any layer, for reviewers speak of each other's
            write_faces(source, name, sheet.added(reviewer), sheet.pictures(reviewer))
    notes = [{"annotation": a, **vars(r)} for a, r in itertools.islice(refused, NOTES)]
    return [_layer(source, book, sheet, reviewer, notes) for reviewer in sheet.reviewers()]


def _layer(
    source: Dataset, book: Ledger, sheet: Sheet, reviewer: str, notes: Sequence[Mapping[str, object]]
) -> LayerInfo:
    said = sheet.said(reviewer)
    rows = itertools.chain.from_iterable(part.values() for part in said.values())
    info = LayerInfo(
        sheet.layer(reviewer), "human", "label-studio", columns=columns_of(rows), author=reviewer,
        config={"review": book.name, "questions": book.spec.as_dict()},
        extra={"project": book.project, "server": book.url, "refused": list(notes)},
    )  # fmt: skip
    write_word(source, info, said, OTHERWISE)
    return info


def _name(review: str, reviewer: str, taken: set[str]) -> str:
    who = re.sub(r"[^a-z0-9]+", "-", reviewer.partition("@")[0].lower()).strip("-")[:30] or "reviewer"
    stem = f"{PREFIX}-{review}-{who}"
    return next(n for i in itertools.count(1) if (n := f"{stem}-{i}") not in taken)
