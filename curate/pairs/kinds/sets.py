"""Sets of one person's faces: references for a target, and the most different faces of a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from curate.pairs.base import SAME, Bound, Config, PairKind, Relation, Role, Row
from curate.pairs.differences import difference
from curate.pairs.dispersion import most_apart, spread
from curate.pairs.pool import Pool
from curate.pairs.rules import copied
from schemas import UsageError
from schemas.columns import labels

Ints = NDArray[np.int64]


def apart(pool: Pool, faces: Sequence[int], most: int, kept: Sequence[int] = ()) -> list[int]:
    """The first faces, in their order, of which none is a copy of another one or of those that are kept."""
    found: list[int] = []
    for face in faces:
        if len(found) == most:
            break
        if not any(copied(pool, face, other) for other in (*kept, *found)):
            found.append(face)
    return found


@dataclass(frozen=True)
class IdSetsConfig(Config):
    """Settings of `id_sets`.

    Attributes:
        refs: References of each target.
        per_target: Sets for each target.
        least_cosine: Least cosine of a reference and the target.
    """

    refs: int = 3
    per_target: int = 1
    least_cosine: float = 0.0


class IdSets(PairKind):
    """A target and other photos of the same person: never the target itself, its copies, or copies among themselves."""

    name = "id_sets"
    doc = "A target face with its caption, and other photos of the same person as references."
    source = "Face Fusion (2024), InstantID, PhotoMaker: identity references and a captioned target"
    roles = (Role("target", "the face to make"), Role("refs", "other photos of the person", many=True))
    uses = (labels.EMBEDDING,)
    carries = (labels.CAPTION,)
    relations = (Relation("refs", "target", identity=SAME), Relation("refs", "refs", identity=SAME))
    bounds = (Bound("cosine", "refs", "target", least="least_cosine", unknown=True),)
    config_type = IdSetsConfig
    config: IdSetsConfig
    figures: ClassVar[Mapping[str, str]] = {"person": "whom the faces are taken for"}

    @classmethod
    def preflight(cls, config: Config) -> None:
        """There must be a reference."""
        assert isinstance(config, IdSetsConfig)
        if config.refs < 1 or config.per_target < 1:
            raise UsageError(f"{config.refs} references in {config.per_target} sets", "1 or more are possible")

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """A set for every target, then a second one for each, and so on."""
        groups = pool.groups()
        order = rng.permutation(np.concatenate([*groups.values(), np.empty(0, np.int64)]))
        for _ in range(self.config.per_target):
            for target in order.tolist():
                others = groups[int(pool.identity[target])]
                others = others[(pool.split[others] == pool.split[target]) & (others != target)]
                refs = apart(pool, rng.permutation(others).tolist(), self.config.refs, [target])
                yield Row({"target": (target,), "refs": tuple(sorted(refs))})

    def refuses(self, pool: Pool, row: Row) -> str:
        """As many references as asked for."""
        return "" if len(row.faces["refs"]) == self.config.refs else "too few photos of the person that are no copies"

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """The person."""
        return {"person": pool.texts(labels.IDENTITY_ID)[row.faces["target"][0]]}


@dataclass(frozen=True)
class DistinctConfig(Config):
    """Settings of `distinct_sets`.

    Attributes:
        size: Faces of a set.
        least: Faces below which a person is left out.
        least_cosine: Least cosine of each face and the mean embedding of the set's others.
        draws: Random sets of the same size that the set is compared with.
    """

    size: int = 35
    least: int = 2
    least_cosine: float = 0.4
    draws: int = 200


class DistinctSets(PairKind):
    """The most different faces of a person, over pose and action units.

    Chosen so that the mean distance of all pairs is largest (greedy, then exchanges until none helps). A person with
    fewer faces than `size` gets a set of all of them, marked as incomplete and never filled up.
    """

    name = "distinct_sets"
    doc = "The most different faces of one person over pose and action units; short pools are marked, not filled."
    source = "DynamicID (Hu et al. 2025): VariFace-10k, 35 maximally distinct images per identity"
    roles = (Role("faces", "of one person", many=True),)
    needs = (labels.YAW, labels.PITCH, labels.ROLL, labels.AU_INTENSITY, labels.EMBEDDING)
    relations = (Relation("faces", "faces", identity=SAME),)
    config_type = DistinctConfig
    config: DistinctConfig
    figures: ClassVar[Mapping[str, str]] = {
        "person": "whom the faces are taken for", "complete": "as many faces as asked for",
        "pool": "faces of the person that could be chosen", "mean_distance": "mean `motion` of all pairs in the set",
        "random_distance_95": "95 % quantile of that over random sets of the person's faces",
        "cosines": "of each face and the mean of the others",
    }  # fmt: skip

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """One set for every person and split, in a drawn order."""
        groups = [m for members in pool.groups().values() for m in _by_split(pool, members)]
        for place in rng.permutation(len(groups)).tolist():
            usable = self._usable(pool, groups[place])
            if len(usable) >= self.config.least:
                chosen = most_apart(distances(pool, usable), self.config.size)
                yield Row({"faces": tuple(sorted(usable[chosen].tolist()))})

    def _usable(self, pool: Pool, members: Ints) -> Ints:
        return pool.once(f"{self.name}:{members.tolist()}", lambda: self._chosen_from(pool, members))

    def _chosen_from(self, pool: Pool, members: Ints) -> Ints:
        """Faces of known motion that are no copies and of this person by their embedding, the best quality first."""
        quality = np.nan_to_num(pool.numbers(labels.QUALITY_SCORE)[members], nan=-1.0)
        ranked = members[np.argsort(-quality, kind="stable")]
        own = difference("motion").between(pool, ranked, ranked)
        ranked = ranked[np.isfinite(own) & np.isfinite(pool.vectors[ranked]).all(1)]
        kept = np.array(sorted(apart(pool, ranked.tolist(), len(ranked))), np.int64)
        while len(kept) > 1 and (cosines := to_others(pool, kept)).min() < self.config.least_cosine:
            kept = np.delete(kept, int(cosines.argmin()))
        return kept

    def refuses(self, pool: Pool, row: Row) -> str:
        """Every face must be the person's by its embedding."""
        faces = np.array(row.faces["faces"], np.int64)
        if not self.config.least <= len(faces) <= self.config.size:
            return "too few or too many faces"
        if not np.isfinite(distances(pool, faces)).all():
            return "pose or action units are unknown"
        return "" if to_others(pool, faces).min() >= self.config.least_cosine else "a face is unlike the others"

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """How different the faces are, and how different random ones would be."""
        faces = np.array(row.faces["faces"], np.int64)
        members = pool.groups()[int(pool.identity[faces[0]])]
        usable = self._usable(pool, members[pool.split[members] == pool.split[faces[0]]])
        table = distances(pool, usable)
        rng = np.random.default_rng(0)
        drawn = [spread(table, rng.permutation(len(usable))[: len(faces)]) for _ in range(self.config.draws)]
        return {
            "person": pool.texts(labels.IDENTITY_ID)[faces[0]],
            "complete": len(faces) == self.config.size,
            "pool": len(usable),
            "mean_distance": spread(distances(pool, faces), np.arange(len(faces))),
            "random_distance_95": float(np.quantile(drawn, 0.95)),
            "cosines": to_others(pool, faces).tolist(),
        }


def _by_split(pool: Pool, members: Ints) -> list[Ints]:
    return [members[pool.split[members] == split] for split in np.unique(pool.split[members])]


def distances(pool: Pool, faces: Ints) -> NDArray[np.float64]:
    """`motion` between all pairs of some faces, shape (n, n)."""
    a, b = (side.ravel() for side in np.meshgrid(faces, faces, indexing="ij"))
    return difference("motion").between(pool, a, b).reshape(len(faces), len(faces))


def to_others(pool: Pool, faces: Ints) -> NDArray[np.float64]:
    """Cosine of each face's embedding and the mean of the others', shape (n,)."""
    vectors = pool.vectors[faces]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rest = unit.sum(0) - unit
    return np.asarray((unit * rest).sum(1) / np.maximum(np.linalg.norm(rest, axis=1), 1e-12))
