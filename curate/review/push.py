"""Tasks for reviewers: each picture once on the server, however often a push is stopped and begun again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curate import __version__
from curate.identity.progress import follow
from curate.review import ledger as ledgers
from curate.review.controls import PICTURE
from curate.review.ledger import Ledger
from curate.review.media import Below, Lost, Media, media
from curate.review.server import DATASET, ID, ReviewError, Server, checked, connected
from curate.review.shown import Gallery, Picture, chosen
from curate.review.spec import Spec, config
from curate.review.task import prediction
from curate.store import Dataset
from schemas import UsageError
from schemas.columns import images

CHUNK = 100
"""Tasks of one import: small enough that a stop loses little, large enough that the server is not the brake."""
SETTLE = 30
"""Seconds that a chunk which was on its way gets to arrive."""
PAUSE = 1.0


@dataclass(frozen=True)
class PushOptions:
    """Choices of a push.

    Attributes:
        name: Of the review.
        url: Of the server; None takes that of the review.
        spec: What is asked for; None takes that of the review, or the usual questions.
        where: SQL condition on the faces.
        ids: Only these pictures, in this order (a queue); None takes all that meet the condition.
        media: See `curate.review.media.media`; None takes that of the review.
        blind: Share of pictures that are shown without a prediction.
        overlap: Annotations wanted per task.
        seed: Decides which pictures are blind.
        gold: Image id -> layer that holds the right answers.
        minors: Also pictures that may show minors.
        dry_run: Count only.
        quiet: No progress bar.
    """

    name: str
    url: str | None = None
    spec: Spec | None = None
    where: str | None = None
    ids: tuple[str, ...] | None = None
    media: Mapping[str, str] | None = None
    blind: float = 0.0
    overlap: int = 1
    seed: int = 0
    gold: Mapping[str, str] = field(default_factory=dict)
    minors: bool = False
    dry_run: bool = False
    quiet: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.blind <= 1:
            raise UsageError(f"a blind share of {self.blind}", "it must lie between 0 and 1")
        if not 1 <= self.overlap <= 100:
            raise UsageError(f"an overlap of {self.overlap}", "it must lie between 1 and 100 reviewers")


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        project: Number of the project; 0 if none was made yet.
        url: Its page.
        wanted: Pictures that were to be there.
        there: That were there before.
        sent: That were sent now; in a dry run, that would be.
        blind: Of all wanted, those without a prediction.
        faces: Faces in those that were sent.
        copied: Files that were copied for the server.
        removed: Tasks that had arrived twice and were taken back.
        lost: Name and reason of pictures that cannot be had.
    """

    project: int
    url: str
    wanted: int
    there: int
    sent: int
    blind: int
    faces: int
    copied: int = 0
    removed: int = 0
    lost: tuple[tuple[str, str], ...] = ()


def push(ds: Dataset, options: PushOptions, server: Server | None = None) -> Pushed:
    """Send pictures with their faces to a project, or go on with it.

    Args:
        ds: The dataset.
        options: See `PushOptions`.
        server: A server that is open already; by default one is opened at the review's address.

    Raises:
        UsageError: if the choices contradict each other or an earlier push.
        ReviewError: if the server does not answer or refuses; what has arrived stays, the same call goes on.
    """
    book = _book(ds, options)
    source = ds.at_revision(book.revision)
    wanted = list(options.ids) if options.ids is not None else chosen(source, options.where, options.minors)
    wanted = list(dict.fromkeys([*wanted, *book.gold]))
    blind = sum(book.is_blind(i) for i in wanted)
    if options.dry_run and not book.project:
        return Pushed(0, "", len(wanted), 0, len(wanted), blind, _count(source, book, wanted))
    with media(book.media) as ways, connected(book.url, server) as there:
        return _push(ds, source, book, wanted, options, ways, there)


def _push(
    ds: Dataset, source: Dataset, book: Ledger, wanted: Sequence[str], options: PushOptions, ways: Media, server: Server
) -> Pushed:
    if not options.dry_run:
        book = _project(ds, book, server)
    known = _arrived(server, book)
    new = [i for i in wanted if i not in known]
    blind = sum(book.is_blind(i) for i in wanted)
    page = f"{book.url}/projects/{book.project}"
    if options.dry_run:
        counted = _count(source, book, new)
        return Pushed(book.project, page, len(wanted), len(wanted) - len(new), len(new), blind, counted)
    late, gallery = book.sending, Gallery(source, book.spec, book.layers)
    lost: list[tuple[str, str]] = []
    sent = faces = 0
    chunks = [new[i : i + CHUNK] for i in range(0, len(new), CHUNK)]
    for chunk in follow(chunks, len(chunks), "sending", options.quiet):
        tasks = list(_tasks(gallery, book, chunk, ways, lost))
        if book.media.get("kind") == "local" and isinstance(ways, Below):
            server.local_storages(book.project, [str(ways.root / name) for name in ways.used])
        book = book.with_(ds, sending=True)
        sent += server.add(book.project, tasks)
        book = book.with_(ds, sending=False)
        faces += sum(
            len({r["id"] for r in p["result"] if "parentID" not in r}) for t in tasks for p in t["predictions"]
        )
    removed = _once(server, book) if late else 0
    there = len(wanted) - len(new)
    if late:
        book.with_(ds, sending=False)
    return Pushed(book.project, page, len(wanted), there, sent, blind, faces, ways.written, removed, tuple(lost))


