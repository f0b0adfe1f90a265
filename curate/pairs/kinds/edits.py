"""Photographs and what generators made of them: before and after, editing examples, age rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from annotators.crops import Pixels
from curate.export.encode import decode
from curate.export.sample import Sample
from curate.pairs.base import CHILD, Config, PairKind, Relation, Role, Row
from curate.pairs.edits import Edit, edit_of
from curate.pairs.pool import UNKNOWN, Pool
from schemas import UsageError
from schemas.columns import labels

EDIT_COLUMNS = {
    "edit": "name of the generator", "version": "its version", "verb": "canonical verb of the edit",
    "instruction": "one sentence that asks for the edit", "parameters": "all its parameters, as JSON",
    "seed": "that the parameters were drawn with",
}  # fmt: skip


def told(edit: Edit) -> dict[str, Any]:
    """An edit as columns of a row."""
    values = (edit.generator, edit.version, edit.verb, edit.instruction, edit.text, edit.seed)
    return dict(zip(EDIT_COLUMNS, values, strict=True))


def made_faces(pool: Pool, names: Sequence[str], rng: np.random.Generator) -> Iterator[tuple[int, int, Edit]]:
    """Face, face made from it, and the edit, in a drawn order.

    Args:
        pool: The faces.
        names: Generators; empty for all.
        rng: For the order.
    """
    for face in rng.permutation(np.flatnonzero(pool.parent != UNKNOWN)).tolist():
        edit = edit_of(pool, face)
        if edit is not None and (not names or edit.generator in names):
            yield int(pool.parent[face]), face, edit


@dataclass(frozen=True)
class EditConfig(Config):
    """Settings of `edit_pairs`.

    Attributes:
        generators: Only pictures of these, comma-separated; all by default.
        threshold: Difference of a colour channel, of 255, from which a pixel counts as changed in the mask.
    """

    generators: tuple[str, ...] = ()
    threshold: int = 0


class EditPairs(PairKind):
    """A photograph and what a generator made of it, in one frame, with the edit in words and the mask of what changed.

    Both pictures are the square portrait that the generator worked on, without loss: pixels outside the mask are the
    same to the bit. Any generator serves: makeup, sketch, degrade (restoration), occlude, relighting, stylise, ageing.
    """

    name = "edit_pairs"
    doc = "A photograph and what a generator made of it, with instruction, parameters and the mask of the change."
    source = "InstructPix2Pix (Brooks et al. 2023); GFPGAN's pairs (Wang et al. 2021); BMS and sketch datasets"
    roles = (Role("before", "the photograph"), Role("after", "made from it"))
    carries = (labels.PERCEIVED_EMOTION, labels.CAPTION)
    relations = (Relation("before", "after", kin=CHILD),)
    aligned = True
    config_type = EditConfig
    config: EditConfig
    figures: ClassVar[Mapping[str, str]] = EDIT_COLUMNS
    draws: ClassVar[Mapping[str, str]] = {"mask": "white where before and after differ"}

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """All of them in a drawn order."""
        for before, after, _ in made_faces(pool, self.config.generators, rng):
            yield Row({"before": (before,), "after": (after,)})

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """The edit."""
        edit = edit_of(pool, row.faces["after"][0])
        return {} if edit is None else told(edit)

    def draw(self, row: Row, samples: Mapping[str, Sequence[Sample]]) -> Mapping[str, Pixels]:
        """The mask, recomputed from the written pictures."""
        before, after = (decode(samples[role][0].data) for role in ("before", "after"))
        return {"mask": changed(before, after, self.config.threshold)} if before.shape == after.shape else {}


def changed(before: Pixels, after: Pixels, threshold: int = 0) -> Pixels:
    """255 where any channel of two RGB pictures differs by more than the threshold, else 0; shape (height, width)."""
    apart = np.abs(before.astype(np.int16) - after).max(2) > threshold
    return np.where(apart, 255, 0).astype(np.uint8)


class EditQuadruples(PairKind):
    """Two photographs with the same edit: an example before and after, and a query with its answer.

    The edits have the same generator, version and parameters, apart from seeds of noise and numbers that follow from
    the face, such as the way hatching bends. Make such pictures with settings that leave nothing to be drawn, such as
    `generate -w makeup --set makeup.look=ruby --set makeup.strength=0.8`.
    """

    name = "edit_quadruples"
    doc = "Two photographs with the same edit, as example and query, with one canonical instruction and face masks."
    source = "InstructGIE (Meng et al. 2024): visual prompts of example and query pairs"
    roles = (
        Role("example_before", "a photograph", views={"example_face_mask": "face_mask"}, complete=True),
        Role("example_after", "made from it"),
        Role("query_before", "a photograph of another face", views={"query_face_mask": "face_mask"}, complete=True),
        Role("query_after", "made from that by the same edit"),
    )
    relations = (
        Relation("example_before", "example_after", kin=CHILD),
        Relation("query_before", "query_after", kin=CHILD),
    )
    carries = (labels.CAPTION,)
    aligned = True
    config_type = EditConfig
    config: EditConfig
    figures: ClassVar[Mapping[str, str]] = EDIT_COLUMNS

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Pairs of pictures of one edit, each picture first once before any comes again."""
        alike: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for before, after, edit in made_faces(pool, self.config.generators, rng):
            alike.setdefault((edit.key, str(pool.split[before])), []).append((before, after))
        most = max((len(found) for found in alike.values()), default=0)
        for step in range(1, most):
            for found in alike.values():
                if step < len(found):
                    for place, (before, after) in enumerate(found):
                        query = found[(place + step) % len(found)]
                        faces = {"example_before": before, "example_after": after,
                                 "query_before": query[0], "query_after": query[1]}  # fmt: skip
                        yield Row({role: (face,) for role, face in faces.items()})

    def refuses(self, pool: Pool, row: Row) -> str:
        """The two edits must be the same."""
        first, second = (edit_of(pool, row.faces[role][0]) for role in ("example_after", "query_after"))
        if first is None or second is None:
            return "an edit is unknown"
        return "" if first.key == second.key else "the edits differ"

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """The edit, as it was made of the example."""
        edit = edit_of(pool, row.faces["example_after"][0])
        return {} if edit is None else told(edit)


