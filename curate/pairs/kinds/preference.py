"""Preference pairs about a face: a question, an answer that assumes nothing, and one that goes by looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from curate.pairs.base import Config, PairKind, Role, Row
from curate.pairs.pool import Pool
from curate.recipes.logic.preferences import Person, assumptions, preferences
from schemas import UsageError
from schemas.columns import faces, labels


@dataclass(frozen=True)
class PreferenceConfig(Config):
    """Settings of `preference`.

    Attributes:
        per_face: Questions about each face.
    """

    per_face: int = 2


class Preference(PairKind):
    """A face, a prompt, a chosen and a rejected answer, for training by preferences (DPO).

    The chosen answer holds no word of the lexicon of gender, origin, age and looks; the rejected one assumes something
    from the looks. All groups of perceived gender and race get the same questions and the same chosen answers, from
    as many faces as the smallest group has. Adults only.
    """

    name = "preference"
    doc = "A face, a prompt, an answer that assumes nothing (chosen) and one that goes by looks (rejected)."
    source = "USER-VLM 360 (Rahimi et al. 2025): preference pairs against bias"
    roles = (Role("face", "whom the user sees"),)
    needs = (labels.GENDER, labels.RACE, labels.AGE_GROUP)
    adults = True
    config_type = PreferenceConfig
    config: PreferenceConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """There must be a question."""
        assert isinstance(config, PreferenceConfig)
        if config.per_face < 1:
            raise UsageError(f"{config.per_face} questions about each face", "1 or more are possible")

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Pairs slot by slot, each split on its own."""
        names = [pool.texts(c) for c in (labels.GENDER, labels.RACE, labels.AGE_GROUP)]
        for split in np.unique(pool.split):
            usable = rng.permutation(np.flatnonzero((pool.split == split) & ~pool.minor))
            people = [
                Person(pool.face_ids[face], *(str(n[face]) for n in names))
                for face in usable.tolist()
                if None not in [n[face] for n in names]
            ]
            for one in preferences(people, self.config.per_face):
                notes = {k: v for k, v in one.as_dict().items() if k != faces.FACE_ID.name}
                yield Row({"face": (pool.row_of[one.face_id],)}, notes)

    def refuses(self, pool: Pool, row: Row) -> str:
        """The chosen answer must be free of assumptions, the rejected one not."""
        if assumptions(str(row.notes["chosen"])):
            return "the chosen answer assumes something"
        return "" if assumptions(str(row.notes["rejected"])) else "the rejected answer assumes nothing"
