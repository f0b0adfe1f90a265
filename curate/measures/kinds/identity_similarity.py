"""How much of the person is left in edited pictures: by edit, strength, pose, bit rate and perceived group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.base import Config
from curate.evaluation.intervals import proportion
from curate.generate.crowd import crowd
from curate.generators.promise import SAME_PERSON
from curate.measures.base import DATASET, Given, Input, Measure, Result
from curate.measures.edits import Edit, edits, person_of
from curate.measures.pictures import cosine
from curate.measures.summary import averaged, by_group, mean_of, number, perceived, share_of
from schemas import UsageError
from schemas.columns import faces, labels

POSES = ((15.0, "frontal, up to 15"), (45.0, "half profile, up to 45"), (181.0, "profile"))
"""Largest yaw in degrees and name of each bin of the source's pose."""


@dataclass(frozen=True)
class IdentitySimilarityConfig(Config):
    """What counts.

    Attributes:
        generator: Only pictures of this generator; empty is all.
        edit: Parameter of the pictures that names the edit; empty finds it.
        strength: Parameter that says how strong it is; empty finds it.
        threshold: Cosine from which two faces pass for one person.
    """

    generator: str = ""
    edit: str = ""
    strength: str = ""
    threshold: float = SAME_PERSON


class IdentitySimilarity(Measure):
    """Each generated picture is compared with the face it was made from, by the dataset's embeddings.

    `accuracy` is that of as many pairs of one person as of two, at the fixed threshold: each picture with its own
    source, and with the source of another picture of the same edit. `leak` is the cosine with the photographed face
    of anyone else that is nearest; for a picture made of two faces, also that with the second face, `partner`.
    Resamples draw people, not pictures.
    """

    name = "identity_similarity"
    doc = "Identity of edited pictures with their sources: per edit, strength, pose and group; bit rate; leaks."
    source = "cosine of SFace embeddings; LFW's accuracy on balanced pairs (Huang et al. 2007)"
    inputs = (Input("dataset", DATASET, "a dataset with pictures that `generate` made, labelled with `identity`"),)
    config_type = IdentitySimilarityConfig
    config: IdentitySimilarityConfig

    def measure(self, given: Given) -> Result:
        """All figures."""
        ds, config = given.datasets["dataset"], self.config
        known = ds.columns()
        more = [c for c in (labels.YAW, labels.IDENTITY_ID) if c.name in known]
        only = [config.generator] if config.generator else []
        found = edits(ds, [labels.EMBEDDING, *more], config.edit, config.strength, only)
        alike = [similarity(e) for e in found]
        people = [person_of(e.before) for e in found]
        if all(e.before.get(labels.EMBEDDING.name) is None for e in found):
            raise UsageError(f"no source in {ds.path} has an embedding", fix="Annotate it: facecurate annotate")
        passed = [a is not None and a >= config.threshold for a in alike]
        facts: dict[str, Any] = {
            "pictures": len(found),
            "without a face": sum(e.after is None for e in found),
            "cosine": averaged(alike, people).as_dict(),
            "same person": proportion(passed).as_dict(),
        }
        pose = [f"{e.name}: {_pose(e)}" if _pose(e) else None for e in found]
        tables = {
            "edits": self._of_edits(found, alike),
            "edit and pose": [_split_pose(row) for row in by_group(alike, {"pose": pose}, people)],
            "rate": _rates(found, alike),
            "groups": by_group(alike, perceived([e.before for e in found]), people),
            "leaks": self._leaks(found, crowd(ds)),
        }
        notes = ("Identity is what SFace can tell at this threshold; groups are perceived in the source.",)
        return Result(facts, {name: rows for name, rows in tables.items() if rows}, notes)

    def _of_edits(self, found: Sequence[Edit], alike: Sequence[float | None]) -> list[dict[str, Any]]:
        """A row for each edit and strength."""
        rows = []
        for name, strength in _kinds(found):
            chosen = [i for i, e in enumerate(found) if (e.name, e.strength) == (name, strength)]
            part, values = [found[i] for i in chosen], [alike[i] for i in chosen]
            own = [v is not None and v >= self.config.threshold for v in values]
            hits = balanced_hits(part, self.config.threshold)
            share, accuracy = share_of(own), share_of(hits)
            rows.append({
                "edit": name,
                "strength": strength,
                "without a face": sum(e.after is None for e in part),
                **mean_of(values, [person_of(e.before) for e in part]),
                "same person": share["share"],
                "accuracy": accuracy["share"],
                "accuracy low": accuracy["low"],
                "accuracy high": accuracy["high"],
            })  # fmt: skip
        return rows

    def _leaks(self, found: Sequence[Edit], people: Any) -> list[dict[str, Any]]:
        """Per edit: how like its pictures are to people other than the source."""
        rows = []
        for name in dict.fromkeys(e.name for e in found):
            nearest, partner = [], []
            for e in (e for e in found if e.name == name and e.after is not None):
                vector = (e.after or {}).get(labels.EMBEDDING.name)
                other = None if vector is None else people.nearest(vector, str(e.before[faces.FACE_ID.name]))
                nearest.append(None if other is None else other[0])
                if e.lineage.partner_face and vector is not None and e.lineage.partner_face in people.ids:
                    partner.append(cosine(vector, people.vectors[people.ids.index(e.lineage.partner_face)]))
            leaked = [v is not None and v >= people.limit for v in nearest]
            rows.append({
                "edit": name,
                **mean_of(nearest),
                "limit": number(people.limit),
                "leaked": share_of(leaked)["share"],
                "partner": mean_of(partner)["mean"],
            })  # fmt: skip
        return rows