@dataclass(frozen=True)
class AgeRowsConfig(Config):
    """Settings of `age_rows`.

    Attributes:
        low: Least target age that is drawn, in years; 20 or more.
        high: Greatest target age.
        made: Only rows whose target was made by a generator.
    """

    low: float = 20.0
    high: float = 70.0
    made: bool = False


class AgeRows(PairKind):
    """A face with its perceived age and a target age, and the face at that age where a generator made one.

    Without a made target the age is drawn evenly between `low` and `high`, as SAM trains; the target stays empty. With
    one the target age is the source's plus the years that the generator was asked for.
    """

    name = "age_rows"
    doc = "A face, its perceived age, a target age, and the face at that age where the generator `ageing` made it."
    source = "Only a Matter of Style (SAM), Alaluf et al. 2021: one photo and a target age"
    roles = (Role("source", "the face"), Role("target", "made from it, older or younger", optional=True))
    needs = (labels.AGE,)
    carries = (labels.AGE, labels.AGE_GROUP)
    relations = (Relation("source", "target", kin=CHILD),)
    adults = True
    aligned = True
    config_type = AgeRowsConfig
    config: AgeRowsConfig
    figures: ClassVar[Mapping[str, str]] = {
        "source_age": "perceived, years",
        "target_age": "wanted, years",
        "delta": "target minus source",
    }

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Only adults' ages are asked for."""
        assert isinstance(config, AgeRowsConfig)
        if not 20 <= config.low < config.high:
            raise UsageError(f"target ages from {config.low:g} to {config.high:g}", "20 <= low < high is possible")

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Made targets first, then every photograph with a drawn age."""
        for before, after, _ in made_faces(pool, ("ageing",), rng):
            yield Row({"source": (before,), "target": (after,)})
        for face in rng.permutation(np.flatnonzero(~pool.synthetic)).tolist():
            years = round(float(rng.uniform(self.config.low, self.config.high)), 1)
            if not self.config.made:
                yield Row({"source": (face,), "target": ()}, {"target_age": years})

    def refuses(self, pool: Pool, row: Row) -> str:
        """The source's age must be known, and the target's wanted age no minor's."""
        ages = self.facts(pool, row)
        if not np.isfinite(ages["source_age"]):
            return "the age is unknown"
        return "" if ages["target_age"] >= self.config.low else f"the target age is below {self.config.low:g}"

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """Ages; `delta` is their difference to the last digit."""
        source = float(pool.numbers(labels.AGE)[row.faces["source"][0]])
        made = row.faces["target"]
        edit = edit_of(pool, made[0]) if made else None
        years = float(edit.parameters.get("years", np.nan)) if edit is not None else np.nan
        target = source + years if made else float(row.notes["target_age"])
        return {"source_age": source, "target_age": target, "delta": target - source}