def _book(ds: Dataset, options: PushOptions) -> Ledger:
    """The review's ledger: as it stands, or a new one.

    Raises:
        UsageError: if a new one lacks something, or the call contradicts the one that is there.
    """
    if ledgers.path_of(ds, options.name).is_file():
        book = ledgers.load(ds, options.name)
        _refuse_changes(book, options)
        return book
    if not options.url:
        raise UsageError(f"the review '{options.name}' is new", "it has no server yet", "Add --url https://...")
    ways = dict(options.media or {"kind": "embedded"}) | {"folder": f"{ds.path.resolve().name}-{options.name}"}
    with media(ways):
        pass
    names = tuple(i.name for i in ds.layers())
    book = Ledger(
        options.name, checked(options.url), options.spec or Spec(), ledgers.note_for(ds), revision=ds.info.revision,
        layers=names, blind=options.blind, overlap=options.overlap, seed=options.seed, gold=dict(options.gold),
        media=ways, minors=options.minors,
    )  # fmt: skip
    return book if options.dry_run else book.save(ds)


def _refuse_changes(book: Ledger, options: PushOptions) -> None:
    given = {"url": options.url and options.url.rstrip("/"), "spec": options.spec}
    for what, value in given.items():
        if value and value != getattr(book, what):
            why = "tasks of one project share server and questions"
            raise UsageError(f"the review '{book.name}' has another {what}", why, "Give the new one another name")
    if options.media and {**options.media, "folder": ""} != {**book.media, "folder": ""}:
        raise UsageError(f"the review '{book.name}' finds pictures in another way", fix="Give the new one another name")


def _project(ds: Dataset, book: Ledger, server: Server) -> Ledger:
    if book.project:
        return book
    found = server.find_project(book.note)  # made just before a stop
    title = f"{ds.info.name or ds.path.resolve().name}: {book.name}"[:50]
    number = found or server.create_project(title, config(book.spec), book.note, book.overlap)
    return book.with_(ds, project=number)


def _arrived(server: Server, book: Ledger) -> set[str]:
    """Pictures that the server has; a chunk on its way is waited for."""
    known = {t.image_id for t in server.tasks(book.project)}
    end = time.monotonic() + (SETTLE if book.sending else 0)
    while time.monotonic() < end:
        time.sleep(PAUSE)
        now = {t.image_id for t in server.tasks(book.project)}
        if now == known:
            break
        known = now
    return known


def _once(server: Server, book: Ledger) -> int:
    """Take back tasks that arrived twice: the later ones, unless somebody has worked on them."""
    worked_first = sorted(server.tasks(book.project, whole=True), key=lambda t: (not t.annotations, t.number))
    own = [t for t in worked_first if t.image_id]
    first = {t.image_id: t.number for t in reversed(own)}
    twice = [t.number for t in own if first[t.image_id] != t.number and not t.annotations]
    server.remove(twice)
    return len(twice)


def _tasks(
    gallery: Gallery, book: Ledger, chunk: Sequence[str], ways: Media, lost: list[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    for picture in gallery.pictures(chunk):
        try:
            address = ways.address(picture.row)
        except Lost as error:
            lost.append((str(picture.row[images.NAME.name]), str(error)))
            continue
        yield _task(gallery.ds.info.name, book, picture, address)


def _task(name: str, book: Ledger, picture: Picture, address: str) -> dict[str, Any]:
    data = {PICTURE: address, ID: picture.image_id, DATASET: name}
    if book.is_blind(picture.image_id) or picture.image_id in book.gold:
        return {"data": data, "predictions": []}
    made = prediction(book.spec, picture.faces, *picture.size, f"facecurate {__version__}")
    return {"data": data, "predictions": [made]}


def _count(source: Dataset, book: Ledger, wanted: Sequence[str]) -> int:
    return sum(len(p.faces) for p in Gallery(source, book.spec, book.layers).pictures(wanted))


__all__ = ["PushOptions", "Pushed", "ReviewError", "push"]
