"""Whether reviewers will see every picture, before anyone starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from curate.identity.progress import follow
from curate.review import ledger as ledgers
from curate.review.controls import PICTURE
from curate.review.ledger import Ledger
from curate.review.server import OK, Server, Task, connected
from curate.store import Dataset
from schemas import UsageError

EMBEDDED = "data:image/"


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        user: Whose rights were used.
        tasks: Tasks of the project.
        opened: Pictures that were opened.
        embedded: Pictures that stand in their task.
        unchecked: Addresses of clouds, which the server signs when a page asks for them.
        wrong: Task number, address and reason of pictures that cannot be seen.
        foreign: Tasks that this review did not send.
        twice: Pictures that have more than one task.
    """

    user: str
    tasks: int
    opened: int
    embedded: int
    unchecked: int
    wrong: tuple[tuple[int, str, str], ...]
    foreign: int
    twice: int

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.wrong or self.twice)


def check(ds: Dataset, name: str, server: Server | None = None, quiet: bool = True) -> Checked:
    """Open the picture of every task with the rights of the token's owner.

    Args:
        ds: The dataset.
        name: Of the review.
        server: A server that is open already; by default one is opened at the review's address.
        quiet: No progress bar.

    Raises:
        UsageError: if nothing was pushed yet.
        ReviewError: if the server does not answer or refuses.
    """
    book = ledgers.load(ds, name)
    if not book.project:
        raise UsageError(f"the review '{name}' has no project yet", fix="First: facecurate review push")
    with connected(book.url, server) as there:
        tasks = list(there.tasks(book.project))
        kinds = {"opened": 0, "embedded": 0, "unchecked": 0}
        wrong = tuple(_wrong(there, book, follow(tasks, len(tasks), "opening", quiet), kinds))
        own = [t.image_id for t in tasks if t.image_id]
        return Checked(there.user(), len(tasks), **kinds, wrong=wrong, foreign=len(tasks) - len(own),
                       twice=len(own) - len(set(own)))  # fmt: skip


def _wrong(there: Server, book: Ledger, tasks: Iterator[Task], kinds: dict[str, int]) -> Iterator[tuple[int, str, str]]:
    prefix = book.media.get("prefix", "")
    for task in tasks:
        address = task.data.get(PICTURE)
        if not isinstance(address, str):
            yield task.number, "", "it has no picture"
        elif address.startswith(EMBEDDED):
            kinds["embedded"] += 1
        elif address.startswith("/"):
            kinds["opened"] += 1
            yield from _told(task.number, address, *there.fetch(address))
        elif prefix and address.startswith(prefix):
            kinds["opened"] += 1
            yield from _told(task.number, address, *there.fetch_elsewhere(address))
        elif urlsplit(address).scheme == "https" and book.media.get("kind") != "cloud":
            yield task.number, address[:120], "an address that this review did not send; it was not opened"
        else:
            kinds["unchecked"] += 1


def _told(number: int, address: str, status: int, kind: str) -> Iterator[tuple[int, str, str]]:
    if status != OK:
        yield number, address, f"answer {status}: {_MEANING.get(status, 'the picture is not served')}"
    elif not kind.startswith("image/"):
        yield number, address, f"it is {kind or 'of no kind'}, not a picture"


_MEANING = {
    0: "nothing answers there",
    301: "the server sends elsewhere, which is not followed",
    302: "the server sends elsewhere, which is not followed",
    401: "this user may not see it",
    403: "this user may not see it",
    404: "no such file below the served folder, or no storage of local files for it",
    500: "the server failed",
}
