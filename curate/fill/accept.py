"""Accepting or rejecting one picture; every rejection has a reason."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.fill.goals import Cells
from curate.fill.likeness import UNLIKE, Known, difference
from curate.fill.look import Look
from curate.fill.verifiers import placed
from curate.generate.crowd import Crowd
from curate.generate.judging import Origin, Verdict, judge, quality_of
from curate.generate.lineage import Lineage, compact
from curate.generators.promise import Identity, same_person
from curate.generators.registry import generator

ACCEPTED, REJECTED = "accepted", "rejected"

NO_FACE = "no face"
MORE_FACES = "more than one face"
SAME_PARAMETERS = "the same parameters as before"
ENOUGH = "enough pictures of this face"
POOR = "poor quality"
UNCHANGED = "nothing changed"
SIBLING = "the same as another of this face"
COPY = "a near-duplicate"
WRONG_PERSON = "not the person that was promised"
MEMORISED = "looks like a real person here"
REPEATED = "looks like another generated person"
BROKEN = "a promise is broken"
FULL = "the cell is full"


@dataclass(frozen=True)
class Decision:
    """What was decided of a picture.

    Attributes:
        accepted: Whether it goes into the dataset.
        reason: Why not.
        detail: In words.
        verdict: What verifiers found about its promise; None where they were not asked.
        quality: Quality score.
    """

    accepted: bool
    reason: str = ""
    detail: str = ""
    verdict: Verdict | None = None
    quality: float | None = None


@dataclass(frozen=True)
class Court:
    """What decisions are made by.

    Attributes:
        cells: Reads labels.
        speakers: Column -> the annotator that speaks for it in the dataset.
        judging: Generator -> column -> independent verifiers.
        enough: Verifiers that must answer for a column.
        verifiers: Annotators that may judge promises.
        people: The photographed faces of the dataset.
        least_quality: Least quality score.
        per_face: Most accepted pictures of one face by one generator.
    """

    cells: Cells
    speakers: Mapping[str, str]
    judging: Mapping[str, Mapping[str, Sequence[str]]]
    enough: int
    verifiers: Sequence[str]
    people: Crowd
    least_quality: float
    per_face: int


@dataclass
class Memory:
    """What was accepted so far.

    Attributes:
        known: Hashes of all pictures.
        used: (generator, face) -> accepted pictures.
        parameters: (generator, face) -> parameters that were tried.
        siblings: Face -> small pictures that were accepted of it.
        new_people: Embeddings of accepted faces that are nobody's.
    """

    known: Known
    used: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    parameters: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    siblings: dict[str, list[NDArray[np.uint8]]] = field(default_factory=lambda: defaultdict(list))
    new_people: list[NDArray[np.float32]] = field(default_factory=list)

    def seen_before(self, lineage: Lineage) -> bool:
        """Whether these parameters were tried on this face; notes them."""
        key = (lineage.name, lineage.parent_face)
        text = compact([lineage.parameters, lineage.partner_face, lineage.step])
        before = text in self.parameters[key]
        self.parameters[key].add(text)
        return before

    def add(self, lineage: Lineage, hashes: Mapping[str, Any], small: NDArray[np.uint8], embedding: Any) -> None:
        """Note an accepted picture."""
        self.used[lineage.name, lineage.parent_face] += 1
        self.known.add(hashes, lineage.parent, f"an accepted picture of {lineage.parent or 'words'}")
        if lineage.parent_face:
            self.siblings[lineage.parent_face].append(small)
        if lineage.promise.identity is Identity.NEW and embedding is not None:
            self.new_people.append(np.asarray(embedding, np.float32))


def decide(
    lineage: Lineage, look: Look, origin: Origin, portrait: NDArray[np.uint8] | None, court: Court, memory: Memory
) -> Decision:
    """Accept a picture if nothing speaks against it; the first objection is the reason.

    Args:
        lineage: What it is and promises.
        look: What annotators say of it.
        origin: What they say of the portraits it was made from.
        portrait: The subject's portrait, small.
        court: What decisions are made by.
        memory: What was accepted so far; not changed, but for the parameters that were tried.
    """
    repeated = memory.seen_before(lineage)
    quality = None if look.seen is None else quality_of(look.seen)
    verdict = None if look.seen is None else _verdict(lineage, look, origin, court)
    case = Case(lineage, look, portrait, verdict, quality, court, memory)
    objections = itertools.chain(_of_parameters(case, repeated), _of_labels(case), _of_identity(case), _of_copies(case))
    found = next(objections, None)
    reason, detail = found or ("", "")
    return Decision(found is None, reason, detail, verdict, quality)


Objections = Iterator[tuple[str, str]]
"""Reason and detail of what speaks against a picture, in the order in which it is asked."""


@dataclass(frozen=True)
class Case:
    """A picture with all that is known about it."""

    lineage: Lineage
    look: Look
    portrait: NDArray[np.uint8] | None
    verdict: Verdict | None
    quality: float | None
    court: Court
    memory: Memory


def _of_parameters(case: Case, repeated: bool) -> Objections:
    face = case.lineage.parent_face
    if face and repeated:
        yield SAME_PARAMETERS, f"of face {face}"
    if face and case.memory.used[case.lineage.name, face] >= case.court.per_face:
        yield ENOUGH, f"{case.court.per_face} of face {face}"


def _of_labels(case: Case) -> Objections:
    seen, court = case.look.seen, case.court
    if seen is None:
        yield NO_FACE, ""
        return
    if seen.count != 1:
        yield MORE_FACES, f"{seen.count} faces"
    judging = court.judging[case.lineage.name]
    place = placed(seen, case.lineage.wanted, court.cells, court.speakers, judging, court.enough)
    if not place.right:
        yield place.reason, place.detail
    if case.quality is None or case.quality < court.least_quality:
        said = "no score" if case.quality is None else f"{case.quality:.2f} under {court.least_quality:.2f}"
        yield POOR, said


def _of_identity(case: Case) -> Objections:
    broken = () if case.verdict is None else case.verdict.broken
    promised = case.lineage.promise.identity
    for what in broken:
        if not what.startswith("identity"):
            yield BROKEN, "; ".join(broken)
        else:
            yield MEMORISED if promised in (Identity.NEW, Identity.HIDDEN) else WRONG_PERSON, what
    if promised is Identity.NEW and case.look.seen is not None:
        alike = [same_person(case.look.seen.embedding, other) or 0.0 for other in case.memory.new_people]
        if alike and max(alike) >= case.court.people.limit:
            yield REPEATED, f"cosine {max(alike):.2f}"


def _of_copies(case: Case) -> Objections:
    face = case.lineage.parent_face
    if case.portrait is not None:
        apart = difference(case.portrait, case.look.small)
        if apart < UNLIKE:
            yield UNCHANGED, f"{apart:.2f} levels of 255"
    for other in case.memory.siblings[face] if face else ():
        apart = difference(other, case.look.small)
        if apart < UNLIKE:
            yield SIBLING, f"{apart:.2f} levels of 255"
    if copy := case.memory.known.copy_of(case.look.hashes, case.lineage.parent):
        yield COPY, copy


def _verdict(lineage: Lineage, look: Look, origin: Origin, court: Court) -> Verdict:
    """The promise, judged by verifiers only."""
    others = [n for n in (look.seen.said if look.seen else {}) if n not in court.verifiers]
    left_out = (*generator(lineage.name).conditioners, *others)
    return judge(lineage.promise, look.seen, origin, court.people, left_out)
