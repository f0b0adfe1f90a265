"""Perceived race, gender and age by a head of our own over SFace's maps, with conformal sets and abstention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Config, Face, FaceAnnotator
from annotators.calibration import Array, Scaling, conformity, prediction_sets
from annotators.crops import Matrix
from annotators.heads import load_head
from annotators.sface import CROP, Features, SFace
from schemas import Column
from schemas.bins import bins
from schemas.columns import faces, labels
from schemas.mapping import mapping
from schemas.taxonomy import taxonomy

if TYPE_CHECKING:
    from annotators.weights import ModelStore

OPEN_ENDED_CENTRE = 75.0
"""Stands for `70+`, which has no upper end."""

EDGE = 7
"""Points per side at which a crop is asked whether it lies in the picture."""


@dataclass(frozen=True)
class Answer:
    """The columns of one attribute.

    Attributes:
        name: Its name in the head's file.
        label: The label; null where the head abstains.
        chances: Its probabilities, always written.
        abstained: Whether the head abstains.
        members: The conformal set.
    """

    name: str
    label: Column
    chances: Column
    abstained: Column
    members: Column

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of the head's outputs."""
        return taxonomy(self.label.taxonomy).labels


GENDER = Answer("gender", labels.GENDER, labels.GENDER_PROB, labels.GENDER_ABSTAINED, labels.GENDER_SET)
AGE = Answer("age", labels.AGE_GROUP, labels.AGE_PROB, labels.AGE_GROUP_ABSTAINED, labels.AGE_GROUP_SET)
RACE = Answer("race", labels.RACE, labels.RACE_PROB, labels.RACE_ABSTAINED, labels.RACE_SET)
RACE4 = Answer("race4", labels.RACE4, labels.RACE4_PROB, labels.RACE4_ABSTAINED, labels.RACE4_SET)
ANSWERS = (RACE, RACE4, GENDER, AGE)
NETWORK_ORDER = (GENDER, AGE, RACE)
"""Order of the attributes among the network's outputs."""


@dataclass(frozen=True)
class Rule:
    """What was fitted for one attribute after the network, on faces that it had not seen.

    Attributes:
        scaling: Logits to calibrated probabilities.
        threshold: Least probability to answer.
        quantiles: Conformal thresholds by class of the attribute (race), or by most probable race (gender, age).
    """

    scaling: Scaling
    threshold: float
    quantiles: Mapping[str, float]

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Rule:
        """The rule that a table of the head's file describes."""
        scaling = Scaling(float(table["temperature"]), tuple(float(b) for b in table.get("bias", ())))
        return cls(scaling, float(table["threshold"]), {k: float(v) for k, v in table["quantiles"].items()})


@dataclass(frozen=True)
class DemographicsConfig(Config):
    """When the head may answer.

    The limits of the crop come from 300 training faces that the head was not fitted on, made worse: gender was right
    in .92, with the eyes 12 pixels apart in .87, 8 pixels in .81, 4 pixels in .64; with 40 % of the crop blacked out
    in .87-.88, with half of it in .83-.86.

    Attributes:
        abstain: Leave the label null where the head is unsure. If not, the most probable label is written; the
            flags still say where it was unsure.
        least_inside: Share of the crop that must lie in the picture for the crop to be trusted.
        least_eyes: Distance of the eyes in pixels of the picture for the crop to be trusted.
    """

    abstain: bool = True
    least_inside: float = 0.6
    least_eyes: float = 10.0


@cache
def age_centres() -> tuple[Array, Array]:
    """Middle of each age bin and standard deviation of an even spread within it, in years; shape (9,) each."""
    of_age = bins("age-fairface")
    spans = np.array([of_age.interval(name) for name in AGE.classes])
    spans[-1] = OPEN_ENDED_CENTRE - 5, OPEN_ENDED_CENTRE + 5
    return spans.mean(1), (spans[:, 1] - spans[:, 0]) / np.sqrt(12)


def four_groups(seven: Array) -> tuple[Array, float]:
    """Probabilities of the four groups if the face belongs to one, shape (4,), and the chance that it belongs to none.

    Latino_Hispanic and Middle Eastern have no place among the four groups (`schemas/data/maps_faces.toml`).

    Args:
        seven: Probabilities of the seven groups, shape (7,).
    """
    merged = seven @ _merging()
    return merged[:-1] / max(merged[:-1].sum(), np.finfo(float).tiny), float(merged[-1])


@cache
def _merging() -> Array:
    """Which of the four groups, or none (last), each of the seven goes to; shape (7, 5), ones and zeros."""
    way = mapping(RACE.label.taxonomy, RACE4.label.taxonomy)
    targets = [way.map_label(name) for name in RACE.classes]
    places = [len(RACE4.classes) if t is None else RACE4.classes.index(t) for t in targets]
    return np.eye(len(RACE4.classes) + 1)[places]


