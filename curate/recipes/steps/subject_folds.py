"""A step that makes folds by subject, and shows what a model could learn of who someone is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.base import Config
from curate.recipes.layer_steps import OwnStep, gathered, write_csv
from curate.recipes.logic.probe import grouped_folds, identity_probe, overlap, random_folds
from curate.recipes.step import Done, Site
from curate.store.parts import write_json
from schemas import UsageError
from schemas.columns import faces, labels

FOLDS, PROBE = "folds.csv", "probe.json"
HEAD = (faces.FACE_ID.name, "subject", "fold", "random_fold")
CIRCLE = (
    "Subjects are clusters of the same embeddings that the probe reads: its accuracy says how separate the clusters "
    "are, not how much another model knows of people."
)


@dataclass(frozen=True)
class SubjectFoldOptions(Config):
    """Who the subjects are.

    Attributes:
        subject: Column that says whom a face shows, such as `extra.subject` of a list.
        folds: Their number.
        seed: Another number gives other folds.
    """

    subject: str = labels.IDENTITY_ID.name
    folds: int = 3
    seed: int = 0


class SubjectFolds(OwnStep):
    """Folds that share no subject, beside random ones; a linear probe of the subject against chance."""

    name = "subject_folds"
    doc = "Folds that share no subject, beside random ones, and how well a linear model names subjects from embeddings."
    options_type = SubjectFoldOptions
    options: SubjectFoldOptions

    def check(self, site: Site) -> None:
        """There are two folds or more."""
        if self.options.folds < 2:
            raise UsageError(f"step {site.step}: {self.options.folds} folds", "two or more are needed")

    def run(self, site: Site) -> Done:
        """Writes the folds and the figures."""
        o = self.options
        found, chosen = gathered(site, [o.subject], embeddings=True)
        who = found.columns[o.subject].to_pylist()
        rows = np.array([i for i, w in enumerate(who) if chosen[i] and w is not None], np.int64)
        subjects = [str(who[i]) for i in rows]
        if not subjects:
            raise UsageError(f"step {site.step}: no face has a subject", f"column {o.subject} is empty")
        apart, mixed = grouped_folds(subjects, o.folds, o.seed), random_folds(len(rows), o.folds, o.seed)
        ids = found.ids.to_pylist()
        listed = zip(rows.tolist(), subjects, apart.tolist(), mixed.tolist(), strict=True)
        told = [{faces.FACE_ID.name: ids[r], "subject": s, "fold": a, "random_fold": m} for r, s, a, m in listed]
        file = write_csv(site.folder / FOLDS, told, HEAD)
        known = found.present[rows]
        told_subjects = [s for s, k in zip(subjects, known, strict=True) if k]
        facts = {
            "subjects": len(set(subjects)), "subjects in two folds": overlap(subjects, apart),
            "subjects in two random folds": overlap(subjects, mixed),
            **probed(found.vectors[rows[known]].astype(np.float64), told_subjects, o.seed),
        }  # fmt: skip
        write_json(site.folder / PROBE, facts)
        without = {"no subject or not selected": len(found) - len(rows)}
        notes = (CIRCLE,) if o.subject == labels.IDENTITY_ID.name else ()
        return Done(len(rows), "faces", without, facts, (file, site.folder / PROBE), notes)


def probed(vectors: NDArray[np.float64], subjects: Sequence[str], seed: int) -> dict[str, Any]:
    """Accuracy of the probe beside chance; why there is none where too few subjects have two faces."""
    try:
        probe = identity_probe(vectors, subjects, seed=seed)
    except UsageError as error:
        return {"probe": f"none: {error}"}
    return {
        "probe": probe.accuracy.as_dict(),
        "chance": round(probe.chance, 4),
        "subjects of the probe": probe.subjects,
    }
