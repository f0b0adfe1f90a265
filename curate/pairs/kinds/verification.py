"""Pairs for face verification, and the two mirrored halves of a face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.export.verification_pairs import Shot, folds
from curate.pairs.base import Bound, Config, PairKind, Role, Row
from curate.pairs.pool import UNKNOWN, Pool
from schemas import UsageError
from schemas.columns import labels


@dataclass(frozen=True)
class VerificationConfig(Config):
    """Settings of `verification`.

    Attributes:
        folds: Parts without a person in common.
        pairs: Matches wanted in each, and as many mismatches.
    """

    folds: int = 10
    pairs: int = 300


class Verification(PairKind):
    """Two photos and whether they show one person; folds share nobody, and hold as many matches as mismatches.

    Folds are drawn within each split. Generated pictures are left out: whose they are is not certain.
    """

    name = "verification"
    doc = "Two photos of one person or of two, in folds that share nobody, as LFW has them."
    source = "LFW (Huang et al. 2007), view 2"
    roles = (Role("first", "a photo"), Role("second", "another photo"))
    needs = (labels.IDENTITY_ID,)
    bounds = (Bound("cosine", "first", "second", unknown=True),)
    config_type = VerificationConfig
    config: VerificationConfig
    figures: ClassVar[Mapping[str, str]] = {"same": "the photos are of one person"}

    @classmethod
    def preflight(cls, config: Config) -> None:
        """There must be a fold and a pair."""
        assert isinstance(config, VerificationConfig)
        if config.folds < 1 or config.pairs < 1:
            raise UsageError(f"{config.folds} folds of {config.pairs} pairs", "1 or more are possible")

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Matches and mismatches in turn, fold by fold."""
        for split in np.unique(pool.split):
            members = np.flatnonzero((pool.split == split) & ~pool.synthetic)
            people = {
                str(who): [Shot(int(face), _copies(pool, int(face))) for face in faces]
                for who, faces in pool.groups(members).items()
            }
            drawn = folds(people, self.config.folds, self.config.pairs, int(rng.integers(1 << 31)))
            for number, fold in enumerate(drawn):
                matches = ((a, b) for _, a, b in fold.matches)
                mismatches = ((a, b) for _, a, _, b in fold.mismatches)
                for pairs in zip(matches, mismatches, strict=True):
                    for a, b in pairs:
                        yield Row({"first": (a,), "second": (b,)}, {"fold": number})

    def refuses(self, pool: Pool, row: Row) -> str:
        """Both people must be known."""
        known = all(pool.identity[face] != UNKNOWN for _, face in row.every)
        return "" if known else "an identity is unknown"

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """Whether it is one person."""
        first, second = (int(pool.identity[face]) for _, face in row.every)
        return {"same": first == second}


def _copies(pool: Pool, face: int) -> str:
    return "" if pool.copies[face] == UNKNOWN else str(pool.copies[face])


@dataclass(frozen=True)
class HalvesConfig(Config):
    """Settings of `mirrored_halves`.

    Attributes:
        most_yaw: Largest yaw in degrees: beyond it too little is seen of the far half.
    """

    most_yaw: float = 22.0


class MirroredHalves(PairKind):
    """A face and the two faces made of one of its halves and that half's mirror image."""

    name = "mirrored_halves"
    doc = "A face that looks ahead, its right half with its mirror image, and its left half with its own."
    source = "SymFace (Prakash et al. 2024): hemifaces and their mirrored halves"
    roles = (
        Role("face", "a photo", views={"right_right": "right_composite", "left_left": "left_composite"}, complete=True),
    )  # fmt: skip
    needs = (labels.MESH, labels.YAW)
    carries = (labels.SYMMETRY, labels.SYMMETRY_APPEARANCE, labels.YAW)
    config_type = HalvesConfig
    config: HalvesConfig

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Every face once."""
        for face in rng.permutation(len(pool)).tolist():
            yield Row({"face": (face,)})

    def refuses(self, pool: Pool, row: Row) -> str:
        """The head must look ahead."""
        yaw = abs(pool.numbers(labels.YAW)[row.faces["face"][0]])
        return "" if yaw <= self.config.most_yaw else f"yaw above {self.config.most_yaw:g} or unknown"