def similarity(edit: Edit) -> float | None:
    """Cosine of an edit's face and its source; None where one has no embedding."""
    name = labels.EMBEDDING.name
    return cosine(edit.before.get(name), (edit.after or {}).get(name))


def balanced_hits(found: Sequence[Edit], threshold: float) -> list[bool]:
    """Whether each of as many matches as mismatches is told right; mismatches pair it with another's source.

    An edit without a face is a match that is missed, and a mismatch that is told right.
    """
    name, hits = labels.EMBEDDING.name, []
    for i, edit in enumerate(found):
        others = (found[(i + k) % len(found)] for k in range(1, len(found)))
        other = next((o for o in others if person_of(o.before) != person_of(edit.before)), None)
        after = (edit.after or {}).get(name)
        own = cosine(edit.before.get(name), after)
        hits.append(own is not None and own >= threshold)
        if other is not None:
            wrong = cosine(other.before.get(name), after)
            hits.append(wrong is None or wrong < threshold)
    return hits


def _kinds(found: Sequence[Edit]) -> list[tuple[str, float | None]]:
    """Each edit and strength, sorted; without a strength first."""
    return sorted({(e.name, e.strength) for e in found}, key=lambda k: (k[0], k[1] is not None, k[1] or 0.0))


def _rates(found: Sequence[Edit], alike: Sequence[float | None]) -> list[dict[str, Any]]:
    """Bits per pixel against identity, for each edit and strength whose pictures know their file's size."""
    rows = []
    for name, strength in _kinds(found):
        chosen = [i for i, e in enumerate(found) if (e.name, e.strength) == (name, strength)]
        bits = [found[i].lineage.note.get("bits_per_pixel") for i in chosen]
        if all(b is None for b in bits):
            continue
        rate = float(np.mean([b for b in bits if b is not None]))
        rows.append({"edit": name, "quality": strength, "bits per pixel": rate, **mean_of([alike[i] for i in chosen])})
    return rows


def _pose(edit: Edit) -> str:
    yaw = edit.before.get(labels.YAW.name)
    return "" if yaw is None else next(name for limit, name in POSES if abs(float(yaw)) <= limit)


def _split_pose(row: dict[str, Any]) -> dict[str, Any]:
    edit, _, pose = str(row.pop("group")).partition(": ")
    row.pop("by")
    return {"edit": edit, "pose": pose, **row}
