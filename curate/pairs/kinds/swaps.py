"""Rows for exchanging faces and parts: source, target and result of different people, and shared expressions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from curate.pairs.base import CHILD, DIFFERENT, PARTNER, SAME, Bound, Config, PairKind, Relation, Role, Row
from curate.pairs.differences import difference
from curate.pairs.edits import edit_of
from curate.pairs.pool import UNKNOWN, Pool
from schemas import UsageError
from schemas.columns import labels

Ints = NDArray[np.int64]
PLACE = (labels.POINTS_68, labels.YAW, labels.PITCH, labels.ROLL)


def results(pool: Pool, generator: str, rng: np.random.Generator) -> Iterator[tuple[int, int, int]]:
    """Partner, subject and result of a generator's pictures whose two faces are in the pool, in a drawn order."""
    both = np.flatnonzero((pool.parent != UNKNOWN) & (pool.partner != UNKNOWN))
    for face in rng.permutation(both).tolist():
        edit = edit_of(pool, face)
        if edit is not None and edit.generator == generator:
            yield int(pool.partner[face]), int(pool.parent[face]), face


def strangers(pool: Pool, face: int) -> Ints:
    """Photographs of the same split that show another known person; none where the face's own identity is unknown."""
    mine = int(pool.identity[face])
    if mine == UNKNOWN:
        return np.empty(0, np.int64)
    others = (pool.identity != UNKNOWN) & (pool.identity != mine) & ~pool.synthetic & (pool.split == pool.split[face])
    return np.flatnonzero(others)


@dataclass(frozen=True)
class SwapConfig(Config):
    """Settings of `swap_triplets`.

    Attributes:
        results: `with` takes swaps that `face_swap` made, then pairs without one; `only` and `none` one of the two.
        most_pose: Largest angle between the heads in degrees, for pairs without a result.
        most_turn: Largest angle between target and result in degrees, as far as it is known.
    """

    results: str = "with"
    most_pose: float = 30.0
    most_turn: float = 3.0


class SwapTriplets(PairKind):
    """A source whose face goes onto a target, and the result where `face_swap` made one; never one person.

    Each face carries its landmarks in the written picture, its pose and its 52 blendshapes, the place of the
    three-dimensional coefficients that a fitted face model would give; the source's embedding comes with
    `--columns embedding_sface`. With a result, target and result lie on each other.
    """

    name = "swap_triplets"
    doc = "Source, target and, where `face_swap` made it, the result: two people, landmarks and coefficients beside."
    source = "DiffSwap++ (Zhao et al. 2025); FaceShifter"
    roles = (
        Role("source", "whose face it becomes"), Role("target", "whose head, pose and light stay"),
        Role("result", "the swapped face", optional=True),
    )  # fmt: skip
    carries = (*PLACE, labels.BLENDSHAPES)
    relations = (
        Relation("source", "target", identity=DIFFERENT),
        Relation("target", "result", kin=CHILD),
        Relation("source", "result", kin=PARTNER),
    )
    bounds = (
        Bound("cosine", "source", "target", unknown=True),
        Bound("cosine", "source", "result", column="source_result_cosine", unknown=True),
        Bound("pose", "target", "result", most="most_turn", column="target_result_pose", unknown=True),
        Bound("pose", "source", "target", unknown=True),
    )
    adults = True
    aligned = True
    config_type = SwapConfig
    config: SwapConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """The choice of results must be one."""
        assert isinstance(config, SwapConfig)
        if config.results not in ("with", "only", "none"):
            raise UsageError(f"results={config.results}", "with, only or none are possible")

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Made swaps, then pairs of strangers with alike poses."""
        if self.config.results != "none":
            for source, target, result in results(pool, "face_swap", rng):
                yield Row({"source": (source,), "target": (target,), "result": (result,)})
        if self.config.results != "only":
            yield from self._pairs(pool, rng)

    def _pairs(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        order = rng.permutation(np.flatnonzero(~pool.synthetic & (pool.identity != UNKNOWN)))
        for target in order.tolist():
            others = strangers(pool, target)
            apart = difference("pose").between(pool, np.full(len(others), target), others)
            others = rng.permutation(others[~(apart > self.config.most_pose)])
            for source in others[:1].tolist():
                yield Row({"source": (source,), "target": (target,), "result": ()})


class PartSets(PairKind):
    """A target with masks of eyes, nose and mouth, and one face of another person to take each part from."""

    name = "part_sets"
    doc = "A target with masks of eyes, nose and mouth, and for each part a reference of another person with its mask."
    source = "FuseAnyPart (Yu et al. 2024): one reference for each facial part"
    PARTS: ClassVar[tuple[str, ...]] = ("eyes", "nose", "mouth")
    roles = (
        Role("target", "whose parts are exchanged", views={f"mask_{p}": f"{p}_mask" for p in PARTS}, complete=True),
        *(Role(f"ref_{p}", f"whose {p} are taken", views={f"ref_{p}_mask": f"{p}_mask"}, complete=True) for p in PARTS),
    )
    carries = PLACE
    relations = tuple(Relation("target", f"ref_{p}", identity=DIFFERENT) for p in PARTS)
    bounds = tuple(Bound("pose", "target", f"ref_{p}", column=f"ref_{p}_pose", unknown=True) for p in PARTS)
    adults = True

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Every face as a target once, with three strangers."""
        for target in rng.permutation(np.flatnonzero(~pool.synthetic)).tolist():
            refs = rng.permutation(strangers(pool, target))[: len(self.PARTS)].tolist()
            if len(refs) == len(self.PARTS):
                faces = {f"ref_{part}": (ref,) for part, ref in zip(self.PARTS, refs, strict=True)}
                yield Row({"target": (target,), **faces})


