"""FEA-20K: one line per face with its action units, its emotion, and text that reasons from one to the other."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan
from curate.export.plain import columns_of, face_record, record_face
from curate.export.questions import ACTIVE
from curate.export.reasoning import check, describe, noun, question
from curate.export.sample import FaceItem, Sample
from curate.export.training import Told, finish_listed, need, read_listed, stored, write_listed
from schemas import Column, DatasetError, Kind, SchemaError, UsageError, taxonomy
from schemas.columns import labels

SUFFIX = ".jsonl"


@dataclass(frozen=True)
class FeaConfig(Config):
    """When a unit is cited, and how words are chosen.

    Attributes:
        least: Intensity from which an action unit is active, 0-5; FACS's A is 1.
        seed: Same seed and face, same words.
    """

    least: float = 1.0
    seed: int = 0


class Fea(Exporter):
    """`<split>.jsonl` with FEA-20K's keys; labels of all other columns, and those two, stand in `meta_info`.

    A unit is active by its intensity where the dataset has intensities, else by its score. Units that cannot be seen
    are not cited, which is not the same as absent. Descriptions that `facecurate describe` had written are taken where
    they agree with the line; else one is composed. A face without emotion or action units has no question and no text
    and stands in `rest/`.
    """

    name = "fea_jsonl"
    doc = "Action units, emotion and a reasoned text that agrees with both, in FEA-20K's lines, as Facial-R1 trains on."
    opened_by = "Facial-R1's training and evaluation: OUT/train.jsonl, pictures below OUT"
    needs_crop = True
    config_type = FeaConfig
    config: FeaConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """An intensity above 5 would cite nothing."""
        assert isinstance(config, FeaConfig)
        if not 0 < config.least <= 5:
            raise UsageError(f"fea_jsonl.least={config.least}", "intensities are above 0 and at most 5")

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Only masks; the rest is in `meta_info`."""
        return {c.name: "JSON holds no bytes" for c in columns if c.kind is Kind.MASK}

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Emotion, action units, and descriptions that `facecurate describe` had written."""
        return (labels.PERCEIVED_EMOTION, labels.AU_INTENSITY, labels.AU_SCORE, labels.REASONED)

    def begin(self, folder: Path, plan: Plan) -> None:
        """Lines name the dataset."""
        self._dataset = plan.name

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their lines are kept until `finish`."""

        def tell(sample: Sample, file: str) -> Told:
            return self._told(sample, file, part.columns)

        return write_listed(folder, part, samples, tell)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One file per split."""
        return finish_listed(folder, parts, SUFFIX)

    def read(self, folder: Path) -> Iterator[Sample]:
        """Line by line; text, units, labels and `meta_info` must agree.

        Raises:
            DatasetError: if `meta_info` has other units or another emotion than the line.
            SchemaError: if the text cites other units or gives another answer.
        """
        for split, complete, record in read_listed(folder, SUFFIX):
            meta = record["meta_info"]
            face = record_face(meta, columns_of(list(meta)))
            if complete:
                check(record["description"], record["AUs"], record["labels"])
                self._agrees(record, face)
            yield stored(folder, record["image"], split, face)

    def _told(self, sample: Sample, file: str, columns: Sequence[Column]) -> Told:
        face = sample.faces[0]
        emotion = need(face, labels.PERCEIVED_EMOTION, "Run: facecurate annotate DATASET -a emotion")
        units = self._units(face)
        chance = random.Random(f"{self.config.seed}:{sample.key}")
        complete = emotion is not None and units is not None
        line = {
            "id": sample.key,
            "dataset": self._dataset,
            "image": file,
            "question": question(chance) if complete else "",
            "AUs": units or [],
            "labels": [] if emotion is None else [noun(emotion)],
            "description": self._description(face, units, emotion, chance) if complete else "",
            "meta_info": face_record(face, columns),
        }
        return Told((line,), complete)

    def _description(self, face: FaceItem, units: list[str] | None, emotion: str | None, chance: random.Random) -> str:
        """The dataset's own description if it agrees with the line, else one that is composed."""
        assert units is not None and emotion is not None
        own = face.labels.get(labels.REASONED.name)
        if own:
            try:
                check(own, units, [noun(emotion)])
            except SchemaError:  # written for other labels, or with another limit
                own = None
        return own or describe(units, emotion, chance)

    def _units(self, face: FaceItem) -> list[str] | None:
        """Active action units in FACS's order; None where none can be judged."""
        if labels.AU_INTENSITY.name in face.labels or labels.AU_SCORE.name not in face.labels:
            run = "Run: facecurate annotate DATASET -a action_units"
            return active_units(need(face, labels.AU_INTENSITY, run), self.config.least)
        return active_units(face.labels[labels.AU_SCORE.name], ACTIVE)

    def _agrees(self, record: Mapping[str, Any], face: FaceItem) -> None:
        """Where the export has the two columns, the line says what they say."""
        known = face.labels.get(labels.PERCEIVED_EMOTION.name)
        units = self._units(face) if face.labels.get(labels.AU_INTENSITY.name) is not None else record["AUs"]
        if units != record["AUs"] or (known is not None and [noun(known)] != record["labels"]):
            raise DatasetError(f"line {record['id']}", "its units or its emotion are not those of its meta_info")


def active_units(values: Mapping[str, float | None] | None, least: float) -> list[str] | None:
    """Units from an intensity or score on, in FACS's order; None where none can be judged."""
    if values is None or all(v is None for v in values.values()):
        return None
    order = taxonomy(labels.AU_INTENSITY.taxonomy).labels
    return [n for n in order if (v := values.get(n)) is not None and v >= least]
