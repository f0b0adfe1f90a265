"""Holds one row against the rules: splits, minors, copies, pictures, lineage, identities, and the kind's bounds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annotators.identity import SAME_PERSON
from curate.pairs.base import ANY, CHILD, DIFFERENT, NEVER, PARTNER, SAME, Bound, PairKind, Relation, Row
from curate.pairs.differences import difference
from curate.pairs.pool import UNKNOWN, Pool
from schemas import SchemaError
from schemas.columns import labels

NEAR = 6
"""Most differing bits of the 64-bit hash at which two pictures count as near-duplicates."""
TWICE = "a face is in it twice"
SPLITS = "its faces are in different splits"
MINOR = "a face may be a minor's"
UNREAD = "the hash of a picture is unknown"
COPY, HASH = "near-duplicates by the layer of duplicates", "near-duplicates by perceptual hash"
ONE_PICTURE, TWO_PICTURES = "its faces lie in one picture", "its faces lie in different pictures"
RELATED, NO_CHILD, NO_PARTNER = (
    "one is made from the other's photograph", "the second is not made from the first",
    "the first is not the second's partner",
)  # fmt: skip
UNNAMED, STRANGERS = "an identity is unknown", "its faces are of different people"
ONE_PERSON, ALIKE = "its faces are of one person", "its faces pass for one person by their embeddings"


@dataclass(frozen=True)
class Verdict:
    """What the rules say of a row.

    Attributes:
        reason: Why it is refused; empty if it stands.
        value: The number that decided, where there is one.
    """

    reason: str = ""
    value: float | None = None

    def __bool__(self) -> bool:
        return not self.reason


STANDS = Verdict()


@dataclass(frozen=True)
class Rules:
    """The rules of a kind.

    Attributes:
        kind: Declares them.
        relations: Pair of roles -> what must hold between their faces.
    """

    kind: PairKind
    relations: Mapping[tuple[str, str], Relation] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[tuple[str, str], Relation] = {}
        for relation in self.kind.relations:
            if found.setdefault((relation.first, relation.second), relation) is not relation:
                raise SchemaError(f"{self.kind.name} has two relations of {relation.first} and {relation.second}")
        object.__setattr__(self, "relations", found)

    def judge(self, pool: Pool, row: Row) -> Verdict:
        """The first rule that a row breaks."""
        return next((v for v in self._verdicts(pool, row) if not v), STANDS)

    def _verdicts(self, pool: Pool, row: Row) -> Iterator[Verdict]:
        yield self._roles(row)
        faces = np.array([face for _, face in row.every], np.int64)
        if len(np.unique(faces)) < len(faces):
            yield Verdict(TWICE)
        if len(np.unique(pool.split[faces])) > 1:
            yield Verdict(SPLITS)
        if (self.kind.adults or pool.synthetic[faces].any()) and pool.minor[faces].any():
            yield Verdict(MINOR)
        for relation, a, b in self.between(row):
            yield from _related(pool, relation, a, b)
        for bound in self.kind.bounds:
            yield self._bounded(pool, bound, row)
        yield Verdict(self.kind.refuses(pool, row))

    def _roles(self, row: Row) -> Verdict:
        for role in self.kind.roles:
            count = len(row.faces.get(role.name, ()))
            if not role.optional and not count:
                return Verdict(f"it has no {role.name}")
            if not role.many and count > 1:
                return Verdict(f"it has several faces as {role.name}")
        alien = set(row.faces) - {r.name for r in self.kind.roles}
        return Verdict(f"{sorted(alien)[0]} is none of its roles") if alien else STANDS

    def between(self, row: Row) -> Iterator[tuple[Relation, int, int]]:
        """Every pair of faces of a row with the relation that must hold between them, in the relation's order."""
        for (role, a), (other, b) in itertools.combinations(row.every, 2):
            if (other, role) in self.relations and (role, other) not in self.relations:
                yield self.relations[other, role], b, a
            else:
                yield self.relations.get((role, other), Relation(role, other)), a, b

    def _bounded(self, pool: Pool, bound: Bound, row: Row) -> Verdict:
        least, most = bound.limits(self.kind.config)
        for value in values(pool, bound, row):
            if np.isnan(value):
                if not bound.unknown:
                    return Verdict(f"{bound.name} is unknown")
            elif not least <= value <= most:
                limit, word = (least, "below") if value < least else (most, "above")
                return Verdict(f"{bound.name} {word} {limit:g}", float(value))
        return STANDS