@dataclass(frozen=True)
class SharedConfig(Config):
    """Settings of kinds with one expression on two people.

    Attributes:
        most_au: Largest distance of the action units of template and target.
        most_leak: Largest cosine of template and target: what is left of the template's identity.
        least_cosine: Least cosine of the identity's face and the target.
    """

    most_au: float = 2.5
    most_leak: float = 0.4
    least_cosine: float = -1.0


SHARED_ROLES = (
    Role("identity", "whose face is wanted"), Role("template", "another person with the wanted expression"),
    Role("target", "the first person with it"),
)  # fmt: skip
SHARED_BOUNDS = (
    Bound("au", "template", "target", most="most_au"),
    Bound("cosine", "template", "target", most="most_leak", column="leak"),
    Bound("cosine", "identity", "target", least="least_cosine"),
)


class TransferredExpression(PairKind):
    """An identity, another person as template of an expression, and `expression_transfer`'s picture of the first.

    The target is the identity's photo with the template's expression. It stays only if its action units are the
    template's, and its embedding is not: rows that leak the template's identity or miss its expression are refused,
    with the number that decided in refused.jsonl.
    """

    name = "transferred_expression"
    doc = "An identity, another person's expression, and the first with it by `expression_transfer`; leaks are refused."
    source = "EmojiDiff (Jiang et al. 2024): cross-identity same-expression triplets by a generator"
    roles = SHARED_ROLES
    relations = (
        Relation("identity", "template", identity=DIFFERENT),
        Relation("identity", "target", kin=CHILD),
        Relation("template", "target", kin=PARTNER),
    )
    bounds = SHARED_BOUNDS
    carries = (labels.PERCEIVED_EMOTION, labels.CAPTION)
    adults = True
    aligned = True
    config_type = SharedConfig
    config: SharedConfig

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """All pictures of the generator."""
        for template, identity, target in results(pool, "expression_transfer", rng):
            yield Row({"identity": (identity,), "template": (template,), "target": (target,)})


class SharedExpression(PairKind):
    """Two photos of one person, and another person with the expression of the second: all of them photographs."""

    name = "shared_expression"
    doc = "Two photos of one person, and another person who has the expression of the second."
    source = "EmojiDiff (Jiang et al. 2024), from photographs alone"
    roles = SHARED_ROLES
    relations = (
        Relation("identity", "template", identity=DIFFERENT),
        Relation("template", "target", identity=DIFFERENT),
        Relation("identity", "target", identity=SAME),
    )
    bounds = SHARED_BOUNDS
    carries = (labels.PERCEIVED_EMOTION, labels.CAPTION)
    config_type = SharedConfig
    config: SharedConfig

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """For every target the other person whose expression is nearest."""
        groups = pool.groups()
        for target in rng.permutation(len(pool)).tolist():
            own = groups.get(int(pool.identity[target]), np.empty(0, np.int64))
            own = own[(own != target) & (pool.split[own] == pool.split[target])]
            others = strangers(pool, target)
            if not len(own) or not len(others):
                continue
            apart = difference("au").between(pool, others, np.full(len(others), target))
            if np.isfinite(apart).any():
                faces = {"identity": int(rng.choice(own)), "template": int(others[np.nanargmin(apart)]),
                         "target": target}  # fmt: skip
                yield Row({role: (face,) for role, face in faces.items()})
