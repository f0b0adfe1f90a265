"""Whether a picture shows what was promised of it, by annotators that the generator did not look at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from curate.generate.crowd import Crowd
from curate.generate.looking import Seen
from curate.generators.promise import SAME_PERSON, Change, Identity, Move, Promise, same_person
from schemas.columns import labels

NO_FACE = "no face found"


@dataclass(frozen=True)
class Origin:
    """What a generated picture is held against.

    Attributes:
        face: Id of the subject, empty where there is none.
        seen: What the same verifiers say of the subject's portrait; None where there is none.
        partner: Id of the second face, empty where there is none.
        partner_seen: What they say of its portrait.
    """

    face: str = ""
    seen: Seen | None = None
    partner: str = ""
    partner_seen: Seen | None = None


@dataclass(frozen=True)
class Verdict:
    """What verifiers found.

    Attributes:
        kept: All that could be judged is held; None where nothing could be.
        broken: What is not held, with who says so.
        unchecked: What nobody could judge.
        held: What is held.
        own: Cosine with the subject.
        partner: Cosine with the second face.
        nearest: Highest cosine with anyone else photographed here.
    """

    kept: bool | None
    broken: tuple[str, ...]
    unchecked: tuple[str, ...]
    held: tuple[str, ...]
    own: float | None = None
    partner: float | None = None
    nearest: float | None = None


def promise_name(change: Change) -> str:
    """A change in words, such as `au_intensity.AU12 up`."""
    goal = f" {change.label}" if change.move is Move.BECOMES else ""
    return f"{change.name} {change.move.value}{goal}"


def judge(promise: Promise, after: Seen | None, origin: Origin, crowd: Crowd, conditioners: Collection[str]) -> Verdict:
    """Hold a picture against its promise.

    A change is held where all verifiers that can tell see it.

    Args:
        promise: The promise.
        after: What verifiers say of the picture; None where they find no face.
        origin: What it was made from.
        crowd: The photographed faces of the dataset.
        conditioners: Annotators that cannot verify it.
    """
    own, partner, nearest = _cosines(after, origin, crowd)
    results: list[tuple[str, bool | None]] = []
    if promise.identity is not Identity.OPEN:
        mine = own
        if promise.identity in (Identity.HIDDEN, Identity.NEW):
            mine = _most_like_origin(after, origin, crowd, own)
        results.append(_identity(promise.identity, after, mine, partner, nearest, crowd.limit))
    for change in promise.changes:
        results += _change(change, after, origin.seen, conditioners)
    broken = tuple(name for name, held in results if held is False)
    unchecked = tuple(name for name, held in results if held is None)
    held = tuple(name for name, held in results if held)
    kept = False if broken else True if held else None
    return Verdict(kept, broken, unchecked, held, own, partner, nearest)


def _cosines(after: Seen | None, origin: Origin, crowd: Crowd) -> tuple[float | None, float | None, float | None]:
    if after is None or after.embedding is None:
        return None, None, None
    own = None if origin.seen is None else same_person(after.embedding, origin.seen.embedding)
    partner = None if origin.partner_seen is None else same_person(after.embedding, origin.partner_seen.embedding)
    found = crowd.nearest(after.embedding, origin.face)
    return own, partner, None if found is None else found[0]


def _most_like_origin(after: Seen | None, origin: Origin, crowd: Crowd, own: float | None) -> float | None:
    """The highest cosine with any face of the subject's person: who is hidden must not be found by another photo."""
    if after is None or after.embedding is None or not origin.face:
        return own
    kin = crowd.most_alike_of(after.embedding, origin.face)
    return own if kin is None else max(kin, -1.0 if own is None else own)


def _identity(
    promised: Identity,
    after: Seen | None,
    own: float | None,
    partner: float | None,
    nearest: float | None,
    limit: float,
) -> tuple[str, bool | None]:
    """The promise about the person and whether it is held; the name carries the cosine that decides."""
    name = f"identity {promised.value}"
    if after is None:
        return (name, True) if promised is Identity.HIDDEN else (f"{name}: {NO_FACE}", False)
    if promised is Identity.KEPT:
        return _compared(name, own, own is not None and own >= SAME_PERSON)
    if promised is Identity.PARTNER:
        return _compared(name, partner, partner is not None and partner >= SAME_PERSON)
    alike = max((c for c in (own, partner if promised is Identity.NEW else None) if c is not None), default=None)
    if alike is not None and alike >= SAME_PERSON:
        return _compared(name, alike, False)
    if nearest is not None and nearest >= limit:
        return f"{name}: cosine {nearest:.2f} with another person", False
    known = alike if alike is not None else nearest
    return _compared(name, known, True)


def _compared(name: str, cosine: float | None, held: bool) -> tuple[str, bool | None]:
    if cosine is None:
        return name, None
    return (name, True) if held else (f"{name}: cosine {cosine:.2f}", False)


def _change(
    change: Change, after: Seen | None, before: Seen | None, conditioners: Collection[str]
) -> list[tuple[str, bool | None]]:
    name = promise_name(change)
    if after is None:
        return [(name, None)]
    said = after.by(change.column, conditioners)
    earlier: dict[str, Any] = {} if before is None else dict(before.said)
    answers = {who: change.held(earlier.get(who, {}), values) for who, values in said.items()}
    told = {who: held for who, held in answers.items() if held is not None}
    if not told:
        return [(name, None)]
    against = sorted(who for who, held in told.items() if not held)
    return [(f"{name}: not seen by {', '.join(against)}", False)] if against else [(name, True)]


def quality_of(seen: Seen) -> float | None:
    """The quality score of a face."""
    value = seen.value(labels.QUALITY_SCORE)
    return None if value is None else float(value)