def values(pool: Pool, bound: Bound, row: Row) -> list[float]:
    """The differences that a bound is about, in the order of the faces."""
    first, second = row.faces.get(bound.first, ()), row.faces.get(bound.second, ())
    pairs = list(itertools.combinations(first, 2) if bound.first == bound.second else itertools.product(first, second))
    if not pairs:
        return []
    a, b = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
    return [float(v) for v in difference(bound.difference).between(pool, a, b)]


def hash_distance(pool: Pool, a: int, b: int) -> int:
    """Differing bits of two pictures' hashes, either of them as it is or mirrored, whichever is nearest."""
    plain = pool.hashes[a, 0] ^ pool.hashes[b]
    return int(np.bitwise_count(np.append(plain, pool.hashes[a, 1] ^ pool.hashes[b, 0])).min())


def on_purpose(pool: Pool, relation: Relation, a: int, b: int) -> bool:
    """Whether two faces may be alike because one is made from the other, as the relation asks or allows."""
    return relation.kin in (CHILD, PARTNER) or (relation.kin == ANY and related(pool, a, b))


def related(pool: Pool, a: int, b: int) -> bool:
    """Whether a photograph went into both pictures, at least one of which is generated."""
    return bool(pool.synthetic[a] or pool.synthetic[b]) and not pool.roots[a].isdisjoint(pool.roots[b])


def _related(pool: Pool, relation: Relation, a: int, b: int) -> Iterator[Verdict]:
    yield _kin(pool, relation, a, b)
    one = bool(pool.picture[a] == pool.picture[b])
    if relation.picture == DIFFERENT and one:
        yield Verdict(ONE_PICTURE)
    if relation.picture == SAME and not one:
        yield Verdict(TWO_PICTURES)
    if not on_purpose(pool, relation, a, b):
        yield _copies(pool, a, b, one)
    yield _identity(pool, relation, a, b)


def _kin(pool: Pool, relation: Relation, a: int, b: int) -> Verdict:
    if relation.kin == NEVER and related(pool, a, b):
        return Verdict(RELATED)
    if relation.kin == CHILD and pool.parent[b] != a:
        return Verdict(NO_CHILD)
    if relation.kin == PARTNER and pool.partner[b] != a:
        return Verdict(NO_PARTNER)
    return STANDS


def copied(pool: Pool, a: int, b: int) -> bool:
    """Whether two faces would be refused as copies, as of one picture, or as made of one photograph."""
    one = bool(pool.picture[a] == pool.picture[b])
    return one or related(pool, a, b) or not _copies(pool, a, b, one_picture=False)


def _copies(pool: Pool, a: int, b: int, one_picture: bool) -> Verdict:
    if pool.copies[a] == pool.copies[b] != UNKNOWN:
        return Verdict(COPY)
    if one_picture:
        return STANDS
    if not (pool.hashed[a] and pool.hashed[b]):
        return Verdict(UNREAD)
    distance = hash_distance(pool, a, b)
    return Verdict(HASH, float(distance)) if distance <= NEAR else STANDS


def _identity(pool: Pool, relation: Relation, a: int, b: int) -> Verdict:
    if relation.identity == ANY:
        return STANDS
    first, second = int(pool.identity[a]), int(pool.identity[b])
    if UNKNOWN in (first, second):
        return Verdict(UNNAMED)
    if relation.identity == SAME:
        return STANDS if first == second else Verdict(STRANGERS)
    if first == second:
        return Verdict(ONE_PERSON)
    if not pool.has(labels.EMBEDDING):
        return STANDS
    cosine = float(difference("cosine").between(pool, np.array([a]), np.array([b]))[0])
    return Verdict(ALIKE, cosine) if cosine >= SAME_PERSON else STANDS


def figures(pool: Pool, rules: Rules, row: Row) -> dict[str, Any]:
    """What is stored of a row's rules: least hash distance, and the value of every bound; lists for lists of faces."""
    kind = rules.kind
    told = [hash_distance(pool, a, b) for relation, a, b in rules.between(row)
            if pool.picture[a] != pool.picture[b] and pool.hashed[a] and pool.hashed[b]
            and not on_purpose(pool, relation, a, b)]  # fmt: skip
    found: dict[str, Any] = {"hash_distance": min(told, default=None)}
    many = {r.name for r in kind.roles if r.many}
    for bound in kind.bounds:
        got = [None if np.isnan(v) else v for v in values(pool, bound, row)]
        found[bound.name] = got if {bound.first, bound.second} & many else next(iter(got), None)
    return found