@cache
def _spread_points(size: int) -> Array:
    """Evenly spread points of a crop, shape (2, n)."""
    side = (np.arange(EDGE) + 0.5) * size / EDGE
    return np.stack(np.meshgrid(side, side)).reshape(2, -1)


def inside_share(matrix: Matrix, size: int, width: int, height: int) -> float:
    """Share of a crop that lies in the picture, of evenly spread points.

    Args:
        matrix: 2 x 3 map from picture to crop points.
        size: Side of the crop.
        width: Of the picture.
        height: Of the picture.
    """
    x, y = np.linalg.solve(matrix[:, :2], _spread_points(size) - matrix[:, 2:])
    return float(((x >= 0) & (x <= width) & (y >= 0) & (y <= height)).mean())


class Demographics(FaceAnnotator):
    """One network over SFace's inner maps for race, gender and age; four race groups follow from the seven.

    The label is null, and its flag set, where its probability is under the attribute's threshold, where the second
    detector doubts the face, or where the crop is tiny or cut off. Probabilities and sets are written all the same.
    """

    name = "demographics"
    version = "1"
    doc = "Perceived race (7 and 4 groups), gender and age with calibrated probabilities, 90 % sets and abstention."
    requires = (labels.FACE_DOUBTFUL,)
    provides = (
        labels.AGE,
        labels.AGE_SD,
        *(c for a in ANSWERS for c in (a.label, a.chances, a.abstained, a.members)),
    )
    crops = (CROP,)
    weights = ("sface",)
    config_type = DemographicsConfig
    config: DemographicsConfig

    def setup(self, models: ModelStore) -> None:
        self._sface = models.shared(SFace)
        self._head = load_head(self.name)
        self._rules = {a.name: Rule.of(self._head.facts[a.name]) for a in ANSWERS}

    def label(self, face: Face) -> Mapping[Column, Any]:
        chances = self.probabilities(face.once(self._sface))
        doubtful = self._doubtful(face)
        groupless = four_groups(chances[RACE.name])[1] > 0.5
        group = RACE.classes[int(chances[RACE.name].argmax())]
        values: dict[Column, Any] = {}
        for answer in ANSWERS:
            p, rule = chances[answer.name], self._rules[answer.name]
            best = int(p.argmax())
            unsure = bool(p[best] < rule.threshold) or doubtful or (answer is RACE4 and groupless)
            values[answer.label] = None if unsure and self.config.abstain else answer.classes[best]
            values[answer.abstained] = unsure
            values[answer.chances] = dict(zip(answer.classes, p.tolist(), strict=True))
            values[answer.members] = self._members(answer, p, group)
        centres, spreads = age_centres()
        ages = chances[AGE.name]
        values[labels.AGE] = mean = float(ages @ centres)
        values[labels.AGE_SD] = float(np.sqrt(ages @ ((centres - mean) ** 2 + spreads**2)))
        return values

    def probabilities(self, features: Features) -> dict[str, Array]:
        """Calibrated probabilities by attribute."""
        logits = self.logits(features)
        cuts = np.cumsum([len(a.classes) for a in NETWORK_ORDER])[:-1]
        parts = zip(NETWORK_ORDER, np.split(logits, cuts), strict=True)
        chances = {a.name: self._rules[a.name].scaling(part) for a, part in parts}
        return {**chances, RACE4.name: four_groups(chances[RACE.name])[0]}

    def logits(self, features: Features) -> Array:
        """The network's outputs, shape (18,): gender, age, race."""
        pooled = np.concatenate([features.texture, features.pooled])
        return np.asarray(self._head.network(features.trunk[None], pooled[None])[0][0], np.float64)

    def _members(self, answer: Answer, p: Array, group: str) -> list[str]:
        quantiles = self._rules[answer.name].quantiles
        by_class = all(name in quantiles for name in answer.classes)
        limits = [quantiles[name if by_class else group] for name in answer.classes]
        inside = prediction_sets(conformity(p[None]), limits)[0].tolist()
        return [name for name, kept in zip(answer.classes, inside, strict=True) if kept]

    def _doubtful(self, face: Face) -> bool:
        """Whether the crop may show no face, a tiny one, or too little of one."""
        height, width = face.image.shape[:2]
        right_eye, left_eye = np.asarray(face[faces.POINTS_5], np.float64)[:2]
        tiny = bool(np.linalg.norm(left_eye - right_eye) < self.config.least_eyes)
        cut_off = inside_share(face.crop(CROP).matrix, CROP.size, width, height) < self.config.least_inside
        return bool(face[labels.FACE_DOUBTFUL]) or tiny or cut_off
